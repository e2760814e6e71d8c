"""Seeds of replications."""

from __future__ import annotations

from typing import Final

import numpy as np

_BITS: Final = 53  # whole numbers that every reader of JSON keeps


def replication_seed(seed: int, replication: int) -> int:
    """The seed of one replication of a study: independent of how many there are and of what is compared.

    The upper 53 of the first 64 bits of ``SeedSequence(seed, spawn_key=(replication,))``.

    Args:
        seed: of the study, at least 0.
        replication: from 0.

    Returns:
        From 0 to 2**53 - 1; `simulate(..., seed=)` and `run --seed` take it.

    Example:
        >>> replication_seed(7, 0) == replication_seed(7, 0) != replication_seed(7, 1)
        True
    """
    state = np.random.SeedSequence(seed, spawn_key=(replication,)).generate_state(1, np.uint64)
    return int(state[0]) >> (64 - _BITS)
