"""The columns of a plan, whatever they are made of, and how they grow in a run."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from qsession_sim.scheduler.plan import growing


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([7, 8, 7], [7, 8, 7]),
        (memoryview(array("q", [7, 8, 7])), [7, 8, 7]),
        (memoryview(np.broadcast_to(np.int64(7), 3)), [7, 7, 7]),
        (memoryview(np.broadcast_to(np.int64(7), 0)), []),
    ],
    ids=["list", "memory", "one_value", "no_row"],
)
def test_a_column_is_copied_and_grows(column, values):
    grown = growing(column)
    grown.append(9)
    assert grown.tolist() == [*values, 9]
    assert list(column) == values
