"""What live users do, at random: `commands`, a program for a run, and `policy_machine`, a state machine.

A failing example of `commands` prints the program as Python.
"""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import SearchStrategy
from hypothesis.vendor.pretty import RepresentationPrinter

from qsession_sim.errors import PolicyError
from qsession_sim.experiment.references import reference_to
from qsession_sim.experiment.simulate import finish, prepare
from qsession_sim.policies.registry import queue_policy
from qsession_sim.scheduler.vocabulary import Mode
from qsession_sim.service.programs import ProgramJob, ProgramSession
from qsession_sim.testing.invariants import check_invariants
from qsession_sim.testing.parts import ACCOUNTS
from qsession_sim.testing.policies import Policy, check_policy
from qsession_sim.testing.strategies import ScenarioExample, scenarios
from qsession_sim.units import SECOND, parse_duration

if TYPE_CHECKING:
    from qsession_sim.service.simpy_driver import Program, Service


@dataclass(frozen=True)
class Command:
    """One call of a live program. `result` is the name by which later commands refer to what it returns."""

    of: str  # "service", or the result of an earlier command
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""

    def carry_out(self, known: dict[str, Any]) -> None:
        """Make the call; `known` holds the results by name."""
        given = {key: known.get(value, value) for key, value in self.arguments.items()}
        result = getattr(known[self.of], self.call)(**given)
        if self.result:
            known[self.result] = result

    def __str__(self) -> str:
        shown = {key: f"qs.Mode.{v.name}" if isinstance(v, Mode) else v for key, v in self.arguments.items()}
        given = ", ".join(
            f"{key}={value!r}" if key in {"name", "account"} else f"{key}={value}"
            for key, value in shown.items()
        )
        return f"{self.result and f'{self.result} = '}{self.of}.{self.call}({given})"


@dataclass(frozen=True)
class Wait:
    """Let time pass."""

    time_us: int

    def __str__(self) -> str:
        return f"yield service.env.timeout({self.time_us})"


@dataclass(frozen=True)
class WaitFor:
    """Wait until a job has ended."""

    job: str

    def __str__(self) -> str:
        return f"yield {self.job}.completed"


@dataclass(frozen=True)
class LiveProgram:
    """A live program: pass it to `qs.simulate(…, programs=[commands])`.

    Example:
        >>> opening = Command("service", "open_session", {"name": "live-1", "account": "a"}, "s1")
        >>> print(LiveProgram((opening, Wait(3), Command("s1", "close"))))
        def program(service):
            s1 = service.open_session(name='live-1', account='a')
            yield service.env.timeout(3)
            s1.close()
    """

    steps: tuple[Command | Wait | WaitFor, ...]

    def __call__(self, service: Service) -> Program:
        """What SimPy runs as a process."""
        known: dict[str, Any] = {"service": service}
        for step in self.steps:
            if isinstance(step, Command):
                step.carry_out(known)
            elif isinstance(step, Wait):
                yield service.env.timeout(step.time_us)
            else:
                yield known[step.job].completed

    def __str__(self) -> str:
        return "\n    ".join(["def program(service):", *(str(step) for step in self.steps or [Wait(0)])])

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:  # noqa: ARG002, FBT001
        printer.text(f"\n# qs.simulate(…, programs=[program])\n{self}\n")


@st.composite
def commands(draw: st.DrawFn, *, most: int = 12, unit: str = "s") -> LiveProgram:
    """A live program, to be simulated alone or together with a scenario of `scenarios()`.

    It opens sessions and batches, submits jobs, waits for times and for jobs, and closes and cancels, even
    what is already closed or has ended.

    Args:
        draw: given by Hypothesis; leave it out.
        most: commands.
        unit: of all times, as that of `scenarios`.

    Example:
        >>> from hypothesis import find
        >>> print(find(commands(), lambda one: "cancel" in str(one) and "session" not in str(one)))
        def program(service):
            j1 = service.submit(name='live-1', account='a', qpu_time_us=1000000)
            j1.cancel()
    """
    unit_us = parse_duration(f"1{unit}")
    sessions: dict[str, str] = {}  # account, by result
    jobs: list[str] = []
    steps: list[Command | Wait | WaitFor] = []
    for _ in range(draw(st.integers(0, most))):
        steps.append(draw(_steps(sessions, jobs, unit_us)))
        last = steps[-1]
        if isinstance(last, Command) and last.call == "open_session":
            sessions[last.result] = last.arguments["account"]
        elif isinstance(last, Command) and last.call == "submit":
            jobs.append(last.result)
    return LiveProgram(tuple(steps))


