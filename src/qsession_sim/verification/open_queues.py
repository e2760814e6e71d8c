"""Jobs that arrive in Poisson processes: one class, priorities, vacations, patience, and several servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from qsession_sim.experiment.simulate import simulate
from qsession_sim.queueing import theory
from qsession_sim.queueing.recursions import kiefer_wolfowitz
from qsession_sim.scenario.load import load_scenario
from qsession_sim.verification.comparisons import (
    SERVICE_SECONDS,
    Comparison,
    Cycles,
    DoneJobs,
    Experiment,
    ServiceTimes,
    arrivals,
    arrivals_to_empty,
    constant,
    exponential,
    jobs_of,
    lognormal,
    scenario,
)
from qsession_sim.workload.draw import draw

LONG_WAIT_SECONDS = 2.0 * SERVICE_SECONDS
"""The share of jobs that wait longer than this is compared, too."""

LOGNORMAL = lognormal(median_seconds=9, sigma=0.5)

_JOBS_OF_A_RUN = 500_000
_LOWEST_PRIORITY = -1


def m_m_1(load: float, jobs: int) -> Experiment:
    """M/M/1: waiting, its tail, queue length and utilization."""

    def compare(seed: int) -> list[Comparison]:
        service = exponential()
        cycles, rate = _first_in_first_out(f"M-M-1 load {load}", service, load, jobs, seed)
        long_run = theory.m_m_1(rate, service.mean)
        tail = theory.m_m_c_waits_longer(rate, service.mean, 1, LONG_WAIT_SECONDS)
        waiting, served = cycles.jobs.waiting_seconds, cycles.jobs.service_seconds
        compared = partial(Comparison, "M/M/1", f"load {load}", load)
        return [
            compared("mean waiting", "theory.m_m_1", long_run.mean_waiting, cycles.mean_of_jobs(waiting)),
            compared(
                f"share waiting over {LONG_WAIT_SECONDS:.0f} s",
                "theory.m_m_c_waits_longer",
                tail,
                cycles.mean_of_jobs(waiting > LONG_WAIT_SECONDS),
            ),
            compared(
                "mean queue length",
                "theory.little",
                theory.little(rate, long_run.mean_waiting),
                cycles.mean_of_time(waiting),
            ),
            compared("utilization", "theory.m_m_1", long_run.utilization, cycles.mean_of_time(served)),
        ]

    return Experiment(f"M/M/1, load {load}", compare)


def m_d_1(load: float, jobs: int) -> Experiment:
    """M/D/1: waiting."""
    service = constant()
    return _one_class("M/D/1", service, load, jobs, "m_d_1", service.mean)


def m_g_1(load: float, jobs: int) -> Experiment:
    """M/G/1 with lognormal QPU times: waiting."""
    return _one_class("M/G/1 lognormal", LOGNORMAL, load, jobs, "m_g_1", LOGNORMAL.mean, LOGNORMAL.variance)


def priorities(
    shares: Sequence[float], services: Sequence[ServiceTimes], load: float, jobs: int
) -> Experiment:
    """Classes of priority, the most urgent first: the waiting of each.

    Args:
        shares: what each class takes of the load; they sum to 1.
        services: of each class.
        load: of all together.
        jobs: about so many of each class.
    """
    system = f"{len(shares)} priorities"

    def compare(seed: int) -> list[Comparison]:
        loads = [share * load for share in shares]
        # all streams last equally long: that in which the first has its number of jobs
        seconds = jobs * services[0].mean / loads[0]
        streams = [
            arrivals(
                f"{system} load {load} class {index}",
                service,
                part,
                round(seconds * part / service.mean),
                priority=len(shares) - index,
            )
            for index, (service, part) in enumerate(zip(services, loads, strict=True))
        ]
        ends = min(int(stream.source["until"].removesuffix("us")) for stream in streams)
        sources = [{**stream.source, "until": f"{ends}us"} for stream in streams]
        observed = jobs_of(simulate(scenario(seed, *sources, queue="priority")).record)
        cycles = _cycles(observed)
        expected = theory.m_g_1_priorities(
            [stream.rate for stream in streams],
            [service.mean for service in services],
            [service.variance for service in services],
        )
        compared = partial(Comparison, system, f"load {load}", load)
        waiting, stream = cycles.jobs.waiting_seconds, cycles.jobs.stream
        return [
            compared(
                f"mean waiting, class {index + 1}",
                "theory.m_g_1_priorities",
                long_run.mean_waiting,
                cycles.mean_of_jobs(waiting, stream == index),
            )
            for index, long_run in enumerate(expected)
        ]

    return Experiment(f"{system}, load {load}", compare)


def vacations(load: float, jobs: int) -> Experiment:
    """M/G/1 with vacations: sessions that hold the QPU whenever no job waits.

    Many sessions of one job each stand in the queue from the start, with the lowest priority. One starts
    whenever no other job waits; it computes, holds the QPU until its timeout, and is gone (S12, S14). To the
    other jobs that is a vacation, and its start is the beginning of a cycle.
    """
    computes, timeout_seconds = exponential(5), 15
    mean_vacation, service = computes.mean + timeout_seconds, exponential()

    def compare(seed: int) -> list[Comparison]:
        stream = arrivals(f"vacations load {load} jobs", service, load, jobs)
        length = jobs / stream.rate
        holders = {
            "kind": "iterative",
            "name": f"vacations load {load} holders",
            "account": "holders",
            "mode": "session",
            "priority": _LOWEST_PRIORITY,
            # a tenth more than are likely to be used, so that they do not run out
            "clients": round(1.1 * (1 - load) * length / mean_vacation),
            "iterations": 1,
            "qpu_time": computes.drawn,
            "interactive_timeout": f"{timeout_seconds}s",
            "on_finish": "leave",
        }
        run = simulate(scenario(seed, stream.source, holders, queue="priority"))
        cycles = _between_vacations(jobs_of(run.record))
        expected = theory.m_g_1_vacations(
            stream.rate, service.mean, service.variance, mean_vacation, computes.variance
        )
        formula = "theory.m_g_1_vacations"
        return [_waiting("M/M/1 with vacations", load, formula, expected.mean_waiting, cycles)]

    return Experiment(f"M/M/1 with vacations, load {load}", compare)


def m_m_1_m(load: float, jobs: int) -> Experiment:
    """M/M/1+M: how many jobs lose their patience (S27), and how long all of them wait for the QPU or that."""
    service, patience = exponential(), exponential(2 * SERVICE_SECONDS)

    def compare(seed: int) -> list[Comparison]:
        stream = arrivals(f"M-M-1-M load {load}", service, load, jobs)
        record = simulate(scenario(seed, {**stream.source, "patience": patience.drawn})).record
        started = record.started_us >= 0
        until_us = np.where(started, record.started_us, record.ended_us)
        cycles = _cycles(jobs_of(replace(record, started_us=until_us)))
        left = cycles.jobs.ended_us == cycles.jobs.started_us  # S2: nobody is served for no time
        expected = theory.m_m_1_m(stream.rate, service.mean, patience.mean)
        compared = partial(Comparison, "M/M/1+M", f"load {load}", load)
        waiting = cycles.mean_of_jobs(cycles.jobs.waiting_seconds)
        return [
            compared("share that abandons", "theory.m_m_1_m", expected.abandoning, cycles.mean_of_jobs(left)),
            compared("mean waiting", "theory.m_m_1_m", expected.mean_waiting, waiting),
        ]

    return Experiment(f"M/M/1+M, load {load}", compare)


def m_m_c(servers: int, load: float, jobs: int) -> Experiment:
    """M/M/c: waiting and the share that waits, by Kiefer and Wolfowitz's recursion on a drawn workload."""

    def compare(seed: int) -> list[Comparison]:
        service = exponential()
        stream = arrivals(f"M-M-{servers} load {load}", service, load * servers, jobs)
        drawn = draw(load_scenario(scenario(seed, stream.source)).resolved).jobs
        waiting_us = kiefer_wolfowitz(drawn.at_us, drawn.qpu_time_us, servers)
        started_us = drawn.at_us + waiting_us
        observed = DoneJobs(drawn.at_us, started_us, started_us + drawn.qpu_time_us, drawn.stream)
        cycles = _cycles(observed)
        waiting = cycles.jobs.waiting_seconds
        long_run = theory.m_m_c(stream.rate, service.mean, servers)
        compared = partial(Comparison, "M/M/c", f"{servers} servers, load {load}", float(servers))
        return [
            compared("mean waiting", "theory.m_m_c", long_run.mean_waiting, cycles.mean_of_jobs(waiting)),
            compared(
                "share that waits",
                "theory.erlang_c",
                theory.erlang_c(servers, stream.rate * service.mean),
                cycles.mean_of_jobs(waiting > 0),
            ),
        ]

    return Experiment(f"M/M/{servers}, load {load}", compare)


