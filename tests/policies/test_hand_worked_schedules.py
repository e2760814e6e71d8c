"""Each built-in queue policy on a few jobs, scheduled by hand from its paragraph in docs/policies.md.

Times are in microseconds. A schedule is a list of (start, job). Unless a comment says otherwise, job 0 comes to
a free QPU and the others have to wait for it.
"""

from __future__ import annotations

import engines
import pytest

from qsession_sim.policies.builtin import random_number
from qsession_sim.policies.registry import queue_policy
from qsession_sim.scheduler.plan import AccountSpec, JobSpec, Plan, SessionSpec, WindowSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import Mode, WindowKind

A, B, C = 0, 1, 2


def job(at_us, qpu_time_us=10, account=A, **more):
    return JobSpec(at_us=at_us, qpu_time_us=qpu_time_us, account=account, **more)


def schedule(policy, jobs, sessions=(), seed=0, **plan):
    of_run = Plan.of(jobs, sessions, accounts="ABC", **plan)
    scheduler = Scheduler(of_run, queue_policy=queue_policy(policy, seed=seed))
    assert scheduler.advance_while_needed()
    engines.compare(scheduler, of_run, queue_policy(policy, seed=seed))
    return sorted((start, number) for number, start in enumerate(scheduler.journal.started_us))


def test_fifo():
    assert schedule("fifo", [job(0), job(3), job(1), job(1)]) == [(0, 0), (10, 2), (20, 3), (30, 1)]


def test_lifo():
    """At 10 the jobs of 1, 2 and 2 wait: one of 2, the smaller number. At 20 the one of 12 has come."""
    jobs = [job(0), job(1), job(2), job(2), job(12)]
    assert schedule("lifo", jobs) == [(0, 0), (10, 2), (20, 4), (30, 3), (40, 1)]


def test_priority_without_aging():
    jobs = [job(0), job(1, priority=-1), job(2), job(3, priority=7), job(4, priority=7)]
    assert schedule("priority", jobs) == [(0, 0), (10, 3), (20, 4), (30, 2), (40, 1)]


def test_priority_with_aging():
    """Effective at 30, aging 10: job 1 has 0 + 30/10 = 3, job 2 has 1 + 15/10 = 2.5, job 3 1 + 22/10 = 3.2.

    Keys submitted - 10 x priority: 0, 5, -2.
    """
    jobs = [job(0, 30), job(0), job(15, priority=1), job(8, priority=1)]
    assert schedule({"name": "priority", "aging": "10us"}, jobs) == [(0, 0), (30, 3), (40, 1), (50, 2)]
    assert schedule("priority", jobs) == [(0, 0), (30, 3), (40, 2), (50, 1)]


ESTIMATED = [
    job(0),
    job(1, 5, estimate_us=9),
    job(2, 9, estimate_us=4),
    job(3, 7, estimate_us=4),
]


def test_shortest_job_first():
    """Estimates 9, 4 and 4, which are not the QPU times 5, 9 and 7."""
    assert schedule("shortest_job_first", ESTIMATED) == [(0, 0), (10, 2), (19, 3), (26, 1)]


def test_longest_job_first():
    assert schedule("longest_job_first", ESTIMATED) == [(0, 0), (10, 1), (15, 2), (24, 3)]


def test_earliest_deadline():
    """Deadlines with slack 10: 1 + 50 = 51, 30 + 20 = 50, 20 + 40 = 60; with slack 2: 11, 34, 28."""
    jobs = [job(0, 40), job(1, 5), job(30, 2), job(20, 4)]
    assert schedule("earliest_deadline", jobs) == [(0, 0), (40, 2), (42, 1), (47, 3)]
    by_two = {"name": "earliest_deadline", "slack": 2}
    assert schedule(by_two, jobs) == [(0, 0), (40, 1), (45, 3), (49, 2)]


SHARES = {A: AccountSpec(allocation_us=100), B: AccountSpec(allocation_us=50)}


@pytest.mark.parametrize("of_c", [{}, {C: AccountSpec()}], ids=["none", "zero"])
def test_s63_fair_share(of_c):
    """C has no allocation, or one of 0. Shares in billionths.

    At 20: A 20/100 = 0.2, B 0: job 1. At 30: A 0.2, B 10/50 = 0.2, equal, so the earlier submission: job 2.
    At 40: A 30/100 = 0.3, B 0.2: job 3. At 50: A 0.3, B 20/50 = 0.4: job 5. Then C, though it came first.
    """
    jobs = [job(0, 20), job(1, account=B), job(2), job(3, account=B), job(0, account=C), job(5)]
    expected = [(0, 0), (20, 1), (30, 2), (40, 3), (50, 5), (60, 4)]
    specs = SHARES | of_c
    assert schedule({"name": "fair_share", "window": "100us"}, jobs, account_specs=specs) == expected
    assert schedule("fair_share", jobs, account_specs=specs) == expected