def _steps(sessions: Mapping[str, str], jobs: list[str], unit_us: int) -> SearchStrategy[Any]:
    """What can come next, the simplest first."""
    short = st.sampled_from([0, 1, 2, 5]).map(lambda count: count * unit_us)
    ways = [
        job_commands(sessions, f"j{len(jobs) + 1}", f"live-{len(jobs) + 1}", unit_us),
        session_commands(f"s{len(sessions) + 1}", f"live-{len(sessions) + 1}", unit_us),
        short.map(Wait),
    ]
    if sessions:
        ends = st.sampled_from(["close", "cancel"])
        ways.append(st.builds(Command, st.sampled_from([*sessions]), ends))
    if jobs:
        ways.append(st.sampled_from(jobs).map(WaitFor))
        ways.append(st.sampled_from(jobs).map(lambda job: Command(job, "cancel")))
    return st.one_of(ways)


def session_commands(result: str, name: str, unit_us: int) -> SearchStrategy[Command]:
    """Open a session or batch."""
    arguments = st.fixed_dictionaries(
        {"name": st.just(name), "account": st.sampled_from(ACCOUNTS)}, optional=_of_sessions(unit_us)
    )
    return arguments.map(lambda given: Command("service", "open_session", given, result))


def job_commands(
    sessions: Mapping[str, str], result: str, name: str, unit_us: int
) -> SearchStrategy[Command]:
    """Submit a job, in job mode or to one of the sessions, whose accounts are given."""
    named, (times, optional) = {"name": st.just(name)}, _of_jobs(unit_us)
    alone = st.fixed_dictionaries(
        {**named, "account": st.sampled_from(ACCOUNTS), **times}, optional=optional
    ).map(lambda given: Command("service", "submit", given, result))
    if not sessions:
        return alone
    inside = st.builds(
        lambda session, given: Command(session, "submit", given, result),
        st.sampled_from([*sessions]),
        st.fixed_dictionaries({**named, **times}, optional=optional),
    )
    return st.one_of(alone, inside)


Arguments = dict[str, SearchStrategy[Any]]


def _of_jobs(unit_us: int) -> tuple[Arguments, Arguments]:
    """What a live user says of every job, and of some."""
    needed: Arguments = {"qpu_time_us": _multiples((1, 2, 3, 4, 6), unit_us)}
    return needed, {
        "priority": st.integers(-1, 1),
        "max_execution_time_us": _multiples((3, 1, 2, 5), unit_us),
        "fails": st.just(True),
    }


def _of_sessions(unit_us: int) -> Arguments:
    """What a live user says of some sessions."""
    return {
        "mode": st.just(Mode.BATCH),
        "interactive_timeout_us": _multiples((0, 1, 2, 3), unit_us),
        "max_time_us": _multiples((1000, 0, 1, 4, 7, 12, 20), unit_us),
    }


def _multiples(counts: tuple[int, ...], unit_us: int) -> SearchStrategy[int]:
    return st.sampled_from(counts).map(lambda count: count * unit_us)


T = TypeVar("T")


_NEEDED, _OPTIONAL = _of_jobs(SECOND)
_jobs = st.fixed_dictionaries(_NEEDED, optional=_OPTIONAL)
_sessions = st.fixed_dictionaries({}, optional=_of_sessions(SECOND))


