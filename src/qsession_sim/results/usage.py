"""What each account is charged for (S62), in times, money and shares of quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.results.periods import (
    Periods,
    active_periods,
    chosen,
    clip,
    closings,
    has_stay,
    job_modes,
    left_qpu_us,
    total_us,
)
from qsession_sim.results.record import SESSION, TIME, Record
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import Int64Array, taken
from qsession_sim.workload.sources import every_account, plan_of_each

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.scenario.models import ResolvedScenario

Modes = npt.NDArray[np.int8]

COLUMNS: Final = ("account", "plan", "usage_us", "price", "quota_share")


@dataclass(frozen=True)
class Terms:
    """The name of an account's plan, and what it asks for a second of usage."""

    plan: str | None = None
    price_per_second: float | None = None


def terms_of(scenario: ResolvedScenario) -> dict[str, Terms]:
    """The terms of each account with a plan, by name."""
    plans = plan_of_each(scenario)
    accounts = every_account(scenario)
    return {name: Terms(accounts[name].plan, plan.price_per_second) for name, plan in plans.items()}


def account_usage(record: Record, terms: Mapping[str, Terms], since_us: int = 0) -> dict[str, dict[str, Any]]:
    """What each account used, by name, in the order of the accounts.

    - `usage_us`: of its sessions, batches and jobs (S62), from `since_us` to the end of the run.
    - `price`: of that usage; None without a price.
    - `quota_share`: the largest usage in a window of the quota (S60) that ends at `since_us` or later, by the
      quota; None without a quota.
    """
    periods = _charged_to_accounts(record)
    used_us = total_us(clip(periods, since_us), len(record.workload.accounts))
    shares = _quota_shares(record, periods, since_us)
    usage: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(record.workload.accounts):
        of_account = terms.get(name, Terms())
        price = of_account.price_per_second
        usage[name] = {
            "plan": of_account.plan,
            "usage_us": int(used_us[number]),
            "price": None if price is None else int(used_us[number]) * price / SECOND,
            "quota_share": shares.get(number),
        }
    return usage


def account_frame(record: Record, terms: Mapping[str, Terms]) -> pl.DataFrame:
    """The table of accounts: one row an account, over the whole run."""
    import polars as pl

    names = record.workload.accounts
    rows = [{"account": name, **usage} for name, usage in account_usage(record, terms).items()]
    kinds = (pl.Enum(names), pl.String, pl.Int64, pl.Float64, pl.Float64)
    return pl.DataFrame(rows, schema=dict(zip(COLUMNS, kinds, strict=True)), orient="row")


def charged(record: Record) -> tuple[Periods, Periods]:
    """The stretches of time that are charged (S62): of sessions, and of jobs in batches or job mode.

    A session is charged for each activation, and for the time from its close to the end of its job that is on
    the QPU then; a job for its stay on a QPU, unless an outage ended it. All up to the end of the run.
    """
    mode = job_modes(record, slice(None))
    active = active_periods(record)
    active = chosen(active, record.workload.sessions.mode[active.owner] == Mode.SESSION)
    return _joined(active, _overruns(record, mode)), _stays(record, mode)


def session_usage_us(record: Record) -> Int64Array:
    """What each session and batch costs (S62), up to the end of the run if unfinished; shape (sessions,)."""
    sessions = len(record.workload.sessions)
    if not sessions:
        return np.zeros(0, dtype=np.int64)
    of_sessions, of_jobs = charged(record)
    session = record.job_session[of_jobs.owner]
    of_batches = chosen(replace(of_jobs, owner=session), session >= 0)
    return total_us(_joined(of_sessions, of_batches), sessions)


def _charged_to_accounts(record: Record) -> Periods:
    """All that is charged, owned by accounts; the stretches of one may overlap, as on several QPUs."""
    (of_sessions, of_jobs), workload = charged(record), record.workload
    return _joined(
        replace(of_sessions, owner=taken(workload.sessions.account, of_sessions.owner)),
        replace(of_jobs, owner=taken(workload.jobs.account, of_jobs.owner)),
    )


