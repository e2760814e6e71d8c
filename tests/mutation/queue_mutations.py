"""Mistakes in the normal queues and in the policies that order them."""

from __future__ import annotations

from .mutation import Mutation, in_file

_NORMAL_QUEUE = in_file(
    "scheduler/queues.py",
    ("and self.serves(self._account[job])", "and True", "S52"),
    ("not (job_mode and of_session)", "True", "S32"),
    ("and (may_run is None or may_run(job))", "and True", "S51"),
    ("for entry in tuple(self._requeued):", "for entry in self._requeued[::-1]:", "S52"),
    ("self._requeued.sort()", "self._requeued.reverse()", "S52"),
    ("is_gone = self._stage[job] != JobStage.REQUEUED", "is_gone = False", "S52"),
    ("if self._requeued or self.reserved_for != NEVER:", "if self._requeued:", "S52"),
    ("if self._requeued or self.reserved_for != NEVER:", "if self.reserved_for != NEVER:", "S52"),
    ("if self._stage[job] == JobStage.REQUEUED:", "if False:", "S52"),
    (
        "may_run = self._is_served if may_run is None else _both(self._is_served, may_run)",
        "may_run = self._is_served",
        "S51",
    ),
    ("return lambda job: first(job) and second(job)", "return second", "S52"),
    ("return self.reserved_for in (NEVER, account)", "return True", "S52"),
    noticed_by=("tests/scheduler/test_windows.py", "tests/scheduler/test_agenda_and_queue.py"),
)

_STATIC_ORDER = in_file(
    "scheduler/queues.py",
    (
        "and (not self._drop_gone(heap) or of_sessions[0] < heap[0])",
        "and (not self._drop_gone(heap) or of_sessions[0] > heap[0])",
        "S10",
    ),
    ("if waits[stage[job]]:", "if True:", "S25"),
    ("if may_run is not self._question:", "if False:", "S51"),
    ("self._aside.append((heap, heappop(heap)))", "heappop(heap)", "S51"),
    ("while self._drop_gone(heap):", "while heap:", "S25"),
    ("self._aside.clear()", "pass", "S51"),
    (
        "heaps = (self._job_mode,) if job_mode else (self._job_mode, self._of_sessions)",
        "heaps = (self._job_mode,)",
        "S52",
    ),
    (
        "return heappop(min(heads, key=itemgetter(0)))[-1] if heads else None",
        "return heappop(heads[0])[-1] if heads else None",
        "S52",
    ),
    noticed_by=("tests/scheduler/test_agenda_and_queue.py",),
)

_QUEUE_POLICY = in_file(
    "scheduler/queues.py",
    (
        "return (*key(JobView(inputs, job, submitted_us)), submitted_us, job)",
        "return (*key(JobView(inputs, job, submitted_us)), job)",
        "S50",
    ),
    ("return StaticOrder(inputs.stage, None, waits)", "return StaticOrder(inputs.stage, None)", "S42"),
    (
        "return StaticOrder(inputs.stage, entry_of, waits)",
        "return StaticOrder(inputs.stage, None, waits)",
        "S50",
    ),
)

_ACCOUNT_QUEUE = in_file(
    "scheduler/account_queue.py",
    (
        "if other is not None and (place is None or other < place):",
        "if other is not None and place is None:",
        "S63",
    ),
    ("self._ranking.take_turn(place[3])", "pass", "S50"),
    ("if line[0] == place[1:3]:", "if True:", "S51"),
    ("return bool(self._waits[self._stage[job]]) and may_run(job)", "return may_run(job)", "S25"),
    ("if best is not None and rank > best[0]:", "if best is not None:", "S51"),
    ("changed = list(self._jobs)", "pass", "S62"),
    ("if bound is not None and (submitted_us, job) < bound[1:3]:", "if False:", "S52"),
    (
        "return self._take(*min(places, key=itemgetter(0))) if places else None",
        "return self._take(*places[0]) if places else None",
        "S52",
    ),
    noticed_by=("tests/policies/test_account_queues.py",),
)

