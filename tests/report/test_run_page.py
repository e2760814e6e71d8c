"""The page of a run without a browser: what it brings along is what the tables say, and it asks nobody."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from random_examples import examples
from report.pages import CLOSING, HOSTILE, ODD, SCENARIOS, brought, explicit, job, odd, shipped
from report.test_html import Parsed

import qsession_sim as qs
from qsession_sim.errors import BundleError
from qsession_sim.report.embedded import embedded
from qsession_sim.report.html import script_of
from qsession_sim.report.still import still_picture
from qsession_sim.report.timeline import GLYPHS, KINDS, MARKS, timeline_of, unit_of
from qsession_sim.testing.strategies import scenarios

SECOND = 1_000_000


def rows(columns, *names):
    return list(zip(*(np.asarray(columns[name]).tolist() for name in names), strict=True))


def check_against_tables(run):
    """Every column of the page, read back, is the tables in ticks of the page."""
    page = run.report().html
    if run.end_us == 0:
        assert 'id="columns"' not in page
        return
    found, unit_us = brought(page), unit_of(run.end_us)
    assert (found.names["unit"], found.names["end"], found.names["cell"]) == (
        unit_us,
        run.end_us // unit_us,
        0,
    )
    mode = dict(run.sessions.select("session", "mode").iter_rows())
    names = list(run.sessions["session"])
    qpus = [name for name, _, _ in found.names["qpus"]]
    intervals = [
        (
            qpus.index(qpu),
            start // unit_us,
            end // unit_us - start // unit_us,
            (mode[session] if session else "job_mode") if kind == "busy" else kind,
            names.index(session) if session else -1,
            job,
        )
        for qpu, start, end, kind, job, session in run.intervals.iter_rows()
    ]
    segments = rows(found.segments, "qpu", "start", "duration", "kind", "session")
    assert intervals == [
        (*one[:3], KINDS[one[3]], one[4], job) for one, job in zip(segments, found.jobs, strict=True)
    ]
    lengths = {}
    for qpu, time, queued in run.queue_length.iter_rows():
        lengths[qpus.index(qpu), time // unit_us] = queued
    changes, last = [], defaultdict(int)
    for (qpu, time), queued in lengths.items():
        if queued != last[qpu]:
            changes.append((qpu, time, queued))
        last[qpu] = queued
    kept, last = [], defaultdict(int)
    for qpu, time, queued in found.queue:
        if queued != last[qpu]:
            kept.append((qpu, time, queued))
        last[qpu] = queued
    assert kept == changes
    check_sessions(run, found, unit_us, qpus)


def check_sessions(run, found, unit_us, qpus):
    names, end = list(run.sessions["session"]), run.end_us // unit_us
    assert [name for name, _ in found.names["sessions"]] == names
    assert rows(found.sessions, "mode", "qpu", "created", "closed") == [
        (
            {"session": 1, "batch": 2}[one["mode"]],
            -1 if one["qpu"] is None else qpus.index(one["qpu"]),
            one["created_us"] // unit_us,
            end if one["closed_us"] is None else one["closed_us"] // unit_us,
        )
        for one in run.sessions.iter_rows(named=True)
    ]
    jobs = run.jobs.filter(run.jobs["session"].is_not_null() & (run.jobs["status"].cast(str) != "REJECTED"))
    stretches = defaultdict(list)
    for one in jobs.iter_rows(named=True):
        until = one["started_us"] if one["started_us"] is not None else one["completed_us"]
        until = end if until is None else until // unit_us
        if until > one["submitted_us"] // unit_us:
            stretches[names.index(one["session"])].append((one["submitted_us"] // unit_us, until))
    expected = [
        (session, *one) for session in sorted(stretches) for one in merged(sorted(stretches[session]))
    ]
    assert [
        (s, start, start + d) for s, start, d in rows(found.waits, "session", "start", "duration")
    ] == expected
    words = list(GLYPHS)
    assert rows(found.marks, "session", "time", "word") == [
        (names.index(session), time // unit_us, words.index(MARKS[event]))
        for time, session, before, event, _, _ in run.transitions.iter_rows()
        if event in MARKS and before != "closed"
    ]


def merged(stretches):
    """Stretches in order that touch are one."""
    out = []
    for start, end in stretches:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


@pytest.mark.parametrize("name", ODD)
def test_odd_runs_bring_along_what_their_tables_say(name):
    check_against_tables(odd(name))


@pytest.mark.parametrize("name", ["quickstart", "max_timeout", "close_versus_cancel", "idle_session"])
def test_shipped_scenarios_bring_along_what_their_tables_say(name):
    check_against_tables(shipped(name))


@settings(
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=examples(60),
    suppress_health_check=list(HealthCheck),
)
@given(scenarios())
def test_random_runs_bring_along_what_their_tables_say(scenario):
    check_against_tables(qs.simulate(scenario))


def test_a_page_that_was_worked_out_by_hand():
    """s runs j1 from 1 to 11 and holds the QPU until its ITTL, 41. j2 waits from 4, and runs from 41 to 61; at 46
    max_time ends s, 45 s after its first start. So 37 s of waiting are 7 s of session and 30 s of held time; the
    session is charged 40 s for 10 s of jobs."""
    sessions = [{"id": "s", "account": "a", "interactive_timeout": "30s", "max_time": "45s"}]
    run = explicit([job("j1", "1s", session="s"), job("j2", "4s", "20s")], sessions, title="By hand")
    page = run.report()
    text = re.sub(r"\s+", " ", Parsed(page.html).text)
    assert page.title == "By hand"
    assert "2 jobs and 1 session in 1m 1s on qpu; queue fifo, hold exclusive, seed 0" in text
    assert (
        "Why?81 %of all waiting passed while a session held the idle QPU; 19 % while jobs of sessions ran."
        in text
    )
    assert (
        "What do sessions cost?4.00 sare charged for each second that a job of a session runs: 40 s in all"
        in text
    )
    assert "Others waited 30 s, summed over jobs, while sessions held the idle QPU." in text
    found = brought(page.html)
    assert rows(found.segments, "start", "duration", "kind") == [
        (0, 1 * SECOND, 5),
        (1 * SECOND, 10 * SECOND, 1),
        (11 * SECOND, 30 * SECOND, 3),
        (41 * SECOND, 20 * SECOND, 0),
    ]
    words = list(GLYPHS)
    assert [(time, words[word]) for _, time, word in rows(found.marks, "session", "time", "word")] == [
        (41 * SECOND, MARKS["ITTL"]),
        (46 * SECOND, MARKS["MAX_TIME"]),
    ]


def test_what_came_during_the_warm_up_does_not_count():
    """Of the warm-up of 1 m, the session `early` and the jobs e1 and j1 are left out, though the timeline has
    them. Of the others, l1 starts at once, at 61 s, and j2 waits from 62 s until late gives the QPU back at 76 s.
    """
    sessions = [{"id": name, "account": name, "interactive_timeout": "5s"} for name in ("early", "late")]
    jobs = [
        job("e1", "1s", session="early"),
        job("j1", "2s", account="first"),
        job("l1", "61s", session="late"),
        job("j2", "62s", account="second"),
    ]
    page = explicit(jobs, sessions, warm_up="1m").report().html
    table = page[page.index('<section id="sessions"') :]
    assert '<a href="#timeline" data-session="late">' in table
    assert 'data-session="early"' not in page
    names = re.findall(r'<th scope="row"><bdi>(\w+)</bdi></th>', page)
    assert names == ["second", "late"]
    assert [name for name, _ in brought(page).names["sessions"]] == ["early", "late"]


@pytest.mark.parametrize("name", ODD)
def test_pages_ask_nobody_for_anything(name):
    page = odd(name).report().html
    parsed = Parsed(page)
    assert not re.search(r"(?:src|href|action|url\()\s*[=(]?\s*['\"]?\s*(?:https?:|//)", page)
    assert {tag for tag, given in parsed.tags if "src" in given} == set()
    assert [
        given["href"] for tag, given in parsed.tags if tag == "a" and not given["href"].startswith("#")
    ] == []
    assert [tag for tag, given in parsed.tags if tag in {"link", "img", "iframe", "object"}] == []


@pytest.mark.parametrize("name", ODD)
def test_links_lead_to_what_is_there_and_ids_are_there_once(name):
    tags = Parsed(odd(name).report().html).tags
    ids = [given["id"] for _, given in tags if "id" in given]
    assert len(set(ids)) == len(ids)
    assert {given["href"][1:] for tag, given in tags if tag == "a"} <= set(ids)
    assert {given["aria-labelledby"] for _, given in tags if "aria-labelledby" in given} <= set(ids)


def test_hostile_names_are_shown_literally():
    page = odd("hostile names").report().html
    text = Parsed(page).text
    for name in HOSTILE:
        for shown in (f"of {name}{CLOSING}", f"by {name}{CLOSING}", name):
            assert shown in text
    assert [tag for tag, _ in Parsed(page).tags].count("script") == 3  # two blocks of data, and the script
    assert "img" not in {tag for tag, _ in Parsed(page).tags}
    assert f"{CLOSING} {HOSTILE[0]}\\u202e" in text  # what nobody would see is written out
    found = brought(page)
    assert sorted(one for one in found.jobs if one) == sorted(
        f"{n} {name}" for n in (1, 2) for name in HOSTILE
    )


def test_a_run_and_the_same_from_disk_have_the_same_page_each_time(tmp_path):
    run = shipped("quickstart")
    run.save(tmp_path / "run")
    page = run.report(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html
    assert qs.load(tmp_path / "run").report() == page
    assert qs.simulate(SCENARIOS / "quickstart.yaml").report() == page


def test_bundles_of_a_version_that_saved_less_are_refused_in_words(tmp_path):
    """Without the digests, which earlier versions did not have, a summary without accounts is taken for one."""
    directory = shipped("quickstart").save(tmp_path / "run")
    (directory / "files.sha256").unlink()
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    del summary["accounts"]
    (directory / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(
        BundleError, match=r"did not save all that a report shows \('accounts'\); simulate its"
    ):
        qs.load(directory).report()


def test_pages_and_their_script_are_small():
    """In bytes, at most 60 KB for a run that is followed by eye, 250 KB for ten thousand jobs; 16 KB of script."""
    assert len(shipped("quickstart").report().html.encode()) <= 60_000
    assert len(shipped("busy_day").report().html.encode()) <= 250_000
    assert len(script_of("timeline.js", "unpack.js", "report.js").encode()) <= 16_384


def test_bars_split_all_waiting_of_a_source():
    """The numbers behind the bars, which the labels of the bars round: all parts are all waiting."""
    run = shipped("busy_day")
    page = Parsed(run.report().html)
    labels = [given["aria-label"] for tag, given in page.tags if tag == "svg" and "aria-label" in given]
    counted = run.jobs["submitted_us"] >= run.summary()["warm_up_us"]
    parts = run.waits.filter(counted).select("while_held_us", "while_job_mode_us").sum().row(0)
    total = run.jobs.filter(counted)["waiting_us"].sum()
    held, job_mode = (100 * part / total for part in parts)
    assert labels[0].startswith(f"job-mode jobs ran: {job_mode:.0f} %, ")
    assert labels[0].endswith(f"a session held the idle QPU: {held:.1f} %")


# runs with too many stretches


def test_neighbours_merge_into_shares_whose_sums_are_exact():
    """Whatever was merged, each QPU, kind and session has its time, and long stretches are as they were."""
    run = shipped("busy_day")
    exact, few = timeline_of(run, run.end_us), timeline_of(run, run.end_us, most=3_000)
    assert exact.cell == 0
    assert 0 < len(few.segments["start"]) <= 3_000

    def sums(timeline):
        totals = defaultdict(int)
        for duration, *key in rows(timeline.segments, "duration", "qpu", "kind", "session"):
            totals[tuple(key)] += duration
        return {key: total for key, total in totals.items() if total}

    assert sums(few) == sums(exact)
    start, duration = few.segments["start"], few.segments["duration"]
    assert (start[1:] == (start + duration)[:-1]).all()
    assert (start[0], start[-1] + duration[-1]) == (0, exact.end)
    names = ("start", "duration", "kind", "session")
    long = {one for one in rows(exact.segments, *names) if one[1] > few.cell}
    assert long
    assert long <= {one[:-1] for one in rows(few.segments, *names, "group") if one[-1] == 0}
    group = few.segments["group"].tolist()
    assert {1, 2} < set(group)
    assert all(before in {1, 2} for before, this in pairwise(group) if this == 2)


def test_merged_queues_never_hide_the_longest():
    run = shipped("busy_day")
    exact, few = timeline_of(run, run.end_us), timeline_of(run, run.end_us, most=3_000)
    assert few.queue["queued"].max() == exact.queue["queued"].max()
    time, queued = exact.queue["time"], exact.queue["queued"]
    at = np.searchsorted(few.queue["time"], time, side="right") - 1
    assert (few.queue["queued"][at] >= queued).all()
    until = np.searchsorted(few.queue["time"], time[1:] - 1, side="right") - 1
    assert (few.queue["queued"][until] >= queued[:-1]).all()


def test_a_page_with_merged_neighbours_says_so(monkeypatch):
    from qsession_sim.report import timeline

    run = shipped("busy_day")
    assert "only shares are drawn" not in run.report().html
    made = timeline_of(run, run.end_us, most=3_000)
    monkeypatch.setattr("qsession_sim.report.run_page.timeline_of", lambda run, end_us: made)
    page = run.report().html
    assert "Of those that lie within" in page
    assert brought(page).names["cell"] == made.cell
    assert timeline.MOST_SEGMENTS == 500_000


# the picture for paper


def test_the_picture_has_a_row_for_each_qpu_queue_and_session():
    run = odd("three QPUs")
    drawn = Parsed(still_picture(timeline_of(run, run.end_us)))
    classes = [given["class"] for tag, given in drawn.tags if tag == "svg" and "class" in given]
    assert classes == [*["uses", "queue"] * 3, *["lane"] * 3, "axis"]
    assert [name for name in ("a", "b", "c", "s0", "s1", "s2") if name not in drawn.words] == []


def test_the_picture_has_a_rectangle_for_each_stretch_of_a_small_run():
    """The job runs from 1 s to 4 s of the 4 s: 750 of 1000 units from 250 on, all 44 high."""
    run = explicit([job("j", "1s", "3s")])
    drawn = Parsed(still_picture(timeline_of(run, run.end_us)))
    paths = [given["d"] for tag, given in drawn.tags if tag == "path" and given["class"] == "f-job_mode"]
    assert paths == ["M250 0h750v44h-750z"]


def test_columns_of_the_picture_are_filled_by_the_share_that_was_used():
    """However many stretches a column stands for, the area that is filled is the time that was not free."""
    run = shipped("busy_day")
    drawn = Parsed(still_picture(replace(timeline_of(run, run.end_us), session_names=())))
    paths = [given["d"] for tag, given in drawn.tags if tag == "path" and given["class"].startswith("f-")]
    columns = re.findall(r"h([\d.]+)v([\d.]+)h", "".join(paths))
    area = sum(float(width) * float(height) for width, height in columns)
    free = run.intervals.filter(run.intervals["kind"].cast(str) == "free")
    used = 1 - (free["end_us"] - free["start_us"]).sum() / run.end_us
    assert area / (1000 * 44) == pytest.approx(used, abs=0.003)


def test_columns_that_do_not_fit_are_refused():
    timeline = timeline_of(odd("no session"), odd("no session").end_us)
    too_long = replace(
        timeline, segments={**timeline.segments, "duration": timeline.segments["duration"] + 2**31}
    )
    with pytest.raises(OverflowError, match="do not fit into 32 bits"):
        embedded(too_long, [])
