"""The agenda (S3), the normal queue (S50, S32) and a session's own queue (S12), each on its own."""

from __future__ import annotations

import itertools
from array import array
from functools import partial

import pytest

from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.plan import SessionSpec
from qsession_sim.scheduler.queue import GlobalQueue
from qsession_sim.scheduler.rules import EXCLUSIVE
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.vocabulary import Entity, JobStatus, Rank

EVER = (10**9,)


def planned(*submissions):
    return [(time_us, Rank.SUBMIT, Entity.JOB, job, 0) for time_us, job in submissions]


def taken(agenda, limit=EVER):
    """Everything up to a limit, without the generations."""
    events = []
    while (event := agenda.take(limit)) is not None:
        events.append(event[:4])
    return events


IN_ORDER = [
    (1, Rank.DISPATCH, Entity.QPU, 0),
    (2, Rank.CREATE, Entity.SESSION, 0),
    (2, Rank.CREATE, Entity.SESSION, 1),
    (2, Rank.CANCEL, Entity.SESSION, 1),
    (2, Rank.CANCEL, Entity.JOB, 0),
    (3, Rank.FINISH, Entity.JOB, 9),
]


def test_s3_agenda_gives_events_by_time_rank_entity_and_number_however_they_were_armed():
    for order in itertools.permutations(IN_ORDER):
        agenda = Agenda()
        for event in order:
            agenda.arm(*event)
        assert taken(agenda) == IN_ORDER
        assert agenda.head() is None


def test_agenda_takes_nothing_beyond_the_limit():
    agenda = Agenda(planned((5, 0), (7, 1)))
    agenda.arm(5, Rank.FINISH, Entity.JOB, 3)
    agenda.arm(5, Rank.CLOSE, Entity.SESSION, 0)
    assert taken(agenda, (4, Rank.DISPATCH, 9)) == []
    assert taken(agenda, (5, Rank.READY, 9)) == [(5, Rank.FINISH, Entity.JOB, 3)]
    assert taken(agenda, (5, Rank.DISPATCH, 9)) == [
        (5, Rank.SUBMIT, Entity.JOB, 0),
        (5, Rank.CLOSE, Entity.SESSION, 0),
    ]
    assert agenda.head() == (7, Rank.SUBMIT, Entity.JOB, 1, 0)
    assert taken(agenda) == [(7, Rank.SUBMIT, Entity.JOB, 1)]


def test_planned_submissions_are_merged_with_armed_events_by_number():
    agenda = Agenda(planned((5, 1), (5, 3), (8, 0)))
    agenda.arm(5, Rank.SUBMIT, Entity.JOB, 2)
    agenda.arm(9, Rank.SUBMIT, Entity.JOB, 4)
    agenda.arm(6, Rank.ITTL, Entity.SESSION, 0)
    assert [(event[0], event[3]) for event in taken(agenda)] == [
        (5, 1),
        (5, 2),
        (5, 3),
        (6, 0),
        (8, 0),
        (9, 4),
    ]


def test_s3_event_armed_for_an_instant_already_being_served_takes_its_place():
    agenda = Agenda(planned((5, 1), (5, 4)))
    agenda.arm(5, Rank.CANCEL, Entity.JOB, 0)
    first = agenda.take(EVER)
    agenda.arm(5, Rank.SUBMIT, Entity.JOB, 2)
    agenda.arm(5, Rank.FINISH, Entity.JOB, 7)
    assert first[:4] == (5, Rank.SUBMIT, Entity.JOB, 1)
    assert taken(agenda) == [
        (5, Rank.FINISH, Entity.JOB, 7),
        (5, Rank.SUBMIT, Entity.JOB, 2),
        (5, Rank.SUBMIT, Entity.JOB, 4),
        (5, Rank.CANCEL, Entity.JOB, 0),
    ]


def test_disarmed_event_is_forgotten_wherever_it_stands():
    agenda = Agenda()
    deadlines = [agenda.arm(time_us, Rank.ITTL, Entity.SESSION, 0) for time_us in (1, 2, 3, 4)]
    agenda.disarm(deadlines[0])
    agenda.disarm(deadlines[2])
    assert agenda.head()[:4] == (2, Rank.ITTL, Entity.SESSION, 0)
    assert [event[0] for event in taken(agenda)] == [2, 4]
    assert agenda.head() is None


def test_disarming_what_was_never_armed_changes_nothing():
    agenda = Agenda(planned((5, 1)))
    agenda.disarm(None)
    assert taken(agenda) == [(5, Rank.SUBMIT, Entity.JOB, 1)]


