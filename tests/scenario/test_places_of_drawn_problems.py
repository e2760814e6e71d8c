"""Problems that only drawing finds have the place of their source, as all others have."""

from __future__ import annotations

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.experiment.simulate import simulate
from qsession_sim.scenario.load import load_scenario
from qsession_sim.service import simpy_driver

SCENARIO = """\
workload:
  - {kind: arrivals, name: calm, account: lab, interarrival: 9s, count: 3, qpu_time: 1s}
  - kind: arrivals
    name: calm.er
    account: lab
    count: 2
    interarrival: 5217750w
    qpu_time: 1s
"""
BEYOND = "2 arrivals reach beyond 2**62 us, about 146,000 years; make it or their number smaller"
TOO_MANY = (
    "draws more than 100,000,000 jobs, sessions or clients; "
    "ask for fewer, an earlier until or horizon, or a longer interarrival time"
)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SCENARIO, encoding="utf-8")
    return "a.yaml"


def problems_of(*arguments, **options):
    with pytest.raises(ScenarioError) as caught:
        simulate(*arguments, **options)
    return list(caught.value.problems)


def test_problem_of_a_key_stands_at_its_line(file):
    """The interarrival time is in line 7, its value from column 19."""
    assert problems_of(file) == [f"a.yaml:7:19: workload.calm.er.interarrival: {BEYOND}"]


def test_problem_of_a_source_stands_at_its_line(tmp_path, file):
    arrivals = "workload:\n  - {kind: arrivals, account: a, interarrival: 1us, until: 1h, qpu_time: 1s}\n"
    (tmp_path / file).write_text(arrivals, encoding="utf-8")

    assert problems_of(file) == [f"a.yaml:2:5: workload.arrivals: {TOO_MANY}"]


def test_a_run_without_end_is_told_at_the_workload(tmp_path, file):
    """S1: 2 x 100,000 years are beyond 2**62 us."""
    jobs = "{id: a, at: 0s}, {id: b, after: a, think: 5217750w}, {id: c, after: b, think: 5217750w}"
    jobs = jobs.replace("}", ", account: lab, qpu_time: 1s}")
    text = f"seed: 1\nworkload: [{{kind: explicit, jobs: [{jobs}]}}]\n"
    (tmp_path / file).write_text(text, encoding="utf-8")

    assert problems_of(file) == [
        "a.yaml:2:11: workload: the run goes on beyond 2**62 us, about 146,000 years; give a horizon"
    ]


def test_problem_of_a_set_value_names_the_assignment(file):
    settings = ["workload.calm.er.interarrival=5217751w"]

    assert problems_of(file, overrides=settings) == [f"--set {settings[0]}: {BEYOND}"]
    assert problems_of(load_scenario(file, settings), seed=4) == [f"--set {settings[0]}: {BEYOND}"]


def test_loaded_scenario_keeps_its_places(file):
    assert problems_of(load_scenario(file), seed=4) == [
        f"a.yaml:7:19: workload.calm.er.interarrival: {BEYOND}"
    ]


def test_problem_of_a_dict_names_the_path():
    source = {"kind": "arrivals", "account": "lab", "interarrival": "5217750w", "count": 2, "qpu_time": "1s"}

    assert problems_of({"workload": [source]}) == [f"scenario: workload.arrivals.interarrival: {BEYOND}"]


def test_malformed_lines_of_a_trace_stay_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [
        "job,submitted_us,qpu_time_us,account",
        *(f"j{number},x,5,lab" for number in range(2, 12)),
        "j12,0,5,lab",
    ]
    (tmp_path / "jobs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "a.yaml").write_text("workload:\n  - {kind: trace, file: jobs.csv}\n", encoding="utf-8")

    found = [problem.partition(", line ") for problem in problems_of("a.yaml")]

    assert {place for place, line, _ in found if line} == {"a.yaml:2:5: workload.trace: jobs.csv"}
    assert [int(rest.partition(":")[0]) for _, line, rest in found if line] == list(range(2, 12))


def test_windows_that_let_no_job_through_are_told_at_the_qpus(tmp_path, file, monkeypatch):
    """S52: maintenance without a gap; `qpus` is in line 2, its value from column 7."""
    monkeypatch.setattr(simpy_driver, "PATIENCE_EVENTS", 1000)
    monkeypatch.setattr(simpy_driver, "EVENTS_BETWEEN_REPORTS", 100)
    window = "{kind: maintenance, at: 0s, every: 1s, duration: 1s}"
    job = "{id: a, at: 0s, account: lab, qpu_time: 1s}"
    text = (
        f"seed: 1\nqpus: [{{name: q, windows: [{window}]}}]\nworkload: [{{kind: explicit, jobs: [{job}]}}]\n"
    )
    (tmp_path / file).write_text(text, encoding="utf-8")

    (problem,) = problems_of(file)
    assert problem == (
        "a.yaml:2:7: qpus: windows came and went for 1,000 events and no job got through, so the run may never "
        "end; leave more time between them, or give a horizon"
    )
