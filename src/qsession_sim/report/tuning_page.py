"""The page of a search: the best settings, what they gain on new workloads, and the trade-off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.experiment.metrics import metric_bounds, metric_unit
from qsession_sim.report.charts import Mark, scatter
from qsession_sim.report.html import Markup, Report, element, joined, named, script_of, sign
from qsession_sim.report.html import table as html_table
from qsession_sim.report.rows import Change, Column, Measure, Table, counted, scale_of, words
from qsession_sim.report.sections import Part, big, card, page_of, part
from qsession_sim.report.text import Page, one_line, written
from qsession_sim.report.tuning_view import TuningView, tuning_view_of

if TYPE_CHECKING:
    from qsession_sim.experiment.shown import ShownTuning

_MOST_ROWS: Final = 100
_TEXT: Final = Page()


def tuning_report(tuning: ShownTuning) -> Report:
    """The page of a search, which is the same for a search and for one that was read back from disk.

    Raises:
        StudyError: if its files are damaged.
    """
    view = tuning_view_of(tuning)
    document = view.document
    title = (
        f"The best {' and '.join(path.rpartition('.')[2] for path in view.paths)} of {document['scenario']}"
    )
    head = element("header", element("h1", named(title)), *_question(view))
    return page_of(title, head, _cards(view), _sections(view), script_of("report.js"))


def _question(view: TuningView) -> Iterator[Markup]:
    document = view.document
    direction = "smallest" if document["objective"]["direction"] == "minimise" else "largest"
    bounds = "".join(f", such that {one['text']}" for one in document["constraints"])
    paths = " and ".join(view.paths)
    yield element("p", named(f"{paths} for the {direction} {document['objective']['metric']}{bounds}"))
    tried, workloads = counted(len(view.rows), "candidate"), counted(document["replications"], "workload")
    where = f"each on the same {workloads} (seed {document['seed']})" if document["drawn"] else "each once"
    yield element("p", f"{tried}, {where}.")


def _cards(view: TuningView) -> Iterator[Markup]:
    document = view.document
    best, objective = document["best"], document["objective"]["metric"]
    if best is None:
        text = element("p", "Nothing that was tried keeps the constraints.", class_="warn")
        yield card("Best", big("nothing"), text)
        return
    values = ", ".join(setting.partition("=")[2] for setting in best["settings"])
    edges = [
        element(
            "p", named(setting), " is at an end of its range: a better value may lie beyond.", class_="warn"
        )
        for setting in document["at_edges"]
    ]
    of = element("p", "is the best of ", element("b", named(" and ".join(view.paths))), ".")
    yield card("Best", big(values), of, *edges)
    for metric in [
        objective,
        *(one["metric"] for one in document["constraints"] if one["metric"] != objective),
    ]:
        row = document["confirmation"]["metrics"].get(metric)
        if row is not None:
            yield card(named(metric), *_confirmed(metric, row, document["drawn"]))


def _confirmed(metric: str, row: Mapping[str, Any], drawn: bool) -> Iterator[Markup]:  # noqa: FBT001
    before, after = (_mean(metric, row, end) for end in ("baseline", "best"))
    yield big(written(after, _TEXT))
    seen = "on workloads that the search did not see" if drawn else "exactly, for this workload"
    yield element("p", f"{seen}; {written(before, _TEXT)} as it stands.")
    kept = {None: "", True: " The bound is kept.", False: " The bound is missed."}[row["keeps_constraints"]]
    yield element("p", f"Difference: {written(_difference(metric, row), _TEXT)}.{kept}", class_="sub")


def _mean(metric: str, row: Mapping[str, Any], end: str) -> Measure:
    scale = scale_of(metric_unit(metric), [row[one]["mean"] for one in ("baseline", "best")])
    return Measure(row[end]["mean"], None, scale)


def _difference(metric: str, row: Mapping[str, Any]) -> Measure:
    scale, found = _mean(metric, row, "best").scale, row["difference"]
    half_width = None if found["low"] is None else (found["high"] - found["low"]) / 2  # None: both are exact
    low, high = metric_bounds(metric)
    return Measure(found["mean"], half_width, scale, difference=True, bounds=(low - high, high - low))


def _sections(view: TuningView) -> Iterator[Part]:
    document = view.document
    if document["best"] is not None:
        yield part("confirmation", "On new workloads", *_confirmation(view))
    yield part("trade-off", "What was tried", *_trade_off(view))
    commands = document["confirmation"]["commands"]
    if commands:
        yield part("repeat", "How to repeat it", *_commands(commands))
    yield part("method", "How it was made", element("p", document["method"]))


def _confirmation(view: TuningView) -> Iterator[Markup]:
    document = view.document
    found = document["confirmation"]["metrics"]
    if document["drawn"]:
        text = f"{counted(document['replications'], 'workload')} that the search did not see"
        yield element(
            "p", f"{text} (seed {document['confirmation']['seed']}), differences by pairs.", class_="lead"
        )
    columns = [
        Column("as it stands", tuple(_mean(metric, row, "baseline") for metric, row in found.items())),
        Column("best", tuple(_mean(metric, row, "best") for metric, row in found.items())),
        Column("difference", tuple(_difference(metric, row) for metric, row in found.items())),
        Column("change", tuple(map(_change, found.values()))),
    ]
    if document["constraints"]:
        kept = {None: "", True: "kept", False: "missed"}
        columns.append(words("bound", (kept[row["keeps_constraints"]] for row in found.values())))
    labels = Column("metric", tuple(named(metric) for metric in found), words=True)
    yield html_table(Table(labels, tuple(columns)), "The best settings on new workloads")


def _change(row: Mapping[str, Any]) -> Change:
    low, high = row["change_low"], row["change_high"]
    return Change(row["change"], None if low is None or low == high else (low, high))


def _trade_off(view: TuningView) -> Iterator[Markup]:
    shown = view.trade_off()
    across, up = (
        f"{name} [{unit}]" if unit else name
        for name, unit in ((shown.across, shown.across_unit), (shown.up, shown.up_unit))
    )
    if shown.tried:
        marks = []
        for one in shown.tried:
            kind = (
                "base" if one.best else "missed" if not one.feasible else "told" if one.on_front else "untold"
            )
            text = f"{one.settings}: {one.right:.4g} {shown.across_unit}, {one.up:.4g} {shown.up_unit}"
            marks.append(Mark(one_line(text), one.right, one.up, kind=kind))
        front = sorted(
            (mark for mark, one in zip(marks, shown.tried, strict=True) if one.on_front), key=attrgetter("x")
        )
        labels = one_line(across), one_line(up)
        chart = scatter(marks, *labels, front, zero=False, bound=shown.bound, logarithmic=shown.logarithmic)
        yield element("ul", *_key(view), class_="key")
        yield element("div", chart, class_="charts")
    rows = sorted(view.rows, key=lambda row: (not row["best"], not row["on_front"], not row["feasible"]))
    made = _table(view, rows[:_MOST_ROWS])
    more = len(rows) - _MOST_ROWS
    note = element("p", f"{more:,} more are in evaluations.parquet.", class_="note") if more > 0 else ""
    yield element("details", element("summary", f"All that was tried ({len(rows):,})"), made, note)


def _key(view: TuningView) -> Iterator[Markup]:
    kinds = {
        "base": "the best",
        "told": "on the trade-off",
        "untold": "tried",
        "missed": "misses a constraint",
    }
    for kind, text in kinds.items():
        if kind != "missed" or view.document["constraints"]:
            drawn = element("g", element("circle", cx=6, cy=6, r=4), class_=kind)
            yield element("li", sign(drawn), text)


def _table(view: TuningView, rows: Sequence[Mapping[str, Any]]) -> Markup:
    labels = Column("settings", tuple(named(row["settings"]) for row in rows), words=True)
    columns = [
        Column(metric, tuple(Measure(row[metric], None, view.scale(metric)) for row in rows))
        for metric in view.metrics
    ]
    marks = (
        "best" if row["best"] else "misses" if not row["feasible"] else "trade-off" if row["on_front"] else ""
        for row in rows
    )
    return html_table(Table(labels, (*columns, words("verdict", marks))), "What was tried")


def _commands(commands: Mapping[str, str]) -> Iterator[Markup]:
    for name, command in commands.items():
        what = "the scenario as it stands" if name == "baseline" else "the best settings"
        yield joined(
            [
                element("p", f"The means of {what} on the new workloads:"),
                element("pre", element("code", command)),
            ]
        )
