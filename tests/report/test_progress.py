"""The bar of `progress=True`: in terminals and notebooks, and nowhere else."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

import qsession_sim as qs
from qsession_sim.experiment.store import StudyProgress
from qsession_sim.report import progress
from qsession_sim.report.progress import Place, RunBar, StudyBar
from qsession_sim.service.simpy_driver import Progress

SCENARIO = {
    "workload": [
        {
            "kind": "arrivals",
            "account": "lab",
            "count": 3000,
            "interarrival": {"kind": "exponential", "mean": "2s"},
            "qpu_time": "1s",
        }
    ]
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Only for the bar: pytest replaces standard error once more before the test."""
    stream = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream, modules=sys.modules))
    monkeypatch.setenv("TERM", "xterm")
    return stream


@pytest.fixture
def impatient(monkeypatch):
    """Every report is shown at once."""
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(Place.__init__, "__defaults__", (Place.__init__.__defaults__[0], 0.0))


class Notebook:
    """As much of IPython as a bar asks for."""

    def __init__(self, monkeypatch, kernel):
        self.pages = []
        display = SimpleNamespace(display=self._display)
        shell = SimpleNamespace(kernel=kernel)
        module = SimpleNamespace(get_ipython=lambda: shell, display=display)
        monkeypatch.setitem(sys.modules, "IPython", module)

    def _display(self, shown, *, display_id):
        assert display_id is True
        self.update(shown)
        return self

    def update(self, shown):
        self.pages.append(shown._repr_html_())


def test_a_terminal_has_a_line_that_disappears(terminal):
    """10 of 20 events of 10 jobs after 2 s: half, and as long again."""
    times = iter([0.0, 1.0, 2.0])
    place = Place(lambda: next(times), patience_seconds=1.0)
    place.show("simulated 1 s", 0.5)
    assert terminal.getvalue() == "\rsimulated 1 s [############............]\x1b[K"
    place.show("simulated 2 s", None)
    place.clear()
    assert terminal.getvalue().endswith("\rsimulated 2 s\x1b[K\r\x1b[K")


def test_what_takes_no_time_shows_nothing(terminal):
    place = Place()
    place.show("simulated 1 s", 0.5)
    place.clear()
    assert terminal.getvalue() == ""


def test_a_narrow_terminal_has_the_text_alone(terminal, monkeypatch):
    monkeypatch.setattr(terminal, "fileno", lambda: 1, raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda _: SimpleNamespace(columns=20))
    Place(patience_seconds=0.0).show("simulated 2h 30m, about 5m left", 0.5)
    assert terminal.getvalue() == "\rsimulated 2h 30m...\x1b[K"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "work",
    [
        lambda: qs.simulate(SCENARIO, progress=True),
        lambda: qs.replicate(SCENARIO, replications=2, progress=True),
        lambda: qs.externality({**SCENARIO, "horizon": "1h"}, stream="arrivals", progress=True),
        lambda: qs.tune(
            SCENARIO,
            ["workload.arrivals.count=5..9"],
            minimise="mean_waiting",
            replications=2,
            evaluations=28,
            progress=True,
        ),
    ],
)
def test_functions_draw_it(terminal, work):
    work()
    drawn = terminal.getvalue()
    assert drawn.startswith("\r")
    assert "[" in drawn
    assert drawn.endswith("\r\x1b[K")


@pytest.mark.usefixtures("impatient")
def test_a_pipe_has_nothing_and_false_is_the_same_as_nothing(capsys, terminal):
    qs.simulate(SCENARIO, progress=False)
    assert terminal.getvalue() == ""
    terminal.isatty = lambda: False
    qs.simulate(SCENARIO, progress=True)
    assert terminal.getvalue() == ""
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("impatient")
def test_a_notebook_has_one_display_that_is_updated_and_emptied(monkeypatch, terminal):
    notebook = Notebook(monkeypatch, kernel=object())
    run = qs.simulate(SCENARIO, progress=True)
    assert run.jobs.height == 3000
    assert notebook.pages[-1] == ""
    assert notebook.pages[0].startswith('<div><progress max="1" value="')
    assert 'aria-label="simulating"></progress> simulated ' in notebook.pages[0]
    assert "<script" not in "".join(notebook.pages)
    assert terminal.getvalue() == ""


@pytest.mark.usefixtures("impatient")
def test_ipython_in_a_terminal_is_a_terminal(monkeypatch, terminal):
    notebook = Notebook(monkeypatch, kernel=None)
    qs.simulate(SCENARIO, progress=True)
    assert notebook.pages == []
    assert terminal.getvalue() != ""


def test_an_interrupt_takes_the_bar_away(monkeypatch, terminal):
    monkeypatch.setattr(Place.__init__, "__defaults__", (Place.__init__.__defaults__[0], 0.0))

    def interrupted(run):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qs.replicate({**SCENARIO, "seed": 1}, replications=2, metrics=["done", interrupted], progress=True)
    assert terminal.getvalue().endswith("\x1b[K") or terminal.getvalue() == ""


def test_words_of_runs_and_studies():
    shown = []
    bar = RunBar(None, lambda *report: shown.append(report))
    bar(Progress(now_us=1_000_000, events=2, jobs=10))
    study = StudyBar(lambda *report: shown.append(report))
    study(StudyProgress(done=3, kept=3, total=None))
    study(StudyProgress(done=3, kept=3, total=4))
    assert shown == [("simulated 1 s", 0.1), ("3 runs", None), ("3 of 4 runs", 0.75)]
