"""Mistakes in scheduler and policies. Of what all jobs and sessions share: time, QPUs, lanes, limits, windows, columns."""

from __future__ import annotations

from .mutation import Mutation, in_file

_AGENDA = in_file(
    "scheduler/agenda.py",
    ("self._generation += 1", "self._generation += 0", "S13"),
    ("self._disarmed.add(deadline)", "pass", "S13"),
    ("return heapreplace(heap, following)", "return heappop(heap)", "S3"),
    ("if head is self._planned:", "if head is not self._planned:", "S3"),
    noticed_by=("tests/scheduler/test_agenda_and_queue.py",),
)

_JOB_COLUMNS = in_file(
    "scheduler/columns.py",
    ("elif column or value != default:", "elif value != default:", "S65"),
    (
        "return planned_us, NEVER if after_us == NEVER else submitted_us + after_us",
        "return planned_us, NEVER",
        "S27",
    ),
    (
        "planned_us = self._cancel_us[job] if job < len(self._cancel_us) else NEVER",
        "planned_us = NEVER",
        "S27",
    ),
    ("column.extend([default] * (job - len(column)))", "pass", "S65"),
    (
        "if is_planned(item) or (is_rare(item) and not is_needed(column, item.default)):",
        "if is_planned(item) or is_rare(item):",
        "S40",
    ),
    ("self._repeats[job] = self._repeats.get(repeats, repeats)", "self._repeats[job] = repeats", "S65"),
    ("planned = self._repeats.get(job, job)", "planned = job", "S65"),
    (
        'return JobSpec(**{**given, "session": session, "route": route})',
        "return JobSpec(qpu_time_us=self.qpu_time_us[job], session=session, route=route)",
        "S65",
    ),
    ("self.estimate_us[job] = self._estimates_us[qpu][planned]", "pass", "S54"),
    (
        "return self.qpu_time_us[job] if estimate_us == NEVER else estimate_us",
        "return self.qpu_time_us[job]",
        "S51",
    ),
    noticed_by=("tests/scheduler/test_several_qpus.py",),
)

_JOURNAL = in_file(
    "scheduler/columns.py",
    ("if self.stage[job] != JobStage.REJECTED:", "if True:", "S40"),
    ("self.ready_us[job] = submitted_us", "pass", "S40"),
    ("if started_us != NEVER and (job, started_us) not in lost_starts:", "if started_us != NEVER:", "S52"),
    ("self.left_us[job] = self.ended_us[job]", "self.left_us[job] = started_us", "S40"),
    ("getattr(self, name).append(NEVER)", "pass", "S40"),
    noticed_by=("tests/scheduler/test_live_programs.py", "tests/scheduler/test_several_qpus.py"),
)

_LANES = in_file(
    "scheduler/qpu.py",
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
    noticed_by=("tests/scheduler/test_preparation.py",),
)

_LIMITS = in_file(
    "scheduler/limits.py",
    (
        "if 0 < missing_us <= slope * (until_us - at_us):",
        "if 0 < missing_us < slope * (until_us - at_us):",
        "S28",
    ),
    ("return at_us - (-missing_us // slope)", "return at_us + missing_us // slope + 1", "S28"),
    ("self._used_us -= min(now_us - start_us, self._quota.window_us)", "pass", "S28"),
    ("self._leaving -= 1", "pass", "S28"),
    ("if self._armed is not None and self._armed[0] > now_us:", "if self._armed is not None:", "S28"),
    (
        "return NEVER < self._spec.client_too_old_from_us <= now_us",
        "return NEVER < self._spec.client_too_old_from_us < now_us",
        "S23",
    ),
    (
        "return self._spec.batches if mode == Mode.BATCH else self._spec.sessions",
        "return self._spec.sessions",
        "S60",
    ),
    (
        "return self._usage.used_us(now_us, self._number, quota.window_us) >= quota.amount",
        "return self._usage.used_us(now_us, self._number, quota.window_us) > quota.amount",
        "S60",
    ),
    (
        "return self._spec.pending is not None and self._pending >= self._spec.pending",
        "return self._spec.pending is not None and self._pending > self._spec.pending",
        "S60",
    ),
    (
        "while recent and recent[0] <= now_us - self._spec.submissions.window_us:",
        "while recent and recent[0] < now_us - self._spec.submissions.window_us:",
        "S60",
    ),
    (
        "return len(recent) >= self._spec.submissions.amount",
        "return len(recent) > self._spec.submissions.amount",
        "S60",
    ),
    ("self._pending -= 1", "pass", "S60"),
)

_PLAN = in_file(
    "scheduler/plan.py",
    (
        "planned.sort(key=lambda number: (jobs[number].at_us, number))",
        "planned.sort(key=lambda number: (jobs[number].at_us, -number))",
        "S3",
    ),
    (
        "[n for n in numbers if jobs[n].after != NEVER and jobs[n].client == NEVER],",
        "[n for n in numbers if jobs[n].after != NEVER],",
        "S64",
    ),
    (
        "cancel_after_us: V = given(NEVER)  # S25; from the submission, or NEVER",
        "cancel_after_us: V = planned(NEVER)",
        "S25",
    ),
    (
        "return any(value != default for value in (column[:1] if is_one_value(column) else column))",
        "return any(value != default for value in column[:1])",
        "S40",
    ),
    ('return array("q", column[:1]) * len(column)', 'return array("q", [NEVER]) * len(column)', "S40"),
    noticed_by=("tests/scheduler/test_plan_columns.py",),
)

