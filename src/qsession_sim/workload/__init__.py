"""Workloads: what a run starts from, drawn before it."""

from __future__ import annotations

from qsession_sim.workload.columns import Workload
from qsession_sim.workload.draw import draw

__all__ = ["Workload", "draw"]
