"""What a session or a source costs others: the same workload with it and without it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Unpack

import numpy as np

from qsession_sim.errors import BundleError, StudyError
from qsession_sim.experiment.commands import without_command
from qsession_sim.experiment.engines import check_engine
from qsession_sim.experiment.options import ExternalityOptions, with_options
from qsession_sim.experiment.references import one_spelling
from qsession_sim.experiment.simulate import prepared, simulate_workload
from qsession_sim.experiment.store import parquet, study_place
from qsession_sim.experiment.tasks import Configuration
from qsession_sim.files import reason, write_whole
from qsession_sim.policies.registry import queue_policy_names
from qsession_sim.results.bundle import check_target, json_text
from qsession_sim.results.columns import existing_sessions
from qsession_sim.results.run import Run
from qsession_sim.scenario.load import LIBRARY_ORIGIN, Scenario, load_scenario
from qsession_sim.scenario.sources import ResolvedProgram
from qsession_sim.workload.columns import Workload
from qsession_sim.workload.without import Kind, Removed, named, without

if TYPE_CHECKING:
    import polars as pl

EXTERNALITY: Final = "externality.json"
DIFFERENCES: Final = "differences.parquet"
RUNS: Final = ("with", "without")

METHOD: Final = (
    "one workload simulated twice, the second time without what is removed and all that its clients did; all "
    "else is the same (common random numbers); difference = waiting - waiting without it"
)


class Totals(NamedTuple):
    """What jobs waited in both runs.

    Attributes:
        jobs: how many there are.
        started: in both runs; the following are sums and counts over these.
        waiting_us: with what is removed.
        waiting_without_us: without it.
        difference_us: the former minus the latter.
        longer: jobs that waited longer with it.
        shorter: jobs that waited less with it.
        only_with: jobs that started only with it.
        only_without: jobs that started only without it.
    """

    jobs: int
    started: int
    waiting_us: int
    waiting_without_us: int
    difference_us: int
    longer: int
    shorter: int
    only_with: int
    only_without: int


@dataclass(frozen=True, repr=False)
class Externality:
    """Two runs of one workload: with a session or a source, and without it.

    Attributes:
        scenario: where it was read from.
        removed: what the second run is without.
        run: with it.
        without: without it; what is removed counts as never submitted and never created.
        command: that gives the same; None if the scenario is no file, or the policy no name.
    """

    scenario: str
    removed: Removed
    run: Run
    without: Run
    command: str | None = None

    def __repr__(self) -> str:
        jobs = self.total.jobs
        return f"Externality(without {self.removed.what}, {jobs} other job{'' if jobs == 1 else 's'})"

    def _repr_html_(self) -> str:
        from qsession_sim.report.text import notebook_html

        return notebook_html(repr(self), self.summary_text())

    def summary_text(self) -> str:
        """What `qsession-sim compare --without` prints where there is no terminal."""
        from qsession_sim.report.externality_rows import externality_document
        from qsession_sim.report.text import text_of

        return text_of(externality_document(self))

    def table(self) -> pl.DataFrame:
        """One row for each other job that was submitted in either run, by job number; further attempts (S67),
        which may be others in the two runs, come last.

        `job`, `account`, `stream`, `session` and `mode`; `waiting_us`; `waiting_without_us`; `difference_us`,
        the former minus the latter. The times are null if the job never started in that run.
        """
        return self._table

    @cached_property
    def _table(self) -> pl.DataFrame:
        import polars as pl

        before, after = (_others(one, self.removed) for one in (self.run, self.without))
        both = before.join(after, on="job", how="full", coalesce=True, suffix="_without")
        known = ("account", "stream", "session", "mode")
        return both.sort(pl.coalesce("number", "number_without"), "job").select(
            "job",
            *(pl.coalesce(name, f"{name}_without").alias(name) for name in known),
            "waiting_us",
            pl.col("waiting_us_without").alias("waiting_without_us"),
            (pl.col("waiting_us") - pl.col("waiting_us_without")).alias("difference_us"),
        )

    @cached_property
    def total(self) -> Totals:
        """What all other jobs waited."""
        return _totals(self.table())

    @cached_property
    def by_stream(self) -> dict[str, Totals]:
        """The same of each source that has other jobs."""
        groups = self.table().group_by("stream", maintain_order=True)
        return {str(name): _totals(rows) for (name,), rows in groups}

    @cached_property
    def others_waited_held_us(self) -> int:
        """How much of the waiting of others fell into the time in which sessions that are removed held the
        idle QPU, in the run with them; see `Run.others_waited`."""
        record = self.run.record
        removed = self.removed.sessions_of(record.workload.sessions)[existing_sessions(record)]
        return int(self.run.others_waited.filter(removed)["others_waited_held_us"].sum())

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        provenance = self.run.provenance
        return {
            "scenario": self.scenario,
            "removed": {"kind": self.removed.kind, "name": self.removed.name},
            "method": METHOD,
            **{name: provenance[name] for name in ("seed", "overrides", "policies")},
            "command": self.command,
            "others_waited_held_us": self.others_waited_held_us,
            "all": self.total._asdict(),
            "by_stream": {name: totals._asdict() for name, totals in self.by_stream.items()},
            "jobs": self.table().to_dicts(),
        }

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write both runs as bundles in `with` and `without`, the table as `differences.parquet`, and last
        `externality.json`.

        Raises:
            StudyError: if the directory holds anything else, or they cannot be written.
        """
        target = check_externality_place(directory)
        try:
            for name, run in zip(RUNS, (self.run, self.without), strict=True):
                run.save(target / name)
            write_whole(target / DIFFERENCES, parquet(self.table()))
            write_whole(target / EXTERNALITY, json_text(self.to_dict()).encode())
        except (OSError, BundleError) as error:
            raise StudyError(f"cannot write {directory}: {reason(error)}") from error
        return target


