"""Mistakes in the kernel, which the tests of its text, interpreted, must notice."""

from __future__ import annotations

from .mutation import Mutation, in_file

_BY = ("tests/kernel/test_same_as_the_scheduler.py", "tests/kernel/test_engine.py")

_CORE = in_file(
    "kernel/core.py",
    # the order of events
    (
        "if self.finish_us < at or (self.finish_us == at and self.finish_key < key):",
        "if self.finish_us < at:",
        "S3",
    ),
    ("if first < at or (first == at and agenda.key[0] < key):", "if first < at:", "S3"),
    ("if before < time or (before == time and self.key[parent] < key):", "if before <= time:", "S3"),
    (
        "if self.only_needed and self.unfinished == 0 and not self.is_needed():",
        "if self.only_needed and self.unfinished == 0:",
        "S6",
    ),
    (
        "return self.unfinished > 0 or self.commands > 0 or self.active > 0",
        "return self.unfinished > 0 or self.active > 0",
        "S6",
    ),
    (
        "return self.unfinished > 0 or self.commands > 0 or self.active > 0",
        "return self.unfinished > 0 or self.commands > 0",
        "S6",
    ),
    (
        "if key >> RANK_SHIFT != RANK_CREATE and not self.was_called_off(at, key):",
        "if not self.was_called_off(at, key):",
        "S6",
    ),
    ("return self.sessions.life_at[number] != at", "return False", "S21"),
    ("if due == at:", "if due >= at:", "S13"),
    (
        "if due > at and sessions.ittl_armed[session] < 0:",
        "if due > at and sessions.ittl_armed[session] == at:",
        "S13",
    ),
    ("return key & PATIENCE_BIT != 0 and self.jobs.patience_at[number] != at", "return False", "S27"),
    # who runs
    (
        "while place > self.first and not self.is_before((place - 1) & mask, key, submitted, job):",
        "while False:",
        "S3",
    ),
    ("if job >= 0 or not self.sessions.lets_in[holder]:", "if job >= 0:", "S51"),
    ("if job >= 0 or not self.sessions.lets_in[holder]:", "if True:", "S32"),
    (
        "if others.is_before(others.first, jobs.key[first], jobs.submitted[first], jobs.job[first]):",
        "if True:",
        "S10",
    ),
    (
        "elif not self.tables.active[self.sessions.phase[session]]:",
        "elif True:",
        "S12",
    ),
    ("while before >= 0 and (", "while False and (", "S12"),
    ("self.qpus.queued[qpu] -= 1", "pass", "S54"),
    (
        "if self.qpus.queued[number] < self.qpus.queued[best]:",
        "if self.qpus.queued[number] <= self.qpus.queued[best]:",
        "S54",
    ),
    ("return (self.decisions - 1) % self.n_qpus", "return self.decisions % self.n_qpus", "S54"),
    ("return self.times_us[qpu * self.n_planned + root]", "return self.times_us[root]", "S54"),
    # jobs
    (
        "if self.sessions.phase[session] == PHASE_ABSENT and self.sessions.created[session] < 0:",
        "if self.sessions.phase[session] == PHASE_ABSENT:",
        "S9",
    ),
    ("if not self.tables.accepting[phase]:", "if phase == PHASE_CLOSED:", "S17"),
    (
        "if self.jobs.limit_us[root] > self.sessions.max_us[session]:",
        "if self.jobs.limit_us[root] >= self.sessions.max_us[session]:",
        "S24",
    ),
    (
        "if self.now - self.jobs.started[job] < needed:",
        "if self.now - self.jobs.started[job] <= needed:",
        "S44",
    ),
    ("if limit == NO_LIMIT:", "if False:", "S44"),
    ("if NEVER < limit < needed:", "if NEVER < limit:", "S44"),
    ("key += self.submissions_in_key * submitted", "pass", "S50"),
    # windows of availability
    ("if self.qpus.job[qpu] < 0 and self.qpus.closed_by[qpu] == 0:", "if self.qpus.job[qpu] < 0:", "S52"),
    ("if self.windows.is_due[window] == 0:", "if True:", "S52"),
    (
        "waits = holder >= 0 and not self.sessions.batch[holder] and not self.calibrates_first",
        "waits = holder >= 0 and not self.calibrates_first",
        "S52",
    ),
    (
        "ends = not self.requeues or (session >= 0 and self.sessions.phase[session] == PHASE_CLOSED)",
        "ends = not self.requeues",
        "S52",
    ),
    (
        "self.push(self.job_queues[qpu], BEFORE_ALL, self.jobs.submitted[job], job)",
        "self.wait_for_qpu(job, session, qpu)",
        "S52",
    ),
    # preparation
    ("return self.jobs.stage[number] != STAGE_PREPARING", "return False", "S40"),
    ("if self.jobs.preparation_us[self.root(job)] > 0:", "if True:", "S40"),
    (
        "if lanes.of_job_mode + lanes.of_sessions < lanes.number:",
        "if lanes.of_job_mode < lanes.number:",
        "S42",
    ),
    ("if job < 0 and lanes.of_job_mode < lanes.number:", "if job < 0:", "S42"),
    ("if self.jobs.ready[job] < 0:", "if True:", "S42"),
    (
        "place = self.jobs.ready[job] if by_ready else self.jobs.submitted[job]",
        "place = self.jobs.submitted[job]",
        "S33",
    ),
    ("lanes.of_sessions -= self.sessions.prepared[session]", "pass", "S42"),
    ("lanes.of_sessions += self.sessions.prepared[session]", "pass", "S42"),
    ("lanes.holder_queue.size = 0", "pass", "S42"),
    ("if self.tables.counts[self.jobs.stage[job]]:", "if True:", "S43"),
    ("counted = self.tables.counts[before] != 0", "counted = before != STAGE_POST_PROCESSING", "S43"),
    # limits of plans
    (
        "if NEVER < accounts.most_pending[account] <= accounts.pending[account]:",
        "if NEVER < accounts.most_pending[account] < accounts.pending[account]:",
        "S60",
    ),
    (
        "if last > self.now - accounts.window_us[account]:",
        "if last >= self.now - accounts.window_us[account]:",
        "S60",
    ),
    (
        "if rate >= 0 and accounts.submissions[account] >= rate:",
        "if rate >= 0 and accounts.submissions[account] > rate:",
        "S60",
    ),
    (
        "if NEVER < self.accounts.too_old_from[account] <= self.now:",
        "if NEVER < self.accounts.too_old_from[account] < self.now:",
        "S23",
    ),
    ("self.accounts.pending[self.account_of(job)] -= 1", "pass", "S60"),
    # sessions
    ("sessions.thinks[session] += 1", "sessions.thinks[session] = 1", "S51"),
    ("ittl = min(ittl, max(SHORTEST_ITTL_US, twice_the_mean))", "ittl = min(ittl, twice_the_mean)", "S51"),
    ("elif counted and sessions.counting[session] == 0:", "elif sessions.counting[session] == 0:", "S41"),
    ("if self.sessions.finishing[session] == self.sessions.jobs[session]:", "if False:", "S17"),
    (
        "self.change(session, SESSION_UNUSED if unused else SESSION_MAX_TIME)",
        "self.change(session, SESSION_MAX_TIME)",
        "S21",
    ),
    (
        "self.end_queued_jobs(session, self.timeout if event == SESSION_MAX_TIME else JOB_SESSION_CANCEL)",
        "self.end_queued_jobs(session, self.timeout)",
        "S18",
    ),
    ("self.commands -= self.sessions.commands[session]", "pass", "S6"),
    # what follows
    (
        "if self.joins and self.jobs.waits_for[job] > 0:",
        "if self.joins and self.jobs.waits_for[job] > 1:",
        "S5",
    ),
    (
        "elif clients.iteration[client] + 1 == clients.jobs[client] or (",
        "elif clients.iteration[client] == clients.jobs[client] or (",
        "S64",
    ),
    (
        "elif stage != STAGE_DONE and clients.on_error[client] == ERROR_IS_RETRIED:  # S65",
        "elif False:",
        "S65",
    ),
    (
        "polls = (self.now - submitted + poll_us - 1) // poll_us",
        "polls = (self.now - submitted) // poll_us + 1",
        "S64",
    ),
    (
        "return submitted + max(polls, 1) * poll_us",
        "return submitted + polls * poll_us",
        "S64",
    ),
    ("due = since + think_us if since <= LONGEST_US else since", "due = since", "S5"),
    ("clients.session[client] = self.repeat_session(clients.session[client])", "pass", "S66"),
    (
        "sessions.created[new] = NEVER",
        "sessions.created[new] = sessions.created[old]",
        "S66",
        "sessions of clients have no instant of creation",
    ),
    ("self.jobs.session[following] = clients.session[client]  # S66: it may have moved", "pass", "S66"),
    noticed_by=_BY,
)

