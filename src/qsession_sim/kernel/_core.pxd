# The types with which `core.py` is compiled; what everything is, is said there.

cimport cython
from libc.stdint cimport int8_t, int16_t, int64_t

cdef int64_t ACTION_BITS, ACTION_MASK, AFTER_READY, AGENDA, BEFORE_ALL, CALIBRATION, CLIENT_TOO_OLD, COUNT, \
    COUNT_END, COUNT_SUBMISSION, END, END_QUEUED_JOBS, ENTER_QUEUE, ERROR_IS_RETRIED, ERROR_STOPS, \
    EXECUTION_TIME_EXCEEDS_SESSION, FINISH_BY_CLOSE, FINISH_BY_LEAVING, FINISHES, FOREVER, GIVE_LANE_BACK, \
    HOLD_QPU, IN_CLOSED_SESSION, JOB_BIT, JOB_CANCEL, JOB_CUT, JOB_EVENTS, JOB_FAIL, JOB_FINISH, \
    JOB_POST_DONE, JOB_POST_PROCESS, JOB_PREPARE, JOB_READY, JOB_REJECT, JOB_RENEGE, JOB_REQUEUE, \
    JOB_SESSION_CANCEL, JOB_START, JOB_SUBMIT, JOB_SUBMIT_UNPREPARED, JOIN_SESSION, KEY_CANCEL, KEY_CLOSE, \
    KEY_FINISH, KEY_ITTL, KEY_JOB_CANCEL, KEY_MAX_TIME, KEY_PATIENCE, KEY_POST_DONE, KEY_READY, KEY_SUBMIT, \
    KEY_WINDOW, LEAVE_PREPARED, LEAVE_QPU, LEAVE_QUEUE, LEAVE_SESSION, LONGEST_US, LOSE_RUN, NEVER, \
    NO_ENTRY, NO_LIMIT, NO_REASON, NUMBER_MASK, NUMBER_SHIFT, OUTAGE, OVER, PATIENCE_BIT, PAUSED, \
    PHASE_ABSENT, PHASE_CLOSED, PHASE_CLOSING, PHASE_IDLE, PHASE_OPEN, PLANNED, QPU_OF_WINDOW_SHIFT, \
    RANK_AVAILABILITY, RANK_CANCEL, RANK_CLOSE, RANK_CREATE, RANK_ITTL, RANK_MAX_TIME, RANK_POST_DONE, \
    RANK_READY, RANK_SHIFT, RANK_SUBMIT, RATE_LIMITED, REJECTED_TO_JOB_MODE, REJECTED_TO_NEW_SESSION, \
    RELEASE_QPU, REQUEUE_JOBS, SESSION_CANCEL, SESSION_CLOSE, SESSION_CLOSE_EMPTY, SESSION_CREATE, \
    SESSION_END, SESSION_END_LAST, SESSION_EVENTS, SESSION_ITTL, SESSION_LEAVE_LAST, SESSION_MAX_TIME, \
    SESSION_NOT_CREATED, SESSION_PREPARE, SESSION_READY, SESSION_RELEASE, SESSION_START, SESSION_SUBMIT, \
    SESSION_UNUSED, SESSIONS_NOT_IN_PLAN, SHORTEST_ITTL_US, SOON, STAGE_DONE, STAGE_POST_PROCESSING, \
    STAGE_PREPARING, STAGE_QUEUED, STAGE_REJECTED, STAGE_RUNNING, STAGE_UNPREPARED, START_ITTL, \
    START_MAX_TIME, START_PATIENCE, START_POST_PROCESSING, START_UNUSED, STOP_CLOCKS, STOP_COUNTING, \
    STOP_ITTL, STOP_PATIENCE, STOP_UNUSED, TAKE_LANE, TAKE_QPU, TELL_START, TOO_LONG, TOO_MANY_PENDING, \
    WAIT_BEFORE_ALL, WAIT_FOR_LANE, WAIT_FOR_QPU, WINDOW_BEGINS, WINDOW_MASK, WRITE_REASON


