"""Queue policies of users: functions, those in files, registered ones, and those that packages offer."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from qsession_sim.errors import PolicyError, hint
from qsession_sim.files import check_regular, reason, resolved
from qsession_sim.scheduler.queues import Order, OrderedByKey, ScannedOrder
from qsession_sim.scheduler.view import JobView, QueueInputs, ServiceView, asked_when
from qsession_sim.units import DAY, parse_duration

ENTRY_POINT_GROUP: Final = "qsession_sim.policies"
DEFAULT_WINDOW_US: Final = 28 * DAY
"""How far back a view looks at usage, unless a policy says something else; as in S63."""

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PolicyFunction = Callable[..., tuple[int, ...]]
"""A function from a job, or from a job and a view, to a tuple of ints; the smallest goes first."""

F = TypeVar("F", bound=PolicyFunction)


@dataclass(frozen=True)
class UserPolicy:
    """A queue policy that a function makes. What it answers is checked.

    Args:
        name: in messages and results.
        function: of a job, or of a job and a view.
        window_us: how far back a view looks at usage.
        spelling: by which the policy is found again in another process; None: the function itself is taken.
    """

    name: str
    function: PolicyFunction
    window_us: int = DEFAULT_WINDOW_US
    spelling: str | None = None

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def sees_service(self) -> bool:
        """Whether the function takes a view as well, and so is asked at every dispatch."""
        return _takes_view(self.function)

    @property
    def usage_window_us(self) -> int | None:
        """The window, where it is looked at."""
        return self.window_us if self.sees_service else None

    def make_order(self, inputs: QueueInputs, waits: bytes) -> Order:
        """An order without jobs."""
        checked = _Checked(self.name, self.function)
        if self.sees_service:
            return ScannedOrder(inputs, checked.dynamic_key, self.name, self.window_us, waits)
        return OrderedByKey(checked.static_key).make_order(inputs, waits)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self.spelling is None:
            return UserPolicy, (self.name, self.function, self.window_us)
        return _find_again, (self.spelling,)


def _find_again(spelling: str) -> UserPolicy:
    found = find_user_policy(spelling)
    if found is None:
        raise PolicyError(f"no queue policy is called {spelling!r} in this process")
    return found


class _Checked:
    """The keys of a user's policy, refused unless they are tuples of ints of one length."""

    def __init__(self, name: str, function: PolicyFunction) -> None:
        self._name = name
        self._function = function
        self._length: int | None = None

    def static_key(self, job: JobView) -> tuple[int, ...]:
        """Asked twice, since a static policy is asked only once for each entry into the queue."""
        when = asked_when(job)
        answer = self._ask(when, job)
        again = self._ask(when, job)
        if answer != again:
            raise PolicyError.about(
                f"queue policy {self._name!r} must give the same answer when asked twice; for",
                job.number,
                f"{when}, it gave {answer!r} and then {again!r}",
            )
        return answer

    def dynamic_key(self, job: JobView, view: ServiceView) -> tuple[int, ...]:
        """Asked once here; the queue asks again for the job that it takes."""
        return self._ask(asked_when(job, view.now_us), job, view)

    def _ask(self, when: str, job: JobView, *view: ServiceView) -> tuple[int, ...]:
        try:
            answer = self._function(job, *view)
        except (Exception, SystemExit) as error:
            raise PolicyError.about(
                f"queue policy {self._name!r} failed for", job.number, f"{when}: {_explain(error)}"
            ) from error
        if not isinstance(answer, tuple) or not all(isinstance(part, int) for part in answer):
            raise PolicyError.about(
                f"queue policy {self._name!r} must answer with a tuple of ints; for",
                job.number,
                f"{when}, it gave {answer!r}",
            )
        if self._length is None:
            self._length = len(answer)
        if len(answer) != self._length:
            raise PolicyError.about(
                f"queue policy {self._name!r} must answer with tuples of one length; for",
                job.number,
                f"{when}, it gave {answer!r}, after tuples of length {self._length}",
            )
        return answer


def _explain(error: Exception | SystemExit) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    # a syntax error says itself where it is
    place = "" if isinstance(error, SyntaxError) else f" ({Path(last.filename).name}:{last.lineno})"
    return f"{type(error).__name__}: {error}{place}" if str(error) else f"{type(error).__name__}{place}"


