"""The built-in queue policies, each specified in docs/policies.md."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scenario.policies import QueuePolicySettings
from qsession_sim.scheduler.account_queue import AccountOrder, Ranking
from qsession_sim.scheduler.limits import Usage
from qsession_sim.scheduler.plan import Column, Plan, may_repeat_jobs
from qsession_sim.scheduler.qpu import SPLITMIX_INCREMENT, splitmix64
from qsession_sim.scheduler.queues import (
    Entry,
    EntryOf,
    KeyColumn,
    MayRun,
    Order,
    QueuePolicy,
    ScannedOrder,
    StaticOrder,
)
from qsession_sim.scheduler.view import DynamicKey, JobView, QueueInputs, ServiceView
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import constant

# -- Orders in which a job's place never changes. Each function gives a job's entry from its columns.
#
# An entry is the key, then the submission, then the job number, so that the order is total. The smallest goes
# first.


def last_first(_inputs: QueueInputs) -> EntryOf:
    """The latest submission first."""

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (-submitted_us, submitted_us, job)

    return entry_of


def most_urgent_first(inputs: QueueInputs, *, aging_us: int | None) -> EntryOf:
    """The largest priority first; with `aging_us`, one more for each such time waited.

    At t a job has the effective priority p + (t - s) / a. Which of two jobs has more does not depend on t,
    so jobs go by s - p a.
    """
    priority = inputs.jobs.priority

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (-priority[job], submitted_us, job)

    def aging_entry_of(submitted_us: int, job: int) -> Entry:
        return (submitted_us - priority[job] * aged_us, submitted_us, job)

    if aging_us is None:
        return entry_of
    aged_us = aging_us
    return aging_entry_of


def shortest_first(inputs: QueueInputs) -> EntryOf:
    """The smallest estimate first."""
    estimated_us = inputs.jobs.estimated_us

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (estimated_us(job), submitted_us, job)

    return entry_of


def longest_first(inputs: QueueInputs) -> EntryOf:
    """The largest estimate first."""
    estimated_us = inputs.jobs.estimated_us

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (-estimated_us(job), submitted_us, job)

    return entry_of


def earliest_deadline_first(inputs: QueueInputs, *, slack: int) -> EntryOf:
    """The smallest submission + slack x estimate first."""
    estimated_us = inputs.jobs.estimated_us

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (submitted_us + slack * estimated_us(job), submitted_us, job)

    return entry_of


def started_sessions_first(inputs: QueueInputs) -> EntryOf:
    """Jobs of sessions of which a job has started first, then all others."""

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (0 if JobView(inputs, job, submitted_us).continues_session else 1, submitted_us, job)

    return entry_of


def in_random_order(_inputs: QueueInputs, *, seed: int) -> EntryOf:
    """By a number that the seed and the job number determine."""

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (random_number(seed, job), submitted_us, job)

    return entry_of


def random_number(seed: int, index: int) -> int:
    """Number `index` of the generator SplitMix64 with a seed, from 0 to 2**64 - 1.

    Example:
        >>> hex(random_number(0, 0))
        '0xe220a8397b1dcdaf'
    """
    return splitmix64(seed + index * SPLITMIX_INCREMENT)


# -- The same orders as columns, for an engine that asks no function. No column tells which session has
# started, nor on which of several unequal QPUs a job will be.


def submission_column(submissions: int, plan: Plan) -> KeyColumn:
    """By submission, the first (1) or the last (-1) of it first."""
    return KeyColumn(submissions, constant(len(plan.jobs.qpu_time_us), 0).data)


def urgency_column(plan: Plan, *, aging_us: int | None) -> KeyColumn | None:
    """What `most_urgent_first` goes by."""
    return _scaled(0 if aging_us is None else 1, -(aging_us or 1), plan.jobs.priority)


def estimate_column(submissions: int, factor: int, plan: Plan) -> KeyColumn | None:
    """What `shortest_first`, `longest_first` and `earliest_deadline_first` go by."""
    if plan.qpu_times_us or plan.estimates_us:
        return None
    given = np.asarray(plan.jobs.estimate_us)
    return _scaled(submissions, factor, np.where(given == NEVER, plan.jobs.qpu_time_us, given).data)


def random_column(plan: Plan, *, seed: int) -> KeyColumn | None:
    """What `in_random_order` goes by, moved into the range of int64; further attempts have other numbers."""
    if may_repeat_jobs(plan.clients):
        return None
    jobs = range(len(plan.jobs.qpu_time_us))
    return KeyColumn(0, np.array([random_number(seed, job) - 2**63 for job in jobs], dtype=np.int64).data)


def _scaled(submissions: int, factor: int, column: Column) -> KeyColumn | None:
    values = np.asarray(column, dtype=np.int64)
    if len(values) and max(int(values.max()), -int(values.min())) * abs(factor) > LONGEST_US:
        return None
    return KeyColumn(submissions, (values * factor).data)


# -- WFP3 and UNICEF: scores that grow with the time waited, the largest first, in integers.
#
# W. Tang, Z. Lan, N. Desai and D. Buettner, "Fault-aware, utility-based job scheduling on Blue Gene/P
# systems",
# IEEE Cluster 2009. There a job's size is a number of nodes. Here it is the number of jobs of its session or
# batch that stand in the queue together with it, itself included, and 1 in job mode: that is what asks for
# the
# QPU in one piece.

_SCALE: Final = 10**9


def wfp3(job: JobView, view: ServiceView) -> tuple[int, ...]:
    """Score (waited / estimate) cubed x size: large and old jobs first, long ones later."""
    waited_us = view.now_us - job.submitted_us
    return (-(waited_us**3 * view.waiting_together(job) * _SCALE // job.estimate_us**3),)


def unicef(job: JobView, view: ServiceView) -> tuple[int, ...]:
    """Score waited / (estimate x digits of size): small and short jobs first.

    The number of binary digits of the size, floor(log2(size)) + 1, stands for its logarithm, which is 0 at 1.
    """
    waited_us = view.now_us - job.submitted_us
    digits = view.waiting_together(job).bit_length()
    return (-(waited_us * _SCALE // (job.estimate_us * digits)),)


# -- Orders of accounts: what the queue policies that look at whole accounts rank them by.
_LAST: Final = 2**128
"""Larger than every share: used time is below 2**62, and an allocation at least 1."""


class _ByUsage:
    """What orders of accounts by used time have in common."""

    def __init__(self, inputs: QueueInputs) -> None:
        if inputs.usage is None:
            raise SchedulerUsageError("this order of accounts needs a policy with a usage_window_us")
        self._usage: Usage = inputs.usage

    @property
    def sudden_falls(self) -> int:
        """S62: what an outage took back."""
        return self._usage.taken_back

    def take_turn(self, account: int) -> None:
        """Nothing: what counts is used time."""


class FairShare(_ByUsage):
    """S63: used time in the window over the allocation, in billionths, rounded down."""

    def __init__(self, inputs: QueueInputs, *, window_us: int) -> None:
        super().__init__(inputs)
        self._specs = inputs.account_specs
        self._window_us = window_us

    def rank(self, now_us: int, account: int) -> int:
        """The share of an account; without an allocation, behind all that have one."""
        spec = self._specs.get(account)
        if spec is None or spec.allocation_us < 1:
            return _LAST
        return self._usage.used_us(now_us, account, self._window_us) * _SCALE // spec.allocation_us

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """When used time begins to leave the window."""
        return self._usage.falls_from_us(now_us, account, self._window_us)


class LeastAttained(_ByUsage):
    """Used time since the start of the run, or the level that it has reached.

    Args:
        inputs: what the queue may look at.
        thresholds_us: where levels begin, growing; None: used time itself.
    """

    def __init__(self, inputs: QueueInputs, *, thresholds_us: Sequence[int] | None = None) -> None:
        super().__init__(inputs)
        self._thresholds_us = thresholds_us

    def rank(self, now_us: int, account: int) -> int:
        """The used time of an account, or its level."""
        attained_us = self._usage.attained_us(now_us, account)
        if self._thresholds_us is None:
            return attained_us
        return bisect_right(self._thresholds_us, attained_us)

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """Never: nothing is forgotten."""


class RoundRobin:
    """The account whose last turn is longest ago; those that had none go before."""

    sudden_falls = 0

    def __init__(self, _inputs: QueueInputs) -> None:
        self._turns = 0
        self._last_turn: dict[int, int] = {}

    def rank(self, now_us: int, account: int) -> int:  # noqa: ARG002 - turns do not age
        """The number of an account's last turn, from 1; 0 before its first."""
        return self._last_turn.get(account, 0)

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """Never: a turn only moves an account back."""

    def take_turn(self, account: int) -> None:
        """Its job was taken from the queue."""
        self._turns += 1
        self._last_turn[account] = self._turns


