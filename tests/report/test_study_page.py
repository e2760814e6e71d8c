"""Pages of studies and searches: their numbers are those of the tables, and names stay names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import polars as pl
import pytest

import qsession_sim as qs
from qsession_sim.errors import StudyError, WorkloadFileError
from qsession_sim.report import charts
from qsession_sim.report.study_view import view_of

SOURCE = {
    "kind": "arrivals",
    "name": "everyday",
    "account": "lab",
    "count": 30,
    "interarrival": {"kind": "exponential", "mean": "10s"},
    "qpu_time": {"kind": "exponential", "mean": "9s"},
}
SCENARIO = {"seed": 7, "workload": [SOURCE]}
METRICS = ["mean_waiting", "p95_waiting", "utilization", "all.submitted"]
HOSTILE = "</script><b>\u202e" + "\N{CJK UNIFIED IDEOGRAPH-91CF}" * 200 + "\n\"'&"


class Reader(HTMLParser):
    """What a page has: texts, tables as lists of rows, elements that were opened and closed, attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[tuple[str, str | None]]]] = []
        self.captions: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []
        self._cell: list[str] | None = None
        self._value: str | None = None

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *one) for one in attrs]

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.attributes += [(tag, *one) for one in attrs]
        if tag != "meta":
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"td", "th", "caption"}:
            self._cell, self._value = [], given.get("data-value")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in {"td", "th"}:
            self.tables[-1][-1].append(("".join(self._cell), self._value))
        if tag == "caption":
            self.captions.append("".join(self._cell))

    def handle_data(self, data):
        self.text.append(data)
        if self._cell is not None:
            self._cell.append(data)


def read(report) -> Reader:
    page = Reader()
    page.feed(report.html)
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def compared() -> qs.Study:
    return qs.compare(SCENARIO, ["fifo", "lifo", "shortest_job_first"], replications=6, metrics=METRICS)


@pytest.fixture(scope="module")
def swept() -> qs.Study:
    vary = ["workload.everyday.count=5,20", "policies.queue=fifo,lifo"]
    first = "workload.everyday.count=5 policies.queue=fifo"
    return qs.sweep(SCENARIO, vary, baseline=first, replications=3, metrics=METRICS[:2])


@pytest.fixture(scope="module")
def tuned() -> qs.Tuning:
    return qs.tune(
        SCENARIO,
        ["workload.everyday.count=2..20"],
        maximise="utilization",
        subject_to=["mean_waiting <= 20s"],
        replications=2,
        evaluations=28,
    )


def test_numbers_of_the_page_are_those_of_the_table(compared):
    """Cells carry their values in full: the means, differences and changes of every configuration and metric."""
    page, rows = read(compared.report()), compared.table().to_dicts()
    for metric in METRICS:
        table = page.tables[page.captions.index(f"{metric} of each configuration")]
        heading = [text for text, _ in table[0]]
        assert heading[:4] == ["policy", "mean", "difference", "change"]
        shown = {row[0][0]: [value for _, value in row[1:4]] for row in table[1:]}
        wanted = {
            row["configuration"]: [
                None if row[name] is None else str(row[name])
                for name in ("mean", "difference", "relative_change")
            ]
            for row in rows
            if row["metric"] == metric
        }
        assert shown == wanted


def test_verdicts_are_words(compared):
    """What is significant is better or worse where that can be said, and higher or lower elsewhere."""
    view, page = view_of(compared), read(compared.report())
    for metric in METRICS:
        table = page.tables[page.captions.index(f"{metric} of each configuration")]
        assert {row[0][0]: row[-1][0] for row in table[1:]} == {
            name: view.verdict(name, metric) for name in view.names
        }
    rows = {(row["configuration"], row["metric"]): row for row in compared.table().to_dicts()}
    for (name, metric), row in rows.items():
        if name == "fifo":
            wanted = "baseline"
        elif row["difference"] == row["difference_low"] == 0:
            wanted = "the same"  # in every replication
        elif not row["significant"]:
            wanted = "cannot tell"
        elif metric == "utilization":
            wanted = "better" if row["difference"] > 0 else "worse"
        else:
            wanted = "worse" if row["difference"] > 0 else "better"
        assert view.verdict(name, metric) == wanted


