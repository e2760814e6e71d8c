"""How long foreign jobs keep sessions waiting that are active (S32, S51)."""

from __future__ import annotations

import numpy as np

from qsession_sim.results.periods import Periods
from qsession_sim.results.record import Record
from qsession_sim.results.stays import ready_stays
from qsession_sim.workload.columns import Int64Array


def delays(record: Record, qpu: int, busy: Periods, active: Periods) -> tuple[Int64Array, Int64Array]:
    """The stretches in which a session is active and has a ready job while a foreign one is on the QPU.

    Returns:
        The session and the length of each stretch, both of shape (stretches,). A session that lets no
        foreign job in has none.
    """
    foreign = _foreign_stays(record, busy, active)
    if len(foreign.owner) == 0:
        return foreign.owner, foreign.start_us
    job, ready_us, left_us = ready_stays(record, qpu)
    session = record.job_session[job]
    theirs = np.isin(session, foreign.owner)
    return _time_of_both(foreign, Periods(session[theirs], ready_us[theirs], left_us[theirs]))


def _foreign_stays(record: Record, busy: Periods, active: Periods) -> Periods:
    """The part of each stay of a foreign job that lies in the active period in which it began."""
    period = np.searchsorted(active.start_us, busy.start_us, side="right") - 1
    session = active.owner[period]
    end_us = np.minimum(busy.end_us, active.end_us[period])
    foreign = (period >= 0) & (busy.start_us < end_us) & (record.job_session[busy.owner] != session)
    return Periods(session[foreign], busy.start_us[foreign], end_us[foreign])


def _time_of_both(first: Periods, second: Periods) -> tuple[Int64Array, Int64Array]:
    """The stretches of time in which an owner has periods of both kinds: the owner, and how long."""
    sizes = (len(first.owner), len(second.owner))
    owner = np.concatenate((first.owner, first.owner, second.owner, second.owner))
    time_us = np.concatenate((first.start_us, first.end_us, second.start_us, second.end_us))
    in_first = np.repeat(np.array([1, -1, 0, 0]), np.repeat(sizes, 2))
    in_second = np.repeat(np.array([0, 0, 1, -1]), np.repeat(sizes, 2))
    order = np.lexsort((time_us, owner))
    owner, time_us = owner[order], time_us[order]
    # every owner ends with 0, so that the sums of one do not carry over to the next
    both = np.flatnonzero((np.cumsum(in_first[order]) > 0) & (np.cumsum(in_second[order]) > 0))
    return owner[both], time_us[both + 1] - time_us[both]
