"""The README tells the truth: its output is real, its commands and links exist."""

from __future__ import annotations

import pathlib
import re

import pytest

from qsession_sim.cli.main import main

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

RUN = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/qsession-sim run scenarios/quickstart.yaml\n"
TEST = (
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -q -n 2\n"
)


@pytest.fixture(autouse=True)
def in_a_clone(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)


def test_blocks_are_in_the_order_that_these_tests_expect():
    languages = [language for language, _ in BLOCKS]
    assert languages == ["sh", "text", "sh", "python", "text", "sh", "text", "python", "text"]


def test_the_two_commands():
    assert [text for language, text in BLOCKS if language == "sh"][:2] == [RUN, TEST]
    assert README.index("<!-- test command -->\n```sh\n" + TEST) > 0


def test_the_first_command_prints_what_the_readme_shows(capsys):
    assert main(["run", "scenarios/quickstart.yaml"]) == 0
    assert capsys.readouterr().out == BLOCKS[1][1]


def test_the_library_example_prints_what_the_readme_shows(capsys):
    exec(compile(BLOCKS[7][1], "README.md", "exec"), {})
    assert capsys.readouterr().out == BLOCKS[8][1]
    assert len(BLOCKS[7][1].splitlines()) <= 12


def test_the_program_prints_what_the_readme_shows(capsys):
    exec(compile(BLOCKS[3][1], "README.md", "exec"), {})
    assert capsys.readouterr().out == BLOCKS[4][1]
    assert len([line for line in BLOCKS[3][1].splitlines() if line]) <= 10


def test_it_begins_with_a_small_picture_of_a_report():
    first = re.match(r"# qsession-sim\n\n!\[[^\]]{50,}\]\(([\w/.]+)\)\n\n", README)
    picture = (ROOT / first[1]).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) < 150_000


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_every_shipped_scenario_is_mentioned():
    shipped = {f"scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.yaml")}
    assert {name for name in shipped if name not in README} == set()


def test_every_command_is_described(capsys):
    for group in ([], ["scenario"], ["workload"]):
        main([*group, "--help"])
        listing = capsys.readouterr().out.partition("Commands:\n")[2]
        for command in re.findall(r"^  (\w+)", listing, re.MULTILINE):
            assert f"`qsession-sim {' '.join([*group, command])}" in README


def test_settings_in_the_text_can_be_used(capsys):
    settings = re.findall(r"`--set ([^`]+)`", README)
    assert len(settings) == 1
    for setting in settings:
        assert main(["scenario", "validate", "scenarios/vqe_modes.yaml", "--set", setting]) == 0
    capsys.readouterr()