_SHORTCUTS = in_file(
    "kernel/core.py",
    ("and at + jobs.qpu_us[job] < stop", "and True", "S12"),
    ("stop = min(stop, self.agenda.time[0])", "pass", "S13"),
    ("stop = min(self.next_us, until + 1)", "stop = until + 1", "S32"),
    ("stop = min(self.next_us, until + 1)", "stop = self.next_us", "S6"),
    ("jobs.cancel_after[job] < 0", "True", "S25"),
    ("and limit <= self.sessions.max_us[session]", "and True", "S24"),
    ("and self.allowed_us(limit, jobs.qpu_us[job]) == jobs.qpu_us[job]", "and True", "S44"),
    (
        "and (len(self.follow_ups_of) == 0 or self.follow_ups_of[job] == self.follow_ups_of[job + 1])",
        "and True",
        "S5",
    ),
    ("and self.clients.poll_us[self.jobs.client[job]] < 0", "and True", "S64"),
    (
        "and (not self.sessions.lets_in[session] or self.first_job_queue.size == 0)",
        "and True",
        "S32",
    ),
    ("and self.qpus.job[0] < 0", "and True", "S32"),
    ("self.sessions.phase[session] == PHASE_IDLE", "True", "S14"),
    (
        "if at > self.now and queue.size > 0 and self.qpus.job[0] < 0:  # S50",
        "if queue.size > 0 and self.qpus.job[0] < 0:",
        "S50",
    ),
    ("jobs.session[job] = session", "pass", "S66"),
    noticed_by=("tests/kernel/test_shortcuts.py",),
)

