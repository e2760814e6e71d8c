"""Random numbers: one generator for each stream and purpose, so that nothing shifts anything else (S7)."""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream draws random numbers for. The numbers decide what is drawn: never change one."""

    INTERARRIVAL = 0
    ITERATIONS = 1
    THINK = 2
    CIRCUITS = 3
    SHOTS = 4
    QPU_TIME = 5
    NOISE = 6
    JOBS = 7
    PHASES = 8
    PAUSE = 9
    PAUSE_DURATION = 10
    EARLY_STOP = 11
    ACTIVITY = 12
    USER = 13
    LAYERS = 16
    QUBITS = 17
    DEPTH = 18
    PREPARATION = 24
    POST_PROCESSING = 25
    ESTIMATE = 26
    ROUTE = 27
    SESSION_ROUTE = 28
    TIME_BETWEEN_FAILURES = 29
    REPAIR_TIME = 30


def stream_generator(seed: int, stream: str, purpose: Purpose) -> np.random.Generator:
    """The generator of one stream for one purpose.

    It depends on the three arguments alone: not on the other streams, not on their order, not on policies.
    The key of a stream is the SHA-256 of its name, as eight little-endian 32-bit words.

    Args:
        seed: of the scenario, at least 0.
        stream: name of the source.
        purpose: what the numbers are for.

    Returns:
        A new PCG64 generator on ``SeedSequence(seed, spawn_key=(*words of the stream, purpose))``.

    Example:
        >>> first = stream_generator(7, "everyday", Purpose.SHOTS)
        >>> again = stream_generator(7, "everyday", Purpose.SHOTS)
        >>> bool(first.random() == again.random())
        True
    """
    words = np.frombuffer(hashlib.sha256(stream.encode()).digest(), dtype="<u4").tolist()
    sequence = np.random.SeedSequence(seed, spawn_key=(*words, int(purpose)))
    return np.random.Generator(np.random.PCG64(sequence))
