"""Policies by name. A queue policy orders the normal queue (S50); a hold policy says what the QPU does
while a session holds it with nothing to run (S51); a routing policy finds a QPU for what names none (S54)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, TypeVar

from qsession_sim.errors import PolicyError
from qsession_sim.scheduler.rules import ADAPTIVE, EXCLUSIVE, GAP_FILL, NONE, SHARED, HoldPolicy, Routing
from qsession_sim.scheduler.view import JobView, QueueKey

P = TypeVar("P")


@dataclass(frozen=True)
class QueuePolicy:
    """A named order of the normal queue. `key` None: by submission and job number alone."""

    name: str
    summary: str
    key: QueueKey | None


@dataclass(frozen=True)
class NamedHoldPolicy:
    """A named hold policy."""

    name: str
    summary: str
    policy: HoldPolicy


@dataclass(frozen=True)
class NamedRouting:
    """A named way to find a QPU for a job or session that names none (S54); ties go to the first QPU."""

    name: str
    summary: str
    routing: Routing


def _most_urgent_first(job: JobView) -> tuple[int, ...]:
    return (-job.priority,)


QUEUE_POLICIES: Final = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            QueuePolicy("fifo", "First in, first out: by submission, then by job number.", None),
            QueuePolicy(
                "priority",
                "Strict priority: the largest priority first, then first in, first out.",
                _most_urgent_first,
            ),
        )
    }
)

HOLD_POLICIES: Final = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            NamedHoldPolicy(
                "exclusive", "The QPU waits for the session's next job until the ITTL ends.", EXCLUSIVE
            ),
            NamedHoldPolicy(
                "shared", "Job-mode jobs may run while the session has none, as in a batch.", SHARED
            ),
            NamedHoldPolicy(
                "gap_fill",
                "A job-mode job may run if its estimate fits in what is left of the ITTL.",
                GAP_FILL,
            ),
            NamedHoldPolicy("none", "The ITTL counts as 0: an idle session lets go at once.", NONE),
            NamedHoldPolicy(
                "adaptive",
                "As exclusive, with an ITTL that follows the session's past think times.",
                ADAPTIVE,
            ),
        )
    }
)

ROUTING_POLICIES: Final = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            NamedRouting("least_busy", "To the QPU with the fewest queued jobs.", Routing.LEAST_BUSY),
            NamedRouting(
                "shortest_expected_wait",
                "To the QPU whose queued and running jobs are estimated to take least.",
                Routing.SHORTEST_EXPECTED_WAIT,
            ),
            NamedRouting("round_robin", "To one QPU after the other.", Routing.ROUND_ROBIN),
            NamedRouting("random", "To any QPU, all equally likely.", Routing.RANDOM),
        )
    }
)


def queue_policy(policy: str | Callable[[JobView], tuple[int, ...]]) -> QueuePolicy:
    """Find a queue policy by name, or wrap a function from a job to a tuple of ints, smallest first.

    Raises:
        PolicyError: if there is no policy of that name, or it is neither a name nor a function; during the
            run, if the function answers with anything but tuples of ints of one length.

    Example:
        >>> queue_policy("priority").summary
        'Strict priority: the largest priority first, then first in, first out.'
        >>> queue_policy(lambda job: (job.number % 2,)).name
        '<lambda>'
    """
    if isinstance(policy, str):
        return _find(policy, QUEUE_POLICIES, "queue")
    if not callable(policy):
        raise PolicyError(
            f"a queue policy must be a name ({', '.join(QUEUE_POLICIES)}) or a function from a job to a "
            f"tuple of ints, not {policy!r}"
        )
    name = getattr(policy, "__name__", type(policy).__name__)
    summary = (policy.__doc__ or "").strip().partition("\n")[0]
    return QueuePolicy(name, summary, _checked(name, policy))


def _checked(name: str, key: Callable[[JobView], Any]) -> QueueKey:
    """The key of a user's policy, refused unless it is a tuple of ints of one length."""
    lengths: set[int] = set()

    def checked_key(job: JobView) -> tuple[int, ...]:
        answer = key(job)
        if not isinstance(answer, tuple) or not all(isinstance(part, int) for part in answer):
            raise PolicyError(
                f"queue policy {name!r} must answer with a tuple of ints; "
                f"for job {job.number}, submitted at {job.submitted_us} us, it gave {answer!r}"
            )
        lengths.add(len(answer))
        if len(lengths) > 1:
            raise PolicyError(
                f"queue policy {name!r} must answer with tuples of one length; "
                f"for job {job.number}, submitted at {job.submitted_us} us, it gave {answer!r}"
            )
        return answer

    return checked_key


def hold_policy(name: str) -> HoldPolicy:
    """Find a hold policy by name.

    Raises:
        PolicyError: if there is no policy of that name.
    """
    if not isinstance(name, str):
        raise PolicyError(f"a hold policy must be a name ({', '.join(HOLD_POLICIES)}), not {name!r}")
    return _find(name, HOLD_POLICIES, "hold").policy


def routing_policy(name: str) -> Routing:
    """Find a routing policy by name.

    Raises:
        PolicyError: if there is no policy of that name.

    Example:
        >>> routing_policy("round_robin").name
        'ROUND_ROBIN'
    """
    if not isinstance(name, str):
        raise PolicyError(f"a routing policy must be a name ({', '.join(ROUTING_POLICIES)}), not {name!r}")
    return _find(name, ROUTING_POLICIES, "routing").routing


def _find(name: str, policies: Mapping[str, P], kind: str) -> P:
    if name in policies:
        return policies[name]
    close = get_close_matches(name, policies, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(policies)}"
    raise PolicyError(f"no {kind} policy is called {name!r}; {hint}")
