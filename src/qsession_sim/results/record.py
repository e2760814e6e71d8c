"""Record: what one run leaves behind, in columns. Every table and figure is a function of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.scheduler.columns import LOST_RUN_FIELDS, WINDOW_FIELDS
from qsession_sim.scheduler.plan import AccountSpec, QpuSpec, Rules, WindowSpec
from qsession_sim.workload.columns import EMPTY_WORKLOAD, Int64Array, Workload

Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]


def _no_rows(columns: tuple[str, ...]) -> Int64Array:
    return np.zeros((0, len(columns)), dtype=np.int64)


@dataclass(frozen=True)
class Setting:
    """What a run was given beside its workload."""

    rules: Rules = field(default_factory=Rules)
    qpus: tuple[QpuSpec, ...] = (QpuSpec(),)
    windows: tuple[WindowSpec, ...] = ()
    accounts: Mapping[int, AccountSpec] = field(default_factory=dict)  # by number; others: no limits


@dataclass(frozen=True)
class Record:
    """The event log of a finished run. Times are int64 microseconds; `NEVER` (-1): did not happen.

    `workload` has every job and session that the run knew: those drawn before it, then those created
    during it, in order of creation. All job columns have one row for each of its jobs. Columns that are
    None were not needed: every job is of the one QPU, ready when submitted, and over when it left the QPU.
    """

    workload: Workload
    qpus: tuple[str, ...]  # names
    job_session: Int64Array  # the session it was submitted to; NEVER in job mode
    submitted_us: Int64Array  # NEVER: never submitted
    started_us: Int64Array  # on the QPU, the last time
    ended_us: Int64Array  # however it ended; of a rejected job, its submission
    status: Int8Array  # vocabulary.JobStage; NEVER before submission
    reason: Int8Array  # vocabulary.Reason
    transitions: Int64Array  # (n, 6): time_us, session, from phase, event, to phase, reason
    end_us: int  # the horizon, or the instant of the last event
    setting: Setting = field(default_factory=Setting)
    job_qpu: Int16Array | None = None  # NEVER: not routed
    session_qpu: Int64Array | None = None  # NEVER: not routed; one row a session
    preparing_us: Int64Array | None = None  # NEVER: no preparation, or not begun
    ready_us: Int64Array | None = None
    left_us: Int64Array | None = None  # the last time on the QPU
    requested_us: Int64Array | None = None  # QPU time needed on its QPU; None: as in the workload
    lost_runs: Int64Array = field(default_factory=lambda: _no_rows(LOST_RUN_FIELDS))
    windows: Int64Array = field(default_factory=lambda: _no_rows(WINDOW_FIELDS))

    @property
    def queueing_qpus(self) -> tuple[int, ...]:
        """The numbers of the QPUs that are no simulators: those have no queue and do not wait (S22)."""
        return tuple(number for number, qpu in enumerate(self.setting.qpus) if not qpu.simulator)


_NO_TIMES: Final[Int64Array] = np.zeros(0, dtype=np.int64)
_NO_WORDS: Final[Int8Array] = np.zeros(0, dtype=np.int8)

NOTHING: Final = Record(
    workload=EMPTY_WORKLOAD,
    qpus=("qpu",),
    job_session=_NO_TIMES,
    submitted_us=_NO_TIMES,
    started_us=_NO_TIMES,
    ended_us=_NO_TIMES,
    status=_NO_WORDS,
    reason=_NO_WORDS,
    transitions=np.zeros((0, 6), dtype=np.int64),
    end_us=0,
)
"""What a run without jobs, sessions and programs leaves behind."""
