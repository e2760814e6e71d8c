"""What is shown of a saved run: the same as of the run, from its files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from qsession_sim.report.rows import Document, Section, State, Stretch
from qsession_sim.report.run_rows import (
    DOWN,
    MOST_JOBS,
    MOST_ROWS,
    About,
    LaneKey,
    document_of,
    sessions_section,
    timeline_section,
)
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason, SessionState

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.run import SavedRun


def saved_document(run: SavedRun, most: int = MOST_ROWS) -> Document:
    """What is shown of a saved run, with at most so many rows in a table."""
    summary, resolved = run.saved_summary, run.resolved
    policies = resolved["policies"]
    about = About(
        resolved.get("title") or "", policies["queue"]["name"], policies["hold"]["name"], resolved["seed"]
    )
    qpus = [qpu["name"] for qpu in resolved["qpus"]]
    table = _numbers(run.sessions, qpus)
    names = run.sessions["session"].to_list()
    sessions = sessions_section(names, table, qpus, most, summary["warm_up_us"])
    return document_of(about, summary, sessions, _timeline(run, qpus, summary), most)


def _numbers(sessions: pl.DataFrame, qpus: list[str]) -> dict[str, Any]:
    """The columns that are shown, as `columns.session_columns` has them."""
    words: dict[str, dict[str, int]] = {
        "mode": {mode.name.lower(): mode for mode in Mode},
        "state": {state.name.lower(): state for state in SessionState},
        "reason": {reason.name: reason for reason in Reason},
        "qpu": {name: number for number, name in enumerate(qpus)},
    }
    columns = {}
    for name in sessions.columns:
        if name in words:
            values = [words[name].get(word, NEVER) for word in sessions[name].cast(str)]
            columns[name] = np.array(values, dtype=np.int64)
        elif sessions[name].dtype.is_integer():
            columns[name] = sessions[name].fill_null(NEVER).to_numpy()
    return columns


def _timeline(run: SavedRun, qpus: list[str], summary: dict[str, Any]) -> Section:
    jobs, end_us = run.jobs, summary["end_us"]
    if end_us == 0 or jobs.height + summary["never_submitted"] > MOST_JOBS:
        return Section("timeline")
    number = {name: row for row, name in enumerate(run.sessions["session"])}
    accepted = jobs.filter(jobs["status"].cast(str) != "REJECTED").sort("submitted_us", maintain_order=True)
    used = [
        ((qpus.index(qpu), NEVER if session is None else number[session]), session)
        for qpu, session in accepted.select("qpu", "session").rows()
    ]
    is_down = run.intervals["kind"].cast(str) == "down"
    names: dict[LaneKey, str] = {}
    for qpu, name in enumerate(qpus if used else ()):
        if (is_down & (run.intervals["qpu"].cast(str) == name)).any():
            names[qpu, DOWN] = "down"
        if (qpu, NEVER) in dict(used):
            names[qpu, NEVER] = "job mode"
        names |= {lane: session for lane, session in used if lane[0] == qpu and session is not None}
    stretches = _stretches(run, qpus, number, end_us)
    return timeline_section(names, stretches, qpus, end_us, summary["warm_up_us"])


def _stretches(
    run: SavedRun, qpus: list[str], number: dict[str, int], end_us: int
) -> Iterator[tuple[State, LaneKey, Stretch]]:
    """A job waits to its start, its end or that of the run; what ran of it before is drawn over that."""
    for job in run.jobs.iter_rows(named=True):
        if job["status"] != "REJECTED":
            lane = qpus.index(job["qpu"]), number.get(job["session"], NEVER)
            over_us = end_us if job["completed_us"] is None else job["completed_us"]
            until_us = over_us if job["started_us"] is None else job["started_us"]
            yield State.WAITING, lane, (job["submitted_us"], until_us)
    states = {"busy": State.RUNNING, "held": State.HELD, "down": State.DOWN}
    for interval in run.intervals.iter_rows(named=True):
        if interval["kind"] in states:
            session = DOWN if interval["kind"] == "down" else number.get(interval["session"], NEVER)
            stretch = interval["start_us"], interval["end_us"]
            yield states[interval["kind"]], (qpus.index(interval["qpu"]), session), stretch
