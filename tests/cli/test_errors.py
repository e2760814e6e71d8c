"""How the command line ends: statuses, one line for each error, no traceback for a user's mistake."""

from __future__ import annotations

from importlib import import_module

import pytest

from qsession_sim.cli.main import main
from qsession_sim.errors import InvariantError

THESIS_LOST = (
    "{here}/out is a bundle but also holds 'thesis.tex', which would be lost; "
    "move it away or choose another directory"
)


def ending(capsys, *arguments):
    """Status, and the lines of both outputs."""
    status = main(arguments)
    output = capsys.readouterr()
    return status, output.out.splitlines(), output.err.splitlines()


def test_every_problem_of_a_scenario_is_a_line_as_it_is(capsys, scenario_file):
    name = scenario_file("horizn: 3\nworkload: 5\n")
    status, out, err = ending(capsys, "run", name)
    assert (status, out) == (2, [])
    assert [line.partition(": ")[0] for line in err] == [f"{name}:1:1", f"{name}:2:11"]
    assert ending(capsys, "scenario", "validate", name) == (2, [], err)
    assert ending(capsys, "scenario", "resolve", name) == (2, [], err)


def test_missing_file(capsys):
    assert ending(capsys, "run", "none.yaml") == (2, [], ["none.yaml: no such file"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--policy", "fifp"), "qsession-sim: no queue policy is called 'fifp'; did you mean 'fifo'?"),
        (("--hold", "nonne"), "qsession-sim: no hold policy is called 'nonne'; did you mean 'none'?"),
        (
            ("--routing", "randon"),
            "qsession-sim: no routing policy is called 'randon'; did you mean 'random'?",
        ),
        (("--seed", "-1"), "--seed -1: must be at least 0 (got -1)"),
    ],
)
def test_impossible_choices(capsys, quickstart, arguments, line):
    assert ending(capsys, "run", quickstart, *arguments) == (2, [], [line])


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("unknown",), ("run", "--engine", "x", "a.yaml"), ("run", "--seed", "x", "a.yaml"),
     ("run", "--format", "xml", "a.yaml"), ("policies", "a\nb"), ("--unknown",), ("scenario", "validate")],
)  # fmt: skip
def test_wrong_usage_is_one_line_that_names_the_help(capsys, arguments):
    status, out, err = ending(capsys, *arguments)
    assert (status, out, len(err)) == (2, [], 1)
    assert err[0].startswith("qsession-sim")
    assert err[0].endswith(" --help)")


@pytest.mark.parametrize(
    ("arguments", "command", "reason"),
    [
        (("run", "--seed", "x", "a.yaml"), "run", "'--seed': 'x' is not a whole number"),
        (("run", "--seed", "1.5", "a.yaml"), "run", "'--seed': '1.5' is not a whole number"),
        (
            ("run", "--format", "yaml", "a.yaml"),
            "run",
            "'--format': 'yaml' is not one of table, json, csv, markdown, latex",
        ),
        (
            ("workload", "describe", "--format", "yaml", "a.yaml"),
            "workload describe",
            "'--format': 'yaml' is not one of table, json",
        ),
        (("run", ""), "run", "'SCENARIO': the name is empty"),
        (("scenario", "validate", ""), "scenario validate", "'SCENARIO': the name is empty"),
        (("workload", "describe", ""), "workload describe", "'SCENARIO|TRACE': the name is empty"),
        (("workload", "export", "a.yaml", ""), "workload export", "'FILE': the name is empty"),
    ],
)
def test_a_value_that_cannot_be_is_told_in_plain_words(capsys, arguments, command, reason):
    program = f"qsession-sim {command}"
    line = f"{program}: Invalid value for {reason} (see {program} --help)"
    assert ending(capsys, *arguments) == (2, [], [line])


@pytest.mark.parametrize("arguments", [(), ("scenario",)])
def test_a_group_without_command_shows_its_help(capsys, arguments):
    status, out, err = ending(capsys, *arguments)
    assert (status, err) == (2, [])
    assert out[0].startswith("Usage: qsession-sim")


def test_a_place_that_holds_something_else_is_refused_before_the_run(
    capsys, quickstart, tmp_path, monkeypatch
):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.delattr("qsession_sim.experiment.simulate.simulate")
    status, out, err = ending(capsys, "run", quickstart, "-o", str(tmp_path))
    assert (status, out, len(err)) == (2, [], 1)
    assert f"{tmp_path} exists and is not a bundle" in err[0]
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("", "the name of the directory is empty"),
        ("file", "{here}/file is a file; choose a directory that does not exist"),
        (
            "file/a/out",
            "{here}/file/a/out cannot be made, because {here}/file is a file; choose another directory",
        ),
        ("out", THESIS_LOST),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_run(
    capsys, quickstart, tmp_path, monkeypatch, place, reason
):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "provenance.json").write_text("{}")
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr("qsession_sim.experiment.simulate.simulate")
    line = "qsession-sim run: Invalid value for -o: " + reason.format(here=tmp_path)
    expected = [f"{line} (see qsession-sim run --help)"]
    assert ending(capsys, "run", quickstart, "-o", place) == (2, [], expected)