def _one_class(
    system: str, service: ServiceTimes, load: float, jobs: int, formula: str, *moments: float
) -> Experiment:
    """The waiting of one class, first in first out, by a formula of `theory` for the rate and the moments."""

    def compare(seed: int) -> list[Comparison]:
        streams = system.split(maxsplit=1)[0].replace("/", "-")
        cycles, rate = _first_in_first_out(f"{streams} load {load}", service, load, jobs, seed)
        long_run: theory.LongRun = getattr(theory, formula)(rate, *moments)
        return [_waiting(system, load, f"theory.{formula}", long_run.mean_waiting, cycles)]

    return Experiment(f"{system}, load {load}", compare)


def _first_in_first_out(
    name: str, service: ServiceTimes, load: float, jobs: int, seed: int
) -> tuple[Cycles, float]:
    """Cycles of independent runs, to need less memory at a time, and the rate of arrivals."""
    runs = -(-jobs // _JOBS_OF_A_RUN)
    streams = [arrivals(f"{name} run {run}", service, load, jobs // runs) for run in range(1, runs + 1)]
    parts = [_cycles(jobs_of(simulate(scenario(seed, stream.source)).record)) for stream in streams]
    return Cycles.pooled(parts), streams[-1].rate


def _cycles(observed: DoneJobs) -> Cycles:
    """Between jobs that find nobody in the system."""
    return Cycles.between(observed, arrivals_to_empty(observed))


def _between_vacations(observed: DoneJobs) -> Cycles:
    """Cycles of the first stream's jobs, between the starts of the second's, while jobs still come."""
    of_holders = observed.stream == 1
    starts_us = np.sort(observed.started_us[of_holders])
    last_us = observed.submitted_us[~of_holders].max()
    return Cycles.between(observed.taken(~of_holders), starts_us[starts_us <= last_us])


def _waiting(system: str, load: float, formula: str, expected: float, cycles: Cycles) -> Comparison:
    interval = cycles.mean_of_jobs(cycles.jobs.waiting_seconds)
    return Comparison(system, f"load {load}", load, "mean waiting", formula, expected, interval)
