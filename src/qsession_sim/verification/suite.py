"""The grid of experiments, and the outcome of a verification."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from qsession_sim.verification import closed_clients, open_queues
from qsession_sim.verification.comparisons import (
    FAMILY_ERROR,
    Comparison,
    Experiment,
    constant,
    differing,
    exponential,
)
from qsession_sim.verification.identities import Identity, identities

DEFAULT_SEED: Final = 1

_TWO_CLASSES: Final = (exponential(5), exponential(20))
_THREE_CLASSES: Final = (exponential(5), constant(10), exponential(20))

EXPERIMENTS: Final[tuple[Experiment, ...]] = (
    open_queues.m_m_1(0.3, jobs=300_000),
    open_queues.m_m_1(0.5, jobs=500_000),
    open_queues.m_m_1(0.7, jobs=900_000),
    open_queues.m_m_1(0.9, jobs=1_000_000),
    open_queues.m_m_1(0.95, jobs=3_000_000),
    open_queues.m_d_1(0.5, jobs=300_000),
    open_queues.m_d_1(0.8, jobs=800_000),
    open_queues.m_d_1(0.9, jobs=800_000),
    open_queues.m_g_1(0.5, jobs=500_000),
    open_queues.m_g_1(0.8, jobs=800_000),
    open_queues.m_g_1(0.9, jobs=800_000),
    open_queues.priorities((0.4, 0.6), _TWO_CLASSES, 0.6, jobs=500_000),
    open_queues.priorities((0.4, 0.6), _TWO_CLASSES, 0.8, jobs=400_000),
    open_queues.priorities((0.3, 0.3, 0.4), _THREE_CLASSES, 0.6, jobs=500_000),
    open_queues.priorities((0.3, 0.3, 0.4), _THREE_CLASSES, 0.8, jobs=400_000),
    open_queues.vacations(0.3, jobs=50_000),
    open_queues.vacations(0.6, jobs=100_000),
    open_queues.vacations(0.8, jobs=250_000),
    open_queues.m_m_1_m(0.8, jobs=200_000),
    open_queues.m_m_1_m(1.5, jobs=200_000),
    open_queues.m_m_c(2, 0.6, jobs=900_000),
    open_queues.m_m_c(4, 0.6, jobs=600_000),
    open_queues.m_m_c(8, 0.6, jobs=600_000),
    closed_clients.exponential_service(2, jobs=200_000),
    closed_clients.exponential_service(5, jobs=200_000),
    closed_clients.exponential_service(10, jobs=200_000),
    closed_clients.exponential_service(15, jobs=200_000),
    closed_clients.constant_service(2, jobs=100_000),
    closed_clients.constant_service(5, jobs=100_000),
    closed_clients.constant_service(10, jobs=100_000),
    closed_clients.constant_service(15, jobs=100_000),
    closed_clients.uniform_think(10, jobs=200_000),
    closed_clients.idle_timeout(0.1, gaps=100_000),
    closed_clients.idle_timeout(0.5, gaps=100_000),
    closed_clients.idle_timeout(1, gaps=100_000),
    closed_clients.idle_timeout(2, gaps=100_000),
)
"""Large enough that an error of 5 % in any formula is detected somewhere, and one of 15 % in every row.
With fewer jobs, cycles would be too few and too unequal for a t distribution."""


@dataclass(frozen=True)
class Verification:
    """The outcome of a verification.

    Attributes:
        seed: of all random numbers.
        comparisons: of all experiments, in their order.
        identities: what must hold exactly.
        family_error: of the test of all comparisons together.
    """

    seed: int
    comparisons: tuple[Comparison, ...]
    identities: tuple[Identity, ...]
    family_error: float = FAMILY_ERROR

    @property
    def differing(self) -> list[Comparison]:
        """The comparisons that fail the test of the family."""
        failing = differing([comparison.p_value for comparison in self.comparisons], self.family_error)
        return [self.comparisons[position] for position in failing]

    @property
    def broken(self) -> list[Identity]:
        """The identities that do not hold."""
        return [identity for identity in self.identities if not identity.holds]

    @property
    def passed(self) -> bool:
        """Whether all is as theory says."""
        return not self.differing and not self.broken


def verify(
    seed: int = DEFAULT_SEED,
    experiments: Sequence[Experiment] = EXPERIMENTS,
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Simulate every experiment, and compare with theory.

    Args:
        seed: at least 0. The same seed gives the same verification.
        experiments: what is simulated.
        progress: called with the name of each experiment before it begins.

    Example:
        >>> from qsession_sim.verification.closed_clients import idle_timeout
        >>> verification = verify(experiments=[idle_timeout(1.0, gaps=1000)])
        >>> verification.passed, len(verification.comparisons)
        (True, 3)
    """
    comparisons: list[Comparison] = []
    for experiment in experiments:
        if progress is not None:
            progress(experiment.name)
        comparisons += experiment.compare(seed)
    if progress is not None:
        progress("exact identities")
    assert not any(math.isnan(comparison.p_value) for comparison in comparisons)
    return Verification(seed, tuple(comparisons), tuple(identities(seed)))
