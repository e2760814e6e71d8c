"""Sources of drawn jobs: arrivals, iterative clients, batches. Each gives the rows of one stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.models import (
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedExplicit,
    ResolvedIterative,
    ResolvedJob,
    ResolvedSession,
)
from qsession_sim.scenario.service import GivenModel
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, OnFinish, OnRejection
from qsession_sim.units import format_duration
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    ClientColumns,
    Int64Array,
    JobColumns,
    ListedNames,
    NestedNames,
    NumberedNames,
    SessionColumns,
    constant,
    taken,
)
from qsession_sim.workload.distributions import counts, sample
from qsession_sim.workload.part import Part, Purpose, Setting, filled, source_error
from qsession_sim.workload.qpu_times import (
    DrawnSource,
    JobProperties,
    drawn_iterations,
    drawn_think_times_us,
    drawn_times_us,
    modelled_times_us,
    refuse_missing,
)
from qsession_sim.workload.qpus import drawn_phases, routes, session_qpus
from qsession_sim.workload.starts import check_rows, start_times_us
from qsession_sim.workload.users import drawn_accounts

# -- Sources that list their sessions and jobs one by one.


def draw_explicit(source: ResolvedExplicit, setting: Setting) -> Part:
    """Sessions and jobs in the given order.

    Columns `after` and `session` stay NEVER: ids may belong to another explicit source, so
    `numbers_of` fills them in when the rows of all sources are known.
    """
    return Part(
        jobs=_explicit_job_columns(source.jobs, setting),
        sessions=_explicit_session_columns(source.sessions, setting),
        clients=EMPTY_WORKLOAD.clients,
        job_names=ListedNames(tuple(job.id for job in source.jobs)),
        session_names=ListedNames(tuple(session.id for session in source.sessions)),
    )


def numbers_of(ids: Iterable[str | None], rows: Mapping[str, int], stream: str, what: str) -> Int64Array:
    """Row numbers of ids; NEVER where there is none.

    Raises:
        ScenarioError: if an id is not in `rows`; `stream` and `what` say where it stands.

    Example:
        >>> numbers_of(["b", None, "a"], {"a": 3, "b": 4}, "replay", "after").tolist()
        [4, -1, 3]
    """
    given = tuple(ids)
    unknown = sorted({name for name in given if name is not None and name not in rows})
    if unknown:
        raise ScenarioError(tuple(f"workload.{stream}: {what}: {name!r} does not exist" for name in unknown))
    return _column(None if name is None else rows[name] for name in given)


def _explicit_job_columns(jobs: tuple[ResolvedJob, ...], setting: Setting) -> JobColumns:
    unset = filled(len(jobs), NEVER)
    return JobColumns(
        at_us=_column(job.at for job in jobs),
        after=unset,
        think_us=_column(job.think or 0 for job in jobs),
        session=unset,
        client=unset,
        account=_column(setting.accounts[job.account] for job in jobs),
        stream=filled(len(jobs), setting.stream),
        qpu_time_us=_qpu_times_us(jobs, setting),
        max_execution_time_us=_column(job.max_execution_time for job in jobs),
        priority=_column(job.priority for job in jobs),
        cancel_us=_column(job.cancel for job in jobs),
        cancel_after_us=_column(job.cancel_after for job in jobs),
        qpu=_column(None if job.qpu is None else setting.qpus[job.qpu] for job in jobs),
        route=routes(setting, len(jobs), Purpose.ROUTE),
        preparation_us=_column(job.preparation or 0 for job in jobs),
        post_processing_us=_column(job.post_processing or 0 for job in jobs),
        estimate_us=_column(job.estimate for job in jobs),
    )


def _explicit_session_columns(sessions: tuple[ResolvedSession, ...], setting: Setting) -> SessionColumns:
    return SessionColumns(
        mode=_column(Mode[session.mode.upper()] for session in sessions),
        account=_column(setting.accounts[session.account] for session in sessions),
        stream=filled(len(sessions), setting.stream),
        client=filled(len(sessions), NEVER),
        created_us=_column(session.created for session in sessions),
        max_time_us=_column(session.max_time for session in sessions),
        interactive_timeout_us=_column(session.interactive_timeout for session in sessions),
        close_us=_column(session.close for session in sessions),
        cancel_us=_column(session.cancel for session in sessions),
        close_after_us=_column(session.close_after for session in sessions),
        cancel_after_us=_column(session.cancel_after for session in sessions),
        qpu=_column(None if session.qpu is None else setting.qpus[session.qpu] for session in sessions),
        route=routes(setting, len(sessions), Purpose.SESSION_ROUTE),
    )


def _qpu_times_us(jobs: tuple[ResolvedJob, ...], setting: Setting) -> Int64Array:
    """As given, or by the model; every job has its noise, so one job's key moves no other's."""
    for job in jobs:
        if job.qpu is not None and setting.models.get(job.qpu) != setting.service_time:
            continue  # it never comes to a QPU with this model
        if job.qpu_time is None and (job.circuits is None or job.shots is None):
            raise source_error(f"{setting.name}.{job.id}", "needs qpu_time, or circuits and shots")
        if job.qpu_time is None:
            refuse_missing(job, setting, f"{setting.name}.{job.id}")
    given_us = _column(job.qpu_time for job in jobs)
    if isinstance(setting.service_time, GivenModel):
        return given_us
    circuits = _numbers((job.circuits for job in jobs), setting, "circuits")
    shots = _numbers((job.shots for job in jobs), setting, "shots")
    modelled_us = modelled_times_us(
        JobProperties(
            circuits,
            shots,
            layers=_numbers((job.layers for job in jobs), setting, "layers"),
            qubits=_numbers((job.qubits for job in jobs), setting, "qubits"),
            depth=_numbers((job.depth for job in jobs), setting, "depth"),
        ),
        setting,
    )
    return np.where(given_us == NEVER, modelled_us, given_us)


def _numbers(values: Iterable[float | None], setting: Setting, what: str) -> Int64Array:
    given = np.fromiter((1.0 if value is None else value for value in values), dtype=np.float64)
    return counts(given, f"{setting.name}.{what}")


def _column(values: Iterable[int | None]) -> Int64Array:
    return np.fromiter((NEVER if value is None else value for value in values), dtype=np.int64)


def draw_arrivals(source: ResolvedArrivals, setting: Setting) -> Part:
    """Independent jobs in job mode, at the instants of an arrival process."""
    at_us = _starts_us(source, setting)
    unset = constant(len(at_us), NEVER)
    return Part(
        jobs=_job_columns(
            source,
            setting,
            at_us=at_us,
            after=unset,
            think_us=constant(len(at_us), 0),
            session=unset,
            client=unset,
            account=drawn_accounts(source, setting, len(at_us)),
        ),
        sessions=EMPTY_WORKLOAD.sessions,
        clients=EMPTY_WORKLOAD.clients,
        job_names=NumberedNames(source.name, len(at_us)),
        session_names=NumberedNames(source.name, 0),
    )


def draw_batches(source: ResolvedBatches, setting: Setting) -> Part:
    """Batches at the instants of an arrival process: all jobs submitted at the start, then closed.

    The close has the instant of the submissions and is served after them (S3).
    """
    start_us = _starts_us(source, setting)
    batches = len(start_us)
    jobs = counts(sample(source.jobs, setting.generator(Purpose.JOBS), batches), f"{source.name}.jobs")
    check_rows(float(jobs.sum(dtype=np.float64)), source.name)
    batch = np.repeat(np.arange(batches, dtype=np.int64), jobs)
    account = drawn_accounts(source, setting, batches)
    unset = constant(len(batch), NEVER)
    return Part(
        jobs=_job_columns(
            source,
            setting,
            at_us=start_us[batch],
            after=unset,
            think_us=constant(len(batch), 0),
            session=batch,
            client=unset,
            account=taken(account, batch),
        ),
        sessions=_session_columns(
            setting,
            mode=Mode.BATCH,
            max_time_us=source.max_time,
            interactive_timeout_us=source.interactive_timeout,
            client=constant(batches, NEVER),
            account=account,
            close_us=start_us,
        ),
        clients=EMPTY_WORKLOAD.clients,
        job_names=NestedNames(source.name, tuple(jobs.tolist())),
        session_names=NumberedNames(source.name, batches),
    )


def draw_iterative(source: ResolvedIterative, setting: Setting) -> Part:
    """Closed-loop clients (S64), client by client and iteration by iteration.

    Every iteration has its think time, circuits, shots and noise, in row order; the think time of a
    client's first iteration is drawn and not used. So one more client changes no earlier row.
    """
    name = source.name
    start_us = _client_starts_us(source, setting)
    clients = len(start_us)
    iterations = drawn_iterations(source, setting, clients)
    check_rows(float(iterations.sum(dtype=np.float64)), name)
    rows = int(iterations.sum())
    first_job = np.cumsum(iterations) - iterations
    at_us, after = filled(rows, NEVER), np.arange(-1, rows - 1, dtype=np.int64)
    at_us[first_job], after[first_job] = start_us, NEVER
    think_us = drawn_think_times_us(source, setting, rows)
    think_us[first_job] = 0
    number = np.arange(clients, dtype=np.int64)
    client = np.repeat(number, iterations)
    account = drawn_accounts(source, setting, clients)
    in_sessions = source.mode != "job"
    jobs = _job_columns(
        source,
        setting,
        at_us=at_us,
        after=after,
        think_us=think_us,
        session=client if in_sessions else constant(rows, NEVER),
        client=client,
        account=taken(account, client),
        iteration=None if source.shots_by_iteration is None else np.arange(1, rows + 1) - first_job[client],
    )
    _refuse_endless_retries(source, setting, jobs.qpu_time_us)
    return Part(
        jobs=jobs,
        sessions=_client_sessions(source, setting, number, account)
        if in_sessions
        else EMPTY_WORKLOAD.sessions,
        clients=ClientColumns(
            first_job=first_job,
            jobs=iterations,
            session=number if in_sessions else constant(clients, NEVER),
            on_finish=constant(clients, OnFinish[source.on_finish.upper()]),
            on_error=constant(clients, OnError[source.on_error.upper()]),
            on_rejection=constant(clients, OnRejection[source.on_rejection.upper()]),
        ),
        job_names=NestedNames(name, tuple(iterations.tolist())),
        session_names=NumberedNames(name, clients if in_sessions else 0),
    )


def _starts_us(source: ResolvedArrivals | ResolvedBatches, setting: Setting) -> Int64Array:
    before_us = source.until
    if before_us is None and source.count is None:
        # S6: nothing is submitted at the horizon itself
        before_us = setting.horizon_us
    return start_times_us(source, setting, count=source.count, before_us=before_us)


def _client_starts_us(source: ResolvedIterative, setting: Setting) -> Int64Array:
    check_rows(source.clients, source.name)
    if source.start is None:
        return constant(source.clients, 0)
    return start_times_us(source.start, setting, count=source.clients, before_us=None)


def _job_columns(
    source: DrawnSource,
    setting: Setting,
    *,
    at_us: Int64Array,
    after: Int64Array,
    think_us: Int64Array,
    session: Int64Array,
    client: Int64Array,
    account: Int64Array,
    iteration: Int64Array | None = None,
) -> JobColumns:
    rows = len(at_us)
    unset = constant(rows, NEVER)
    limit_us = source.max_execution_time

    def times_us(plain: Setting) -> Int64Array:
        return drawn_times_us(source, plain, rows, iteration)

    qpu_time_us = times_us(setting)
    return JobColumns(
        at_us=at_us,
        after=after,
        think_us=think_us,
        session=session,
        client=client,
        account=account,
        stream=constant(rows, setting.stream),
        qpu_time_us=qpu_time_us,
        max_execution_time_us=unset if limit_us is None else constant(rows, limit_us),
        priority=constant(rows, source.priority),
        cancel_us=unset,
        cancel_after_us=unset,
        **drawn_phases(source, setting, qpu_time_us, times_us),
    )


def _client_sessions(
    source: ResolvedIterative, setting: Setting, number: Int64Array, account: Int64Array
) -> SessionColumns:
    if source.max_time is None or source.interactive_timeout is None:
        raise source_error(source.name, f"mode {source.mode} needs max_time and interactive_timeout")
    return _session_columns(
        setting,
        mode=Mode[source.mode.upper()],
        max_time_us=source.max_time,
        interactive_timeout_us=source.interactive_timeout,
        client=number,
        account=account,
        close_us=constant(len(number), NEVER),
    )


def _session_columns(
    setting: Setting,
    *,
    mode: Mode,
    max_time_us: int,
    interactive_timeout_us: int,
    client: Int64Array,
    account: Int64Array,
    close_us: Int64Array,
) -> SessionColumns:
    rows = len(client)
    unset = constant(rows, NEVER)
    return SessionColumns(
        mode=constant(rows, mode),
        account=account,
        stream=constant(rows, setting.stream),
        client=client,
        created_us=unset,  # S9: its first submission creates it
        max_time_us=constant(rows, max_time_us),
        interactive_timeout_us=constant(rows, interactive_timeout_us),
        close_us=close_us,
        cancel_us=unset,
        close_after_us=unset,
        cancel_after_us=unset,
        **session_qpus(setting, rows),
    )


def _refuse_endless_retries(source: ResolvedIterative, setting: Setting, qpu_time_us: Int64Array) -> None:
    """A job that S44 cuts is cut again at every retry (S65): in a run without a horizon, for ever."""
    limits = [limit for limit in (source.max_execution_time, setting.execution_limit_us) if limit is not None]
    if source.on_error != "retry" or setting.horizon_us is not None or not limits or _ends_rejected(source):
        return
    over = np.count_nonzero(qpu_time_us > min(limits))
    if over:
        raise source_error(
            source.name,
            f"{over} of {len(qpu_time_us)} jobs need more QPU time than max_execution_time "
            f"({format_duration(min(limits))}) and would be retried for ever; give a horizon, "
            "on_error: stop or continue, shorter jobs or a longer max_execution_time",
        )


def _ends_rejected(source: ResolvedIterative) -> bool:
    """Whether a client that goes on retrying meets a rejection that ends it."""
    if source.mode == "job" or source.max_time is None:
        return False
    # S24 rejects its first submission; otherwise S16 closes its session, and S66 says what follows
    never_admitted = source.max_execution_time is not None and source.max_execution_time > source.max_time
    return never_admitted or source.on_rejection == "give_up"
