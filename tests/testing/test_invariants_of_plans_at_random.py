"""The scheduler obeys every invariant on random plans with everything that the rules have."""

from __future__ import annotations

from random import Random

import pytest

from qsession_sim.scheduler.plan import (
    ADAPTIVE,
    EXCLUSIVE,
    GAP_FILL,
    NONE,
    SHARED,
    AccountSpec,
    JobSpec,
    QpuSpec,
    Routing,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, Mode, WindowKind
from qsession_sim.testing import check_invariants
from testing.scheduled import scheduled_run

PLANS_PER_TEST = 40


@pytest.mark.parametrize("first", range(0, 200, PLANS_PER_TEST))
def test_random_plans_obey_the_invariants(first):
    """S22, S42, S52, S54, S60, S62, S63 and S70 to S78: short times, so that many things happen at one
    instant."""
    for seed in range(first, first + PLANS_PER_TEST):
        run = scheduled_run(**_plan(Random(seed)))
        try:
            check_invariants(run)
        except Exception as error:
            raise AssertionError(f"plan {seed}") from error


def _plan(random: Random) -> dict:
    qpus = [QpuSpec(lanes=random.choice([1, 2, 5])) for _ in range(random.choice([1, 1, 2, 3]))]
    windows = _windows(random, len(qpus))
    sessions = [_session(random, len(qpus)) for _ in range(random.choice([0, 1, 2, 4]))]
    if random.random() < 0.3:
        qpus.append(QpuSpec(simulator=True))
    prepares, post_processes = random.random() < 0.6, random.random() < 0.4
    jobs = [
        _job(random, number, qpus, sessions, prepares=prepares, post_processes=post_processes)
        for number in range(random.randrange(1, 14))
    ]
    endless = any(window.every_us != NEVER for window in windows)
    return {
        "jobs": jobs,
        "sessions": sessions,
        "rules": _rules(random),
        "horizon": random.choice([120] if endless else [None, None, random.randrange(10, 90)]),
        "qpus": tuple(qpus),
        "windows": windows,
        "account_specs": {number: _account(random) for number in range(random.choice([0, 2]))},
        "fair_share_us": random.choice([None, 15, 1000]),
    }


def _rules(random: Random) -> Rules:
    return Rules(
        hold=random.choice([EXCLUSIVE, SHARED, NONE, GAP_FILL, ADAPTIVE]),
        max_execution_time_us=random.choice([NEVER, 9]),
        ittl_asks_for_ready=random.random() < 0.4,
        calibrates_before_sessions=random.random() < 0.5,
        requeues_after_outage=random.random() < 0.5,
        routing=random.choice(list(Routing)),
        unused_timeout_us=random.choice([20, 1000]),
    )


def _session(random: Random, qpus: int) -> SessionSpec:
    return SessionSpec(
        mode=random.choice([Mode.SESSION, Mode.BATCH]),
        account=random.randrange(3),
        max_time_us=random.choice([0, 10, 30, 1000]),
        interactive_timeout_us=random.choice([0, 3, 10, 30]),
        close_us=random.choice([NEVER, NEVER, random.randrange(80)]),
        cancel_us=random.choice([NEVER, NEVER, random.randrange(80)]),
        qpu=random.choice([NEVER, random.randrange(qpus)]),
        route=random.randrange(9),
    )


def _job(random: Random, number: int, qpus, sessions, *, prepares: bool, post_processes: bool) -> JobSpec:
    session = random.randrange(-1, len(sessions)) if sessions else NEVER
    pinned = random.randrange(len(qpus)) if session == NEVER and random.random() < 0.3 else NEVER
    prepares = prepares and not (pinned != NEVER and qpus[pinned].simulator)
    when = {"at_us": random.randrange(40)}
    if number and random.random() < 0.3:
        when = {"after": random.randrange(number), "think_us": random.choice([0, 0, 5])}
    return JobSpec(
        **when,
        qpu_time_us=random.randrange(1, 12),
        session=session,
        account=random.randrange(3) if session == NEVER else sessions[session].account,
        max_execution_time_us=random.choice([NEVER] * 4 + [3, 20]),
        cancel_us=random.choice([NEVER] * 4 + [random.randrange(60)]),
        cancel_after_us=random.choice([NEVER] * 4 + [random.randrange(20)]),
        qpu=pinned,
        route=random.randrange(9),
        preparation_us=random.choice([0, 3, 8]) if prepares else 0,
        post_processing_us=random.choice([0, 2, 6]) if post_processes else 0,
        estimate_us=random.choice([NEVER, 2, 9]),
    )


def _windows(random: Random, qpus: int) -> tuple[WindowSpec, ...]:
    kinds = [random.choice(list(WindowKind)) for _ in range(random.choice([0, 1, 2, 3]))]
    windows = [
        WindowSpec(
            kind,
            start_us=random.randrange(40),
            duration_us=random.randrange(1, 9),
            every_us=random.choice([NEVER, 25]),
            qpu=random.randrange(qpus),
            account=random.randrange(3) if kind is WindowKind.RESERVATION else NEVER,
        )
        for kind in kinds
    ]
    reservations = [window for window in windows if window.kind is WindowKind.RESERVATION]
    return tuple(window for window in windows if window not in reservations[1:])  # they must not overlap


def _account(random: Random) -> AccountSpec:
    return AccountSpec(
        sessions=random.random() < 0.8,
        batches=random.random() < 0.8,
        pending=random.choice([None, 1, 2, 4]),
        submissions=random.choice([None, SlidingLimit(2, 10)]),
        quota=random.choice([None, SlidingLimit(8, 30)]),
        client_too_old_from_us=random.choice([NEVER, NEVER, 20]),
        allocation_us=random.choice([0, 7, 20]),
    )
