"""simulate: policies, overrides, and the same bytes on every run (S7)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.experiment.references import digest_of_file
from qsession_sim.policies.registry import QUEUE_POLICIES
from qsession_sim.scenario.policies import HOLD_POLICIES, ROUTING_POLICIES
from qsession_sim.scheduler.plan import GAP_FILL, Routing, Rules
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus
from qsession_sim.service.simpy_driver import Service
from qsession_sim.testing import check_invariants

BUSY: dict[str, Any] = {
    "seed": 5,
    "horizon": "3h",
    "qpus": [{"name": "torino", "service_time": {"noise": {"kind": "lognormal", "sigma": 0.3}}}],
    "workload": [
        {
            "kind": "arrivals",
            "account": "lab-b",
            "interarrival": {"kind": "exponential", "mean": "40s"},
            "shots": 4000,
        },
        {
            "kind": "iterative",
            "account": "lab-a",
            "clients": 6,
            "start": {"interarrival": {"kind": "exponential", "mean": "5m"}},
            "iterations": 40,
            "think_time": {"kind": "lognormal", "median": "20s", "sigma": 1.0},
            "max_time": "20m",
            "on_rejection": "new_session",
            "on_error": "retry",
            "shots": 4000,
        },
        {
            "kind": "batches",
            "account": "lab-c",
            "interarrival": "30m",
            "jobs": {"kind": "uniform", "low": 2, "high": 9},
            "shots": 1000,
        },
    ],
}


def bundle_digests(directory: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(directory.iterdir())}


@pytest.mark.parametrize("hold", ["exclusive", "shared", "none"])
@pytest.mark.parametrize("policy", ["fifo", "priority"])
def test_every_policy_keeps_the_invariants_on_a_busy_mixture(policy: str, hold: str) -> None:
    """S70 to S78"""
    run = qs.simulate(BUSY, policy=policy, hold=hold)
    qs.testing.check_invariants(run)
    assert run.scenario.resolved.policies.queue.name == policy
    assert run.scenario.resolved.policies.hold.name == hold
    assert run.jobs["mode"].unique().sort().to_list() == ["job", "session", "batch"]


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    """S7"""
    for name in ("one", "two"):
        qs.simulate(BUSY).save(tmp_path / name)
    assert bundle_digests(tmp_path / "one") == bundle_digests(tmp_path / "two")


def test_another_process_with_another_hash_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    """S7"""
    qs.simulate(BUSY).save(tmp_path / "here")
    code = f"import qsession_sim as qs; qs.simulate({BUSY!r}).save({str(tmp_path / 'there')!r})"
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        assert bundle_digests(tmp_path / "there") == bundle_digests(tmp_path / "here")


def test_a_saved_run_is_read_back_whole(tmp_path: Path) -> None:
    run = qs.simulate(BUSY)
    run.save(tmp_path / "run")
    loaded = qs.load(tmp_path / "run")
    for table in ("jobs", "sessions", "intervals", "transitions", "queue_length"):
        assert getattr(loaded, table).equals(getattr(run, table))
    assert loaded.summary() == run.summary()


def test_another_seed_gives_another_workload_and_the_same_seed_the_same() -> None:
    digests = [qs.simulate(BUSY, seed=seed).record.workload.digest() for seed in (5, 6, 5)]
    assert digests[0] == digests[2] != digests[1]


def test_another_policy_sees_the_same_workload() -> None:
    """Common random numbers: everything random is drawn before the run."""
    digests = {qs.draw(qs.simulate(BUSY, policy=name).scenario.resolved).digest() for name in QUEUE_POLICIES}
    assert len(digests) == 1


def test_a_function_is_a_queue_policy() -> None:
    """S50: j1 starts at once; of the two that wait, the function prefers the account `lab-b`."""
    jobs = [
        {"id": "j1", "at": "0s", "account": "lab-a", "qpu_time": "10s"},
        {"id": "j2", "at": "1s", "account": "lab-a", "qpu_time": "10s"},
        {"id": "j3", "at": "2s", "account": "lab-b", "qpu_time": "10s"},
    ]

    def lab_b_first(job: Any) -> tuple[int, ...]:
        return (0 if job.account == "lab-b" else 1,)

    run = qs.simulate({"workload": [{"kind": "explicit", "jobs": jobs}]}, policy=lab_b_first)
    assert run.jobs["started_us"].to_list() == [0, 20_000_000, 10_000_000]
    assert run.scenario.resolved.policies.queue.name == "lab_b_first"


@pytest.mark.parametrize("given", [{"policy": "fifi"}, {"hold": "exclusiv"}, {"routing": "least"}])
def test_an_unknown_policy_is_an_error_that_helps(given: dict[str, str]) -> None:
    with pytest.raises(qs.PolicyError, match=r"did you mean '(fifo|exclusive|least_busy)'"):
        qs.simulate(BUSY, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"policy": 3},
            (
                f"a queue policy must be a name ({', '.join(QUEUE_POLICIES)}), a mapping with a name and "
                "parameters, or a function from a job to a tuple of ints, not 3"
            ),
        ),
        (
            {"hold": len},
            "a hold policy must be a name (exclusive, shared, gap_fill, none, adaptive), not <built-in function len>",
        ),
        (
            {"routing": 3},
            "a routing policy must be a name (least_busy, shortest_expected_wait, round_robin, random), not 3",
        ),
        (
            {"hold": ["shared"]},
            "a hold policy must be a name (exclusive, shared, gap_fill, none, adaptive), not ['shared']",
        ),
    ],
)
def test_a_policy_of_another_kind_is_an_error_that_says_what_is_wanted(given: Any, message: str) -> None:
    with pytest.raises(qs.PolicyError) as caught:
        qs.simulate(BUSY, **given)
    assert str(caught.value) == message


@pytest.mark.parametrize("overrides", ["seed=3", None])
def test_overrides_that_are_no_list_are_one_problem(overrides: Any) -> None:
    for function in (qs.simulate, qs.load_scenario):
        with pytest.raises(qs.ScenarioError) as caught:
            function(BUSY, overrides=overrides)  # type: ignore[operator]
        assert caught.value.problems == (f"overrides: must be a list such as ['seed=3'], not {overrides!r}",)


def idle(service: qs.Service) -> Any:
    yield service.env.timeout(1)


@pytest.mark.parametrize("programs", [idle, idle(None), "idle", None])  # type: ignore[arg-type]
def test_programs_that_are_no_list_are_refused(programs: Any) -> None:
    with pytest.raises(SchedulerUsageError) as caught:
        qs.simulate(BUSY, programs=programs)
    assert (
        str(caught.value)
        == f"programs must be a list such as [program], or a mapping of names, not {programs!r}"
    )


def test_a_scenario_can_name_every_policy() -> None:
    for role, known in (("queue", QUEUE_POLICIES), ("hold", HOLD_POLICIES), ("routing", ROUTING_POLICIES)):
        for name in known:
            scenario = qs.load_scenario({"policies": {role: name}, "workload": []})
            assert getattr(scenario.resolved.policies, role).name == name


def test_importing_the_package_loads_nothing_heavy() -> None:
    names = ("scipy", "polars", "matplotlib", "numba", "numpy", "pydantic", "simpy", "ruamel")
    code = f"import sys, qsession_sim; print([name for name in {names} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output == "[]\n"


def test_every_public_name_is_there() -> None:
    assert [name for name in qs.__all__ if not hasattr(qs, name)] == []
    assert dir(qs) == sorted(qs.__all__)
    assert dir(qs.testing) == sorted(qs.testing.__all__)
    assert all(hasattr(qs, name) for name in dir(qs))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        qs.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda _job: None,
            r"must answer with a tuple of ints; for job 'j0' .number 0., submitted at 0s, it gave None",
        ),
        (lambda _job: (0.5,), r"must answer with a tuple of ints; .* it gave \(0.5,\)"),
        (lambda _job: ("x",), r"must answer with a tuple of ints; .* it gave \('x',\)"),
        (
            lambda job: (0,) * job.number,
            r"tuples of one length; for job 'j1' .number 1., submitted at 1us, it gave \(0,\)",
        ),
    ],
)
def test_a_policy_that_answers_wrongly_is_named_with_job_and_time(answer: Any, message: str) -> None:
    jobs = [{"id": f"j{n}", "at": f"{n}us", "account": "a", "qpu_time": "10s"} for n in range(3)]
    with pytest.raises(qs.PolicyError, match=message):
        qs.simulate({"workload": [{"kind": "explicit", "jobs": jobs}]}, policy=answer)


FUNCTIONS = """
def last_first(job):
    return (-job.number,)


