"""One session alone on a QPU, whose client thinks between a result and its next job: what a timeout does.

Times are floats in any one unit; see `theory`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class IdleTimeout:
    """What an interactive timeout makes of the gaps between the jobs of a session.

    Attributes:
        deactivates: probability that a gap outlasts the timeout.
        mean_held: for how long a gap holds the QPU, on average.
        held_share: fraction of time for which the QPU is held and idle, in the long run.
    """

    deactivates: float
    mean_held: float
    held_share: float


def exponential_think(mean_think: float, timeout: float, mean_service: float) -> IdleTimeout:
    """Gaps with exponential length Z and a timeout T, counted from the start of each gap.

    A gap outlasts T with probability exp(-T / m), m = E[Z]. It holds the QPU for the shorter of Z and T, on
    average the integral of P(Z > t) = exp(-t / m) from 0 to T, which is m (1 - exp(-T / m)). Gaps and
    services are independent, so that the end of every service begins the process anew; by the theorem of
    renewal reward the share of time is mean held time over mean cycle, m + s: S. M. Ross, "Stochastic
    Processes", 2nd edition (1996), chapter 3.

    Args:
        mean_think: m, at least 0. With 0 no gap outlasts anything, not even a timeout of 0.
        timeout: T, at least 0; may be infinite.
        mean_service: s, above 0.

    Raises:
        ValueError: outside of these.

    Example:
        >>> gaps = exponential_think(mean_think=10.0, timeout=10.0 * math.log(2), mean_service=15.0)
        >>> round(gaps.deactivates, 12), round(gaps.mean_held, 12), round(gaps.held_share, 12)
        (0.5, 5.0, 0.2)
    """
    if not 0 <= mean_think < math.inf:
        raise ValueError(f"mean_think must be at least 0 and finite, got {mean_think}")
    if not timeout >= 0:
        raise ValueError(f"timeout must be at least 0, got {timeout}")
    if not 0 < mean_service < math.inf:
        raise ValueError(f"mean_service must be above 0 and finite, got {mean_service}")
    if mean_think == 0:
        return IdleTimeout(0.0, 0.0, 0.0)
    held = mean_think * -math.expm1(-timeout / mean_think)
    return IdleTimeout(math.exp(-timeout / mean_think), held, held / (mean_think + mean_service))