_QPU = in_file(
    "scheduler/qpu.py",
    ("if holder.lets_job_mode_in:", "if holder.is_batch:", "S51"),
    (
        "if holder.fills_gaps and holder.ittl_deadline is not None:",
        "if holder.fills_gaps:",
        "S51",
    ),
    (
        "left_us = holder.ittl_deadline[0] - now_us",
        "left_us = holder.ittl_deadline[0] - now_us + 1",
        "S51",
    ),
    (
        "if (self.job == NEVER or self.asks_while_busy) and not self.is_called:",
        "if self.job == NEVER and not self.is_called:",
        "S42",
    ),
    noticed_by=("tests/scheduler/test_selection.py",),
)

_ROUTING = in_file(
    "scheduler/qpu.py",
    ("if qpu.queued < least:", "if qpu.queued <= least:", "S54"),
    (
        "best = min(self._choices, key=lambda qpu: (self._expected_wait_us(now_us, qpu), qpu.number))",
        "best = min(self._choices, key=lambda qpu: (self._expected_wait_us(now_us, qpu), -qpu.number))",
        "S54",
    ),
    (
        "return self._choices[(self._decisions - 1) % len(self._choices)].number",
        "return self._choices[self._decisions % len(self._choices)].number",
        "S54",
    ),
    ("return self._choices[route % len(self._choices)].number", "return self._choices[0].number", "S54"),
    (
        "return splitmix64(route + repeats) % len(self._choices)",
        "return (route + repeats) % len(self._choices)",
        "S54",
    ),
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

_RULES = in_file(
    "scheduler/plan.py",
    (
        "NONE = HoldPolicy(lets_job_mode_in=False, ittl_counts=False)",
        "NONE = HoldPolicy(lets_job_mode_in=False, ittl_counts=True)",
        "S51",
    ),
    (
        "GAP_FILL = HoldPolicy(lets_job_mode_in=False, ittl_counts=True, fills_gaps=True)",
        "GAP_FILL = HoldPolicy(lets_job_mode_in=True, ittl_counts=True, fills_gaps=True)",
        "S51",
    ),
    ("unused_timeout_us: int = 30 * _MINUTE_US  # S21", "unused_timeout_us: int = 29 * _MINUTE_US", "S21"),
    (
        "max_time_ends_as: JobStatus = JobStatus.ERROR  # S16: ERROR or CANCELLED",
        "max_time_ends_as: JobStatus = JobStatus.CANCELLED",
        "S16",
    ),
    noticed_by=("tests/scheduler/test_selection.py",),
)

_SCHEDULER = in_file(
    "scheduler/scheduler.py",
    ("self._cost_limits[account].arm(now_us)", "pass", "S28"),
    ("self._more_ends[follow_up] = more - 1", "self._more_ends[follow_up] = 0", "S5"),
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
        "if client.session != NEVER and client.spec.on_finish != OnFinish.LEAVE:  # S64",
        "if client.session != NEVER:",
        "S64",
    ),
    (
        "self._arm_submission(now_us + self._think_us[follow_up], follow_up)  # S5",
        "self._arm_submission(now_us, follow_up)",
        "S5",
    ),
    (
        "spec = replace(spec, created_us=NEVER, close_us=NEVER, cancel_us=NEVER, route=route)",
        "spec = replace(spec, route=route)",
        "S66",
    ),
)

_USAGE = in_file(
    "scheduler/limits.py",
    (
        "return 0 if found is None else found.attained_us(now_us) - found.attained_us(now_us - window_us)",
        "return 0 if found is None else found.attained_us(now_us) - found.attained_us(now_us - window_us - 1)",
        "S60",
    ),
    ("self._attained_us[place] -= self._times_us[place] - start_us", "pass", "S62"),
    ("starts += [start for _, start in found.earliest[place : place + 1]]", "pass", "S63"),
    ("self._lingering[job_on_qpu] = _key(session)", "self._end(now_us, _key(session))", "S62"),
    ("return NEVER - 1 - session", "return session", "S62"),
    noticed_by=("tests/scheduler/test_limits.py",),
)

_VOCABULARY = in_file(
    "scheduler/vocabulary.py",
    ("NO_LIMIT: Final = 0", "NO_LIMIT: Final = NEVER", "S44"),
    ("JobStatus.RUNNING,  # S41: from the start of preparation", "JobStatus.QUEUED,", "S41"),
)

_WINDOWS = in_file(
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
    ("if qpu.job != NEVER or qpu.closed_by:", "if qpu.job != NEVER:", "S52"),
    (
        "if spec.kind is WindowKind.OUTAGE:",
        "if spec.kind is not WindowKind.RESERVATION:",
        "S52",
    ),
    noticed_by=("tests/scheduler/test_preparation.py",),
)

SERVICE_MUTATIONS: list[Mutation] = [
    *_AGENDA,
    *_JOB_COLUMNS,
    *_JOURNAL,
    *_LANES,
    *_LIMITS,
    *_PLAN,
    *_QPU,
    *_ROUTING,
    *_RULES,
    *_SCHEDULER,
    *_USAGE,
    *_VOCABULARY,
    *_WINDOWS,
]
