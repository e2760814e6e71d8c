"""Run: a finished simulation, and the same read back from disk."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qsession_sim.errors import BundleError
from qsession_sim.results.bundle import (
    PROVENANCE,
    RESOLVED,
    SCENARIO,
    SUMMARY,
    ScenarioLike,
    as_given,
    describe,
    is_bundle,
    json_text,
    read_frame,
    read_json,
    read_text,
    write_bundle,
)
from qsession_sim.results.columns import QueueLengths, queue_length_columns, queue_lengths
from qsession_sim.results.record import FROM, Record
from qsession_sim.results.saved_summary import completed
from qsession_sim.results.summary import Parts, summary_parts, whole
from qsession_sim.results.tables import TABLES, Tables
from qsession_sim.results.usage import account_frame, terms_of
from qsession_sim.results.waits import (
    Reservation,
    others_waited_frame,
    planned_reservations,
    recorded_reservations,
    wait_frame,
)
from qsession_sim.scheduler.transitions import SessionPhase
from qsession_sim.units import format_duration

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from qsession_sim.report.html import Report


class HasTables(ABC):
    """A run in six tables, each made when first read and then kept, in figures and on a page.

    The guide describes the columns of the tables.
    """

    @abstractmethod
    def _make(self, table: str) -> pl.DataFrame:
        """Make or read a table, by its name."""

    @cached_property
    def jobs(self) -> pl.DataFrame:
        """One row a submission, rejected ones included, by job number."""
        return self._make("jobs")

    @cached_property
    def sessions(self) -> pl.DataFrame:
        """One row a session or batch that came to exist, by session number."""
        return self._make("sessions")

    @cached_property
    def intervals(self) -> pl.DataFrame:
        """What each QPU did when: busy, held, down or free (S72)."""
        return self._make("intervals")

    @cached_property
    def transitions(self) -> pl.DataFrame:
        """Every change of a session's state or of `accepting_jobs`, in order."""
        return self._make("transitions")

    @cached_property
    def queue_length(self) -> pl.DataFrame:
        """The number of queued jobs of each QPU from each time on."""
        return self._make("queue_length")

    @cached_property
    def accounts(self) -> pl.DataFrame:
        """What each account used and is charged for, by account number (S62)."""
        return self._make("accounts")

    @abstractmethod
    def _reservations(self) -> Iterator[Reservation]:
        """When QPUs served one account only."""

    @cached_property
    def waits(self) -> pl.DataFrame:
        """What its QPU did while each job waited, by job number; computed when read, in no bundle."""
        return wait_frame(self.jobs, self.intervals, self.sessions, self._reservations())

    @cached_property
    def others_waited(self) -> pl.DataFrame:
        """How long others waited while each session held its QPU, by session number; see `waits`."""
        return others_waited_frame(self.jobs, self.intervals, self.sessions)

    def figure(self, kind: str, *, ax: Any = None, width: float | None = None) -> Figure:
        """A figure of the run; notebooks show it.

        The kinds:

        - `timeline`: what each QPU did, and the life of each session; of many sessions how many there were at
          once, and of many stretches the share of each kind in columns of time, so that nothing is left out.
        - `waiting`: of each source, or account, the shortest and longest wait, the middle half of them, the
          median and the 95th percentile.
        - `why`: what QPUs did while jobs waited, as shares; see `waits`.
        - `sessions`: of those with the largest usage how long their jobs ran, and how long they held the QPU.
        - `queue`: how many jobs wait for each QPU; of many changes the average, and lighter the largest.

        Args:
            kind: one of these.
            ax: axes of matplotlib to draw on, with their own style; by default those of a new figure.
            width: of a new figure, in inches: 3.5 for a column and 7.16 for a page of most journals; by
                default a column, and a page for what is over time.

        Returns:
            The figure of the axes. The SVG and PDF files of a new one are the same byte for byte each time.

        Raises:
            FigureError: if there is no such kind, or matplotlib is not installed.
        """
        from qsession_sim.report.figures import draw_run

        return draw_run(cast("Run", self), kind, ax=ax, width=width)

    @abstractmethod
    def summary_text(self) -> str:
        """The summary as text."""

    def _repr_html_(self) -> str:
        from qsession_sim.report.text import notebook_html

        return notebook_html(repr(self), self.summary_text())

    def report(self, path: str | os.PathLike[str] | None = None) -> Report:
        """The run as a page for a browser, which needs no other file and no network; notebooks show it.

        Args:
            path: where to write it; a report that is there is replaced. None: nowhere.

        Raises:
            WorkloadFileError: if something else is there, or it cannot be written.
        """
        from qsession_sim.report.run_page import run_report

        made = run_report(cast("Run", self))
        if path is not None:
            made.save(path)
        return made


