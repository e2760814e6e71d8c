"""Sources that list their sessions and jobs one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.resolved import ResolvedExplicit, ResolvedJob, ResolvedSession
from qsession_sim.scenario.service_models import GivenModel
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.workload.columns import EMPTY_WORKLOAD, Int64Array, JobColumns, ListedNames, SessionColumns
from qsession_sim.workload.distributions import counts
from qsession_sim.workload.part import Part, Setting, filled
from qsession_sim.workload.phases import routes
from qsession_sim.workload.problems import source_error
from qsession_sim.workload.qpu_times import JobProperties, modelled_times_us, refuse_missing
from qsession_sim.workload.random_streams import Purpose


def draw_explicit(source: ResolvedExplicit, setting: Setting) -> Part:
    """Sessions and jobs in the given order.

    Columns `after` and `session` stay NEVER: ids may belong to another explicit source, so
    `numbers_of` fills them in when the rows of all sources are known.
    """
    return Part(
        jobs=_job_columns(source.jobs, setting),
        sessions=_session_columns(source.sessions, setting),
        clients=EMPTY_WORKLOAD.clients,
        job_names=ListedNames(tuple(job.id for job in source.jobs)),
        session_names=ListedNames(tuple(session.id for session in source.sessions)),
    )


def numbers_of(ids: Iterable[str | None], rows: Mapping[str, int], stream: str, what: str) -> Int64Array:
    """Row numbers of ids; NEVER where there is none.

    Raises:
        ScenarioError: if an id is not in `rows`; `stream` and `what` say where it stands.

    Example:
        >>> numbers_of(["b", None, "a"], {"a": 3, "b": 4}, "replay", "after").tolist()
        [4, -1, 3]
    """
    given = tuple(ids)
    unknown = sorted({name for name in given if name is not None and name not in rows})
    if unknown:
        raise ScenarioError(tuple(f"workload.{stream}: {what}: {name!r} does not exist" for name in unknown))
    return _column(None if name is None else rows[name] for name in given)


def _job_columns(jobs: tuple[ResolvedJob, ...], setting: Setting) -> JobColumns:
    unset = filled(len(jobs), NEVER)
    return JobColumns(
        at_us=_column(job.at for job in jobs),
        after=unset,
        think_us=_column(job.think or 0 for job in jobs),
        session=unset,
        client=unset,
        account=_column(setting.accounts[job.account] for job in jobs),
        stream=filled(len(jobs), setting.stream),
        qpu_time_us=_qpu_times_us(jobs, setting),
        max_execution_time_us=_column(job.max_execution_time for job in jobs),
        priority=_column(job.priority for job in jobs),
        cancel_us=_column(job.cancel for job in jobs),
        cancel_after_us=_column(job.cancel_after for job in jobs),
        qpu=_column(None if job.qpu is None else setting.qpus[job.qpu] for job in jobs),
        route=routes(setting, len(jobs), Purpose.ROUTE),
        preparation_us=_column(job.preparation or 0 for job in jobs),
        post_processing_us=_column(job.post_processing or 0 for job in jobs),
        estimate_us=_column(job.estimate for job in jobs),
    )


def _session_columns(sessions: tuple[ResolvedSession, ...], setting: Setting) -> SessionColumns:
    return SessionColumns(
        mode=_column(Mode[session.mode.upper()] for session in sessions),
        account=_column(setting.accounts[session.account] for session in sessions),
        stream=filled(len(sessions), setting.stream),
        client=filled(len(sessions), NEVER),
        created_us=_column(session.created for session in sessions),
        max_time_us=_column(session.max_time for session in sessions),
        interactive_timeout_us=_column(session.interactive_timeout for session in sessions),
        close_us=_column(session.close for session in sessions),
        cancel_us=_column(session.cancel for session in sessions),
        close_after_us=_column(session.close_after for session in sessions),
        cancel_after_us=_column(session.cancel_after for session in sessions),
        qpu=_column(None if session.qpu is None else setting.qpus[session.qpu] for session in sessions),
        route=routes(setting, len(sessions), Purpose.SESSION_ROUTE),
    )


def _qpu_times_us(jobs: tuple[ResolvedJob, ...], setting: Setting) -> Int64Array:
    """As given, or by the model; every job has its noise, so one job's key moves no other's."""
    for job in jobs:
        if job.qpu is not None and setting.models.get(job.qpu) != setting.service_time:
            continue  # it never comes to a QPU with this model
        if job.qpu_time is None and (job.circuits is None or job.shots is None):
            raise source_error(f"{setting.name}.{job.id}", "needs qpu_time, or circuits and shots")
        if job.qpu_time is None:
            refuse_missing(job, setting, f"{setting.name}.{job.id}")
    given_us = _column(job.qpu_time for job in jobs)
    if isinstance(setting.service_time, GivenModel):
        return given_us
    circuits = _numbers((job.circuits for job in jobs), setting, "circuits")
    shots = _numbers((job.shots for job in jobs), setting, "shots")
    modelled_us = modelled_times_us(
        JobProperties(
            circuits,
            shots,
            layers=_numbers((job.layers for job in jobs), setting, "layers"),
            qubits=_numbers((job.qubits for job in jobs), setting, "qubits"),
            depth=_numbers((job.depth for job in jobs), setting, "depth"),
        ),
        setting,
    )
    return np.where(given_us == NEVER, modelled_us, given_us)


def _numbers(values: Iterable[float | None], setting: Setting, what: str) -> Int64Array:
    given = np.fromiter((1.0 if value is None else value for value in values), dtype=np.float64)
    return counts(given, f"{setting.name}.{what}")


def _column(values: Iterable[int | None]) -> Int64Array:
    return np.fromiter((NEVER if value is None else value for value in values), dtype=np.int64)
