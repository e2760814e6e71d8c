"""Ctrl-C, SIGTERM and SIGHUP: status 130, 143 or 129, one line, nothing half written, wherever they come."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qsession_sim.cli.interrupts import Interrupts
from qsession_sim.cli.main import main
from qsession_sim.experiment.store import Runs, Store
from qsession_sim.interrupts import interrupts_afterwards

LONG = """
horizon: 10000d
workload:
  - {kind: arrivals, account: lab, interarrival: 60s, qpu_time: 50s, until: 500d}
"""


CLOSED = getattr(signal, "SIGHUP", signal.SIGTERM)
NOT_IGNORED = pytest.mark.skipif(signal.getsignal(CLOSED) is not signal.SIG_DFL, reason="needs SIGHUP")
SIGNALS = pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        pytest.param(CLOSED, 129, "terminated", marks=NOT_IGNORED),
    ],
)


def press(times=1, number=signal.SIGINT):
    for _ in range(times):
        os.kill(os.getpid(), number)


def pressing(times=1, number=signal.SIGINT):
    def function(*arguments, **options):
        press(times, number)
        pytest.fail("the interrupt did not come")

    return function


@SIGNALS
@pytest.mark.parametrize(
    "place",
    [
        "qsession_sim.cli.app.run_command",
        "qsession_sim.scenario.load.load_scenario",
        "qsession_sim.experiment.simulate.simulate",
        "qsession_sim.experiment.simulate.draw",
        "qsession_sim.report.run_rows.run_document",
    ],
)
def test_one_line_wherever_it_comes(capsys, monkeypatch, quickstart, place, number, status, word):
    importlib.import_module("qsession_sim.experiment.simulate")  # it would keep what is patched when imported
    monkeypatch.setattr(place, pressing(number=number))
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, CLOSED)]
    assert main(["run", quickstart]) == status
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", f"qsession-sim: {word}\n")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, CLOSED)] == before


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_first_of_two_signals_counts(capsys, monkeypatch, quickstart, second):
    def both(*arguments, **options):
        try:
            press(number=signal.SIGTERM)
        finally:
            press(number=second)

    monkeypatch.setattr("qsession_sim.experiment.simulate.simulate", both)
    assert main(["run", quickstart]) == 143
    assert capsys.readouterr().err == "qsession-sim: terminated\n"


def test_an_interrupt_that_comes_out_as_another_error(capsys, monkeypatch, quickstart):
    """As from an import that is interrupted inside an extension module."""

    def interrupted_import(*arguments, **options):
        try:
            press()
        except KeyboardInterrupt as interrupt:
            raise SystemError("initialisation failed") from interrupt

    monkeypatch.setattr("qsession_sim.experiment.simulate.simulate", interrupted_import)
    assert main(["run", quickstart]) == 130
    assert capsys.readouterr().err == "qsession-sim: interrupted\n"


def test_a_hasty_second_one_does_not_stop_the_clean_up():
    cleaned = []

    def work():
        try:
            press()
        finally:
            press(times=2)
            cleaned.append("all")

    with Interrupts().handled(whole_process=False), pytest.raises(KeyboardInterrupt):
        work()
    assert cleaned == ["all"]


def test_a_late_second_one_counts(monkeypatch):
    now_seconds = [10.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_seconds[0])
    with Interrupts().handled(whole_process=False):
        with pytest.raises(KeyboardInterrupt):
            press()
        now_seconds[0] += 5.0
        with pytest.raises(KeyboardInterrupt):
            press()


class PressedAtTheEnd:
    """Ctrl-C comes while the object is taken away, where Python drops what is raised."""

    def __del__(self):
        press()


def test_an_interrupt_that_python_drops_takes_effect_after_the_next_run(capsys, monkeypatch, quickstart):
    carry_out = Runs.carry_out

    def interrupted(*positional, **named):
        results = carry_out(*positional, **named)
        yield next(results)
        PressedAtTheEnd()
        yield from results

    monkeypatch.setattr(Runs, "carry_out", interrupted)
    assert main(["replicate", quickstart, "--policy", "random", "--replications", "4"]) == 130
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "qsession-sim: interrupted after 2 of 4 runs; with -o DIR they would be kept\n"


@pytest.mark.parametrize("number", [signal.SIGINT, CLOSED])
def test_a_process_that_ignores_interrupts_goes_on_ignoring_them(quickstart, monkeypatch, capsys, number):
    """As one that was started in the background, or by nohup."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        monkeypatch.setattr(
            "qsession_sim.report.run_rows.run_document", lambda *_: press(number=number) or []
        )
        assert main(["run", quickstart]) == 0
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_stretch_may_end_first():
    done = []

    def work():
        with interrupts_afterwards():
            press(times=2)
            done.append("stretch")
        done.append("too far")

    with Interrupts().handled(whole_process=False), pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["stretch"]