def check_externality_place(directory: str | os.PathLike[str]) -> Path:
    """The absolute name of a directory to which `Externality.save` can write; nothing is changed.

    Raises:
        StudyError: if it holds anything else.
    """
    target = study_place(directory)
    try:
        foreign = [entry.name for entry in target.iterdir()] if target.exists() else []
        foreign = sorted({*foreign} - {*RUNS, DIFFERENCES, EXTERNALITY})
        for name in RUNS:
            check_target(target / name)
    except (OSError, BundleError) as error:
        raise StudyError(f"{directory} cannot be used: {reason(error)}") from error
    if foreign:
        raise StudyError(f"{directory} holds {foreign[0]!r}; choose a directory that does not exist")
    return target


@with_options(ExternalityOptions)
def externality(
    source: str | Path | Mapping[str, Any] | Scenario,
    *,
    session: str | None = None,
    stream: str | None = None,
    **options: Unpack[ExternalityOptions],
) -> Externality:
    """Simulate a workload with a session or a source, and once more without it.

    `run.others_waited` says how long others waited while a session held its QPU; but without the session they
    might have waited for somebody else. This is what would have been: all other jobs are the same to the
    microsecond, and so are windows and whatever else was drawn.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario; without sources of
            kind `program`, since what live programs do depends on what they see.
        session: the name of a session or batch; if it is that of an iterative client, all that this client
            does is removed. Either this or `stream`.
        stream: the name of a source, of which all is removed.
        policy: as for `simulate`.
        hold: as for `simulate`.
        routing: as for `simulate`.
        seed: as for `simulate`.
        overrides: as for `simulate`.
        skip_bad_lines: as for `load_scenario`.
        engine: as for `simulate`; of both runs.
        progress: as for `simulate`; called in both runs.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no such policy.
        StudyError: if there is no such session or source, a job that stays comes after one that is removed,
            or a program takes part.

    Example:
        >>> jobs = [{"id": "a", "session": "s", "at": "0s", "qpu_time": "2s"},
        ...         {"id": "b", "account": "lab", "at": "1s", "qpu_time": "2s"}]
        >>> session = {"id": "s", "account": "lab", "interactive_timeout": "10s"}
        >>> found = externality(
        ...     {"workload": [{"kind": "explicit", "sessions": [session], "jobs": jobs}]}, session="s"
        ... )
        >>> found.table().select("job", "waiting_us", "waiting_without_us", "difference_us").rows()
        [('b', 11000000, 0, 11000000)]
    """
    if (session is None) == (stream is None):
        raise StudyError("give either session, the name of a session, or stream, that of a source")
    asked: tuple[Kind, str] = ("stream", str(stream)) if session is None else ("session", session)
    return _with_and_without(lambda _workload: asked, source, options)


