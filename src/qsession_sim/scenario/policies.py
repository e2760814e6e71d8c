"""The policies that a scenario can name: what runs next (S50, S51), and on which QPU (S54)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from qsession_sim.scenario.values import Model, PositiveDuration, ShortForm, key
from qsession_sim.scheduler.plan import ADAPTIVE, EXCLUSIVE, GAP_FILL, NONE, SHARED, HoldPolicy, Routing
from qsession_sim.units import DAY, HOUR, MINUTE

# -- Queue policies. The functions that order the queue are in `policies.builtin`.

_MOST: Final = 1_000_000

T = TypeVar("T", HoldPolicy, Routing)

PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "fifo": {},
        "lifo": {},
        "priority": {"aging": None},
        "shortest_job_first": {},
        "longest_job_first": {},
        "earliest_deadline": {"slack": 10},
        "fair_share": {"window": 28 * DAY},  # S63
        "round_robin": {},
        "weighted_fair_queueing": {},
        "least_attained_service": {},
        "multilevel": {"thresholds": (10 * MINUTE, HOUR, 10 * HOUR)},
        "wfp3": {},
        "unicef": {},
        "random": {},
        "session_first": {},
    }
)
"""The built-in queue policies: the parameters of each with their defaults; None: it may be absent."""


def _check_growing(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if any(first >= second for first, second in pairwise(thresholds)):
        raise ValueError("each threshold must be above the one before it")
    return thresholds


class QueuePolicySettings(Model):
    """A queue policy, by its name, with its parameters; one that the policy does not have is absent."""

    name: str = Field(description="the name of the policy")
    aging: PositiveDuration | None = key(
        "priority: the waiting time that is worth as much as one more priority"
    )
    slack: Annotated[int, Field(strict=True, ge=1, le=_MOST)] | None = key(
        "earliest_deadline: the deadline is so many estimates after submission"
    )
    window: PositiveDuration | None = key("fair_share: how far back used time counts")
    thresholds: (
        Annotated[tuple[PositiveDuration, ...], Field(min_length=1), AfterValidator(_check_growing)] | None
    ) = key("multilevel: used time at which an account falls to the next level")


def with_defaults(policy: QueuePolicySettings) -> QueuePolicySettings:
    """The same policy with every parameter that it has.

    Example:
        >>> with_defaults(QueuePolicySettings(name="fair_share")).model_dump(mode="json", exclude_none=True)
        {'name': 'fair_share', 'window': '28d'}
    """
    defaults = PARAMETERS.get(policy.name, {})
    missing = {name: value for name, value in defaults.items() if getattr(policy, name) is None}
    return policy.model_copy(update=missing)


# -- Hold and routing policies.


class NamedPolicy(Model):
    """A policy, by its name."""

    name: str = Field(description="the name of the policy")


@dataclass(frozen=True)
class PolicyChoice(Generic[T]):
    """A hold or routing policy that a scenario can name; `summary` says in a line what it does."""

    name: str
    summary: str
    policy: T


def _by_name(*policies: PolicyChoice[T]) -> Mapping[str, PolicyChoice[T]]:
    return MappingProxyType({policy.name: policy for policy in policies})


HOLD_POLICIES: Final = _by_name(
    PolicyChoice("exclusive", "The QPU waits for the session's next job until the ITTL ends.", EXCLUSIVE),
    PolicyChoice("shared", "Job-mode jobs may run while the session has none, as in a batch.", SHARED),
    PolicyChoice(
        "gap_fill",
        "A job-mode job may run if its estimate fits in what is left of the ITTL.",
        GAP_FILL,
    ),
    PolicyChoice("none", "The ITTL counts as 0: an idle session lets go at once.", NONE),
    PolicyChoice(
        "adaptive",
        "As exclusive, with an ITTL that follows the session's past think times.",
        ADAPTIVE,
    ),
)

ROUTING_POLICIES: Final = _by_name(
    PolicyChoice("least_busy", "To the QPU with the fewest queued jobs.", Routing.LEAST_BUSY),
    PolicyChoice(
        "shortest_expected_wait",
        "To the QPU whose queued and running jobs are estimated to take least.",
        Routing.SHORTEST_EXPECTED_WAIT,
    ),
    PolicyChoice("round_robin", "To one QPU after the other.", Routing.ROUND_ROBIN),
    PolicyChoice("random", "To any QPU, all equally likely.", Routing.RANDOM),
)
"""How a QPU is found for a job or session that names none; ties go to the first QPU (S54)."""


# -- The key `policies` of a scenario.


def _spell_out_policy(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping):
        return value
    raise ValueError("must be the name of a policy, or {name: ...}")


_NAME: Final = ShortForm({"type": "string"})

PolicySpelling = Annotated[NamedPolicy, BeforeValidator(_spell_out_policy), _NAME]
QueuePolicySpelling = Annotated[QueuePolicySettings, BeforeValidator(_spell_out_policy), _NAME]


class HumanPolicies(Model):
    """Who runs next."""

    queue: QueuePolicySpelling = key("the order of the normal queue", QueuePolicySettings(name="fifo"))
    hold: PolicySpelling = key("what an idle session lets the QPU do (S51)", NamedPolicy(name="exclusive"))
    routing: PolicySpelling = key(
        "which QPU a job or session gets that names none (S54)", NamedPolicy(name="least_busy")
    )


class ResolvedPolicies(HumanPolicies):
    """The same, with every parameter that the queue policy has."""
