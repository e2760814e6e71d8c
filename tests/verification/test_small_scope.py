"""Every small case obeys the rules, the checks notice what does not, and the cases are those that are meant."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest

from qsession_sim.kernel.columns import is_compiled
from qsession_sim.scheduler.plan import EXCLUSIVE
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, Mode, Rank, Reason
from qsession_sim.verification.small_scope import Played, Scope, explore
from qsession_sim.verification.small_scope.__main__ import main, report
from qsession_sim.verification.small_scope.alone import difference, difference_of_end
from qsession_sim.verification.small_scope.cases import BEYOND, HOLDS, LONG, Block, Cases, Shape, shapes
from qsession_sim.verification.small_scope.checks import Facts, violations
from qsession_sim.verification.small_scope.coverage import EVENTS_OUTSIDE, RANKS_OUTSIDE, Coverage, watched
from qsession_sim.verification.small_scope.exploration import _play, digests, pieces, sampled_pieces
from qsession_sim.verification.small_scope.runs import TICK_US, Setting, observe, plan_of

JOB = Shape((), (NEVER,), (NEVER,), ())
PLAIN = Setting(EXCLUSIVE, LONG, Scope(1).span)


SIZE = Scope(4)


def all_of(shape: Shape, scope: Scope = SIZE) -> Cases:
    block = Block(scope, shape)
    return block.cases(range(block.numbers))


@pytest.mark.verification
def test_all_cases_of_two_jobs_and_extras_obey_the_rules_and_are_those_of_the_naive_model():
    tally = explore(Scope(2), Played(cases=1 if is_compiled() else 10))
    assert (tally.cases, tally.violations, tally.differences, tally.examples) == (10_748, {}, 0, [])
    assert tally.watched == 10_748


def test_cases_of_one_job_are_counted_by_hand():
    """One job, one extra at most would be size 2; of size 1 there are two lengths in job mode, and in a session or
    a batch also three timeouts, a session with each of four hold policies: 2 + 6 x 4 + 6 = 32."""
    tally = explore(Scope(1))
    assert (tally.cases, tally.played, len(tally.schedules)) == (32, 32, 14)


def test_distinct_schedules_of_one_job_are_counted_by_hand():
    """The job takes 1 or 2 ticks. In job mode that is all: 2. In a session or batch what follows is the end of
    the timeout of 0, 1 or 2 ticks: 2 x 3 each; `none` repeats the timeout 0, and `shared` and `adaptive` the others:
    2 + 6 + 6 = 14, with the mode."""
    assert len(explore(Scope(1)).schedules) == 14


def test_of_cases_that_only_begin_later_or_have_other_numbers_one_is_left():
    """Two jobs of one length in job mode at (0, 0), (0, 1) and (0, 2): not (1, 0), nor (1, 1)."""
    cases = all_of(Shape((), (NEVER, NEVER), (NEVER, NEVER), ()))
    assert sorted({tuple(row) for row in cases.at.tolist()}) == [(0, 0), (0, 1), (0, 2)]
    assert len(cases) == 3 * 4


def test_sessions_of_one_mode_are_named_by_their_first_jobs():
    found = {(one.modes, one.owners) for one in shapes(Scope(2, batches=0)) if len(one.owners) == 2}
    session = (Mode.SESSION,)
    assert found == {
        ((), (NEVER, NEVER)),
        *((session, owners) for owners in ((NEVER, 0), (0, NEVER), (0, 0))),
        (session * 2, (0, 1)),
    }


def test_every_number_of_a_size_is_in_one_piece():
    scope = Scope(2)
    numbers: dict[tuple[Shape, object], list[int]] = {}
    for piece in pieces(scope):
        for shape, part in piece.parts:
            numbers.setdefault((shape, (piece.setting.hold, piece.setting.unused)), []).extend(part)
    expected = {
        (shape, setting): list(range(Block(scope, shape).numbers))
        for shape in shapes(scope)
        for setting in product(shape.holds, shape.unused)
    }
    assert numbers == expected


def test_a_piece_is_filled_across_blocks(monkeypatch):
    monkeypatch.setattr("qsession_sim.verification.small_scope.exploration.NUMBERS_AT_ONCE", 7)
    scope = Scope(1)
    found = [sum(len(part) for _, part in piece.parts) for piece in pieces(scope)]
    assert (
        sum(found) == sum(Block(scope, one).numbers * len(one.holds) for one in shapes(scope)) == 96
    )  # 3 instants
    assert max(found) == 7
    assert explore(scope).cases == 32


def test_a_sample_is_the_same_for_the_same_seed_and_of_the_largest_shapes():
    def content(seed):
        sampled = sampled_pieces(Scope(3), 3000, seed)
        return [(one.setting, shape, part.tolist()) for one in sampled for shape, part in one.parts]

    assert content(1) == content(1) != content(2)
    assert {len(shape.owners) + len(shape.extras) for _, shape, _ in content(1)} == {3}
    tally = explore(Scope(3), Played(cases=100, ends=1000, watched=10), sample=3000)
    assert tally.cases >= 3000
    assert tally.is_good


def test_workers_change_nothing():
    def found(workers):
        tally = explore(Scope(2), Played(cases=500, ends=500, watched=3), workers=workers)
        return tally.cases, tally.played, tally.schedules.tolist(), tally.coverage, tally.violations

    assert found(2) == found(1)


# -- What the cases exercise. Each pair that two jobs and extras do not reach has a case of its own, worked out by hand.

S, B = Mode.SESSION, Mode.BATCH
ONE, TWO, THREE = (NEVER,), (NEVER,) * 2, (NEVER,) * 3
REACHED = {
    # two of a session are submitted, and in the same instant, before one starts, it is closed or one is cancelled
    "OPEN END": Shape((S,), (0, 0), TWO, (("cancel_job", 0),)),
    "OPEN_CLOSING END": Shape((S,), (0, 0), TWO, (("close", 0), ("cancel_job", 0))),
    "OPEN_CLOSING END_LAST": Shape((S,), (0,), ONE, (("close", 0), ("cancel_job", 0))),
    "OPEN_CLOSING CLOSE": Shape((S,), (0,), ONE, (("close", 0), ("close_after", 0))),
    "OPEN_CLOSING CANCEL": Shape((S,), (0,), ONE, (("close", 0), ("cancel", 0))),
    # one is post-processed while the other leaves the QPU
    "IDLE END": Shape((S,), (0, 0), TWO, (("post", 0), ("post", 1))),
    "IDLE CLOSE": Shape((S,), (0,), ONE, (("post", 0), ("close", 0))),
    "CLOSING START": Shape((S,), (0, 0), TWO, (("close", 0),)),
    "CLOSING END": Shape((S,), (0, 0), TWO, (("close", 0),)),
    "CLOSING CLOSE": Shape((S,), (0,), ONE, (("close", 0), ("close_after", 0))),
    "CLOSING CANCEL": Shape((S,), (0,), ONE, (("close", 0), ("cancel", 0))),
    "CLOSING MAX_TIME": Shape((S,), (0,), ONE, (("close", 0), ("max_time", 0))),
    "CLOSING LEAVE_LAST": Shape((S,), (0,), ONE, (("close", 0), ("post", 0))),
    "CLOSING RELEASE": Shape((S,), (0,), ONE, (("close", 0), ("post", 0))),
    # without a timeout it is inactive while a job is post-processed, and another comes
    "INACTIVE END": Shape((S,), (0, NEVER, 0), THREE, (("post", 0),)),
    "INACTIVE CLOSE": Shape((S,), (0,), ONE, (("post", 0), ("close", 0))),
    "INACTIVE LEAVE_LAST": Shape((S,), (0, 0), TWO, (("post", 0), ("cancel_job", 1))),
    "INACTIVE_CLOSING START": Shape((S,), (0, 0), TWO, (("close", 0),)),
    "INACTIVE_CLOSING END": BEYOND[0],
    "INACTIVE_CLOSING END_LAST": Shape((S,), (0,), ONE, (("post", 0), ("close", 0))),
    "INACTIVE_CLOSING CLOSE": Shape((S,), (0, 0), TWO, (("close", 0), ("close_after", 0))),
    "INACTIVE_CLOSING CANCEL": Shape((S,), (0,), ONE, (("post", 0), ("close", 0), ("cancel", 0))),
    "INACTIVE_CLOSING MAX_TIME": Shape((S,), (0,), ONE, (("post", 0), ("close", 0), ("max_time", 0))),
    "INACTIVE_CLOSING LEAVE_LAST": BEYOND[1],
    # one is on the QPU, or post-processed, when the session is cancelled
    "CLOSED END": Shape((S,), (0, 0), TWO, (("cancel", 0),)),
    "CLOSED CLOSE": Shape((S,), (0,), ONE, (("close", 0), ("max_time", 0))),
    "CLOSED CLOSE_EMPTY": Shape((S,), (0,), ONE, (("close", 0), ("close_after", 0))),
    "CLOSED CANCEL": Shape((S,), (0,), ONE, (("close", 0), ("cancel", 0))),
    "CLOSED LEAVE_LAST": Shape((S,), (0,), ONE, (("post", 0), ("cancel", 0))),
}
RANKS_REACHED = {
    "CREATE CREATE": Shape((S, B), (0,), ONE, (("created", 0), ("created", 1))),
    "CREATE POST_DONE": Shape((S,), (NEVER, 0), TWO, (("created", 0), ("post", 0))),
    "CREATE CLOSE": Shape((S,), (0,), ONE, (("created", 0), ("close", 0))),
    "CREATE CANCEL": Shape((S,), (0,), ONE, (("created", 0), ("cancel", 0))),
    "FINISH POST_DONE": Shape((), (NEVER, NEVER), TWO, (("post", 0),)),
    "POST_DONE POST_DONE": Shape((), (NEVER, NEVER), TWO, (("post", 0), ("post", 1))),
    "POST_DONE SUBMIT": Shape((), (NEVER, NEVER), TWO, (("post", 0),)),
    "POST_DONE CLOSE": Shape((S,), (0,), ONE, (("post", 0), ("close", 0))),
    "POST_DONE CANCEL": Shape((S,), (0,), ONE, (("post", 0), ("cancel", 0))),
    "POST_DONE MAX_TIME": Shape((S,), (0,), ONE, (("post", 0), ("max_time", 0))),
    "POST_DONE DISPATCH": Shape((), (NEVER, NEVER), TWO, (("post", 0),)),
    "CLOSE CLOSE": Shape((S,), (0,), ONE, (("close", 0), ("close_after", 0))),
    "CLOSE CANCEL": Shape((S,), (0,), ONE, (("close", 0), ("cancel", 0))),
    "CLOSE MAX_TIME": Shape((S,), (0,), ONE, (("close", 0), ("max_time", 0))),
    "CANCEL CANCEL": Shape((S, S), (0, 1), TWO, (("cancel", 0), ("cancel", 1))),
    "CANCEL MAX_TIME": Shape((S,), (0,), ONE, (("max_time", 0), ("cancel_job", 0))),
    "MAX_TIME MAX_TIME": Shape((S, S), (0, 1), TWO, (("max_time", 0), ("max_time", 1))),
}


def coverage_of(shape: Shape, scope: Scope) -> Coverage:
    total, cases = Coverage(), all_of(shape, scope)
    for hold, unused in product(shape.holds, shape.unused):
        setting = Setting(hold, unused, scope.span)
        total.add(watched(plan_of(cases, scope.span), setting.rules, len(cases) * scope.span * TICK_US)[1])
    return total


@pytest.mark.verification
def test_four_jobs_and_extras_reach_every_legal_pair_that_needs_nothing_from_outside():
    """What two reach, and the table above; each of its shapes is in the size, or said to be beyond it."""
    scope = Scope(4)
    total = explore(Scope(2), Played(cases=0, ends=0)).coverage
    assert not REACHED.keys() & {f"{phase.name} {event.name}" for phase, event in total.events}
    for shapes_of, names in ((REACHED, "events"), (RANKS_REACHED, "ranks")):
        for name, shape in shapes_of.items():
            assert len(shape.owners) + len(shape.extras) <= 4 or shape in BEYOND
            found = coverage_of(shape, scope)
            assert name in {f"{one.name} {other.name}" for one, other in getattr(found, names)}, name
            total.add(found)
    assert total.missing == ([], [])
    assert not total.events & EVENTS_OUTSIDE.keys()
    assert not total.ranks & RANKS_OUTSIDE.keys()


# -- Able to fail: what is wrong in one case is noticed there, and nowhere else.


def broken(shape: Shape, hold=EXCLUSIVE, **changes):
    """The rules that are broken when some columns of the last case are not what they are."""
    scope = Scope(4)
    cases = all_of(shape, scope)
    setting = Setting(hold, LONG, scope.span)
    seen = observe(cases, setting)
    for name, (place, value) in changes.items():
        column = getattr(seen, name).copy()
        column[(-1, *place)] = value
        seen = replace(seen, **{name: column})
    found = dict(violations(Facts(cases, seen, setting)))
    assert all(numbers.tolist() == [len(cases) - 1] for numbers in found.values())
    return set(found)


PAIR = Shape((), (NEVER, NEVER), TWO, ())  # the last case: 2 ticks at 0, 2 ticks at 2
LOOP = Shape((S,), (0, 0), (NEVER, 0), ())  # the last case: 2 ticks at 0, a tick to think, 2 ticks, timeout 2


def test_nothing_is_broken_as_it_is():
    assert [broken(PAIR), broken(LOOP)] == [set(), set()]


@pytest.mark.parametrize(
    ("shape", "changes", "rules"),
    [
        (PAIR, {"submitted": ((1,), 1)}, {"S5", "S74"}),  # it is due at 2, and would have waited a tick
        (
            PAIR,
            {"started": ((1,), 3)},
            {"S71", "S74"},
        ),  # it waits although the QPU is free, and is done too soon
        (PAIR, {"left": ((0,), 3)}, {"S70", "S71"}),  # it is on the QPU when the next one starts
        (PAIR, {"ended": ((0,), 3)}, {"S71"}),  # nothing is post-processed
        (PAIR, {"stage": ((0,), int(JobStage.ERROR))}, {"S71"}),
        (PAIR, {"reason": ((0,), int(Reason.JOB_CANCELLED))}, {"S25", "S71"}),  # nobody cancels it
        (PAIR, {"stage": ((1,), int(JobStage.REJECTED))}, {"S20", "S71"}),  # in job mode nothing is rejected
        (LOOP, {"submitted": ((1,), 4)}, {"S5", "S74", "S76"}),  # later than a tick after the end
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_a_wrong_number_breaks_these_rules(shape, changes, rules):
    assert broken(shape, **changes) >= rules - {"S74", "S76"}


def change(cases: Cases, seen, row: int, **values):
    """Another number in one change of the last case."""
    names = ("time", "session", "before", "event", "after", "reason")
    changes = seen.changes.copy()
    for name, value in values.items():
        changes[seen.first_change[-2] + row, names.index(name)] = value
    return replace(seen, changes=changes)


@pytest.mark.parametrize(
    ("row", "values", "rule"),
    [
        (0, {"time": 1}, "S9"),  # created after its first submission
        (1, {"time": 1}, "S73"),  # its first job starts before it is active
        (2, {"time": 8}, "S76"),  # active for three ticks without a job, with a timeout of two
        (2, {"time": 6}, "S76"),  # the timeout is over too early
        (2, {"after": int(SessionPhase.CLOSED)}, "S17 to S21"),  # closed although nothing closes it
    ],
)
def test_a_wrong_change_of_a_session_breaks_this_rule(row, values, rule):
    """0 created, 0 active, jobs in [0, 2) and [3, 5), so that it is inactive at 7."""
    cases = all_of(LOOP)
    setting = Setting(EXCLUSIVE, LONG, Scope(4).span)
    seen = observe(cases, setting)
    first, last = seen.first_change[-2:]
    assert [(one[0], SessionEvent(one[3]).name) for one in seen.changes[first:last].tolist()] == [
        (0, "CREATE"),
        (0, "START"),
        (7, "ITTL"),
    ]
    found = dict(violations(Facts(cases, change(cases, seen, row, **values), setting)))
    assert found[rule].tolist() == [len(cases) - 1]


def test_who_is_overtaken_is_noticed():
    """Three at 0, each of one tick, run by number; that the third runs second breaks the order and nothing else."""
    shape = Shape((), (NEVER,) * 3, THREE, ())
    cases = all_of(shape)
    row = int(np.flatnonzero((cases.at == 0).all(axis=1) & (cases.length == 1).all(axis=1))[0])
    cases = cases[np.array([row])]
    seen = observe(cases, PLAIN)
    assert seen.started.tolist() == [[0, 1, 2]]
    order = [0, 2, 1]
    swapped = {name: getattr(seen, name)[:, order] for name in ("started", "left", "ended")}
    assert [rule for rule, _ in violations(Facts(cases, replace(seen, **swapped), PLAIN))] == ["S50"]


def test_a_case_that_the_naive_model_plays_in_another_way_is_told_in_words():
    cases = all_of(PAIR)
    seen = observe(cases, PLAIN)
    last = len(cases) - 1
    assert difference(cases, seen, last, PLAIN) is None
    assert difference_of_end(cases, last, PLAIN) is None
    started = seen.started.copy()
    started[last, 1] += 1
    said = difference(cases, replace(seen, started=started), last, PLAIN)
    assert "started=3000000" in said.partition("naive model: ")[0]
    assert "started=2000000" in said.partition("naive model: ")[2]


def test_other_schedules_have_other_digests():
    cases = all_of(LOOP)
    setting = Setting(EXCLUSIVE, LONG, Scope(4).span)
    seen = observe(cases, setting)
    expected = digests(cases, seen)
    for column in ("submitted", "started", "left", "ended", "stage", "reason"):
        other = getattr(seen, column).copy()
        other[-1, 0] += 1
        found = digests(cases, replace(seen, **{column: other}))
        assert np.flatnonzero(found != expected).tolist() == [len(cases) - 1]
    found = digests(cases, change(cases, seen, 1, time=5))
    assert np.flatnonzero(found != expected).tolist() == [len(cases) - 1]


def test_the_command_reports_and_says_by_its_status_whether_all_is_well(capsys, monkeypatch):
    assert main(["--jobs", "1", "--played", "1", "--ends", "1", "--watched", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines[:7]] == [
        "cases 32",
        "distinct schedules 14",
        "violations 0",
        "played by the naive model 32",
        "and to their own end (S6) 32",
        "run by the scheduler, too 32",
        "differences 0",
    ]
    assert lines[7].startswith("pairs of phase and event: 5 occurred, ")
    monkeypatch.setattr(
        "qsession_sim.verification.small_scope.exploration.difference", lambda *_arguments: "not the same"
    )
    assert main(["--jobs", "1", "--played", "1"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "not the same"


def test_the_command_stops_in_time_and_reports_what_was_run(capsys):
    """Time is over after the first piece, which is one of several."""
    scope = Scope(1)
    first = _play(scope, Played(1, 1, 1), next(iter(pieces(scope))))
    assert main(["--jobs", "1", "--played", "1", "--ends", "1", "--watched", "1", "--seconds", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "stopped after 0 s, so not all cases were run"
    assert lines[1:] == list(report(first))
    assert first.cases < explore(scope).cases


def test_columns_of_cases_are_read_by_name():
    assert {item.name for item in fields(Cases)} == set(vars(all_of(JOB)))
    assert [hold.lets_job_mode_in for hold in HOLDS] == [False, True, False, False]
    assert max(Rank) == Rank.DISPATCH
