"""WFP3 and UNICEF: scores that grow with the time waited, the largest first, in integers.

W. Tang, Z. Lan, N. Desai and D. Buettner, "Fault-aware, utility-based job scheduling on Blue Gene/P systems",
IEEE Cluster 2009. There a job's size is a number of nodes. Here it is the number of jobs of its session or
batch that stand in the queue together with it, itself included, and 1 in job mode: that is what asks for the
QPU in one piece.
"""

from __future__ import annotations

from typing import Final

from qsession_sim.scheduler.view import JobView, ServiceView

_SCALE: Final = 10**9


def wfp3(job: JobView, view: ServiceView) -> tuple[int, ...]:
    """Score (waited / estimate) cubed x size: large and old jobs first, long ones later."""
    waited_us = view.now_us - job.submitted_us
    return (-(waited_us**3 * view.waiting_together(job) * _SCALE // job.estimate_us**3),)


def unicef(job: JobView, view: ServiceView) -> tuple[int, ...]:
    """Score waited / (estimate x digits of size): small and short jobs first.

    The number of binary digits of the size, floor(log2(size)) + 1, stands for its logarithm, which is 0 at 1.
    """
    waited_us = view.now_us - job.submitted_us
    digits = view.waiting_together(job).bit_length()
    return (-(waited_us * _SCALE // (job.estimate_us * digits)),)