@pytest.mark.parametrize("disarm_first", [True, False])
def test_clock_armed_again_for_the_same_instant_runs_out_once(disarm_first):
    """Both deadlines say the same; only the generation tells which one is disarmed."""
    agenda = Agenda()
    clock = (6, Rank.ITTL, Entity.SESSION, 2)
    old = agenda.arm(*clock)
    if disarm_first:
        agenda.disarm(old)
    new = agenda.arm(*clock)
    if not disarm_first:
        agenda.disarm(old)
    assert old != new
    assert agenda.head() == new
    assert taken(agenda) == [clock]


def test_clock_disarmed_and_armed_again_many_times_runs_out_once():
    agenda = Agenda()
    deadline = None
    for _ in range(50):
        agenda.disarm(deadline)
        deadline = agenda.arm(6, Rank.ITTL, Entity.SESSION, 2)
    assert taken(agenda) == [(6, Rank.ITTL, Entity.SESSION, 2)]
    agenda.arm(6, Rank.ITTL, Entity.SESSION, 2)
    assert taken(agenda) == [(6, Rank.ITTL, Entity.SESSION, 2)]


def test_two_equal_events_both_happen():
    agenda = Agenda()
    for _ in range(2):
        agenda.arm(6, Rank.CLOSE, Entity.SESSION, 2)
    assert taken(agenda) == [(6, Rank.CLOSE, Entity.SESSION, 2)] * 2


# ---------------------------------------------------------------- the normal queue


def statuses(jobs, *gone):
    status = array("b", [JobStatus.QUEUED]) * jobs
    for job, now in gone:
        status[job] = now
    return status


def popped(take):
    jobs = []
    while (job := take()) is not None:
        jobs.append(job)
    return jobs


ENTRIES = [
    # key, submitted, job; of a session
    ((-7, 9, 5), True),
    ((-2, 3, 1), False),
    ((-2, 4, 0), True),
    ((-2, 4, 3), False),
    ((0, 1, 2), False),
    ((1, 0, 4), True),
]


def test_s50_queue_gives_jobs_by_key_submission_and_number_however_they_came():
    for order in itertools.permutations(ENTRIES):
        queue = GlobalQueue(statuses(6))
        for entry, of_session in order:
            queue.push(entry, of_session=of_session)
        assert popped(queue.pop) == [5, 1, 0, 3, 2, 4]


def test_s32_queue_gives_only_job_mode_jobs_when_asked_and_keeps_the_others():
    queue = GlobalQueue(statuses(6))
    for entry, of_session in ENTRIES:
        queue.push(entry, of_session=of_session)
    assert queue.pop_job_mode() == 1
    assert popped(queue.pop_job_mode) == [3, 2]
    assert popped(queue.pop) == [5, 0, 4]


def test_queue_throws_away_jobs_that_are_no_longer_queued_when_they_come_up():
    gone = [(5, JobStatus.RUNNING), (0, JobStatus.DONE), (1, JobStatus.CANCELLED), (3, JobStatus.ERROR)]
    for take, left in [("pop", [2, 4]), ("pop_job_mode", [2])]:
        queue = GlobalQueue(statuses(6, *gone))
        for entry, of_session in ENTRIES:
            queue.push(entry, of_session=of_session)
        assert popped(getattr(queue, take)) == left


def test_queue_sees_a_job_leave_after_it_was_pushed():
    status = statuses(3)
    queue = GlobalQueue(status)
    for job in range(3):
        queue.push((job, job), of_session=job == 2)
    status[0] = JobStatus.CANCELLED
    status[2] = JobStatus.CANCELLED
    assert popped(queue.pop) == [1]


def test_empty_queue_gives_none():
    queue = GlobalQueue(statuses(0))
    assert (queue.pop(), queue.pop_job_mode()) == (None, None)


# ---------------------------------------------------------------- a session's own queue


def test_s12_session_gives_its_jobs_by_submission_and_number_and_only_queued_ones():
    status = statuses(4, (1, JobStatus.CANCELLED))
    for order in itertools.permutations([(5, 1), (5, 3), (4, 2), (9, 0)]):
        session = Session(0, SessionSpec(), EXCLUSIVE)
        for submitted_us, job in order:
            session.add(submitted_us, job)
        assert session.jobs == 4
        assert popped(partial(session.next_queued, status)) == [2, 3, 0]