# -- FairOrder: weighted fair queueing by virtual finishing times, in integers.
#
# Self-clocked fair queueing: S. J. Golestani, "A self-clocked fair queueing scheme for broadband
# applications", INFOCOM 1994. A job's tag is max(virtual time, last tag of its account) + cost, and the
# smallest tag goes first. The virtual time is the largest tag of a job that was taken. The cost is the
# estimate, times the largest allocation over that of the account, rounded down.


class FairOrder:
    """An order by tags. A job keeps its tag, also when it enters the queue again.

    Args:
        inputs: what the order may look at.
        waits: by stage, whether a job of it waits in this queue.
    """

    def __init__(self, inputs: QueueInputs, waits: bytes) -> None:
        self._account = inputs.jobs.account
        self._estimated_us = inputs.jobs.estimated_us
        weights = {
            account: spec.allocation_us
            for account, spec in inputs.account_specs.items()
            if spec.allocation_us > 0
        }
        self._weights = weights
        self._largest = max(weights.values(), default=1)
        self._smallest = min(weights.values(), default=1)  # of an account that has no allocation
        self._weighs = self._largest > self._smallest
        self._virtual_us = 0
        self._last_tags_us: dict[int, int] = {}  # by account
        self._tags_us: dict[int, int] = {}  # of waiting jobs
        self._order = StaticOrder(inputs.stage, self._entry_of, waits)
        self.push = self._order.push

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        return self._serve(self._order.pop(now_us))

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        return self._serve(self._order.pop_job_mode(now_us))

    def pop_that(self, now_us: int, may_run: MayRun, *, job_mode: bool) -> int | None:
        """Take the job that goes first among those that may run, or None."""
        return self._serve(self._order.pop_that(now_us, may_run, job_mode=job_mode))

    def _entry_of(self, submitted_us: int, job: int) -> Entry:
        tags_us = self._tags_us
        if job in tags_us:
            return (tags_us[job], submitted_us, job)
        account = self._account[job]
        tag_us = self._last_tags_us.get(account, 0)
        tag_us = max(tag_us, self._virtual_us)
        if self._weighs:
            weight = self._weights.get(account, self._smallest)
            tag_us += self._estimated_us(job) * self._largest // weight
        else:
            tag_us += self._estimated_us(job)
        tags_us[job] = self._last_tags_us[account] = tag_us
        return (tag_us, submitted_us, job)

    def _serve(self, job: int | None) -> int | None:
        if job is not None:
            self._virtual_us = max(self._virtual_us, self._tags_us.pop(job))
        return job