def test_s63_fair_share_forgets_what_left_the_window():
    """As above with a window of 25. At 30: A used 15 of (5, 30], 0.15, B 0.2: job 2, as before.

    At 40: A 5 + 10 of (15, 40], 0.15, B 10/50 = 0.2: job 5. At 50: A 20 of (25, 50], 0.2; B 5/50 = 0.1: job 3.
    """
    jobs = [job(0, 20), job(1, account=B), job(2), job(3, account=B), job(0, account=C), job(5)]
    assert schedule({"name": "fair_share", "window": "25us"}, jobs, account_specs=SHARES) == [
        (0, 0),
        (20, 1),
        (30, 2),
        (40, 5),
        (50, 3),
        (60, 4),
    ]


def test_s63_shares_are_rounded_down_to_billionths():
    """Allocations of 2 x 10^9: A used 1 and B 3, which is 0.5 and 1.5 billionths; C used 0.

    Rounded down A and C are equal, so A's job 3, which came first, goes before C's.
    """
    specs = {account: AccountSpec(allocation_us=2 * 10**9) for account in (A, B, C)}
    jobs = [job(0, 1), job(1, 3, B), job(2, account=B), job(2, account=A), job(3, account=C)]
    expected = [(0, 0), (1, 1), (4, 3), (14, 4), (24, 2)]
    assert schedule("fair_share", jobs, account_specs=specs) == expected


def test_round_robin():
    """At 10 and 20 B and C, which had no turn, in the order of their jobs; then A, B, and A alone."""
    jobs = [job(0), job(0), job(0), job(0), job(1, account=B), job(1, account=B), job(2, account=C)]
    assert schedule("round_robin", jobs) == [
        (0, 0),
        (10, 4),
        (20, 6),
        (30, 1),
        (40, 5),
        (50, 2),
        (60, 3),
    ]


def test_weighted_fair_queueing():
    """A weighs 20; B 10, and so does C, which has no allocation. A's job costs 10, theirs twice the estimate.

    Job 0 has the tag 10 and is taken at once: virtual time 10. Then A: 20, 30, 40. B: 10 + 20 = 30, 50.
    C: 10 + 2 x 5 = 20. Equal tags go by submission and number.
    """
    specs = {A: AccountSpec(allocation_us=20), B: AccountSpec(allocation_us=10)}
    jobs = [
        job(0),
        *(job(1) for _ in range(3)),
        job(1, account=B),
        job(2, account=B),
        job(3, account=C, estimate_us=5),
    ]
    assert schedule("weighted_fair_queueing", jobs, account_specs=specs) == [
        (0, 0),
        (10, 1),
        (20, 6),
        (30, 2),
        (40, 4),
        (50, 3),
        (60, 5),
    ]


def test_weighted_fair_queueing_lets_nobody_save_up():
    """No allocations: each job costs its estimate. A alone until 30: tags 10, 20, 30, virtual time 30.

    B comes at 25, when the virtual time is 30: its tags are 40 and 50, and those of A's new jobs also.
    """
    jobs = [job(0), job(0), job(0), job(24), job(24), job(25, account=B), job(25, account=B)]
    assert schedule("weighted_fair_queueing", jobs) == [
        (0, 0),
        (10, 1),
        (20, 2),
        (30, 3),
        (40, 5),
        (50, 4),
        (60, 6),
    ]


def reserved(account, start_us, duration_us):
    return (WindowSpec(WindowKind.RESERVATION, start_us, duration_us, account=account),)


def test_weighted_fair_queueing_has_a_virtual_time_that_never_runs_back():
    """Tags: A's jobs 10, 20, 60; B's 10 + 100 = 110, taken at 10, since the QPU is reserved for B until 25.

    So the virtual time is 110 also after job 1 with the tag 20 started at 25. C's job of 26 gets 120 and
    follows job 3, which has 60.
    """
    jobs = [job(0), job(1), job(1, 5, B, estimate_us=100), job(2, estimate_us=40), job(26, account=C)]
    expected = [(0, 0), (10, 2), (25, 1), (35, 3), (45, 4)]
    assert schedule("weighted_fair_queueing", jobs, windows=reserved(B, 5, 20)) == expected