@cython.final
cdef class Agenda:
    cdef public int64_t[::1] time
    cdef public int64_t[::1] key
    cdef public int64_t size
    cdef public int64_t room
    cdef inline bint is_before(self, int64_t row, int64_t time, int64_t key) noexcept
    cdef inline int push(self, int64_t time, int64_t key) except -1
    @cython.locals(
        size=int64_t, time=int64_t, key=int64_t, row=int64_t, child=int64_t, first=int64_t,
        other=int64_t
    )
    cdef inline int pop(self) except -1
    @cython.locals(parent=int64_t, before=int64_t)
    cdef inline int rise(self, int64_t row, int64_t time, int64_t key) except -1
    cdef int grow(self) except -1


@cython.final
cdef class Queue:
    cdef public int64_t[::1] key
    cdef public int64_t[::1] submitted
    cdef public int64_t[::1] job
    cdef public const int64_t[::1] waits
    cdef public bint is_ring
    cdef public int64_t first
    cdef public int64_t size
    cdef public int64_t room
    cdef inline bint is_before(self, int64_t row, int64_t key, int64_t submitted, int64_t job) noexcept
    @cython.locals(row=int64_t)
    cdef inline int push(self, int64_t key, int64_t submitted, int64_t job) except -1
    @cython.locals(mask=int64_t, place=int64_t)
    cdef inline int64_t row_in_ring(self, int64_t key, int64_t submitted, int64_t job) except? -2
    @cython.locals(row=int64_t, parent=int64_t)
    cdef inline int64_t row_in_heap(self, int64_t key, int64_t submitted, int64_t job) except? -2
    cdef inline int move(self, int64_t source, int64_t target) except -1
    cdef inline int pop(self) except -1
    @cython.locals(row=int64_t, child=int64_t)
    cdef inline int sink(self, int64_t key, int64_t submitted, int64_t job) except -1
    cdef int grow(self) except -1


@cython.final
cdef class Jobs:
    cdef public const int64_t[:] qpu_us
    cdef public const int64_t[:] limit_us
    cdef public const int64_t[:] client
    cdef public const int64_t[:] cancel_after
    cdef public const int64_t[:] think_us
    cdef public const int64_t[:] key
    cdef public const int64_t[:] preparation_us
    cdef public const int64_t[:] post_us
    cdef public const int64_t[:] patience_us
    cdef public const int64_t[:] pinned
    cdef public const int64_t[:] account
    cdef public int64_t[::1] session
    cdef public int64_t[::1] submitted
    cdef public int64_t[::1] preparing
    cdef public int64_t[::1] ready
    cdef public int64_t[::1] started
    cdef public int64_t[::1] ended
    cdef public int64_t[::1] left
    cdef public int8_t[::1] stage
    cdef public int8_t[::1] reason
    cdef public int16_t[::1] qpu
    cdef public int64_t[::1] next
    cdef public int64_t[::1] previous
    cdef public int64_t[::1] patience_at
    cdef public int64_t[::1] waits_for
    cdef public int64_t[::1] repeats
    cdef public int64_t[::1] roots
    cdef int grow(self) except -1
    cdef int grow_created(self) except -1


@cython.final
cdef class Sessions:
    cdef public int64_t[::1] batch
    cdef public int64_t[::1] lets_in
    cdef public int64_t[::1] max_us
    cdef public int64_t[::1] ittl_us
    cdef public int64_t[::1] created
    cdef public int64_t[::1] close_after
    cdef public int64_t[::1] cancel_after
    cdef public int64_t[::1] pinned
    cdef public int64_t[::1] qpu
    cdef public int64_t[::1] phase
    cdef public int64_t[::1] jobs
    cdef public int64_t[::1] counting
    cdef public int64_t[::1] finishing
    cdef public int64_t[::1] prepared
    cdef public int64_t[::1] commands
    cdef public int64_t[::1] head
    cdef public int64_t[::1] tail
    cdef public int64_t[::1] ittl_at
    cdef public int64_t[::1] ittl_armed
    cdef public int64_t[::1] life_at
    cdef public int64_t[::1] emptied
    cdef public int64_t[::1] thinks
    cdef public int64_t[::1] thought_us
    cdef public int64_t[::1] repeats
    cdef int grow(self) except -1


