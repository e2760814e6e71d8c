"""Draw a workload: all randomness of a run is spent here, before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, islice
from pathlib import Path
from typing import assert_never

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.accounts import AccountPlans
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.sources import (
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedExplicit,
    ResolvedIterative,
    ResolvedProgram,
    ResolvedSource,
    ResolvedTrace,
)
from qsession_sim.scheduler.plan import QpuSpec
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    ClientColumns,
    Int64Array,
    JobColumns,
    SessionColumns,
    Workload,
    constant,
    is_constant,
    shifted,
)
from qsession_sim.workload.context import SourceContext, SourceRows, Streams, source_error
from qsession_sim.workload.distributions import NoValueError
from qsession_sim.workload.qpu_times import DrawnSource
from qsession_sim.workload.qpus import drawn_windows, reserved_accounts, rows_on_qpus
from qsession_sim.workload.sources import (
    accounts_of,
    client_starts_us,
    draw_arrivals,
    draw_batches,
    draw_explicit,
    draw_iterative,
    numbers_of,
    with_users,
)
from qsession_sim.workload.trace import Trace, draw_trace, read_trace


def draw(scenario: ResolvedScenario, directory: str | Path = ".") -> Workload:
    """Draw every job, session and client of a scenario.

    Rows are numbered source by source: explicit ones as given, iterative ones client by client, batches
    batch by batch. Every source draws each of its columns from a generator of its own, so that adding,
    removing or moving a source changes no other source's rows, and a policy changes nothing at all (S7).

    Args:
        scenario: in resolved form.
        directory: where relative names of traces start, such as `Scenario.directory`.

    Returns:
        The workload. Its streams are the sources in order; its accounts are those listed in the scenario,
        else those used, in order of first use (in an explicit source sessions come before jobs; users by
        number, also those who submit nothing). Every source has one block of job names and one of session
        names, which may be empty.

    Raises:
        ScenarioError: if something drawn cannot be used: a time beyond 2**62 us, more than 100 million rows,
            a job that would be retried for ever, an unknown reference, or a malformed line of a trace.

    Example:
        >>> from qsession_sim.scenario.models import ResolvedScenario
        >>> scenario = ResolvedScenario.model_validate({
        ...     "schema_version": 1, "title": "Two jobs", "seed": 7, "start": "2024-04-02T08:00:00Z",
        ...     "horizon": None, "warm_up": "0s", "profile": "2024-04",
        ...     "rules": {"max_time_ends_as": "error", "unused_timeout": "30m", "max_execution_time": "3h"},
        ...     "qpus": [{"name": "torino", "simulator": False, "service_time": {
        ...         "model": "executions", "overhead": "2s", "per_execution": "350us",
        ...         "noise": {"kind": "none"}}}],
        ...     "policies": {"queue": {"name": "fifo"}, "hold": {"name": "exclusive"}}, "accounts": None,
        ...     "workload": [{
        ...         "kind": "arrivals", "name": "everyday", "account": "lab",
        ...         "interarrival": {"kind": "constant", "value": "90s"}, "count": 2, "until": None,
        ...         "qpu_time": {"kind": "constant", "value": "10s"}, "circuits": None, "shots": None,
        ...         "max_execution_time": None, "priority": 0}],
        ... })
        >>> workload = draw(scenario)
        >>> workload.jobs.at_us.tolist(), workload.jobs.qpu_time_us.tolist()
        ([90000000, 180000000], [10000000, 10000000])
    """
    traces = {
        stream: read_trace(source, Path(directory))
        for stream, source in enumerate(scenario.workload)
        if isinstance(source, ResolvedTrace)
    }
    accounts, streams = _accounts(scenario, traces), Streams(scenario.seed)
    parts = [
        _source_rows(scenario, stream, accounts, traces.get(stream), streams)
        for stream in range(len(scenario.workload))
    ]
    if traces and len(parts) > 1:
        parts = _with_own_names(parts, [source.name for source in scenario.workload])
    workload = _assemble(scenario.workload, parts, accounts)
    return replace(
        workload,
        qpus=tuple(qpu.name for qpu in scenario.qpus),
        qpu_specs=tuple(QpuSpec(qpu.lanes, qpu.simulator) for qpu in scenario.qpus),
        windows=drawn_windows(scenario, accounts, streams),
        drawn_for=frozenset(purpose.name.lower() for purpose in streams.used),
    )


def _source_rows(
    scenario: ResolvedScenario,
    stream: int,
    accounts: tuple[str, ...],
    trace: Trace | None,
    streams: Streams,
) -> SourceRows:
    """The rows of a source, with QPU times for each QPU where the service-time models differ (S54)."""
    source = scenario.workload[stream]
    context = _context(scenario, stream, accounts, streams)
    try:
        return rows_on_qpus(
            scenario,
            source,
            lambda model: _drawn(source, replace(context, service_time=model), trace),
        )
    except NoValueError as error:
        # a distribution does not know whose it is
        raise source_error(source.name, str(error)) from None


def program_starts_us(scenario: ResolvedScenario, source: ResolvedProgram) -> Int64Array:
    """When each client of a program starts, in microseconds; shape (clients,).

    Raises:
        ScenarioError: for a start beyond 2**62 us.
    """
    accounts = _accounts(scenario, {})
    return client_starts_us(
        source, _context(scenario, scenario.workload.index(source), accounts, Streams(scenario.seed))
    )


def _context(
    scenario: ResolvedScenario, stream: int, accounts: tuple[str, ...], streams: Streams
) -> SourceContext:
    """What a source knows."""
    source = scenario.workload[stream]
    qpus = {qpu.name: number for number, qpu in enumerate(scenario.qpus)}
    own = getattr(source, "qpu", None)
    return SourceContext(
        scenario=scenario,
        streams=streams,
        service_time=scenario.qpus[0].service_time,
        accounts={name: number for number, name in enumerate(accounts)},
        stream=stream,
        name=source.name,
        plans=AccountPlans.of_accounts(scenario.profile, scenario.accounts, scenario.plans),
        qpu=NEVER if own is None else qpus[own],
        qpus=qpus,
    )


def _drawn(source: ResolvedSource, context: SourceContext, trace: Trace | None) -> SourceRows:
    match source:
        case ResolvedExplicit():
            return draw_explicit(source, context)
        case ResolvedArrivals():
            return draw_arrivals(source, context)
        case ResolvedIterative():
            return draw_iterative(source, context)
        case ResolvedBatches():
            return draw_batches(source, context)
        case ResolvedTrace():
            assert trace is not None
            return draw_trace(source, context, trace)
        case ResolvedProgram():  # submits while the run lasts
            return SourceRows(EMPTY_WORKLOAD.jobs, job_names=())
        case _:
            assert_never(source)


def _accounts(scenario: ResolvedScenario, traces: Mapping[int, Trace]) -> tuple[str, ...]:
    used: dict[str, str] = {}  # each name, with what to say if it is not listed
    for stream, source in enumerate(scenario.workload):
        names = traces[stream].accounts(source) if stream in traces else accounts_of(source)
        for name in names:
            written = source.account if isinstance(source, DrawnSource) else name
            used.setdefault(name, f"workload.{source.name}: account {written!r} is not in accounts")
    if scenario.accounts is None:
        return tuple(dict.fromkeys([*used, *reserved_accounts(scenario)]))
    listed = with_users([account.name for account in scenario.accounts], scenario.workload)
    listed = tuple(dict.fromkeys([*listed, *reserved_accounts(scenario)]))
    known = frozenset(listed)
    unknown = dict.fromkeys(problem for name, problem in used.items() if name not in known)
    if unknown:
        raise ScenarioError(tuple(unknown))
    return listed


def _with_own_names(parts: Sequence[SourceRows], streams: Sequence[str]) -> list[SourceRows]:
    """Let no two jobs, and no two sessions, have one id (S67).

    Where an id is one of an earlier source too, all ids of the later one begin with the name of its source.
    """
    known: tuple[set[str], set[str]] = (set(), set())
    kept = []
    for part, stream in zip(parts, streams, strict=True):
        names = [tuple(part.job_names), tuple(part.session_names)]
        if any(before.intersection(own) for before, own in zip(known, names, strict=True)):
            names = [tuple(f"{stream}/{name}" for name in own) for own in names]
            part = replace(part, job_names=names[0], session_names=names[1])  # noqa: PLW2901
        for before, own in zip(known, names, strict=True):
            for name in before.intersection(own):
                what = (
                    f"{name!r} is the id of two jobs or sessions; replay the trace on its own, or rename it"
                )
                raise ScenarioError((f"workload: {what}",))
            before.update(own)
        kept.append(part)
    return kept


def _assemble(
    sources: Sequence[ResolvedSource], parts: Sequence[SourceRows], accounts: tuple[str, ...]
) -> Workload:
    job_offsets = _offsets([len(part.jobs) for part in parts])
    session_offsets = _offsets([len(part.sessions) for part in parts])
    client_offsets = _offsets([len(part.clients) for part in parts])
    offsets = {
        "after": job_offsets,
        "first_job": job_offsets,
        "session": session_offsets,
        "client": client_offsets,
    }
    jobs = _joined(JobColumns, [part.jobs for part in parts], offsets)
    more_after = _link(sources, jobs, job_offsets, session_offsets)
    return Workload(
        jobs=JobColumns(**jobs),
        sessions=SessionColumns(**_joined(SessionColumns, [part.sessions for part in parts], offsets)),
        clients=ClientColumns(**_joined(ClientColumns, [part.clients for part in parts], offsets)),
        accounts=accounts,
        streams=tuple(source.name for source in sources),
        job_names=tuple(part.job_names for part in parts),
        session_names=tuple(part.session_names for part in parts),
        left_out=tuple(part.left_out for part in parts if part.left_out is not None),
        qpu_times_us=_by_qpu([(part.qpu_times_us, part.jobs.qpu_time_us) for part in parts]),
        estimates_us=_by_qpu([(part.estimates_us, part.jobs.estimate_us) for part in parts]),
        more_after=more_after
        | {
            first + row: tuple(first + other for other in others)
            for part, first in zip(parts, job_offsets, strict=True)
            for row, others in part.more_after.items()
        },
    )


def _link(
    sources: Sequence[ResolvedSource],
    jobs: dict[str, Int64Array],
    job_offsets: list[int],
    session_offsets: list[int],
) -> dict[int, tuple[int, ...]]:
    """Fill in which rows explicit jobs refer to, also those of other explicit sources.

    Returns:
        The further jobs of those that follow several (S5).
    """
    listed = [
        (source, first_job, first_session)
        for source, first_job, first_session in zip(sources, job_offsets, session_offsets, strict=True)
        if isinstance(source, ResolvedExplicit)
    ]
    if listed:  # otherwise a column may be that of a source, which cannot be written to
        jobs["after"], jobs["session"] = jobs["after"].copy(), jobs["session"].copy()
    job_rows = {job.id: first + row for source, first, _ in listed for row, job in enumerate(source.jobs)}
    session_rows = {
        session.id: first + row for source, _, first in listed for row, session in enumerate(source.sessions)
    }
    more: dict[int, tuple[int, ...]] = {}
    for source, first, _ in listed:
        rows = slice(first, first + len(source.jobs))
        names = (name for job in source.jobs for name in job.after or ())
        found = iter(numbers_of(names, job_rows, source.name, "after").tolist())
        after = [sorted(islice(found, len(job.after or ()))) for job in source.jobs]
        jobs["after"][rows] = [numbers[0] if numbers else NEVER for numbers in after]
        more |= {first + row: tuple(numbers[1:]) for row, numbers in enumerate(after) if len(numbers) > 1}
        jobs["session"][rows] = numbers_of(
            (job.session for job in source.jobs), session_rows, source.name, "session"
        )
    return more


def _offsets(lengths: list[int]) -> list[int]:
    return [0, *accumulate(lengths)][: len(lengths)]


def _joined(
    table: type[JobColumns | SessionColumns | ClientColumns],
    parts: Sequence[JobColumns | SessionColumns | ClientColumns],
    offsets: dict[str, list[int]],
) -> dict[str, Int64Array]:
    """Columns of all parts after one another, numbers of rows shifted to count over all parts."""
    joined: dict[str, Int64Array] = {}
    for name in table.items():
        columns: list[Int64Array] = [getattr(part, name) for part in parts]
        if name in offsets:
            columns = list(map(shifted, columns, offsets[name]))
        joined[name] = _concatenated(columns)
    return joined


def _by_qpu(parts: Sequence[tuple[tuple[Int64Array, ...], Int64Array]]) -> tuple[Int64Array, ...]:
    """A column for each QPU, if those of any part differ; of the others the one that holds for all."""
    qpus = max((len(columns) for columns, _ in parts), default=0)
    return tuple(
        _concatenated([columns[qpu] if columns else column for columns, column in parts])
        for qpu in range(qpus)
    )


def _concatenated(columns: Sequence[Int64Array]) -> Int64Array:
    """One after the other, without a copy of a single one and in little memory if all have one value."""
    columns = [column for column in columns if len(column)] or columns[:1]
    if len(columns) == 1:
        return columns[0]
    values = {int(column[0]) for column in columns}
    if len(values) == 1 and all(is_constant(column) for column in columns):
        return constant(sum(map(len, columns)), values.pop())
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])
