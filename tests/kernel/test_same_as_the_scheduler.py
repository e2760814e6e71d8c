"""The kernel leaves behind what the scheduler does, to the byte (S7)."""

from __future__ import annotations

import os

import pytest

from qsession_sim.kernel import engine

from .comparison import FORMS, by_scheduler, everything
from .random_plans import random_case

CASES = int(os.environ.get("KERNEL_CASES", "600"))
PIECES = 4


@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("compiled", FORMS)
def test_random_plans_leave_the_same_behind(compiled: bool, piece: int) -> None:
    for seed in range(piece, CASES, PIECES):
        case = random_case(seed)
        assert engine.why_not(case.plan, case.rules, case.policy) is None
        expected = everything(by_scheduler(case.plan, case.rules, case.policy, case.horizon_us))
        outcome = engine.run(case.plan, case.rules, case.policy, case.horizon_us, compiled=compiled)
        assert everything(outcome) == expected, f"seed {seed}"
