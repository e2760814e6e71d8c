"""How many random examples a test takes: Hypothesis' profile says it, for all of them (see conftest.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

BATCH = 10

ALL = 100
"""What the profile `thorough` takes where a test says nothing, as Hypothesis itself does."""


def examples(number: int) -> int:
    """That many in the profile `thorough`, and of them what the profile of this run takes of a hundred."""
    return max(1, number * settings().max_examples // ALL)


def varied(strategy: SearchStrategy[Any], most: int) -> Iterator[Any]:
    """The same examples each time, in batches: in a long one Hypothesis varies old examples rather than draw anew."""
    batch: list[Any] = []

    @settings(
        database=None, suppress_health_check=list(HealthCheck), max_examples=BATCH, phases=[Phase.generate]
    )
    @given(strategy)
    def keep(example: Any) -> None:
        batch.append(example)

    for number in range(most // BATCH):
        seed(number)(keep)()
        yield from batch
        batch.clear()
