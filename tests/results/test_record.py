"""How a record is made of a journal, whoever wrote it. Times are microseconds."""

from __future__ import annotations

from array import array
from types import SimpleNamespace

from qsession_sim.results.record import LiveEntities, Record
from qsession_sim.scheduler.columns import Journal
from qsession_sim.scheduler.plan import AccountSpec, JobSpec, Rules, SessionSpec
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, Mode, Reason
from qsession_sim.workload.columns import EMPTY_WORKLOAD
from results.handmade import make_record

JOBS = (
    ("j1", 1, 0, 10, 0, 0, 10, JobStage.DONE, Reason.NONE),
    ("j2", 1, NEVER, 7, 3, 10, 17, JobStage.DONE, Reason.NONE),
)
WORKLOAD = make_record(JOBS).workload


def names(blocks) -> list[str]:
    return [name for block in blocks for name in block]


def test_columns_of_the_journal_are_those_of_the_record():
    journal = Journal(array("q", [0, NEVER]))
    journal.submitted_us[:] = array("q", [0, 3])
    journal.started_us[:] = array("q", [0, NEVER])
    journal.ended_us[:] = array("q", [NEVER, 5])
    journal.stage[:] = array("b", [JobStage.RUNNING, JobStage.CANCELLED])
    journal.reason[1] = Reason.JOB_CANCELLED
    create = (0, 0, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, Reason.NONE)
    journal.note(*create)
    rules, specs = Rules(unused_timeout_us=5), {1: AccountSpec(pending=3)}

    record = Record.of(journal, WORKLOAD, rules, specs, end_us=8, session_qpu=[0, 0], requested_us=[10, 7])

    assert record.workload is WORKLOAD
    assert (record.job_session.tolist(), record.submitted_us.tolist()) == ([0, NEVER], [0, 3])
    assert (record.started_us.tolist(), record.ended_us.tolist()) == ([0, NEVER], [NEVER, 5])
    assert (record.stage.tolist(), record.reason.tolist()) == ([1, 3], [0, Reason.JOB_CANCELLED])
    assert record.transitions.tolist() == [list(create)]
    assert (record.end_us, record.rules, record.account_specs) == (8, rules, specs)
    # one QPU, without preparation and post-processing, needs none of these
    assert (record.job_qpu, record.session_qpu, record.requested_us) == (None, None, None)
    assert (record.preparing_us, record.ready_us, record.left_us) == (None, None, None)


def test_what_repeats_something_and_what_live_users_create_follows_in_order_of_creation():
    """S65, S66, S67: j1 again, a live job, and j1 once more; a live session, and s1 again."""
    journal = Journal(array("q", [0, NEVER]))
    for repeats in (0, NEVER, 2):
        journal.add_job(NEVER, repeats)
    journal.repeated_sessions.extend([NEVER, 0])
    live = LiveEntities(
        accounts=("lab-a", "lab-b", "lab-c"),
        streams=("explicit", "live"),
        jobs=[SimpleNamespace(name="p", stream="live", spec=JobSpec(qpu_time_us=5, account=2, priority=4))],
        sessions=[
            SimpleNamespace(
                name="t", stream="explicit", spec=SessionSpec(mode=Mode.BATCH, account=2, max_time_us=60)
            )
        ],
    )
    workload = Record.of(journal, WORKLOAD, end_us=0, live=live).workload

    assert names(workload.job_names) == ["j1", "j2", "j1.2", "p", "j1.3"]
    assert names(workload.session_names) == ["s1", "b1", "s3", "t", "s1.2"]
    assert (workload.accounts, workload.streams) == (("lab-a", "lab-b", "lab-c"), ("explicit", "live"))
    jobs, sessions = workload.jobs, workload.sessions
    assert jobs.qpu_time_us.tolist() == [10, 7, 10, 5, 10]
    assert jobs.account.tolist() == [1, 1, 1, 2, 1]
    assert (jobs.priority.tolist(), jobs.stream.tolist()) == ([0, 0, 0, 4, 0], [0, 0, 0, 1, 0])
    assert jobs.at_us.tolist() == [0, 0, NEVER, NEVER, NEVER]
    assert sessions.mode.tolist() == [Mode.SESSION, Mode.BATCH, Mode.SESSION, Mode.BATCH, Mode.SESSION]
    assert sessions.max_time_us.tolist() == [1000, 1000, 1000, 60, 1000]


def test_a_run_of_nothing_leaves_nothing():
    record = Record.of(Journal(array("q")), EMPTY_WORKLOAD, end_us=7)
    assert (len(record.stage), record.transitions.shape, record.end_us) == (0, (0, 6), 7)
