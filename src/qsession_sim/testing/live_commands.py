"""Hypothesis strategies for what live programs do. A failing example prints the program as Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from hypothesis.vendor.pretty import RepresentationPrinter

from qsession_sim.scheduler.vocabulary import Mode
from qsession_sim.testing.scenario_parts import ACCOUNTS
from qsession_sim.units import parse_duration

if TYPE_CHECKING:
    from qsession_sim.simulation.service import Program, Service


@dataclass(frozen=True)
class Command:
    """One call of a live program. `result` is the name by which later commands speak of what it gives."""

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
class Commands:
    """A live program: pass it to `qs.simulate(…, programs=[commands])`.

    Example:
        >>> opening = Command("service", "open_session", {"name": "live-1", "account": "a"}, "s1")
        >>> print(Commands((opening, Wait(3), Command("s1", "close"))))
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
def commands(draw: st.DrawFn, *, most: int = 12, unit: str = "s") -> Commands:
    """What a live program does, to be simulated alone or beside a scenario of `scenarios()`.

    It opens sessions and batches, submits jobs, waits for times and for jobs, closes and cancels, also what
    is closed or has ended.

    Args:
        draw: given by Hypothesis; leave it out.
        most: commands.
        unit: of all times, as that of `scenarios`.

    Example:
        >>> from hypothesis import find
        >>> print(find(commands(), lambda found: "cancel" in str(found) and "session" not in str(found)))
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
    return Commands(tuple(steps))


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
    times = {"interactive_timeout_us": (0, 1, 2, 3), "max_time_us": (1000, 0, 1, 4, 7, 12, 20)}
    arguments = st.fixed_dictionaries(
        {"name": st.just(name), "account": st.sampled_from(ACCOUNTS)},
        optional={
            "mode": st.just(Mode.BATCH),
            **{key: _multiples(counts, unit_us) for key, counts in times.items()},
        },
    )
    return arguments.map(lambda given: Command("service", "open_session", given, result))


def job_commands(
    sessions: Mapping[str, str], result: str, name: str, unit_us: int
) -> SearchStrategy[Command]:
    """Submit a job, in job mode or to one of the sessions, whose accounts are given."""
    times = {"qpu_time_us": (1, 2, 3, 4, 6)}
    needed = {"name": st.just(name), **{key: _multiples(v, unit_us) for key, v in times.items()}}
    optional = {
        "priority": st.integers(-1, 1),
        "max_execution_time_us": _multiples((3, 1, 2, 5), unit_us),
    }
    alone = st.fixed_dictionaries(
        {"name": needed["name"], "account": st.sampled_from(ACCOUNTS), "qpu_time_us": needed["qpu_time_us"]},
        optional=optional,
    ).map(lambda given: Command("service", "submit", given, result))
    if not sessions:
        return alone
    inside = st.builds(
        lambda session, given: Command(session, "submit", given, result),
        st.sampled_from([*sessions]),
        st.fixed_dictionaries(needed, optional=optional),
    )
    return st.one_of(alone, inside)


def _multiples(counts: tuple[int, ...], unit_us: int) -> SearchStrategy[int]:
    return st.sampled_from(counts).map(lambda count: count * unit_us)
