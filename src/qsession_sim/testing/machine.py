"""policy_machine: a state machine that drives a live service under a queue policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from qsession_sim.experiment.simulate import finish, prepare
from qsession_sim.policies.registry import queue_policy
from qsession_sim.policies.user import PolicyFunction
from qsession_sim.scheduler.vocabulary import Mode
from qsession_sim.simulation.programs import ProgramJob, ProgramSession
from qsession_sim.testing.invariants import check_invariants
from qsession_sim.testing.scenario_parts import ACCOUNTS
from qsession_sim.testing.strategies import scenarios
from qsession_sim.units import SECOND

T = TypeVar("T")


def _seconds(*counts: int) -> st.SearchStrategy[int]:
    return st.sampled_from(counts).map(lambda count: count * SECOND)


_jobs = st.fixed_dictionaries(
    {"qpu_time_us": _seconds(1, 2, 3, 4, 6)},
    optional={"priority": st.integers(-1, 1), "max_execution_time_us": _seconds(3, 1, 2, 5)},
)
_sessions = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.just(Mode.BATCH),
        "interactive_timeout_us": _seconds(0, 1, 2, 3),
        "max_time_us": _seconds(1000, 0, 1, 4, 7, 12, 20),
    },
)


class PolicyMachine(RuleBasedStateMachine):
    """A scenario and, beside it, commands in any order: sessions, jobs, closes, cancels and time.

    At the end the run goes on until nothing is left to do, and must pass `check_invariants`.
    """

    policy: ClassVar[tuple[str | Mapping[str, Any] | PolicyFunction]] = ("fifo",)
    hold: ClassVar[str | None] = None

    sessions: Bundle[ProgramSession] = Bundle("sessions")
    jobs: Bundle[ProgramJob] = Bundle("jobs")

    @initialize(scenario=scenarios(most_jobs=5))
    def begin(self, scenario: dict[str, Any]) -> None:
        """A service at time 0, with a workload that goes on by itself."""
        self._names = 0
        self._failed = False
        self._scenario, self._service = prepare(scenario, policy=self.policy[0], hold=self.hold)

    @rule(target=sessions, account=st.sampled_from(ACCOUNTS), more=_sessions)
    def open_session(self, account: str, more: dict[str, Any]) -> ProgramSession:
        """A session or batch comes into existence."""
        return self._do(lambda: self._service.open_session(self._name(), account=account, **more))

    @rule(target=jobs, account=st.sampled_from(ACCOUNTS), more=_jobs)
    def submit(self, account: str, more: dict[str, Any]) -> ProgramJob:
        """A job in job mode."""
        return self._do(lambda: self._service.submit(self._name(), account=account, **more))

    @rule(target=jobs, session=sessions, more=_jobs)
    def submit_to(self, session: ProgramSession, more: dict[str, Any]) -> ProgramJob:
        """A job of a session, which may be closed."""
        return self._do(lambda: session.submit(self._name(), **more))

    @rule(session=sessions)
    def close(self, session: ProgramSession) -> None:
        """S17."""
        self._do(session.close)

    @rule(session=sessions)
    def cancel(self, session: ProgramSession) -> None:
        """S18."""
        self._do(session.cancel)

    @rule(job=jobs)
    def cancel_job(self, job: ProgramJob) -> None:
        """S25."""
        self._do(job.cancel)

    @rule(wait_us=_seconds(1, 2, 5))
    def advance(self, wait_us: int) -> None:
        """Time passes, up to the horizon (S6)."""
        until_us = self._service.now_us + wait_us
        horizon_us = self._scenario.resolved.horizon
        if horizon_us is None or until_us < horizon_us:
            self._do(lambda: self._service.env.run(until=until_us))

    def teardown(self) -> None:
        """The rest of the run, unless something has failed before."""
        if not self._failed:
            check_invariants(finish(self._scenario, self._service))

    def _name(self) -> str:
        self._names += 1
        return f"live-{self._names}"

    def _do(self, command: Callable[[], T]) -> T:
        self._failed = True
        result = command()
        self._failed = False
        return result


def policy_machine(
    policy: str | Mapping[str, Any] | PolicyFunction, *, hold: str | None = None
) -> type[PolicyMachine]:
    """A state machine of Hypothesis that drives a live service with one queue policy.

    Its `TestCase` is a test for pytest and unittest, with `TestCase.settings` to be set.

    Args:
        policy: whatever `simulate` takes as `policy`.
        hold: name of the hold policy; by default that of each random scenario.

    Raises:
        PolicyError: if there is no such policy.

    Example:
        >>> TestPriority = policy_machine("priority").TestCase
    """
    name = f"PolicyMachine_{queue_policy(policy).name}"
    return type(name, (PolicyMachine,), {"policy": (policy,), "hold": hold, "__module__": __name__})
