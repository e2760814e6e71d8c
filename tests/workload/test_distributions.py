"""Every distribution against its closed forms, at a fixed seed, within 5 standard errors.

Outside 5 standard errors lies a share of 6e-7 of all seeds.
"""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

import qsession_sim as qs
from qsession_sim.scenario.distributions import CountDistribution, Distribution, DurationDistribution, mean
from qsession_sim.workload.distributions import SAMPLERS, counts, durations_us, sample

DRAWS = 100_000
SECONDS = 1e6
DURATION = TypeAdapter(DurationDistribution)
COUNT = TypeAdapter(CountDistribution)


def draws(settings, count=DRAWS):
    return sample(DURATION.validate_python(settings), np.random.default_rng(20240402), count)


def within_five_standard_errors(values, expected, deviation):
    return abs(float(np.mean(values)) - expected) < 5 * deviation / math.sqrt(len(values))


def test_every_distribution_that_can_be_written_can_be_drawn():
    kinds, _ = get_args(Distribution.__value__)

    written = list(get_args(kinds))

    assert list(SAMPLERS) == written


def test_constant_draws_its_value_and_no_random_number():
    generator = np.random.default_rng(1)
    value = DURATION.validate_python({"kind": "constant", "value": "1.5s"})
    assert sample(value, generator, 3).tolist() == [1.5e6] * 3
    assert generator.random() == np.random.default_rng(1).random()


def test_exponential_has_its_mean_and_its_standard_deviation():
    """Mean m; the square of a standard exponential has mean 2 and variance 20."""
    values = draws({"kind": "exponential", "mean": "90s"}) / (90 * SECONDS)
    assert within_five_standard_errors(values, 1.0, 1.0)
    assert within_five_standard_errors(values**2, 2.0, math.sqrt(20))


def test_uniform_has_its_mean_variance_and_ends():
    values = draws({"kind": "uniform", "low": "10s", "high": "40s"}) / SECONDS
    assert within_five_standard_errors(values, 25.0, 30 / math.sqrt(12))
    # (x - 25)^2 has mean 75 and variance 15^4 (1/5 - 1/9)
    assert within_five_standard_errors((values - 25) ** 2, 75.0, 15**2 * math.sqrt(1 / 5 - 1 / 9))
    assert 10 <= values.min() < 10.01
    assert 39.99 < values.max() < 40


def test_lognormal_has_its_median_and_its_sigma():
    logarithms = np.log(draws({"kind": "lognormal", "median": "5s", "sigma": 0.8}) / (5 * SECONDS))
    assert within_five_standard_errors(logarithms, 0.0, 0.8)
    # Z^2 has mean 1 and variance 2
    assert within_five_standard_errors((logarithms / 0.8) ** 2, 1.0, math.sqrt(2))
    assert within_five_standard_errors(logarithms > 0, 0.5, 0.5)


def test_lognormal_without_spread_is_constant_and_may_be_zero():
    assert draws({"kind": "lognormal", "median": "5s", "sigma": 0.0}, 3).tolist() == [5e6] * 3
    assert draws({"kind": "lognormal", "median": "0s", "sigma": 1e9}, 3).tolist() == [0.0] * 3


def test_choice_takes_values_in_proportion_to_their_weights():
    settings = {"kind": "choice", "values": ["1s", "2s", "3s", "4s"], "weights": [0.0, 4.0, 1.0, 0.0]}
    values = draws(settings)
    assert set(values.tolist()) == {2e6, 3e6}
    assert within_five_standard_errors(values == 2e6, 0.8, 0.4)


class FixedGenerator(np.random.Generator):
    """Gives the uniform numbers that a test wants."""

    def __init__(self, values):
        super().__init__(np.random.PCG64(0))
        self.values = values

    def random(self, size):
        return np.array(self.values[:size])


def test_choice_never_takes_a_value_without_weight_even_at_the_edges():
    """Halves [0, 1/2) and [1/2, 1) of the uniform numbers, whose largest is 1 - 2**-53."""
    settings = {
        "kind": "choice",
        "values": ["1s", "2s", "3s", "4s", "5s"],
        "weights": [0.0, 3.0, 0.0, 3.0, 0.0],
    }
    generator = FixedGenerator([0.0, 0.5 - 2**-54, 0.5, 1 - 2**-53])
    assert sample(DURATION.validate_python(settings), generator, 4).tolist() == [2e6, 2e6, 4e6, 4e6]


