"""Programs: ordinary functions that take part in a simulation, each as often as there are clients of it."""

from __future__ import annotations

import hashlib
import inspect
import runpy
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from qsession_sim.clients.baton import PATIENCE_SECONDS, Baton, Group, Task, current_task
from qsession_sim.clients.random_states import RandomState
from qsession_sim.errors import PolicyError, ProgramError, ScenarioError, SchedulerUsageError, hint
from qsession_sim.files import check_regular, reason, resolved
from qsession_sim.policies.user import load_function, positional_parameters
from qsession_sim.scenario.distributions import DurationDistribution, DurationSpelling
from qsession_sim.scenario.document import plain
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.service import GivenModel, ServiceTimeModel
from qsession_sim.scenario.sources import ResolvedProgram
from qsession_sim.service.simpy_driver import Service
from qsession_sim.units import SECOND
from qsession_sim.workload.context import Purpose, stream_generator
from qsession_sim.workload.distributions import durations_us, sample
from qsession_sim.workload.draw import program_starts_us
from qsession_sim.workload.qpu_times import JobProperties, has_noise, modelled_times_us, needed

if TYPE_CHECKING:
    import simpy

Function = Callable[[], object]

OnProgramError = Literal["raise", "continue"]


@dataclass(frozen=True)
class Measured:
    """Think times are what the program's own work took on this machine, times a factor."""

    scale: float = 1.0


Think = str | int | timedelta | Mapping[str, Any] | Measured
"""How long a program thinks before a submission: 0, a duration, a distribution, or measured."""


@dataclass(frozen=True)
class Program:
    """An ordinary function as a program; `program` makes one."""

    function: Function
    name: str
    account: str
    clients: int = 1
    think: DurationDistribution | Measured | None = None  # None: it does not think


def program(
    function: Function,
    *,
    name: str | None = None,
    account: str | None = None,
    clients: int = 1,
    think: Think = 0,
) -> Program:
    """An ordinary function, without parameters, that takes part in a simulation.

    Args:
        function: what each client runs. It uses the service through `qsession_sim.clients.thin`.
        name: of its stream, jobs and sessions; by default that of the function.
        account: that submits its jobs; by default the name.
        clients: how many run it at the same time.
        think: simulated time before each submission: 0, a duration such as "30s", a distribution such as
            `{"kind": "exponential", "mean": "2s"}`, or `Measured(scale)`, which makes results depend on the
            machine.

    Raises:
        SchedulerUsageError: if it is no function without parameters, or a value cannot be.

    Example:
        >>> import qsession_sim as qs
        >>> from qsession_sim.clients.thin import Estimator, Session
        >>> def vqe():
        ...     with Session() as session:
        ...         estimator = Estimator(session)
        ...         for _ in range(2):
        ...             estimator.run(qpu_time="10s").result()
        >>> run = qs.simulate({"workload": []}, programs=[qs.program(vqe, account="lab", think="5s")])
        >>> run.jobs.select("job", "started_us").rows()
        [('vqe/1/1', 5000000), ('vqe/1/2', 20000000)]
    """
    if not callable(function):
        raise SchedulerUsageError(f"a program must be a function, not {function!r}; give `f`, not `f(...)`")
    chosen = name or getattr(function, "__name__", type(function).__name__).strip("<>")
    if inspect.isgeneratorfunction(function) or parameters_of(function):
        raise SchedulerUsageError(
            f"program {chosen!r} must be an ordinary function without parameters; a generator that takes the "
            f"service is given to `simulate` as it is"
        )
    if isinstance(clients, bool) or not isinstance(clients, int) or clients < 1:
        raise SchedulerUsageError(
            f"program {chosen!r}: clients must be a whole number from 1, not {clients!r}"
        )
    return Program(function, chosen, account or chosen, clients, read_think(chosen, think))


def read_think(name: str, think: Think) -> DurationDistribution | Measured | None:
    """What `think` means; None: the program does not think.

    Raises:
        SchedulerUsageError: if it means nothing.
    """
    if isinstance(think, Measured):
        return think
    if think == 0 and not isinstance(think, bool):
        return None
    try:
        found: DurationDistribution = TypeAdapter(DurationSpelling).validate_python(plain(think))
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise SchedulerUsageError(f"program {name!r}: think {think!r}: {reason}") from None
    return found


