"""The rules as conditions on columns of many cases: each gives the cases in which it does not hold.

They are written from the text of the rules and know nothing of how the scheduler or the kernel work. Where
two things happen in one instant and S3 leaves both orders possible, both are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from qsession_sim.results.record import EVENT, FROM, REASON, SESSION, TIME, TO
from qsession_sim.scheduler.transitions import IS_ACCEPTING, IS_ACTIVE, SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, Mode, Reason
from qsession_sim.verification.small_scope.cases import LONG, Cases
from qsession_sim.verification.small_scope.runs import Observed, Setting
from qsession_sim.workload.columns import BoolArray, Int64Array

_ACTIVE: Final = np.array(IS_ACTIVE)
_ACCEPTING: Final = np.array(IS_ACCEPTING)


@dataclass(frozen=True)
class Facts:
    """Cases, what happened in them, and what several checks derive from that.

    Columns of jobs have the shape (cases, jobs), of sessions (cases, sessions), of activations (cases, as
    many as one has at most). What does not happen is LONG here, where it is compared.
    """

    cases: Cases
    seen: Observed
    setting: Setting

    @cached_property
    def accepted(self) -> BoolArray:
        """S20."""
        rejected: BoolArray = self.seen.stage == JobStage.REJECTED
        return ~rejected

    @cached_property
    def has_started(self) -> BoolArray:
        """Whether a job was on the QPU."""
        started: BoolArray = self.seen.started != NEVER
        return started

    @cached_property
    def waited_until(self) -> Int64Array:
        """When a job began to run, or ended without."""
        return np.where(self.has_started, self.seen.started, self.seen.ended)

    @cached_property
    def gone(self) -> Int64Array:
        """When a job left the QPU, or ended without having been there: no clock waits for it then (S41)."""
        return np.where(self.has_started, self.seen.left, self.seen.ended)

    @cached_property
    def since(self) -> Int64Array:
        """When each job began to run; LONG without."""
        return np.where(self.has_started, self.seen.started, LONG)

    # -- of sessions

    def _when(self, chosen: BoolArray) -> Int64Array:
        """The instant of the one change of each session that is chosen; LONG without."""
        found = np.full(self.cases.mode.shape, LONG, dtype=np.int64)
        rows = self.seen.changes[chosen]
        found[self.seen.case_of_change[chosen], rows[:, SESSION]] = rows[:, TIME]
        return found

    @cached_property
    def created(self) -> Int64Array:
        """When it came to exist."""
        return self._when(self.seen.changes[:, FROM] == SessionPhase.ABSENT)

    @cached_property
    def closed(self) -> Int64Array:
        """When it was closed."""
        return self._when(self.seen.changes[:, TO] == SessionPhase.CLOSED)

    @cached_property
    def quit(self) -> Int64Array:
        """From when on it accepts no jobs."""
        changes = self.seen.changes
        return self._when(_ACCEPTING[changes[:, FROM]] & ~_ACCEPTING[changes[:, TO]])

    @cached_property
    def closed_by(self) -> Int64Array:
        """Why it was closed; NEVER if it was not."""
        found = np.full(self.cases.mode.shape, NEVER, dtype=np.int64)
        chosen = self.seen.changes[:, TO] == SessionPhase.CLOSED
        rows = self.seen.changes[chosen]
        found[self.seen.case_of_change[chosen], rows[:, SESSION]] = rows[:, REASON]
        return found

    def of_owner(self, column: Int64Array, none: int) -> Int64Array:
        """From a column of sessions to one of jobs; `none` in job mode."""
        if not column.shape[1]:
            return np.full(self.cases.owner.shape, none, dtype=np.int64)
        own = np.take_along_axis(column, np.maximum(self.cases.owner, 0), axis=1)
        return np.where(self.cases.owner == NEVER, none, own)

    def owned(self, session: int) -> BoolArray:
        """Which jobs a session accepted."""
        own: BoolArray = (self.cases.owner == session) & self.accepted
        return own

    # -- of activations, in order

    @cached_property
    def held(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Which session held the QPU, from when and until when."""
        changes, case = self.seen.changes, self.seen.case_of_change
        begins = _ACTIVE[changes[:, TO]] & ~_ACTIVE[changes[:, FROM]]
        ends = ~_ACTIVE[changes[:, TO]] & _ACTIVE[changes[:, FROM]]
        width = max(1, int(np.bincount(case[begins]).max(initial=0)))
        shape = (len(self.cases), width)
        owner, since, until = (np.full(shape, LONG, dtype=np.int64) for _ in range(3))
        for chosen, columns in ((begins, ((owner, SESSION), (since, TIME))), (ends, ((until, TIME),))):
            rows, of_case = changes[chosen], case[chosen]
            place = np.arange(len(rows)) - np.searchsorted(of_case, of_case)
            kept = place < width
            for column, name in columns:
                column[of_case[kept], place[kept]] = rows[kept, name]
        return owner, since, until

    @cached_property
    def ends_in_turn(self) -> BoolArray:
        """Whether the QPU was given back as often as it was held, each time by the one that held it."""
        changes, case = self.seen.changes, self.seen.case_of_change
        active = _ACTIVE[changes[:, TO]].astype(np.int64) - _ACTIVE[changes[:, FROM]]
        moved = np.flatnonzero(active)
        good = np.ones(len(self.cases), dtype=np.bool_)
        good[case[moved][active[moved] != np.where(np.arange(len(moved)) % 2 == 0, 1, -1)]] = False
        pairs = moved[: len(moved) // 2 * 2].reshape(-1, 2)
        first, second = pairs[:, 0], pairs[:, 1]
        same = (changes[first, SESSION] == changes[second, SESSION]) & (case[first] == case[second])
        good[case[first[~same]]] = False
        return good

    @cached_property
    def of_batch(self) -> BoolArray:
        """Whether it is a batch that holds the QPU."""
        owner = self.held[0]
        if not self.cases.mode.shape[1]:
            return np.zeros(owner.shape, dtype=np.bool_)
        mode = np.take_along_axis(self.cases.mode, np.where(owner == LONG, 0, owner), axis=1)
        batch: BoolArray = (mode == Mode.BATCH) & (owner != LONG)
        return batch


Check = Callable[[Facts], BoolArray]
"""The cases in which a rule does not hold, shape (cases,)."""


def _some(wrong: Any) -> BoolArray:
    """Whether anything of a case is wrong."""
    found: BoolArray = wrong.reshape(len(wrong), -1).any(axis=1)
    return found


def submissions(facts: Facts) -> BoolArray:
    """S5: at the instant that is given, or after the end of the job before."""
    cases, seen = facts.cases, facts.seen
    before = np.take_along_axis(seen.ended, np.maximum(cases.after, 0), axis=1)
    expected = np.where(cases.after == NEVER, cases.at, before + cases.think)
    return _some(seen.submitted != expected)


def outcomes(facts: Facts) -> BoolArray:
    """S71, S44: each job ends in one way, after as long on the QPU and in post-processing as it needs."""
    cases, seen, ran = facts.cases, facts.seen, facts.has_started
    cut = (cases.limit != NEVER) & (cases.limit < cases.length)
    on_qpu = seen.left - seen.started
    never_ran = ~ran & (seen.left == NEVER) & (seen.ended >= seen.submitted)
    ran_in_time = ran & (seen.started >= seen.submitted) & (on_qpu > 0)
    of_stage: dict[JobStage, dict[Reason, BoolArray]] = {
        JobStage.DONE: {
            Reason.NONE: ran_in_time
            & ~cut
            & (on_qpu == cases.length)
            & (seen.ended == seen.left + cases.post)
        },
        JobStage.ERROR: {
            Reason.RAN_TOO_LONG: ran_in_time & cut & (on_qpu == cases.limit) & (seen.ended == seen.left),
            Reason.MAX_TIME: never_ran,
        },
        JobStage.CANCELLED: {
            Reason.SESSION_CANCELLED: never_ran,
            Reason.RENEGED: never_ran & (seen.ended == seen.submitted + cases.patience),
            Reason.JOB_CANCELLED: (seen.ended == cases.cancel_job)
            & (
                never_ran
                | (
                    ran_in_time
                    & (seen.ended == seen.left)
                    & (on_qpu < np.where(cut, cases.limit, cases.length))
                )
            ),
        },
        JobStage.REJECTED: dict.fromkeys(
            (Reason.SESSION_CLOSED, Reason.SESSION_NOT_CREATED, Reason.EXECUTION_TIME_EXCEEDS_SESSION),
            never_ran & (seen.ended == seen.submitted),
        ),
    }
    fits = np.zeros(seen.stage.shape, dtype=np.bool_)
    for stage, reasons in of_stage.items():
        for reason, fitting in reasons.items():
            fits |= (seen.stage == stage) & (seen.reason == reason) & fitting
    return _some(~fits)


def one_at_a_time(facts: Facts) -> BoolArray:
    """S70: what is on the QPU leaves it before the next comes."""
    order = np.argsort(facts.since, axis=1, kind="stable")
    since = np.take_along_axis(facts.since, order, axis=1)
    left = np.take_along_axis(np.where(facts.has_started, facts.seen.left, LONG), order, axis=1)
    return _some((left[:, :-1] > since[:, 1:]) & (since[:, 1:] != LONG))


def cancels(facts: Facts) -> BoolArray:
    """S25: a job is cancelled while it is queued or on the QPU, and only in that instant."""
    cases, seen = facts.cases, facts.seen
    at = np.where(cases.cancel_job == NEVER, LONG, cases.cancel_job)
    before = (seen.submitted < at) | ((seen.submitted == at) & (cases.after == NEVER))
    missed = facts.accepted & before & (facts.gone > at)
    wrong = (seen.reason == Reason.JOB_CANCELLED) & ((seen.submitted > at) | (seen.ended != at))
    return _some(missed | wrong)


def patience(facts: Facts) -> BoolArray:
    """S27: a job starts before its patience is over, or is gone then."""
    cases, seen = facts.cases, facts.seen
    over = seen.submitted + cases.patience
    late = np.where(facts.has_started, seen.started >= over, seen.ended > over)
    return _some((cases.patience != NEVER) & facts.accepted & late)


def creations(facts: Facts) -> BoolArray:
    """S9: when it is said, or with the first submission, close or cancel."""
    cases = facts.cases
    wrong = np.zeros(len(cases), dtype=np.bool_)
    for session in range(cases.mode.shape[1]):
        own = np.where(cases.owner == session, facts.seen.submitted, LONG).min(axis=1, initial=LONG)
        for order in (cases.close, cases.cancel):
            own = np.minimum(own, np.where(order[:, session] == NEVER, LONG, order[:, session]))
        expected = np.where(cases.created[:, session] == NEVER, own, cases.created[:, session])
        wrong |= facts.created[:, session] != expected
    return wrong


def rejections(facts: Facts) -> BoolArray:
    """S20, S24: the first reason that applies, and none in job mode."""
    cases, seen = facts.cases, facts.seen
    of_session = cases.owner != NEVER
    created = facts.of_owner(cases.created, NEVER)
    quit_at = facts.of_owner(facts.quit, LONG)
    absent = of_session & (created != NEVER) & (seen.submitted < created)
    surely_closed, surely_open = seen.submitted > quit_at, seen.submitted < quit_at
    too_long = of_session & (cases.limit != NEVER) & (cases.limit > facts.of_owner(cases.max_time, LONG))
    said = {
        Reason.SESSION_NOT_CREATED: absent,
        Reason.SESSION_CLOSED: of_session & ~absent & ~surely_open,
        Reason.EXECUTION_TIME_EXCEEDS_SESSION: ~absent & ~surely_closed & too_long,
    }
    fits = facts.accepted & ~absent & ~(of_session & surely_closed) & ~too_long
    for reason, fitting in said.items():
        fits |= (seen.stage == JobStage.REJECTED) & (seen.reason == reason) & fitting
    return _some(~fits)


def ends_of_sessions(facts: Facts) -> BoolArray:
    """S11, S16, S17, S18, S21, S26: no later than a clock or an order says, and in its instant."""
    cases, closed, by = facts.cases, facts.closed, facts.closed_by
    wrong = np.zeros(len(cases), dtype=np.bool_)
    unused = facts.setting.unused
    for session in range(cases.mode.shape[1]):
        own = facts.owned(session)
        first = np.where(own, facts.since, LONG).min(axis=1)
        life_over = np.where(first == LONG, LONG, np.minimum(first + cases.max_time[:, session], LONG))
        used = np.where(own, facts.seen.submitted, LONG).min(axis=1)
        unused_over = np.minimum(facts.created[:, session] + unused, LONG)
        unused_over = np.where(used <= unused_over, LONG, unused_over)
        order = np.where(cases.close[:, session] == NEVER, LONG, cases.close[:, session])
        later = facts.created[:, session] + cases.close_after[:, session]
        order = np.where(cases.close_after[:, session] == NEVER, order, np.minimum(order, later))
        last = np.where(own, facts.seen.ended, NEVER).max(axis=1)
        empty = np.where(order == LONG, LONG, np.maximum(order, last))
        cancel = np.where(cases.cancel[:, session] == NEVER, LONG, cases.cancel[:, session])
        ends = {
            Reason.MAX_TIME: life_over,
            Reason.UNUSED: unused_over,
            Reason.CLOSED: empty,
            Reason.CANCELLED: cancel,
        }
        expected = np.minimum.reduce([np.where(at >= LONG, LONG, at) for at in ends.values()])
        wrong |= closed[:, session] != expected
        wrong |= (facts.quit[:, session] != np.minimum(order, expected)) & (expected != LONG)
        fits = (by[:, session] == NEVER) & (expected == LONG)
        for reason, at in ends.items():
            fits |= (by[:, session] == reason) & (at == expected) & (expected != LONG)
        wrong |= ~fits
    return wrong


def failures(facts: Facts) -> BoolArray:
    """S16, S18, S75, S77: queued jobs end with their session, for its reason, and none starts later."""
    seen = facts.seen
    closed, by = facts.of_owner(facts.closed, LONG), facts.of_owner(facts.closed_by, NEVER)
    wrong = facts.accepted & (facts.waited_until > closed)
    for of_job, of_session in (
        (Reason.MAX_TIME, Reason.MAX_TIME),
        (Reason.SESSION_CANCELLED, Reason.CANCELLED),
    ):
        wrong |= (seen.reason == of_job) & ((by != of_session) | (seen.ended != closed))
    return _some(wrong)


def holders(facts: Facts) -> BoolArray:
    """S12, S32, S51, S73, S75: one session at a time, and who may start while it holds the QPU."""
    cases = facts.cases
    owner, since, until = facts.held
    wrong = ~facts.ends_in_turn | _some(since[:, 1:] < np.where(since[:, 1:] == LONG, NEVER, until[:, :-1]))
    start = facts.since[:, :, np.newaxis]
    ran = facts.has_started
    within = (since[:, np.newaxis] <= start) & (start < until[:, np.newaxis]) & ran[:, :, np.newaxis]
    begun = (since[:, np.newaxis] == start) & ran[:, :, np.newaxis]
    own = owner[:, np.newaxis] == cases.owner[:, :, np.newaxis]
    of_session = cases.owner != NEVER
    wrong |= _some(ran & of_session & ~((within | begun) & own).any(axis=2))
    wrong |= _some((within & ~own).any(axis=2) & of_session)
    lets_in = facts.of_batch | facts.setting.hold.lets_job_mode_in
    wrong |= _some((within & ~lets_in[:, np.newaxis]).any(axis=2) & ~of_session)
    # S32: only where the holder has no job ready
    holder = np.where(within, owner[:, np.newaxis], LONG).min(axis=2)
    waits = _waits_at(facts)
    ready = (waits & (cases.owner[:, np.newaxis] == holder[:, :, np.newaxis])).any(axis=2)
    return wrong | _some(ready & ~of_session)


def _waits_at(facts: Facts) -> BoolArray:
    """Whether another job waits when one starts, shape (cases, the one that starts, the other)."""
    start = facts.since[:, :, np.newaxis]
    submitted, until = facts.seen.submitted[:, np.newaxis], facts.waited_until[:, np.newaxis]
    waits: BoolArray = (submitted <= start) & (start < until)
    return waits & facts.accepted[:, np.newaxis] & facts.has_started[:, :, np.newaxis]


def order(facts: Facts) -> BoolArray:
    """S10, S12, S15, S33, S50: the earliest submitted goes first, of all or of those of the holder."""
    cases, seen = facts.cases, facts.seen
    _, since, until = facts.held
    has_smaller_number = np.tri(cases.owner.shape[1], k=-1, dtype=np.bool_)
    one, other = seen.submitted[:, :, np.newaxis], seen.submitted[:, np.newaxis]
    earlier = (other < one) | ((other == one) & has_smaller_number)
    overtaken = _waits_at(facts) & earlier
    alike = cases.owner[:, :, np.newaxis] == cases.owner[:, np.newaxis]
    start = facts.since[:, :, np.newaxis]
    within: Any = (since[:, np.newaxis] < start) & (start < until[:, np.newaxis])
    is_held: BoolArray = within.any(axis=2)
    return _some(overtaken & (alike | np.logical_not(is_held)[:, :, np.newaxis]))


def no_idling(facts: Facts) -> BoolArray:
    """S74: as long as a job waits, another runs, or a session holds the QPU that does not let it in."""
    cases, seen = facts.cases, facts.seen
    owner, since, until = facts.held
    begin, end = seen.submitted, facts.waited_until
    busy_since = facts.since
    busy_until = np.where(facts.has_started, seen.left, LONG)

    waits = (begin[:, :, np.newaxis], end[:, :, np.newaxis])
    busy = _common(waits, (busy_since[:, np.newaxis], busy_until[:, np.newaxis])).sum(axis=2)
    holds = (since[:, np.newaxis], until[:, np.newaxis])
    runs = (busy_since[:, np.newaxis, np.newaxis], busy_until[:, np.newaxis, np.newaxis])
    of_all = (
        np.maximum(waits[0], holds[0])[..., np.newaxis],
        np.minimum(waits[1], holds[1])[..., np.newaxis],
    )
    idle = _common(waits, holds) - _common(of_all, runs).sum(axis=3)
    lets_in = (facts.of_batch | facts.setting.hold.lets_job_mode_in)[:, np.newaxis]
    job_mode = (cases.owner == NEVER)[:, :, np.newaxis]
    own = owner[:, np.newaxis] == cases.owner[:, :, np.newaxis]
    excluded = ~own & ~(job_mode & lets_in)
    held = np.where(excluded, idle, 0).sum(axis=2)
    return _some(facts.accepted & (busy + held != end - begin))


def _common(one: tuple[Int64Array, Int64Array], other: tuple[Int64Array, Int64Array]) -> Int64Array:
    """How much two stretches have in common; from and until when each lasts."""
    length: Int64Array = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return np.maximum(length, 0)


def timeouts(facts: Facts) -> BoolArray:
    """S13, S14, S41, S51, S76: an ITTL clock runs from the end that leaves a session empty, and no longer."""
    cases, seen = facts.cases, facts.seen
    wrong = np.zeros(len(cases), dtype=np.bool_)
    is_ittl = seen.changes[:, EVENT] == SessionEvent.ITTL
    rows, of_case = seen.changes[is_ittl], seen.case_of_change[is_ittl]
    longest, shortest = _timeouts(facts)
    for session in range(cases.mode.shape[1]):
        mine = rows[:, SESSION] == session
        case, at = of_case[mine], rows[mine, TIME]
        own = facts.owned(session)[case] & (seen.submitted[case] < at[:, np.newaxis])
        emptied = np.where(own, facts.gone[case], NEVER).max(axis=1)
        passed = at - emptied
        wrong[case[(passed > longest[case, session]) | (passed < shortest[case, session])]] = True
    return wrong | _stays_too_long(facts, longest)


def _timeouts(facts: Facts) -> tuple[Int64Array, Int64Array]:
    """The longest and the shortest that the timeout of a session may be."""
    cases, hold = facts.cases, facts.setting.hold
    counts = (cases.mode == Mode.BATCH) | hold.ittl_counts
    longest = np.where(counts, cases.ittl, 0)
    adapts = (cases.mode == Mode.SESSION) & hold.adapts
    return longest, np.where(adapts, np.minimum(longest, 1), longest)


def _stays_too_long(facts: Facts, longest: Int64Array) -> BoolArray:
    """S17, S76: empty, a session keeps the QPU for its timeout, and not at all once it accepts no jobs."""
    cases, seen = facts.cases, facts.seen
    owner, since, until = facts.held
    gone, submitted = facts.gone[:, :, np.newaxis], seen.submitted[:, np.newaxis]
    alike = (cases.owner[:, :, np.newaxis] == cases.owner[:, np.newaxis]) & facts.accepted[:, np.newaxis]
    others = alike & (submitted <= gone) & (facts.gone[:, np.newaxis] > gone)
    empties = facts.accepted & (cases.owner != NEVER) & ~others.any(axis=2)
    refilled = np.where(alike & (submitted > gone), submitted, LONG).min(axis=2)
    allowed = facts.gone + facts.of_owner(longest, 0)
    quit_at = facts.of_owner(facts.quit, LONG)
    limit = np.minimum(np.minimum(allowed, refilled), np.maximum(quit_at, facts.gone))
    own = owner[:, np.newaxis] == cases.owner[:, :, np.newaxis]
    inside = own & (since[:, np.newaxis] <= gone) & (gone < until[:, np.newaxis])
    kept = np.where(inside, until[:, np.newaxis], NEVER).max(axis=2)
    # a submission in time lets it go on
    return _some(empties & inside.any(axis=2) & (np.where(refilled <= limit, refilled, kept) > limit))


CHECKS: Final[dict[str, Check]] = {
    "S5": submissions,
    "S9": creations,
    "S17 to S21": ends_of_sessions,
    "S20": rejections,
    "S25": cancels,
    "S27": patience,
    "S50": order,
    "S70": one_at_a_time,
    "S71": outcomes,
    "S73": holders,
    "S74": no_idling,
    "S76": timeouts,
    "S77": failures,
}
"""By the rule that each is mainly about."""


def violations(facts: Facts) -> Iterator[tuple[str, Int64Array]]:
    """The rules that are broken, with the numbers of the cases in which they are."""
    for rule, check in CHECKS.items():
        wrong = np.flatnonzero(check(facts))
        if len(wrong):
            yield rule, wrong
