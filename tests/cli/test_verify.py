"""`qsession-sim verify`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from qsession_sim.cli.main import main
from qsession_sim.queueing import theory
from qsession_sim.verification import identities, suite
from qsession_sim.verification.closed_clients import idle_timeout
from qsession_sim.verification.figures import NAMES
from qsession_sim.verification.report import as_json


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One experiment of a few jobs instead of the grid."""
    monkeypatch.setattr(suite, "EXPERIMENTS", (idle_timeout(1, gaps=2_000),))
    monkeypatch.setattr(identities, "JOBS", 200)


@pytest.fixture
def wrong_theory(monkeypatch):
    """What a gap holds is said to be 30 % more."""
    right = theory.exponential_think

    def wrong(mean_think, timeout, mean_service):
        found = right(mean_think, timeout, mean_service)
        return replace(found, mean_held=1.3 * found.mean_held)

    monkeypatch.setattr(theory, "exponential_think", wrong)


def test_table_has_a_row_for_each_comparison_and_identity(capsys):
    assert main(["verify"]) == 0
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0].split() == [
        "system",
        "at",
        "quantity",
        "theory",
        "estimate",
        "95",
        "%",
        "interval",
        "z",
        "detects",
    ]
    assert [line[:11] for line in lines[1:4]] == ["one session"] * 3
    assert sum(line.endswith("  equal") for line in lines) == 14
    assert lines[-1].startswith(
        "3 comparisons at seed 1: none too far from theory (family error rate 0.001: |z| above "
    )
    assert lines[-1].endswith("14 identities: none broken.")
    assert errors == ""


def test_json_is_what_the_library_gives(capsys):
    assert main(["verify", "--format", "json", "--seed", "4", "--quiet"]) == 0
    output, errors = capsys.readouterr()
    assert json.loads(output) == as_json(suite.verify(4, suite.EXPERIMENTS))
    assert (json.loads(output)["seed"], errors) == (4, "")


def test_wrong_theory_is_told_and_the_exit_status_is_1(capsys, wrong_theory):
    assert main(["verify"]) == 1
    output, errors = capsys.readouterr()
    assert "3 comparisons at seed 1: 1 too far from theory" in output
    assert [line for line in output.splitlines() if " ! " in line] == [output.splitlines()[2]]
    start = "qsession-sim: one session, T/m = 1: mean held in a gap is "
    assert errors.startswith(start)
    assert "but theory.exponential_think gives 8.21757 (" in errors  # 13 (1 - 1/e)


def test_broken_identity_is_told(capsys, monkeypatch):
    monkeypatch.setattr(identities, "lindley", lambda arrivals, services: services)
    assert main(["verify", "--quiet"]) == 1
    errors = capsys.readouterr().err
    assert errors == "qsession-sim: every wait of M/M/1 is that of Lindley's recursion: not equal\n"


def test_directory_has_tables_and_figures(capsys, tmp_path):
    place = tmp_path / "new" / "verification"
    assert main(["verify", "-o", str(place), "--format", "json"]) == 0
    output, errors = capsys.readouterr()
    assert sorted(path.name for path in place.iterdir()) == sorted(
        ["verification.json", "verification.md", *NAMES]
    )
    assert (place / "verification.json").read_text(encoding="utf-8") == output
    assert errors == f"saved in {place}\n"
    assert sorted(path.name for path in place.parent.iterdir()) == ["verification"]


def test_figures_are_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        assert main(["verify", "-o", str(tmp_path / name), "--quiet"]) == 0
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b")]
    assert contents[0] == contents[1]


def test_without_matplotlib_there_are_tables_and_a_hint(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["verify", "-o", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "verification.json",
        "verification.md",
    ]
    assert capsys.readouterr().err == (
        "no figures without matplotlib; get it with: pip install 'qsession-sim[plot]'\n"
        f"saved in {tmp_path / 'out'}\n"
    )


def test_failed_verification_is_written_too(capsys, tmp_path, wrong_theory):
    assert main(["verify", "-o", str(tmp_path / "out"), "--quiet"]) == 1
    assert json.loads((tmp_path / "out" / "verification.json").read_text(encoding="utf-8"))["passed"] is False


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_nothing_is_replaced(capsys, monkeypatch, tmp_path, kind):
    place = tmp_path / "there"
    if kind == "directory":
        place.mkdir()
    else:
        place.write_text("mine")
    monkeypatch.setattr(suite, "verify", None)  # refused before anything is simulated
    assert main(["verify", "-o", str(place)]) == 2
    expected = f"Invalid value for -o: {place} exists; choose a directory that does not exist"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-1"], "Invalid value for --seed: '-1' is not a whole number from 0"),
        (["--seed", "one"], "Invalid value for --seed: 'one' is not a whole number from 0"),
        (["--format", "yaml"], "'yaml' is not one of table, json"),
        (["-o", ""], "the name of the directory is empty"),
        (["more"], "more"),
    ],
)
def test_bad_usage_is_one_line_and_exit_status_2(capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(suite, "verify", None)
    assert main(["verify", *arguments]) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert message in errors
    assert errors.startswith("qsession-sim verify: ")
