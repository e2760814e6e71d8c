"""A scenario that is served: from its file to the run that its clients and its own workload made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qsession_sim.clients.pubs import stub_result
from qsession_sim.clients.world import Compute, QpuTime, World
from qsession_sim.experiment.simulate import finished, prepare_live
from qsession_sim.results.run import Run
from qsession_sim.scenario.accounts import AccountPlans
from qsession_sim.scenario.load import Scenario
from qsession_sim.server.clocks import Clock, JumpClock, SpeedClock
from qsession_sim.units import SECOND
from qsession_sim.workload.sources import plan_of_each

REQUEST_US: Final = 50_000
"""Of real time, that a request and the client around it take."""

SMALL: Final = 100
"""As many of these, times the speed, have to fit into the interactive timeout without a warning."""


@dataclass
class Serving:
    """A world with its clock, from which a run is made at the end."""

    scenario: Scenario
    world: World
    clock: Clock
    provenance: Mapping[str, Any]

    def finish(self) -> Run:
        """Let the rest of the run pass, without clients, and give the run.

        Raises:
            QSessionError: what ended the run before.
        """
        if self.clock.error is not None:
            raise self.clock.error
        with self.scenario.placing_problems():
            self.clock.finish()
        return finished(self.scenario, self.world.live, self.provenance)


def serving(
    source: str | Path | Mapping[str, Any] | Scenario,
    *,
    speed: float | None = None,
    clients: int = 1,
    qpu_time: QpuTime | None = None,
    compute: Compute = stub_result,
    note: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Serving:
    """Make what a server serves.

    Args:
        source: of the scenario, as for `simulate`.
        speed: simulated time is real time times this; None: time jumps while all clients wait.
        clients: how many take part, where time jumps.
        qpu_time: QPU times of jobs, instead of the service-time model.
        compute: results of jobs.
        note: told of clients that are gone.
        options: as for `experiment.simulate.prepare_live`.

    Raises:
        ScenarioError: if the scenario cannot be served.

    Example:
        >>> served = serving({"workload": []})
        >>> served.clock.mode, served.finish().record.end_us
        ('jump', 0)
    """
    functions: Sequence[Callable[..., Any]] = [] if qpu_time is None else [qpu_time]
    functions = functions if compute is stub_result else [*functions, compute]
    scenario, live, provenance = prepare_live(source, functions=functions, **options)
    resolved, planned = scenario.resolved, len(live.journal.stage)
    clock: Clock
    if speed is None:
        clock = JumpClock(live, resolved.horizon, planned, clients=clients, note=note)
    else:
        clock = SpeedClock(live, resolved.horizon, planned, speed=speed)
    with scenario.placing_problems():
        world = World(live, resolved, clock=clock.now_us, qpu_time=qpu_time, compute=compute)
    return Serving(scenario, world, clock, {"clock": clock.mode, **provenance})


def too_fast(scenario: Scenario, speed: float) -> str | None:
    """The warning where a client's own delays, times the speed, are not small against an interactive timeout.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> too_fast(load_scenario({"workload": []}), 5.0) is None
        True
    """
    resolved = scenario.resolved
    plans = [
        AccountPlans(resolved.profile, {}).of(None),
        *plan_of_each(resolved).values(),
    ]
    shortest_us = min(plan.timeout_of("session").of(None) for plan in plans)
    if speed * REQUEST_US * SMALL <= shortest_us:
        return None
    return (
        f"at {speed:g} times real time a request of {REQUEST_US / 1000:g} ms takes "
        f"{speed * REQUEST_US / SECOND:g} s of simulated time, against an interactive timeout of "
        f"{shortest_us / SECOND:g} s; sessions may end because the client is slow (--jump has no such effect)"
    )