class Script:
    """A file of Python as a program: each client runs it from the beginning, as pages of documentation are.

    Args:
        file: its name.

    Raises:
        ProgramError: if it cannot be read.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.__name__ = Path(file).stem
        try:
            check_regular(resolved(Path(file)))
            self.digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        except OSError as error:
            raise ProgramError(f"{file}: {reason(error)}") from None

    def __call__(self) -> None:
        """Run it."""
        runpy.run_path(self.file, run_name="__main__")


def read_binding(text: str) -> tuple[str, Function]:
    """Read `NAME=FILE.py` or `NAME=FILE.py:FUNCTION`: the name of a source, and its program.

    Raises:
        ProgramError: if it is neither, or there is no such program.

    Example:
        >>> read_binding("vqe")
        Traceback (most recent call last):
        qsession_sim.errors.ProgramError: 'vqe' is not NAME=FILE.py or NAME=FILE.py:FUNCTION
    """
    name, _, place = text.partition("=")
    file, _, function = place.partition(".py:")
    if not name or not (place.endswith(".py") or function):
        raise ProgramError(f"{text!r} is not NAME=FILE.py or NAME=FILE.py:FUNCTION")
    if not function:
        return name, Script(place)
    try:
        found = load_function(Path(f"{file}.py"), function)
    except PolicyError as error:
        raise ProgramError(str(error)) from None
    if not callable(found):
        raise ProgramError(f"{place}: a program must be a function, not {found!r}")
    return name, found


def sources_of_programs(given: Mapping[str, Function], scenario: ResolvedScenario) -> list[ResolvedProgram]:
    """A scenario's sources of this kind, each of which has its program.

    Raises:
        ScenarioError: if a source has none, or one has no source.
    """
    sources = {source.name: source for source in scenario.workload if isinstance(source, ResolvedProgram)}
    unbound = [
        f"workload.{name}: no program is bound to it; give --program {name}=FILE.py:FUNCTION, or in Python "
        f"programs={{{name!r}: function}}"
        for name in sources
        if name not in given
    ]
    unknown = [
        f"no program source is called {name!r}; {hint(name, sources)}" for name in given.keys() - sources
    ]
    if unbound or unknown:
        raise ScenarioError((*unbound, *unknown))
    return [*sources.values()]


def bound_programs(
    given: Mapping[str, Function], scenario: ResolvedScenario
) -> list[tuple[Program, Sequence[int]]]:
    """The programs of a scenario's sources of this kind, with the times at which their clients start.

    Raises:
        ScenarioError: as `sources_of_programs`.
    """
    found = []
    for source in sources_of_programs(given, scenario):
        name = source.name
        think = Measured() if isinstance(source.think, str) else source.think
        checked = program(given[name], name=name, account=source.account, clients=source.clients)
        starts_us = program_starts_us(scenario, source).tolist()
        found.append((replace(checked, think=think), starts_us))
    return found


def parameters_of(function: Callable[..., object]) -> int | None:
    """How many positional arguments a program must be given; None if nobody knows."""
    positional = positional_parameters(function)
    return None if positional is None else sum(one.default is one.empty for one in positional)


def is_ordinary(given: object) -> bool:
    """Whether a program is an ordinary one: made by `program`, or a function that takes nothing.

    Raises:
        SchedulerUsageError: for a generator that takes nothing, and so cannot know the service.

    Example:
        >>> is_ordinary(lambda: None), is_ordinary(lambda service: None)
        (True, False)
    """
    if isinstance(given, Program):
        return True
    if not callable(given) or parameters_of(given) != 0:
        return False
    if inspect.isgeneratorfunction(given):
        name = getattr(given, "__name__", "program")
        raise SchedulerUsageError(
            f"program {name!r} has `yield`, but no parameter for the service; write `def {name}(service)`, "
            f"or leave `yield` out"
        )
    return True


# -- What a client of a program does with the service.


class ProgramClient:
    """One client of one program: its names, its think times, and how it waits.

    Args:
        service: that it uses.
        baton: that its threads pass on.
        program: that it runs.
        number: of the client, from 1.
        scenario: where it takes part.
    """

    def __init__(
        self, service: Service, baton: Baton, program: Program, number: int, scenario: ResolvedScenario
    ) -> None:
        self.service = service
        self.program = program
        self.name = f"{program.name}/{number}"
        self.scenario = scenario
        self._baton = baton
        self._jobs = 0
        self._sessions = 0
        self._known_us: dict[tuple[int, int, str], int] = {}
        self._streams = {
            purpose: stream_generator(scenario.seed, self.name, purpose)
            for purpose in (Purpose.THINK, Purpose.NOISE)
        }
        self._answered_seconds = _processor_clock()

    def next_job_name(self) -> str:
        """The name of its next job (S67)."""
        self._jobs += 1
        return f"{self.name}/{self._jobs}"

    def next_session_name(self) -> str:
        """The name of its next session (S67)."""
        self._sessions += 1
        return self.name if self._sessions == 1 else f"{self.name}.{self._sessions}"

    def generator_of(self, job: str) -> np.random.Generator:
        """Random numbers of a job: from the seed of the run and the job's name, so that nobody else changes
        its results."""
        return np.random.default_rng([self.scenario.seed, *job.encode()])

    def think(self) -> None:
        """Wait as long as it thinks before a submission."""
        match self.program.think:
            case None:
                return
            case Measured(scale):
                seconds = (_processor_clock() - self._answered_seconds) * scale
                self._wait_us(round(seconds * SECOND))
                self._answered_seconds = _processor_clock()
            case distribution:
                drawn = sample(distribution, self._streams[Purpose.THINK], 1)
                self._wait_us(int(durations_us(drawn, f"{self.program.name}.think")[0]))

    def wait(self, event: simpy.Event) -> None:
        """Until an event of SimPy is processed."""
        task = current_task()
        assert task is not None
        if event.callbacks is not None:
            event.callbacks.append(lambda _event: self._go_on(task))
            while event.callbacks is not None:
                self._baton.block()
        self._answered_seconds = _processor_clock()

    def qpu_time_us(self, circuits: int, shots: int, qpu: str | None) -> int:
        """The QPU time of a job by the service-time model of its QPU, with the noise of this client's stream.

        Without a QPU it is that of the first one that is no simulator backend.
        """
        qpus = self.scenario.qpus
        named = next((one for one in qpus if one.name == qpu), None)
        own = named or next(one for one in qpus if not one.simulator)
        if isinstance(own.service_time, GivenModel) or needed(own.service_time):
            raise SchedulerUsageError(
                f"the service-time model {own.service_time.model} of QPU {own.name!r} needs more "
                f"than circuits and shots; give the job a qpu_time"
            )
        asked = (circuits, shots, own.name)
        if asked in self._known_us:
            return self._known_us[asked]
        one = np.ones(1, dtype=np.int64)
        jobs = JobProperties(circuits * one, shots * one, one, one, one)
        times = _Times(self.program.name, own.service_time, self._streams)
        time_us = int(modelled_times_us(jobs, times)[0])
        if not has_noise(own.service_time):
            self._known_us[asked] = time_us
        return time_us

    def _wait_us(self, duration_us: int) -> None:
        if duration_us > 0:
            self.wait(self.service.env.timeout(duration_us))

    def _go_on(self, task: Task) -> None:
        self._baton.wake(task)
        self._baton.run_until_idle()


@dataclass(frozen=True)
class _Times:
    """What QPU times of one client follow from."""

    name: str
    service_time: ServiceTimeModel
    streams: Mapping[Purpose, np.random.Generator]

    def generator(self, purpose: Purpose) -> np.random.Generator:
        """The client's own generator for one purpose."""
        return self.streams[purpose]