_SCANNED_ORDER = in_file(
    "scheduler/queues.py",
    ("if first != second:", "if False:", "S50"),
    (
        "views = [view for kind in kinds for view in kind.values() if may_run(view.number)]",
        "views = [view for kind in kinds for view in kind.values()]",
        "S52",
    ),
    noticed_by=("tests/policies/test_scanned_queue.py", "tests/policies/test_user_policies.py"),
)

_VIEW = in_file(
    "scheduler/view.py",
    (
        "return max(1, self._inputs.jobs.estimated_us(self._number))",
        "return self._inputs.jobs.estimated_us(self._number)",
        "S50",
    ),
    (
        "_NOT_STARTED = frozenset({SessionPhase.ABSENT, SessionPhase.OPEN, SessionPhase.OPEN_CLOSING})",
        "_NOT_STARTED = frozenset({SessionPhase.ABSENT, SessionPhase.OPEN})",
        "S15",
    ),
    (
        "return session != NEVER and self._inputs.phase_of(session) not in _NOT_STARTED",
        "return session != NEVER",
        "S15",
    ),
    ("return self._inputs.session[self._number] != NEVER", "return True", "S50"),
    (
        "return 0 if usage is None else usage.used_us(self._now_us, self._number(account), self._window_us)",
        "return 0 if usage is None else usage.attained_us(self._now_us, self._number(account))",
        "S62",
    ),
    (
        "return 0 if spec is None else spec.allocation_us",
        "return 1 if spec is None else spec.allocation_us",
        "S63",
    ),
    (
        "self._by_account = Counter(column[job] for job in self._waiting)",
        "self._by_account = Counter(column)",
        "S50",
    ),
    (
        "self._by_session = Counter(column[other] for other in self._waiting)",
        "self._by_session = Counter(column)",
        "S50",
    ),
    ("if session == NEVER:", "if False:", "S50"),
    ("return numbers.get(account, NEVER)", "return numbers.get(account, 0)", "S62"),
    noticed_by=("tests/policies/test_scanned_queue.py", "tests/policies/test_hand_worked_schedules.py"),
)

_STATIC_ORDERS = in_file(
    "policies/builtin.py",
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
        "return splitmix64(seed + index * SPLITMIX_INCREMENT)",
        "return splitmix64(seed + index)",
        "S50",
    ),
    noticed_by=("tests/policies/test_hand_worked_schedules.py",),
)

_ACCOUNT_ORDERS = in_file(
    "policies/builtin.py",
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
    noticed_by=("tests/policies/test_hand_worked_schedules.py",),
)

_FAIR_QUEUEING = in_file(
    "policies/builtin.py",
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
    noticed_by=("tests/policies/test_hand_worked_schedules.py",),
)

_SCORED_ORDERS = in_file(
    "policies/builtin.py",
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
    (
        "return (-(waited_us**3 * view.waiting_together(job) * _SCALE // job.estimate_us**3),)",
        "return (-(waited_us**3 * _SCALE // job.estimate_us**3),)",
        "S50",
    ),
    (
        "return (-(waited_us * _SCALE // (job.estimate_us * digits)),)",
        "return (-(waited_us * _SCALE // job.estimate_us),)",
        "S50",
    ),
    (
        "return (-(waited_us * _SCALE // (job.estimate_us * digits)),)",
        "return (-(waited_us * _SCALE // digits),)",
        "S50",
    ),
    noticed_by=("tests/policies/test_hand_worked_schedules.py",),
)

_BUILT_IN = in_file(
    "policies/builtin.py",
    (
        "entries = partial(most_urgent_first, aging_us=settings.aging)",
        "entries = partial(most_urgent_first, aging_us=None)",
        "S50",
    ),
    (
        "entries = partial(earliest_deadline_first, slack=slack)",
        "entries = partial(earliest_deadline_first, slack=10)",
        "S50",
    ),
    (
        "entries = partial(in_random_order, seed=seed)",
        "entries = partial(in_random_order, seed=0)",
        "S7",
    ),
    ("window_us = settings.window or 0", "window_us = 28 * 86_400_000_000", "S63"),
    (
        "ranking = partial(LeastAttained, thresholds_us=settings.thresholds)",
        "ranking = partial(LeastAttained, thresholds_us=None)",
        "S50",
    ),
    (
        "_static(shortest_first, partial(estimate_column, 0, 1)),",
        "_static(longest_first, partial(estimate_column, 0, 1)),",
        "S50",
    ),
    (
        "_static(longest_first, partial(estimate_column, 0, -1)),",
        "_static(longest_first, partial(estimate_column, 1, -1)),",
        "S50",
    ),
    (
        "return KeyColumn(submissions, (values * factor).data)",
        "return KeyColumn(submissions, values.data)",
        "S50",
    ),
    noticed_by=("tests/policies/test_hand_worked_schedules.py", "tests/policies/test_conformity.py"),
)

