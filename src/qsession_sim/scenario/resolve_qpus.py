"""Windows, phases and estimates from the human form to the resolved form."""

from __future__ import annotations

from typing import Any

from qsession_sim.scenario.human_qpus import HumanEstimate, HumanPhases, HumanWindow
from qsession_sim.scenario.resolved_qpus import ResolvedEstimate, ResolvedWindow


def resolve_window(window: HumanWindow) -> ResolvedWindow:
    """Make the first start explicit: one period in, unless it is given (S52).

    Example:
        >>> resolve_window(HumanWindow(kind="calibration", every="1h", duration="2m")).at
        3600000000
    """
    return ResolvedWindow.model_construct(
        kind=window.kind,
        at=window.every if window.at is None else window.at,
        every=window.every,
        duration=window.duration,
        account=window.account,
        time_between_failures=window.time_between_failures,
        repair_time=window.repair_time,
        until=window.until,
    )


def resolve_phases(source: HumanPhases) -> dict[str, Any]:
    """The keys of `ResolvedPhases`."""
    return {
        "qpu": source.qpu,
        "preparation": source.preparation,
        "post_processing": source.post_processing,
        "estimate": _estimate(source.estimate),
    }


def _estimate(estimate: HumanEstimate | None) -> ResolvedEstimate | None:
    if estimate is None or estimate.method is None or estimate.method == "perfect":
        return None
    return ResolvedEstimate.model_construct(
        method=estimate.method, factor=estimate.factor, time=estimate.time
    )
