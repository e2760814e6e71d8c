"""Random plans on coarse grids of time, by NumPy alone, so that thousands of them take seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from qsession_sim.kernel.refusals import why_not
from qsession_sim.policies.registry import hold_policy, queue_policy
from qsession_sim.scheduler.plan import (
    AccountSpec,
    ClientSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Routing,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
    may_repeat_jobs,
)
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.scheduler.vocabulary import (
    NEVER,
    NO_LIMIT,
    JobStatus,
    Mode,
    OnError,
    OnFinish,
    OnRejection,
    WindowKind,
)

QUEUES = (
    *("fifo", "fifo", "fifo", "lifo", "priority", "shortest_job_first", "longest_job_first", "random"),
    *({"name": "priority", "aging": "2us"}, {"name": "earliest_deadline", "slack": 2}),
)
HOLDS = ("exclusive", "shared", "none", "adaptive")
ROUTINGS = (Routing.LEAST_BUSY, Routing.ROUND_ROBIN)


@dataclass(frozen=True)
class Case:
    """What a run starts from."""

    plan: Plan
    rules: Rules
    policy: QueuePolicy
    horizon_us: int | None


def random_case(seed: int) -> Case:
    """One of them; all that the kernel knows occurs."""
    return _Maker(seed).case()


class _Maker:
    """The random numbers of one case."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.qpus = self.one(1, 1, 1, 2, 3)
        self.posts, self.reneges, self.cancels, self.limits = (self.happens(0.3) for _ in range(4))
        self.limited = self.happens(0.3)
        self.prepares, self.closes = self.happens(0.3), self.happens(0.3)
        self.unit = self.one(1, 1_000_000)  # the hold policy `adaptive` thinks in seconds (S51)
        self.pins = self.qpus > 1 and self.happens(0.5)

    def happens(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def upto(self, most: int) -> int:
        return int(self.rng.integers(most + 1))

    def rarely(self, probability: float, value: int, other: int = NEVER) -> int:
        return value if self.happens(probability) else other

    def case(self) -> Case:
        sessions = [self.session() for _ in range(self.upto(3))]
        jobs = [self.job(sessions) for _ in range(self.upto(12))]
        joins: dict[int, Sequence[int]] = {}
        for number in range(1, len(jobs)):
            if self.happens(0.2):
                before = sorted({self.upto(number - 1) for _ in range(self.one(1, 1, 2, 3))})
                jobs[number] = replace(jobs[number], at_us=NEVER, after=before[0], think_us=self.upto(3))
                joins |= {number: before[1:]} if before[1:] else {}
        clients: list[ClientSpec] = []
        for _ in range(self.one(0, 0, 1, 2, 4)):
            self.client(clients, sessions, jobs)
        plan = Plan.of(
            [self.scaled(job) for job in jobs],
            [self.scaled(session) for session in sessions],
            [self.scaled(client) for client in clients],
            qpus=tuple(QpuSpec(lanes=self.one(1, 1, 2, 5)) for _ in range(self.qpus)),
            qpu_times_us=self.times_of(jobs),
            windows=tuple(self.scaled(self.window()) for _ in range(self.upto(4) if self.closes else 0)),
            more_after=joins,
            accounts=("a", "b"),
            account_specs=self.account_specs(),
        )
        repeats = may_repeat_jobs(plan.clients)
        recurs = any(window.every_us != NEVER for window in plan.windows)  # and may let no job through
        horizon_us = self.unit * (self.upto(40) + 1) if repeats or recurs or self.happens(0.3) else None
        rules, policy = self.scaled(self.rules()), queue_policy(self.one(*QUEUES), seed=self.upto(99))
        if (
            why_not(plan, rules, policy, horizon_us) is not None
        ):  # estimates that differ by QPU, or further attempts at random
            policy = queue_policy("priority")
        return Case(plan, rules, policy, horizon_us)

    def account_specs(self) -> dict[int, AccountSpec]:
        if not self.limited:
            return {}
        return {number: self.account_spec() for number in self.one((0,), (1,), (0, 1))}

    def account_spec(self) -> AccountSpec:
        rate = SlidingLimit(self.one(0, 1, 2, 4), self.unit * (1 + self.upto(6)))
        return AccountSpec(
            sessions=not self.happens(0.1),
            batches=not self.happens(0.1),
            pending=self.one(None, 0, 1, 3),
            submissions=self.one(None, rate),
            client_too_old_from_us=self.rarely(0.2, self.unit * self.upto(9)),
        )

    def scaled(self, spec: Any) -> Any:
        """The same with all times in the unit of the case."""
        times = {item.name: getattr(spec, item.name) for item in fields(spec) if item.name.endswith("_us")}
        return replace(spec, **{name: time * self.unit if time > 0 else time for name, time in times.items()})

    def rules(self) -> Rules:
        return Rules(
            hold=hold_policy(self.one(*HOLDS)),
            max_time_ends_as=self.one(JobStatus.ERROR, JobStatus.CANCELLED),
            unused_timeout_us=self.one(0, 2, 10, 1000),
            max_execution_time_us=self.one(NEVER, NEVER, 1, 3),
            ittl_asks_for_ready=self.happens(0.3),
            calibrates_before_sessions=self.happens(0.5),
            requeues_after_outage=self.happens(0.7),
            routing=self.one(*ROUTINGS),
        )

    def window(self) -> WindowSpec:
        duration_us = 1 + self.upto(4)
        return WindowSpec(
            self.one(WindowKind.MAINTENANCE, WindowKind.CALIBRATION, WindowKind.OUTAGE, WindowKind.OUTAGE),
            start_us=self.upto(20),
            duration_us=duration_us,
            every_us=self.rarely(0.5, duration_us + self.upto(20)),
            qpu=self.upto(self.qpus - 1),
        )

    def session(self) -> SessionSpec:
        created_us = self.rarely(0.3, self.upto(6))
        since_us = max(created_us, 0)  # an earlier command is an error of the scenario
        return SessionSpec(
            mode=self.one(Mode.SESSION, Mode.SESSION, Mode.BATCH),
            account=self.upto(1),
            created_us=created_us,
            max_time_us=self.one(1000, 1000, 0, 3, 8, 20),
            interactive_timeout_us=self.one(0, 1, 2, 5),
            close_us=self.rarely(0.15, since_us + 1 + self.upto(20)),
            cancel_us=self.rarely(0.15, since_us + 1 + self.upto(20)),
            close_after_us=self.rarely(0.15, self.upto(12)),
            cancel_after_us=self.rarely(0.1, 1 + self.upto(12)),  # at once, and retried, it would never end
            qpu=self.upto(self.qpus - 1) if self.pins and self.happens(0.5) else NEVER,
        )

    def job(self, sessions: Sequence[SessionSpec]) -> JobSpec:
        session = self.upto(len(sessions) - 1) if sessions and self.happens(0.6) else NEVER
        since_us = max(sessions[session].created_us, 0) if session != NEVER else 0
        at_us = since_us + self.upto(14)
        return replace(
            self.phases(),
            at_us=at_us,
            session=session,
            account=sessions[session].account if session != NEVER else self.upto(1),
            cancel_us=self.rarely(0.2, self.upto(25)) if self.cancels else NEVER,
            qpu=self.upto(self.qpus - 1) if self.pins and session == NEVER and self.happens(0.5) else NEVER,
        )

    def phases(self) -> JobSpec:
        return JobSpec(
            qpu_time_us=1 + self.upto(5),
            max_execution_time_us=self.one(NEVER, NO_LIMIT, 1, 4) if self.limits else NEVER,
            priority=self.upto(4) - 2,
            estimate_us=self.rarely(0.3, 1 + self.upto(6)),
            preparation_us=self.upto(4) if self.prepares else 0,
            post_processing_us=self.upto(3) if self.posts else 0,
            patience_us=self.rarely(0.5, 1 + self.upto(8)) if self.reneges else NEVER,
            cancel_after_us=self.rarely(0.2, 1 + self.upto(10)) if self.cancels else NEVER,
        )

    def client(self, clients: list[ClientSpec], sessions: list[SessionSpec], jobs: list[JobSpec]) -> None:
        number, first, count, account = len(clients), len(jobs), 1 + self.upto(4), self.upto(1)
        session = NEVER
        if self.happens(0.8):
            session = len(sessions)
            sessions.append(replace(self.session(), client=number, created_us=NEVER))
        for place in range(count):
            timed = {"at_us": self.upto(10)} if not place else {"after": first + place - 1}
            think_us = self.upto(4) if place else 0
            job = replace(self.phases(), session=session, client=number, think_us=think_us, **timed)
            job = replace(job, account=sessions[session].account if session != NEVER else account)
            jobs.append(job)
        clients.append(
            ClientSpec(
                first_job=first,
                jobs=count,
                session=session,
                on_finish=self.one(*OnFinish),
                on_error=self.one(*OnError),
                on_rejection=self.one(*OnRejection) if session != NEVER else OnRejection.GIVE_UP,
                poll_us=self.rarely(0.3, 1 + self.upto(3)),
            )
        )

    def times_of(self, jobs: Sequence[JobSpec]) -> tuple[Sequence[int], ...]:
        if self.qpus == 1 or self.happens(0.5):
            return ()
        return tuple([self.unit * (1 + self.upto(5)) for _ in jobs] for _ in range(self.qpus))
