"""Record: what one run leaves behind, in columns. Every table and figure is a function of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsession_sim.workload.columns import Int64Array, Workload

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
