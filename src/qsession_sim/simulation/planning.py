"""From the columns of a workload to the scheduler's plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from qsession_sim.scheduler.plan import AccountSpec, ClientSpec, JobPlan, Plan, SessionSpec
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, OnFinish, OnRejection
from qsession_sim.workload.columns import Int64Array, JobColumns, SessionColumns, Workload


def plan_of(
    workload: Workload, accounts: Sequence[str], specs: Mapping[str, AccountSpec] | None = None
) -> Plan:
    """Share the job columns with the scheduler, without a copy, and make its sessions and clients.

    Args:
        workload: everything known before the run.
        accounts: names by number; those of the workload come first.
        specs: what accounts may do, by name.
    """
    jobs = workload.jobs
    planned = np.flatnonzero(jobs.at_us != NEVER)
    planned = planned[np.argsort(jobs.at_us[planned], kind="stable")]  # stable: ties go by number (S3)
    return Plan(
        jobs=JobPlan(
            **{
                name: memoryview(getattr(jobs, name))
                for name in _shared(JobPlan, jobs)
                if jobs.is_needed(name)
            }
        ),
        submissions_us=_column(jobs.at_us[planned]),
        submissions=_column(planned),
        follow_ups=_column(np.flatnonzero((jobs.after != NEVER) & (jobs.client == NEVER))),
        job_cancels=_column(np.flatnonzero(jobs.cancel_us != NEVER)),
        sessions=_sessions(workload),
        clients=_clients(workload),
        accounts=accounts,
        account_specs={n: specs[name] for n, name in enumerate(accounts) if name in specs} if specs else {},
        qpus=workload.qpu_specs,
        windows=workload.windows,
        qpu_times_us=tuple(map(_column, workload.qpu_times_us)),
        estimates_us=tuple(map(_column, workload.estimates_us)),
    )


def _shared(target: type[JobPlan | SessionSpec], columns: JobColumns | SessionColumns) -> list[str]:
    """The fields of the scheduler's side that the workload has columns for."""
    return [field.name for field in fields(target) if hasattr(columns, field.name)]


def _column(numbers: Int64Array) -> memoryview:
    return memoryview(np.ascontiguousarray(numbers, dtype=np.int64).data)


def _sessions(workload: Workload) -> tuple[SessionSpec, ...]:
    sessions = workload.sessions
    names = [name for name in _shared(SessionSpec, sessions) if name != "mode"]
    columns = [getattr(sessions, name).tolist() for name in names]
    return tuple(
        SessionSpec(Mode(mode), **dict(zip(names, row, strict=True)))
        for mode, *row in zip(sessions.mode.tolist(), *columns, strict=True)
    )


def _clients(workload: Workload) -> tuple[ClientSpec, ...]:
    clients = workload.clients
    columns = [getattr(clients, field.name).tolist() for field in fields(ClientSpec)]
    return tuple(
        ClientSpec(first, count, session, OnFinish(finish), OnError(error), OnRejection(rejection))
        for first, count, session, finish, error, rejection in zip(*columns, strict=True)
    )
