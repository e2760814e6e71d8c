"""Single-line mistakes that the fast tests must notice: data only, so that a list of them can be read.

`line` is a whole line of the source without its indentation. It must stand there exactly once, which
`test_mutations.py` checks, so that a mutation that no longer fits is noticed at once.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """One mistake. `equivalent` says why no test can see it; the empty text: a test must."""

    file: str  # in the package
    line: str
    replacement: str
    rule: str
    equivalent: str = ""


def _in_file(file: str, *rows: tuple[str, ...]) -> list[Mutation]:
    return [Mutation(file, *row) for row in rows]


_AGENDA = _in_file(
    "scheduler/agenda.py",
    ("self._generation += 1", "self._generation += 0", "S13"),
    ("self._disarmed.add(deadline)", "pass", "S13"),
    ("return heapreplace(heap, following)", "return heappop(heap)", "S3"),
    ("if head is self._planned:", "if head is not self._planned:", "S3"),
)

_CLIENTS = _in_file(
    "scheduler/clients.py",
    ("if self.spec.on_error is OnError.RETRY:", "if self.spec.on_error is OnError.CONTINUE:", "S65"),
    ("if self.iteration + 1 == self.spec.jobs:", "if self.iteration + 2 == self.spec.jobs:", "S64"),
    ("return Step.AGAIN_IN_NEW_SESSION", "return Step.AGAIN_IN_JOB_MODE", "S66"),
    ("if reason is Reason.SESSION_CLOSED:", "if reason is not Reason.NONE:", "S66"),
)

_JOBS = _in_file(
    "scheduler/jobs.py",
    ("if session.spec.created_us != NEVER:", "if session.spec.created_us == NEVER:", "S9"),
    ("if not IS_ACCEPTING[session.phase]:", "if session.phase is _CLOSED:", "S20"),
    (
        "if self._columns.max_execution_time_us[job] > session.spec.max_time_us:",
        "if self._columns.max_execution_time_us[job] >= session.spec.max_time_us:",
        "S24",
    ),
    ("limits.count_accepted(now_us, account)", "pass", "S60"),
    ("session.emptied_us = NEVER", "session.emptied_us = now_us", "S51"),
    ("session.thinks += 1", "session.thinks += 2", "S51"),
    (
        "session.add_ready(now_us if session.is_batch else submitted_us, job)  # S33, S12",
        "session.add_ready(submitted_us, job)",
        "S33",
    ),
    (
        "session.add_ready(now_us if session.is_batch else submitted_us, job)  # S33, S12",
        "session.add_ready(now_us, job)",
        "S12",
    ),
    ("if not IS_ACTIVE[session.phase]:  # S10, S12, S15", "if session.phase is Phase.OPEN:", "S15"),
    ("if qpu.job == NEVER and not qpu.downs:", "if qpu.job == NEVER:", "S52"),
    ("qpu.lanes.give_back(job, session)", "pass", "S42"),
    ("needed_us = own_limit_us", "needed_us = own_limit_us + 1", "S44"),
    (
        "is_done = now_us - journal.started_us[job] >= columns.qpu_time_us[job]",
        "is_done = now_us - journal.started_us[job] > columns.qpu_time_us[job]",
        "S44",
    ),
    (
        "if self._usage is not None and (session is None or session.is_batch):",
        "if self._usage is not None:",
        "S62",
    ),
    (
        "self._agenda.arm(now_us + post_processing_us, Rank.POST_DONE, _JOB, job)",
        "self._agenda.arm(now_us + post_processing_us + 1, Rank.POST_DONE, _JOB, job)",
        "S40",
    ),
    (
        "if not self._requeues or (session is not None and session.phase is _CLOSED):",
        "if not self._requeues:",
        "S52",
    ),
    ("self._usage.take_back_job(now_us, job)", "self._usage.end_job(now_us, job)", "S62"),
    ("session.add_ready(BEFORE_ALL, job)", "session.add_ready(now_us, job)", "S52"),
    (
        "qpu.queue.push_first(journal.submitted_us[job], job, of_session=False)",
        "qpu.queue.push(journal.submitted_us[job], job, of_session=False)",
        "S52",
    ),
    ("elif stage not in _NOT_YET_ON_QPU:", "elif stage == JobStage.POST_PROCESSING:", "S25"),
    (
        "_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _READY, _REQUEUED})",
        "_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _READY})",
        "S52",
    ),
    (
        "_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _READY, _REQUEUED})",
        "_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _REQUEUED})",
        "S41",
    ),
    (
        "_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _READY, _REQUEUED})",
        "_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _READY, _REQUEUED, JobStage.POST_PROCESSING})",
        "S41",
    ),
    ("self._limits.count_ended(self._columns.account[job])", "pass", "S60"),
    ("counted = stage != _POST_PROCESSING", "counted = True", "S41"),
    (
        "counted = not self._columns.preparation_us or not self._columns.preparation_us[job]",
        "counted = True",
        "S43",
    ),
    (
        "and qpu.reserved_for not in (NEVER, session.spec.account)",
        "and qpu.reserved_for != NEVER",
        "S52",
    ),
)

_LANES = _in_file(
    "scheduler/lanes.py",
    (
        "if self._of_job_mode + self._of_sessions < self._lanes:",
        "if self._of_job_mode + self._of_sessions <= self._lanes:",
        "S42",
    ),
    (
        "if self._of_job_mode + self._of_sessions < self._lanes:",
        "if self._of_job_mode < self._lanes:",
        "S42",
    ),
    ("if job is None and self._of_job_mode < self._lanes:", "if job is None:", "S42"),
    (
        "job = holder.next_unprepared(self._stage) if is_served else None",
        "job = self.unprepared.pop(now_us)",
        "S42",
    ),
    (
        "job = holder.next_unprepared(self._stage) if is_served else None",
        "job = holder.next_unprepared(self._stage)",
        "S52",
    ),
    ("self._free -= 1", "self._free -= 0", "S42"),
    ("self._free += 1", "self._free += 0", "S42"),
    ("self._of_sessions -= session.prepared", "pass", "S42"),
    ("self._of_sessions += session.prepared", "pass", "S42"),
    ("session.prepared += change", "session.prepared += 1", "S42"),
    ("self._agenda.disarm(self._preparations[job])", "pass", "S41"),
)

_LIMITS = _in_file(
    "scheduler/limits.py",
    (
        "if spec.client_too_old_from_us != NEVER and now_us >= spec.client_too_old_from_us:",
        "if spec.client_too_old_from_us != NEVER and now_us > spec.client_too_old_from_us:",
        "S23",
    ),
    (
        "if not (spec.batches if mode is Mode.BATCH else spec.sessions):",
        "if not spec.sessions:",
        "S60",
    ),
    ("if used_us >= quota.amount:", "if used_us > quota.amount:", "S60"),
    (
        "if spec.pending is not None and self._pending[account] >= spec.pending:",
        "if spec.pending is not None and self._pending[account] > spec.pending:",
        "S60",
    ),
    (
        "while recent and recent[0] <= now_us - spec.submissions.window_us:",
        "while recent and recent[0] < now_us - spec.submissions.window_us:",
        "S60",
    ),
    (
        "if len(recent) >= spec.submissions.amount:",
        "if len(recent) > spec.submissions.amount:",
        "S60",
    ),
    ("self._pending[account] -= 1", "self._pending[account] -= 0", "S60"),
)

_QUEUE = _in_file(
    "scheduler/queue.py",
    (
        "if not self._drop_gone(job_mode) or of_sessions[0] < job_mode[0]:",
        "if not self._drop_gone(job_mode) or of_sessions[0] > job_mode[0]:",
        "S10",
    ),
    ("if waits[stage[job]]:", "if True:", "S25"),
    (
        "if self._waits[self._stage[job]] and self._estimate_us(job) <= left_us:",
        "if self._waits[self._stage[job]] and self._estimate_us(job) < left_us:",
        "S51",
    ),
    (
        "if self._waits[self._stage[job]] and self._estimate_us(job) <= left_us:",
        "if self._estimate_us(job) <= left_us:",
        "S51",
    ),
    (
        "for child in (2 * index + 1, 2 * index + 2):",
        "for child in (2 * index + 1,):",
        "S51",
    ),
    ("and reserved_for in (NEVER, self._account[job])", "and True", "S52"),
    ("not (job_mode and of_session)", "True", "S32"),
    ("and (fits is None or fits(job))", "and True", "S51"),
    (
        "if self._reserved_for != NEVER and self._account[job] != self._reserved_for:",
        "if False:",
        "S52",
    ),
    ("for entry in tuple(self.entries):", "for entry in self.entries[::-1]:", "S52"),
    (
        "CAN_PREPARE = bytes(stage is JobStage.QUEUED for stage in JobStage)",
        "CAN_PREPARE = bytes(stage in (JobStage.QUEUED, JobStage.PREPARING) for stage in JobStage)",
        "S42",
    ),
)

_QPU = _in_file(
    "scheduler/qpu.py",
    ("if holder.lets_job_mode_in:", "if holder.is_batch:", "S51"),
    (
        "if holder.fills_gaps and holder.ittl_deadline is not None:",
        "if holder.fills_gaps:",
        "S51",
    ),
    (
        "return self.queue.pop_fitting(now_us, holder.ittl_deadline[0] - now_us)  # S51",
        "return self.queue.pop_fitting(now_us, holder.ittl_deadline[0] - now_us + 1)",
        "S51",
    ),
    (
        "if (self.job == NEVER or self.asks_while_busy) and not self.is_called:",
        "if self.job == NEVER and not self.is_called:",
        "S42",
    ),
)

_ROUTING = _in_file(
    "scheduler/routing.py",
    ("if qpu.queued < best.queued:", "if qpu.queued <= best.queued:", "S54"),
    (
        "return min(choices, key=lambda qpu: (self._expected_wait_us(now_us, qpu), qpu.number))",
        "return min(choices, key=lambda qpu: (self._expected_wait_us(now_us, qpu), -qpu.number))",
        "S54",
    ),
    (
        "return choices[(self._decisions - 1) % len(choices)]",
        "return choices[self._decisions % len(choices)]",
        "S54",
    ),
    ("return choices[route % len(choices)]", "return choices[0]", "S54"),
    ("self._choices = [qpu for qpu in qpus if not qpu.is_simulator]", "self._choices = [*qpus]", "S22"),
    (
        "return qpu.queued_us + max(0, self._columns.estimated_us(qpu.job) - ran_us)",
        "return qpu.queued_us + self._columns.estimated_us(qpu.job) - ran_us",
        "S54",
    ),
    (
        "return qpu.queued_us + max(0, self._columns.estimated_us(qpu.job) - ran_us)",
        "return qpu.queued_us",
        "S54",
    ),
)

_SCHEDULER = _in_file(
    "scheduler/scheduler.py",
    (
        "while (event := self._agenda.take((horizon_us, Rank.READY, _LAST_ENTITY))) is not None:",
        "while (event := self._agenda.take((horizon_us, Rank.SUBMIT, _LAST_ENTITY))) is not None:",
        "S6",
    ),
    (
        "return self._jobs.unfinished > 0 or sessions.commands_to_come > 0 or sessions.active > 0",
        "return self._jobs.unfinished > 0 or sessions.commands_to_come > 0",
        "S6",
    ),
    (
        "return self._jobs.unfinished > 0 or sessions.commands_to_come > 0 or sessions.active > 0",
        "return self._jobs.unfinished > 0 or sessions.active > 0",
        "S6",
    ),
    (
        "while not self._advance(now_us, Rank.READY, ALL_EVENTS, only_needed=only_needed):",
        "while not self._advance(now_us, Rank.SUBMIT, ALL_EVENTS, only_needed=only_needed):",
        "S4",
    ),
    (
        "if client.session != NEVER and client.spec.on_finish is not OnFinish.LEAVE:  # S64",
        "if client.session != NEVER:",
        "S64",
    ),
    (
        "self._arm_submission(now_us + self._columns.think_us[follow_up], follow_up)  # S5",
        "self._arm_submission(now_us, follow_up)",
        "S5",
    ),
    (
        "return self._sessions.add(replace(spec, created_us=NEVER, close_us=NEVER, cancel_us=NEVER))",
        "return self._sessions.add(spec)",
        "S66",
    ),
)

_SESSION = _in_file(
    "scheduler/session.py",
    (
        "self.lets_job_mode_in = self.is_batch or hold.lets_job_mode_in  # S32, S51",
        "self.lets_job_mode_in = hold.lets_job_mode_in",
        "S32",
    ),
    (
        "self.fills_gaps = not self.is_batch and hold.fills_gaps  # S51",
        "self.fills_gaps = hold.fills_gaps",
        "S51",
        "a batch lets every job-mode job in before anybody asks which one would fit",
    ),
    (
        "self.ittl_us = spec.interactive_timeout_us if self.is_batch or hold.ittl_counts else 0  # S51",
        "self.ittl_us = spec.interactive_timeout_us if hold.ittl_counts else 0",
        "S51",
    ),
    ("BEFORE_ALL = NEVER", "BEFORE_ALL = 0", "S52"),
)

_SESSIONS = _in_file(
    "scheduler/sessions.py",
    (
        "self._arm_counted_from(session, spec.created_us)  # S6: to come even before it exists",
        "pass",
        "S6",
    ),
    (
        "self.apply(now_us, session, SessionEvent.CLOSE if session.jobs else SessionEvent.CLOSE_EMPTY)",
        "self.apply(now_us, session, SessionEvent.CLOSE if session.counting else SessionEvent.CLOSE_EMPTY)",
        "S41",
    ),
    (
        "self._start_life(session, now_us + self._rules.unused_timeout_us)",
        "self._start_life(session, now_us + self._rules.unused_timeout_us + 1)",
        "S21",
    ),
    (
        "self._start_life(session, now_us + session.spec.max_time_us)",
        "self._start_life(session, now_us + session.spec.max_time_us + 1)",
        "S11",
    ),
    ("self.commands_to_come -= session.commands", "pass", "S6"),
    (
        "reason = Reason.RESERVATION if event is SessionEvent.RESERVE else Reason.NONE",
        "reason = Reason.NONE",
        "S52",
    ),
    ("qpu.holder = None", "pass", "S14"),
    (
        "stays = qpu.job != NEVER and self._journal.session[qpu.job] == session.number",
        "stays = qpu.job != NEVER",
        "S62",
    ),
    (
        "status, reason = self._rules.max_time_ends_as, Reason.MAX_TIME  # S16",
        "status, reason = JobStatus.ERROR, Reason.MAX_TIME",
        "S16",
    ),
    (
        "for job in sorted(jobs, key=lambda job: (self._journal.submitted_us[job], job)):",
        "for job in sorted(jobs):",
        "S18",
    ),
    ("jobs = {*ready, *unprepared, *session.preparing}", "jobs = {*ready, *unprepared}", "S41"),
    ("jobs = {*ready, *unprepared, *session.preparing}", "jobs = {*ready, *session.preparing}", "S41"),
    (
        "if self._journal.status[job] == JobStage.REQUEUED:  # S52: at the head of whatever queue it is in",
        "if False:",
        "S52",
    ),
    ("if not session.thinks:", "if False:", "S51"),
    (
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.thinks))",
        "return max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.thinks)",
        "S51",
    ),
    (
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.thinks))",
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, session.thought_us // session.thinks * 2))",
        "S51",
    ),
    (
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.thinks))",
        "return min(session.ittl_us, 2 * session.thought_us // session.thinks)",
        "S51",
    ),
    (
        "if self._rules.hold.adapts and not session.is_batch:",
        "if self._rules.hold.adapts:",
        "S51",
    ),
)

_TRANSITIONS = _in_file(
    "scheduler/transitions.py",
    (
        "_E.PREPARE: Transition(_P.IDLE),  # S43: it does not stop the clock",
        "_E.PREPARE: Transition(_P.RUNNING, (_A.STOP_ITTL,)),",
        "S43",
    ),
    (
        "_E.SUBMIT: Transition(_P.RUNNING, (_A.STOP_ITTL,)),  # S13",
        "_E.SUBMIT: Transition(_P.RUNNING),",
        "S13",
    ),
    (
        "_E.START: Transition(_P.RUNNING, (_A.HOLD_QPU,)),  # S15",
        "_E.START: Transition(_P.RUNNING, _FIRST_START),",
        "S11",
    ),
    ("_DEACTIVATE = (_A.RELEASE_QPU, _A.REQUEUE_JOBS)", "_DEACTIVATE = (_A.RELEASE_QPU,)", "S43"),
    ("SessionEvent.END_LAST: Reason.CLOSED,", "SessionEvent.END_LAST: Reason.CANCELLED,", "S26"),
    (
        "_E.SUBMIT: Transition(_P.OPEN, (_A.STOP_UNUSED,)),  # S21: for good",
        "_E.SUBMIT: Transition(_P.OPEN),",
        "S21",
    ),
    (
        "ACCEPTS: Final = frozenset({Phase.OPEN, Phase.RUNNING, Phase.IDLE, Phase.INACTIVE})",
        "ACCEPTS: Final = frozenset({Phase.OPEN, Phase.RUNNING, Phase.IDLE})",
        "S20",
    ),
)

_USAGE = _in_file(
    "scheduler/usage.py",
    ("since_us = now_us - window_us", "since_us = now_us - window_us + 1", "S60"),
    ("used_us -= min(end_us, since_us) - start_us", "used_us -= since_us - start_us", "S60"),
    ("if end_us > since_us + found.longest_us:", "if end_us > since_us:", "S60"),
    ("self._lingering[job_on_qpu] = _key(session)", "self._end(now_us, _key(session))", "S62"),
    ("return NEVER - 1 - session", "return session", "S62"),
)

_WINDOWS = _in_file(
    "scheduler/windows.py",
    ("_END, _BEGIN = 0, 1", "_END, _BEGIN = 1, 0", "S52"),
    (
        "if window not in qpu.due_calibrations:  # S52: missed occurrences merge into one",
        "if True:",
        "S52",
    ),
    (
        "if holder is not None and not holder.is_batch and not self._before_sessions:",
        "if holder is not None and not self._before_sessions:",
        "S52",
    ),
    (
        "if holder is not None and not holder.is_batch and not self._before_sessions:",
        "if holder is not None and not holder.is_batch:",
        "S52",
    ),
    (
        "self._expect(now_us + spec.every_us, _BEGIN, window)",
        "self._expect(now_us + spec.every_us + spec.duration_us, _BEGIN, window)",
        "S52",
    ),
    (
        "if holder is not None and holder.spec.account != spec.account:",
        "if holder is not None:",
        "S52",
    ),
    (
        "runs = qpu.job != NEVER and self._journal.session[qpu.job] == holder.number",
        "runs = qpu.job != NEVER",
        "S52",
    ),
    ("qpu.lanes.unprepared.reserve(spec.account)", "pass", "S52"),
    ("qpu.lanes.unprepared.open_to_all()", "pass", "S52"),
    (
        "self._begin(now_us, qpu, qpu.due_calibrations.pop(0))",
        "self._begin(now_us, qpu, qpu.due_calibrations.pop())",
        "S52",
    ),
    ("if qpu.job != NEVER or qpu.downs:", "if qpu.job != NEVER:", "S52"),
    (
        "if spec.kind is WindowKind.OUTAGE:",
        "if spec.kind is not WindowKind.RESERVATION:",
        "S52",
    ),
)

_ACCOUNT_QUEUE = _in_file(
    "scheduler/account_queue.py",
    (
        "if other is not None and (place is None or other < place):",
        "if other is not None and place is None:",
        "S63",
    ),
    ("self._order.take_turn(place[3])", "pass", "S50"),
    ("self._order.take_turn(self._account[job])", "pass", "S51"),
    ("if best is not None and rank > best[0]:", "if best is not None:", "S51"),
    ("changed = list(self._jobs)", "pass", "S62"),
    ("if bound is not None and (submitted_us, job) < bound[1:3]:", "if False:", "S52"),
    ("if reserved_for != NEVER:", "if False:", "S52"),
)

_SCANNED_QUEUE = _in_file(
    "scheduler/scanned_queue.py",
    ("if first != second:", "if False:", "S50"),
    (
        "if self._reserved_for != NEVER and self._inputs.jobs.account[job] != self._reserved_for:",
        "if False:",
        "S52",
    ),
    ("return fits is None or fits(job)", "return True", "S51"),
)

_STATIC_ORDERS = _in_file(
    "policies/static_orders.py",
    ("return (-submitted_us, submitted_us, job)", "return (submitted_us, submitted_us, job)", "S50"),
    ("return (-priority[job], submitted_us, job)", "return (priority[job], submitted_us, job)", "S50"),
    (
        "return (submitted_us - priority[job] * aged_us, submitted_us, job)",
        "return (submitted_us + priority[job] * aged_us, submitted_us, job)",
        "S50",
    ),
    (
        "return (-estimated_us(job), submitted_us, job)",
        "return (estimated_us(job), submitted_us, job)",
        "S50",
    ),
    (
        "return (submitted_us + slack * estimated_us(job), submitted_us, job)",
        "return (submitted_us + estimated_us(job), submitted_us, job)",
        "S50",
    ),
    (
        "return (0 if JobView(inputs, job, submitted_us).continues_session else 1, submitted_us, job)",
        "return (0 if JobView(inputs, job, submitted_us).in_session else 1, submitted_us, job)",
        "S15",
    ),
    (
        "mixed = (seed + (index + 1) * _INCREMENT) & _BITS",
        "mixed = (seed + index * _INCREMENT) & _BITS",
        "S50",
    ),
)

_ACCOUNT_ORDERS = _in_file(
    "policies/account_orders.py",
    ("if spec is None or spec.allocation_us < 1:", "if spec is None:", "S63"),
    (
        "return self._usage.used_us(now_us, account, self._window_us) * _SCALE // spec.allocation_us",
        "return self._usage.used_us(now_us, account, self._window_us) // spec.allocation_us",
        "S63",
    ),
    (
        "return bisect_right(self._thresholds_us, attained_us)",
        "return bisect_right(self._thresholds_us, attained_us - 1)",
        "S50",
    ),
    ("self._turns += 1", "self._turns += 0", "S50"),
)

_FAIR_QUEUEING = _in_file(
    "policies/fair_queueing.py",
    ("tag_us = max(tag_us, self._virtual_us)", "pass", "S50"),
    (
        "tag_us += self._estimated_us(job) * self._largest // weight",
        "tag_us += self._estimated_us(job) * weight // self._largest",
        "S50",
    ),
    (
        "self._virtual_us = max(self._virtual_us, self._tags_us.pop(job))",
        "self._virtual_us = self._tags_us.pop(job)",
        "S50",
    ),
)

_SCORED_ORDERS = _in_file(
    "policies/scored_orders.py",
    (
        "return (-(waited_us**3 * view.waiting_together(job) * _SCALE // job.estimate_us**3),)",
        "return (-(waited_us**2 * view.waiting_together(job) * _SCALE // job.estimate_us**2),)",
        "S50",
    ),
    (
        "digits = view.waiting_together(job).bit_length()",
        "digits = view.waiting_together(job)",
        "S50",
    ),
)

_USER_POLICIES = _in_file(
    "policies/user.py",
    ("if answer != again:", "if False:", "S50"),
    ("if len(answer) != self._length:", "if False:", "S50"),
)

MUTATIONS: list[Mutation] = [
    *_AGENDA,
    *_CLIENTS,
    *_JOBS,
    *_LANES,
    *_LIMITS,
    *_QUEUE,
    *_QPU,
    *_ROUTING,
    *_SCHEDULER,
    *_SESSION,
    *_SESSIONS,
    *_TRANSITIONS,
    *_USAGE,
    *_WINDOWS,
    *_ACCOUNT_QUEUE,
    *_SCANNED_QUEUE,
    *_STATIC_ORDERS,
    *_ACCOUNT_ORDERS,
    *_FAIR_QUEUEING,
    *_SCORED_ORDERS,
    *_USER_POLICIES,
]
"""All of them, by file."""
