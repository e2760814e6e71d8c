"""Readable numbers, tables that fit, the timeline's marks and the progress bar."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from qsession_sim.cli import terminal as consoles
from qsession_sim.cli.terminal import PIPE_WIDTH, output, run_progress
from qsession_sim.report.progress import seconds_left, share_done
from qsession_sim.report.rows import Column, Duration, Section, Share, Table, words
from qsession_sim.report.text import Page, lines_of, one_line, paint, shortened, time_axis, written
from qsession_sim.service.simpy_driver import Progress

MS, S, M, H, D = 1_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (None, "-"), (0, "0 s"), (0.5, "0.5 us"), (1, "1 us"), (999, "999 us"), (1 * MS, "1 ms"),
        (350 * MS, "350 ms"), (999_499, "999 ms"), (999_600, "1 s"), (1 * S, "1 s"), (2_350_000, "2.35 s"),
        (59_940_000, "59.9 s"), (59_960_000, "1m"), (60 * S, "1m"), (65 * S, "1m 5s"), (90_500_000, "1m 30s"),
        (H - 1, "1h"), (H + 12 * M + 5 * S, "1h 12m 5s"), (H + 5 * S, "1h 5s"), (D, "1d"), (D - 1, "1d"),
        (D + 2 * H + 5 * M + 29 * S, "1d 2h 5m"), (400 * D, "400d"),
    ],
)  # fmt: skip
def test_readable_duration(duration_us, text):
    assert written(Duration(duration_us), Page()) == text


def test_other_readable_things():
    assert [written(Share(share), Page()) for share in (None, 0.0, 0.5574, 1.0)] == [
        "-",
        "0.0 %",
        "55.7 %",
        "100.0 %",
    ]
    assert one_line("a\nb\tc\x1b[1m") == "a b\\tc\\x1b[1m"
    assert [shortened("量子計算", width) for width in (8, 7, 6)] == ["量子計算", "量子計…", "量子…"]


def in_columns(width, *names):
    columns = (Column("first", ("1", "22")), words("words", ("x", "yy")), Column("n", ("", "3")))
    section = Section("table", body=Table(Column("name", names), columns))
    return "".join(f"{line.text}\n" for line in lines_of([section], Page(width)))


def test_columns_that_find_no_room_continue_below():
    assert (
        in_columns(20, "a", "a name")
        == """\
name    first  words
a           1  x
a name     22  yy

name    n
a
a name  3
"""
    )


def test_rows_whose_names_leave_no_room_are_listings():
    assert (
        in_columns(20, "a", "a very long name")
        == """\
name: a
  first  1
  words  x
name: a very long
name
  first  22
  words  yy
  n      3
"""
    )


def test_the_shorter_of_the_two_is_printed():
    """Three rows in six blocks would be 23 lines; two cells and a name of each, in one listing, are 9."""
    sparse = tuple(
        Column(f"column {number}", tuple("x" if number % 3 == row else "" for row in range(3)))
        for number in range(6)
    )
    section = Section("table", body=Table(Column("", ("a", "b", "c")), sparse))
    lines = [line.text for line in lines_of([section], Page(16))]
    assert lines == [
        *("a", "  column 0  x", "  column 3  x"),
        *("b", "  column 1  x", "  column 4  x"),
        *("c", "  column 2  x", "  column 5  x"),
    ]


class _Terminal(io.BytesIO):
    def fileno(self):
        return 1


def test_width_is_that_of_columns_else_of_the_terminal_else_fixed(monkeypatch):
    assert output().width == PIPE_WIDTH
    monkeypatch.setattr(consoles.os, "get_terminal_size", lambda number: consoles.os.terminal_size((61, 20)))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(_Terminal()))
    assert output().width == 61
    monkeypatch.setenv("COLUMNS", "55")
    assert output().width == 55
    monkeypatch.setenv("COLUMNS", "many")
    assert output().width == 61


def test_neighbours_meet_and_short_jobs_are_seen():
    cells = [" "] * 10
    paint(cells, "a", [(0, 33), (99, 100)], 100)
    paint(cells, "b", [(33, 66), (70, 71), (80, 80)], 100)
    assert "".join(cells) == "aaabbbb" + "b" + " " + "a"


@pytest.mark.parametrize(
    ("width", "end_us", "axis"),
    [
        (40, 60 * S, "|0s       |15s      |30s      |45s"),
        (20, 350 * S, "|0s              |5m"),
        (30, 2 * H, "|0s            |1h"),
        (30, 3, "|0s"),
        (5, 60 * S, "|0s"),
    ],
)
def test_marks_are_at_round_times(width, end_us, axis):
    assert time_axis(width, end_us) == axis


def progress_output(monkeypatch, *, terminal, patience_seconds):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=60, color_system=None)
    monkeypatch.setattr("qsession_sim.cli.terminal.errors", lambda: console)
    with run_progress(100 * S, patience_seconds) as show:
        if show is not None:
            show(Progress(now_us=50 * S, events=1, jobs=100))
            show(Progress(now_us=90 * S, events=2, jobs=100))
    return text.getvalue()


def test_progress_is_shown_on_a_terminal_when_a_run_takes_long(monkeypatch):
    assert "simulated 1m 30s" in progress_output(monkeypatch, terminal=True, patience_seconds=0.0)


def test_progress_shows_the_time_left_at_the_speed_so_far(monkeypatch):
    """Half the time to the horizon is done at 4 s, nine tenths at 12 s: 8 s for 0.4, so 2 s for 0.1."""
    seconds = iter([0.0, 4.0, 4.0, 12.0, 12.0])
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    for place in ("cli.terminal", "report.progress"):
        monkeypatch.setattr(f"qsession_sim.{place}.time", clock)
    shown = progress_output(monkeypatch, terminal=True, patience_seconds=0.0)
    assert "simulated 1m 30s, about 2 s left" in shown
    assert "simulated 50 s, about" not in shown


@pytest.mark.parametrize(
    ("now_us", "events", "jobs", "horizon_us", "share"),
    [
        (50, 0, 0, None, 0.0),  # nothing is known
        (50, 5, 10, None, 0.25),  # a submission and an end for each job
        (50, 30, 10, None, 1.0),  # sessions had events, too
        (50, 5, 10, 100, 0.5),
        (50, 15, 10, 100, 0.75),  # what is left to the horizon is empty
    ],
)
def test_the_share_that_is_done_counts_events_and_time(now_us, events, jobs, horizon_us, share):
    assert share_done(Progress(now_us, events, jobs), horizon_us) == share


def test_no_time_is_left_to_tell_before_the_first_step_and_after_the_last():
    assert seconds_left(10.0, 0.25, 10.0, 0.25) is None
    assert seconds_left(10.0, 0.25, 20.0, 1.0) is None
    assert seconds_left(10.0, 0.25, 20.0, 0.5) == 20.0


def test_progress_tells_what_comes_after_the_simulation(monkeypatch):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr("qsession_sim.cli.terminal.errors", lambda: console)
    with run_progress(None, 0.0) as progress:
        progress.announce("writing the tables")
    assert "writing the tables" in text.getvalue()


def test_progress_is_silent_before_that(monkeypatch):
    assert progress_output(monkeypatch, terminal=True, patience_seconds=60.0) == ""


def test_progress_is_silent_in_pipes(monkeypatch):
    assert progress_output(monkeypatch, terminal=False, patience_seconds=0.0) == ""
