"""Policies by name. A queue policy orders the normal queue (S50); a hold policy says what the QPU does
while a session holds it with nothing to run (S51); a routing policy finds a QPU for what names none (S54)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from qsession_sim.errors import PolicyError, hint
from qsession_sim.policies.builtin import BUILT_IN
from qsession_sim.policies.user import (
    PolicyFunction,
    UserPolicy,
    find_user_policy,
    of_function,
    user_policy_names,
)
from qsession_sim.scenario.policies import (
    HOLD_POLICIES,
    PARAMETERS,
    ROUTING_POLICIES,
    PolicyChoice,
    QueuePolicySettings,
    with_defaults,
)
from qsession_sim.scheduler.plan import HoldPolicy, Routing
from qsession_sim.scheduler.queues import QueuePolicy

P = TypeVar("P", HoldPolicy, Routing)

QUEUE_POLICIES: Final = BUILT_IN
"""The built-in queue policies, by name."""


def queue_policy(
    policy: str | Mapping[str, Any] | QueuePolicySettings | PolicyFunction, *, seed: int = 0
) -> QueuePolicy:
    """Find a queue policy.

    Args:
        policy: the name of a built-in or registered policy or of one that an installed package offers;
            `file.py:function`; a mapping with a name and parameters; or a function from a job, or from a job
            and a view, to a tuple of ints, of which the smallest goes first.
        seed: of the run, for the policy `random`.

    Raises:
        PolicyError: if there is no such policy, or it has no such parameters; during the run, if a function
            answers with anything but tuples of ints of one length.

    Example:
        >>> queue_policy("fair_share").usage_window_us == 28 * 24 * 3_600_000_000
        True
        >>> queue_policy({"name": "fair_share", "window": "7d"}).usage_window_us == 7 * 24 * 3_600_000_000
        True
        >>> queue_policy(lambda job: (job.number % 2,)).name
        '<lambda>'
    """
    settings = queue_settings(policy)
    if callable(policy):
        return of_function(policy)
    built_in = BUILT_IN.get(settings.name)
    if built_in is not None:
        return built_in.make(built_in, settings, seed)
    found = find_user_policy(settings.name)
    if found is None:
        raise _unknown(settings.name, QUEUE_POLICY_NAMES, "queue")
    return found


def queue_settings(
    policy: str | Mapping[str, Any] | QueuePolicySettings | PolicyFunction,
) -> QueuePolicySettings:
    """What the resolved scenario says of a queue policy: its name and all its parameters.

    Raises:
        PolicyError: if it is none of what `queue_policy` takes, or has no such parameters.

    Example:
        >>> queue_settings("multilevel").thresholds
        (600000000, 3600000000, 36000000000)
    """
    if isinstance(policy, str):
        policy = QueuePolicySettings(name=policy)
    elif isinstance(policy, Mapping):
        policy = _settings(policy)
    elif callable(policy):
        policy = QueuePolicySettings(name=of_function(policy).name)
    if not isinstance(policy, QueuePolicySettings):
        raise PolicyError(
            f"a queue policy must be a name ({', '.join(BUILT_IN)}), a mapping with a name and parameters, "
            f"or a function from a job to a tuple of ints, not {policy!r}"
        )
    return with_defaults(policy)


def _settings(written: Mapping[str, Any]) -> QueuePolicySettings:
    try:
        settings = QueuePolicySettings.model_validate(dict(written))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise PolicyError(f"queue policy {dict(written)!r}: {where}: {first['msg']}") from None
    own = PARAMETERS.get(settings.name, {})
    for name in settings.model_fields_set - {"name", *own}:
        raise PolicyError(f"queue policy {settings.name!r} has no parameter {name!r}; {hint(name, own)}")
    return settings


class _QueuePolicyNames(Collection[str]):
    """All names that `policies.queue` may have; installed packages are asked only when it matters."""

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or name in user_policy_names()

    def __iter__(self) -> Iterator[str]:
        return iter((*BUILT_IN, *user_policy_names()))

    def __len__(self) -> int:
        return len(BUILT_IN) + len(user_policy_names())


QUEUE_POLICY_NAMES: Final[Collection[str]] = _QueuePolicyNames()
"""The names of all queue policies that can be found now, built-in ones first."""


def queue_policy_names(chosen: object = None) -> Collection[str]:
    """The names that a scenario may have where a policy is chosen beside it, if any.

    The resolved form of a run has the name of its policy, also that of a function in a file. It can be run
    again with the same one.

    Example:
        >>> "mine.py:f" in queue_policy_names("mine.py:f"), "mine.py:f" in queue_policy_names("fifo")
        (True, False)
    """
    if isinstance(chosen, str) and chosen not in QUEUE_POLICY_NAMES:
        return (*QUEUE_POLICY_NAMES, chosen)
    return QUEUE_POLICY_NAMES


def user_policies() -> list[UserPolicy]:
    """Registered policies and those that installed packages offer, by name.

    Raises:
        PolicyError: if one cannot be loaded.
    """
    found = (find_user_policy(name) for name in user_policy_names())
    return [policy for policy in found if policy is not None]


def hold_policy(name: str) -> HoldPolicy:
    """Find a hold policy by name.

    Raises:
        PolicyError: if there is no policy of that name.
    """
    return _find(name, HOLD_POLICIES, "hold")


def routing_policy(name: str) -> Routing:
    """Find a routing policy by name.

    Raises:
        PolicyError: if there is no policy of that name.

    Example:
        >>> routing_policy("round_robin").name
        'ROUND_ROBIN'
    """
    return _find(name, ROUTING_POLICIES, "routing")


def _find(name: str, policies: Mapping[str, PolicyChoice[P]], kind: str) -> P:
    if not isinstance(name, str):
        raise PolicyError(f"a {kind} policy must be a name ({', '.join(policies)}), not {name!r}")
    if name not in policies:
        raise _unknown(name, policies.keys(), kind)
    return policies[name].policy


def _unknown(name: str, known: Collection[str], kind: str) -> PolicyError:
    return PolicyError(f"no {kind} policy is called {name!r}; {hint(name, known)}")