def test_an_interrupt_in_a_stretch_that_fails_is_not_lost():
    def work():
        with interrupts_afterwards():
            press()
            raise OSError("no space left")

    with Interrupts().handled(whole_process=False), pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert str(caught.value.__context__) == "no space left"


@SIGNALS
def test_an_interrupt_while_saving_leaves_all_or_nothing(
    capsys, monkeypatch, quickstart, tmp_path, number, status, word
):
    from qsession_sim.results import bundle

    rename = Path.rename

    def interrupted(*arguments):
        press(number=number)
        return rename(*arguments)

    monkeypatch.setattr(Path, "rename", interrupted)
    assert main(["run", quickstart, "-o", str(tmp_path / "out")]) == status
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(bundle.FILES)
    assert capsys.readouterr().err == f"qsession-sim: {word} after saving in {tmp_path / 'out'}\n"


@pytest.mark.parametrize("place", ["Externality.save", "Externality.to_dict"])
def test_an_interrupt_of_a_comparison_of_two_runs_says_what_is_saved(
    capsys, monkeypatch, quickstart, tmp_path, place
):
    """Also one that comes while they are saved, or while the last file of them is written."""
    from qsession_sim.experiment.externality import Externality

    name = place.split(".")[1]
    original = getattr(Externality, name)

    def interrupted(*arguments):
        press()
        return original(*arguments)

    monkeypatch.setattr(Externality, name, interrupted)
    command = ["compare", quickstart, "--without", "notebook", "-o", str(tmp_path / "out")]
    assert main(command) == 130
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["differences.parquet", "externality.json", "with", "without"]
    assert capsys.readouterr() == ("", f"qsession-sim: interrupted after saving in {tmp_path / 'out'}\n")


def test_an_interrupt_after_saving_says_that_it_is_saved(capsys, monkeypatch, quickstart, tmp_path):
    monkeypatch.setattr("qsession_sim.report.run_rows.run_document", pressing())
    assert main(["run", quickstart, "-o", str(tmp_path / "two\nlines")]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["two\nlines"]
    output = capsys.readouterr()
    line = f"qsession-sim: interrupted after saving in {tmp_path / 'two lines'}\n"
    assert (output.out, output.err) == ("", line)


@SIGNALS
def test_a_process_ends_with_its_status_and_leaves_nothing(scenario_file, tmp_path, number, status, word):
    name, begun, policy = scenario_file(LONG), tmp_path / "begun", tmp_path / "policy.py"
    policy.write_text(
        f"from pathlib import Path\n\n\ndef first(job):\n    Path({str(begun)!r}).touch()\n    return (0,)\n"
    )
    command = [sys.executable, "-B", "-m", "qsession_sim", "run", name, "-o", str(tmp_path / "out")]
    command += ["--policy", f"{policy}:first"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not begun.exists():  # however busy the machine is
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (status, "", f"qsession-sim: {word}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "policy.py", "scenario.yaml"]


def test_a_pipe_that_is_closed_early_is_silent(busy_day):
    command = [sys.executable, "-m", "qsession_sim", "run", busy_day]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@NOT_IGNORED
def test_a_study_with_workers_ends_when_its_terminal_is_closed_and_goes_on_later(quickstart, tmp_path):
    """The workers get the signal, too, as all processes of a terminal do."""
    arguments = ["replicate", quickstart, "--policy", "random", "--replications", "200"]
    command = [
        sys.executable,
        "-m",
        "qsession_sim",
        *arguments,
        "--workers",
        "2",
        "-o",
        str(tmp_path / "study"),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )

    def runs_kept():
        return len(list(Store(tmp_path / "study").ids()))

    while runs_kept() < 3:  # of which one may not be counted yet
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGHUP)
    out, err = process.communicate()
    kept = runs_kept()
    assert (process.returncode, out) == (129, "")
    said = re.fullmatch(
        r"qsession-sim: terminated after (\d+) of 200 runs, kept in (.*); the same command goes on\n", err
    )
    assert said is not None, err
    assert (said[2], 1 <= int(said[1]) <= kept < 200) == (str(tmp_path / "study"), True)
    assert main([*arguments, "-o", str(tmp_path / "study"), "--quiet"]) == 0
    assert runs_kept() == 200
