"""The agenda (S3), the normal queue (S50, S32) and a session's own queue (S12), each on its own."""

from __future__ import annotations

import itertools
from array import array
from functools import partial

import pytest

from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.plan import EXCLUSIVE, SessionSpec
from qsession_sim.scheduler.queues import NormalQueue, StaticOrder
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.transitions import CAN_PREPARE, CAN_START
from qsession_sim.scheduler.vocabulary import Entity, JobStage, Rank

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


def stages(jobs, *changed):
    stage = array("b", [JobStage.QUEUED]) * jobs
    for job, now in changed:
        stage[job] = now
    return stage


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
KEYS = {entry[2]: entry[0] for entry, _ in ENTRIES}
ESTIMATES_US = [50, 40, 10, 20, 60, 70]
ACCOUNTS = array("q", [0, 1, 0, 1, 1, 0])


def queue_of(stage, waits=CAN_START):
    order = StaticOrder(stage, lambda submitted_us, job: (KEYS[job], submitted_us, job), waits)
    return NormalQueue(order, stage, ACCOUNTS)


def pop_fitting(queue, left_us, estimates_us=ESTIMATES_US):
    return queue.pop_job_mode_that(0, lambda job: estimates_us[job] <= left_us)


def filled(stage, entries=ENTRIES, waits=CAN_START):
    queue = queue_of(stage, waits)
    for (_, submitted_us, job), of_session in entries:
        queue.push(submitted_us, job, of_session=of_session)
    return queue


def all_of(queue):
    return popped(lambda: queue.pop(0))


def test_s50_queue_gives_jobs_by_key_submission_and_number_however_they_came():
    for order in itertools.permutations(ENTRIES):
        assert all_of(filled(stages(6), order)) == [5, 1, 0, 3, 2, 4]


def test_queue_without_a_policy_is_first_in_first_out():
    queue = NormalQueue(StaticOrder(stages(6), None), stages(6), ACCOUNTS)
    for (_, submitted_us, job), of_session in ENTRIES:
        queue.push(submitted_us, job, of_session=of_session)
    assert all_of(queue) == [4, 2, 1, 0, 3, 5]


def test_s32_queue_gives_only_job_mode_jobs_when_asked_and_keeps_the_others():
    queue = filled(stages(6))
    assert popped(lambda: queue.pop_job_mode(0)) == [1, 3, 2]
    assert all_of(queue) == [5, 0, 4]


def test_queue_throws_away_jobs_that_no_longer_wait_when_they_come_up():
    gone = [(5, JobStage.RUNNING), (0, JobStage.DONE), (1, JobStage.CANCELLED), (3, JobStage.PREPARING)]
    assert all_of(filled(stages(6, *gone))) == [2, 4]
    queue = filled(stages(6, *gone))
    assert popped(lambda: queue.pop_job_mode(0)) == [2]


def test_s42_ready_and_requeued_jobs_wait_for_the_qpu_and_not_for_a_lane():
    changed = [(5, JobStage.READY), (1, JobStage.REQUEUED), (3, JobStage.POST_PROCESSING)]
    assert all_of(filled(stages(6, *changed))) == [5, 1, 0, 2, 4]
    unprepared = [(job, JobStage.UNPREPARED) for job in (0, 2, 4)]
    assert all_of(filled(stages(6, *changed, *unprepared), waits=CAN_PREPARE)) == [0, 2, 4]
    assert all_of(filled(stages(6, *changed, *unprepared))) == [5, 1]


def test_queue_sees_a_job_leave_after_it_was_pushed():
    stage = stages(6)
    queue = filled(stage)
    stage[5] = JobStage.CANCELLED
    stage[0] = JobStage.CANCELLED
    assert all_of(queue) == [1, 3, 2, 4]


def test_s51_queue_gives_the_first_job_mode_job_that_fits():
    """In order 1, 3, 2, of 40, 20 and 10; those of sessions, of 50 to 70, never."""
    queue = filled(stages(6))
    assert [pop_fitting(queue, left_us) for left_us in (9, 39, 100, 39, 100)] == [None, 3, 1, 2, None]
    assert all_of(queue) == [5, 0, 4]
    queue = filled(stages(6, (1, JobStage.CANCELLED)))
    assert [pop_fitting(queue, left_us) for left_us in (100, 19, 9)] == [3, 2, None]
    # what was cancelled is not taken either when it is not the first
    assert pop_fitting(filled(stages(6, (3, JobStage.CANCELLED))), 39) == 2


def test_s51_queue_finds_what_fits_wherever_it_stands():
    """The last job is the only one that fits, after however many others, which stay in their order."""
    for others in range(8):
        estimates_us = [9] * others + [1]
        queue = NormalQueue(StaticOrder(stages(8), None), stages(8), array("q", [0]) * 8)
        for job in range(others + 1):
            queue.push(job, job, of_session=False)
        assert pop_fitting(queue, 1, estimates_us) == others
        assert all_of(queue) == list(range(others))


