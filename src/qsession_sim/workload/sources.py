"""Sources whose jobs are listed or drawn: explicit ones, arrivals, iterative clients and batches.

Each gives the rows of one stream. The value of a key of jobs or sessions becomes their column of the same
name; only what follows from something else has code of its own. Who submits them follows at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Final, cast

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.queueing.statistics import Float64Array
from qsession_sim.scenario.accounts import REFUSED_FROM, HumanAccount, ResolvedPlan, is_refused
from qsession_sim.scenario.distributions import AnyDistribution, Bounded
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.service import GivenModel
from qsession_sim.scenario.sources import (
    Activity,
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedExplicit,
    ResolvedIterative,
    ResolvedJob,
    ResolvedProgram,
    ResolvedSession,
    ResolvedSource,
    ResolvedTrace,
    Zipf,
)
from qsession_sim.scheduler.plan import JobFields
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, OnFinish, OnRejection
from qsession_sim.units import LONGEST_US, format_duration
from qsession_sim.workload.columns import (
    ClientColumns,
    Int64Array,
    JobColumns,
    NestedNames,
    NumberedNames,
    SessionColumns,
    constant,
    taken,
)
from qsession_sim.workload.context import Purpose, SourceContext, SourceRows, filled, source_error
from qsession_sim.workload.distributions import (
    chosen_places,
    counts,
    durations_us,
    sample,
    sampled_durations_us,
)
from qsession_sim.workload.qpu_times import (
    DrawnSource,
    JobProperties,
    drawn_estimates_us,
    drawn_times_us,
    modelled_times_us,
    refuse_missing,
)
from qsession_sim.workload.starts import check_rows, start_times_us

_LARGEST_ROUTE: Final = 2**62

_DERIVED: Final = {"after", "session", "client", "account", "stream", "qpu", "route", "qpu_time_us", "mode"}
"""Columns of jobs and sessions that are not simply the value of a key."""


def _said(columns: type[JobColumns | SessionColumns]) -> dict[str, str]:
    """The other columns, with the key of a scenario that gives their value: `close_us` is that of `close`."""
    names = [column.name for column in fields(columns) if column.name not in _DERIVED]
    return {name: name.removesuffix("_us") for name in names}


_SAID_OF_JOBS: Final = _said(JobColumns)
_SAID_OF_SESSIONS: Final = _said(SessionColumns)
_DEFAULTS: Final = {
    column.name: column.default for column in fields(JobFields) if column.default is not MISSING
}


def job_columns(context: SourceContext, rows: int, **given: Int64Array) -> JobColumns:
    """The columns of the jobs of one source.

    Args:
        context: of the source.
        rows: how many jobs there are.
        given: columns of `JobColumns`, each of shape (rows,); others hold the default of `JobSpec`.
    """
    columns = {name: constant(rows, default) for name, default in _DEFAULTS.items()}
    return JobColumns(**{**columns, **_placed(context, rows, Purpose.ROUTE), **given})


def session_columns(context: SourceContext, rows: int, **given: Int64Array) -> SessionColumns:
    """The columns of the sessions of one source, as `job_columns`; others say that nothing was given."""
    columns = dict.fromkeys(SessionColumns.items(), constant(rows, NEVER))
    return SessionColumns(**{**columns, **_placed(context, rows, Purpose.SESSION_ROUTE), **given})


def _placed(context: SourceContext, rows: int, purpose: Purpose) -> dict[str, Int64Array]:
    """The stream and the QPU of rows, and where there is a choice of QPUs a random number for each (S54).

    The numbers are drawn whatever the routing policy is, so that policies are compared on one workload.
    """
    route = constant(rows, 0)
    if context.qpu == NEVER and sum(not qpu.simulator for qpu in context.scenario.qpus) > 1:
        route = context.generator(purpose).integers(0, _LARGEST_ROUTE, size=rows)
    return {"stream": constant(rows, context.stream), "qpu": constant(rows, context.qpu), "route": route}


def said_of_all(
    source: DrawnSource | ResolvedTrace, context: SourceContext, rows: int
) -> dict[str, Int64Array]:
    """The columns of jobs for which a source gives one value for all of them, or a distribution of durations.

    Raises:
        ScenarioError: if a duration is longer than 2**62 us.
    """
    columns = {}
    for name, key in _SAID_OF_JOBS.items():
        value = getattr(source, key, None)
        if isinstance(value, int):
            columns[name] = constant(rows, value)
        elif isinstance(value, Bounded):
            generator = context.generator(Purpose[key.upper()])
            durations = cast("AnyDistribution", value)
            columns[name] = sampled_durations_us(durations, generator, rows, f"{context.name}.{key}")
    return columns


# -- Sources that list their sessions and jobs one by one.


def draw_explicit(source: ResolvedExplicit, context: SourceContext) -> SourceRows:
    """Sessions and jobs in the given order.

    Columns `after` and `session` stay NEVER: ids may belong to another explicit source, so
    `numbers_of` fills them in when the rows of all sources are known.
    """
    jobs, sessions = source.jobs, source.sessions
    said = {
        name: _column((getattr(job, key) for job in jobs), _DEFAULTS[name])
        for name, key in _SAID_OF_JOBS.items()
    }
    said_of_sessions = {
        name: _column(getattr(session, key) for session in sessions)
        for name, key in _SAID_OF_SESSIONS.items()
    }
    return SourceRows(
        jobs=job_columns(
            context, len(jobs), **_owned(jobs, context), qpu_time_us=_qpu_times_us(jobs, context), **said
        ),
        job_names=tuple(job.id for job in jobs),
        sessions=session_columns(
            context,
            len(sessions),
            mode=_column(Mode[session.mode.upper()] for session in sessions),
            **_owned(sessions, context),
            **said_of_sessions,
        ),
        session_names=tuple(session.id for session in sessions),
    )


def _owned(
    listed: tuple[ResolvedJob, ...] | tuple[ResolvedSession, ...], context: SourceContext
) -> dict[str, Int64Array]:
    return {
        "account": _column(context.accounts[one.account] for one in listed),
        "qpu": _column(None if one.qpu is None else context.qpus[one.qpu] for one in listed),
    }


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


def _qpu_times_us(jobs: tuple[ResolvedJob, ...], context: SourceContext) -> Int64Array:
    """As given, or by the model; every job has its noise, so one job's key moves no other's."""
    for job in jobs:
        qpu = None if job.qpu is None else context.scenario.qpus[context.qpus[job.qpu]]
        if qpu is not None and qpu.service_time != context.service_time:
            continue  # it never comes to a QPU with this model
        if job.qpu_time is None and (job.circuits is None or job.shots is None):
            raise source_error(f"{context.name}.{job.id}", "needs qpu_time, or circuits and shots")
        if job.qpu_time is None:
            refuse_missing(job, context, f"{context.name}.{job.id}")
    given_us = _column(job.qpu_time for job in jobs)
    if isinstance(context.service_time, GivenModel):
        return given_us

    def numbers(key: str) -> Int64Array:
        values = (getattr(job, key) for job in jobs)
        given = np.fromiter((1.0 if value is None else value for value in values), dtype=np.float64)
        return counts(given, f"{context.name}.{key}")

    modelled_us = modelled_times_us(JobProperties.of(numbers), context)
    return np.where(given_us == NEVER, modelled_us, given_us)


def _column(values: Iterable[int | None], missing: int = NEVER) -> Int64Array:
    return np.fromiter((missing if value is None else value for value in values), dtype=np.int64)


# -- Sources that draw their jobs.


def draw_arrivals(source: ResolvedArrivals, context: SourceContext) -> SourceRows:
    """Independent jobs in job mode, at the instants of an arrival process."""
    at_us = _starts_us(source, context)
    rows = len(at_us)
    return SourceRows(
        jobs=_drawn_jobs(source, context, rows, at_us=at_us, account=drawn_accounts(source, context, rows)),
        job_names=NumberedNames(source.name, rows),
    )


def draw_batches(source: ResolvedBatches, context: SourceContext) -> SourceRows:
    """Batches at the instants of an arrival process: all jobs submitted at the start, then closed.

    The close has the instant of the submissions and is served after them (S3).
    """
    start_us = _starts_us(source, context)
    batches = len(start_us)
    jobs = counts(sample(source.jobs, context.generator(Purpose.JOBS), batches), f"{source.name}.jobs")
    check_rows(float(jobs.sum(dtype=np.float64)), source.name)
    batch = np.repeat(np.arange(batches, dtype=np.int64), jobs)
    account = drawn_accounts(source, context, batches)
    return SourceRows(
        jobs=_drawn_jobs(
            source, context, len(batch), at_us=start_us[batch], session=batch, account=taken(account, batch)
        ),
        job_names=NestedNames(source.name, tuple(jobs.tolist())),
        sessions=_drawn_sessions(source, context, Mode.BATCH, account=account, close_us=start_us),
        session_names=NumberedNames(source.name, batches),
    )


def draw_iterative(source: ResolvedIterative, context: SourceContext) -> SourceRows:
    """Closed-loop clients (S64), client by client and iteration by iteration.

    Every iteration has its think time, circuits, shots and noise, in row order; the think time of a
    client's first iteration is drawn and not used. So one more client changes no earlier row.
    """
    name = source.name
    start_us = client_starts_us(source, context)
    clients = len(start_us)
    iterations = _iterations(source, context, clients)
    check_rows(float(iterations.sum(dtype=np.float64)), name)
    rows = int(iterations.sum())
    first_job = np.cumsum(iterations) - iterations
    at_us, after = filled(rows, NEVER), np.arange(-1, rows - 1, dtype=np.int64)
    at_us[first_job], after[first_job] = start_us, NEVER
    think_us = _think_times_us(source, context, rows)
    think_us[first_job] = 0
    number = np.arange(clients, dtype=np.int64)
    client = np.repeat(number, iterations)
    account = drawn_accounts(source, context, clients)
    in_sessions = source.mode != "job"
    jobs = _drawn_jobs(
        source,
        context,
        rows,
        iteration=None if source.shots_by_iteration is None else np.arange(1, rows + 1) - first_job[client],
        at_us=at_us,
        after=after,
        think_us=think_us,
        session=client if in_sessions else constant(rows, NEVER),
        client=client,
        account=taken(account, client),
    )
    _refuse_endless_retries(source, context, jobs)
    clients_in = ClientColumns(
        first_job=first_job,
        jobs=iterations,
        session=number if in_sessions else constant(clients, NEVER),
        on_finish=constant(clients, OnFinish[source.on_finish.upper()]),
        on_error=constant(clients, OnError[source.on_error.upper()]),
        on_rejection=constant(clients, OnRejection[source.on_rejection.upper()]),
        poll_us=constant(clients, source.poll_interval or NEVER),
    )
    part = SourceRows(jobs=jobs, job_names=NestedNames(name, tuple(iterations.tolist())), clients=clients_in)
    if not in_sessions:
        return part
    sessions = _drawn_sessions(source, context, Mode[source.mode.upper()], client=number, account=account)
    return replace(part, sessions=sessions, session_names=NumberedNames(name, clients))


def _iterations(source: ResolvedIterative, context: SourceContext, clients: int) -> Int64Array:
    """Iterations of each client, early stops included; shape (clients,).

    Whether a client stops after an iteration is a trial of its own, so their number is geometric:
    P(more than k trials) = (1 - probability)^k, drawn by inversion from one uniform number a client.
    """
    values = sample(source.iterations, context.generator(Purpose.ITERATIONS), clients)
    iterations = counts(values, f"{source.name}.iterations")
    stop = source.early_stop
    if stop is None or stop.probability == 0:
        return iterations
    uniform = context.generator(Purpose.EARLY_STOP).random(clients)
    with np.errstate(divide="ignore", over="ignore"):
        failures = np.floor(np.log1p(-uniform) / np.log1p(-stop.probability))
    last = np.minimum(stop.after + failures, iterations)
    # as a float, a number of iterations may be above itself
    stopped: Int64Array = np.minimum(last.astype(np.int64), iterations)
    return stopped


def _think_times_us(source: ResolvedIterative, context: SourceContext, rows: int) -> Int64Array:
    """Time before each iteration, a pause where there is one; shape (rows,).

    Every iteration has a think time, a pause and a trial between them, so that another probability leaves
    the times themselves as they are.
    """
    path = f"{source.name}.think_time"
    think_us = sampled_durations_us(source.think_time, context.generator(Purpose.THINK), rows, path)
    pauses = source.pauses
    if pauses is None:
        return think_us
    paused = context.generator(Purpose.PAUSE).random(rows) < pauses.probability
    values = sample(pauses.duration, context.generator(Purpose.PAUSE_DURATION), rows)
    return np.where(paused, durations_us(values, f"{source.name}.pauses.duration"), think_us)


def _starts_us(source: ResolvedArrivals | ResolvedBatches, context: SourceContext) -> Int64Array:
    before_us = source.until
    if before_us is None and source.count is None:
        # S6: nothing is submitted at the horizon itself
        before_us = context.scenario.horizon
    return start_times_us(source, context, count=source.count, before_us=before_us)


def client_starts_us(source: ResolvedIterative | ResolvedProgram, context: SourceContext) -> Int64Array:
    """When each client of a source starts; shape (clients,)."""
    check_rows(source.clients, source.name)
    if source.start is None:
        return constant(source.clients, 0)
    return start_times_us(source.start, context, count=source.clients, before_us=None)


def _drawn_jobs(
    source: DrawnSource,
    context: SourceContext,
    rows: int,
    iteration: Int64Array | None = None,
    **given: Int64Array,
) -> JobColumns:
    """Jobs with what is drawn of each of them, and the given columns."""

    def times_us(plain: SourceContext) -> Int64Array:
        return drawn_times_us(source, plain, rows, iteration)

    qpu_time_us = times_us(context)
    said = said_of_all(source, context, rows)
    if source.estimate is not None:
        said["estimate_us"] = drawn_estimates_us(source.estimate, context, qpu_time_us, times_us)
    return job_columns(context, rows, qpu_time_us=qpu_time_us, **said, **given)


def _drawn_sessions(
    source: ResolvedIterative | ResolvedBatches, context: SourceContext, mode: Mode, **given: Int64Array
) -> SessionColumns:
    """One session for each account in the given columns; its first submission creates it (S9)."""
    if source.max_time is None or source.interactive_timeout is None:
        raise source_error(source.name, f"mode {mode.name.lower()} needs max_time and interactive_timeout")
    rows = len(given["account"])
    return session_columns(
        context,
        rows,
        mode=constant(rows, mode),
        max_time_us=constant(rows, source.max_time),
        interactive_timeout_us=constant(rows, source.interactive_timeout),
        **given,
    )


def _refuse_endless_retries(source: ResolvedIterative, context: SourceContext, jobs: JobColumns) -> None:
    """A job that S44 cuts is cut again at every retry (S65): in a run without a horizon, for ever."""
    if source.on_error != "retry" or context.scenario.horizon is not None:
        return
    _refuse_impatient_retries(source, context, jobs)
    limits = (source.max_execution_time, context.scenario.rules.max_execution_time)
    limit_us = min((limit for limit in limits if limit is not None), default=LONGEST_US)
    over = np.flatnonzero(jobs.qpu_time_us > limit_us)
    if not len(over) or _ends_rejected(source, context):
        return
    if not _is_limited(source, context, limit_us, limit_us + int(jobs.preparation_us[over].max())):
        plan = context.plans.of(source.account)
        would = "would" if plan.quota is None and plan.submission_rate is None else "may"
        raise source_error(
            source.name,
            f"{len(over)} of {len(jobs)} jobs need more QPU time than max_execution_time "
            f"({format_duration(limit_us)}) and {would} be retried for ever; give a horizon, "
            "on_error: stop or continue, shorter jobs or a longer max_execution_time",
        )


def _refuse_impatient_retries(source: ResolvedIterative, context: SourceContext, jobs: JobColumns) -> None:
    """A job that reneges while it is prepared (S27) does so again at every retry."""
    hasty = (jobs.patience_us != NEVER) & (jobs.patience_us <= jobs.preparation_us)
    over = np.flatnonzero(hasty)
    # S16: the session of a client whose first job never starts is never closed by its max_time
    given_up = _ends_rejected(source, context) and not np.any(hasty & (jobs.after == NEVER))
    if len(over) and not given_up and not _is_limited(source, context, 0, int(jobs.patience_us[over].max())):
        raise source_error(
            source.name,
            f"the patience of {len(over)} of {len(jobs)} jobs is over before they are prepared, and they may "
            "be retried for ever; give a horizon, on_error: stop or continue, or a longer patience",
        )


def _is_limited(source: ResolvedIterative, context: SourceContext, limit_us: int, attempt_us: int) -> bool:
    """Whether a quota or a rate is certain to reject a retry, which ends the client (S60, S66).

    Where it retries, it has just noticed (S64) that an attempt of `limit_us` on the QPU has ended. How long
    that waited is known only of a client that is alone once all else is over: not at all, so that it takes
    `attempt_us`, and the next one begins at the poll after that.
    """
    plan, is_alone = context.plans.of(source.account), _has_one_retrying_client(context.scenario)
    quota, rate, poll_us = plan.quota, plan.submission_rate, source.poll_interval or 1
    cycle_us = -(-attempt_us // poll_us) * poll_us
    unnoticed_us = cycle_us - attempt_us if is_alone else poll_us - 1
    if quota is not None:
        attempts, rest_us = divmod(quota.window, cycle_us) if is_alone else (0, quota.window)
        if quota.usage <= attempts * limit_us + min(limit_us, max(rest_us - unnoticed_us, 0)):
            return True
    return is_alone and rate is not None and rate.count * cycle_us < rate.window


def _has_one_retrying_client(scenario: ResolvedScenario) -> bool:
    """Whether one client retries at most, and no window ever comes between its attempts (S52, S65)."""
    sources = [source for source in scenario.workload if isinstance(source, ResolvedIterative)]
    clients = sum(source.clients for source in sources if source.on_error == "retry")
    return clients <= 1 and not any(qpu.windows for qpu in scenario.qpus)


def _ends_rejected(source: ResolvedIterative, context: SourceContext) -> bool:
    """Whether a client that goes on retrying meets a rejection that ends it."""
    if source.mode == "job" or source.max_time is None:
        return False
    # S24 rejects its first submission; otherwise S16 closes its session, and S66 says what follows
    never_admitted = source.max_execution_time is not None and source.max_execution_time > source.max_time
    # S23 rejects its session calls from some day on; by then it may have gone on in job mode
    own = [account for account in context.scenario.accounts or () if account.name == source.account]
    too_old = any(account.client is not None and is_refused(account.client) for account in own)
    stays = source.on_rejection == "new_session" or context.scenario.start >= REFUSED_FROM
    return never_admitted or source.on_rejection == "give_up" or (too_old and stays)


# -- Users: who of a population submits what.


def accounts_of(source: ResolvedSource) -> tuple[str, ...]:
    """The accounts that submit jobs or open sessions of a source, as it names them, or of its users in order.

    Those of a trace without an account are in its file.
    """
    if isinstance(source, ResolvedExplicit):
        return (*(session.account for session in source.sessions), *(job.account for job in source.jobs))
    if isinstance(source, ResolvedTrace):
        return () if source.account is None else (source.account,)
    if isinstance(source, ResolvedProgram) or source.users is None:
        return (source.account,)
    return tuple(f"{source.account}-{number}" for number in range(1, source.users.count + 1))


def with_users(listed: Sequence[str], sources: Sequence[ResolvedSource]) -> tuple[str, ...]:
    """The accounts of a scenario that lists them: where one stands for users, they take its place.

    An account that also submits jobs itself stays, before its users.
    """
    shared = [source for source in sources if isinstance(source, DrawnSource) and source.users is not None]
    populated = {source.account for source in shared}
    alone = {name for source in sources if source not in shared for name in accounts_of(source)}

    def expanded() -> Iterator[str]:
        for name in listed:
            if name not in populated or name in alone:
                yield name
            for source in shared:
                if source.account == name:
                    yield from accounts_of(source)

    return tuple(dict.fromkeys(expanded()))


def drawn_accounts(source: DrawnSource, context: SourceContext, rows: int) -> Int64Array:
    """Who submits each job, batch or client of a source.

    Args:
        source: with or without users.
        context: of the source.
        rows: how many jobs, batches or clients there are.

    Returns:
        Indices into `Workload.accounts`, shape (rows,). Users are drawn independently, each with a
        probability in proportion to its activity.

    Raises:
        ScenarioError: if an activity is drawn that is too large to compare with others, or all are 0.
    """
    if source.users is None:
        return constant(rows, context.accounts[source.account])
    numbers = np.array([context.accounts[name] for name in accounts_of(source)], dtype=np.int64)
    weights = _weights(source.users.activity, context, source.users.count)
    return numbers[chosen_places(weights, context.generator(Purpose.USER).random(rows))]


def _weights(activity: Activity, context: SourceContext, users: int) -> Float64Array:
    if isinstance(activity, Zipf):
        ranks: Float64Array = np.arange(1, users + 1, dtype=np.float64)
        weights: Float64Array = ranks**-activity.exponent
        return weights
    weights = sample(activity, context.generator(Purpose.ACTIVITY), users)
    if not np.all(weights <= LONGEST_US) or not weights.any():
        what = "drew an activity larger than 2**62, or none above 0; give it at_least and at_most"
        raise source_error(f"{context.name}.users.activity", what)
    return weights


# -- What is known of every account: also of the users that one stands for.


def every_account(scenario: ResolvedScenario) -> dict[str, HumanAccount]:
    """The accounts that a scenario lists, and their users, by name.

    A user has the plan, allocation and client of the account that stands for it, each for itself.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> source = {"kind": "arrivals", "account": "student", "users": {"count": 2}, "count": 9,
        ...           "interarrival": "1h", "qpu_time": "5s"}
        >>> accounts = [{"name": "student", "plan": "open"}]
        >>> scenario = load_scenario({"accounts": accounts, "workload": [source]}).resolved
        >>> {name: account.plan for name, account in every_account(scenario).items()}
        {'student': 'open', 'student-1': 'open', 'student-2': 'open'}
    """
    accounts = {account.name: account for account in scenario.accounts or ()}
    if not accounts:
        return accounts
    users = [source for source in scenario.workload if isinstance(source, DrawnSource) and source.users]
    for source in users:
        account = accounts[source.account]
        for name in accounts_of(source):
            accounts.setdefault(name, account.model_copy(update={"name": name}))
    return accounts


def plan_of_each(scenario: ResolvedScenario) -> dict[str, ResolvedPlan]:
    """The plan of every account that has one, by name."""
    accounts = every_account(scenario).values()
    return {account.name: scenario.plans[account.plan] for account in accounts if account.plan is not None}
