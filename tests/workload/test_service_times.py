"""QPU times by each service-time model, from the scenario to the column."""

from __future__ import annotations

import math

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario
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


def times_of(service_time, *jobs):
    """QPU times of jobs, each given by its properties, and the service time as it is resolved."""
    explicit = [{"id": f"j{n}", "at": "0s", "account": "a", **job} for n, job in enumerate(jobs)]
    scenario = load_scenario(
        {
            "qpus": [{"name": "q", "service_time": service_time}],
            "workload": [{"kind": "explicit", "jobs": explicit}],
        }
    )
    again = load_scenario(scenario.dump())
    assert again.dump() == scenario.dump()
    assert draw(again.resolved).jobs.qpu_time_us.tolist() == draw(scenario.resolved).jobs.qpu_time_us.tolist()
    return draw(scenario.resolved).jobs.qpu_time_us.tolist(), scenario.dump()["qpus"][0]["service_time"]


@pytest.mark.parametrize(
    ("written", "shots", "expected"),
    [
        ("350.5us", 1000, 350_500),
        ("0.4us", 1_000_000, 400_000),
        ("0.5us", 3, 2),  # 1.5
        ("0.5us", 5, 2),  # 2.5
        ("0.0000004us", 1_000_000_000, 400),
        ("0.333333333333333333us", 999_999_999, 333_333_333),
    ],
)
def test_the_time_of_an_execution_is_not_rounded_before_it_is_multiplied(written, shots, expected):
    """S1: rounded half to even, once."""
    times, resolved = times_of({"overhead": "0s", "per_execution": written}, {"shots": shots, "circuits": 1})

    assert (times, resolved["per_execution"]) == ([expected], written)


def test_both_parts_of_an_execution_keep_their_fractions():
    """2 us + 1001 x 0.5 us = 502.5 us, between two sub-jobs 2 us more."""
    parts = {"overhead": "2us", "rep_delay": "0.25us", "circuit_length": "0.25us"}
    job = {"shots": 1001, "circuits": 1}

    assert times_of(parts, job)[0] == [502]
    assert times_of({**parts, "executions_per_subjob": 1000}, job)[0] == [504]


@pytest.mark.parametrize(
    ("coefficient", "executions", "expected"),
    [("1.005us", 100, 100), ("1.015us", 100, 102), ("-0.5us", 3, 8)],
)
def test_coefficients_are_decimal_fractions_and_not_the_nearest_floats(coefficient, executions, expected):
    """100.5 and 101.5 are halves; float64 has 100.49999999999999 and 101.49999999999999. 10 - 1.5 is 8.5."""
    intercept = "10us" if coefficient.startswith("-") else "0us"
    line = {"model": "linear", "intercept": intercept, "coefficients": {"executions": coefficient}}

    times, resolved = times_of(line, {"shots": executions, "circuits": 1})

    assert (times, resolved["coefficients"]["executions"]) == ([expected], coefficient)


def test_an_execution_without_a_fraction_is_written_as_any_duration():
    _, resolved = times_of({"per_execution": "1500.0us"}, {"shots": 1, "circuits": 1})

    assert resolved["per_execution"] == "1ms500us"


@pytest.mark.parametrize("key", ["per_execution", "rep_delay", "circuit_length"])
@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("-1us", "a time cannot be negative"),
        (350, "a duration needs a unit"),
        (f"0.{'0' * 400}1us", "more than 400 digits after the point"),
        (f"{'9' * 5000}us", "too long"),
    ],
)
def test_times_of_executions_that_cannot_be_are_refused(key, written, message):
    with pytest.raises(ScenarioError, match=message):
        times_of({key: written}, {"shots": 1, "circuits": 1})
