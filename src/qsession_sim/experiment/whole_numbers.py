"""Whole numbers that callers give."""

from __future__ import annotations

from typing import Any

from qsession_sim.errors import StudyError


def whole_number(number: Any, name: str, least: int) -> int:
    """Check a number.

    Raises:
        StudyError: if it is no int, or less than the least.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise StudyError(f"{name} must be a whole number of at least {least}, not {number!r}")
    return number