def test_choice_takes_weights_of_any_size():
    settings = {"kind": "choice", "values": ["1s", "3s"], "weights": [1.7e308, 1.7e308]}
    assert within_five_standard_errors(draws(settings) == 1e6, 0.5, 0.5)
    assert mean(DURATION.validate_python(settings)) == 2e6


def test_empirical_takes_every_measurement_equally_often():
    """`1s` was measured twice: 1/2, 1/4, 1/4."""
    values = draws({"kind": "empirical", "values": ["1s", "2s", "1s", "3s"]})
    assert set(values.tolist()) == {1e6, 2e6, 3e6}
    assert within_five_standard_errors(values == 1e6, 0.5, 0.5)
    assert within_five_standard_errors(values == 2e6, 0.25, math.sqrt(3) / 4)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kind": "constant", "value": "4us"}, 4.0),
        ({"kind": "uniform", "low": "2us", "high": "6us"}, 4.0),
        ({"kind": "exponential", "mean": "4us"}, 4.0),
        ({"kind": "lognormal", "median": "4us", "sigma": 2.0}, 4 * math.exp(2)),
        ({"kind": "choice", "values": ["2us", "8us"], "weights": [2.0, 1.0]}, 4.0),
        ({"kind": "empirical", "values": ["1us", "4us", "7us"]}, 4.0),
    ],
)
def test_means_are_those_of_the_closed_forms(settings, expected):
    assert mean(DURATION.validate_python(settings)) == expected


def test_the_mean_of_a_wild_lognormal_is_a_number():
    assert math.isfinite(
        mean(DURATION.validate_python({"kind": "lognormal", "median": "1s", "sigma": 1e300}))
    )


def test_durations_round_half_to_even_and_are_at_least_the_least():
    values = np.array([0.0, 0.5, 0.50001, 1.5, 2.5, 3.5])
    assert durations_us(values, "everyday.qpu_time").tolist() == [0, 0, 1, 2, 2, 4]
    assert durations_us(values, "everyday.qpu_time", least_us=1).tolist() == [1, 1, 1, 2, 2, 4]


def test_counts_of_a_uniform_have_half_the_weight_at_the_ends():
    """Uniform from 1 to 3, rounded: 1, 2 and 3 with probabilities 1/4, 1/2 and 1/4."""
    settings = {"kind": "uniform", "low": 1.0, "high": 3.0}
    values = counts(sample(COUNT.validate_python(settings), np.random.default_rng(7), DRAWS), "sweeps.jobs")
    assert set(values.tolist()) == {1, 2, 3}
    assert within_five_standard_errors(values == 1, 0.25, math.sqrt(3) / 4)
    assert within_five_standard_errors(values == 2, 0.5, 0.5)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("uniform", {"low": 0.4, "high": 2.5}),
        ("exponential", {"mean": 2.5}),
        ("lognormal", {"median": 2.5, "sigma": 0.5}),
        ("gamma", {"shape": 2.0, "scale": 1.5}),
        ("weibull", {"shape": 1.5, "scale": 2.5}),
        ("pareto", {"shape": 3.0, "scale": 2.5}),
        ("erlang", {"stages": 3, "mean": 2.5}),
        ("hyperexponential", {"means": [0.4, 2.5], "weights": [1.0, 1.0]}),
        ("exponential", {"mean": 2.5, "at_most": 3.5}),
    ],
)
def test_s1_times_are_rounded_once_when_drawn_and_no_parameter_before(kind, given):
    """The same random numbers in microseconds and in milliseconds: apart by the rounding of each only."""

    def drawn(unit):
        def of(value):
            return [f"{one}{unit}" for one in value] if isinstance(value, list) else f"{value}{unit}"

        numbers = {"shape", "sigma", "stages", "weights"}
        written = {key: value if key in numbers else of(value) for key, value in given.items()}
        source = {"kind": "iterative", "account": "a", "mode": "job", "iterations": 2000, "qpu_time": "1us"}
        scenario = qs.load_scenario({"workload": [{**source, "think_time": {"kind": kind, **written}}]})
        again = qs.load_scenario(scenario.dump())
        assert again.resolved == scenario.resolved
        return qs.draw(scenario.resolved).jobs.think_us

    assert np.abs(drawn("us") - drawn("ms") / 1000).max() <= 0.5 + 0.0005
