"""Random scenarios can be simulated, reach every part of the service, and print the YAML that repeats them."""

from __future__ import annotations

import pytest
from golden.make_golden import HOLD_POLICIES, QUEUE_POLICIES, ROUTING_POLICIES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.vendor.pretty import pretty
from published_schema import everything, uses
from random_examples import examples, varied

import qsession_sim as qs
from qsession_sim.scenario.yaml_source import read_yaml, write_yaml
from qsession_sim.scheduler.vocabulary import Mode
from qsession_sim.testing.invariants import check_invariants
from qsession_sim.testing.machine import Command, LiveProgram, Wait, WaitFor, commands
from qsession_sim.testing.strategies import ScenarioExample, WorkloadExample, scenarios, workloads

repeatable = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@settings(repeatable, max_examples=examples(40))
@given(scenarios(), commands())
def test_random_scenarios_with_random_programs_obey_the_invariants(scenario, program):
    """S70 to S79, and what else is always true."""
    check_invariants(qs.simulate(scenario, programs=[program]))


@settings(repeatable, max_examples=examples(20))
@given(workloads(unit="us"))
def test_random_workloads_need_no_horizon(workload):
    check_invariants(qs.simulate({"workload": workload}))


@settings(repeatable, max_examples=examples(20))
@given(scenarios())
def test_the_text_of_a_scenario_is_read_as_the_same_scenario(scenario):
    assert read_yaml(write_yaml({**scenario}), "example.yaml").data == scenario


LEFT_OUT = {
    "models": {
        # how times and numbers of jobs come about, which the rules do not ask
        *("Constant", "Uniform", "Exponential", "Lognormal", "Gamma", "Weibull", "Pareto", "Erlang"),
        *(
            "Hyperexponential",
            "Empirical",
            "Zipf",
            "Users",
            "Pauses",
            "EarlyStop",
            "Rate",
            "Bursts",
            "Phase",
            "Group",
        ),
        *("LinearShots", "GeometricShots", "SteppedShots", "ShotStep"),
        *("ServiceTime", "Coefficients", "Columns", "Fit"),
        *("NoNoise", "LognormalNoise", "EmpiricalNoise", "ResidualNoise"),
        *("Trace", "TraceColumns", "TimeColumn", "InferredSessions"),
        "Program",  # needs a program of the user
        # long spellings of what has a short one, and clocks of plans
        *("NamedPolicy", "QueuePolicySettings", "Clock", "Timeouts"),
    },
    "keys": {
        *("at_least", "at_most", "outside", "weights"),
        *("circuits", "shots", "layers", "qubits", "depth", "service_time"),
        *("rates", "bursts", "groups", "load", "users", "pauses", "early_stop", "shots_by_iteration"),
        *("method", "time"),
    },
    "keys of models": {
        *("Arrivals.name", "Batches.name", "Explicit.name", "Iterative.name"),
        *("Arrivals.until", "Batches.until"),
        *("Plan.max_time", "Plan.interactive_timeout", "Plan.price_per_second"),
        *("Client.qiskit", "Client.qiskit-ibm-provider"),
        *(
            f"qsession-sim scenario.{key}"
            for key in ("schema_version", "title", "seed", "start", "warm_up", "profile")
        ),
    },
    "words": {
        "Session.mode=session",  # the default
        *("Plan.pending_jobs=none", "Plan.submission_rate=none", "Plan.quota=none"),
    },
}
"""What random scenarios do without."""


def part_of(name):
    model, _, rest = name.partition(".")
    key = rest.partition("=")[0]
    if (
        model in LEFT_OUT["models"]
        or key in LEFT_OUT["keys"]
        or f"{model}.{key}" in LEFT_OUT["keys of models"]
    ):
        return False
    return name not in LEFT_OUT["words"]


def test_every_part_of_a_scenario_occurs():
    """All keys and words of the schema, and all policies, except those that are left out on purpose."""
    policies = {"queue": QUEUE_POLICIES, "hold": HOLD_POLICIES, "routing": ROUTING_POLICIES}
    known = everything()
    missing = {*filter(part_of, known), *((role, name) for role in policies for name in policies[role])}
    never = known - missing

    for scenario in varied(scenarios(), 1200):  # two or three hundred are enough, but for words that are rare
        given = {name for name, _ in uses(scenario)}
        assert sorted(given & never) == []  # else it is no longer left out
        missing.difference_update(given, scenario.get("policies", {}).items())
        if not missing:
            break
    assert sorted(missing, key=str) == []


def test_an_example_prints_as_yaml_that_repeats_it(tmp_path):
    job = {"id": "j1", "at": "0s", "account": "a", "qpu_time": "1s"}
    printed = pretty(ScenarioExample(workload=[{"kind": "explicit", "jobs": [job]}]))
    assert printed == (
        "\n# save it as example.yaml, then: qsession-sim run example.yaml\n"
        "workload:\n  - kind: explicit\n    jobs:\n      - id: j1\n        at: 0s\n"
        "        account: a\n        qpu_time: 1s\n"
    )
    (tmp_path / "example.yaml").write_text(printed, encoding="utf-8")
    assert qs.simulate(tmp_path / "example.yaml").jobs["job"].to_list() == ["j1"]
    assert pretty(WorkloadExample([])).endswith("\nworkload: []\n")


def test_the_yaml_of_a_failing_example_fails_alike(tmp_path):
    """No job is ever cut at a limit (S44), says the test, and its falsifying example shows one that is."""

    @settings(repeatable, max_examples=300, phases=[Phase.generate])
    @given(scenarios())
    def no_job_is_cut(scenario):
        assert "RAN_TOO_LONG" not in qs.simulate(scenario).jobs["reason"]

    with pytest.raises(AssertionError) as caught:
        no_job_is_cut()
    told = "\n".join(caught.value.__notes__)
    yaml = told.partition("scenario=\n")[2].partition("\n,\n")[0]
    (tmp_path / "example.yaml").write_text(yaml, encoding="utf-8")
    assert "RAN_TOO_LONG" in qs.simulate(tmp_path / "example.yaml").jobs["reason"]


def test_a_program_prints_as_python_that_repeats_it():
    steps = (
        Command("service", "open_session", {"name": "live-1", "account": "a", "mode": Mode.BATCH}, "s1"),
        Command("s1", "submit", {"name": "live-1", "qpu_time_us": 3}, "j1"),
        WaitFor("j1"),
        Wait(2),
        Command("s1", "close"),
    )
    text = str(LiveProgram(steps))
    assert text == (
        "def program(service):\n"
        "    s1 = service.open_session(name='live-1', account='a', mode=qs.Mode.BATCH)\n"
        "    j1 = s1.submit(name='live-1', qpu_time_us=3)\n"
        "    yield j1.completed\n"
        "    yield service.env.timeout(2)\n"
        "    s1.close()"
    )
    known = {"qs": qs}
    exec(text, known)
    runs = [qs.simulate({"workload": []}, programs=[one]) for one in (known["program"], LiveProgram(steps))]
    assert runs[0].jobs.equals(runs[1].jobs)
    assert runs[0].sessions.equals(runs[1].sessions)
    assert runs[0].sessions["closed_us"].to_list() == [5]
