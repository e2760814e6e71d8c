"""The kernel as an engine: plan, rules and queue policy go in, and the journal of the scheduler comes out.

What it does not do, `refusals` names. What it does, it does exactly as the scheduler, whether its
text is interpreted or compiled.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, Final

import numpy as np

from qsession_sim.errors import BEYOND_TIME, ScenarioError, SchedulerUsageError
from qsession_sim.kernel import codes
from qsession_sim.kernel.columns import Ints, Memory, has_other, ints, is_compiled, largest, taken
from qsession_sim.kernel.refusals import endless_part, key_column, unknown_part, why_not
from qsession_sim.scheduler import scheduler
from qsession_sim.scheduler.columns import LOST_RUN_FIELDS, TRANSITION_FIELDS, WINDOW_FIELDS, Journal
from qsession_sim.scheduler.plan import (
    AccountSpec,
    Plan,
    QpuSpec,
    Routing,
    Rules,
    SlidingLimit,
)
from qsession_sim.scheduler.queues import KeyColumn, QueuePolicy
from qsession_sim.scheduler.transitions import (
    CAN_PREPARE,
    CAN_START,
    JobAction,
    JobEvent,
    SessionAction,
    counting_stages,
)
from qsession_sim.scheduler.vocabulary import NEVER, Entity, JobStage, JobStatus, Mode, Rank, Reason
from qsession_sim.units import LONGEST_US

EVENTS_AT_ONCE: Final = 20_000
"""After so many events, at the latest, Python sees whether somebody wants to interrupt it."""

# -- A run.


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind, for `Record.of`.

    Args:
        journal: what happened.
        end_us: the horizon, or the instant of the last event.
        events: how many happened.
        session_qpu: the QPU of each session; NEVER if it was not routed.
        requested_us: the QPU time that each job needs on its QPU.
    """

    journal: Journal
    end_us: int
    events: int
    session_qpu: Sequence[int]
    requested_us: Sequence[int]


