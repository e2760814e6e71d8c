"""The one door through which commands print."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys

import pytest

from qsession_sim.cli.main import main
from qsession_sim.report.text import cell_width
from qsession_sim.verification import identities, suite
from qsession_sim.verification.closed_clients import idle_timeout

FORTY = "a_name_that_has_exactly_forty_characters"

NARROW = {
    "seed": 7,
    "qpus": [{"name": f"{FORTY[:-1]}{end}"} for end in "ab"],
    "workload": [
        {
            "kind": "arrivals",
            "name": FORTY,
            "account": f"{FORTY[:-1]}x",
            "count": 30,
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "8s"},
        },
        {
            "kind": "iterative",
            "name": f"{FORTY[:-1]}y",
            "account": "\u91cf\u5b50",
            "clients": 2,
            "iterations": 3,
            "qpu_time": {"kind": "exponential", "mean": "4s"},
            "think_time": "2s",
            "interactive_timeout": "20s",
        },
    ],
}

STUDY = ("--replications", "3", "--quiet")
VARY = ("--vary", f"workload.{FORTY}.count=20,30", "--vary", "policies.hold=shared,exclusive")
COMMANDS = {
    "run": ("run", "SCENARIO"),
    "replicate": ("replicate", "SCENARIO", "--metric", f"by_stream.{FORTY}.mean_waiting", *STUDY),
    "compare": ("compare", "SCENARIO", "--policy", "fifo", "--policy", "weighted_fair_queueing", *STUDY),
    "sweep": ("sweep", "SCENARIO", *VARY, *STUDY),
    "compared sweep": (
        *("sweep", "SCENARIO", *VARY, *STUDY),
        *("--baseline", f"workload.{FORTY}.count=20 policies.hold=shared"),
    ),
    "tune": (
        *("tune", "SCENARIO", "--vary", f"workload.{FORTY[:-1]}y.interactive_timeout=1s..60s"),
        *("--minimise", "mean_waiting", "--replications", "2", "--quiet"),
    ),
    "metrics": ("metrics", "SCENARIO"),
    "policies": ("policies",),
    "explain": ("scenario", "explain"),
    "workload describe": ("workload", "describe", "SCENARIO"),
    "verify": ("verify", "--quiet"),
}


def test_what_is_printed_keeps_its_order_when_both_outputs_go_to_one_file(tmp_path):
    """As with `qsession-sim verify >log 2>&1`: standard output is buffered there, standard error is not."""
    program = "from qsession_sim.cli.terminal import note, say; say('table'); note('note'); say('end')"
    log = tmp_path / "log"
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with log.open("wb") as both:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, stdout=both, stderr=both, env=buffered, check=False)
    assert (done.returncode, log.read_text("utf-8")) == (0, "table\nnote\nend\n")


@pytest.fixture
def small_verification(monkeypatch):
    monkeypatch.setattr(suite, "EXPERIMENTS", (idle_timeout(1, gaps=2_000),))
    monkeypatch.setattr(identities, "JOBS", 200)


def pages(*command):
    """The commands below one, and itself."""
    yield command
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        assert main([*command, "--help"]) == 0
    for line in page.getvalue().partition("\nCommands:\n")[2].splitlines():
        if re.match(r"  \w", line):
            yield from pages(*command, line.split()[0])


def test_pages_of_help_fit_the_terminal_and_say_the_same_in_every_width(capsys, monkeypatch):
    """No word is broken, and what commands do is told to its end."""
    monkeypatch.setenv("COLUMNS", "200")
    commands = [*pages()]
    assert len(commands) > 17
    for command in commands:
        monkeypatch.setenv("COLUMNS", "200")
        assert main([*command, "--help"]) == 0
        words = capsys.readouterr().out.split()
        for width in (40, 60, 79, 80, 200):
            monkeypatch.setenv("COLUMNS", str(width))
            assert main([*command, "--help"]) == 0
            page = capsys.readouterr().out
            assert [line for line in page.splitlines() if len(line) > width] == []
            assert page.split() == words
            assert not re.search(r"\w\.\.\.", page)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("small_verification")
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut_off(
    capsys, monkeypatch, scenario_file, command
):
    """All words are there, and all names of 40 characters."""
    scenario = scenario_file(json.dumps(NARROW))
    arguments = [scenario if part == "SCENARIO" else part for part in COMMANDS[command]]
    monkeypatch.setenv("COLUMNS", "1000")
    assert main(arguments) == 0
    words = {word for word in capsys.readouterr().out.split() if word.isalpha() or len(word) == len(FORTY)}
    for width in (24, 40, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        assert main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if cell_width(line) > width] == []
        printed = "".join("".join(lines).split())
        assert {word for word in words if word not in printed} == set()