def current_client() -> ProgramClient:
    """The client whose program asks.

    Raises:
        SchedulerUsageError: outside of a program.
    """
    task = current_task()
    if task is None:
        raise SchedulerUsageError(
            "this works in a program only: give the function to `simulate(…, programs=[function])`"
        )
    client: ProgramClient = task.group.data
    return client


# -- Ordinary programs as processes of the SimPy driver.


class OrdinaryPrograms:
    """Starts ordinary programs on a service, and ends them with it.

    Args:
        service: that they use.
        scenario: where they take part.
        on_error: `raise`: the first exception of a program ends the run; `continue`: only the program.
        patience_seconds: how long one may wait outside of the simulation.
        notes: gets what the provenance of the run says of its programs.
    """

    def __init__(
        self,
        service: Service,
        scenario: ResolvedScenario,
        on_error: OnProgramError = "raise",
        patience_seconds: float = PATIENCE_SECONDS,
        notes: dict[str, Any] | None = None,
    ) -> None:
        self._service = service
        self._scenario = scenario
        self._on_error = on_error
        self._start_seconds = scenario.start.timestamp()
        self._baton = Baton(self._timer, self._now_seconds, patience_seconds)
        self._names: set[str] = set()
        self._notes: dict[str, Any] = {} if notes is None else notes

    def installed(self) -> AbstractContextManager[None]:
        """As long as they may run; see `Baton.installed`."""
        return self._baton.installed()

    def start(self, one: Program, starts_us: Sequence[int] = ()) -> None:
        """Start the clients of a program, each at its time, or all at once.

        Programs of the same name are told apart by numbers.
        """
        name, copy = one.name, 1
        while name in self._names:
            copy += 1
            name = f"{one.name}-{copy}"
        self._names.add(name)
        named = replace(one, name=name)
        if isinstance(one.think, Measured):
            self._notes["think_times"] = "measured on this machine"
        for number in range(1, one.clients + 1):
            start_us = starts_us[number - 1] if len(starts_us) else 0
            self._service.env.process(self._process(named, number, start_us))

    def _process(self, one: Program, number: int, start_us: int) -> Generator[simpy.Event, Any, None]:
        env, baton = self._service.env, self._baton
        if start_us:
            yield env.timeout(start_us)
        client = ProgramClient(self._service, baton, one, number, self._scenario)
        seed = int.from_bytes(client.name.encode()) * 2**64 + self._scenario.seed
        group = Group(client.name, one.account, RandomState(seed), client)
        ended = env.event()

        def carried() -> None:
            try:
                one.function()
            finally:
                ended.succeed()

        task = baton.start(group, carried)
        try:
            baton.run_until_idle()
            yield ended
        finally:
            baton.kill(group)
        if task.error is not None:
            self._report(group, task.error)

    def _report(self, group: Group, error: BaseException) -> None:
        where = _place_of(error)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        text = f"{group} failed{where}: {what}"
        if self._on_error == "raise" or not isinstance(error, Exception):
            raise ProgramError(text) from error
        self._notes.setdefault("program_errors", []).append(text)

    def _now_seconds(self) -> float:
        return self._start_seconds + self._service.now_us / SECOND

    def _timer(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        is_wanted = [True]

        def ring(_event: simpy.Event) -> None:
            if is_wanted:
                call()
                self._baton.run_until_idle()

        timeout = self._service.env.timeout(max(round(seconds * SECOND), 1 if seconds > 0 else 0))
        callbacks: Any = timeout.callbacks
        callbacks.append(ring)
        return is_wanted.clear


_OWN: Final = str(Path(__file__).parent.parent)
"""Where this package is, which is no place in a program."""


def _place_of(error: BaseException) -> str:
    """Where in the program it was raised."""
    frames = [
        entry for entry in traceback.extract_tb(error.__traceback__) if not entry.filename.startswith(_OWN)
    ]
    own = [entry for entry in frames if "site-packages" not in entry.filename] or frames
    return f" at {own[-1].filename}:{own[-1].lineno}" if own else ""


def _processor_clock() -> float:
    """What the machine worked: exactly one program at a time does, so it is that of the one that asks."""
    return time.process_time()
