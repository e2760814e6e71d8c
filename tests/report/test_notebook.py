"""What results say of themselves: a line of text, and HTML for notebooks."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from random_examples import examples

import qsession_sim as qs
from qsession_sim.cli.terminal import PIPE_WIDTH
from qsession_sim.report.text import PAGE, notebook_html
from qsession_sim.testing.strategies import scenarios

SHIPPED = Path(__file__).parents[2] / "scenarios"

HOSTILE = "</pre><script>alert(1)</script>\u202e&"

SCENARIO = {
    "title": "Two jobs",
    "seed": 3,
    "workload": [
        {
            "kind": "explicit",
            "sessions": [{"id": "s1", "account": "a", "interactive_timeout": "30s"}],
            "jobs": [
                {"id": "j1", "at": "0s", "session": "s1", "qpu_time": "10s"},
                {"id": "j2", "at": "4s", "account": "b", "qpu_time": "20s"},
            ],
        }
    ],
}


class Tags(HTMLParser):
    """The names of the tags in order, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        assert all(name in {"style", "open"} for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def results():
    yield qs.load_scenario(SCENARIO)
    yield qs.simulate(SCENARIO)
    yield qs.compare(SCENARIO, policies=["fifo", "priority"], replications=2)


def read_back(run, directory):
    return qs.load(run.save(directory))


def test_each_says_in_one_line_what_it_is():
    scenario, run, study = results()
    assert repr(scenario) == "Scenario('Two jobs', 'scenario', explicit, seed 3)"
    assert repr(run) == "Run('Two jobs', 2 jobs, 1 session, 1m, seed 3)"
    assert repr(study) == f"Study('compare', ['fifo', 'priority'], 1 replication of {[*study.metrics]!r})"
    assert repr(qs.simulate({"workload": []})) == "Run('', 0 jobs, 0 sessions, 0s, seed 0)"


def test_the_summary_is_what_the_command_prints(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(qs.testing.write_yaml(SCENARIO), encoding="utf-8")
    command = [sys.executable, "-m", "qsession_sim", "run", str(file)]
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"PYTHONUTF8": "1"}
    printed = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", env=env).stdout
    assert PAGE.width == PIPE_WIDTH
    assert printed == qs.simulate(file).summary_text() + "\n"


def test_a_saved_run_says_the_same_as_the_run(tmp_path):
    run = qs.simulate(SCENARIO)
    saved = read_back(run, tmp_path / "run")
    assert repr(saved) == "SavedRun('Two jobs', 2 jobs, 1 session, 1m, seed 3)"
    assert saved.summary_text() == run.summary_text()
    assert saved._repr_html_() == run._repr_html_().replace("Run(", "SavedRun(", 1)


def test_of_a_damaged_bundle_only_the_name_is_known(tmp_path):
    saved = read_back(qs.simulate(SCENARIO), tmp_path / "run")
    (tmp_path / "run" / "summary.json").write_text("{}")
    assert repr(saved) == f"SavedRun({str(tmp_path / 'run')!r})"
    with pytest.raises(qs.BundleError):
        saved.summary_text()


SAVED = ("quickstart", "vqe_modes", "max_timeout", "close_versus_cancel", "idle_session", "polling")


@pytest.mark.parametrize("name", SAVED)
def test_saved_runs_of_shipped_scenarios_are_shown_as_the_runs(name, tmp_path):
    run = qs.simulate(SHIPPED / f"{name}.yaml")
    assert read_back(run, tmp_path / "run").summary_text() == run.summary_text()


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    max_examples=examples(40),
)
@given(scenario=scenarios())
def test_random_saved_runs_are_shown_as_the_runs(scenario):
    """With several QPUs, patience and preparation. Of a window that begins while a job is on the QPU only the rest
    is in the tables, so where there are windows the timeline may begin and end otherwise."""
    run = qs.simulate(scenario)
    with tempfile.TemporaryDirectory() as directory:
        texts = [read_back(run, f"{directory}/run").summary_text(), run.summary_text()]
    if len(run.record.windows):
        texts = [text.partition("\nTimeline")[0] for text in texts]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("number", range(3))
def test_a_notebook_shows_the_same_without_script(number):
    result = [*results()][number]
    page = result._repr_html_()
    tags = Tags(page)
    assert tags.names == ["div", "strong", "details", "summary", "pre"]
    assert 512 < len(page.encode()) <= 8192
    text = result.text if number == 0 else result.summary_text() if number == 1 else None
    if text is not None:
        assert tags.text == f"{result!r}details{text.rstrip()}"
    assert not re.search(r"(?<!-)(?:color|background):(?!inherit|transparent)", page)


def test_a_search_shows_what_it_found():
    found = qs.tune(
        SCENARIO, ["workload.explicit.sessions.s1.interactive_timeout=1s..40s"], minimise="mean_waiting"
    )
    tags = Tags(found._repr_html_())
    assert tags.names == ["div", "strong", "details", "summary", "pre"]
    assert tags.text.startswith(f"{found!r}details")


def test_names_of_files_are_text():
    run = qs.simulate({**SCENARIO, "title": HOSTILE})
    for result in (run, run.scenario):
        page = result._repr_html_()
        assert Tags(page).names == ["div", "strong", "details", "summary", "pre"]
        assert "\u202e" not in page
        assert html.escape("<script>") in page


def test_what_is_long_is_left_out():
    page = notebook_html("x" * 9_000, "\n".join(["<" * 90] * 100))
    assert len(page.encode()) < 8192
    assert Tags(page).text.endswith(
        "\n… (84 of 100 lines are left out)"
    )  # 16 lines of 4 · 90 + 1 are less than 6000
    assert Tags(notebook_html("x", "y" * 9_000)).text == "xdetails… (1 of 1 lines are left out)"
