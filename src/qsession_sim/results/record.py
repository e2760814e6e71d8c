"""Record: what one run leaves behind, in columns. Every table and figure is a function of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.workload.columns import EMPTY_WORKLOAD, Int64Array, Workload

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Record:
    """The event log of a finished run. Times are int64 microseconds; `NEVER` (-1): did not happen.

    `workload` has every job and session that the run knew: those drawn before it, then those created
    during it, in order of creation. All job columns have one row for each of its jobs.
    """

    workload: Workload
    qpu: str
    job_session: Int64Array  # the session it was submitted to; NEVER in job mode
    submitted_us: Int64Array  # NEVER: never submitted
    started_us: Int64Array  # on the QPU
    ended_us: Int64Array  # however it ended; of a rejected job, its submission
    status: Int8Array  # vocabulary.JobStatus; NEVER before submission
    reason: Int8Array  # vocabulary.Reason
    transitions: Int64Array  # (n, 6): time_us, session, from phase, event, to phase, reason
    end_us: int  # the horizon, or the instant of the last event


_NO_TIMES: Final[Int64Array] = np.zeros(0, dtype=np.int64)
_NO_WORDS: Final[Int8Array] = np.zeros(0, dtype=np.int8)

NOTHING: Final = Record(
    workload=EMPTY_WORKLOAD,
    qpu="qpu",
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
