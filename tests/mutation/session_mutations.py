"""Mistakes in scheduler and policies. Of the life of jobs, sessions and clients."""

from __future__ import annotations

from .mutation import Mutation, in_file

_CLIENTS = in_file(
    "scheduler/clients.py",
    ("if self.spec.on_error == OnError.RETRY:", "if self.spec.on_error == OnError.CONTINUE:", "S65"),
    ("if self.iteration + 1 == self.spec.jobs:", "if self.iteration + 2 == self.spec.jobs:", "S64"),
    (
        "polls = max(1, -((submitted_us - ended_us) // poll_us))",
        "polls = max(0, -((submitted_us - ended_us) // poll_us))",
        "S64",
    ),
    (
        "polls = max(1, -((submitted_us - ended_us) // poll_us))",
        "polls = 1 + (ended_us - submitted_us) // poll_us",
        "S64",
    ),
    ("if status == JobStatus.REJECTED:  # it is told that at once", "if False:", "S64"),
    ("return Step.AGAIN_IN_NEW_SESSION", "return Step.AGAIN_IN_JOB_MODE", "S66"),
    ("if reason == Reason.SESSION_CLOSED:", "if reason != Reason.NONE:", "S66"),
)

_JOBS = in_file(
    "scheduler/jobs.py",
    (
        "self.sessions.create(now_us, session.number)  # S9: also if the job is then rejected",
        "pass",
        "S9",
    ),
    (
        "if session is not None and session.phase is _ABSENT and session.spec.created_us == NEVER:",
        "if session is not None and session.phase is _ABSENT:",
        "S9",
    ),
    ("if not IS_ACCEPTING[session.phase]:", "if session.phase is _CLOSED:", "S20"),
    (
        "if self._columns.max_execution_time_us[job] > session.spec.max_time_us:",
        "if self._columns.max_execution_time_us[job] >= session.spec.max_time_us:",
        "S24",
    ),
    ("return Reason.QUOTA_EXCEEDED  # S60", "pass", "S20"),
    ("limits.count_submission(now_us, job)", "pass", "S60"),
    ("limits.count_end(job)", "pass", "S60"),
    ("qpu.queued += 1", "pass", "S54"),
    ("qpu.queued -= 1", "pass", "S54"),
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
    ("if session is None or not IS_ACTIVE[session.phase]:", "if session is None:", "S42"),
    ("if qpu.job == NEVER and not qpu.closed_by:", "if qpu.job == NEVER:", "S52"),
    ("qpu.lanes.give_back(job, session)", "pass", "S42"),
    ("qpu.lanes.forget(job, session)", "pass", "S42"),
    ("needed_us = own_limit_us", "needed_us = own_limit_us + 1", "S44"),
    (
        "if now_us - self._started_us[job] < columns.qpu_time_us[job]:",
        "if now_us - self._started_us[job] <= columns.qpu_time_us[job]:",
        "S44",
    ),
    (
        "if self._usage is not None and (session is None or session.is_batch):",
        "if self._usage is not None:",
        "S62",
    ),
    (
        "self._agenda.arm(now_us + self._columns.post_processing_us[job], Rank.POST_DONE, _JOB, job)",
        "self._agenda.arm(now_us + self._columns.post_processing_us[job] + 1, Rank.POST_DONE, _JOB, job)",
        "S40",
    ),
    (
        "ends = not self._requeues or (session is not None and session.phase is _CLOSED)",
        "ends = not self._requeues",
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
        "qpu.queue.push_again(self._journal.submitted_us[job], job, of_session=False)",
        "qpu.queue.push(self._journal.submitted_us[job], job, of_session=False)",
        "S52",
    ),
    ("self._agenda.disarm(qpu.finish_of(job))", "pass", "S25"),
    ("for job in sorted(jobs, key=lambda job: (submitted_us[job], job)):", "for job in ():", "S28"),
    ("if patience is not None and patience[0] == now_us:", "if patience is not None:", "S27"),
    (
        "if patience_us != NEVER and now_us + patience_us not in self._columns.cancels_us(job, now_us):",
        "if patience_us != NEVER:",
        "S27",
    ),
    ("self._agenda.disarm(self._patience.pop(job, None))", "pass", "S27"),
    ("if self._counts[self._stage[job]]:", "if True:", "S43"),
    ("counted = self._counts[before]", "counted = True", "S41"),
    ("elif counted and not session.counting:", "elif counted:", "S13"),
    ("if not session.counting:", "if True:", "S41"),
    (
        "if IS_ACTIVE[session.phase] and not qpu.queue.serves(session.spec.account):",
        "if IS_ACTIVE[session.phase] and not qpu.queue.serves(NEVER):",
        "S52",
    ),
    (
        "None if entry.after is stage else JOB_REASON_OF.get(event),",
        "JOB_REASON_OF.get(event),",
        "S25",
    ),
    (
        "self._moves = moves({action: act for action, act in acts.items() if action not in OF_SESSIONS})",
        "self._moves = moves({a: act for a, act in acts.items() if a not in OF_SESSIONS or a.name == 'COUNT'})",
        "S43",
    ),
    noticed_by=(
        "tests/scheduler/test_preparation.py",
        "tests/scheduler/test_limits.py",
        "tests/scheduler/test_clients.py",
        "tests/scheduler/test_job_transitions.py",
    ),
)

