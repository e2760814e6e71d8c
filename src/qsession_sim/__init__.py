"""A discrete-event simulator of a session-aware scheduler for quantum processors.

Names are imported when first used, so that `import qsession_sim` is quick:

>>> import qsession_sim as qs
>>> qs.parse_duration("2h30m")
9000000000
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from qsession_sim import testing as testing
    from qsession_sim.clients.programs import program as program
    from qsession_sim.errors import BundleError as BundleError
    from qsession_sim.errors import DurationError as DurationError
    from qsession_sim.errors import EngineError as EngineError
    from qsession_sim.errors import FigureError as FigureError
    from qsession_sim.errors import IllegalTransitionError as IllegalTransitionError
    from qsession_sim.errors import InvariantError as InvariantError
    from qsession_sim.errors import PolicyError as PolicyError
    from qsession_sim.errors import ProgramError as ProgramError
    from qsession_sim.errors import QSessionError as QSessionError
    from qsession_sim.errors import ScenarioError as ScenarioError
    from qsession_sim.errors import SchedulerUsageError as SchedulerUsageError
    from qsession_sim.errors import StudyError as StudyError
    from qsession_sim.errors import TaskError as TaskError
    from qsession_sim.errors import WorkloadFileError as WorkloadFileError
    from qsession_sim.experiment.executors import dask as dask
    from qsession_sim.experiment.executors import processes as processes
    from qsession_sim.experiment.externality import Externality as Externality
    from qsession_sim.experiment.externality import externality as externality
    from qsession_sim.experiment.simulate import simulate as simulate
    from qsession_sim.experiment.study import SavedStudy as SavedStudy
    from qsession_sim.experiment.study import SavedTuning as SavedTuning
    from qsession_sim.experiment.study import Study as Study
    from qsession_sim.experiment.study import compare as compare
    from qsession_sim.experiment.study import load as load
    from qsession_sim.experiment.study import replicate as replicate
    from qsession_sim.experiment.study import sweep as sweep
    from qsession_sim.experiment.tasks import Configuration as Configuration
    from qsession_sim.experiment.tune import Tuning as Tuning
    from qsession_sim.experiment.tune import tune as tune
    from qsession_sim.files import file_limits as file_limits
    from qsession_sim.policies.user import policy as policy
    from qsession_sim.results.run import Run as Run
    from qsession_sim.results.run import SavedRun as SavedRun
    from qsession_sim.scenario import build as build
    from qsession_sim.scenario.load import Scenario as Scenario
    from qsession_sim.scenario.load import load_scenario as load_scenario
    from qsession_sim.scheduler.view import JobView as JobView
    from qsession_sim.scheduler.view import ServiceView as ServiceView
    from qsession_sim.scheduler.vocabulary import Mode as Mode
    from qsession_sim.service.simpy_driver import Progress as Progress
    from qsession_sim.service.simpy_driver import Service as Service
    from qsession_sim.units import format_duration as format_duration
    from qsession_sim.units import parse_duration as parse_duration
    from qsession_sim.workload.columns import Workload as Workload
    from qsession_sim.workload.describe import describe_workload as describe_workload
    from qsession_sim.workload.draw import draw as draw
    from qsession_sim.workload.formats import write_workload as write_workload

__version__ = "0.1.0"

_NAMES: Final = {
    "errors": (
        "BundleError",
        "DurationError",
        "EngineError",
        "FigureError",
        "IllegalTransitionError",
        "InvariantError",
        "PolicyError",
        "ProgramError",
        "QSessionError",
        "ScenarioError",
        "SchedulerUsageError",
        "StudyError",
        "TaskError",
        "WorkloadFileError",
    ),
    "clients.programs": ("program",),
    "experiment.executors": ("dask", "processes"),
    "experiment.externality": ("Externality", "externality"),
    "experiment.simulate": ("simulate",),
    "experiment.study": ("SavedStudy", "SavedTuning", "Study", "compare", "load", "replicate", "sweep"),
    "experiment.tasks": ("Configuration",),
    "experiment.tune": ("Tuning", "tune"),
    "files": ("file_limits",),
    "policies.user": ("policy",),
    "results.run": ("Run", "SavedRun"),
    "scenario.load": ("Scenario", "load_scenario"),
    "scheduler.view": ("JobView", "ServiceView"),
    "scheduler.vocabulary": ("Mode",),
    "service.simpy_driver": ("Progress", "Service"),
    "units": ("format_duration", "parse_duration"),
    "workload.columns": ("Workload",),
    "workload.describe": ("describe_workload",),
    "workload.draw": ("draw",),
    "workload.formats": ("write_workload",),
}
"""What each module offers."""

_HOME: Final = {name: home for home, names in _NAMES.items() for name in names}

_MODULES: Final = {"build": "scenario.build", "testing": "testing"}

__all__ = ["__version__", *_MODULES, *_HOME]  # noqa: PLE0604 - the names of _HOME are strings


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