@cython.final
cdef class Clients:
    cdef public const int64_t[:] first
    cdef public const int64_t[:] jobs
    cdef public const int64_t[:] on_finish
    cdef public const int64_t[:] on_error
    cdef public const int64_t[:] on_rejection
    cdef public const int64_t[:] poll_us
    cdef public int64_t[::1] session
    cdef public int64_t[::1] iteration


@cython.final
cdef class Accounts:
    cdef public const int64_t[:] allows_sessions
    cdef public const int64_t[:] allows_batches
    cdef public const int64_t[:] too_old_from
    cdef public const int64_t[:] most_pending
    cdef public const int64_t[:] rate
    cdef public const int64_t[:] window_us
    cdef public const int64_t[:] first
    cdef public int64_t[::1] pending
    cdef public int64_t[::1] submissions
    cdef public int64_t[::1] recent


@cython.final
cdef class Tables:
    cdef public const int64_t[::1] session_after
    cdef public const int64_t[::1] session_reason
    cdef public const int64_t[::1] session_actions
    cdef public const int64_t[::1] job_after
    cdef public const int64_t[::1] job_reason
    cdef public const int64_t[::1] job_actions
    cdef public const int64_t[::1] own_actions
    cdef public const int64_t[::1] accepting
    cdef public const int64_t[::1] active
    cdef public const int64_t[::1] counts


@cython.final
cdef class Qpus:
    cdef public int64_t[::1] job
    cdef public int64_t[::1] finish_at
    cdef public int64_t[::1] holder
    cdef public int64_t[::1] queued
    cdef public int64_t[::1] closed_by


@cython.final
cdef class Lanes:
    cdef public int64_t number
    cdef public int64_t free
    cdef public int64_t of_job_mode
    cdef public int64_t of_sessions
    cdef public Queue job_queue
    cdef public Queue session_queue
    cdef public Queue holder_queue
    cdef public Queue ready_queue


@cython.final
cdef class Windows:
    cdef public const int64_t[::1] kind
    cdef public const int64_t[::1] qpu
    cdef public const int64_t[::1] duration_us
    cdef public const int64_t[::1] every_us
    cdef public int64_t[::1] is_due
    cdef public int64_t[::1] begun
    cdef public int64_t n_begun
    cdef public int64_t[::1] lost
    cdef public int64_t n_lost
    @cython.locals(row=int64_t)
    cdef int note_begin(self, int64_t window, int64_t start, int64_t end) except -1
    @cython.locals(row=int64_t)
    cdef int note_lost(self, int64_t job, int64_t qpu, int64_t start, int64_t end) except -1