_WHERE_THERE_ARE_SHORTCUTS = in_file(
    "kernel/engine.py",
    ("or self._keeps_departures", "or False", "S41"),
    ("or self._has_limits", "or False", "S60"),
    ("or has_other(plan.jobs.patience_us, NEVER)", "or False", "S27"),
    ("and not (has_sessions or ends_matter or agenda.size)", "and not (has_sessions or ends_matter)", "S25"),
    ("and not (has_sessions or ends_matter or agenda.size)", "and not (has_sessions or agenda.size)", "S5"),
    ("and not has_other(plan.jobs.cancel_after_us, NEVER),", "and True,", "S25"),
    ("serves_alone=is_simple and not rules.hold.adapts,", "serves_alone=is_simple,", "S51"),
    noticed_by=("tests/kernel/test_shortcuts.py",),
)

_ENGINE = in_file(
    "kernel/engine.py",
    ("waits_for[job] = len(more)", "waits_for[job] = 0", "S5"),
    ("is_given &= since != NEVER", "pass", "S9"),
    ("requeues = {SessionAction.REQUEUE_JOBS} if kept >= _OF_LANES else set()", "requeues = set()", "S43"),
    ("times = times + since", "pass", "S9"),
    (
        "ittl_us = np.where(is_batch | rules.hold.ittl_counts, ints(plan.interactive_timeout_us), 0)",
        "ittl_us = plan.interactive_timeout_us",
        "S51",
    ),
    (
        "is_ring = key is None or (key.submissions == 1 and not has_other(key.of_job, 0))",
        "is_ring = True",
        "S50",
        "a ring sorts, too, only more slowly",
    ),
    noticed_by=_BY,
)

_COLUMNS = in_file(
    "kernel/columns.py",
    ("return bool(np.any(values != default))", "return bool(np.all(values != default))", "S27"),
    noticed_by=_BY,
)

_REFUSALS = in_file(
    "kernel/refusals.py",
    (
        "if column is not None and column.submissions and largest(column.of_job) >= LONGEST_US:",
        "if False:",
        "S1",
    ),
    noticed_by=_BY[1:],
)

_CODES = in_file(
    "kernel/codes.py",
    ("if event in JOB_REASON_OF and entry.after is not stage:", "if event in JOB_REASON_OF:", "S25"),
    (
        "reason = REASON_OF.get(event, Reason.NONE) if seen else NEVER",
        "reason = REASON_OF.get(event, Reason.NONE)",
        "S13",
    ),
    noticed_by=_BY,
)

KERNEL_MUTATIONS: list[Mutation] = [
    *_CORE,
    *_SHORTCUTS,
    *_WHERE_THERE_ARE_SHORTCUTS,
    *_ENGINE,
    *_COLUMNS,
    *_REFUSALS,
    *_CODES,
]
"""All of them."""
