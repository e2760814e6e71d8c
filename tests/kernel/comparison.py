"""What a run leaves behind, so that those of all engines are compared whole."""

from __future__ import annotations

from typing import Any

import pytest

from qsession_sim.kernel.columns import is_compiled
from qsession_sim.kernel.engine import Outcome
from qsession_sim.scheduler.plan import Plan, Rules
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.scheduler.scheduler import Scheduler

FORMS = [
    pytest.param(False, id="interpreted"),
    pytest.param(
        True,
        id="compiled",
        marks=pytest.mark.skipif(not is_compiled(), reason="the kernel is not compiled"),
    ),
]
"""The forms of the kernel that are there, as the argument `compiled`."""

IS_COMPILED = (False, True) if is_compiled() else (False,)
"""The same without pytest."""


def everything(outcome: Outcome) -> dict[str, Any]:
    """All that there is to compare, with the types of columns."""
    columns = {name: column for name, column in vars(outcome.journal).items() if not name.startswith("_")}
    return {name: _typed(column) for name, column in columns.items()} | {
        "end_us": outcome.end_us,
        "events": outcome.events,
        "session_qpu": list(outcome.session_qpu),
        "requested_us": list(outcome.requested_us),
    }


def _typed(column: Any) -> tuple[str, list[int]]:
    """Its type code, of an array of NumPy, too; a list has none."""
    dtype = getattr(column, "dtype", None)
    return getattr(column, "typecode", "") if dtype is None else dtype.char, list(column)


def by_scheduler(plan: Plan, rules: Rules, policy: QueuePolicy, horizon_us: int | None) -> Outcome:
    """The same from the reference, driven as S6 says."""
    scheduler = Scheduler(plan, rules, queue_policy=policy)
    if horizon_us is None:
        scheduler.advance(0)
        scheduler.advance_while_needed()
    else:
        scheduler.advance(horizon_us - 1)
        scheduler.finish_at(horizon_us)
    return Outcome(
        scheduler.journal,
        scheduler.now_us,
        scheduler.events_applied,
        scheduler.session_qpus,
        scheduler.job_columns.qpu_time_us,
    )