def test_weighted_fair_queueing_gives_tags_by_submission_when_a_session_loses_the_qpu():
    """Reserved for B from 15 to 30, so the session lets go at 20, when job 1 has run: tags 20, 30, 40, 50, 60.

    Jobs 2 and 3 are cancelled while they wait, so of the others job 4, the first submitted, starts at 30.
    """
    cancelled = [job(at_us, session=0, cancel_us=25) for at_us in (2, 3)]
    jobs = [job(0, session=0), job(1, session=0), *cancelled, *(job(at_us, session=0) for at_us in (4, 5, 6))]
    expected = [(-1, 2), (-1, 3), (0, 0), (10, 1), (30, 4), (40, 5), (50, 6)]
    found = schedule("weighted_fair_queueing", jobs, [SessionSpec()], windows=reserved(B, 15, 15))
    assert found == expected


def test_weighted_fair_queueing_gives_a_job_one_tag():
    """Tags: the session's jobs 10, 20, 30; B's 10 + 10 = 20. At 10 the QPU is reserved for B, until 25.

    The session is inactive then, and its jobs 1 and 2 enter the queue again with the tags they have. So A's
    job of 12 gets 40, and C's of 13 gets 20 + 25 = 45. At 25 job 1 starts, job 2 follows it (S12), then A, C.
    """
    jobs = [
        *(job(0, session=0) for _ in range(3)),
        job(1, account=B),
        job(12),
        job(13, account=C, estimate_us=25),
    ]
    sessions = [SessionSpec(interactive_timeout_us=0)]
    expected = [(0, 0), (10, 3), (25, 1), (35, 2), (45, 4), (55, 5)]
    assert schedule("weighted_fair_queueing", jobs, sessions, windows=reserved(B, 5, 20)) == expected


ATTAINED = [job(0), job(1), job(2, 30, B), job(3, account=B), job(4)]


def test_least_attained_service():
    """At 10: A 10, B 0: job 2. At 40: A 10, B 30: job 1. At 50: A 20, B 30: job 4. Then job 3."""
    assert schedule("least_attained_service", ATTAINED) == [(0, 0), (10, 2), (40, 1), (50, 4), (60, 3)]


def test_multilevel():
    """Levels from 10 and 40. At 10: A is on level 1, B on 0: job 2. At 40 both on 1: job 1, which came first.

    At 50: A 20, B 30, both on 1: job 3. At 60: B 40, level 2: job 4 is alone anyhow.
    """
    levels = {"name": "multilevel", "thresholds": ["10us", "40us"]}
    assert schedule(levels, ATTAINED) == [(0, 0), (10, 2), (40, 1), (50, 3), (60, 4)]


def test_multilevel_sends_an_account_down_at_the_threshold_itself():
    """Level from 10. At 10 A has used 10, so it is on level 1; from 11 on it would still be on level 0."""
    jobs = [job(0), job(1), job(2, account=B)]
    for threshold, expected in (("10us", [(0, 0), (10, 2), (20, 1)]), ("11us", [(0, 0), (10, 1), (20, 2)])):
        assert schedule({"name": "multilevel", "thresholds": [threshold]}, jobs) == expected


SIZED = [
    job(0, 100),
    job(0, 10, estimate_us=100),
    job(60, 20, estimate_us=20),
    job(50, 10, estimate_us=50, session=0),
    job(50, 10, estimate_us=50, session=0),
]
BATCH = [SessionSpec(mode=Mode.BATCH, interactive_timeout_us=0)]


def test_wfp3():
    """Score (waited/estimate)^3 x size. At 100: job 1 1, job 2 (40/20)^3 = 8, the batch 1 x 2 = 2: job 2.

    At 120: job 1 1.2^3 = 1.728, the batch (70/50)^3 x 2 = 5.488: job 3, and job 4 follows it (S12).
    """
    assert schedule("wfp3", SIZED, BATCH) == [(0, 0), (100, 2), (120, 3), (130, 4), (140, 1)]


def test_unicef():
    """Score waited/(estimate x digits); 2 has 2 digits. At 100: job 1 1, job 2 2, the batch 50/100: job 2.

    At 120: job 1 1.2, the batch 70/100 = 0.7: job 1. Then the batch.
    """
    assert schedule("unicef", SIZED, BATCH) == [(0, 0), (100, 2), (120, 1), (130, 3), (140, 4)]


