"""What iterative clients do: how long they think, how often they go on, how their shots change."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from qsession_sim.scenario.client_habits import (
    GeometricShots,
    LinearShots,
    ShotsByIteration,
    SteppedShots,
)
from qsession_sim.scenario.resolved import ResolvedIterative
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.distributions import (
    Float64Array,
    counts,
    durations_us,
    sample,
    sampled_durations_us,
)
from qsession_sim.workload.part import Setting
from qsession_sim.workload.random_streams import Purpose


def drawn_iterations(source: ResolvedIterative, setting: Setting, clients: int) -> Int64Array:
    """Iterations of each client, early stops included; shape (clients,).

    Whether a client stops after an iteration is a trial of its own, so their number is geometric:
    P(more than k trials) = (1 - probability)^k, drawn by inversion from one uniform number a client.
    """
    values = sample(source.iterations, setting.generator(Purpose.ITERATIONS), clients)
    iterations = counts(values, f"{source.name}.iterations")
    stop = source.early_stop
    if stop is None or stop.probability == 0:
        return iterations
    uniform = setting.generator(Purpose.EARLY_STOP).random(clients)
    with np.errstate(divide="ignore", over="ignore"):
        failures = np.floor(np.log1p(-uniform) / np.log1p(-stop.probability))
    last = np.minimum(stop.after + failures, iterations)
    # as a float, a number of iterations may be above itself
    stopped: Int64Array = np.minimum(last.astype(np.int64), iterations)
    return stopped


def drawn_think_times_us(source: ResolvedIterative, setting: Setting, rows: int) -> Int64Array:
    """Time before each iteration, a pause where there is one; shape (rows,).

    Every iteration has a think time, a pause and a trial between them, so that another probability leaves
    the times themselves as they are.
    """
    path = f"{source.name}.think_time"
    think_us = sampled_durations_us(source.think_time, setting.generator(Purpose.THINK), rows, path)
    pauses = source.pauses
    if pauses is None:
        return think_us
    paused = setting.generator(Purpose.PAUSE).random(rows) < pauses.probability
    values = sample(pauses.duration, setting.generator(Purpose.PAUSE_DURATION), rows)
    return np.where(paused, durations_us(values, f"{source.name}.pauses.duration"), think_us)


def changed_shots(change: ShotsByIteration, shots: Float64Array, iteration: Int64Array) -> Float64Array:
    """Shots of every iteration, not yet rounded.

    Args:
        change: how shots change.
        shots: as drawn, shape (n,).
        iteration: number of the iteration, from 1, shape (n,).

    Example:
        >>> growing = LinearShots(kind="linear", step=100.0, at_most=1150.0)
        >>> changed_shots(growing, np.full(3, 1000.0), np.array([1, 2, 3])).tolist()
        [1000.0, 1100.0, 1150.0]
    """
    match change:
        case LinearShots():
            return _within(change, shots + change.step * (iteration - 1))
        case GeometricShots():
            with np.errstate(over="ignore"):
                return _within(change, shots * change.factor ** (iteration - 1.0))
        case SteppedShots():
            first = [step.from_iteration for step in change.steps]
            later = np.array([step.shots for step in change.steps], dtype=np.float64)
            step = np.searchsorted(first, iteration, side="right") - 1
            return np.where(step < 0, shots, later[step])
        case _:
            assert_never(change)


def _within(change: LinearShots | GeometricShots, shots: Float64Array) -> Float64Array:
    low = -np.inf if change.at_least is None else change.at_least
    high = np.inf if change.at_most is None else change.at_most
    clipped: Float64Array = np.clip(shots, low, high)
    return clipped
