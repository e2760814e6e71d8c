"""Requested QPU times of one source: given, drawn, or by the QPU's service-time model."""

from __future__ import annotations

from qsession_sim.queueing.service_time import execution_times_us, lognormal_noise
from qsession_sim.scenario.resolved import (
    LognormalNoise,
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedIterative,
)
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.distributions import Float64Array, counts, durations_us, sample
from qsession_sim.workload.part import Setting
from qsession_sim.workload.problems import source_error
from qsession_sim.workload.random_streams import Purpose

DrawnSource = ResolvedArrivals | ResolvedIterative | ResolvedBatches


def drawn_times_us(source: DrawnSource, setting: Setting, rows: int) -> Int64Array:
    """QPU times of a source of drawn jobs: `qpu_time` as drawn, or by the model; shape (rows,).

    Raises:
        ScenarioError: if a time is longer than 2**62 us, or nothing tells the time.
    """
    name = source.name
    if source.qpu_time is not None:
        values = sample(source.qpu_time, setting.generator(Purpose.QPU_TIME), rows)
        return durations_us(values, f"{name}.qpu_time", least_us=1)
    if source.circuits is None or source.shots is None:
        raise source_error(name, "needs qpu_time, or circuits and shots")
    circuits = counts(sample(source.circuits, setting.generator(Purpose.CIRCUITS), rows), f"{name}.circuits")
    shots = counts(sample(source.shots, setting.generator(Purpose.SHOTS), rows), f"{name}.shots")
    return modelled_times_us(circuits, shots, setting)


def modelled_times_us(circuits: Int64Array, shots: Int64Array, setting: Setting) -> Int64Array:
    """QPU times by the QPU's service-time model, with the noise of the stream; shape (jobs,).

    Raises:
        ScenarioError: if a time is longer than 2**62 us.
    """
    model = setting.service_time
    noise: Float64Array | None = None
    if isinstance(model.noise, LognormalNoise):
        noise = lognormal_noise(setting.generator(Purpose.NOISE), model.noise.sigma, len(circuits))
    try:
        return execution_times_us(circuits, shots, model.overhead, model.per_execution, noise)
    except OverflowError as error:
        raise source_error(setting.name, f"{error}; lower circuits or shots") from None