def _overruns(record: Record, mode: Modes) -> Periods:
    """From the close of a session to the end of its job that was on the QPU (S16, S18)."""
    closing = closings(record)
    closed_us = np.full(len(record.workload.sessions), NEVER, dtype=np.int64)
    closed_us[closing[:, SESSION]] = closing[:, TIME]
    job = np.flatnonzero((mode == Mode.SESSION) & has_stay(record))
    session, left_us = record.job_session[job], left_qpu_us(record, job)
    since_us = closed_us[session]
    return chosen(Periods(session, since_us, left_us), (since_us >= 0) & (left_us > since_us))


def _stays(record: Record, mode: Modes) -> Periods:
    job = np.flatnonzero((mode != Mode.SESSION) & (record.reason != Reason.QPU_FAILED) & has_stay(record))
    rows = slice(None) if len(job) == len(record.started_us) else job
    return Periods(job, record.started_us[rows], left_qpu_us(record, rows))


def _joined(*parts: Periods) -> Periods:
    """The periods of all parts; without a copy if those of only one are any."""
    first, *more = [part for part in parts if len(part.owner)] or parts[:1]
    if not more:
        return first
    return Periods(
        np.concatenate([part.owner for part in parts]),
        np.concatenate([part.start_us for part in parts]),
        np.concatenate([part.end_us for part in parts]),
    )


def _quota_shares(record: Record, periods: Periods, since_us: int) -> dict[int, float]:
    """For each account with a quota, by number, the share of it that the fullest window used."""
    quotas = {number: spec.quota for number, spec in record.account_specs.items() if spec.quota is not None}
    if not quotas:
        return {}
    by_owner = np.argsort(periods.owner, kind="stable")  # sorted once: there may be many accounts
    owners = periods.owner[by_owner]
    shares: dict[int, float] = {}
    for number, quota in quotas.items():
        first, last = np.searchsorted(owners, (number, number + 1)).tolist()
        charged = chosen(periods, by_owner[first:last])
        shares[number] = most_in_window(charged, quota.window_us, since_us, record.end_us) / quota.amount
    return shares


def most_in_window(periods: Periods, window_us: int, since_us: int, until_us: int) -> int:
    """The longest time that any (t - window, t] with t from `since_us` to `until_us` shares with the periods.

    As a window moves, this grows and shrinks in straight lines, so the most is at one of their ends.

    Example:
        >>> periods = Periods(np.zeros(2, dtype=np.int64), np.array([0, 12]), np.array([10, 15]))
        >>> most_in_window(periods, 8, 0, 20), most_in_window(periods, 20, 0, 20)
        (8, 13)
    """
    edges_us = np.concatenate([periods.start_us, periods.end_us])
    ends_us = np.concatenate([edges_us, edges_us + window_us, [since_us, until_us]])
    ends_us = ends_us[(ends_us >= since_us) & (ends_us <= until_us)]
    inside = _elapsed_us(periods, ends_us) - _elapsed_us(periods, ends_us - window_us)
    return int(inside.max(initial=0))


def _elapsed_us(periods: Periods, at_us: Int64Array) -> Int64Array:
    """How much of the periods lies before each instant; overlapping ones count each."""
    edges_us = np.concatenate([periods.start_us, periods.end_us])
    order = np.argsort(edges_us, kind="stable")
    edges_us = np.append(0, edges_us[order])  # nothing is before time 0
    open_periods = np.append(0, np.cumsum(np.where(order < len(periods.owner), 1, -1)))
    elapsed_us = np.append(0, np.cumsum(open_periods[:-1] * np.diff(edges_us)))
    index = np.searchsorted(edges_us, np.maximum(at_us, 0), side="right") - 1
    since_edge_us = np.maximum(at_us, 0) - edges_us[index]
    result: Int64Array = elapsed_us[index] + open_periods[index] * since_edge_us
    return result
