"""Clients that think and return: a closed population, and one session with its timeout."""

from __future__ import annotations

from functools import partial

import numpy as np

from qsession_sim.experiment.simulate import simulate
from qsession_sim.queueing import theory
from qsession_sim.queueing.statistics import (
    Float64Array,
    batch_means_interval,
    mean_interval,
    mser5,
    ratio_interval,
)
from qsession_sim.queueing.theory import LongRun
from qsession_sim.results.run import Run
from qsession_sim.units import SECOND
from qsession_sim.verification.comparisons import (
    Comparison,
    Cycles,
    Experiment,
    ServiceTimes,
    arrivals_to_empty,
    clients,
    constant,
    exponential,
    jobs_of,
    scenario,
    session,
)
from qsession_sim.workload.columns import BoolArray, Int64Array

THINK_SECONDS = 100
"""Mean think time of the clients of a population."""

SESSION_THINK_SECONDS = 10
"""Mean think time in the one session."""

_EXPONENTIAL_THINK = {"kind": "exponential", "mean": f"{THINK_SECONDS}s"}
_BATCHES = 30


def exponential_service(number: int, jobs: int) -> Experiment:
    """Clients with exponential think and service times: utilization and response."""
    return _population("clients", "exponential", exponential(), number, jobs)


def constant_service(number: int, jobs: int) -> Experiment:
    """Clients with exponential think times and constant service: utilization and response."""
    return _population("clients, constant service", "constant", constant(), number, jobs)


def _population(system: str, kind: str, service: ServiceTimes, number: int, jobs: int) -> Experiment:
    formula = f"{kind}_service"

    def compare(seed: int) -> list[Comparison]:
        source = clients(f"{kind} {number}", number, jobs // number, _EXPONENTIAL_THINK, service)
        cycles = _cycles(simulate(scenario(seed, source)), number)
        expected: LongRun = getattr(theory, formula)(number, THINK_SECONDS, service.mean)
        compared = partial(Comparison, system, f"{number} clients", float(number))
        utilization = cycles.mean_of_time(cycles.jobs.service_seconds)
        response = cycles.mean_of_jobs(cycles.jobs.response_seconds)
        return [
            compared("utilization", f"theory.{formula}", expected.utilization, utilization),
            compared("mean response", f"theory.{formula}", expected.mean_response, response),
        ]

    return Experiment(f"{number} {system}", compare)


def uniform_think(number: int, jobs: int) -> Experiment:
    """Clients with uniform think times, of which only the mean matters: response.

    Such a population does not begin anew when all think, so that there are batches here instead of cycles,
    without what MSER-5 takes for the warm-up.
    """

    def compare(seed: int) -> list[Comparison]:
        service = exponential()
        think = {"kind": "uniform", "low": "0s", "high": f"{2 * THINK_SECONDS}s"}
        source = clients(f"uniform {number}", number, jobs // number, think, service)
        run = simulate(scenario(seed, source))
        observed = jobs_of(run.record)
        responses = observed.response_seconds[observed.ended_us <= _complete_until_us(run, number)]
        interval = batch_means_interval(responses[mser5(responses).drop :], _BATCHES)
        expected = theory.exponential_service(number, THINK_SECONDS, service.mean)
        compared = partial(Comparison, "clients, uniform think times", f"{number} clients", float(number))
        formula = "theory.exponential_service"
        return [compared("mean response", formula, expected.mean_response, interval)]

    return Experiment(f"{number} clients, uniform think times", compare)


def idle_timeout(timeout_of_think: float, gaps: int) -> Experiment:
    """One session alone with exponential think times: what each gap does, and the share of time held.

    Args:
        timeout_of_think: the timeout, in mean think times.
        gaps: between its jobs.
    """
    timeout = timeout_of_think * SESSION_THINK_SECONDS

    def compare(seed: int) -> list[Comparison]:
        service = exponential(5)
        think = {"kind": "exponential", "mean": f"{SESSION_THINK_SECONDS}s"}
        source = session(f"session {timeout_of_think}", gaps + 1, think, service, f"{timeout}s")
        run = simulate(scenario(seed, source))
        ended_us, submitted_us = run.record.ended_us, run.record.submitted_us
        deactivates, held_seconds = what_gaps_do(run)
        cycle_seconds = (submitted_us[1:] - submitted_us[:-1]) / SECOND  # a service and the gap after it
        expected = theory.exponential_think(SESSION_THINK_SECONDS, timeout, service.mean)
        assert len(deactivates) == len(ended_us) - 1 == gaps
        compared = partial(Comparison, "one session", f"T/m = {timeout_of_think}", timeout_of_think)
        formula = "theory.exponential_think"
        return [
            compared(
                "share of gaps that deactivate",
                formula,
                expected.deactivates,
                mean_interval(deactivates.astype(np.float64)),
            ),
            compared("mean held in a gap", formula, expected.mean_held, mean_interval(held_seconds)),
            compared(
                "share of time held",
                formula,
                expected.held_share,
                ratio_interval(held_seconds, cycle_seconds),
            ),
        ]

    return Experiment(f"one session, T/m = {timeout_of_think}", compare)


def what_gaps_do(run: Run) -> tuple[BoolArray, Float64Array]:
    """Of each gap between the jobs of a run's only session: whether it deactivates, and seconds held.

    Read from the tables of transitions and intervals, both of shape (jobs - 1,).
    """
    import polars as pl

    since_us = run.record.ended_us[:-1]
    held_us = np.zeros(len(since_us), dtype=np.int64)
    held = run.intervals.filter(pl.col("kind") == "held")
    for_us = (held["end_us"] - held["start_us"]).to_numpy()
    gap = np.searchsorted(since_us, held["start_us"].to_numpy(), side="right") - 1
    within = held["start_us"].to_numpy() < run.record.submitted_us[-1]  # not after the last job
    np.add.at(held_us, gap[within], for_us[within])
    times_us = run.transitions.filter(pl.col("to_state") == "inactive")["time_us"].to_numpy()
    times_us = times_us[times_us < run.record.submitted_us[-1]]
    deactivates = np.zeros(len(since_us), dtype=np.bool_)
    deactivates[np.searchsorted(since_us, times_us, side="right") - 1] = True
    return deactivates, held_us / SECOND


def _cycles(run: Run, number: int) -> Cycles:
    """Between requests that find all other clients thinking, which are as good as new: exponentially."""
    observed = jobs_of(run.record)
    starts_us = arrivals_to_empty(observed)[1:]  # at time 0 the others do not think: they all come at once
    return Cycles.between(observed, starts_us[starts_us <= _complete_until_us(run, number)])


def _complete_until_us(run: Run, number: int) -> int:
    """The time at which the first client has done all its iterations: from then on there are fewer."""
    last_us: Int64Array = run.record.ended_us.reshape(number, -1)[:, -1]
    return int(last_us.min())
