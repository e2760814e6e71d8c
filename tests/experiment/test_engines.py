"""Which engine runs what, and that nothing else depends on it (S7). The text of the kernel stands for the compiled one."""

from __future__ import annotations

import engines
import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.errors import EngineError
from qsession_sim.experiment.plan import make_plan
from qsession_sim.experiment.simulate import simulate
from qsession_sim.experiment.tasks import Configuration
from qsession_sim.kernel import columns
from qsession_sim.kernel import engine as kernel

JOBS = [{"id": f"j{n}", "at": f"{n}s", "account": "lab", "qpu_time": "3s"} for n in range(3)]
PLAIN = {"workload": [{"kind": "explicit", "jobs": JOBS}]}
DRAWN = {
    "workload": [
        {
            "kind": "arrivals",
            "account": "lab",
            "count": 20,
            "qpu_time": {"kind": "exponential", "mean": "5s"},
            "interarrival": {"kind": "exponential", "mean": "7s"},
        }
    ]
}


@pytest.fixture
def compiled(monkeypatch):
    """As if the kernel were compiled."""
    run = kernel.run

    def interpreted(*arguments, compiled, **options):
        assert compiled
        return run(*arguments, compiled=False, **options)

    monkeypatch.setattr(columns, "is_compiled", lambda: True)
    monkeypatch.setattr(kernel, "run", interpreted)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No run is made by other engines, too."""
    monkeypatch.setattr(engines, "FORMS", [])


@pytest.fixture
def not_compiled(monkeypatch):
    monkeypatch.setattr(columns, "is_compiled", lambda: False)


@pytest.fixture
def refused(monkeypatch):
    """A scenario that the kernel does not run."""
    monkeypatch.setattr(
        "qsession_sim.experiment.engines.why_not", lambda plan, rules, policy, horizon_us: "it has a tail"
    )


def engine_of(source, **options):
    return simulate(source, **options).provenance["engine"]


def test_the_kernel_runs_what_it_can_where_it_is_compiled(compiled):
    assert [engine_of(PLAIN), engine_of(PLAIN, engine="compiled"), engine_of(PLAIN, engine="simpy")] == [
        "compiled",
        "compiled",
        "simpy",
    ]


def test_simpy_runs_all_where_it_is_not(not_compiled):
    assert [engine_of(PLAIN), engine_of(PLAIN, engine="simpy")] == ["simpy", "simpy"]
    with pytest.raises(EngineError) as caught:
        simulate(PLAIN, engine="compiled")
    assert str(caught.value) == (
        "this installation has no compiled kernel; install it again with a C compiler and "
        "QSESSION_SIM_COMPILE=1 in the environment, which says what is missing, or leave the engine to `auto`"
    )


def test_what_the_kernel_refuses_is_run_by_simpy_or_refused_with_the_reason(compiled, refused):
    assert engine_of(PLAIN) == "simpy"
    with pytest.raises(EngineError) as caught:
        simulate(PLAIN, engine="compiled")
    assert str(caught.value) == (
        "the engine `compiled` does not run this: it has a tail; leave the engine to `auto`"
    )


def test_live_programs_are_refused_by_name(compiled):
    def visitor(service):
        yield service.submit("v", qpu_time_us=5, account="lab").completed

    assert engine_of(PLAIN, programs=[visitor]) == "simpy"
    with pytest.raises(EngineError, match=r"does not run this: live programs take part \(visitor\); "):
        simulate(PLAIN, programs=[visitor], engine="compiled")
    bound = {"workload": [{"kind": "program", "name": "vqe", "account": "lab", "clients": 1}]}
    with pytest.raises(EngineError, match=r"live programs take part \(vqe\)"):
        simulate(bound, programs={"vqe": lambda: None}, engine="compiled")


def test_an_engine_that_does_not_exist_is_an_error_that_names_the_nearest():
    for function, options in (
        (simulate, {}),
        (qs.replicate, {}),
        (qs.compare, {"policies": ["fifo", "lifo"]}),
        (qs.sweep, {"vary": ["horizon=5s,9s"]}),
        (qs.tune, {"vary": ["horizon=5s..9s"], "minimise": "mean_waiting"}),
    ):
        with pytest.raises(EngineError) as caught:
            function(PLAIN, engine="simpi", **options)
        assert str(caught.value) == "no engine is called 'simpi'; did you mean 'simpy'?"


def test_the_bundles_of_both_engines_differ_in_one_line(compiled, tmp_path):
    for engine in ("simpy", "compiled"):
        simulate(DRAWN, engine=engine).save(tmp_path / engine)
    files = [path.name for path in (tmp_path / "simpy").iterdir()]
    contents = [[(tmp_path / one / name).read_bytes() for name in files] for one in ("simpy", "compiled")]
    differing = [name for name, one, other in zip(files, *contents, strict=True) if one != other]
    assert differing == ["provenance.json"]
    lines = [(tmp_path / one / "provenance.json").read_text().splitlines() for one in ("simpy", "compiled")]
    assert [pair for pair in zip(*lines, strict=True) if len(set(pair)) == 2] == [
        ('  "engine": "simpy",', '  "engine": "compiled",')
    ]


def test_ids_of_tasks_do_not_depend_on_the_engine(compiled):
    tasks = [
        make_plan(DRAWN, engine=engine, warm_up="mser5").task(Configuration("x", "lifo"), 3)
        for engine in ("auto", "simpy", "compiled")
    ]
    assert [task.engine for task in tasks] == ["auto", "simpy", "compiled"]
    assert len({task.id for task in tasks}) == 1


@pytest.mark.parametrize(
    ("study", "options"),
    [
        (qs.replicate, {}),
        (qs.compare, {"policies": ["fifo", "lifo"]}),
        (qs.sweep, {"vary": ["policies.hold=exclusive,shared"]}),
        (qs.tune, {"vary": ["horizon=50s..90s"], "minimise": "mean_waiting", "evaluations": 28}),
    ],
)
def test_studies_are_the_same_with_each_engine_and_one_goes_on_with_what_another_began(
    compiled, monkeypatch, tmp_path, study, options
):
    def content(name):
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in files}

    for engine in ("simpy", "compiled"):
        found = study(DRAWN, replications=2, engine=engine, directory=tmp_path / engine, **options)
        found.save(tmp_path / engine)
    assert content("simpy") == content("compiled")
    monkeypatch.setattr(kernel, "run", None)  # everything is there, so nothing is run again
    study(DRAWN, replications=2, engine="compiled", directory=tmp_path / "simpy", **options)
    assert content("simpy") == content("compiled")


def test_a_study_that_the_kernel_refuses_says_why(compiled, refused):
    with pytest.raises(EngineError, match="does not run this: it has a tail"):
        qs.replicate(DRAWN, replications=2, engine="compiled")


def test_the_kernel_reports_how_far_it_is(compiled):
    reports = []
    simulate(PLAIN, progress=reports.append)
    assert [(one.now_us, one.jobs) for one in reports] == [(9_000_000, 3)]


def test_a_run_of_the_kernel_can_be_interrupted_where_it_reports(compiled):
    """A job that is cut is tried again for 274 years; after 20,000 events Python has its say."""
    loop = {"kind": "iterative", "account": "lab", "mode": "job", "clients": 1, "iterations": 2}
    times = {"qpu_time": "2s", "max_execution_time": "1s", "think_time": "0s", "on_error": "retry"}
    seen = []

    def interrupt(report):
        seen.append(report.events)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate({"horizon": "100000d", "workload": [loop | times]}, progress=interrupt)
    assert seen == [20_000]


def test_a_run_that_goes_on_beyond_all_time_ends_as_by_simpy(compiled):
    """S1: 2 x 100,000 years are beyond 2**62 us."""
    job = {"account": "lab", "qpu_time": "1s"}
    later = [{"id": n, "after": before, "think": "5217750w", **job} for n, before in (("b", "a"), ("c", "b"))]
    source = {"workload": [{"kind": "explicit", "jobs": [{"id": "a", "at": "0s", **job}, *later]}]}
    problems = []
    for engine in ("simpy", "compiled"):
        with pytest.raises(qs.ScenarioError) as caught:
            simulate(source, engine=engine)
        problems.append(caught.value.problems)
    assert (
        problems[0]
        == problems[1]
        == ("scenario: workload: the run goes on beyond 2**62 us, about 146,000 years; give a horizon",)
    )


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["replicate", "--replications", "2"],
        ["compare", "--policy", "fifo", "--policy", "lifo", "--replications", "2"],
        ["sweep", "--vary", "horizon=50s,90s", "--replications", "2"],
        ["tune", "--vary", "horizon=5m..9m", "--minimise", "mean_waiting", "--replications", "2"],
    ],
    ids=lambda command: command[0],
)
def test_commands_end_with_status_2_and_the_reason(compiled, refused, capsys, scenario_file, command):
    assert main([command[0], scenario_file, *command[1:], "--engine", "compiled"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "qsession-sim: the engine `compiled` does not run this: it has a tail; leave the engine to `auto`"
    )
    assert main([command[0], scenario_file, *command[1:], "--engine", "simpi"]) == 2
    assert "'simpi' is not one of auto, simpy, compiled" in capsys.readouterr().err


def test_a_command_prints_the_same_with_each_engine(compiled, capsys, scenario_file):
    printed = []
    for engine in ("auto", "simpy", "compiled"):
        assert main(["run", scenario_file, "--engine", engine]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[2]


@pytest.fixture
def scenario_file(tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text(
        "workload:\n  - {kind: arrivals, name: a, account: lab, count: 9, qpu_time: 5s,"
        " interarrival: {kind: exponential, mean: 9s}}\n"
    )
    return str(path)
