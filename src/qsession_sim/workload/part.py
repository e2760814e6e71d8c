"""Part: the rows that one source contributes, and what a source reads of its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from qsession_sim.scenario.resolve_accounts import DefaultClocks
from qsession_sim.scenario.service_models import ServiceTimeModel
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import (
    ClientColumns,
    Int64Array,
    JobColumns,
    LeftOut,
    NameBlock,
    SessionColumns,
)
from qsession_sim.workload.random_streams import Purpose, stream_generator


@dataclass(frozen=True)
class Setting:
    """What a source reads of the scenario that it stands in."""

    seed: int
    horizon_us: int | None
    execution_limit_us: int | None  # S44; of the rules, not of the job
    service_time: ServiceTimeModel
    accounts: Mapping[str, int]  # name to index into Workload.accounts
    stream: int  # index into Workload.streams
    name: str  # of the stream
    start: datetime  # calendar instant of time 0
    clocks: DefaultClocks  # of sessions that ask for nothing
    qpu: int = NEVER  # S54; that of the whole source, or NEVER
    routes: bool = False  # whether there is a choice of QPUs for what names none
    qpus: Mapping[str, int] = field(default_factory=dict)  # name to index into Workload.qpus
    models: Mapping[str, ServiceTimeModel] = field(default_factory=dict)  # of each QPU, by its name

    def generator(self, purpose: Purpose) -> np.random.Generator:
        """The source's own generator for one purpose."""
        return stream_generator(self.seed, self.name, purpose)


@dataclass(frozen=True)
class Part:
    """Rows of one source. Jobs, sessions and clients count from 0 inside the part."""

    jobs: JobColumns
    sessions: SessionColumns
    clients: ClientColumns
    job_names: NameBlock
    session_names: NameBlock
    left_out: LeftOut | None = None
    qpu_times_us: tuple[Int64Array, ...] = ()  # by QPU, where they differ; each of shape (jobs,)
    estimates_us: tuple[Int64Array, ...] = ()


def filled(rows: int, value: int) -> Int64Array:
    """A column in which every row has the same value, to be changed; `constant` takes less memory."""
    return np.full(rows, value, dtype=np.int64)