_KINDS = in_file(
    "policies/builtin.py",
    (
        "return StaticOrder(inputs.stage, None if entries is None else entries(inputs), waits)",
        "return StaticOrder(inputs.stage, None, waits)",
        "S50",
    ),
    (
        "return AccountOrder(inputs, ranking(inputs), waits)",
        "return AccountOrder(inputs, ranking(inputs), bytes([1]) * len(waits))",
        "S25",
    ),
    (
        "self._order = StaticOrder(inputs.stage, self._entry_of, waits)",
        "self._order = StaticOrder(inputs.stage, self._entry_of, bytes([1]) * len(waits))",
        "S25",
    ),
    (
        "return ScannedOrder(inputs, key, name, 0, waits)",
        "return ScannedOrder(inputs, key, name, 0, bytes([1]) * len(waits))",
        "S25",
    ),
    noticed_by=("tests/policies/test_hand_worked_schedules.py", "tests/policies/test_conformity.py"),
)

_NAMES = in_file(
    "errors.py",
    ("close = get_close_matches(name, names, n=1)", "close = names[:1]", "S50"),
    ("if close:", "if False:", "S50"),
    noticed_by=("tests/policies/test_user_policies.py",),
)

_REGISTRY = in_file(
    "policies/registry.py",
    ("return built_in.make(built_in, settings, seed)", "return built_in.make(built_in, settings, 0)", "S7"),
    ('for name in settings.model_fields_set - {"name", *own}:', "for name in ():", "S50"),
    (
        'return _find(name, HOLD_POLICIES, "hold")',
        'return _find("exclusive", HOLD_POLICIES, "hold")',
        "S51",
    ),
    (
        'return _find(name, ROUTING_POLICIES, "routing")',
        'return _find("least_busy", ROUTING_POLICIES, "routing")',
        "S54",
    ),
    ("return name in BUILT_IN or name in user_policy_names()", "return name in BUILT_IN", "S50"),
    ("return len(BUILT_IN) + len(user_policy_names())", "return len(BUILT_IN)", "S50"),
    noticed_by=(
        "tests/policies/test_hold_and_routing_names.py",
        "tests/policies/test_hand_worked_schedules.py",
        "tests/policies/test_user_policies.py",
    ),
)

_USER_POLICIES = in_file(
    "policies/user.py",
    ("if answer != again:", "if False:", "S50"),
    ("if len(answer) != self._length:", "if False:", "S50"),
    (
        "return self.window_us if self.sees_service else None",
        "return DEFAULT_WINDOW_US if self.sees_service else None",
        "S62",
    ),
    (
        "if not isinstance(answer, tuple) or not all(isinstance(part, int) for part in answer):",
        "if not isinstance(answer, tuple):",
        "S50",
    ),
    noticed_by=("tests/policies/test_user_policies.py",),
)

QUEUE_MUTATIONS: list[Mutation] = [
    *_NORMAL_QUEUE,
    *_STATIC_ORDER,
    *_QUEUE_POLICY,
    *_ACCOUNT_QUEUE,
    *_SCANNED_ORDER,
    *_VIEW,
    *_STATIC_ORDERS,
    *_ACCOUNT_ORDERS,
    *_FAIR_QUEUEING,
    *_SCORED_ORDERS,
    *_BUILT_IN,
    *_KINDS,
    *_NAMES,
    *_REGISTRY,
    *_USER_POLICIES,
]