COMMANDS = {  # all that write to a place
    "run": ["run", "SCENARIO", "-o", "PLACE"],
    "replicate": ["replicate", "SCENARIO", "--replications", "2", "-o", "PLACE"],
    "compare": [
        *("compare", "SCENARIO", "--policy", "fifo", "--policy", "lifo"),
        *("--replications", "2", "-o", "PLACE"),
    ],
    "sweep": ["sweep", "SCENARIO", "--vary", "horizon=1h,2h", "--replications", "2", "-o", "PLACE"],
    "tune": [
        *("tune", "SCENARIO", "--vary", "horizon=1h..2h", "--minimise", "mean_waiting"),
        *("--replications", "2", "--evaluations", "28", "-o", "PLACE"),
    ],
    "verify": ["verify", "-o", "PLACE"],
    "export": ["workload", "export", "SCENARIO", "PLACE.csv"],
}


def writing(command, scenario, place):
    parts = {"SCENARIO": scenario, "PLACE": str(place), "PLACE.csv": f"{place}.csv"}
    return [parts.get(part, part) for part in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["circle", "circle/below", "file/below", "a" * 300, "file"])
def test_one_status_for_a_place_that_cannot_be_in_all_commands(
    capsys, quickstart, tmp_path, monkeypatch, command, place
):
    for module, function in (("experiment.tasks", "simulate_workload"), ("verification.suite", "verify")):
        monkeypatch.delattr(import_module(f"qsession_sim.{module}"), function)  # refused before that
    for name in ("circle", "circle.csv"):
        (tmp_path / name).symlink_to(tmp_path / name)
    for name in ("file", "file.csv"):
        (tmp_path / name).write_text("mine")
    before = sorted(path.name for path in tmp_path.iterdir())
    status, out, err = ending(capsys, *writing(command, quickstart, tmp_path / place))
    assert (status, out, len(err)) == (2, [], 1)
    assert str(tmp_path) in err[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert [(tmp_path / name).read_text() for name in ("file", "file.csv")] == ["mine", "mine"]


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"verify"}))
def test_a_full_disk_is_called_that_by_all_commands(capsys, quickstart, tmp_path, monkeypatch, command):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    status, out, err = ending(capsys, *writing(command, quickstart, tmp_path / "out"))
    assert (status, len(err)) == (1, 1)
    assert (out != []) == (command == "run")  # which has its summary by then, and shows it
    assert err[0].startswith("qsession-sim: ")
    assert str(tmp_path / "out") in err[0]
    assert err[0].endswith(": the disk is full (No space left on device)")


@pytest.mark.parametrize("option", ["--policy", "--metric"])
def test_a_file_of_functions_that_links_to_itself(capsys, quickstart, tmp_path, option):
    file = tmp_path / "mine.py"
    file.symlink_to(file)
    arguments = ["replicate", quickstart, "--replications", "2", option, f"{file}:first"]
    line = f"qsession-sim: {file}: Too many levels of symbolic links"
    assert ending(capsys, *arguments) == (2, [], [line])


def test_run_takes_an_empty_directory(capsys, quickstart, tmp_path):
    status, _, err = ending(capsys, "run", quickstart, "-o", str(tmp_path))
    assert (status, err[0]) == (0, f"saved in {tmp_path}")
    assert (tmp_path / "files.sha256").is_file()


def test_a_place_that_fails_while_it_is_written_is_a_failure(capsys, quickstart, tmp_path, monkeypatch):
    place = tmp_path / "out"
    line = f"qsession-sim: cannot write the bundle {place}: the disk is full (No space left on device)"
    with monkeypatch.context() as full:
        full.setattr("pathlib.Path.rename", raising(OSError(28, "No space left on device")))
        status, out, err = ending(capsys, "run", quickstart, "-o", str(place), "--quiet")
    assert (status, err, list(tmp_path.iterdir())) == (1, [line], [])
    assert ending(capsys, "run", quickstart, "--quiet") == (0, out, [])  # what was simulated is shown


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InvariantError("S70 is broken"), "qsession-sim: S70 is broken"),
        (
            OSError(28, "No space left on device", "out"),
            "qsession-sim: out: the disk is full (No space left on device)",
        ),
        (
            OSError(28, "No space left on device"),
            "qsession-sim: standard output: the disk is full (No space left on device)",
        ),
        (MemoryError(), "qsession-sim: out of memory; simulate fewer jobs at a time"),
    ],
)
def test_failures_of_a_run_are_one_line(capsys, quickstart, monkeypatch, error, line):
    monkeypatch.setattr("qsession_sim.experiment.simulate.simulate", raising(error))
    assert ending(capsys, "run", quickstart) == (1, [], [line])


def test_an_error_of_the_program_is_not_hidden(quickstart, monkeypatch):
    monkeypatch.setattr("qsession_sim.experiment.simulate.simulate", raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["run", quickstart])


def test_a_closed_pipe_is_silent(capsys, quickstart, monkeypatch):
    monkeypatch.setattr("qsession_sim.report.run_rows.run_document", raising(BrokenPipeError()))
    assert ending(capsys, "run", quickstart) == (0, [], [])


def raising(error):
    def function(*arguments, **options):
        raise error

    return function