class PolicyMachine(RuleBasedStateMachine):
    """A scenario, and at the same time commands in any order: sessions, jobs, closes, cancels and time.

    At the end the run goes on until nothing is left to do, and must pass `check_invariants`.
    """

    policy: ClassVar[tuple[Policy]] = ("fifo",)
    hold: ClassVar[str | None] = None
    breach: ClassVar[str | None] = None
    """How the policy breaks its contract; empty if it keeps it, None if that was not checked yet."""

    sessions: Bundle[ProgramSession] = Bundle("sessions")
    jobs: Bundle[ProgramJob] = Bundle("jobs")

    def __init__(self) -> None:
        if self.breach is None:
            type(self).breach = _breach_of(self.policy[0])
        if self.breach:
            raise PolicyError(self.breach)
        super().__init__()

    @initialize(scenario=scenarios(most_jobs=5))
    def begin(self, scenario: dict[str, Any]) -> None:
        """A service at time 0, with a workload that goes on by itself."""
        self._names = 0
        self._failed = False
        self._scenario, self._service = prepare(scenario, policy=self.policy[0], hold=self.hold)

    @rule(target=sessions, account=st.sampled_from(ACCOUNTS), more=_sessions)
    def open_session(self, account: str, more: dict[str, Any]) -> ProgramSession:
        """Create a session or batch."""
        return self._do(lambda: self._service.open_session(self._name(), account=account, **more))

    @rule(target=jobs, account=st.sampled_from(ACCOUNTS), more=_jobs)
    def submit(self, account: str, more: dict[str, Any]) -> ProgramJob:
        """Submit a job in job mode."""
        return self._do(lambda: self._service.submit(self._name(), account=account, **more))

    @rule(target=jobs, session=sessions, more=_jobs)
    def submit_to(self, session: ProgramSession, more: dict[str, Any]) -> ProgramJob:
        """Submit a job to a session, which may be closed."""
        return self._do(lambda: session.submit(self._name(), **more))

    @rule(session=sessions)
    def close(self, session: ProgramSession) -> None:
        """Close a session (S17)."""
        self._do(session.close)

    @rule(session=sessions)
    def cancel(self, session: ProgramSession) -> None:
        """Cancel a session (S18)."""
        self._do(session.cancel)

    @rule(job=jobs)
    def cancel_job(self, job: ProgramJob) -> None:
        """Cancel a job (S25)."""
        self._do(job.cancel)

    @rule(wait_us=_multiples((1, 2, 5), SECOND))
    def advance(self, wait_us: int) -> None:
        """Let time pass, up to the horizon (S6)."""
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


def _breach_of(policy: Policy) -> str:
    """What is wrong with a policy already without commands: it would fail anywhere, each time otherwise."""
    try:
        check_policy(policy, examples=0)
    except PolicyError as error:
        return str(error)
    return ""


def _options_of(policy: Policy, hold: str | None) -> str:
    """The options by which `qsession-sim run` has the same policies, as far as it can."""
    given = [] if hold is None else ["--hold", hold]
    if isinstance(policy, str):
        given = ["--policy", policy, *given]
    elif isinstance(policy, Mapping):
        given = ["--set", f"policies.queue={json.dumps({**policy})}", *given]
    else:
        spelling = reference_to(policy).spelling
        file = inspect.getsourcefile(policy) if spelling is not None else None
        if file is not None and spelling is not None and "." not in policy.__qualname__:
            given = ["--policy", f"{file}:{policy.__qualname__}", *given]
    return "".join(f" {shlex.quote(one)}" for one in given)


def policy_machine(policy: Policy, *, hold: str | None = None) -> type[PolicyMachine]:
    """A state machine of Hypothesis that drives a live service with one queue policy.

    First the policy must pass `check_policy` in scenarios that are always the same ones. Its `TestCase` is a
    test for pytest and unittest, with `TestCase.settings` to be set.

    Args:
        policy: whatever `simulate` takes as `policy`.
        hold: name of the hold policy; by default that of each random scenario.

    Raises:
        PolicyError: if there is no such policy.

    Example:
        >>> TestPriority = policy_machine("priority").TestCase
    """
    options = _options_of(policy, hold)

    def with_options(scenario: dict[str, Any]) -> ScenarioExample:
        example = ScenarioExample(scenario)
        example.options = options
        return example

    def begin(self: PolicyMachine, scenario: dict[str, Any]) -> None:
        PolicyMachine.begin(self, scenario)

    name = f"PolicyMachine_{queue_policy(policy).name}"
    made: dict[str, Any] = {"policy": (policy,), "hold": hold, "__module__": __name__}
    made["begin"] = initialize(scenario=scenarios(most_jobs=5).map(with_options))(begin)
    return type(name, (PolicyMachine,), made)
