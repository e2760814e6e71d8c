"""QPU times by each service-time model, from the scenario to the column."""

from __future__ import annotations

import math

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.workload import draw

NONE = {"kind": "none"}
LINE = {"intercept": "-1s", "coefficients": {"executions": "0.5us", "qubits": "250ms", "depth": "1.5ms"}}
FIT = {"measurements": 3, "r_squared": 0.75, "residual_spread": "1s", "sha256": "0"}
MODELS = {
    "rep_delay": {"model": "executions", "overhead": "2s", "rep_delay": "250us", "circuit_length": "60us"},
    "sub_jobs": {
        "model": "executions",
        "overhead": "2s",
        "per_execution": "350us",
        "executions_per_subjob": 2000,
    },
    "clops": {"model": "clops", "overhead": "2s", "clops": 25_000.0},
    "linear": {"model": "linear", **LINE, "least": "500ms"},
    "fitted": {"model": "fitted", **LINE, "least": "500ms", "fit": FIT},
}
EXPECTED = {
    # 10 circuits x 500 shots of 50 layers, depth 80 and 6 qubits; then 1 x 1 of 1, 1 and 1
    "rep_delay": [2_000_000 + 310 * 5000, 2_000_310],
    "sub_jobs": [3 * 2_000_000 + 350 * 5000, 2_000_350],
    "clops": [2_000_000 + 10_000_000, 2_000_040],
    "linear": [-1_000_000 + 2_500 + 1_500_000 + 120_000, 500_000],
    "fitted": [-1_000_000 + 2_500 + 1_500_000 + 120_000, 500_000],
}
LARGE = {"circuits": 10, "shots": 500, "layers": 50, "qubits": 6, "depth": 80}
SMALL = dict.fromkeys(LARGE, 1)


def qpus(model, noise=NONE):
    return [{"name": "q", "simulator": False, "service_time": {**model, "noise": noise}}]


@pytest.mark.parametrize("name", MODELS)
def test_an_explicit_job_takes_what_its_model_says(name, scenario, explicit):
    jobs = [{"id": "j1", "at": "0s", **LARGE}, {"id": "j2", "at": "0s", **SMALL}]
    jobs.append({"id": "j3", "at": "0s", "qpu_time": "7s"})

    workload = draw(scenario(explicit(jobs, []), qpus=qpus(MODELS[name])))

    assert workload.jobs.qpu_time_us.tolist() == [*EXPECTED[name], 7_000_000]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["arrivals", "iterative", "batches"])
def test_a_drawn_job_takes_what_its_model_says(kind, name, scenario, request):
    constants = {key: {"kind": "constant", "value": value} for key, value in LARGE.items()}
    bound = {} if kind == "iterative" else {"count": 3}
    source = request.getfixturevalue(kind)(qpu_time=None, **constants, **bound)

    workload = draw(scenario(source, qpus=qpus(MODELS[name])))

    rows = 3 if kind == "arrivals" else 6
    assert workload.jobs.qpu_time_us.tolist() == [EXPECTED[name][0]] * rows


def test_measured_factors_act_on_the_whole_time(scenario, arrivals):
    """2 s + 350 us x 4,000 are 3.4 s: halved or doubled, and both occur."""
    shots = {"kind": "constant", "value": 4000}
    source = arrivals(count=50, qpu_time=None, circuits={"kind": "constant", "value": 1}, shots=shots)
    model = {"model": "executions", "overhead": "2s", "per_execution": "350us"}
    noise = {"kind": "empirical", "values": [0.5, 2.0]}

    workload = draw(scenario(source, qpus=qpus(model, noise)))

    assert set(workload.jobs.qpu_time_us.tolist()) == {1_700_000, 6_800_000}


