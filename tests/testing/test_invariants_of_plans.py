"""Invariants of limits and usage: each corruption is seen by the check of its rule alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from results.handmade import JOBS, SESSION, TRANSITIONS, make_record, make_run, with_job
from results.handmade_qpus import stormy

import qsession_sim as qs
from qsession_sim.results.record import TIME
from qsession_sim.results.run import Run
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing import check_invariants
from qsession_sim.testing.account_identities import AccountUsage, check_cost_limits
from qsession_sim.testing.facts import Facts
from testing.corruptions import broken_rules, violation

LAB_A, LAB_B = 0, 1


def run_of(jobs=JOBS, **accounts):
    """The run by hand with limits of lab_a or lab_b."""
    numbers = {"lab_a": LAB_A, "lab_b": LAB_B}
    specs = {numbers[name]: spec for name, spec in accounts.items()}
    return make_run(replace(make_record(jobs), account_specs=specs))


# lab-a: j1 from 0 to 10, j2 from 15 to 25, j4 from 40 to 70, j5 rejected at 75, j8 from 82 on.
# lab-b: j3 from 12 to 65, j6 from 71 to 76, j7 from 77 to 79, j9 from 84 on, j11 from 85 to 86.


@pytest.mark.parametrize(
    ("accounts", "message"),
    [
        (
            {"lab_b": AccountSpec(pending=1)},
            "S60 at 85 us: account 'lab-b' has 2 pending jobs, its limit is 1",
        ),
        (
            {"lab_b": AccountSpec(submissions=SlidingLimit(2, 9))},
            "S60 at 85 us: the limit of submissions is 2, and 3 are accepted",
        ),
        (
            {"lab_a": AccountSpec(sessions=False)},
            "S60 at 0 us: job 'j1' is accepted, although its account cannot use that mode then",
        ),
        (
            {"lab_b": AccountSpec(batches=False)},
            "S60 at 71 us: job 'j6' is accepted, although its account cannot use that mode then",
        ),
        (
            {"lab_a": AccountSpec(client_too_old_from_us=40)},
            "S60 at 40 us: job 'j4' is accepted, although its account cannot use that mode then",
        ),
        # S62: s1 is active from 0 to 35 and from 65 to 72
        (
            {"lab_a": AccountSpec(quota=SlidingLimit(14, 20))},
            "S60 at 15 us: job 'j2' is accepted, although its account has used 15 us of its quota of 14 us",
        ),
        # a batch pays for its jobs: j6 ran from 72 to 76
        (
            {"lab_b": AccountSpec(quota=SlidingLimit(4, 9))},
            "S60 at 77 us: job 'j7' is accepted, although its account has used 4 us of its quota of 4 us",
        ),
    ],
)
def test_s60_more_is_accepted_than_a_plan_allows(accounts, message):
    run = run_of(**accounts)
    assert violation(run) == message
    assert broken_rules(run) == ["S60"]


@pytest.mark.parametrize(
    "accounts",
    [
        {"lab_b": AccountSpec(pending=2, submissions=SlidingLimit(2, 8), sessions=False)},
        {"lab_a": AccountSpec(pending=1, batches=False, client_too_old_from_us=76)},
        {"lab_a": AccountSpec(quota=SlidingLimit(16, 20)), "lab_b": AccountSpec(quota=SlidingLimit(5, 9))},
    ],
)
def test_s60_limits_that_are_just_kept_pass(accounts):
    check_invariants(run_of(**accounts))


def rejected(name, submitted, reason):
    """A job of the run by hand rejected."""
    status = JobStatus.REJECTED
    return with_job(name, submitted=submitted, started=NEVER, ended=submitted, status=status, reason=reason)


@pytest.mark.parametrize(
    ("reason", "at_us", "justified", "not_justified"),
    [
        # j9 waits since 84
        (Reason.TOO_MANY_PENDING, 85, AccountSpec(pending=1), AccountSpec(pending=2)),
        (
            Reason.RATE_LIMITED,
            85,
            AccountSpec(submissions=SlidingLimit(1, 2)),
            AccountSpec(submissions=SlidingLimit(1, 1)),
        ),
        # j6 ran from 72 to 76, j7 from 77 to 79
        (
            Reason.QUOTA_EXCEEDED,
            79,
            AccountSpec(quota=SlidingLimit(6, 9)),
            AccountSpec(quota=SlidingLimit(7, 9)),
        ),
    ],
)
def test_s60_a_rejection_needs_its_limit_to_be_reached(reason, at_us, justified, not_justified):
    """S20: j11 is rejected."""
    jobs = rejected("j11", at_us, reason)
    check_invariants(run_of(jobs, lab_b=justified))
    for accounts in ({"lab_b": not_justified}, {"lab_b": AccountSpec()}, {}):
        run = run_of(jobs, **accounts)
        assert violation(run) == (
            f"S60 at {at_us} us: job 'j11' is rejected with {reason.name}, which its plan does not say"
        )
        assert broken_rules(run) == ["S60"]


@pytest.mark.parametrize(
    ("reason", "justified"),
    [
        (Reason.SESSIONS_NOT_IN_PLAN, AccountSpec(sessions=False)),
        (Reason.CLIENT_TOO_OLD, AccountSpec(client_too_old_from_us=75)),
    ],
)
def test_s60_a_session_is_refused_by_plan_or_client(reason, justified):
    """S20, S23: j5 is the first job of s1 and creates it at 75; j6 of the batch runs from 72 on."""
    rest = tuple(row for row in rejected("j5", 75, reason) if row[0] not in ("j1", "j2", "j4"))
    jobs = with_job("j6", with_job("j3", rest, started=12, ended=42), submitted=72)
    batch = tuple((max(row[0], 72), *row[1:]) for row in TRANSITIONS if row[1] == 1)
    transitions = (*batch[:2], (75, *TRANSITIONS[0][1:]), *batch[2:])

    def run(spec):
        record = make_record(jobs, transitions=transitions)
        return make_run(replace(record, account_specs={LAB_A: spec}))

    check_invariants(run(justified))
    assert broken_rules(run(AccountSpec())) == ["S60"]


def test_usage_of_a_stay_is_taken_back_when_an_outage_ends_it():
    """S62: j1 is on the QPU from 5 to 12, which counts until 12, and again from 20 to 30."""
    usage = AccountUsage.of(Facts.of(make_run(stormy(), horizon=80)), LAB_A)
    assert [usage.least_us(at_us, 100) for at_us in (5, 11, 12, 25, 30)] == [0, 6, 0, 5, 10]
    assert [usage.most_us(at_us, 100) for at_us in (11, 12, 13)] == [6, 7, 0]
    # j1 to 30, and j2 from there to 40
    assert [usage.most_us(at_us, 10) for at_us in (25, 35, 45)] == [5, 10, 5]


# ------------------------------------------------------------------ S62


@pytest.mark.parametrize(
    ("table", "column", "row", "value", "message"),
    [
        ("jobs", "qpu_time_us", 0, 11, "S62 at 90 us: job 'j1' used 10 us and is charged for 11 us"),
        ("sessions", "usage_us", 0, 25, "S62 at 90 us: session 's1' used 42 us and is charged for 25 us"),
        ("sessions", "usage_us", 1, 9, "S62 at 90 us: session 'b1' used 4 us and is charged for 9 us"),
    ],
)
def test_s62_somebody_is_charged_for_what_was_not_used(table, column, row, value, message):
    run = make_run()
    frame = getattr(run, table)
    wrong = frame[column].to_list()
    wrong[row] = value
    frames = {table: frame.with_columns(pl.Series(column, wrong))}
    names = ("record", "scenario", "jobs", "sessions", "intervals", "queue_length")
    corrupted = SimpleNamespace(**{name: getattr(run, name) for name in names} | frames)
    assert violation(corrupted) == message
    assert broken_rules(corrupted) == ["S62"]


def test_s62_a_session_pays_to_the_end_of_its_job():
    """S16: closed at 5 while j1 runs to 9."""
    record = make_record(
        jobs=(("j1", 0, 0, 9, 0, 0, 9, JobStatus.DONE, Reason.NONE),),
        sessions=(("s1", 0, SESSION, 5, 10),),
        transitions=(*TRANSITIONS[:2], (5, 0, 3, 8, 8, Reason.MAX_TIME)),
        end_us=9,
    )
    run = make_run(record, horizon=None)
    check_invariants(run)
    usage = AccountUsage.of(Facts.of(run), LAB_A)
    assert [usage.most_us(at_us, 4) for at_us in (5, 9)] == [4, 4]


def test_s62_the_lost_and_the_failed_cost_nothing():
    record = stormy()
    failed = replace(
        record,
        stage=np.array([4, *record.stage[1:]], dtype=np.int8),
        reason=np.array([Reason.QPU_FAILED, *record.reason[1:]], dtype=np.int8),
    )
    assert make_run(failed, horizon=80).jobs["qpu_time_us"][0] == 0
    assert "S62" not in broken_rules(make_run(failed, horizon=80))


# ------------------------------------------------------------------ S28

LIMITED = {
    "plans": {"p": {"quota": {"usage": "5s", "window": "1h", "on_reached": "end"}}},
    "accounts": [{"name": "lab", "plan": "p"}],
}


def cost_limited(of_plan, **waits):
    """j1 runs from 0 s to 9 s, something waits from 1 s on; then the plan is said to have been another one."""
    jobs = [
        {"id": "j1", "at": "0s", "account": "lab", "qpu_time": "9s"},
        {"id": "j2", "at": "1s", "qpu_time": "1s", **waits},
    ]
    sessions = [{"id": "s", "account": "lab"}] if "session" in waits else []
    run = qs.simulate({**LIMITED, "workload": [{"kind": "explicit", "sessions": sessions, "jobs": jobs}]})
    check_invariants(run)
    return Run(replace(run.record, account_specs={0: of_plan}), run.scenario, run.provenance)


def ending(amount_us):
    return AccountSpec(quota=SlidingLimit(amount_us, 3_600_000_000), quota_ends=True)


@pytest.mark.parametrize(
    ("spec", "waits", "message"),
    [
        (
            ending(6_000_000),
            {"account": "lab"},
            "S28 at 5000000 us: job 'j2' ends by a cost limit that is not",
        ),
        (ending(6_000_000), {"session": "s"}, "S28 at 5000000 us: job 'j2' ends by a cost limit that is not"),
        (AccountSpec(), {"session": "s"}, "S28 at 5000000 us: job 'j2' ends by a cost limit that is not"),
        (ending(4_000_000), {"account": "lab"}, "S28 at 4000000 us: job 'j2' stays queued, though"),
        (ending(4_000_000), {"session": "s"}, "S28 at 4000000 us: job 'j2' stays queued, though"),
    ],
)
def test_s28_what_ends_by_the_cost_limit_ends_when_it_is_reached(spec, waits, message):
    assert violation(cost_limited(spec, **waits)).startswith(message)


@pytest.mark.parametrize(
    ("at_us", "message"),
    [
        (5_000_000, None),
        (4_000_000, "session 's' is closed by a cost limit that is not reached then"),
        (6_000_000, "session 's' stays open, though the cost limit of its account is reached"),
    ],
)
def test_s28_sessions_are_closed_then_and_at_no_other_time(at_us, message):
    run = cost_limited(ending(5_000_000), session="s")
    transitions = run.record.transitions.copy()
    transitions[-1, TIME] = at_us
    facts = Facts.of(Run(replace(run.record, transitions=transitions), run.scenario, run.provenance))
    found = [violation.message for violation in check_cost_limits(facts)]
    assert message in found if message else found == []
