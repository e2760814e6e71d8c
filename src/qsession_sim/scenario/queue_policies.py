"""Queue policies as people write them: a name, or a name with parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.quantities import Model, PositiveDuration
from qsession_sim.scenario.reading import part
from qsession_sim.units import DAY, HOUR, MINUTE

_MOST: Final = 1_000_000

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
    """A queue policy, by its name, with its parameters; None: absent, or the policy has no such one."""

    name: Annotated[str, Field(description="the name of the policy")]
    aging: Annotated[
        PositiveDuration | None,
        Field(description="priority: the waiting time that is worth as much as one more priority"),
    ] = None
    slack: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=_MOST)] | None,
        Field(description="earliest_deadline: the deadline is so many estimates after submission"),
    ] = None
    window: Annotated[
        PositiveDuration | None, Field(description="fair_share: how far back used time counts")
    ] = None
    thresholds: Annotated[
        Annotated[tuple[PositiveDuration, ...], Field(min_length=1), AfterValidator(_check_growing)] | None,
        Field(description="multilevel: used time at which an account falls to the next level"),
    ] = None


def with_defaults(policy: QueuePolicySettings) -> QueuePolicySettings:
    """The same policy with every parameter that it has.

    Example:
        >>> with_defaults(QueuePolicySettings(name="fair_share")).model_dump(mode="json", exclude_none=True)
        {'name': 'fair_share', 'window': '28d'}
    """
    defaults = PARAMETERS.get(policy.name, {})
    missing = {name: value for name, value in defaults.items() if getattr(policy, name) is None}
    return policy.model_copy(update=missing)


def parameter_problems(data: Any) -> Iterator[Problem]:
    """Parameters that a policy does not have."""
    policy = part(part(data, "policies"), "queue")
    name = policy.get("name")
    if not isinstance(name, str):
        return
    own = PARAMETERS.get(name, {})
    for key in QueuePolicySettings.model_fields.keys() - {"name", *own} & policy.keys():
        path: Path = ("policies", "queue", key)
        yield unknown_name(path, "unknown key", key, ("name", *own), at_key=True)
