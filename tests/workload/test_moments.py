"""Means and variances in closed form, against tables of formulas, sums over a fine grid, and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import TypeAdapter

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.distributions import (
    CountDistribution,
    DurationDistribution,
    count_mean,
    mean,
    regularized_gamma,
    share_within,
    variance,
)
from qsession_sim.workload.distributions import sample

DRAWS = 100_000
SEED = 20240402


def distribution(**settings):
    return TypeAdapter(CountDistribution).validate_python(settings)


GAMMA = {"kind": "gamma", "shape": 1.5, "scale": 2.0}
WEIBULL = {"kind": "weibull", "shape": 0.5, "scale": 2.0}
PARETO = {"kind": "pareto", "shape": 3.0, "scale": 4.0}
ERLANG = {"kind": "erlang", "stages": 3, "mean": 12.0}
HYPEREXPONENTIAL = {"kind": "hyperexponential", "means": [1.0, 9.0], "weights": [3.0, 1.0]}


@pytest.mark.parametrize(
    ("settings", "first", "second"),
    [
        ({"kind": "constant", "value": 4.0}, 4, 0),
        ({"kind": "uniform", "low": 2.0, "high": 8.0}, 5, 3),
        ({"kind": "exponential", "mean": 4.0}, 4, 16),
        # exp(1/2) and (e - 1) e, with sigma 1
        (
            {"kind": "lognormal", "median": 2.0, "sigma": 1.0},
            2 * math.sqrt(math.e),
            4 * (math.e - 1) * math.e,
        ),
        ({"kind": "choice", "values": [2.0, 8.0], "weights": [2.0, 1.0]}, 4, 8),
        ({"kind": "empirical", "values": [1.0, 4.0, 7.0]}, 4, 6),
        (GAMMA, 3, 6),
        # the square of an exponential: 2 x 2!, and 4 x 4! - 16
        (WEIBULL, 4, 80),
        # Rayleigh with spread 1: shape 2, scale sqrt(2)
        ({"kind": "weibull", "shape": 2.0, "scale": math.sqrt(2)}, math.sqrt(math.pi / 2), 2 - math.pi / 2),
        (PARETO, 6, 12),
        ({"kind": "pareto", "shape": 2.0, "scale": 4.0}, 8, math.inf),
        ({"kind": "pareto", "shape": 1.0, "scale": 4.0}, math.inf, math.inf),
        # three times an exponential with mean 4
        (ERLANG, 12, 48),
        # 3/4 x 2 x 1 + 1/4 x 2 x 81 = 42, less 3 squared
        (HYPEREXPONENTIAL, 3, 33),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_moments_are_those_of_the_closed_forms(settings, first, second):
    assert mean(distribution(**settings)) == pytest.approx(first, rel=1e-13)
    assert variance(distribution(**settings)) == pytest.approx(second, rel=1e-13)


def erlang_tail(x):
    return np.exp(-x / 4) * (1 + x / 4 + (x / 4) ** 2 / 2)


TAILS = [
    ({"kind": "uniform", "low": 2.0, "high": 8.0}, lambda x: np.clip((8 - x) / 6, 0, 1)),
    ({"kind": "exponential", "mean": 4.0}, lambda x: np.exp(-x / 4)),
    (
        {"kind": "lognormal", "median": 3.0, "sigma": 0.8},
        np.vectorize(lambda x: math.erfc(math.log(x / 3) / 0.8 / math.sqrt(2)) / 2 if x else 1.0),
    ),
    (
        GAMMA,  # by parts: Q(3/2, y) = erfc(sqrt y) + 2 sqrt(y / pi) exp(-y)
        np.vectorize(
            lambda x: math.erfc(math.sqrt(x / 2)) + 2 * math.sqrt(x / 2 / math.pi) * math.exp(-x / 2)
        ),
    ),
    (WEIBULL, lambda x: np.exp(-np.sqrt(x / 2))),
    (PARETO, lambda x: np.minimum(4 / np.maximum(x, 1e-9), 1) ** 3),
    (ERLANG, erlang_tail),
    (HYPEREXPONENTIAL, lambda x: 0.75 * np.exp(-x) + 0.25 * np.exp(-x / 9)),
]


# where a grid can reach the end of the tail, there need not be an upper bound
BOUNDED = [
    pytest.param(settings, tail, low, high, id=f"{settings['kind']}-{low}-{high}")
    for settings, tail in TAILS
    for low, high in ((None, 7.0), (3.0, None), (3.0, 7.0), (4.5, 30.0))
    if high is not None or settings["kind"] not in {"pareto", "weibull", "lognormal"}
]


@pytest.mark.parametrize("outside", ["cap", "redraw"])
@pytest.mark.parametrize(("settings", "tail", "low", "high"), BOUNDED)
def test_bounded_moments_are_sums_over_a_fine_grid(settings, tail, outside, low, high):
    """Probabilities of 40,000 cells by the tail P(X > x), and a point for each bound that caps."""
    edges = np.linspace(low or 0.0, high or 250.0, 40_001)
    values, weights = (edges[1:] + edges[:-1]) / 2, -np.diff(tail(edges))
    share = weights.sum()
    if outside == "cap":
        values = np.append(values, [low or 0.0, high or 250.0])
        weights = np.append(weights, [1 - tail(edges[:1])[0], tail(edges[-1:])[0]])
    first = np.average(values, weights=weights)
    second = np.average((values - first) ** 2, weights=weights)

    bounded = distribution(**settings, at_least=low, at_most=high, outside=outside)

    assert share_within(bounded) == pytest.approx(share, abs=1e-9)
    assert mean(bounded) == pytest.approx(first, rel=1e-4)
    assert variance(bounded) == pytest.approx(second, rel=1e-3)


def test_listed_values_are_bounded_one_by_one():
    """Of 1, 2, 6 and 9: capped 2, 2, 6, 6 with mean 4 and variance 4; redrawn 2 and 6, the same."""
    listed = {"kind": "empirical", "values": [1.0, 2.0, 6.0, 9.0], "at_least": 2.0, "at_most": 6.0}
    for outside in ("cap", "redraw"):
        bounded = distribution(**listed, outside=outside)
        assert (mean(bounded), variance(bounded), share_within(bounded)) == (4.0, 4.0, 0.5)
    # the larger share of the smaller value: 2 with weight 3, 6 with weight 1
    weighted = {"kind": "choice", "values": [2.0, 6.0, 9.0], "weights": [3.0, 1.0, 4.0], "at_most": 6.0}
    assert mean(distribution(**weighted, outside="redraw")) == 3.0
    assert mean(distribution(**weighted, outside="cap")) == 4.5


def test_a_capped_pareto_has_moments_where_the_uncapped_has_none():
    """Shape 1: the mean is scale x (1 + ln(cap / scale))."""
    capped = distribution(kind="pareto", shape=1.0, scale=2.0, at_most=2 * math.e, outside="cap")
    assert mean(capped) == pytest.approx(4.0, rel=1e-14)
    # the second moment is scale^2 (2 cap / scale - 1) = 4 (2 e - 1)
    assert variance(capped) == pytest.approx(4 * (2 * math.e - 1) - 16, rel=1e-13)


def test_a_capped_wild_lognormal_has_the_mean_of_two_points():
    """With an endless spread half of the values are 0 and half are at the cap."""
    wild = distribution(kind="lognormal", median=5.0, sigma=1e6, at_most=8.0, outside="cap")
    assert mean(wild) == pytest.approx(4.0, rel=1e-5)


def test_means_of_counts_are_those_of_what_is_used():
    """0.2 becomes 1 and 2.5 becomes 2; of 3.5 and 4.5 both become 4."""
    assert count_mean(distribution(kind="constant", value=0.2)) == 1.0
    assert count_mean(distribution(kind="empirical", values=[2.5, 3.5, 4.5, 4.0])) == 3.5
    assert count_mean(distribution(kind="exponential", mean=2.5)) == 2.5


@pytest.mark.parametrize("upper", [0.1, 1.0, 3.9, 5.1, 20.0])
def test_regularized_gamma_of_whole_shapes_is_a_sum_of_poisson_probabilities(upper):
    for stages in (1, 4, 60):
        below = sum(math.exp(-upper) * upper**n / math.factorial(n) for n in range(stages))
        assert regularized_gamma(stages, upper) == pytest.approx(1 - below, abs=1e-13)
    assert (regularized_gamma(2.5, 0.0), regularized_gamma(2.5, math.inf)) == (0.0, 1.0)


@pytest.mark.parametrize(
    "settings",
    [
        GAMMA,
        {"kind": "gamma", "shape": 0.4, "scale": 2.0},
        {"kind": "weibull", "shape": 0.9, "scale": 2.0},
        {"kind": "pareto", "shape": 9.0, "scale": 4.0},
        ERLANG,
        HYPEREXPONENTIAL,
        {**HYPEREXPONENTIAL, "at_least": 2.0, "at_most": 9.0, "outside": "redraw"},
        {**WEIBULL, "at_least": 1.0, "at_most": 9.0, "outside": "cap"},
        {"kind": "lognormal", "median": 3.0, "sigma": 1.5, "at_most": 20.0, "outside": "redraw"},
        {"kind": "exponential", "mean": 2.0, "at_least": 3.0, "outside": "cap"},
    ],
    ids=lambda settings: settings["kind"],
)
def test_samples_have_the_mean_and_the_variance(settings):
    """Within 5 standard errors: outside lies a share of 6e-7 of all seeds."""
    drawn = distribution(**settings)
    values = sample(drawn, np.random.default_rng(SEED), DRAWS)
    first, second = mean(drawn), variance(drawn)
    squares = (values - first) ** 2
    assert abs(values.mean() - first) < 5 * math.sqrt(second / DRAWS)
    assert abs(squares.mean() - second) < 5 * squares.std() / math.sqrt(DRAWS)
    assert values.min() >= settings.get("at_least", 0.0)
    assert values.max() <= settings.get("at_most", math.inf)


def test_pareto_has_its_tail():
    """A share of (4/8)^1.5 lies above 8, and nothing below 4."""
    values = sample(distribution(kind="pareto", shape=1.5, scale=4.0), np.random.default_rng(SEED), DRAWS)
    share = 0.5**1.5
    assert abs((values > 8).mean() - share) < 5 * math.sqrt(share * (1 - share) / DRAWS)
    assert values.min() >= 4.0


@pytest.mark.parametrize(
    "settings",
    [
        GAMMA,
        WEIBULL,
        PARETO,
        ERLANG,
        HYPEREXPONENTIAL,
        {**GAMMA, "at_most": 2.0, "outside": "redraw"},
        {**ERLANG, "at_least": 12.0, "at_most": 20.0, "outside": "redraw"},
    ],
    ids=lambda settings: settings["kind"],
)
def test_values_come_one_after_the_other(settings):
    drawn = distribution(**settings)
    generator = np.random.default_rng(SEED)
    parts = [sample(drawn, generator, count) for count in (5, 0, 1, 94)]
    assert np.concatenate(parts).tolist() == sample(drawn, np.random.default_rng(SEED), 100).tolist()


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "gamma", "shape": 0.5, "scale": "0s"},
        {"kind": "weibull", "shape": 0.05, "scale": "0s"},
        {"kind": "pareto", "shape": 0.05, "scale": "0s"},
        {"kind": "erlang", "stages": 3, "mean": "0s"},
        {"kind": "hyperexponential", "means": ["0s", "0s"], "weights": [1.0, 2.0]},
    ],
    ids=lambda settings: settings["kind"],
)
def test_scale_zero_is_always_zero(settings):
    zero = TypeAdapter(DurationDistribution).validate_python(settings)
    assert sample(zero, np.random.default_rng(1), 4).tolist() == [0.0] * 4
    assert (mean(zero), variance(zero), share_within(zero)) == (0.0, 0.0, 1.0)


def test_values_beyond_every_number_are_still_numbers():
    tail = distribution(kind="weibull", shape=0.05, scale=1e300)
    values = sample(tail, np.random.default_rng(1), 100)
    assert not np.isnan(values).any()


def test_bounds_between_which_nothing_lies_are_an_error_and_no_endless_loop():
    impossible = distribution(kind="uniform", low=1.0, high=2.0, at_least=3.0, outside="redraw")
    with pytest.raises(ScenarioError, match="no value is drawn within at_least and at_most"):
        sample(impossible, np.random.default_rng(1), 1000)