def run(
    plan: Plan,
    rules: Rules,
    policy: QueuePolicy,
    horizon_us: int | None = None,
    *,
    compiled: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run a plan to a horizon, or until nothing is left to do (S6).

    Args:
        plan: what is known before the run.
        rules: settings of the service.
        policy: orders the normal queue.
        horizon_us: where the run stops; None: when there is nothing left to do.
        compiled: by the compiled core, or by its text interpreted; None: compiled if it is.
        progress: called now and then with the instant and the number of events so far.

    Raises:
        SchedulerUsageError: if `why_not` says why the plan is not run, or the core is not compiled.
        ScenarioError: if the run goes on beyond 2**62 us.

    Example:
        >>> from qsession_sim.scheduler.plan import JobSpec
        >>> from qsession_sim.scheduler.queues import FirstInFirstOut
        >>> plan = Plan.of([JobSpec(at_us=3, qpu_time_us=5), JobSpec(at_us=4, qpu_time_us=1)])
        >>> outcome = run(plan, Rules(), FirstInFirstOut())
        >>> [int(at) for at in outcome.journal.started_us], outcome.end_us
        ([3, 8], 9)
    """
    reason = endless_part(plan) if horizon_us is None else None
    if reason is not None:
        raise _cannot_run(reason)
    kernel = Kernel(plan, rules, policy, compiled=compiled)
    report = progress or (lambda _now_us, _events: None)

    def advance(step: Callable[..., bool], until_us: int) -> None:
        while not step(until_us, at_most=EVENTS_AT_ONCE):
            report(kernel.now_us, kernel.events_applied)

    if horizon_us is None:
        advance(kernel.advance, 0)  # S6: instant 0 is always served
        advance(kernel.advance_while_needed, LONGEST_US)
    else:
        advance(kernel.advance, horizon_us - 1)
        kernel.finish_at(horizon_us)
    report(kernel.now_us, kernel.events_applied)
    return kernel.outcome()


def _cannot_run(reason: str | None) -> SchedulerUsageError:
    return SchedulerUsageError(f"this plan cannot be run: {reason}")


class Kernel:
    """A run that can be stopped at any event and go on. Its methods are those of `Scheduler`.

    Args:
        plan: what is known before the run.
        rules: settings of the service.
        policy: orders the normal queue.
        compiled: as of `run`.

    Raises:
        SchedulerUsageError: as `run`.

    Example:
        >>> from qsession_sim.scheduler.plan import JobSpec
        >>> from qsession_sim.scheduler.queues import FirstInFirstOut
        >>> plan = Plan.of([JobSpec(at_us=3, qpu_time_us=5), JobSpec(at_us=4, qpu_time_us=1)])
        >>> kernel = Kernel(plan, Rules(), FirstInFirstOut())
        >>> kernel.advance(100, at_most=2), kernel.now_us
        (False, 4)
        >>> kernel.advance(100), kernel.now_us, kernel.events_applied
        (True, 9, 4)
    """

    def __init__(
        self, plan: Plan, rules: Rules, policy: QueuePolicy, *, compiled: bool | None = None
    ) -> None:
        reason = unknown_part(plan, rules) or scheduler.why_not(plan, rules, policy)
        key = None if reason else key_column(plan, policy)
        if key is None:
            reason = reason or why_not(plan, rules, policy)
            raise _cannot_run(reason)
        if compiled is None:
            compiled = is_compiled()
        if compiled and not is_compiled():
            raise SchedulerUsageError(
                "the kernel is not compiled; build the package where there is a C compiler"
            )
        self._plan = plan
        self._memory = Memory(compiled)
        self._module = self._memory.module
        self._keeps_qpus = len(plan.qpus) > 1
        self._prepares = has_other(plan.jobs.preparation_us, 0)
        self._keeps_departures = has_other(plan.jobs.post_processing_us, 0)
        self._has_limits = any(spec.limits for spec in plan.account_specs.values())
        self._commands = _commands(plan)
        self._core = self._new_core(rules, key)

    @property
    def now_us(self) -> int:
        """The instant of the last event."""
        return int(self._core.now)

    @property
    def events_applied(self) -> int:
        """How many events have happened."""
        return int(self._core.events)

    def advance(self, until_us: int, *, at_most: int = scheduler.ALL_EVENTS) -> bool:
        """Apply all events up to `until_us` in the order of S3; False if it stopped after `at_most`.

        Raises:
            ScenarioError: if more is to be done, but only beyond 2**62 us.
        """
        return self._advance(until_us, at_most, only_needed=False)

    def advance_while_needed(
        self, until_us: int = LONGEST_US, *, at_most: int = scheduler.ALL_EVENTS
    ) -> bool:
        """Like `advance`, but stop after the first instant that completes everything there is to do (S6)."""
        return self._advance(until_us, at_most, only_needed=True)

    def finish_at(self, horizon_us: int) -> None:
        """Stop at a horizon; all before it was applied, of it only jobs that leave the QPU count (S6)."""
        self._core.finish_at(horizon_us)

    def _advance(self, until_us: int, at_most: int, *, only_needed: bool) -> bool:
        self._core.only_needed = only_needed
        answer = self._core.advance(min(until_us, LONGEST_US), at_most)
        if answer == codes.TOO_LONG:
            raise ScenarioError((BEYOND_TIME,))
        return bool(answer == codes.OVER)

    # -- From a plan to columns.

    def _new_core(self, rules: Rules, key: KeyColumn) -> Any:
        plan, memory = self._plan, self._memory
        offsets, followers = _follow_ups(plan)
        limit_us = rules.max_execution_time_us
        times = plan.qpu_times_us if self._keeps_qpus else ()
        is_plain = not (self._prepares or plan.windows)
        is_simple = is_plain and not (
            self._keeps_qpus
            or self._keeps_departures
            or self._has_limits
            or has_other(plan.jobs.patience_us, NEVER)
        )
        has_sessions = len(plan.sessions.mode) > 0
        ends_matter = bool(len(plan.follow_ups) or len(plan.clients.first_job))
        agenda = self._new_agenda()
        return self._module.Core(
            agenda=agenda,
            qpus=self._new_qpus(),
            job_queues=[self._new_queue(key) for _ in plan.qpus],
            session_queues=[self._new_queue(key) for _ in plan.qpus],
            lanes=[] if is_plain else [self._new_lanes(spec, key) for spec in plan.qpus],
            due_queues=[self._new_queue() for _ in plan.qpus] if plan.windows else [],
            windows=self._new_windows(),
            jobs=self._new_jobs(key),
            sessions=self._new_sessions(rules),
            clients=self._new_clients(),
            accounts=self._new_accounts(),
            has_limits=self._has_limits,
            tables=self._tables(rules),
            submissions_us=memory.given(plan.submissions_us),
            submissions=memory.given(plan.submissions),
            follow_ups_of=memory.given(offsets),
            follow_ups=memory.given(followers),
            times_us=memory.given(np.concatenate([ints(of_qpu) for of_qpu in times] or [ints(())])),
            transitions=memory.fresh(_ROOM * len(TRANSITION_FIELDS)),
            limit_us=LONGEST_US if limit_us == NEVER else limit_us,
            unused_us=rules.unused_timeout_us,
            timeout=int(
                JobEvent.SESSION_TIMEOUT
                if rules.max_time_ends_as is JobStatus.ERROR
                else JobEvent.SESSION_TIMEOUT_CANCELS
            ),
            submissions_in_key=key.submissions,
            unfinished=len(plan.submissions),
            commands=sum(len(numbers) for _, numbers in self._commands),
            qpus_differ=bool(times),
            adapts=rules.hold.adapts,
            joins=bool(plan.more_after),
            ends_matter=ends_matter,
            routes_by_turn=rules.routing is Routing.ROUND_ROBIN,
            prepares=self._prepares,
            is_plain=is_plain,
            requeues=rules.requeues_after_outage,
            calibrates_first=rules.calibrates_before_sessions,
            writes_departures=self._keeps_departures,
            only_job_mode=is_simple
            and not (has_sessions or ends_matter or agenda.size)
            and not has_other(plan.jobs.cancel_after_us, NEVER),
            serves_alone=is_simple and not rules.hold.adapts,
            only_needed=False,
        )

    def _new_qpus(self) -> Any:
        rows, memory = len(self._plan.qpus), self._memory
        never = {name: memory.fresh(rows) for name in ("job", "holder")}
        zero = {name: memory.fresh(rows, 0) for name in ("queued", "closed_by")}
        return self._module.Qpus(never | zero | {"finish_at": memory.fresh(rows, codes.FOREVER)})

    def _new_queue(self, key: KeyColumn | None = None, waits: bytes = CAN_START) -> Any:
        """By a key; None: by submission, or by another instant that comes later for later jobs."""
        # by submission, jobs come in their order
        is_ring = key is None or (key.submissions == 1 and not has_other(key.of_job, 0))
        by_state = self._memory.given((waits[NEVER], *waits[:NEVER]))
        return self._module.Queue(*(self._memory.fresh(_ROOM) for _ in range(3)), by_state, is_ring)

    def _new_lanes(self, spec: QpuSpec, key: KeyColumn) -> Any:
        return self._module.Lanes(
            number=spec.lanes,
            job_queue=self._new_queue(key, CAN_PREPARE),
            session_queue=self._new_queue(key, CAN_PREPARE),
            holder_queue=self._new_queue(None, CAN_PREPARE),
            ready_queue=self._new_queue(),
        )

    def _new_windows(self) -> Any:
        windows, memory = self._plan.windows, self._memory
        given = {
            name: memory.given([getattr(window, name) for window in windows])
            for name in ("kind", "qpu", "duration_us", "every_us")
        }
        return self._module.Windows(
            given
            | {"is_due": memory.fresh(len(windows), 0)}
            | {"begun": memory.fresh(_ROOM), "lost": memory.fresh(_ROOM)}
        )

    def _new_agenda(self) -> Any:
        """What is certain before the run: creations, commands, and windows."""
        plan = self._plan
        created_us = ints(plan.sessions.created_us)
        is_created = np.flatnonzero(created_us != NEVER)
        keys = codes.key_of(Rank.CREATE, Entity.SESSION) | is_created << codes.NUMBER_SHIFT
        events = [(created_us[is_created], keys), *self._commands]
        cancelled = ints(plan.job_cancels)
        keys = codes.KEY_JOB_CANCEL | cancelled << codes.NUMBER_SHIFT
        events.append((ints(plan.jobs.cancel_us)[cancelled], keys))
        qpus = ints([window.qpu for window in plan.windows])
        numbers = qpus << codes.QPU_OF_WINDOW_SHIFT | codes.WINDOW_BEGINS | np.arange(len(qpus))
        starts_us = ints([window.start_us for window in plan.windows])
        events.append((starts_us, codes.KEY_WINDOW | numbers << codes.NUMBER_SHIFT))
        times, keys = (np.concatenate(column) for column in zip(*events, strict=True))
        order = np.lexsort((keys, times))
        room = np.full(_ROOM, NEVER)
        columns = (self._memory.copy(np.concatenate([column[order], room])) for column in (times, keys))
        return self._module.Agenda(*columns, len(order))

    def _new_jobs(self, key: KeyColumn) -> Any:
        plan, memory = self._plan, self._memory
        jobs = plan.jobs
        rows = len(jobs.session)
        has_sessions, has_clients = len(plan.sessions.mode) > 0, len(plan.clients.first_job) > 0
        has_patience = has_other(jobs.patience_us, NEVER)
        waits_for = memory.fresh(rows if plan.more_after else 0, 0)
        for job, more in plan.more_after.items():
            waits_for[job] = len(more)
        is_kept = {
            "qpu": self._keeps_qpus,
            "left": self._keeps_departures,
            **dict.fromkeys(("preparing", "ready"), self._prepares),
        }
        written = memory.written(
            [
                (name, code, value, rows if is_kept.get(name, True) else 0)
                for name, (_, code, value) in _WRITTEN.items()
            ]
        )
        written["session"][:] = memory.given(jobs.session)
        return self._module.Jobs(
            written
            | {
                "qpu_us": memory.given(jobs.qpu_time_us),
                "limit_us": memory.given(jobs.max_execution_time_us),
                "client": memory.given(jobs.client),
                "cancel_after": memory.given(jobs.cancel_after_us),
                "think_us": memory.given(jobs.think_us),
                "key": memory.given(key.of_job),
                "preparation_us": memory.given(jobs.preparation_us),
                "post_us": memory.given(jobs.post_processing_us),
                "patience_us": memory.given(jobs.patience_us),
                "pinned": memory.given(jobs.qpu),
                "account": memory.given(jobs.account),
                "next": memory.fresh(rows if has_sessions else 0),
                "previous": memory.fresh(rows if has_sessions else 0),
                "patience_at": memory.fresh(rows if has_patience else 0),
                "waits_for": waits_for,
                "repeats": memory.fresh(_ROOM if has_clients else 0),
                "roots": memory.fresh(_ROOM if has_clients else 0),
            }
        )

    def _new_sessions(self, rules: Rules) -> Any:
        plan, memory = self._plan.sessions, self._memory
        rows = len(plan.mode)
        is_batch = ints(plan.mode) == Mode.BATCH
        pinned = ints(plan.qpu) if self._keeps_qpus else np.zeros(rows, dtype=np.int64)
        commands = np.zeros(rows, dtype=np.int64)
        for _, keys in self._commands:
            if len(keys):
                np.add.at(commands, (keys & codes.NUMBER_MASK) >> codes.NUMBER_SHIFT, 1)
        ittl_us = np.where(is_batch | rules.hold.ittl_counts, ints(plan.interactive_timeout_us), 0)
        zero = ("jobs", "counting", "finishing", "prepared", "thinks", "thought_us")
        never = ("head", "tail", "ittl_at", "ittl_armed", "life_at", "emptied", "repeats")
        given = {
            "batch": is_batch,
            "lets_in": is_batch | rules.hold.lets_job_mode_in,  # S32, S51
            "max_us": plan.max_time_us,
            "ittl_us": ittl_us,  # S51
            "created": plan.created_us,
            "close_after": plan.close_after_us,
            "cancel_after": plan.cancel_after_us,
            "pinned": pinned,
            "qpu": pinned,
            "commands": commands,
        }
        return self._module.Sessions(
            {name: memory.copy(column) for name, column in given.items()}
            | {name: memory.fresh(rows, 0) for name in ("phase", *zero)}
            | {name: memory.fresh(rows) for name in never}
        )

    def _new_clients(self) -> Any:
        plan, memory = self._plan.clients, self._memory
        return self._module.Clients(
            {
                "first": memory.given(plan.first_job),
                "jobs": memory.given(plan.jobs),
                "on_finish": memory.given(plan.on_finish),
                "on_error": memory.given(plan.on_error),
                "on_rejection": memory.given(plan.on_rejection),
                "poll_us": memory.given(plan.poll_us),
                "session": memory.copy(plan.session),
                "iteration": memory.fresh(len(plan.jobs), 0),
            }
        )

    def _new_accounts(self) -> Any:
        """What plans allow (S60); NEVER is no limit, as the sizes of nothing else."""
        plan, memory = self._plan, self._memory
        rows = 1 + max(largest(plan.jobs.account), *plan.account_specs) if self._has_limits else 0
        specs = [plan.account_specs.get(number, AccountSpec()) for number in range(rows)]
        limits = [spec.submissions or SlidingLimit(NEVER, 0) for spec in specs]
        rates = [limit.amount for limit in limits]
        firsts = [0, *accumulate(max(rate, 0) for rate in rates)]
        return self._module.Accounts(
            {
                "allows_sessions": memory.given([spec.sessions for spec in specs]),
                "allows_batches": memory.given([spec.batches for spec in specs]),
                "too_old_from": memory.given([spec.client_too_old_from_us for spec in specs]),
                "most_pending": memory.given(
                    [NEVER if (most := spec.pending) is None else most for spec in specs]
                ),
                "rate": memory.given(rates),
                "window_us": memory.given(
                    [spec.submissions.window_us if spec.submissions else 0 for spec in specs]
                ),
                "first": memory.given(firsts[:rows]),
                "pending": memory.fresh(rows, 0),
                "submissions": memory.fresh(rows, 0),
                "recent": memory.fresh(firsts[-1]),
            }
        )

    def _tables(self, rules: Rules) -> Any:
        counts_queued = self._keeps_qpus and rules.routing is Routing.LEAST_BUSY
        has_patience = has_other(self._plan.jobs.patience_us, NEVER)
        kept = {
            *_ALWAYS,
            *(_OF_QUEUES if counts_queued else ()),
            *(_OF_LANES if self._prepares else ()),
            *(_OF_WINDOWS if self._plan.windows else ()),
            *(_OF_PATIENCE if has_patience else ()),
            *(_OF_LIMITS if self._has_limits else ()),
        }
        return _tables(self._memory, frozenset(kept), rules.ittl_asks_for_ready)

    # -- From columns to what is left behind.

    def outcome(self) -> Outcome:
        """What has happened so far; the run is over then."""
        core = self._core
        rows, created = core.n_jobs, core.n_jobs - core.n_planned
        journal = Journal(array("q"))
        for name, (of_journal, code, _) in _WRITTEN.items():
            column = getattr(core.jobs, name)
            if len(column):
                setattr(journal, of_journal, taken(column, rows, code))
        windows = core.windows
        journal.windows = taken(windows.begun, windows.n_begun * len(WINDOW_FIELDS))
        journal.lost_runs = taken(windows.lost, windows.n_lost * len(LOST_RUN_FIELDS))
        journal.transitions = taken(core.transitions, core.n_transitions * len(TRANSITION_FIELDS))
        journal.repeated_jobs = taken(core.jobs.repeats, created).tolist()
        new_sessions = core.n_sessions - len(self._plan.sessions.mode)
        if new_sessions:
            repeats = taken(core.sessions.repeats, core.n_sessions)
            journal.repeated_sessions = repeats[-new_sessions:].tolist()
        return Outcome(
            journal,
            self.now_us,
            self.events_applied,
            taken(core.sessions.qpu, core.n_sessions),
            self._requested_us(journal),
        )

    def _requested_us(self, journal: Journal) -> Sequence[int]:
        """S54: what a routed job needs there; of another attempt, else what the one before did."""
        plan = self._plan
        if not plan.qpu_times_us or not self._keeps_qpus:
            planned: Sequence[int] = plan.jobs.qpu_time_us
            created = [planned[root] for root in self._roots()]
            return [*planned, *created] if created else planned
        requested_us = ints(plan.jobs.qpu_time_us).copy()
        routed = np.frombuffer(journal.qpu, dtype=np.int16)
        stage = np.frombuffer(journal.stage, dtype=np.int8)
        accepted = (stage != JobStage.PLANNED) & (stage != JobStage.REJECTED)
        for qpu, of_qpu in enumerate(plan.qpu_times_us):
            there = np.flatnonzero((accepted & (routed == qpu))[: len(requested_us)])
            requested_us[there] = ints(of_qpu)[there]
        found: list[int] = requested_us.tolist()
        roots, origins = self._roots(), journal.repeated_jobs
        for job, (root, origin) in enumerate(zip(roots, origins, strict=True), start=len(found)):
            found.append(int(plan.qpu_times_us[routed[job]][root]) if accepted[job] else found[origin])
        return found

    def _roots(self) -> list[int]:
        """Of each job that was created in the run, the planned one."""
        roots: list[int] = taken(self._core.jobs.roots, self._core.n_jobs - self._core.n_planned).tolist()
        return roots


_ROOM: Final = 16

_WRITTEN: Final = {
    "session": ("session", "q", NEVER),
    "submitted": ("submitted_us", "q", NEVER),
    "preparing": ("preparing_us", "q", NEVER),
    "ready": ("ready_us", "q", NEVER),
    "started": ("started_us", "q", NEVER),
    "ended": ("ended_us", "q", NEVER),
    "left": ("left_us", "q", NEVER),
    "qpu": ("qpu", "h", NEVER),
    "stage": ("stage", "b", JobStage.PLANNED),
    "reason": ("reason", "b", Reason.NONE),
}
"""Columns of jobs that are those of the journal: names there, type codes, and what they begin with."""

_ALWAYS: Final = frozenset(
    {
        JobAction.WAIT_FOR_QPU,
        JobAction.TAKE_QPU,
        JobAction.LEAVE_QPU,
        JobAction.START_POST_PROCESSING,
        JobAction.END,
    }
)
_OF_QUEUES: Final = frozenset({JobAction.ENTER_QUEUE, JobAction.LEAVE_QUEUE})
_OF_LANES: Final = frozenset(
    {JobAction.WAIT_FOR_LANE, JobAction.TAKE_LANE, JobAction.GIVE_LANE_BACK, JobAction.LEAVE_PREPARED}
)
_OF_WINDOWS: Final = frozenset({JobAction.LOSE_RUN, JobAction.WAIT_BEFORE_ALL})
_OF_LIMITS: Final = frozenset({JobAction.COUNT_SUBMISSION, JobAction.COUNT_END})
_OF_PATIENCE: Final = frozenset({JobAction.START_PATIENCE, JobAction.STOP_PATIENCE})
_IN_SESSIONS: Final = _OF_QUEUES | {
    JobAction.JOIN_SESSION,
    JobAction.TELL_START,
    JobAction.STOP_COUNTING,
    JobAction.LEAVE_SESSION,
}
_OF_SESSIONS: Final = frozenset(SessionAction) - {SessionAction.REQUEUE_JOBS}
"""Without preparation and reservations, no queued job is left where a session becomes inactive."""


@cache
def _tables(memory: Memory, kept: frozenset[JobAction], asks_for_ready: bool) -> Any:  # noqa: FBT001
    """The tables with those actions of jobs, and what the ITTL clock asks for; no run writes to them."""
    requeues = {SessionAction.REQUEUE_JOBS} if kept >= _OF_LANES else set()
    after, reasons, actions = codes.flat_sessions(_OF_SESSIONS | requeues)
    job_after, job_actions = codes.flat_jobs(kept)
    in_sessions = _IN_SESSIONS | ({JobAction.COUNT} if asks_for_ready else set())
    columns = {
        "session_after": after,
        "session_reason": reasons,
        "session_actions": actions,
        "job_after": job_after,
        "job_reason": codes.JOB_REASONS,
        "job_actions": job_actions,
        "own_actions": codes.flat_jobs(kept | in_sessions)[1],
        "accepting": codes.ACCEPTING,
        "active": codes.ACTIVE,
        "counts": tuple(counting_stages(asks_for_ready=asks_for_ready)),
    }
    return memory.module.Tables({name: memory.given(column) for name, column in columns.items()})


def _commands(plan: Plan) -> list[tuple[Ints, Ints]]:
    """Closes and cancels of sessions that are known before the run, as times and keys."""
    sessions = plan.sessions
    created_us = ints(sessions.created_us)
    found = []
    for key, since, column in (
        (codes.KEY_CLOSE, None, sessions.close_us),
        (codes.KEY_CANCEL, None, sessions.cancel_us),
        (codes.KEY_CLOSE, created_us, sessions.close_after_us),
        (codes.KEY_CANCEL, created_us, sessions.cancel_after_us),
    ):
        times = ints(column)
        is_given = times != NEVER
        if since is not None:
            is_given &= since != NEVER
            times = times + since
        numbers = np.flatnonzero(is_given)
        found.append((times[numbers], key | numbers << codes.NUMBER_SHIFT))
    return found


def _follow_ups(plan: Plan) -> tuple[Ints, Ints]:
    """S5: where in a column of follow-ups those of each job begin and end, and that column."""
    first = ints(plan.follow_ups)
    if not len(first):
        return first, first
    more = [(before, job) for job, others in plan.more_after.items() for before in others]
    before = np.concatenate([ints(plan.jobs.after)[first], ints([pair[0] for pair in more])])
    after = np.concatenate([first, ints([pair[1] for pair in more])])
    order = np.argsort(before, kind="stable")
    return np.searchsorted(before[order], np.arange(len(plan.jobs.after) + 1)), after[order]