@cython.final
cdef class Core:
    cdef public Agenda agenda
    cdef public Qpus qpus
    cdef public list job_queues
    cdef public list session_queues
    cdef public list lanes
    cdef public list due_queues
    cdef public Windows windows
    cdef public Jobs jobs
    cdef public Sessions sessions
    cdef public Clients clients
    cdef public Accounts accounts
    cdef public Tables tables
    cdef public const int64_t[::1] submissions_us
    cdef public const int64_t[::1] submissions
    cdef public const int64_t[::1] follow_ups_of
    cdef public const int64_t[::1] follow_ups
    cdef public const int64_t[::1] times_us
    cdef public int64_t[::1] transitions
    cdef public int64_t limit_us
    cdef public int64_t unused_us
    cdef public int64_t timeout
    cdef public int64_t submissions_in_key
    cdef public int64_t unfinished
    cdef public int64_t commands
    cdef public bint has_limits
    cdef public bint qpus_differ
    cdef public bint adapts
    cdef public bint joins
    cdef public bint ends_matter
    cdef public bint routes_by_turn
    cdef public bint prepares
    cdef public bint is_plain
    cdef public bint requeues
    cdef public bint calibrates_first
    cdef public bint writes_departures
    cdef public bint only_job_mode
    cdef public bint serves_alone
    cdef public bint only_needed
    cdef public Queue first_job_queue
    cdef public Queue first_session_queue
    cdef public int64_t now
    cdef public int64_t events
    cdef public int64_t planned
    cdef public int64_t next_us
    cdef public int64_t next_key
    cdef public int64_t finish_us
    cdef public int64_t finish_key
    cdef public int64_t soon_us
    cdef public int64_t soon_key
    cdef public int64_t called
    cdef public int64_t active
    cdef public int64_t decisions
    cdef public int64_t n_qpus
    cdef public int64_t n_planned
    cdef public int64_t n_jobs
    cdef public int64_t n_sessions
    cdef public int64_t n_transitions
    cdef public int64_t room_of_jobs
    cdef public int64_t room_of_created
    cdef public int64_t room_of_sessions
    cdef public int64_t room_of_transitions
    @cython.locals(agenda=Agenda, happened=int64_t, at=int64_t, key=int64_t, source=int64_t, first=int64_t)
    cpdef int64_t advance(self, int64_t until, int64_t at_most) except? -2
    @cython.locals(jobs=Jobs, queue=Queue, happened=int64_t, at=int64_t, job=int64_t)
    cdef int64_t advance_in_job_mode(self, int64_t until, int64_t at_most) except? -2
    cdef inline int finish_in_job_mode(self, int64_t job) except -1
    @cython.locals(happened=int64_t)
    cdef int64_t submit_next(self, int64_t job, int64_t until, int64_t at_most) except? -2
    @cython.locals(session=int64_t)
    cdef inline bint is_alone(self, int64_t job) except -1
    @cython.locals(jobs=Jobs, client=int64_t, last=int64_t, stop=int64_t, at=int64_t, happened=int64_t)
    cdef inline int64_t serve_alone(self, int64_t job, int64_t session, int64_t until, int64_t at_most) except? -2
    @cython.locals(jobs=Jobs, limit=int64_t)
    cdef inline bint is_done_alone(self, int64_t job, int64_t session) except -1
    cdef inline int plan_next(self) except -1
    cdef inline bint is_needed(self) noexcept
    @cython.locals(agenda=Agenda, at=int64_t, key=int64_t)
    cpdef int finish_at(self, int64_t horizon) except -1
    @cython.locals(rank=int64_t, number=int64_t)
    cdef inline bint was_called_off(self, int64_t at, int64_t key) except -1
    @cython.locals(rank=int64_t, number=int64_t)
    cdef inline int happen(self, int64_t key) except -1
    @cython.locals(qpu=int64_t, job=int64_t)
    cdef inline int dispatch(self) except -1
    @cython.locals(holder=int64_t, job=int64_t)
    cdef inline int64_t pick(self, int64_t qpu) except? -2
    @cython.locals(first=int64_t)
    cdef inline int64_t pick_of_two(self, Queue jobs, Queue others) except? -2
    cdef inline bint has_first(self, Queue queue) except -1
    @cython.locals(job=int64_t)
    cdef inline int64_t pick_of_one(self, Queue queue) except? -2
    @cython.locals(at=int64_t, key=int64_t)
    cdef inline int note_finish(self, int64_t qpu) except -1
    @cython.locals(qpu=int64_t)
    cdef inline int find_finish(self) except -1
    cdef inline int64_t qpu_of(self, int64_t job) noexcept
    @cython.locals(number=int64_t)
    cdef inline int64_t route(self, int64_t job, int64_t session) except? -2
    cdef inline int64_t known_qpu(self, int64_t job, int64_t session) except? -2
    @cython.locals(best=int64_t, number=int64_t)
    cdef inline int64_t choose(self) except? -2
    cdef inline int64_t root(self, int64_t job) noexcept
    @cython.locals(session=int64_t, reason=int64_t)
    cdef inline int submit(self, int64_t job) except -1
    @cython.locals(event=int64_t, cancel_after=int64_t)
    cdef inline int accept(self, int64_t job, int64_t session) except -1
    cdef inline int reject(self, int64_t job, int64_t session, int64_t reason) except -1
    @cython.locals(phase=int64_t, root=int64_t, account=int64_t)
    cdef inline int64_t why_not_in_session(self, int64_t job, int64_t session) except? -2
    @cython.locals(accounts=Accounts, rate=int64_t, last=int64_t)
    cdef inline int64_t why_not_now(self, int64_t account) except? -2
    cdef inline int64_t account_of(self, int64_t job) except? -2
    cdef inline bint allows(self, int64_t account, int64_t session) except -1
    @cython.locals(accounts=Accounts)
    cdef inline int64_t place_of_submission(self, int64_t account) except? -2
    @cython.locals(accounts=Accounts)
    cdef inline int count_submission(self, int64_t account) except -1
    @cython.locals(qpu=int64_t, root=int64_t, event=int64_t, needed=int64_t)
    cdef inline int finish(self, int64_t job) except -1
    cdef inline int cancel(self, int64_t key, int64_t number) except -1
    @cython.locals(before=int64_t, row=int64_t, after=int64_t, actions=int64_t, action=int64_t)
    cdef inline int move_job(self, int64_t job, int64_t event, int64_t session, int64_t qpu) except -1
    @cython.locals(due=int64_t)
    cdef inline int act_for_job(self, int64_t action, int64_t job, int64_t event, int64_t session) except -1
    cdef inline int enter_queue(self, int64_t job, int64_t session, int64_t qpu) except -1
    cdef inline int leave_queue(self, int64_t job, int64_t session, int64_t qpu) except -1
    @cython.locals(submitted=int64_t, key=int64_t)
    cdef inline int wait_for_qpu(self, int64_t job, int64_t session, int64_t qpu) except -1
    cdef inline int push(self, Queue queue, int64_t key, int64_t submitted, int64_t job) except -1
    @cython.locals(root=int64_t, needed=int64_t)
    cdef inline int take_qpu(self, int64_t job, int64_t qpu) except -1
    cdef inline int64_t allowed_us(self, int64_t limit, int64_t needed) noexcept
    cdef inline int64_t needed_us(self, int64_t root, int64_t qpu) noexcept
    cdef inline int leave_qpu(self, int64_t job, int64_t qpu) except -1
    @cython.locals(patience=int64_t)
    cdef inline int start_patience(self, int64_t job) except -1
    @cython.locals(job=int64_t)
    cdef int dispatch_or_prepare(self, int64_t qpu) except -1
    @cython.locals(holder=int64_t, lanes=Lanes, job=int64_t)
    cdef int64_t pick_ready(self, int64_t qpu) except? -2
    @cython.locals(windows=Windows, qpu=int64_t)
    cdef int change_window(self, int64_t window, int64_t begins) except -1
    @cython.locals(number=int64_t)
    cdef int expect_window(self, int64_t at, int64_t window, int64_t begins) except -1
    @cython.locals(end=int64_t)
    cdef int begin_window(self, int64_t window, int64_t qpu) except -1
    @cython.locals(due=Queue)
    cdef int make_due(self, int64_t window, int64_t qpu) except -1
    @cython.locals(due=Queue, holder=int64_t, waits=bint, window=int64_t)
    cdef int calibrate(self, int64_t qpu) except -1
    @cython.locals(job=int64_t, session=int64_t, ends=bint)
    cdef int fail(self, int64_t qpu) except -1
    cdef int lose_run(self, int64_t job, int64_t qpu) except -1
    @cython.locals(lanes=Lanes)
    cdef int wait_before_all(self, int64_t job, int64_t session, int64_t qpu) except -1
    cdef int64_t submission_of(self, int64_t job) except? -2
    cdef int become_ready(self, int64_t job) except -1
    @cython.locals(lanes=Lanes, job=int64_t)
    cdef int give_lanes(self, int64_t qpu) except -1
    @cython.locals(job=int64_t)
    cdef int64_t pick_unprepared(self, Lanes lanes, int64_t holder) except? -2
    @cython.locals(lanes=Lanes)
    cdef int act_for_preparation(self, int64_t action, int64_t job, int64_t session, int64_t qpu) except -1
    @cython.locals(lanes=Lanes, submitted=int64_t, key=int64_t)
    cdef int wait_for_lane(self, int64_t job, int64_t session, int64_t qpu) except -1
    @cython.locals(lanes=Lanes, by_ready=bint, place=int64_t)
    cdef int wait_behind_holder(self, int64_t job, int64_t session, int64_t qpu) except -1
    @cython.locals(due=int64_t)
    cdef int take_lane(self, int64_t job, int64_t session, Lanes lanes) except -1
    cdef int count_prepared(self, int64_t session, int64_t change, Lanes lanes) except -1
    @cython.locals(qpu=int64_t, job=int64_t)
    cdef int change_lines(self, int64_t session) except -1
    @cython.locals(lanes=Lanes)
    cdef int let_in(self, int64_t session, int64_t qpu) except -1
    @cython.locals(lanes=Lanes)
    cdef int let_out(self, int64_t session, int64_t qpu) except -1
    @cython.locals(sessions=Sessions)
    cdef inline int join_session(self, int64_t job, int64_t session) except -1
    cdef inline int stop_counting(self, int64_t session) except -1
    @cython.locals(sessions=Sessions, counted=bint)
    cdef inline int leave_session(self, int64_t before, int64_t session) except -1
    cdef inline int let_go(self, int64_t session) except -1
    @cython.locals(jobs=Jobs, submitted=int64_t, before=int64_t, after=int64_t)
    cdef inline int link(self, int64_t session, int64_t job) except -1
    cdef inline int join(self, int64_t session, int64_t before, int64_t after) except -1
    @cython.locals(sessions=Sessions)
    cdef inline int create(self, int64_t session) except -1
    cdef inline int arm_command(self, int64_t session, int64_t at, int64_t key) except -1
    cdef inline int serve_command(self, int64_t session) except -1
    cdef inline int close(self, int64_t session) except -1
    cdef inline int cancel_session(self, int64_t session) except -1
    @cython.locals(unused=bint)
    cdef inline int end_life(self, int64_t session) except -1
    @cython.locals(tables=Tables, before=int64_t, row=int64_t, after=int64_t, actions=int64_t)
    cdef inline int change(self, int64_t session, int64_t event) except -1
    @cython.locals(row=int64_t)
    cdef inline int note(self, int64_t session, int64_t before, int64_t event, int64_t after, int64_t reason) except -1
    cdef inline int act_for_session(self, int64_t action, int64_t session, int64_t event) except -1
    cdef inline int release_qpu(self, int64_t qpu) except -1
    cdef inline int start_life(self, int64_t session, int64_t us) except -1
    @cython.locals(sessions=Sessions, due=int64_t)
    cdef inline int start_ittl(self, int64_t session) except -1
    cdef inline int arm_ittl(self, int64_t session, int64_t due) except -1
    @cython.locals(sessions=Sessions, ittl=int64_t, twice_the_mean=int64_t)
    cdef inline int64_t adapted_ittl_us(self, int64_t session) noexcept
    @cython.locals(sessions=Sessions, due=int64_t)
    cdef inline bint has_other_ittl(self, int64_t session, int64_t at) except -1
    cdef inline int run_out(self, int64_t session) except -1
    @cython.locals(qpu=int64_t)
    cdef inline int end_queued_jobs(self, int64_t session, int64_t event) except -1
    @cython.locals(root=int64_t, place=int64_t)
    cdef inline int follow(self, int64_t job) except -1
    cdef inline int come_after_one(self, int64_t job) except -1
    @cython.locals(due=int64_t, key=int64_t)
    cdef inline int arm_submission(self, int64_t since, int64_t think_us, int64_t job) except -1
    @cython.locals(clients=Clients, stage=int64_t, noticed=int64_t, following=int64_t)
    cdef inline int act_for_client(self, int64_t client, int64_t job, int64_t root) except -1
    @cython.locals(poll_us=int64_t, submitted=int64_t, polls=int64_t)
    cdef inline int64_t notices_at(self, int64_t client, int64_t job) except? -2
    @cython.locals(clients=Clients, answer=int64_t)
    cdef inline int act_on_rejection(self, int64_t client, int64_t job, int64_t root) except -1
    @cython.locals(session=int64_t, how=int64_t)
    cdef inline int finish_client(self, int64_t client, int64_t noticed) except -1
    @cython.locals(jobs=Jobs, new=int64_t)
    cdef inline int repeat_job(self, int64_t client, int64_t job, int64_t root, int64_t noticed) except -1
    @cython.locals(sessions=Sessions, new=int64_t)
    cdef inline int64_t repeat_session(self, int64_t old) except? -2
