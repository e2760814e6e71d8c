"""Random small workloads on coarse grids of time, so that ties, zero times and tiny limits are everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from qsession_sim.scheduler.plan import (
    EXCLUSIVE,
    NONE,
    SHARED,
    AccountSpec,
    ClientSpec,
    JobSpec,
    QpuSpec,
    Rules,
    SessionSpec,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, JobStatus, Mode, OnError, OnFinish, OnRejection
from qsession_sim.verification.naive.limit_rules import WITHOUT_ACCOUNTS, Policy


def in_short(spec: object) -> str:
    """A dataclass as the call that makes it, without what has its default: readable minimal examples."""
    given = [
        f"{item.name}={getattr(spec, item.name)!s}"
        for item in fields(spec)  # type: ignore[arg-type]
        if getattr(spec, item.name) != item.default
    ]
    return f"{type(spec).__name__}({', '.join(given)})"


@dataclass(frozen=True, repr=False)
class Workload:
    """One run: what it starts from, the service's settings and where it stops."""

    jobs: Sequence[JobSpec]
    sessions: Sequence[SessionSpec]
    clients: Sequence[ClientSpec]
    rules: Rules
    policy: Policy
    horizon_us: int | None
    qpus: Sequence[QpuSpec] = (QpuSpec(),)
    windows: Sequence[WindowSpec] = ()
    accounts: Mapping[int, AccountSpec] = field(default_factory=dict)
    qpu_times_us: tuple[Sequence[int], ...] = ()
    estimates_us: tuple[Sequence[int], ...] = ()
    share_window_us: int = 10  # S63
    more_after: Mapping[int, Sequence[int]] = field(default_factory=dict)  # S5

    def __repr__(self) -> str:
        specs = (*self.jobs, *self.sessions, *self.clients, *self.qpus, *self.windows, self.rules)
        lines = [
            *[in_short(spec) for spec in specs],
            *[f"account {number}: {in_short(spec)}" for number, spec in self.accounts.items()],
            f"policy={self.policy}, horizon_us={self.horizon_us}",
            f"more_after={dict(self.more_after)}",
            f"qpu_times_us={self.qpu_times_us}, estimates_us={self.estimates_us}",
        ]
        return "Workload:\n    " + "\n    ".join(lines)

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        printer.text(repr(self))


ACCOUNTS = 2

instants = st.integers(0, 12)
late_instants = st.integers(0, 24)
short_times = st.integers(0, 3)
qpu_times = st.sampled_from([1, 2, 3, 4, 6])
limits = st.sampled_from([NEVER, NEVER, NO_LIMIT, 1, 2, 3, 5])
max_times = st.sampled_from([1000, 1000, 1000, 1000, 0, 1, 4, 7, 12, 20])
timeouts = st.sampled_from([0, 0, 1, 2, 3])

rules = st.builds(
    Rules,
    hold=st.sampled_from([EXCLUSIVE, SHARED, NONE]),
    max_time_ends_as=st.sampled_from([JobStatus.ERROR, JobStatus.CANCELLED]),
    unused_timeout_us=st.sampled_from([1000, 0, 1, 3]),
    max_execution_time_us=st.sampled_from([NEVER, NEVER, NEVER, NEVER, 3]),
)

after_times = st.integers(0, 12)
sometimes_late = st.one_of(st.just(NEVER), late_instants)
sometimes_after = st.one_of(st.just(NEVER), st.just(NEVER), after_times)


@dataclass(frozen=True)
class Mix:
    """What an example has at all: leaving things out lets others happen together more often."""

    endings: bool
    creations: bool
    cancels: bool
    limits: bool
    follow_ups: bool
    joins: bool
    patience: bool
    polls: bool


mixes = st.builds(Mix, *[st.booleans()] * 8)
some_patience = st.sampled_from([NEVER, NEVER, 1, 2, 3, 5, 8])


@st.composite
def sessions(draw: st.DrawFn, mix: Mix) -> SessionSpec:
    """A session or batch with closes and cancels not before it is created (S9)."""
    created_us = draw(st.one_of(st.just(NEVER), instants)) if mix.creations else NEVER
    spec = SessionSpec(
        mode=draw(st.sampled_from([Mode.SESSION, Mode.BATCH])),
        created_us=created_us,
        max_time_us=draw(max_times),
        interactive_timeout_us=draw(timeouts),
    )
    if not mix.endings:
        return spec
    close_us, cancel_us = draw(sometimes_late), draw(sometimes_late)
    return replace(
        spec,
        close_us=NEVER if close_us == NEVER else max(close_us, created_us),
        cancel_us=NEVER if cancel_us == NEVER else max(cancel_us, created_us),
        close_after_us=draw(sometimes_after),
        cancel_after_us=draw(sometimes_after),
    )


