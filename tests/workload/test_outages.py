"""Windows of availability as the scheduler gets them (S52): fixed ones as written, outages drawn before the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scheduler.plan import WindowSpec
from qsession_sim.scheduler.vocabulary import WindowKind
from qsession_sim.units import HOUR, MINUTE
from qsession_sim.workload import draw
from qsession_sim.workload.context import Purpose, stream_generator

RANDOM = {
    "kind": "outage",
    "time_between_failures": {"kind": "exponential", "mean": "5h"},
    "repair_time": {"kind": "exponential", "mean": "1h"},
}


def windows(*given: Any, **keys: Any) -> tuple[WindowSpec, ...]:
    scenario = {"seed": 7, "qpus": [{"name": "torino", "windows": list(given)}], "workload": [], **keys}
    return draw(load_scenario(scenario).resolved).windows


def test_fixed_windows_are_taken_as_given() -> None:
    """S52: the first of a periodic window is one period in, unless `at` says otherwise."""
    jobs = [{"id": "a", "at": "0s", "account": "first", "qpu_time": "1s"}]
    qpus = [
        {"name": "torino", "windows": [{"kind": "maintenance", "at": "6h", "duration": "30m"}]},
        {
            "name": "kyiv",
            "windows": [
                {"kind": "calibration", "every": "1h", "duration": "2m"},
                {"kind": "outage", "at": "0s", "every": "1d", "duration": "3m"},
                {"kind": "reservation", "at": "2h", "duration": "1h", "account": "lab"},
            ],
        },
    ]
    workload = draw(load_scenario({"qpus": qpus, "workload": [{"kind": "explicit", "jobs": jobs}]}).resolved)

    assert workload.accounts == ("first", "lab")
    assert workload.windows == (
        WindowSpec(WindowKind.MAINTENANCE, 6 * HOUR, 30 * MINUTE),
        WindowSpec(WindowKind.CALIBRATION, HOUR, 2 * MINUTE, HOUR, qpu=1),
        WindowSpec(WindowKind.OUTAGE, 0, 3 * MINUTE, 24 * HOUR, qpu=1),
        WindowSpec(WindowKind.RESERVATION, 2 * HOUR, HOUR, qpu=1, account=1),
    )


def test_a_reservation_is_for_an_account_by_its_number_in_the_list() -> None:
    accounts = [{"name": "a"}, {"name": "b"}]
    (window,) = windows(
        {"kind": "reservation", "at": "2h", "duration": "1h", "account": "b"}, accounts=accounts
    )

    assert window.account == 1


def test_constant_times_give_outages_by_hand() -> None:
    """S52: up 5 h, down 1 h: failures at 5, 11 and 17 h; that at 23 h is not before the bound."""
    given = {"kind": "outage", "time_between_failures": "5h", "repair_time": "1h"}

    expected = tuple(WindowSpec(WindowKind.OUTAGE, at * HOUR, HOUR) for at in (5, 11, 17))
    assert windows({**given, "until": "23h"}) == expected
    assert windows(given, horizon="23h") == expected
    assert windows({**given, "until": "17h1us"}, horizon="1h") == expected


def test_random_outages_come_from_generators_of_the_qpu() -> None:
    """Drawn here without the package, time after time."""
    found = windows(RANDOM, horizon="100w")

    stream = "qpus/torino/outages/1"
    up = np.rint(
        5 * HOUR * stream_generator(7, stream, Purpose.TIME_BETWEEN_FAILURES).standard_exponential(9999)
    )
    down = np.rint(HOUR * stream_generator(7, stream, Purpose.REPAIR_TIME).standard_exponential(9999))
    start = np.cumsum(up + down) - down
    rows = start < 100 * 7 * 24 * HOUR
    assert [window.start_us for window in found] == start[rows].tolist()
    assert [window.duration_us for window in found] == down[rows].tolist()
    assert len(found) > 2 * 256  # more than are drawn at once


def test_random_outages_depend_on_nothing_else() -> None:
    """S7: neither on other windows and QPUs, nor on how far they are drawn; two entries differ."""
    alone = windows(RANDOM, horizon="4w")
    other = {"kind": "maintenance", "at": "1h", "duration": "1h"}

    assert windows(RANDOM, horizon="8w")[: len(alone)] == alone
    assert windows(other, RANDOM, horizon="4w")[1:] == alone
    twice = windows(RANDOM, RANDOM, horizon="4w")
    assert twice[: len(alone)] == alone
    assert twice[len(alone) : len(alone) + 3] != alone[:3]
    qpus = [{"name": "kyiv", "windows": [RANDOM]}, {"name": "torino", "windows": [RANDOM]}]
    moved = draw(load_scenario({"seed": 7, "horizon": "4w", "qpus": qpus, "workload": []}).resolved).windows
    assert [(w.start_us, w.duration_us) for w in moved if w.qpu == 1] == [
        (w.start_us, w.duration_us) for w in alone
    ]


def test_outages_without_end_are_refused_where_they_stand() -> None:
    at_once = {"kind": "outage", "time_between_failures": "0s", "repair_time": "1us"}
    scenario = load_scenario(
        {"horizon": "1h", "qpus": [{"name": "torino", "windows": [at_once]}], "workload": []}
    )

    with pytest.raises(ScenarioError) as caught, scenario.placing_problems():
        draw(scenario.resolved)
    assert caught.value.problems == (
        (
            "scenario: qpus.torino.windows: more than 1,000,000 outages; "
            "give longer times, or an earlier until or horizon"
        ),
    )


def test_windows_are_in_the_digest() -> None:
    """S7"""
    first, second = (
        draw(load_scenario({"qpus": [{"name": "q", "windows": given}], "workload": []}).resolved).digest()
        for given in ([], [{"kind": "maintenance", "at": "6h", "duration": "30m"}])
    )

    assert first != second
