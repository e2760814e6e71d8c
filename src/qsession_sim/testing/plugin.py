"""The plugin for pytest: the option --qsession-policy, what makes `parametrize_policies` work, and a fixture.

It is loaded by every pytest of an environment in which this package is installed, so it imports the rest
of it only when there is something to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from qsession_sim.testing.services import SimulatedService, SimulatedServices

MARK: Final = "qsession_policies"
"""The mark of tests to be parametrized; its arguments are the policies and the argument's name."""


@pytest.fixture
def simulated_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedServices]:
    """Serve scenarios to ordinary clients in this process: call it with one, as `testing.SimulatedService`.

    The environment has the variables of the one that was served last, until the test ends.
    """
    from qsession_sim.testing.services import SimulatedService

    with ExitStack() as stack:

        def serve(scenario: Any, **options: Any) -> SimulatedService:
            service = stack.enter_context(SimulatedService(scenario, **options))
            for name, value in service.variables.items():
                monkeypatch.setenv(name, value)
            return service

        yield serve


def pytest_addoption(parser: pytest.Parser) -> None:
    """Make the option known."""
    parser.getgroup("qsession-sim").addoption(
        "--qsession-policy",
        action="append",
        default=[],
        metavar="POLICY",
        help="a queue policy for tests with parametrize_policies: a name, or FILE.py:FUNCTION; repeatable",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and refuse policies that do not exist before anything runs."""
    config.addinivalue_line(
        "markers", f"{MARK}(policies, argument): run the test with each queue policy (parametrize_policies)"
    )
    given = config.getoption("--qsession-policy")
    if given:
        from qsession_sim.errors import PolicyError
        from qsession_sim.policies.registry import queue_policy

        for policy in given:
            try:
                queue_policy(policy)
            except PolicyError as error:
                from qsession_sim.report.text import one_line

                raise pytest.UsageError(one_line(f"--qsession-policy {policy}: {error}")) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize what has the mark."""
    for mark in metafunc.definition.iter_markers(MARK):
        from qsession_sim.policies.registry import QUEUE_POLICY_NAMES

        policies, argument = mark.args
        chosen = [*(policies or QUEUE_POLICY_NAMES), *metafunc.config.getoption("--qsession-policy")]
        named = {_name_of(policy): policy for policy in chosen}
        metafunc.parametrize(argument, [*named.values()], ids=[*named])


def _name_of(policy: Any) -> str:
    if isinstance(policy, str):
        return policy
    if isinstance(policy, Mapping):
        return ",".join(f"{key}={value}" if key != "name" else str(value) for key, value in policy.items())
    return getattr(policy, "__name__", type(policy).__name__)
