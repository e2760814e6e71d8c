"""What the summary of a run has and its file does not, as it would take too long whenever a run is saved."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.results.summary import others_waited_parts, waiting_parts
from qsession_sim.results.waits import PARTS

if TYPE_CHECKING:
    import polars as pl

_COLUMN_OF: Final = {"by_mode": "mode", "by_account": "account", "by_stream": "stream"}


def completed(
    saved: Mapping[str, Any],
    jobs: pl.DataFrame,
    waits: pl.DataFrame,
    sessions: pl.DataFrame,
    others_waited: pl.DataFrame,
) -> dict[str, Any]:
    """A whole summary, from the content of its file and the tables of the run."""
    summary: dict[str, Any] = deepcopy(dict(saved))
    jobs = jobs.select("mode", "account", "stream", "submitted_us").hstack(waits.drop("job", "qpu"))
    jobs = jobs.filter(jobs["submitted_us"] >= summary["warm_up_us"])
    summary["all"] |= _of_jobs(jobs)
    for key, column in _COLUMN_OF.items():
        for name, rows in _groups(jobs, column, summary[key]):
            summary[key][name] |= _of_jobs(rows)
    sessions = sessions.select("mode", "created_us").hstack(others_waited.drop("session"))
    sessions = sessions.filter(sessions["created_us"] >= summary["warm_up_us"])
    summary["sessions"]["all"] |= _of_sessions(sessions)
    by_mode = summary["sessions"]["by_mode"]
    for name, rows in _groups(sessions, "mode", by_mode):
        by_mode[name] |= _of_sessions(rows)
    return summary


def _groups(frame: pl.DataFrame, column: str, names: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each name, of which there may be none."""
    found = {str(name): rows for (name,), rows in frame.group_by(column)}
    return [(name, found.get(name, frame.clear())) for name in names]


def _of_jobs(jobs: pl.DataFrame) -> dict[str, Any]:
    return waiting_parts({part: jobs[f"while_{part}_us"].drop_nulls().to_numpy() for part in PARTS})


def _of_sessions(sessions: pl.DataFrame) -> dict[str, Any]:
    return others_waited_parts(sessions["others_waited_held_us"].to_numpy())