# -- The kinds of queue policies, by what a job's place in the queue depends on.


MakeOrder = Callable[[QueueInputs, bytes], Order]
MakeEntries = Callable[[QueueInputs], EntryOf]
MakeColumn = Callable[[Plan], KeyColumn | None]


@dataclass(frozen=True)
class BuiltInPolicy:
    """A queue policy whose parameters are known, by how its order is made."""

    name: str
    summary: str
    order: MakeOrder
    usage_window_us: int | None = None
    column: MakeColumn | None = None
    """The same as a static order, for an engine that asks no function. None, or its answer: no column says
    it."""

    def make_order(self, inputs: QueueInputs, waits: bytes) -> Order:
        """An order without jobs."""
        return self.order(inputs, waits)


def by_entry(entries: MakeEntries | None, inputs: QueueInputs, waits: bytes) -> Order:
    """A place that a job gets when it enters the queue, and keeps. `entries` None: first in, first out."""
    return StaticOrder(inputs.stage, None if entries is None else entries(inputs), waits)


def by_account(ranking: Callable[[QueueInputs], Ranking], inputs: QueueInputs, waits: bytes) -> Order:
    """An order of accounts; the jobs of each go by submission."""
    return AccountOrder(inputs, ranking(inputs), waits)


def by_score(name: str, key: DynamicKey, inputs: QueueInputs, waits: bytes) -> Order:
    """A place that is computed anew for every waiting job at every dispatch."""
    return ScannedOrder(inputs, key, name, 0, waits)


SINCE_THE_START: Final = 0
"""The window of a policy that asks only for what was used since the start."""


