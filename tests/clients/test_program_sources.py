"""Sources of kind `program`: who runs a program, how often, from when on, and with which think times."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.clients.thin import Sampler, Session

SECOND = 1_000_000

PROGRAM = """
from qsession_sim.clients.thin import Sampler, Session

def loop():
    with Session() as session:
        for _ in range(2):
            Sampler(session).run(qpu_time="10s").result()

number = 5

if __name__ == "__main__":
    loop()
"""


def loop():
    with Session() as session:
        for _ in range(2):
            Sampler(session).run(qpu_time="10s").result()


def source(**keys):
    return {"workload": [{"kind": "program", "name": "vqe", "account": "lab", **keys}]}


def test_clients_start_at_their_times_and_think_before_each_submission():
    """Two at 60 s; with 5 s of thinking the first job of the one is at 65, its second at 65 + 10 + 5 = 80; the
    other's first job waits from 65 until the session of the one is over, at 90."""
    scenario = source(start={"groups": [{"at": "1m", "size": 2}]}, think="5s")
    run = qs.simulate(scenario, programs={"vqe": loop})
    assert run.jobs.select("job", "account", "stream", "submitted_us", "started_us").rows() == [
        ("vqe/1/1", "lab", "vqe", 65 * SECOND, 65 * SECOND),
        ("vqe/2/1", "lab", "vqe", 65 * SECOND, 90 * SECOND),
        ("vqe/1/2", "lab", "vqe", 80 * SECOND, 80 * SECOND),
        ("vqe/2/2", "lab", "vqe", 105 * SECOND, 105 * SECOND),
    ]


def test_a_program_runs_beside_other_sources_which_it_does_not_change():
    arrivals = {
        "kind": "arrivals",
        "account": "b",
        "count": 20,
        "interarrival": {"kind": "exponential", "mean": "20s"},
        "qpu_time": "1s",
    }
    alone = qs.simulate({"workload": [arrivals]}, seed=3).jobs
    together = qs.simulate(
        {"workload": [arrivals, *source(clients=2, think={"kind": "exponential", "mean": "2s"})["workload"]]},
        seed=3,
        programs={"vqe": loop},
    ).jobs
    others = together.filter(together["stream"] == "arrivals")
    assert others["submitted_us"].to_list() == alone["submitted_us"].to_list()
    assert len(together) == 20 + 4


def test_the_provenance_has_the_code_and_says_when_think_times_are_measured():
    run = qs.simulate(source(think="measured"), programs={"vqe": loop})
    assert run.provenance["think_times"] == "measured on this machine"
    assert [name for name in run.provenance["digests"] if "loop" in name] != []


@pytest.mark.parametrize(
    ("programs", "problems"),
    [
        (
            (),
            (
                (
                    "scenario: workload.vqe: no program is bound to it; give --program vqe=FILE.py:FUNCTION, or "
                    "in Python programs={'vqe': function}"
                ),
            ),
        ),
        (
            {"vqe": loop, "vqa": loop},
            ("scenario: no program source is called 'vqa'; did you mean 'vqe'?",),
        ),
    ],
)
def test_each_source_needs_its_program_and_each_program_its_source(programs, problems):
    with pytest.raises(qs.ScenarioError) as caught:
        qs.simulate(source(), programs=programs)
    assert caught.value.problems == problems