def positional_parameters(function: Callable[..., object]) -> list[inspect.Parameter] | None:
    """What can be given to a function by position; None if nobody knows."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def _takes_view(function: PolicyFunction) -> bool:
    """Whether a function has a second argument that must be given, or one called `view`."""
    positional = positional_parameters(function) or []
    return len(positional) > 1 and (
        positional[1].default is inspect.Parameter.empty or positional[1].name == "view"
    )


# ---------------------------------------------------------------- registered in this process

_REGISTERED: dict[str, UserPolicy] = {}


def policy(name: str, *, window: str = "28d") -> Callable[[F], F]:
    """Register a function as a queue policy, for this process.

    The function takes a job and, if it needs to, a read-only view of the service. It answers with a tuple of
    ints, and the job with the smallest goes first; of equal ones the one submitted first, then the one with
    the smaller number. Without a view it is asked when a job enters the queue, with one for every waiting
    job at every dispatch.

    Args:
        name: by which scenarios, `simulate` and the command line find it. Registering a name again replaces
            what it meant.
        window: how far back `view.recent_usage_us` looks, a duration.

    Raises:
        PolicyError: if a built-in policy has the name, or it is not a name.
        DurationError: if the window is not a duration.

    Example:
        >>> import qsession_sim as qs
        >>> @qs.policy("least_used_first")
        ... def least_used_first(job, view):
        ...     "Accounts with the least recent QPU time go first."
        ...     return (view.recent_usage_us(job.account), -job.priority)
        >>> job = {"id": "j1", "at": "0s", "account": "lab", "qpu_time": "3s"}
        >>> scenario = {"policies": {"queue": "least_used_first"},
        ...             "workload": [{"kind": "explicit", "jobs": [job]}]}
        >>> qs.simulate(scenario).scenario.resolved.policies.queue.name
        'least_used_first'
    """
    from qsession_sim.policies.builtin import BUILT_IN

    if not isinstance(name, str) or not name.isprintable() or name != name.strip() or not name:
        raise PolicyError(f"the name of a policy must be a text on one line, not {name!r}")
    if name in BUILT_IN:
        raise PolicyError(f"{name!r} is a built-in queue policy; register yours under another name")
    window_us = parse_duration(window)

    def register(function: F) -> F:
        if not callable(function):
            raise PolicyError(f"a queue policy must be a function, not {function!r}")
        _REGISTERED[name] = UserPolicy(name, function, window_us, name)
        return function

    return register


# ---------------------------------------------------------------- offered by packages, and in files


@cache
def _offered() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def user_policy_names() -> list[str]:
    """The names of registered policies and of those that installed packages offer, sorted."""
    return sorted({*_REGISTERED, *_offered()})


def find_user_policy(name: str) -> UserPolicy | None:
    """A registered policy, one of an installed package, or `file.py:function`; None: there is no such one.

    Raises:
        PolicyError: if it is there but cannot be loaded.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    file, colon, function = name.rpartition(":")
    if colon and file.endswith(".py"):
        return _as_policy(load_function(Path(file), function), name, name)
    return _of_package(_offered()[name]) if name in _offered() else None


def _of_package(point: EntryPoint) -> UserPolicy:
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise PolicyError(
            f"queue policy {point.name!r}, entry point {point.value}, cannot be loaded: {_explain(error)}"
        ) from error
    return _as_policy(found, point.name, point.value)


def of_function(function: PolicyFunction) -> UserPolicy:
    """A function as a policy; one that is registered keeps its name and window."""
    for registered in _REGISTERED.values():
        if registered.function is function:
            return registered
    return UserPolicy(getattr(function, "__name__", type(function).__name__), function)


def _as_policy(found: Any, spelling: str, where: str) -> UserPolicy:
    if not callable(found):
        raise PolicyError(f"{where}: a queue policy must be a function, not {found!r}")
    return UserPolicy(spelling, found, of_function(found).window_us, spelling)


def load_function(file: Path, name: str) -> Any:
    """What a Python file calls by a name; the file is run once for each content of it.

    Raises:
        PolicyError: if the file cannot be loaded, or has no such name.
    """
    module = _load(file)
    if not hasattr(module, name):
        functions = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise PolicyError(f"{file}: no function is called {name!r}; {hint(name, functions)}")
    return getattr(module, name)


def _load(file: Path) -> ModuleType:
    """Run a file as a module of its own, once for each content of it."""
    try:
        path = resolved(file)
        check_regular(path)
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise PolicyError(f"{file}: {reason(error)}") from None
    return _run_file(path, changed)


@cache
def _run_file(path: Path, _changed: int) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"qsession_sim_policy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PolicyError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look a module up by its name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise PolicyError(f"{path.name}: cannot be loaded: {_explain(error)}") from error
    return module