_SESSION = in_file(
    "scheduler/session.py",
    ("self.adapts = not self.is_batch and hold.adapts  # S51", "self.adapts = hold.adapts", "S51"),
    ("if not self.think_count:", "if False:", "S51"),
    ("self.think_count += 1", "self.think_count += 2", "S51"),
    ("self.thought_us += now_us - self.emptied_us", "self.thought_us = now_us - self.emptied_us", "S51"),
    ("self.emptied_us = NEVER", "self.emptied_us = now_us", "S51"),
    ("self.emptied_us = NEVER", "pass", "S51"),
    (
        "twice_the_mean_us = 2 * self.thought_us // self.think_count",
        "twice_the_mean_us = self.thought_us // self.think_count * 2",
        "S51",
    ),
    (
        "return min(self.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, twice_the_mean_us))",
        "return max(SHORTEST_ADAPTED_ITTL_US, twice_the_mean_us)",
        "S51",
    ),
    (
        "return min(self.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, twice_the_mean_us))",
        "return min(self.ittl_us, twice_the_mean_us)",
        "S51",
    ),
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
    noticed_by=("tests/scheduler/test_batches.py",),
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
    (
        "if session.phase is _CLOSING and session.finishing == session.jobs:",
        "if session.phase is SessionPhase.CLOSING and not session.counting:",
        "S17",
    ),
    ("self.let_go(now_us, session)", "pass", "S17"),
    ("self.commands_to_come -= session.commands", "pass", "S6"),
    ("qpu.holder = None", "pass", "S14"),
    (
        "stays = qpu.job != NEVER and self._journal.session[qpu.job] == session.number",
        "stays = qpu.job != NEVER",
        "S62",
    ),
    (
        "if rules.max_time_ends_as is JobStatus.ERROR",
        "if True",
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
    noticed_by=("tests/scheduler/test_preparation.py", "tests/scheduler/test_live_programs.py"),
)

_TRANSITIONS = in_file(
    "scheduler/transitions.py",
    (
        "_E.RELEASE: Transition(_P.INACTIVE_CLOSING, (_A.RELEASE_QPU,)),  # S17: closed when the last job ends",
        "_E.RELEASE: Transition(_P.CLOSING),",
        "S17",
    ),
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
    ("_J.PREPARE: Transition(_G.PREPARING, (_B.TAKE_LANE,)),  # S42", "", "S42"),
    (
        "_J.READY: Transition(_G.READY, (_B.GIVE_LANE_BACK, _B.COUNT, _B.WAIT_FOR_QPU)),  # S40, S43",
        "_J.READY: Transition(_G.QUEUED, (_B.GIVE_LANE_BACK, _B.COUNT, _B.WAIT_FOR_QPU)),",
        "S42",
    ),
    (
        "_J.START: Transition(_G.RUNNING, (_B.LEAVE_PREPARED, *_START)),  # S42, S50",
        "_J.START: Transition(_G.RUNNING, _START),",
        "S42",
    ),
    (
        "_J.REJECT: Transition(_G.REJECTED, (_B.END,)),  # S20: it touches no clock and no limit",
        "_J.REJECT: Transition(_G.REJECTED, _OVER),",
        "S20",
    ),
    (
        "_J.CANCEL: Transition(_G.POST_PROCESSING),  # S41: it completes",
        "_J.CANCEL: Transition(_G.CANCELLED, _OVER),",
        "S41",
    ),
    (
        "_J.SESSION_TIMEOUT: Transition(_G.ERROR, actions),",
        "_J.SESSION_TIMEOUT: Transition(_G.CANCELLED, actions),",
        "S16",
    ),
    ("_J.CUT: Transition(_G.ERROR, _OFF_QPU),  # S44", "_J.CUT: Transition(_G.DONE, _OFF_QPU),", "S44"),
    (
        "_J.PROGRAM_FAIL: Transition(_G.ERROR, _OFF_QPU),  # S44: with nothing to post-process",
        "_J.PROGRAM_FAIL: Transition(_G.DONE, _OFF_QPU),",
        "S44",
    ),
    (
        "_OFF_QPU = (_B.LEAVE_QPU, _B.COUNT_END, _B.LEAVE_SESSION, _B.MAKE_WAY, _B.END)",
        "_OFF_QPU = (_B.LEAVE_QPU, _B.COUNT_END, _B.LEAVE_SESSION, _B.END)",
        "S52",
    ),
    ("return {_J.CANCEL: Transition(stage)}", "return {}", "S25"),
    (
        "JobEvent.SESSION_CANCEL: Reason.SESSION_CANCELLED,",
        "JobEvent.SESSION_CANCEL: Reason.JOB_CANCELLED,",
        "S18",
    ),
    (
        "_COUNT_WHEN_QUEUED = _COUNT_WHEN_READY | {_G.UNPREPARED, _G.PREPARING}",
        "_COUNT_WHEN_QUEUED = _COUNT_WHEN_READY | {_G.UNPREPARED, _G.PREPARING, _G.POST_PROCESSING}",
        "S41",
    ),
    (
        "_COUNT_WHEN_READY = frozenset({_G.QUEUED, _G.READY, _G.RUNNING, _G.REQUEUED})",
        "_COUNT_WHEN_READY = frozenset({_G.QUEUED, _G.READY, _G.RUNNING})",
        "S52",
    ),
    noticed_by=("tests/scheduler/test_transitions.py", "tests/scheduler/test_job_transitions.py"),
)

SESSION_MUTATIONS: list[Mutation] = [
    *_CLIENTS,
    *_JOBS,
    *_SESSION,
    *_SESSIONS,
    *_TRANSITIONS,
]