# on the command line


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vqe.py").write_text(PROGRAM, encoding="utf-8")
    text = "workload: [{kind: program, name: vqe, account: lab, think: 0}]\n"
    (tmp_path / "scenario.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("place", ["vqe.py", "vqe.py:loop"])
def test_a_file_runs_as_a_script_or_one_of_its_functions(files, capsys, place):
    assert main(["run", "scenario.yaml", "--program", f"vqe={place}", "--format", "csv", "--quiet"]) == 0
    assert capsys.readouterr().out == (
        "mode,jobs,done,mean [s],median [s],p95 [s],longest [s]\nsession,2,2,0,0,0,0\nall,2,2,0,0,0,0\n"
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            [],
            "scenario.yaml:1:12: workload.vqe: no program is bound to it; give --program vqe=FILE.py:FUNCTION",
        ),
        (["vqe"], "Invalid value for --program: 'vqe' is not NAME=FILE.py or NAME=FILE.py:FUNCTION"),
        (["vqe=none.py"], "Invalid value for --program: none.py: No such file or directory"),
        (["vqe=vqe.py:lop"], "vqe.py: no function is called 'lop'; did you mean 'loop'?"),
        (["vqe=vqe.py:number"], "vqe.py:number: a program must be a function, not 5"),
        (["vqa=vqe.py:loop"], "workload.vqe: no program is bound to it"),
    ],
)
def test_what_cannot_be_bound_is_refused(files, capsys, options, problem):
    given = [part for option in options for part in ("--program", option)]
    assert main(["run", "scenario.yaml", *given]) == 2
    out, err = capsys.readouterr()
    assert (out, problem in err) == ("", True), err


def test_an_error_in_a_script_names_its_line(files, tmp_path, capsys):
    (tmp_path / "vqe.py").write_text("x = 1\ny = x / 0\n", encoding="utf-8")
    assert main(["run", "scenario.yaml", "--program", "vqe=vqe.py"]) == 1
    assert "failed at vqe.py:2: ZeroDivisionError: division by zero" in capsys.readouterr().err


# studies


def test_a_study_runs_programs_here_and_in_processes(files, tmp_path):
    """Two clients of two jobs of 10 s: the other one waits for the session of the one, 20 s, and then no more."""
    (tmp_path / "scenario.yaml").write_text(
        "workload: [{kind: program, name: vqe, account: lab, clients: 2}]\n", encoding="utf-8"
    )
    metrics = ["mean_waiting", "all.submitted"]

    def compared(**options):
        return qs.compare(
            "scenario.yaml",
            ["fifo", "lifo"],
            metrics=metrics,
            replications=3,
            programs={"vqe": "vqe.py:loop"},
            **options,
        )

    here, there = compared(), compared(executor=qs.processes(2))
    assert here.table().equals(there.table())
    means = here.table().filter(here.table()["metric"] == "mean_waiting")["mean"].to_list()
    assert means == [20 * SECOND / 4] * 2
    assert "--program vqe=vqe.py:loop" in here.runs()["command"][0]


def test_what_varies_in_a_program_is_swept_and_drawn_anew_in_each_replication(files):
    study = qs.sweep(
        source(think={"kind": "exponential", "mean": "2s"}),
        ["workload.vqe.clients=1,2"],
        metrics=["all.submitted", "mean_turnaround"],
        replications=2,
        programs={"vqe": "vqe.py:loop"},
    )
    table = study.table()
    assert table.filter(table["metric"] == "all.submitted")["mean"].to_list() == [2.0, 4.0]
    assert study.replications == 2


def test_task_ids_depend_on_the_code_of_programs(files, tmp_path):
    from qsession_sim.experiment.plan import make_plan
    from qsession_sim.experiment.tasks import Configuration

    def task_id():
        plan = make_plan(source(), programs=["vqe=vqe.py:loop"])
        return plan.task(Configuration("x", "fifo"), 0).id

    first = task_id()
    assert task_id() == first
    (tmp_path / "vqe.py").write_text(PROGRAM.replace("10s", "11s"), encoding="utf-8")
    assert task_id() != first


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "workload.vqe: no program is bound to it; give --program vqe=FILE.py:FUNCTION"),
        (["--program", "vqe=vqe.py"], "program 'vqe': a study needs FILE.py:FUNCTION, not 'vqe.py'"),
        (["--program", "vqe=vqe.py:loop", "--set", "workload.vqe.think=measured"], "depend on the machine"),
    ],
)
def test_studies_refuse_what_they_cannot_repeat(files, capsys, options, problem):
    compared = ["compare", "scenario.yaml", "--policy", "fifo", "--policy", "lifo", "--quiet", *options]
    assert main(compared) == 2
    assert problem in capsys.readouterr().err
