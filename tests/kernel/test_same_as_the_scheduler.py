"""The kernel leaves behind what the scheduler does, to the byte (S7)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from qsession_sim.kernel import engine
from qsession_sim.kernel.refusals import why_not

from .comparison import FORMS, IS_COMPILED, by_scheduler, everything
from .random_plans import random_case

CASES = int(os.environ.get("KERNEL_CASES", "600"))
PIECES = 4
MILLION, MANY_PIECES = 1_000_000, 200


@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("compiled", FORMS)
def test_random_plans_leave_the_same_behind(compiled: bool, piece: int) -> None:
    compare(range(piece, CASES, PIECES), (compiled,))


@pytest.mark.million
@pytest.mark.parametrize("piece", range(MANY_PIECES))
def test_a_million_random_plans_leave_the_same_behind(piece: int) -> None:
    compare(range(piece, MILLION, MANY_PIECES), IS_COMPILED)


def compare(seeds: range, forms: Sequence[bool]) -> None:
    for seed in seeds:
        case = random_case(seed)
        assert why_not(case.plan, case.rules, case.policy, case.horizon_us) is None
        expected = everything(by_scheduler(case.plan, case.rules, case.policy, case.horizon_us))
        for compiled in forms:
            outcome = engine.run(case.plan, case.rules, case.policy, case.horizon_us, compiled=compiled)
            assert everything(outcome) == expected, f"seed {seed}"