@dataclass(frozen=True)
class BuiltIn:
    """A queue policy before its parameters are known; `make` has them and the seed of the run, on which only
    one that `draws` depends."""

    name: str
    summary: str
    make: Callable[[BuiltIn, QueuePolicySettings, int], QueuePolicy]
    draws: bool = False


def _plain(order: MakeOrder, column: MakeColumn | None = None) -> Callable[..., QueuePolicy]:
    return lambda policy, _settings, _seed: BuiltInPolicy(policy.name, policy.summary, order, None, column)


def _static(entries: MakeEntries | None, column: MakeColumn | None = None) -> Callable[..., QueuePolicy]:
    return _plain(partial(by_entry, entries), column)


def _scored(key: DynamicKey) -> Callable[..., QueuePolicy]:
    return lambda policy, _settings, _seed: BuiltInPolicy(
        policy.name, policy.summary, partial(by_score, policy.name, key)
    )


def _priority(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    entries = partial(most_urgent_first, aging_us=settings.aging)
    column = partial(urgency_column, aging_us=settings.aging)
    return BuiltInPolicy(policy.name, policy.summary, partial(by_entry, entries), column=column)


def _earliest_deadline(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    slack = settings.slack or 1
    entries = partial(earliest_deadline_first, slack=slack)
    column = partial(estimate_column, 1, slack)
    return BuiltInPolicy(policy.name, policy.summary, partial(by_entry, entries), column=column)


def _random(policy: BuiltIn, _settings: QueuePolicySettings, seed: int) -> QueuePolicy:
    entries = partial(in_random_order, seed=seed)
    column = partial(random_column, seed=seed)
    return BuiltInPolicy(policy.name, policy.summary, partial(by_entry, entries), column=column)


def _fair_share(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    window_us = settings.window or 0
    ranking = partial(FairShare, window_us=window_us)
    return BuiltInPolicy(policy.name, policy.summary, partial(by_account, ranking), window_us)


def _least_attained(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    ranking = partial(LeastAttained, thresholds_us=settings.thresholds)
    return BuiltInPolicy(policy.name, policy.summary, partial(by_account, ranking), SINCE_THE_START)


BUILT_IN: Final = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            BuiltIn(
                "fifo",
                "First in, first out: by submission, then by job number.",
                _static(None, partial(submission_column, 1)),
            ),
            BuiltIn(
                "lifo",
                "Last in, first out: the latest submission first.",
                _static(last_first, partial(submission_column, -1)),
            ),
            BuiltIn(
                "priority",
                "The largest priority first, then first in, first out; `aging` raises it while a job waits.",
                _priority,
            ),
            BuiltIn(
                "shortest_job_first",
                "The smallest estimate first.",
                _static(shortest_first, partial(estimate_column, 0, 1)),
            ),
            BuiltIn(
                "longest_job_first",
                "The largest estimate first.",
                _static(longest_first, partial(estimate_column, 0, -1)),
            ),
            BuiltIn(
                "earliest_deadline",
                "The earliest submission + `slack` x estimate first.",
                _earliest_deadline,
            ),
            BuiltIn(
                "fair_share",
                "The account that used least of its allocation in the last `window` first.",
                _fair_share,
            ),
            BuiltIn(
                "round_robin",
                "The account whose last turn is longest ago first.",
                _plain(partial(by_account, RoundRobin)),
            ),
            BuiltIn(
                "weighted_fair_queueing",
                "By virtual finishing times: each account gets a part as large as its allocation.",
                _plain(FairOrder),
            ),
            BuiltIn(
                "least_attained_service",
                "The account that used least since the start first.",
                _least_attained,
            ),
            BuiltIn(
                "multilevel",
                "The account that has passed fewest `thresholds` of used time first.",
                _least_attained,
            ),
            BuiltIn(
                "wfp3",
                "The largest (waited / estimate)³ x size first.",
                _scored(wfp3),
            ),
            BuiltIn(
                "unicef",
                "The largest waited / (estimate x log size) first.",
                _scored(unicef),
            ),
            BuiltIn(
                "random", "In an order that only the seed and the job number determine.", _random, draws=True
            ),
            BuiltIn(
                "session_first",
                "Jobs of sessions that have started first: a late submission keeps its priority.",
                _static(started_sessions_first),
            ),
        )
    }
)
