"""What is wrong between the keys of a window of availability, or between two windows (S52)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import gcd
from typing import Final

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.reading import Part, duration, given, parts

_FIXED: Final = ("at", "every", "duration")
_DRAWN: Final = ("time_between_failures", "repair_time")
_KINDS: Final = ("maintenance", "calibration", "outage", "reservation")

Span = tuple[int, int, int | None]
"""First start, duration, and time from one start to the next; microseconds."""


def window_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns windows in a scenario's plain data."""
    for path, qpu in parts(data, "qpus"):
        windows = list(parts(qpu, "windows", path))
        if windows and qpu.get("simulator") is True:
            what = "a simulator backend is always there (S22); remove them"
            yield Problem((*path, "windows"), what, at_key=True)
        for place, window in windows:
            if window.get("kind") in _KINDS:
                yield from _window(place, window, data)
        yield from _reservations(windows)


def _window(path: Path, window: Part, data: Part) -> Iterator[Problem]:
    kind = window["kind"]
    drawn = given(window, *_DRAWN)
    if kind == "reservation" and not given(window, "account"):
        yield Problem((*path, "account"), "missing; give the account for which the QPU is kept")
    for key in given(window, "account") if kind != "reservation" else ():
        yield Problem((*path, key), "belongs to reservations only; remove it", at_key=True)
    if not drawn:
        yield from _fixed(path, window)
    elif kind != "outage":
        for key in drawn:
            yield Problem((*path, key), "belongs to outages only; remove it", at_key=True)
    else:
        yield from _outages(path, window, data)


def _fixed(path: Path, window: Part) -> Iterator[Problem]:
    for key in given(window, "until"):
        what = "belongs to outages with time_between_failures and repair_time; remove it"
        yield Problem((*path, key), what, at_key=True)
    if not given(window, "at", "every"):
        yield Problem(path, "give at (a time), every (a period) or both")
    if not given(window, "duration"):
        yield Problem((*path, "duration"), "missing; give how long it lasts")
    every, lasts = duration(window.get("every")), duration(window.get("duration"))
    if every is not None and lasts is not None and lasts > every > 0:
        what = f"must not be longer than the time to the next one, {window['every']}"
        yield Problem((*path, "duration"), what, window["duration"])


def _outages(path: Path, window: Part, data: Part) -> Iterator[Problem]:
    for key in given(window, *_FIXED):
        what = "does not belong to outages with time_between_failures and repair_time; remove it"
        yield Problem((*path, key), what, at_key=True)
    for key in _DRAWN:
        if not given(window, key):
            yield Problem((*path, key), "missing; outages at random times need both")
    if not given(window, "until") and not given(data, "horizon"):
        yield Problem(path, "would never end; give until, or the scenario a horizon")


def _reservations(windows: list[tuple[Path, Part]]) -> Iterator[Problem]:
    spans = [
        (path, span)
        for path, window in windows
        if window.get("kind") == "reservation" and (span := _span(window)) is not None
    ]
    for (_, first), (path, second) in combinations(spans, 2):
        if overlaps(first, second):
            yield Problem(path, "overlaps another reservation of this QPU; only one account can have it")


def _span(window: Part) -> Span | None:
    every = duration(window.get("every"))
    at, lasts = duration(window.get("at")), duration(window.get("duration"))
    at = every if at is None and not given(window, "at") else at
    if (
        at is None
        or lasts is None
        or at < 0
        or lasts < 1
        or (given(window, "every") and not (every or 0) > 0)
    ):
        return None
    return at, lasts, every


def overlaps(one: Span, other: Span) -> bool:
    """Whether two windows are ever open at the same time.

    Two periodic ones meet if a start of one, taken modulo the common divisor of the periods, falls close
    enough to a start of the other: all such differences occur sooner or later.

    Example:
        >>> overlaps((0, 10, None), (10, 10, None)), overlaps((0, 2, 6), (3, 2, 4))
        (False, True)
    """
    (at, lasts, every), (other_at, other_lasts, other_every) = one, other
    if every is None and other_every is None:
        return at < other_at + other_lasts and other_at < at + lasts
    if every is None:
        return overlaps(other, one)
    if other_every is None:
        # the first occurrence that is not over when the other begins
        skipped = max(0, (other_at - lasts - at) // every + 1)
        return at + skipped * every < other_at + other_lasts
    ahead = (other_at - at) % (step := gcd(every, other_every))
    return ahead < lasts or step - ahead < other_lasts
