"""What the kernel does not do: it refuses that by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Final

import numpy as np

from qsession_sim.kernel.columns import largest
from qsession_sim.scheduler import scheduler
from qsession_sim.scheduler.plan import ClientPlan, Column, JobPlan, Plan, Routing, Rules, SessionPlan
from qsession_sim.scheduler.queues import FirstInFirstOut, KeyColumn, QueuePolicy
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.units import LONGEST_US

_MOST_QPUS: Final = 62
"""A set of them is the bits of an int64."""

_LARGEST_RATE: Final = 2**20
"""The instants of so many submissions are kept, for each account that has the limit."""


def why_not(plan: Plan, rules: Rules, policy: QueuePolicy, horizon_us: int | None = None) -> str | None:
    """Why the kernel does not run a plan under rules and a queue policy, to a horizon; None: it does.

    Example:
        >>> from qsession_sim.scheduler.plan import GAP_FILL, Rules
        >>> why_not(Plan.of(), Rules(), FirstInFirstOut())
        >>> why_not(Plan.of(), Rules(hold=GAP_FILL), FirstInFirstOut())
        "the kernel does not know the hold policy 'gap_fill'"
    """
    reason = unknown_part(plan, rules) or scheduler.why_not(plan, rules, policy)
    reason = reason or (endless_part(plan) if horizon_us is None else None)
    if reason is None and key_column(plan, policy) is None:
        return f"the kernel does not know the queue policy {policy.name!r}, not as one number for each job"
    return reason


def unknown_part(plan: Plan, rules: Rules) -> str | None:
    """What of a plan and of rules the kernel does not know."""
    several = len(plan.qpus) > 1
    unknown = {
        f"more than {_MOST_QPUS} QPUs": len(plan.qpus) > _MOST_QPUS,
        "simulator backends": any(qpu.simulator for qpu in plan.qpus),
        "reservations": any(window.kind is WindowKind.RESERVATION for window in plan.windows),
        "quotas of usage": any(spec.quota is not None for spec in plan.account_specs.values()),
        f"rates of more than {_LARGEST_RATE:,} submissions": any(
            spec.submissions is not None and spec.submissions.amount > _LARGEST_RATE
            for spec in plan.account_specs.values()
        ),
        "the hold policy 'gap_fill'": rules.hold.fills_gaps,
        f"the routing policy {rules.routing.name.lower()!r}": several
        and rules.routing not in (Routing.LEAST_BUSY, Routing.ROUND_ROBIN),
        "times of 2**62 us": any(largest(times) >= LONGEST_US for times in _times(plan, rules)),
    }
    named = next((name for name, is_there in unknown.items() if is_there), None)
    return None if named is None else f"the kernel does not know {named}"


def endless_part(plan: Plan) -> str | None:
    """What of a plan the kernel does not know where there is no horizon.

    Windows that come again and let nothing through are noticed by what drives the scheduler (S52).
    """
    if any(window.every_us != NEVER for window in plan.windows):
        return "the kernel does not know windows that come again in a run without a horizon"
    return None


def _times(plan: Plan, rules: Rules) -> Iterable[Column]:
    """All that is added to a time; the sum of two must be an int64."""
    yield (rules.unused_timeout_us, rules.max_execution_time_us)
    for columns, names in zip((plan.jobs, plan.sessions, plan.clients), _NAMES_OF_TIMES, strict=True):
        for name in names:
            yield getattr(columns, name)
    yield from plan.qpu_times_us
    yield [time for window in plan.windows for time in (window.start_us, window.duration_us, window.every_us)]


_NAMES_OF_TIMES: Final = [
    [item.name for item in fields(plan) if item.name.endswith("_us")]
    for plan in (JobPlan, SessionPlan, ClientPlan)
]


def key_column(plan: Plan, policy: QueuePolicy) -> KeyColumn | None:
    """What a policy ranks jobs by; None: it is not a column, or a key might not fit into int64."""
    if isinstance(policy, FirstInFirstOut):
        return KeyColumn(1, np.broadcast_to(np.int64(0), len(plan.jobs.qpu_time_us)).data)
    of_plan: Callable[[Plan], KeyColumn | None] | None = getattr(policy, "column", None)
    column = None if of_plan is None else of_plan(plan)
    if column is not None and column.submissions and largest(column.of_job) >= LONGEST_US:
        return None
    return column
