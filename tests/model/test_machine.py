"""Live commands and the passing of time in any order: after each step the facts equal those of the naive model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from random_examples import examples

from qsession_sim.scheduler.plan import ADAPTIVE, JobSpec, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Rank, SessionState
from qsession_sim.verification.naive.histories import Order
from qsession_sim.verification.naive.observed import facts_of
from qsession_sim.verification.naive.qpu_rules import real_qpus
from qsession_sim.verification.naive.service import Service

from .observed import model_for, scheduler_for
from .strategies import ACCOUNTS, Workload, limits, qpu_times, some_patience, timeouts, workloads
from .whole_service import HALF_SECOND_US, estimates, phase_times, scaled_spec, whole_workloads

waits = st.sampled_from([0, 0, 0, 1, 1, 2, 5])
afters = st.sampled_from([NEVER, NEVER, NEVER, 0, 1, 3])
live_max_times = st.sampled_from([1000, 1000, 0, 1, 4, 9])
anything = st.integers(0, 1000)


class Reaction(Enum):
    """What the program does in the instant in which one of its jobs ends."""

    NOTHING = auto()
    SUBMIT = auto()
    SUBMIT_THEN_CLOSE = auto()
    CLOSE = auto()
    CANCEL = auto()


def some(lively: Sequence[int], everything: Sequence[int], which: int) -> int:
    """One of `lively`, sometimes of `everything`; NEVER if there is none."""
    numbers = lively if lively and which % 4 else everything
    return numbers[which // 4 % len(numbers)] if numbers else NEVER


@dataclass(frozen=True)
class Dress:
    """What a job or session has where the whole service is used; `pin` counts from no QPU at all."""

    account: int
    pin: int
    preparation_us: int
    post_processing_us: int
    estimate_us: int


dresses = st.builds(
    Dress, st.integers(0, ACCOUNTS - 1), st.sampled_from([0, 0, 1, 2, 3]), phase_times, phase_times, estimates
)
beginnings = st.one_of(
    st.tuples(st.just(False), workloads(most_clients=2)),
    st.tuples(st.just(True), whole_workloads(most_clients=2)),
)


class LiveService(RuleBasedStateMachine):
    """A workload that is known beforehand and, beside it, a program that does what it likes (S4)."""

    scheduler: Scheduler
    model: Service

    @initialize(beginning=beginnings)
    def begin(self, beginning: tuple[bool, Workload]) -> None:
        self.is_whole, workload = beginning
        self.grid_us = HALF_SECOND_US if workload.rules.hold == ADAPTIVE else 1
        self.ended: list[int] = []
        self.scheduler = scheduler_for(workload, self.ended.append)
        self.model = model_for(workload)
        self.now_us = 0
        of_clients = {client.session for client in workload.clients}
        # S9: a session with a creation time may not be closed before it
        self.sessions = [
            number
            for number, spec in enumerate(workload.sessions)
            if spec.created_us == NEVER and number not in of_clients
        ]
        self.jobs = list(range(len(workload.jobs)))
        self.not_created: list[int] = []
        self.reactions: dict[int, Reaction] = {}

    @rule(
        mode=st.sampled_from([Mode.SESSION, Mode.BATCH]),
        max_time_us=live_max_times,
        timeout_us=timeouts,
        close_after_us=afters,
        cancel_after_us=afters,
        dress=dresses,
    )
    def add_session(
        self,
        mode: Mode,
        max_time_us: int,
        timeout_us: int,
        close_after_us: int,
        cancel_after_us: int,
        dress: Dress,
    ) -> None:
        spec = SessionSpec(
            mode=mode,
            max_time_us=max_time_us,
            interactive_timeout_us=timeout_us,
            close_after_us=close_after_us,
            cancel_after_us=cancel_after_us,
        )
        if self.is_whole:
            pins = [NEVER, *real_qpus(self.model)]
            pin = pins[dress.pin % len(pins)] if len(self.model.qpus) > 1 else NEVER
            spec = scaled_spec(replace(spec, account=dress.account, qpu=pin), self.grid_us)
        number = self.model.add_session(spec)
        assert self.scheduler.add_session(spec) == number
        self.sessions.append(number)
        self.not_created.append(number)

    @precondition(lambda self: self.not_created)
    @rule(which=anything, wait_us=waits)
    def create(self, which: int, wait_us: int) -> None:
        number = self.not_created.pop(which % len(self.not_created))
        self.wait_to_act(wait_us)
        if self.model.sessions[number].created is None:  # else a close or submission did it (S9)
            self.act("create", number)

    @rule(
        which=anything,
        wait_us=waits,
        qpu_time_us=qpu_times,
        limit_us=limits,
        cancel_after_us=afters,
        patience_us=some_patience,
        priority=st.integers(-1, 1),
        fails=st.sampled_from([False, False, True]),
        reaction=st.sampled_from(Reaction),
        dress=dresses,
    )
    def submit(
        self,
        which: int,
        wait_us: int,
        qpu_time_us: int,
        limit_us: int,
        cancel_after_us: int,
        patience_us: int,
        priority: int,
        fails: bool,
        reaction: Reaction,
        dress: Dress,
    ) -> None:
        spec = JobSpec(
            qpu_time_us=qpu_time_us,
            session=NEVER if which % 3 == 0 else self.some_session(which // 3),
            max_execution_time_us=limit_us,
            cancel_after_us=cancel_after_us,
            patience_us=patience_us,
            priority=priority,
            fails=fails,
        )
        if self.is_whole:
            spec = scaled_spec(self.dressed(spec, dress), self.grid_us)
        self.wait_to_act(wait_us)
        self.submit_job(spec, reaction)

    @precondition(lambda self: self.sessions)
    @rule(which=anything, wait_us=waits)
    def close(self, which: int, wait_us: int) -> None:
        self.wait_to_act(wait_us)
        self.act("close", self.some_session(which))

    @precondition(lambda self: self.sessions)
    @rule(which=anything, wait_us=waits)
    def cancel(self, which: int, wait_us: int) -> None:
        self.wait_to_act(wait_us)
        self.act("cancel", self.some_session(which))

    @precondition(lambda self: self.jobs)
    @rule(which=anything, wait_us=waits)
    def cancel_job(self, which: int, wait_us: int) -> None:
        self.wait_to_act(wait_us)
        self.act("cancel_job", self.some_job(which))

    @rule(wait_us=waits)
    def wait(self, wait_us: int) -> None:
        self.advance(self.now_us + wait_us * self.grid_us)

    @rule()
    def wait_for_next_event(self) -> None:
        event = self.model.next_event()
        next_us = self.scheduler.next_event_us()
        if event is not None:
            assert next_us is not None
            assert next_us <= event.time
        if next_us is not None:
            self.advance(next_us)

    @rule()
    def ask_whether_the_run_goes_on(self) -> None:
        """S6, asked when the instant is complete."""
        self.advance(self.now_us)
        assert self.scheduler.is_needed == self.model.is_needed()

    @invariant()
    def facts_are_equal(self) -> None:
        now_us = self.scheduler.now_us
        assert facts_of(self.scheduler.journal, now_us) == self.model.facts(now_us)

    # ------------------------------------------------------------ the program

    def some_session(self, which: int) -> int:
        """Mostly one that is not closed."""
        sessions = self.model.sessions
        return some(
            [n for n in self.sessions if sessions[n].state != SessionState.CLOSED], self.sessions, which
        )

    def some_job(self, which: int) -> int:
        """Mostly one that has not ended."""
        return some([n for n in self.jobs if self.model.jobs[n].ended is None], self.jobs, which)

    def dressed(self, spec: JobSpec, dress: Dress) -> JobSpec:
        """A job with phases; one of a session has its account, one in job mode may be pinned to any QPU."""
        phases = {"preparation_us": dress.preparation_us, "post_processing_us": dress.post_processing_us}
        spec = replace(spec, estimate_us=dress.estimate_us, **phases)
        if spec.session != NEVER:
            return replace(spec, account=self.model.sessions[spec.session].spec.account)
        qpus = len(self.model.qpus)
        pin = dress.pin % (qpus + 1) - 1 if qpus > 1 else NEVER
        return replace(spec, account=dress.account, qpu=pin)

    def follow_up(self, qpu_time_us: int, session: int) -> JobSpec:
        account = 0 if session == NEVER else self.model.sessions[session].spec.account
        return JobSpec(qpu_time_us=qpu_time_us * self.grid_us, session=session, account=account)

    def submit_job(self, spec: JobSpec, reaction: Reaction) -> None:
        number = self.model.add_job(spec, of_program=True)
        assert self.scheduler.add_job(spec) == number
        self.jobs.append(number)
        self.reactions[number] = reaction
        self.act("submit", number)

    def wait_to_act(self, wait_us: int) -> None:
        self.advance(self.now_us + wait_us * self.grid_us, Rank.READY)

    def advance(self, until_us: int, through: Rank = Rank.DISPATCH) -> None:
        while True:
            done = self.scheduler.advance(until_us, through)
            assert self.model.advance(until_us, Order[through.name]) == done
            if done:
                break
            self.now_us = self.model.now
            self.react()
        self.now_us = until_us

    def act(self, name: str, *arguments: Any) -> None:
        self.model.apply_command(self.now_us, name, *arguments)
        getattr(self.scheduler, name)(self.now_us, *arguments)
        self.react()

    def react(self) -> None:
        """S4: the program reacts to the end of its jobs before any later event of the instant."""
        ended = sorted(self.ended)
        assert sorted(self.model.ended_of_program) == ended
        self.ended.clear()
        self.model.ended_of_program = []
        for job in ended:
            session = self.model.jobs[job].session
            match self.reactions.pop(job):
                case Reaction.SUBMIT:
                    self.submit_job(self.follow_up(1, session), Reaction.NOTHING)
                case Reaction.SUBMIT_THEN_CLOSE:
                    self.submit_job(self.follow_up(2, session), Reaction.CLOSE)
                case Reaction.CLOSE if session != NEVER:
                    self.act("close", session)
                case Reaction.CANCEL if session != NEVER:
                    self.act("cancel", session)


LiveService.TestCase.settings = settings(
    derandomize=True,
    print_blob=True,
    deadline=None,
    database=None,
    max_examples=examples(200),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLiveService = LiveService.TestCase