def test_s52_queue_gives_only_jobs_of_the_account_during_a_reservation():
    queue = filled(stages(6), ENTRIES[:4])
    queue.reserve(1)
    for (_, submitted_us, job), of_session in ENTRIES[4:]:
        queue.push(submitted_us, job, of_session=of_session)
    assert queue.pop_job_mode(0) == 1
    assert all_of(queue) == [3, 4]
    queue.open_to_all()
    assert all_of(queue) == [5, 0, 2]


def test_s52_in_a_reservation_jobs_of_sessions_and_of_job_mode_keep_their_order():
    """Of account 0 are 5 and 0, of sessions, and 2, in job mode and last."""
    queue = filled(stages(6))
    queue.reserve(0)
    assert all_of(queue) == [5, 0, 2]


def test_s52_in_a_reservation_each_job_of_others_is_looked_at_once_however_often_the_qpu_asks():
    class Accounts(list):
        looked_at = 0

        def __getitem__(self, job):
            self.looked_at += 1
            return super().__getitem__(job)

    accounts = Accounts([0] * 100 + [1])
    queue = NormalQueue(StaticOrder(stages(101), None), stages(101), accounts)
    for job in range(100):
        queue.push(job, job, of_session=job % 2 == 0)
    queue.reserve(1)
    assert [queue.pop(100) for _ in range(50)] == [None] * 50
    assert accounts.looked_at == 100
    queue.push(100, 100, of_session=False)
    assert (queue.pop_job_mode(100), queue.pop(100)) == (100, None)
    assert accounts.looked_at == 101
    queue.open_to_all()
    assert all_of(queue) == list(range(100))


def test_s51_s52_in_a_reservation_only_a_job_of_its_account_fills_a_gap():
    """Jobs 1 and 3, of 40 and 20, are of account 1; job 2, of 10, is of account 0."""
    queue = NormalQueue(StaticOrder(stages(6), None), stages(6), ACCOUNTS)
    for job in (1, 2, 3):
        queue.push(job, job, of_session=False)
    queue.reserve(1)
    assert pop_fitting(queue, 15) is None
    assert pop_fitting(queue, 25) == 3
    assert all_of(queue) == [1]
    queue.open_to_all()
    assert all_of(queue) == [2]


def test_s52_job_that_an_outage_hit_goes_before_all_others():
    stage = stages(6, (2, JobStage.REQUEUED), (4, JobStage.REQUEUED))
    queue = filled(stage, ENTRIES[:4])
    queue.push_again(1, 2, of_session=False)
    queue.push_again(0, 4, of_session=True)
    assert pop_fitting(queue, 9) is None
    assert pop_fitting(queue, 10) == 2
    stage[2] = JobStage.RUNNING
    assert queue.pop_job_mode(0) == 1
    assert all_of(queue) == [4, 5, 0, 3]


def test_s52_of_several_jobs_that_outages_hit_the_earliest_submitted_goes_first_and_then_the_smaller_number():
    entries = [(1, 3), (1, 4), (2, 0)]
    for order in itertools.permutations(entries):
        queue = queue_of(stages(6, *((job, JobStage.REQUEUED) for _, job in entries)))
        for submitted_us, job in order:
            queue.push_again(submitted_us, job, of_session=False)
        assert all_of(queue) == [3, 4, 0]


def test_s52_job_that_an_outage_hit_and_that_waits_no_more_is_thrown_away():
    stage = stages(6, (2, JobStage.REQUEUED), (3, JobStage.REQUEUED))
    queue = filled(stage, ENTRIES[:2])
    queue.push_again(1, 2, of_session=False)
    queue.push_again(2, 3, of_session=False)
    stage[2] = JobStage.CANCELLED
    assert all_of(queue) == [3, 5, 1]


def test_s52_job_that_an_outage_hit_waits_for_the_end_of_anothers_reservation():
    queue = filled(stages(6, (2, JobStage.REQUEUED)), ENTRIES[:2])
    queue.push_again(1, 2, of_session=False)  # of account 0
    queue.reserve(1)
    assert all_of(queue) == [1]
    queue.open_to_all()
    assert all_of(queue) == [2, 5]


def test_empty_queue_gives_none():
    queue = queue_of(stages(0))
    assert (queue.pop(0), queue.pop_job_mode(0), pop_fitting(queue, 1)) == (None, None, None)


# ---------------------------------------------------------------- a session's own queue


def test_s12_session_gives_its_jobs_by_submission_and_number_and_only_waiting_ones():
    stage = stages(4, (1, JobStage.CANCELLED))
    for order in itertools.permutations([(5, 1), (5, 3), (4, 2), (9, 0)]):
        session = Session(0, SessionSpec(), EXCLUSIVE, 0)
        for submitted_us, job in order:
            session.add_ready(submitted_us, job)
            session.add_unprepared(submitted_us, job)
        assert popped(partial(session.next_ready, stage)) == [2, 3, 0]
        stage[0] = stage[2] = stage[3] = JobStage.UNPREPARED
        assert popped(partial(session.next_unprepared, stage)) == [2, 3, 0]
        stage[0] = stage[2] = stage[3] = JobStage.QUEUED
