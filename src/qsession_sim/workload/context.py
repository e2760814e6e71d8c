"""What a source knows of its scenario when it is drawn, and the rows that come out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any, cast

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.accounts import AccountPlans
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.service import ServiceTimeModel
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    ClientColumns,
    Int64Array,
    JobColumns,
    LeftOut,
    NameBlock,
    SessionColumns,
)


def source_error(path: str, text: str) -> ScenarioError:
    """The error of a source that cannot be used.

    Args:
        path: name of the source, and where known the key inside it.
        text: what is wrong and what to do.

    Example:
        >>> str(source_error("everyday.shots", "drew too many"))
        'workload.everyday.shots: drew too many'
    """
    return ScenarioError((f"workload.{path}: {text}",))


def qpu_error(name: str, text: str) -> ScenarioError:
    """The error of a QPU whose windows cannot be used; as `source_error`.

    Example:
        >>> str(qpu_error("torino", "more than there is room for"))
        'qpus.torino.windows: more than there is room for'
    """
    return ScenarioError((f"qpus.{name}.windows: {text}",))


class Purpose(IntEnum):
    """What a stream draws random numbers for, from a generator of its own (S7).

    The numbers decide what is drawn: never change one. Keys of sources that are drawn as they are written
    have a purpose of their own name.
    """

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
    PATIENCE = 31


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
    # the entropy that a spawn key makes with a seed, in one array: several times as fast
    sequence = np.random.SeedSequence(np.array([*_seed_words(seed), *_words(stream), purpose], np.uint32))
    return np.random.Generator(np.random.PCG64(sequence))


@lru_cache(maxsize=16)
def _seed_words(seed: int) -> tuple[int, ...]:
    """As `SeedSequence` has them in front of a spawn key: at least four."""
    words = max(4, -(-seed.bit_length() // 32))
    return tuple(seed >> 32 * place & 0xFFFF_FFFF for place in range(words))


@lru_cache(maxsize=256)
def _words(stream: str) -> tuple[int, ...]:
    return tuple(np.frombuffer(hashlib.sha256(stream.encode()).digest(), dtype="<u4").tolist())


class Streams:
    """The generators of one draw; they know for which purposes numbers were drawn.

    A generator is made, and its purpose is in `used`, when it is first asked for anything: a constant asks
    for nothing.

    Example:
        >>> streams = Streams(seed=7)
        >>> shots = streams.generator("everyday", Purpose.SHOTS)
        >>> streams.used
        set()
        >>> bool(shots.random() == stream_generator(7, "everyday", Purpose.SHOTS).random()), streams.used
        (True, {<Purpose.SHOTS: 4>})
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.used: set[Purpose] = set()

    def generator(self, stream: str, purpose: Purpose) -> np.random.Generator:
        """The same generator as `stream_generator` gives for the seed of this draw."""
        return cast("np.random.Generator", _Generator(self, stream, purpose))


@dataclass
class _Generator:
    """Stands for a generator until that is needed."""

    _streams: Streams
    _stream: str
    _purpose: Purpose

    @cached_property
    def _made(self) -> np.random.Generator:
        self._streams.used.add(self._purpose)
        return stream_generator(self._streams.seed, self._stream, self._purpose)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


@dataclass(frozen=True)
class SourceContext:
    """What a source knows of the scenario that it stands in."""

    scenario: ResolvedScenario
    streams: Streams
    service_time: ServiceTimeModel
    accounts: Mapping[str, int]  # name to index into Workload.accounts
    stream: int  # index into Workload.streams
    name: str  # of the source, and so of the stream
    plans: AccountPlans  # whose clocks sessions have that ask for nothing
    qpu: int = NEVER  # S54; that of the whole source, or NEVER
    qpus: Mapping[str, int] = field(default_factory=dict)  # name to index into Workload.qpus

    def generator(self, purpose: Purpose) -> np.random.Generator:
        """The source's own generator for one purpose."""
        return self.streams.generator(self.name, purpose)


@dataclass(frozen=True)
class SourceRows:
    """The rows of one source. Jobs, sessions and clients count from 0 inside it."""

    jobs: JobColumns
    job_names: NameBlock
    sessions: SessionColumns = EMPTY_WORKLOAD.sessions
    session_names: NameBlock = ()
    clients: ClientColumns = EMPTY_WORKLOAD.clients
    left_out: LeftOut | None = None
    more_after: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # S5: beside `after`
    qpu_times_us: tuple[Int64Array, ...] = ()  # by QPU, where they differ; each of shape (jobs,)
    estimates_us: tuple[Int64Array, ...] = ()


def filled(rows: int, value: int) -> Int64Array:
    """A column in which every row has the same value, to be changed; `constant` takes less memory."""
    return np.full(rows, value, dtype=np.int64)
