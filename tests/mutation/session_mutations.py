"""Mistakes in scheduler and policies. Of the life of jobs, sessions and clients."""

from __future__ import annotations

from .mutation import Mutation, in_file

_CLIENTS = in_file(
    "scheduler/clients.py",
    ("if self.spec.on_error == OnError.RETRY:", "if self.spec.on_error == OnError.CONTINUE:", "S65"),
    ("if self.iteration + 1 == self.spec.jobs:", "if self.iteration + 2 == self.spec.jobs:", "S64"),
    ("return Step.AGAIN_IN_NEW_SESSION", "return Step.AGAIN_IN_JOB_MODE", "S66"),
    ("if reason is Reason.SESSION_CLOSED:", "if reason is not Reason.NONE:", "S66"),
)

_JOBS = in_file(
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
    ("session.think_count += 1", "session.think_count += 2", "S51"),
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
    ("if not IS_ACTIVE[session.phase]:  # S10, S12, S15", "if session.phase is SessionPhase.OPEN:", "S15"),
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
    ("BEFORE_ALL = NEVER", "BEFORE_ALL = 0", "S52"),
    (
        "is_served = holder is None or qpu.queue.serves(holder.spec.account)",
        "is_served = True",
        "S52",
    ),
    ("session.add_ready(BEFORE_ALL, job)", "session.add_ready(now_us, job)", "S52"),
    (
        "qpu.queue.push_again(journal.submitted_us[job], job, of_session=False)",
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
        "if IS_ACTIVE[session.phase] and not self._qpus[session.qpu].queue.serves(session.spec.account):",
        "if IS_ACTIVE[session.phase] and not self._qpus[session.qpu].queue.serves(NEVER):",
        "S52",
    ),
    ("session.emptied_us = NEVER", "pass", "S51"),
    (
        "session.thought_us += now_us - session.emptied_us",
        "session.thought_us = now_us - session.emptied_us",
        "S51",
    ),
)

_SESSION = in_file(
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
)

_SESSIONS = in_file(
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
        "qpu.queue.push_again(submission_us, job, of_session=True)",
        "qpu.queue.push(submission_us, job, of_session=True)",
        "S52",
    ),
    ("if not session.think_count:", "if False:", "S51"),
    (
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.think_count))",
        "return max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.think_count)",
        "S51",
    ),
    (
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.think_count))",
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, session.thought_us // session.think_count * 2))",
        "S51",
    ),
    (
        "return min(session.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, 2 * session.thought_us // session.think_count))",
        "return min(session.ittl_us, 2 * session.thought_us // session.think_count)",
        "S51",
    ),
    (
        "if self._rules.hold.adapts and not session.is_batch:",
        "if self._rules.hold.adapts:",
        "S51",
    ),
)

_TRANSITIONS = in_file(
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
    ("SessionEvent.RESERVE: Reason.RESERVATION,", "", "S52"),
    ("SessionEvent.END_LAST: Reason.CLOSED,", "SessionEvent.END_LAST: Reason.CANCELLED,", "S26"),
    (
        "_E.SUBMIT: Transition(_P.OPEN, (_A.STOP_UNUSED,)),  # S21: for good",
        "_E.SUBMIT: Transition(_P.OPEN),",
        "S21",
    ),
    (
        "{SessionPhase.OPEN, SessionPhase.RUNNING, SessionPhase.IDLE, SessionPhase.INACTIVE}",
        "{SessionPhase.OPEN, SessionPhase.RUNNING, SessionPhase.IDLE}",
        "S20",
    ),
)

SESSION_MUTATIONS: list[Mutation] = [
    *_CLIENTS,
    *_JOBS,
    *_SESSION,
    *_SESSIONS,
    *_TRANSITIONS,
]
