"""Public help for tests: invariants of finished runs, random scenarios, and checks of queue policies.

Names are imported when first used. `check_invariants` and `write_yaml` need nothing else, `SimulatedService`
needs the extra `serve`, and the rest Hypothesis or pytest, which the extra `testing` installs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from qsession_sim.scenario.yaml_source import write_yaml as write_yaml
    from qsession_sim.testing.invariants import check_invariants as check_invariants
    from qsession_sim.testing.machine import commands as commands
    from qsession_sim.testing.machine import policy_machine as policy_machine
    from qsession_sim.testing.policies import check_policy as check_policy
    from qsession_sim.testing.policies import parametrize_policies as parametrize_policies
    from qsession_sim.testing.services import SimulatedService as SimulatedService
    from qsession_sim.testing.strategies import scenarios as scenarios
    from qsession_sim.testing.strategies import workloads as workloads

_HOME: Final = {
    "SimulatedService": "qsession_sim.testing.services",
    "check_invariants": "qsession_sim.testing.invariants",
    "check_policy": "qsession_sim.testing.policies",
    "commands": "qsession_sim.testing.machine",
    "parametrize_policies": "qsession_sim.testing.policies",
    "policy_machine": "qsession_sim.testing.machine",
    "scenarios": "qsession_sim.testing.strategies",
    "workloads": "qsession_sim.testing.strategies",
    "write_yaml": "qsession_sim.scenario.yaml_source",
}

__all__ = [*_HOME]  # noqa: PLE0604 - they are strings

_OPTIONAL: Final = {"hypothesis": "testing", "pytest": "testing", "starlette": "serve", "uvicorn": "serve"}
"""By what is imported, the extra that has it."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _OPTIONAL:
            raise
        raise ModuleNotFoundError(
            f"qsession_sim.testing.{name} needs {missing}, which is not installed; "
            f"pip install 'qsession-sim[{_OPTIONAL[missing]}]'",
            name=missing,
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
