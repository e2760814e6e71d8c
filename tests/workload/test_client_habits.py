"""Pauses, early stops and shots by iteration: by hand, and at a fixed seed within 5 standard errors.

Outside 5 standard errors lies a share of 6e-7 of all seeds.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import qsession_sim as qs
from qsession_sim.errors import ScenarioError
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import MINUTE, SECOND
from qsession_sim.workload import draw
from qsession_sim.workload.context import Purpose, stream_generator


def constant(value):
    return {"kind": "constant", "value": value}


def exponential(mean):
    return {"kind": "exponential", "mean": mean}


LUNCH = {"probability": 0.02, "duration": exponential("40m")}


@pytest.fixture
def many(iterative):
    """500 clients with 100 iterations each."""

    def build(**given):
        settings = {"clients": 500, "iterations": constant(100), "think_time": exponential("2s")}
        return iterative(**{**settings, **given})

    return build


def think_us(workload):
    return workload.jobs.think_us[workload.jobs.after != NEVER]


def test_pauses_take_the_place_of_think_times_with_their_probability(scenario, many):
    """49,500 trials; the number of pauses is binomial, their lengths exponential."""
    times = think_us(draw(scenario(many(think_time=constant("2s"), pauses=LUNCH))))
    pauses = times[times != 2 * SECOND] / (40 * MINUTE)

    assert abs(len(pauses) - 49_500 * 0.02) < 5 * math.sqrt(49_500 * 0.02 * 0.98)
    assert abs(pauses.mean() - 1) < 5 / math.sqrt(len(pauses))


def test_pauses_are_independent_from_one_iteration_to_the_next(scenario, many):
    """Two pauses in a row: 500 x 98 pairs, each with probability 1/16."""
    pauses = {"probability": 0.25, "duration": constant("40m")}
    paused = (think_us(draw(scenario(many(pauses=pauses)))) == 40 * MINUTE).reshape(500, 99)
    both = (paused[:, ::2][:, :49] & paused[:, 1::2]).mean()

    assert abs(both - 1 / 16) < 5 * math.sqrt(15 / 256 / (500 * 49))


def test_pauses_come_from_the_generators_of_their_purposes(scenario, many):
    workload = draw(scenario(many(clients=3, pauses=LUNCH)))
    think = 2e6 * stream_generator(7, "vqe", Purpose.THINK).standard_exponential(300)
    pause = 2400e6 * stream_generator(7, "vqe", Purpose.PAUSE_DURATION).standard_exponential(300)
    expected = np.rint(np.where(stream_generator(7, "vqe", Purpose.PAUSE).random(300) < 0.02, pause, think))
    expected[[0, 100, 200]] = 0

    assert workload.jobs.think_us.tolist() == expected.tolist()


def test_a_pause_changes_no_other_number(scenario, many, content):
    """S7."""
    without, some, more = (
        content(draw(scenario(many(pauses=pauses))))
        for pauses in (None, LUNCH, {**LUNCH, "probability": 0.1})
    )
    times = [np.array(drawn["jobs"].pop("think_us")) for drawn in (without, some, more)]

    assert without == some == more
    paused = times[1] != times[0]
    assert 0 < paused.sum() < (times[2] != times[0]).sum()
    assert (times[2][paused] == times[1][paused]).all()


def test_a_user_at_lunch_loses_the_session_and_comes_back():
    """S14, S15: jobs of 10 s, 40 min between; the ITTL of 60 s ends each stay on the QPU."""
    source = {
        "kind": "iterative",
        "account": "lab",
        "iterations": 3,
        "qpu_time": "10s",
        "pauses": {"probability": 1, "duration": "40m"},
    }
    run = qs.simulate({"workload": [source]})

    submitted = [0, 10 * SECOND + 40 * MINUTE, 20 * SECOND + 80 * MINUTE]
    assert run.jobs["submitted_us"].to_list() == submitted
    assert run.sessions["activations"].to_list() == [3]
    assert run.sessions["held_us"].to_list() == [120 * SECOND]  # no wait after the last one: it is closed


def test_early_stop_is_a_truncated_geometric_number(scenario, iterative):
    """After iterations 5 to 29 a client stops with 0.1: P(5 + k) = 0.9^k 0.1, and P(30) = 0.9^25."""
    clients = 20_000
    stop = {"probability": 0.1, "after": 5}
    source = iterative(clients=clients, iterations=constant(30), early_stop=stop)
    jobs = draw(scenario(source)).clients.jobs
    chances = np.array([0.9**k * 0.1 for k in range(25)] + [0.9**25])
    numbers = np.arange(5, 31)
    mean = float(numbers @ chances)
    deviation = math.sqrt(float((numbers - mean) ** 2 @ chances))

    assert mean == pytest.approx(4 + (1 - 0.9**26) / 0.1)
    assert abs(jobs.mean() - mean) < 5 * deviation / math.sqrt(clients)
    for number, chance in zip(numbers, chances, strict=True):
        share = np.mean(jobs == number)
        assert abs(share - chance) < 5 * math.sqrt(chance * (1 - chance) / clients)


@pytest.mark.parametrize(
    ("stop", "jobs"),
    [
        ({"probability": 1, "after": 1}, [1, 1]),
        ({"probability": 1, "after": 2}, [2, 2]),
        ({"probability": 1, "after": 7}, [3, 3]),
        ({"probability": 1e-300, "after": 1}, [3, 3]),
        ({"probability": 5e-324, "after": 10**18}, [3, 3]),
        ({"probability": 0, "after": 1}, [3, 3]),
    ],
)
def test_early_stops_that_are_certain(scenario, iterative, stop, jobs):
    assert draw(scenario(iterative(early_stop=stop))).clients.jobs.tolist() == jobs


def test_early_stop_draws_one_number_for_each_client_of_its_own(scenario, iterative):
    """ceil(log(u) / log(0.9)) trials, and no iteration more than were drawn without it."""
    lognormal = {"kind": "lognormal", "median": 10.0, "sigma": 0.5}
    drawn = [
        draw(scenario(iterative(clients=50, iterations=lognormal, early_stop=stop))).clients.jobs
        for stop in (None, {"probability": 0.1, "after": 1})
    ]
    uniform = 1 - stream_generator(7, "vqe", Purpose.EARLY_STOP).random(50)
    trials = np.ceil(np.log(uniform) / math.log(0.9)).astype(int)

    assert drawn[1].tolist() == np.minimum(drawn[0], trials).tolist()


def test_a_client_that_stops_early_closes_its_session_then():
    """S64."""
    source = {
        "kind": "iterative",
        "account": "lab",
        "iterations": 30,
        "qpu_time": "10s",
        "think_time": "2s",
        "early_stop": {"probability": 1, "after": 2},
    }
    run = qs.simulate({"workload": [source]})

    assert run.jobs["completed_us"].to_list() == [10 * SECOND, 22 * SECOND]
    assert run.sessions["closed_us"].to_list() == [22 * SECOND]
    assert run.sessions["reason"].to_list() == ["CLOSED"]


@pytest.mark.parametrize(
    ("change", "shots"),
    [
        ({"kind": "linear", "step": 250}, [1000, 1250, 1500, 1750]),
        ({"kind": "linear", "step": 250, "at_most": 1600}, [1000, 1250, 1500, 1600]),
        ({"kind": "linear", "step": -400, "at_least": 300}, [1000, 600, 300, 300]),
        ({"kind": "linear", "step": -600}, [1000, 400, 1, 1]),  # at least 1, as every number that is drawn
        ({"kind": "linear", "step": 0.25}, [1000, 1000, 1000, 1001]),  # half to even
        ({"kind": "geometric", "factor": 1.5}, [1000, 1500, 2250, 3375]),
        ({"kind": "geometric", "factor": 2, "at_most": 3000}, [1000, 2000, 3000, 3000]),
        ({"kind": "geometric", "factor": 0.1}, [1000, 100, 10, 1]),
        ({"kind": "steps", "steps": [{"from_iteration": 2, "shots": 4000}]}, [1000, 4000, 4000, 4000]),
        (
            {"kind": "steps", "steps": [{"from_iteration": n, "shots": 10 * n} for n in (2, 4, 9)]},
            [1000, 20, 20, 40],
        ),
    ],
)
def test_shots_change_by_iteration_of_each_client(scenario, iterative, change, shots):
    """2 s + 350 us x circuits x shots; every client begins anew."""
    source = iterative(
        qpu_time=None,
        iterations=constant(4),
        circuits=constant(2),
        shots=constant(1000),
        shots_by_iteration=change,
    )

    times = draw(scenario(source)).jobs.qpu_time_us

    assert times.tolist() == [2_000_000 + 350 * 2 * number for number in shots] * 2


def test_drawn_shots_grow_before_they_are_rounded(scenario, iterative):
    """Shots of 1 or 2.5 with a step of 0.25: 1.25 -> 1, 2.75 -> 3."""
    values = {"kind": "choice", "values": [1.0, 2.5], "weights": [1.0, 1.0]}
    source = iterative(
        qpu_time=None,
        clients=40,
        iterations=constant(2),
        circuits=constant(1),
        shots=values,
        shots_by_iteration={"kind": "linear", "step": 0.25},
    )
    times = draw(scenario(source)).jobs.qpu_time_us.reshape(40, 2)

    assert {int(time - 2_000_000) // 350 for time in times[:, 0]} == {1, 2}
    assert {int(time - 2_000_000) // 350 for time in times[:, 1]} == {1, 3}


def test_shots_that_grow_beyond_every_number_are_an_error(scenario, iterative):
    growth = {"kind": "geometric", "factor": 10.0}
    source = iterative(
        qpu_time=None,
        iterations=constant(2000),
        circuits=constant(1),
        shots=constant(1000),
        shots_by_iteration=growth,
    )
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(source))
    assert str(caught.value) == "workload.vqe.shots: drew a number larger than 2**62; make it smaller"
    capped = {**source, "shots_by_iteration": {**growth, "at_most": 100_000.0}}
    assert draw(scenario(capped)).jobs.qpu_time_us.max() == 37_000_000


def test_a_pause_beyond_int64_is_an_error_that_names_its_key(scenario, iterative):
    pauses = {"probability": 0.5, "duration": {"kind": "lognormal", "median": "1s", "sigma": 1e6}}
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(iterative(clients=100, pauses=pauses)))
    assert str(caught.value) == (
        "workload.vqe.pauses.duration: drew a duration longer than 2**62 us, about 146,000 years; "
        "make it shorter"
    )