BATCHES = [*BATCH, *BATCH]


def test_wfp3_cubes_the_relative_wait_and_multiplies_by_the_size():
    """Job 1 stands against a batch of two jobs and one of three, all with less relative wait than it.

    At 100: job 1 (20/10)^3 = 8, the two (30/20)^3 x 2 = 6.75, the three (30/20)^3 x 3 = 10.125: the three.
    At 103: job 1 2.3^3 = 12.167, the two 1.65^3 x 2 = 8.98. Squares would give 5.29 and 5.45.
    """
    jobs = [
        job(0, 100),
        job(80, 1, estimate_us=10),
        *(job(70, 1, estimate_us=20, session=0) for _ in range(2)),
        *(job(70, 1, estimate_us=20, session=1) for _ in range(3)),
    ]
    order = [(0, 0), (100, 4), (101, 5), (102, 6), (103, 1), (104, 2), (105, 3)]
    assert schedule("wfp3", jobs, BATCHES) == order


def test_unicef_divides_by_the_digits_of_the_size():
    """Job 1 stands against a batch of three jobs (2 digits) and one of four (3 digits).

    At 100: job 1 16/20 = 0.8, the three 20/(10 x 2) = 1, the four 20/(10 x 3) = 0.67: the three.
    At 103: job 1 19/20 = 0.95, the four 23/(10 x 3) = 0.77. With log2(4) = 2 for 3 they would have 1.15.
    """
    jobs = [
        job(0, 100),
        job(84, 1, estimate_us=20),
        *(job(80, 1, estimate_us=10, session=0) for _ in range(3)),
        *(job(80, 1, estimate_us=10, session=1) for _ in range(4)),
    ]
    order = [(0, 0), (100, 2), (101, 3), (102, 4), (103, 1), (104, 5), (105, 6), (106, 7), (107, 8)]
    assert schedule("unicef", jobs, BATCHES) == order


def test_an_estimate_of_0_counts_as_1():
    """At 10: job 1 (7/1)^3, job 2 (6/1)^3."""
    jobs = [job(0), job(3, estimate_us=1), job(4, estimate_us=0)]
    assert schedule("wfp3", jobs) == [(0, 0), (10, 1), (20, 2)]


@pytest.mark.parametrize(
    ("seed", "numbers", "order"),
    [
        (
            0,
            [
                0xE220A8397B1DCDAF,
                0x6E789E6AA1B965F4,
                0x06C45D188009454F,
                0xF88BB8A8724C81EC,
                0x1B39896A51A8749B,
            ],
            [2, 4, 1, 3],
        ),
        (
            1234567,
            [
                6457827717110365317,
                3203168211198807973,
                9817491932198370423,
                4593380528125082431,
                16408922859458223821,
            ],
            [1, 3, 2, 4],
        ),
    ],
)
def test_random(seed, numbers, order):
    """The first numbers of SplitMix64 with two seeds, as published; jobs 1 to 4 wait, by these numbers."""
    assert [random_number(seed, index) for index in range(5)] == numbers
    jobs = [job(0), job(1), job(1), job(1), job(1)]
    starts = [(0, 0), *zip((10, 20, 30, 40), order, strict=True)]
    assert schedule("random", jobs, seed=seed) == starts


def test_session_first_is_the_opposite_of_s15():
    """Session 0 is inactive from 10 on, and gets job 4 at 15. Session 1 is open: its job 3 has no priority.

    S15, first in, first out: jobs 2, 3, 4. Here job 4 goes first. ITTL 0 throughout.
    """
    sessions = [SessionSpec(interactive_timeout_us=0)] * 2
    jobs = [job(0, session=0), job(1, 20), job(2), job(3, session=1), job(15, session=0)]
    assert schedule("fifo", jobs, sessions) == [(0, 0), (10, 1), (30, 2), (40, 3), (50, 4)]
    assert schedule("session_first", jobs, sessions) == [(0, 0), (10, 1), (30, 4), (40, 2), (50, 3)]


def test_session_first_gives_no_priority_to_a_session_that_is_closed_before_it_starts():
    """Job 1 is ready at 4, when close() has been called. No job of its session has started, so job 2 of 0 goes first."""
    jobs = [job(0), job(1, session=0, preparation_us=3), job(0)]
    assert schedule("session_first", jobs, [SessionSpec(close_us=2)]) == [(0, 0), (10, 2), (20, 1)]