class Run(HasTables):
    """A finished simulation.

    Args:
        record: what happened.
        scenario: what was simulated.
        provenance: what only the caller knows of its origin, such as the engine; JSON values.
    """

    def __init__(self, record: Record, scenario: ScenarioLike, provenance: Mapping[str, Any]) -> None:
        self.record = record
        self.scenario = scenario
        self._given = dict(provenance)
        self._tables = Tables(record)

    @property
    def end_us(self) -> int:
        """When it ended."""
        return self.record.end_us

    def _make(self, table: str) -> pl.DataFrame:
        return self._frame(table, self._tables, lambda: self._queued)

    def _frame(self, table: str, tables: Tables, queued: Callable[[], QueueLengths]) -> pl.DataFrame:
        if table == "accounts":
            return account_frame(self.record, terms_of(self.scenario.resolved))
        if table == "queue_length":
            return tables.frame(table, queue_length_columns(queued()))
        return tables.build(table)

    @cached_property
    def _queued(self) -> QueueLengths:
        """For the table, which shares their memory, and the summary."""
        return queue_lengths(self.record)

    def _reservations(self) -> Iterator[Reservation]:
        return recorded_reservations(self.record)

    def __repr__(self) -> str:
        resolved, record = self.scenario.resolved, self.record
        jobs = _counted(int((record.submitted_us >= 0).sum()), "job")
        sessions = _counted(int((record.transitions[:, FROM] == SessionPhase.ABSENT).sum()), "session")
        length = format_duration(record.end_us)
        return f"Run({resolved.title!r}, {jobs}, {sessions}, {length}, seed {resolved.seed})"

    def summary_text(self) -> str:
        """The summary as `qsession-sim run` prints it where there is no terminal, for logs and notebooks."""
        from qsession_sim.report.run_rows import run_document
        from qsession_sim.report.text import text_of

        return text_of(run_document(self.record, self.summary_parts, self.scenario.resolved))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, seed, engine, overrides, policies and digests, also those of the user's functions; equal
        runs have equal provenance (S7)."""
        return describe(self.record, self.scenario, self._given)

    def summary(self) -> dict[str, Any]:
        """Counts, distributions and shares; `results.summary.summary_parts` explains each number."""
        return whole(self.summary_parts)

    @cached_property
    def summary_parts(self) -> Parts:
        """The summary, whose parts are computed when they are first read."""
        return self._summary_parts(lambda: self._queued)

    def _summary_parts(self, queued: Callable[[], QueueLengths]) -> Parts:
        resolved = self.scenario.resolved
        return summary_parts(self.record, resolved.warm_up, terms_of(resolved), queued)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write the run as a directory; an interruption leaves no half one. `qsession_sim.load` reads it.

        Returns:
            The directory.

        Raises:
            BundleError: if something other than a saved run is there, or it cannot be written.
        """
        made = Tables(self.record)  # what is made only to be written is not kept
        queued = cache(lambda: vars(self).get("_queued") or queue_lengths(self.record))

        def frame(table: str) -> pl.DataFrame:
            kept: pl.DataFrame | None = vars(self).get(table)
            return self._frame(table, made, queued) if kept is None else kept

        parts = vars(self).get("summary_parts") or self._summary_parts(queued)
        texts = {
            SUMMARY: json_text(whole(parts, saved=True)),
            SCENARIO: as_given(self.scenario.text, self._given.get("overrides", ())),
            RESOLVED: self.scenario.to_json(),
            PROVENANCE: json_text(self.provenance),
        }
        return write_bundle(directory, TABLES, frame, texts)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


class SavedRun(HasTables):
    """A run read back from disk, with the same tables and summary; files are read when first needed.

    It has no record, so it can neither be checked by `testing.check_invariants` nor saved; its directory can
    be copied.

    Args:
        directory: what `Run.save` wrote.

    Raises:
        BundleError: if it is not a bundle; when a file is read, if that is damaged.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        if not is_bundle(self.directory):
            raise BundleError(
                f"{self.directory} is not a bundle (it has no {PROVENANCE}); "
                f"give the directory that a run was saved to"
            )

    def _make(self, table: str) -> pl.DataFrame:
        return read_frame(self.directory, table)

    def _reservations(self) -> Iterator[Reservation]:
        end_us = int(self.intervals["end_us"].to_numpy().max(initial=0))
        return planned_reservations(self.resolved, end_us)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """See `Run.provenance`."""
        return read_json(self.directory, PROVENANCE)

    @cached_property
    def scenario_text(self) -> str:
        """The scenario as it was given to the run, in a comment marked if there were overrides."""
        return read_text(self.directory, SCENARIO)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The resolved scenario, as JSON values."""
        return read_json(self.directory, RESOLVED)

    @cached_property
    def saved_summary(self) -> dict[str, Any]:
        """The file of the summary, which has what `summary` has but for sums of waits."""
        return read_json(self.directory, SUMMARY)

    @property
    def end_us(self) -> int:
        """See `Run.end_us`."""
        return int(self.saved_summary["end_us"])

    def __repr__(self) -> str:
        try:
            summary, resolved = self.saved_summary, self.resolved
            title, seed, end_us = resolved.get("title") or "", resolved["seed"], summary["end_us"]
            jobs = _counted(summary["all"]["submitted"], "job")
            sessions = _counted(summary["sessions"]["all"]["created"], "session")
        except (BundleError, KeyError):  # who reads the files gets the error; this is only a name
            return f"SavedRun({str(self.directory)!r})"
        return f"SavedRun({title!r}, {jobs}, {sessions}, {format_duration(end_us)}, seed {seed})"

    def summary_text(self) -> str:
        """See `Run.summary_text`; windows that a job on the QPU delays are drawn where they took effect."""
        from qsession_sim.report.saved_rows import saved_document
        from qsession_sim.report.text import text_of

        return text_of(saved_document(self))

    def summary(self) -> dict[str, Any]:
        """See `Run.summary`; what is not in its file is computed from the tables."""
        return completed(self.saved_summary, self.jobs, self.waits, self.sessions, self.others_waited)