@st.composite
def explicit_jobs(
    draw: st.DrawFn, mix: Mix, specs: Sequence[SessionSpec], first: int
) -> tuple[list[JobSpec], dict[int, tuple[int, ...]]]:
    """Jobs at instants and in trees of follow-ups, numbered from `first` along or against their order; and what
    some follow besides."""
    count = draw(st.integers(0, 10))
    against = draw(st.booleans())
    jobs: list[JobSpec] = []
    more: dict[int, tuple[int, ...]] = {}

    def number_of(index: int) -> int:
        return first + (count - 1 - index if against else index)

    for index in range(count):
        session = draw(st.integers(NEVER, len(specs) - 1))
        job = JobSpec(
            qpu_time_us=draw(qpu_times),
            session=session,
            max_execution_time_us=draw(limits) if mix.limits else NEVER,
            priority=draw(st.integers(-1, 1)),
            cancel_us=draw(sometimes_late) if mix.cancels else NEVER,
            cancel_after_us=draw(sometimes_after) if mix.cancels else NEVER,
            patience_us=draw(some_patience) if mix.patience else NEVER,
        )
        before = draw(st.integers(NEVER, index - 1)) if mix.follow_ups else NEVER
        if before == NEVER:
            earliest_us = max(0, specs[session].created_us) if session != NEVER else 0
            job = replace(job, at_us=max(earliest_us, draw(instants)))
        else:
            job = replace(job, after=number_of(before), think_us=draw(short_times))
            others = draw(st.sets(st.integers(0, index - 1), max_size=2)) if mix.joins else set()
            if others := others - {before}:
                more[number_of(index)] = tuple(map(number_of, sorted(others)))
        jobs.append(job)
    return jobs[::-1] if against else jobs, more


@st.composite
def traffic(draw: st.DrawFn) -> list[JobSpec]:
    """Job-mode jobs at regular instants that keep the queue long, so that jobs of sessions wait in it."""
    every_us, qpu_time_us = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    count = draw(st.sampled_from([0, 6]))
    return [JobSpec(at_us=every_us * index, qpu_time_us=qpu_time_us) for index in range(count)]


@st.composite
def client_parts(
    draw: st.DrawFn, mix: Mix, number: int, first_job: int, session: int
) -> tuple[ClientSpec, list[JobSpec], list[SessionSpec]]:
    """An iterative client with its jobs and, unless it works in job mode, its session."""
    count = draw(st.integers(1, 4))
    mode = draw(st.sampled_from([Mode.SESSION, Mode.BATCH, Mode.JOB]))
    spec = ClientSpec(
        first_job=first_job,
        jobs=count,
        session=NEVER if mode == Mode.JOB else session,
        on_finish=draw(st.sampled_from(OnFinish)),
        on_error=draw(st.sampled_from(OnError)),
        on_rejection=draw(st.sampled_from(OnRejection)),
        poll_us=draw(st.sampled_from([NEVER, 1, 2, 3, 5])) if mix.polls else NEVER,
    )
    limit_us = draw(limits)
    jobs = [
        JobSpec(
            qpu_time_us=draw(qpu_times),
            at_us=draw(instants) if index == 0 else NEVER,
            after=first_job + index - 1 if index else NEVER,
            think_us=draw(short_times) if index else 0,
            session=spec.session,
            client=number,
            max_execution_time_us=limit_us,
            patience_us=draw(some_patience) if mix.patience else NEVER,
        )
        for index in range(count)
    ]
    timeout_us = draw(timeouts)
    of_client = SessionSpec(mode=mode, max_time_us=draw(max_times), interactive_timeout_us=timeout_us)
    return spec, jobs, [] if mode == Mode.JOB else [of_client]


@st.composite
def workloads(draw: st.DrawFn, most_clients: int) -> Workload:
    """Explicit sessions and jobs, and up to `most_clients` clients whose jobs are numbered before them."""
    mix = draw(mixes)
    specs = [draw(sessions(mix)) for _ in range(draw(st.sampled_from([1, 2, 3, 0])))]
    clients: list[ClientSpec] = []
    of_clients: list[JobSpec] = []
    for number in range(draw(st.integers(min(1, most_clients), most_clients))):
        client, jobs, of_client = draw(client_parts(mix, number, len(of_clients), len(specs)))
        clients.append(client)
        of_clients += jobs
        specs += of_client
    explicit = len(specs) - sum(client.session != NEVER for client in clients)
    of_clients += draw(traffic())
    listed, more_after = draw(explicit_jobs(mix, specs[:explicit], len(of_clients)))
    jobs = of_clients + listed
    # S65: a client that retries a job that always fails goes on for ever without a horizon
    endless = any(client.on_error == OnError.RETRY for client in clients)
    horizons = st.integers(1, 25)
    return Workload(
        jobs=jobs,
        sessions=specs,
        clients=clients,
        rules=draw(rules),
        policy=draw(st.sampled_from(WITHOUT_ACCOUNTS)),
        horizon_us=draw(horizons if endless else st.one_of(st.none(), st.none(), horizons)),
        more_after=more_after,
    )