def longest(run):
    return run.jobs["waiting_us"].max()
"""


def test_the_provenance_names_overrides_policies_and_the_code_that_took_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the spelling of the file, and wherever it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for place in (".", "there"):
        (tmp_path / place / "p.py").write_text(FUNCTIONS, encoding="utf-8")
    source = {
        "workload": [
            {"kind": "explicit", "jobs": [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "1s"}]}
        ]
    }
    found = []
    for policy in ("p.py:last_first", "./p.py:last_first", "there/../p.py:last_first"):
        run = qs.simulate(
            source, policy=policy, overrides=["horizon=1h", "warm_up=1s"], seed=9, hold="shared"
        )
        found.append(run.provenance)
    assert found == [found[0]] * 3
    assert (found[0]["seed"], found[0]["overrides"]) == (9, ["horizon=1h", "warm_up=1s"])
    assert found[0]["policies"] == {
        "queue": {"name": "p.py:last_first"},
        "hold": {"name": "shared"},
        "routing": {"name": "least_busy"},
    }
    digest = digest_of_file(tmp_path / "p.py", "last_first")
    assert list(found[0]["digests"]) == ["scenario", "workload", "record", "p.py:last_first"]
    assert found[0]["digests"]["p.py:last_first"] == digest
    elsewhere = qs.simulate(source, policy="there/p.py:last_first").provenance
    assert (elsewhere["policies"]["queue"], elsewhere["overrides"]) == ({"name": "p.py:last_first"}, [])
    assert elsewhere["digests"]["p.py:last_first"] == digest
    assert "p.py" not in json.dumps(qs.simulate(source, policy="lifo").provenance)
    assert str(tmp_path) not in json.dumps(found)


def test_a_bundle_says_where_its_scenario_is_not_all_that_was_simulated(tmp_path: Path) -> None:
    text = "title: As given\nworkload: []\nhorizon: 1h\n"
    (tmp_path / "given.yaml").write_text(text, encoding="utf-8")
    qs.simulate(tmp_path / "given.yaml", seed=9).save(tmp_path / "plain")
    assert (tmp_path / "plain" / "scenario.yaml").read_text(encoding="utf-8") == text
    qs.simulate(tmp_path / "given.yaml", overrides=["horizon=2h"]).save(tmp_path / "changed")
    mark = "# The file as given, without the overrides that provenance.json names; scenario.resolved.json has them.\n"
    assert (tmp_path / "changed" / "scenario.yaml").read_text(encoding="utf-8") == mark + text
    read = qs.load_scenario(tmp_path / "changed" / "scenario.yaml")
    assert (read.resolved.title, read.resolved.horizon) == ("As given", 3_600_000_000)


def test_the_provenance_holds_the_fit_of_a_fitted_service_time(tmp_path: Path) -> None:
    """1, 2 and 3 thousand executions took 2 s, 5 s and 5 s: 1 s + 1.5 ms x executions, R² 3/4."""
    (tmp_path / "t.csv").write_text("s,n\n2,1000\n5,2000\n5,3000\n", encoding="utf-8")
    service_time = {
        "model": "fitted",
        "file": str(tmp_path / "t.csv"),
        "columns": {"time": "s", "shots": "n"},
        "noise": {"kind": "residuals"},
    }
    job = {"id": "j1", "at": "0s", "account": "lab", "shots": 1000}
    workload = [{"kind": "explicit", "jobs": [job]}]

    run = qs.simulate({"qpus": [{"name": "q", "service_time": service_time}], "workload": workload})

    assert run.provenance["service_time_fits"] == {
        "q": {
            "model": "fitted",
            "intercept": "1000000us",
            "coefficients": {"executions": "1500us"},
            "least": "2s",
            "fit": {
                "measurements": 3,
                "r_squared": 0.75,
                "residual_spread": "1224744.871us",
                "sha256": hashlib.sha256((tmp_path / "t.csv").read_bytes()).hexdigest(),
            },
        }
    }
    assert run.jobs["completed_us"].to_list()[0] in {2_000_000, 3_125_000, 2_272_728}


RULES = {
    "max_time_ends_as": "cancelled",
    "unused_timeout": "1m",
    "max_execution_time": "none",
    "ittl_condition": "ready",
    "calibration": "before_sessions",
    "on_outage": "requeue",
}


@pytest.mark.parametrize(
    ("scenario", "rules"),
    [
        ({"workload": []}, Rules(max_execution_time_us=3 * 3_600_000_000)),
        (
            {"workload": [], "rules": RULES, "policies": {"hold": "gap_fill", "routing": "random"}},
            Rules(
                hold=GAP_FILL,
                max_time_ends_as=JobStatus.CANCELLED,
                unused_timeout_us=60_000_000,
                max_execution_time_us=NEVER,
                ittl_asks_for_ready=True,
                calibrates_before_sessions=True,
                requeues_after_outage=True,
                routing=Routing.RANDOM,
            ),
        ),
    ],
)
def test_the_service_gets_the_rules_of_the_scenario(
    monkeypatch: pytest.MonkeyPatch, scenario: dict[str, Any], rules: Rules
) -> None:
    """S16, S21, S43, S44, S51, S52, S54."""
    given = []

    class Listening(Service):
        def __init__(self, workload: Any, **settings: Any) -> None:
            given.append(settings["rules"])
            super().__init__(workload, **settings)

    monkeypatch.setattr("qsession_sim.experiment.simulate.Service", Listening)
    qs.simulate(scenario)

    assert given == [rules]


def test_another_routing_policy_replaces_that_of_the_scenario() -> None:
    """S54"""
    run = qs.simulate(BUSY, routing="round_robin")

    assert run.scenario.resolved.policies.routing.name == "round_robin"


def test_several_qpus_have_their_names_in_the_tables():
    """S22, S54: jobs that name their QPU, one of them a simulator, and one that avoids the queue behind them."""
    jobs = [
        {"id": "a", "at": "0s", "account": "lab", "qpu_time": "3s", "qpu": "torino"},
        {"id": "b", "at": "0s", "account": "lab", "qpu_time": "3s", "qpu": "local"},
        {"id": "c", "at": "1s", "account": "lab", "qpu_time": "3s", "qpu": "torino"},
        {"id": "d", "at": "2s", "account": "lab", "qpu_time": "3s"},
    ]
    qpus = [{"name": "torino"}, {"name": "local", "simulator": True}, {"name": "kyiv"}]
    run = qs.simulate({"qpus": qpus, "workload": [{"kind": "explicit", "jobs": jobs}]})
    assert run.jobs["qpu"].to_list() == ["torino", "local", "torino", "kyiv"]
    assert run.intervals["qpu"].unique(maintain_order=True).to_list() == ["torino", "kyiv"]
    check_invariants(run)
