"""What a journal says happened, in the terms of the naive model."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from qsession_sim.scheduler.columns import LOST_RUN_FIELDS, TRANSITION_FIELDS, WINDOW_FIELDS, Journal
from qsession_sim.scheduler.transitions import ACCEPTS, STATE_OF, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, PUBLIC_STATUS, JobStatus, Reason
from qsession_sim.verification.naive.histories import Facts, JobFacts, Public


def facts_of(journal: Journal, end_us: int) -> Facts:
    """What a journal says happened up to the end of its run."""
    submitted = [number for number, submitted_us in enumerate(journal.submitted_us) if submitted_us != NEVER]
    lost_runs = _rows(journal.lost_runs, len(LOST_RUN_FIELDS))
    lost_starts = {(job, started_us) for job, _, started_us, _ in lost_runs}
    return Facts(
        {number: _job_facts(journal, number, lost_starts) for number in submitted},
        [change_of(row) for row in _rows(journal.transitions, len(TRANSITION_FIELDS))],
        lost_runs,
        _rows(journal.windows, len(WINDOW_FIELDS)),
        end_us,
    )


def _rows(flat: array[int], width: int) -> list[tuple[int, ...]]:
    return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


def change_of(row: Sequence[int]) -> tuple[int, int, Public, Public, Reason]:
    """A row of transitions, by what can be seen of the session before and after it."""
    time_us, session, before, _, after, reason = row
    public = [(STATE_OF[phase], phase in ACCEPTS) for phase in (SessionPhase(before), SessionPhase(after))]
    return time_us, session, public[0], public[1], Reason(reason)


def _job_facts(journal: Journal, job: int, lost_starts: set[tuple[int, int]]) -> JobFacts:
    """The row of a job; a column that the run did not need says what its documentation says."""
    submitted_us, ended_us = int(journal.submitted_us[job]), int(journal.ended_us[job])
    stage, started_us = journal.stage[job], int(journal.started_us[job])
    accepted = stage != JobStatus.REJECTED
    stayed = started_us != NEVER and (job, started_us) not in lost_starts
    return JobFacts(
        int(journal.session[job]),
        int(journal.qpu[job]) if len(journal.qpu) else 0,
        submitted_us,
        int(journal.preparing_us[job]) if len(journal.preparing_us) else NEVER,
        int(journal.ready_us[job]) if len(journal.ready_us) else (submitted_us if accepted else NEVER),
        started_us,
        int(journal.left_us[job]) if len(journal.left_us) else (ended_us if stayed else NEVER),
        ended_us,
        JobStatus(PUBLIC_STATUS[stage]),
        Reason(journal.reason[job]),
    )