def test_a_difference_that_is_exact_needs_no_test():
    """fifo lets the last of three jobs wait 6 s, lifo 5 s; both are busy all the time."""
    jobs = [
        {"id": name, "at": at, "account": "lab", "qpu_time": time}
        for name, at, time in (("long", "0s", "5s"), ("b", "1s", "3s"), ("c", "2s", "1s"))
    ]
    scenario = {"workload": [{"kind": "explicit", "jobs": jobs}]}
    metrics = ["max_waiting", "utilization", "all.submitted"]
    view = view_of(qs.compare(scenario, ["fifo", "lifo"], replications=2, metrics=metrics))
    assert [view.verdict("lifo", metric) for metric in metrics] == ["better", "the same", "the same"]


def cards(study) -> list[str]:
    """The texts of the cards, by metric."""
    sections = re.findall(r"<section><h2>(.*?)</section>", study.report().html)
    return [re.sub(r"<[^>]*>", " ", one).split() for one in sections]


def test_cards_name_the_best_and_the_one_that_differs_most():
    """fifo runs 5, 3 and 1 s: jobs wait 0, 4 and 6 s. lifo lets the last go first: 0, 5 and 3 s.

    Of the number of jobs more is neither better nor worse.
    """
    jobs = [
        {"id": name, "at": at, "account": "lab", "qpu_time": time}
        for name, at, time in (("long", "0s", "5s"), ("b", "1s", "3s"), ("c", "2s", "1s"))
    ]
    scenario = {"workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]}
    (card,) = cards(qs.compare(scenario, ["fifo", "lifo"], replications=2, metrics=["max_waiting"]))
    assert " ".join(card) == (
        "max_waiting -16.7 % lifo is the best: 5 s; with fifo 6 s. Of 1 other: 1 better."
    )
    at_0 = qs.Configuration("early", overrides=("workload.all.jobs.b.at=0s",))
    study = qs.compare(scenario, [qs.Configuration("as is"), at_0], replications=2, metrics=["all.submitted"])
    assert " ".join(cards(study)[0]) == (
        "all.submitted no difference None of the others is told apart from as is . Of 1 other: 1 the same."
    )
    (card,) = cards(qs.sweep(scenario, ["workload.all.jobs.c.qpu_time=1s,9s"], metrics=["mean_turnaround"]))
    # turnarounds of 5, 7 and 7 s, or of 5, 7 and 15 s
    assert " ".join(card) == (
        "mean_turnaround 6.333 s is the best mean, with 1s . At the other end 9s : 9 s."
    )


def test_links_lead_to_sections_and_ids_are_there_once(compared, swept, tuned):
    for shown in (compared, swept, tuned):
        page = read(shown.report())
        assert len(set(page.ids)) == len(page.ids)
        assert page.links
        assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_a_page_asks_nothing_of_anybody(compared, swept, tuned):
    for shown in (compared, swept, tuned):
        html = shown.report().html
        page = read(shown.report())
        assert "default-src 'none'" in html
        for tag, name, value in page.attributes:
            assert name != "style"
            assert not name.startswith("on")
            assert name != "src"
            if name == "href":
                assert value.startswith("#")
            assert "url(" not in (value or ""), tag


def test_pictures_are_named_for_those_who_cannot_see_them(compared, swept, tuned):
    for shown in (compared, swept, tuned):
        html = shown.report().html
        for attributes in re.findall(r"<svg([^>]*)>", html):
            assert (
                'aria-label="' in attributes or 'aria-hidden="true"' in attributes or "viewBox" in attributes
            )
        for attributes in re.findall(r'<svg([^>]*role="img"[^>]*)>', html):
            assert re.search(r'aria-label="[^"]+"', attributes)


def test_each_replication_is_a_tick_that_names_its_seed(compared):
    """So that a run that is unlike the others is seen, and found in the list of runs with its command."""
    html = compared.report().html
    runs = {(row["configuration"], row["seed"]): row["mean_waiting"] for row in compared.runs().to_dicts()}
    for (name, seed), value in runs.items():
        if name != "fifo":
            difference = (value - runs["fifo", seed]) / view_of(compared).scale("mean_waiting").divisor
            assert f"<title>seed {seed}: {difference:+.4g} s</title>" in html


def test_heat_maps_have_the_differences(swept):
    page, view = read(swept.report()), view_of(swept)
    heat, scale = view.heat("mean_waiting"), view.scale("mean_waiting")
    caption = next(
        one for one in page.captions if one.startswith("mean_waiting: difference") and " over " in one
    )
    table = page.tables[page.captions.index(caption)]
    assert [text for text, _ in table[0][1:]] == ["5", "20"]
    assert [row[0][0] for row in table[1:]] == ["fifo", "lifo"]
    wanted = [
        ["0" if point.name == view.baseline else f"{point.value / scale.divisor:.3g}" for point in points]
        for points in heat.points
    ]
    assert [[text for text, _ in row[1:]] for row in table[1:]] == wanted


def test_every_run_has_its_command(tmp_path):
    (file := tmp_path / "a.yaml").write_text(json.dumps(SCENARIO))
    study = qs.compare(file, ["fifo", "lifo"], replications=2, metrics=["mean_waiting"])
    page = read(study.report())
    table = page.tables[page.captions.index("Runs")]
    assert [row[-1][0] for row in table[1:]] == study.runs()["command"].to_list()
    assert [row[2][0] for row in table[1:]] == [str(seed) for seed in study.runs()["seed"].to_list()]
    assert study.table()["command"][0] in "".join(page.text)
    alone = qs.sweep(file, ["workload.everyday.count=5,9"], replications=2, metrics=["mean_waiting"])
    page = read(alone.report())
    table = page.tables[page.captions.index("Commands of rows")]
    assert [row[-1][0] for row in table[1:]] == alone.table()["command"].to_list()


def test_a_study_that_was_read_back_has_the_same_page(compared, swept, tuned, tmp_path):
    for name, shown in (("a", compared), ("b", swept), ("c", tuned)):
        back = qs.load(shown.save(tmp_path / name))
        assert back.report().html == shown.report().html


def test_a_page_is_saved_and_replaced_but_nothing_else_is(compared, swept, tmp_path):
    place = tmp_path / "study.html"
    for shown in (swept, compared):
        page = shown.report(place)
        assert place.read_text(encoding="utf-8") == page.html
    (other := tmp_path / "other.html").write_text("mine")
    with pytest.raises(WorkloadFileError, match="is there already, and is no report"):
        compared.report(other)
    assert other.read_text() == "mine"


def test_hostile_names_are_shown_literally(tmp_path):
    """Of scenarios, configurations and accounts in metrics."""
    jobs = [{"id": "a", "at": "0s", "account": "<img src=x>", "qpu_time": "1s"}]
    file = tmp_path / "<script>alert(1).yaml"
    file.write_text(json.dumps({"workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]}))
    metric = "by_account.<img src=x>.mean_waiting"
    names = [HOSTILE, "fifo"]
    policies = [
        qs.Configuration(name, policy=policy) for name, policy in zip(names, ("fifo", "lifo"), strict=True)
    ]
    report = qs.compare(file, policies, replications=2, metrics=[metric]).report()
    page, text = read(report), "".join(read(report).text)
    assert "<img" not in report.html
    assert "<img src=x>" in text
    assert "</script><b>\\u202e" in text
    assert report.html.count("<script>") == 1
    assert all("\u202e" not in part for part in page.text)
    swept = qs.sweep(
        file, ["workload.all.jobs.a.qpu_time=1s,2s"], replications=2, metrics=[metric, "utilization"]
    )
    assert "<img" not in swept.report().html


def test_files_that_were_changed_are_told(compared, tuned, tmp_path):
    study, search = compared.save(tmp_path / "study"), tuned.save(tmp_path / "search")
    for place, file, name in (
        (study, "table", "drawn"),
        (study, "runs", "seed"),
        (search, "evaluations", "best"),
    ):
        path = place / f"{file}.parquet"
        whole = path.read_bytes()
        pl.read_parquet(path).drop(name).write_parquet(path)
        with pytest.raises(StudyError) as raised:
            qs.load(place).report()
        assert str(raised.value) == f"the study is damaged: its {file}.parquet has no '{name}'; save it again"
        path.write_bytes(whole)
    for place, file, name in ((study, "study.json", "method"), (search, "tuning.json", "drawn")):
        document = json.loads((place / file).read_text(encoding="utf-8"))
        del document[name]
        (place / file).write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(StudyError, match=f"its {file} has no '{name}'"):
            qs.load(place).report()


def test_odd_studies_have_pages():
    """Metrics that exist nowhere, one configuration, batches of one long run, and one replication."""
    for study in (
        qs.compare(SCENARIO, ["fifo", "lifo"], replications=3, metrics=["p95_makespan", "mean_waiting"]),
        qs.replicate(SCENARIO, replications=4, metrics=["p95_makespan"]),
        qs.replicate(SCENARIO, replications=1, metrics=METRICS),
        qs.replicate(SCENARIO, batches=3, metrics=["mean_waiting"]),
        qs.compare(SCENARIO, ["fifo", "lifo"], replications=1, metrics=METRICS),
        qs.sweep(
            SCENARIO, ["workload.everyday.count=1,9"], replications=2, metrics=["mean_waiting", "utilization"]
        ),
        qs.sweep(
            SCENARIO,
            ["workload.everyday.count=3..30"],
            sampling="random",
            points=4,
            policies=["fifo", "lifo"],
            replications=2,
            metrics=METRICS,
        ),
    ):
        assert read(study.report()).links


def test_a_search_without_result_says_so():
    tuning = qs.tune(
        SCENARIO,
        ["workload.everyday.count=2..20"],
        maximise="utilization",
        subject_to=["utilization >= 2"],
        replications=2,
        evaluations=28,
    )
    assert "Nothing that was tried keeps the constraints." in "".join(read(tuning.report()).text)


def test_a_search_shows_its_best_and_what_was_tried(tuned):
    page = read(tuned.report())
    text = "".join(page.text)
    assert tuned.best.settings[0].partition("=")[2] in text
    table = page.tables[page.captions.index("The best settings on new workloads")]
    found = {row[0][0]: [value for _, value in row[1:4]] for row in table[1:]}
    wanted = {
        one.metric: [str(one.before.mean), str(one.after.mean), str(one.after.difference)]
        for one in tuned.confirmation
    }
    assert found == wanted
    tried = page.tables[page.captions.index("What was tried")]
    assert sorted(row[0][0] for row in tried[1:]) == sorted(tuned.table()["settings"].to_list())


def test_pages_are_small(compared, swept, tuned):
    """Without the runs, of which at most 200 are shown, a page of some configurations is no larger than a run's."""
    assert max(len(shown.report().html.encode()) for shown in (compared, swept, tuned)) < 100_000
    many = qs.sweep(
        SCENARIO, {"workload.everyday.count": [*range(1, 161)]}, replications=2, metrics=["mean_waiting"]
    )
    page = read(many.report())
    assert len(page.tables[page.captions.index("mean_waiting of each configuration")]) == 1 + 100
    assert "60 more are in table.parquet." in "".join(page.text)
    assert "120 more are in runs.parquet." in "".join(page.text)
    assert len(many.report().html.encode()) < 250_000


def test_round_values_are_few_and_inside():
    for low, high in ((-3.0, 11.0), (0.0, 1.0), (0.12, 0.13), (-5e9, 7e12), (1e-9, 2e-9), (3.0, 3.5)):
        for most in (2, 3, 5, 8):
            values = charts.round_values(low, high, most)
            assert len(values) <= most
            assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in values)
        assert len(charts.round_values(low, high, 5)) >= 2


def test_an_axis_of_one_value_has_room_around_it():
    for value in (0.0, 7.0, -2e6):
        axis = charts.axis_over([value], 10.0, 110.0)
        assert axis.place(value) == 60.0