def test_properties_that_the_model_does_not_use_change_nothing(scenario, arrivals, content):
    """S7: each property has a generator of its own."""
    drawn = {"qpu_time": None, "circuits": {"kind": "constant", "value": 1}, "count": 20}
    drawn["shots"] = {"kind": "uniform", "low": 100, "high": 5000}
    more = {key: {"kind": "uniform", "low": 1, "high": 99} for key in ("layers", "qubits", "depth")}

    without, beside = draw(scenario(arrivals(**drawn))), draw(scenario(arrivals(**drawn, **more)))

    assert content(without) == content(beside)


def test_properties_are_drawn_apart_from_each_other(scenario, arrivals):
    """Without executions: qubits count seconds, depth microseconds; both are drawn from 1 to 1,000."""
    drawn = {key: {"kind": "constant", "value": 1} for key in ("circuits", "shots")}
    drawn |= {key: {"kind": "uniform", "low": 1, "high": 1000} for key in ("qubits", "depth")}
    line = {"intercept": "0s", "coefficients": {"qubits": "1s", "depth": "1us"}}
    model = {"model": "linear", **line, "least": "1us"}

    workload = draw(scenario(arrivals(qpu_time=None, count=100, **drawn), qpus=qpus(model)))

    qubits, depth = divmod(workload.jobs.qpu_time_us, 1_000_000)
    assert 1 <= qubits.min() < qubits.max() <= 1000
    assert 1 <= depth.min() < depth.max() <= 1000
    assert (qubits != depth).sum() > 90


def test_layers_are_drawn_apart_from_shots(scenario, arrivals):
    """A layer takes 1 us. Were both drawn alike, every time would be a square."""
    drawn = {key: {"kind": "uniform", "low": 1, "high": 1000} for key in ("shots", "layers")}
    source = arrivals(qpu_time=None, count=100, circuits={"kind": "constant", "value": 1}, **drawn)
    model = {"model": "clops", "overhead": "0s", "clops": 1e6}

    times_us = draw(scenario(source, qpus=qpus(model))).jobs.qpu_time_us

    assert sum(math.isqrt(time_us) ** 2 == time_us for time_us in times_us.tolist()) < 10


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        pytest.param(
            "clops", ("circuits", "shots"), "needs layers for service-time model clops", id="layers"
        ),
        pytest.param(
            "linear", ("circuits", "shots"), "needs qubits and depth for service-time model linear", id="both"
        ),
        pytest.param(
            "fitted",
            ("circuits", "shots", "qubits"),
            "needs depth for service-time model fitted",
            id="depth",
        ),
        pytest.param(
            "given",
            ("circuits", "shots"),
            "needs qpu_time; service-time model given has no formula",
            id="given",
        ),
    ],
)
def test_a_job_that_does_not_tell_what_the_model_needs_is_refused(
    model, given, message, scenario, arrivals, explicit
):
    machine = [{"name": "q", "simulator": False, "service_time": {"model": "given"}}]
    machine = machine if model == "given" else qpus(MODELS[model])
    constants = {key: {"kind": "constant", "value": 2} for key in given}
    job = {"id": "j1", "at": "0s"} | dict.fromkeys(given, 2)

    with pytest.raises(ScenarioError) as drawn:
        draw(scenario(arrivals(qpu_time=None, count=1, **constants), qpus=machine))
    with pytest.raises(ScenarioError) as listed:
        draw(scenario(explicit([job], []), qpus=machine))

    assert drawn.value.problems == (f"workload.everyday: {message}",)
    assert listed.value.problems == (f"workload.replay.j1: {message}",)


def test_a_machine_without_model_takes_given_times(scenario, arrivals, explicit):
    machine = [{"name": "q", "simulator": False, "service_time": {"model": "given"}}]
    jobs = [{"id": "j1", "at": "0s", "qpu_time": "5s"}]

    workload = draw(scenario(arrivals(count=1), explicit(jobs, []), qpus=machine))

    assert workload.jobs.qpu_time_us.tolist() == [10_000_000, 5_000_000]
