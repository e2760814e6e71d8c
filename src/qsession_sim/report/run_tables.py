"""The tables on the page of a run: who waits and why, what each session cost, what became of the jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from qsession_sim.queueing.statistics import percentiles
from qsession_sim.report.html import Markup, element, joined, listing, named, parts, percent_of, table
from qsession_sim.report.rows import Cell, Column, Share, Table, counted, counts, durations
from qsession_sim.report.run_facts import MEANWHILE, USES, Facts, Group, percentile
from qsession_sim.report.run_rows import MOST_ROWS, qpus_table, reason_notes
from qsession_sim.report.text import readable_duration
from qsession_sim.report.timeline import KINDS, Timeline
from qsession_sim.results.waits import PARTS
from qsession_sim.units import MINUTE, SECOND


def waiting_part(facts: Facts) -> Iterator[Markup]:
    """A row for each source or account, those that wait longest first, and how to read it."""
    shown = facts.groups[:MOST_ROWS]
    several = len(facts.groups) > 1
    rows = [*shown, facts.all] if several else shown
    longest = float(facts.all.waiting_us[-1])
    heading = {"stream": "source", "account": "account", "mode": "mode"}[facts.grouping]
    yield element("p", _how_to_read(longest), class_="lead")
    columns = (
        counts("started", (len(group.waiting_us) for group in rows)),
        durations("median", (percentile(group, 50) for group in rows)),
        durations("95 %", (percentile(group, 95) for group in rows)),
        durations("longest", (percentile(group, 100) for group in rows)),
        Column("waits", tuple(_spread(group, longest) for group in rows)),
        Column("meanwhile the QPU", tuple(meanwhile(group) for group in rows)),
    )
    names = tuple(named(group.name) for group in shown) + (("all",) if several else ())
    yield table(
        Table(Column(heading, names, words=True), columns),
        "Waiting times and what the QPU did meanwhile",
        last_is_sum=several,
    )
    hidden = len(facts.groups) - len(shown)
    if hidden:
        yield element("p", f"… and {hidden:,} more, all of which wait less.", class_="note")
    note = "The bars say what happened, not what another policy would change: for that, there is "
    yield element("p", note, element("code", "qsession-sim compare"), ".", class_="note")


def _how_to_read(longest_us: float) -> Markup:
    scale = " · ".join(readable_duration(tick) for tick in _ticks(longest_us))
    return joined(
        (
            "Of each row the line goes from the shortest to the longest wait, thick over the middle half, ",
            "with the median in black and 95 % in red. ",
            f"Grid lines: {scale}. " if scale else "",
            "The bar splits all waiting by what the QPU did.",
        )
    )


def _ticks(longest_us: float) -> list[int]:
    ticks = (SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, 60 * MINUTE, 600 * MINUTE, 6000 * MINUTE)
    return [tick for tick in ticks if tick < longest_us]


def _spread(group: Group, longest_us: float) -> Markup:
    """The waits of a group on a scale that is logarithmic from a second on, and the same for all rows."""

    def place(time_us: float) -> str:
        share = np.log1p(time_us / SECOND) / np.log1p(longest_us / SECOND) if longest_us else 0.0
        return f"{1 + 98 * share:.1f}%"

    low, quarter, median, three, tail, high = percentiles(group.waiting_us, [0, 25, 50, 75, 95, 100])
    grid = (
        element("line", x1=place(tick), x2=place(tick), y1=0, y2=20, class_="grid")
        for tick in _ticks(longest_us)
    )
    lines = (
        element("line", x1=place(low), x2=place(high), y1=10, y2=10, class_="range"),
        element("line", x1=place(quarter), x2=place(three), y1=10, y2=10, class_="half"),
        element("line", x1=place(median), x2=place(median), y1=3, y2=17, class_="median"),
        element("line", x1=place(tail), x2=place(tail), y1=4, y2=16, class_="tail"),
    )
    texts = {"median": median, "95 %": tail, "longest": high}
    label = ", ".join(f"{name} {readable_duration(value)}" for name, value in texts.items())
    return element("svg", *grid, *lines, class_="spread", height=20, role="img", aria_label=label)


def meanwhile(group: Group, height: int = 16) -> Markup:
    """A bar that splits all waiting of a group by what the QPU did."""
    total = sum(group.parts_us)
    if not total:
        return element("span", "did not let them wait", class_="note")
    shares = [(name, part / total) for name, part in zip(PARTS, group.parts_us, strict=True) if part]
    texts = {name: f"{MEANWHILE[name]}: {percent_of(share)}" for name, share in shares}
    return parts(
        *((name, share, texts[name]) for name, share in shares),
        label=", ".join(texts.values()),
        height=height,
        numbers=True,
    )


def sessions_part(facts: Facts) -> Iterator[Markup]:
    """A row for each of the sessions with the largest usage."""
    sessions = facts.sessions
    shown = sessions.sort("usage_us", descending=True, maintain_order=True).head(MOST_ROWS)
    if sessions.height > shown.height:
        text = (
            f"The {shown.height} with the largest usage of {counted(sessions.height, 'session')} and batches."
        )
        yield element("p", text, class_="lead")
    rows = list(shown.iter_rows(named=True))
    largest = max(1, rows[0]["usage_us"])
    links = (
        element("a", named(row["session"]), href="#timeline", data_session=row["session"]) for row in rows
    )
    several = len(facts.summary["qpus"]) > 1
    kinds = (_kind(row, several=several) for row in rows)
    names = tuple(joined(pair) for pair in zip(links, kinds, strict=True))
    firsts = [None if row["started_us"] is None else row["started_us"] - row["created_us"] for row in rows]
    columns = (
        durations("first wait", firsts),
        durations("usage", (row["usage_us"] for row in rows)),
        durations("held", (row["held_us"] for row in rows)),
        Column(
            "of usage",
            tuple(_held_share(row) for row in rows),
        ),
        durations("others waited", (row["others_waited_held_us"] for row in rows)),
        counts("activations", (row["activations"] for row in rows)),
        counts("jobs done", (row["jobs_done"] for row in rows)),
        Column("end", tuple(_end(row) for row in rows), words=True),
        Column("usage: jobs ran, held, other", tuple(_usage(row, largest) for row in rows)),
    )
    yield table(Table(Column("session", names, words=True), columns), "What each session cost")
    note = "Others waited: the waiting of other jobs while the session held the idle QPU, summed over jobs."
    yield element("p", note, class_="note")


def _kind(row: Mapping[str, Any], *, several: bool) -> Markup:
    """What a session is and whose, and where if there are several QPUs."""
    where = (" on ", named(row["qpu"])) if several and row["qpu"] is not None else ()
    return element("small", row["mode"], " of ", named(row["account"]), *where)


def _held_share(row: Mapping[str, Any]) -> Share:
    """Of what a session is charged; a batch is not charged for it."""
    return Share(row["held_us"] / row["usage_us"] if row["usage_us"] and row["mode"] == "session" else None)


def _end(row: Mapping[str, Any]) -> str:
    return str(row["state"]) if row["reason"] in {None, "CLOSED"} else f"{row['state']}: {row['reason']}"


def _usage(row: Mapping[str, Any], largest_us: int) -> Markup:
    """Whatever a session is charged for: its jobs, held time, and jobs of others or when the QPU was down."""
    charged = row["mode"] == "session"
    other_us = max(row["usage_us"] - row["ran_us"] - row["held_us"], 0) if charged else 0
    held_us = row["held_us"] if charged else 0
    times = {row["mode"]: min(row["ran_us"], row["usage_us"]), "held": held_us, "down": other_us}
    words = {
        row["mode"]: "its jobs ran",
        "held": "it held the idle QPU",
        "down": "jobs of others ran, or the QPU was down",
    }
    texts = {
        name: f"{words[name]}: {readable_duration(time_us)}" for name, time_us in times.items() if time_us
    }
    shares = ((name, times[name] / largest_us, text) for name, text in texts.items())
    return parts(*shares, label=", ".join(texts.values()) or "no usage", bare=True)


def outcomes_part(facts: Facts) -> Iterator[Markup]:
    """Only if something else than DONE became of a job."""
    everybody, starvation = facts.summary["all"], facts.summary["starvation"]
    others = {status: count for status, count in everybody["status"].items() if count and status != "DONE"}
    if not others and not starvation["starved"]:
        return
    lines = {status: joined([f"{count:,}"]) for status, count in everybody["status"].items() if count}
    yield listing(lines)
    for note in reason_notes(everybody["reason"]):
        yield element("p", str(note.text), class_="note")
    if starvation["starved"]:
        text = (
            f"{counted(starvation['starved'], 'job')} waited more than {starvation['factor']} times the mean."
        )
        yield element("p", text, class_="note")


def qpus_part(facts: Facts, timeline: Timeline) -> Markup:
    """A row for each QPU, as the terminal shows it, with a bar."""
    shown = qpus_table(facts.summary["qpus"], MOST_ROWS)
    begin = facts.summary["warm_up_us"] // timeline.unit_us
    segments = timeline.segments
    start = np.maximum(segments["start"], begin)
    time = np.maximum(segments["start"] + segments["duration"] - start, 0)
    bars: list[Cell] = []
    for name in shown.labels.cells:
        mine = np.full(len(time), name == "all")
        if name in timeline.qpus:
            mine = segments["qpu"] == timeline.qpus.index(str(name))
        sums = np.bincount(segments["kind"][mine], time[mine], len(KINDS)) / max(int(time[mine].sum()), 1)
        texts = {kind: f"{USES[kind]}: {percent_of(share)}" for kind, share in zip(KINDS, sums, strict=True)}
        shares = ((kind, share, texts[kind]) for kind, share in zip(KINDS, sums, strict=True))
        bars.append(parts(*shares, label=", ".join(texts.values())) if mine.any() else "")
    columns = (*shown.columns, Column("use", tuple(bars)))
    return table(Table(shown.labels, columns), "How the QPUs spent their time", last_is_sum=True)
