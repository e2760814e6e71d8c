"""The built-in queue policies, each specified in docs/policies.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from qsession_sim.policies.account_orders import FairShare, LeastAttained, RoundRobin
from qsession_sim.policies.kinds import AccountPolicy, FairQueueingPolicy, ScannedPolicy, StaticPolicy
from qsession_sim.policies.scored_orders import unicef, wfp3
from qsession_sim.policies.static_orders import (
    earliest_deadline_first,
    in_random_order,
    last_first,
    longest_first,
    most_urgent_first,
    shortest_first,
    started_sessions_first,
)
from qsession_sim.scenario.queue_policies import QueuePolicySettings
from qsession_sim.scheduler.queue import EntryOf
from qsession_sim.scheduler.queue_policy import QueueInputs, QueuePolicy

SINCE_THE_START: Final = 0
"""The window of a policy that asks only for what was used since the start."""


@dataclass(frozen=True)
class BuiltIn:
    """A queue policy before its parameters are known; `make` has them and the seed of the run."""

    name: str
    summary: str
    make: Callable[[BuiltIn, QueuePolicySettings, int], QueuePolicy]


def _static(entries: Callable[[QueueInputs], EntryOf] | None) -> Callable[..., QueuePolicy]:
    return lambda policy, _settings, _seed: StaticPolicy(policy.name, policy.summary, entries)


def _priority(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    entries = partial(most_urgent_first, aging_us=settings.aging)
    return StaticPolicy(policy.name, policy.summary, entries)


def _earliest_deadline(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    entries = partial(earliest_deadline_first, slack=settings.slack or 1)
    return StaticPolicy(policy.name, policy.summary, entries)


def _random(policy: BuiltIn, _settings: QueuePolicySettings, seed: int) -> QueuePolicy:
    return StaticPolicy(policy.name, policy.summary, partial(in_random_order, seed=seed))


def _fair_share(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    window_us = settings.window or 0
    return AccountPolicy(policy.name, policy.summary, partial(FairShare, window_us=window_us), window_us)


def _round_robin(policy: BuiltIn, _settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    return AccountPolicy(policy.name, policy.summary, RoundRobin, None)


def _least_attained(policy: BuiltIn, settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    order = partial(LeastAttained, thresholds_us=settings.thresholds)
    return AccountPolicy(policy.name, policy.summary, order, SINCE_THE_START)


def _fair_queueing(policy: BuiltIn, _settings: QueuePolicySettings, _seed: int) -> QueuePolicy:
    return FairQueueingPolicy(policy.name, policy.summary)


def _scored(key: Callable[..., tuple[int, ...]]) -> Callable[..., QueuePolicy]:
    return lambda policy, _settings, _seed: ScannedPolicy(policy.name, policy.summary, key, None)


BUILT_IN: Final = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            BuiltIn("fifo", "First in, first out: by submission, then by job number.", _static(None)),
            BuiltIn("lifo", "Last in, first out: the latest submission first.", _static(last_first)),
            BuiltIn(
                "priority",
                "The largest priority first, then first in, first out; `aging` raises it while a job waits.",
                _priority,
            ),
            BuiltIn("shortest_job_first", "The smallest estimate first.", _static(shortest_first)),
            BuiltIn("longest_job_first", "The largest estimate first.", _static(longest_first)),
            BuiltIn(
                "earliest_deadline",
                "The earliest submission + `slack` x estimate first.",
                _earliest_deadline,
            ),
            BuiltIn(
                "fair_share",
                "The account that used least of its allocation in the last `window` first (S63).",
                _fair_share,
            ),
            BuiltIn("round_robin", "The account whose last turn is longest ago first.", _round_robin),
            BuiltIn(
                "weighted_fair_queueing",
                "By virtual finishing times: each account gets a part as large as its allocation.",
                _fair_queueing,
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
            BuiltIn("wfp3", "The largest (waited / estimate)³ x size first.", _scored(wfp3)),
            BuiltIn("unicef", "The largest waited / (estimate x log size) first.", _scored(unicef)),
            BuiltIn("random", "In an order that only the seed and the job number determine.", _random),
            BuiltIn(
                "session_first",
                "Jobs of sessions that have started first: a late submission keeps its priority.",
                _static(started_sessions_first),
            ),
        )
    }
)
