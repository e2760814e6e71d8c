"""Arrival processes: rates by hour and day, bursts, groups. Seeds are fixed, intervals are 5 standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.workload import draw
from qsession_sim.workload.context import Purpose, stream_generator

HOUR = 3_600_000_000
WEEK = 168 * HOUR
WORKING = [
    {"days": ["mon", "tue"], "from_hour": 8, "to_hour": 18, "per_hour": 40.0},
    {"days": ["mon"], "per_hour": 10.0},
    {"days": ["sat"], "from_hour": 23, "per_hour": 20.0},
]
BURSTS = {"quiet": {"per_hour": 6.0, "lasts": "45m"}, "burst": {"per_hour": 120.0, "lasts": "15m"}}


@pytest.fixture
def times(scenario, arrivals):
    """Instants of arrivals, from a start on Tuesday, 2024-04-02, 08:30 UTC."""

    def draw_times(start="2024-04-02T08:30:00Z", **ways):
        source = arrivals(**{"interarrival": None, **ways})
        return draw(scenario(source, start=start)).jobs.at_us

    return draw_times


def test_a_rate_that_never_changes_gives_a_renewal_process_with_exponential_gaps(times):
    """40 an hour is one in 90 s; the sums are the same, only rounded once instead of one by one."""
    generator = stream_generator(7, "everyday", Purpose.INTERARRIVAL)
    expected = 90e6 * np.cumsum(generator.standard_exponential(20_000))
    for ways in (
        {"rates": [{"per_hour": 40.0}]},
        {"bursts": {"quiet": {"per_hour": 40.0, "lasts": "1h"}, "burst": {"per_hour": 40.0, "lasts": "1m"}}},
    ):
        at_us = times(**ways, count=20_000)
        assert len(at_us) == 20_000
        assert np.abs(at_us - expected).max() <= 1.01


def test_arrivals_of_each_hour_of_the_week_have_its_rate(times):
    """Monday 8 to 18 has 40 an hour: the first rate that covers an hour counts."""
    weeks = 200
    at_us = times(rates=WORKING, until=f"{weeks}w")
    # Tuesday 08:30 is 32.5 hours after Monday 00:00
    hours = np.floor(at_us / HOUR + 32.5).astype(int) % 168
    found = np.bincount(hours, minlength=168)
    rates = np.zeros(168)
    rates[0:24] = 10
    rates[8:18] = rates[32:42] = 40
    rates[143] = 20
    assert np.all(np.abs(found - weeks * rates) <= 5 * np.sqrt(weeks * rates))
    assert np.all(np.diff(at_us) >= 0)


def test_rates_begin_within_the_hour_in_which_the_run_begins(times):
    """08:59:59.999999 on a Tuesday: an hour with many arrivals ends after 1 us."""
    rates = [{"days": ["tue"], "from_hour": 8, "to_hour": 9, "per_hour": 1000.0}]
    first = times(start="2024-04-02T08:59:59.999999Z", rates=rates, count=1)[0]
    assert WEEK - HOUR < first < WEEK
    assert times(start="2024-04-02T09:00:00Z", rates=rates, until="167h").tolist() == []


def test_arrivals_in_a_window_of_bursts_have_the_mean_and_variance_of_the_process(times):
    """Fischer and Meier-Hellstern (1993): with share p of bursts, rates a and b, and c = 1/45 + 1/15 a minute,
    Var N(t) = mean + 2 p (1 - p) (b - a)^2 (t / c - (1 - exp(-c t)) / c^2).
    """
    minutes, windows = 10.0, 80_000
    at_us = times(bursts=BURSTS, until=f"{int(minutes * windows)}m")
    found = np.bincount((at_us // int(minutes * 60e6)).astype(int), minlength=windows)
    # a window has 20 at most on average, and more than 10 deviations above that in none of 1e14
    assert found.max() < 20 + 10 * math.sqrt(20)
    change = 1 / 45 + 1 / 15
    expected = minutes * (0.75 * 6 + 0.25 * 120) / 60
    memory = minutes / change - (1 - math.exp(-change * minutes)) / change**2
    variance = expected + 2 * 0.25 * 0.75 * ((120 - 6) / 60) ** 2 * memory

    for values, wanted in ((found, expected), ((found - expected) ** 2, variance)):
        # 100 blocks of more than 130 hours are as good as independent
        blocks = values.reshape(100, -1).mean(axis=1)
        assert abs(blocks.mean() - wanted) < 5 * blocks.std(ddof=1) / 10


def test_phases_are_stationary_from_the_start(scenario, arrivals):
    """A quarter of 400 streams begins in a burst, in which alone something arrives."""
    bursts = {"quiet": {"per_hour": 0.0, "lasts": "4500h"}, "burst": {"per_hour": 3600.0, "lasts": "1500h"}}
    sources = [arrivals(name=f"s{i}", interarrival=None, bursts=bursts, until="10m") for i in range(400)]
    streams = draw(scenario(*sources)).jobs.stream
    assert abs(len(set(streams.tolist())) - 100) < 5 * math.sqrt(400 * 0.25 * 0.75)
    firsts = [stream_generator(7, f"s{i}", Purpose.PHASES).random() for i in range(400)]
    assert sorted(set(streams.tolist())) == [i for i, first in enumerate(firsts) if first < 0.25]


@pytest.mark.parametrize("ways", [{"rates": WORKING}, {"bursts": BURSTS}], ids=["rates", "bursts"])
def test_a_bound_only_cuts(times, ways):
    """Both bounds, and each alone, draw the same numbers."""
    until = times(**ways, until="500d")
    assert len(until) > 20_000
    counted = times(**ways, count=len(until) + 1).tolist()
    assert until.tolist() == counted[:-1]
    assert counted[-1] >= 500 * 24 * HOUR
    assert times(**ways, count=50, until="500d").tolist() == counted[:50]


def test_phases_take_numbers_of_their_own(times):
    """With one rate in both phases, other lengths of phases change no arrival by more than rounding."""
    slow, fast = (
        {key: {"per_hour": 9.0, "lasts": lasts} for key in ("quiet", "burst")} for lasts in ("3d", "5m")
    )
    assert np.abs(times(bursts=slow, count=500) - times(bursts=fast, count=500)).max() <= 1


def test_groups_arrive_at_their_times(times):
    groups = [{"at": "9h", "size": 3}, {"at": "1h", "size": 2}]
    assert times(groups=groups).tolist() == [HOUR] * 2 + [9 * HOUR] * 3


def test_clients_and_batches_start_in_the_same_ways(scenario, iterative, batches):
    start = {"groups": [{"at": "2h", "size": 2}]}
    clients = draw(scenario(iterative(start=start)))
    assert clients.jobs.at_us.tolist() == [2 * HOUR, -1, -1, 2 * HOUR, -1, -1]
    for ways in ({"rates": WORKING}, {"bursts": BURSTS}):
        spread = draw(scenario(iterative(name="x", clients=5, start=ways)))
        opened = draw(scenario(batches(name="x", interarrival=None, count=5, **ways)))
        first = spread.jobs.at_us[spread.clients.first_job].tolist()
        assert first == opened.sessions.close_us.tolist()
        assert len(first) == 5


def test_too_much_is_refused_before_it_fills_the_memory(scenario, arrivals):
    for ways, message in (
        ({"rates": [{"per_hour": 1e9}]}, "workload.everyday: draws more than 100,000,000 jobs"),
        (
            {"bursts": {key: {"per_hour": 1e9, "lasts": "1h"} for key in ("quiet", "burst")}},
            "workload.everyday: draws more than 100,000,000 jobs",
        ),
        (
            {"bursts": {key: {"per_hour": 1.0, "lasts": "1us"} for key in ("quiet", "burst")}},
            "workload.everyday.bursts: has more than 100,000,000 phases; let them last longer",
        ),
        (
            {"groups": [{"at": "1h", "size": 6 * 10**7}, {"at": "2h", "size": 6 * 10**7}]},
            "workload.everyday: draws more than 100,000,000 jobs",
        ),
    ):
        with pytest.raises(ScenarioError) as caught:
            draw(scenario(arrivals(interarrival=None, **ways), horizon="365d"))
        assert str(caught.value).startswith(message)


def test_arrivals_beyond_all_times_are_refused(times):
    with pytest.raises(ScenarioError, match="longer than 2"):
        times(rates=[{"per_hour": 1e-12}], count=10)