@with_options(ExternalityOptions)
def externality_of(
    asked: str, source: str | Path | Mapping[str, Any] | Scenario, **options: Unpack[ExternalityOptions]
) -> Externality:
    """`externality`, with its other options, of what a command names: a session, a source, or `session=NAME`
    or `stream=NAME`."""
    return _with_and_without(partial(named, asked), source, options)


def _with_and_without(
    choose: Callable[[Workload], tuple[Kind, str]],
    source: str | Path | Mapping[str, Any] | Scenario,
    options: ExternalityOptions,
) -> Externality:
    """The comparison of a workload with what `choose` finds in it."""
    policy, hold, routing = options["policy"], options["hold"], options["routing"]
    seed, overrides, engine = options["seed"], options["overrides"], options["engine"]
    check_engine(engine)
    if options["skip_bad_lines"]:
        names = queue_policy_names(policy)
        source = load_scenario(source, overrides, seed, queue_policies=names, skip_bad_lines=True)
        overrides = ()
    scenario, workload, queue = prepared(source, policy, hold, routing, seed, overrides)
    live = [one.name for one in scenario.resolved.workload if isinstance(one, ResolvedProgram)]
    if live:
        raise StudyError(
            f"source {live[0]!r} is a program: what it does depends on what it sees, so that it would do "
            f"something else without what is left out; compare a scenario without programs"
        )
    rest, removed = without(workload, *choose(workload))
    run = simulate_workload(scenario, workload, queue, engine=engine, progress=options["progress"])
    origin = {"without": {removed.kind: removed.name}}
    other = simulate_workload(
        scenario, rest, queue, engine=engine, progress=options["progress"], origin=origin
    )
    command = None
    if scenario.origin != LIBRARY_ORIGIN and (policy is None or isinstance(policy, str)):
        spelled = policy and one_spelling(policy)
        configuration = Configuration("", spelled, hold, routing, tuple(scenario.overrides))
        more = ("--skip-bad-lines",) if options["skip_bad_lines"] else ()
        what = f"{removed.kind}={removed.name}"
        command = without_command(scenario.origin, what, scenario.resolved.seed, configuration, more)
    return Externality(scenario.origin, removed, run, other, command)


def _others(run: Run, removed: Removed) -> pl.DataFrame:
    """The jobs of a run that are not removed, with their numbers."""
    record = run.record
    number = np.flatnonzero(record.submitted_us >= 0)
    stays = ~removed.jobs_of(record.workload.jobs)[number]
    frame = run.jobs.select("job", "account", "stream", "session", "mode", "waiting_us")
    return frame.with_columns(number=number).filter(stays)


def _totals(rows: pl.DataFrame) -> Totals:
    both = rows.drop_nulls("difference_us")
    waiting, rest, difference = (both[name] for name in ("waiting_us", "waiting_without_us", "difference_us"))
    started, started_without = rows["waiting_us"].is_not_null(), rows["waiting_without_us"].is_not_null()
    return Totals(
        rows.height,
        both.height,
        int(waiting.sum()),
        int(rest.sum()),
        int(difference.sum()),
        int((difference > 0).sum()),
        int((difference < 0).sum()),
        int((started & ~started_without).sum()),
        int((started_without & ~started).sum()),
    )
