"""What is printed of several QPUs, windows and preparation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from results.handmade import make_run
from results.handmade_qpus import delayed, side_by_side, stormy

from qsession_sim.report.run_rows import run_document
from qsession_sim.report.text import Page, lines_of


def printed(record, *, width=100, **options) -> str:
    run = make_run(record, **options)
    run.scenario.resolved.title = ""
    document = run_document(run.record, run.summary(), run.scenario.resolved)
    return "".join(f"{line.text}\n" for line in lines_of(document, Page(width)))


def test_several_qpus_are_lines_of_one_table():
    """Mean of the shares; q1 is free to 2 and held since 8, of 12."""
    output = printed(side_by_side(), horizon=12)
    assert (
        """
How the QPUs spent their time
QPU     busy    held   down    free  mean queue  jobs done
q0   100.0 %   0.0 %  0.0 %   0.0 %        0.00          1
q1    50.0 %  33.3 %  0.0 %  16.7 %        0.00          2
all   75.0 %  16.7 %  0.0 %   8.3 %        0.00          3

What each session cost
session  mode     QPU  state   makespan  usage  held  activations  done
s1       session  q1   active      2 us   6 us  4 us            1     1

Timeline
q0
"""
        in output
    )


def test_more_qpus_than_fit_are_capped():
    many = tuple(f"q{number}" for number in range(30))
    base = side_by_side()
    workload = replace(base.workload, qpus=many, qpu_specs=base.workload.qpu_specs[:1] * 30)
    table = printed(replace(base, workload=workload), horizon=12).partition("QPUs spent their time\n")[2]
    lines = table.split("\n\n")[0].splitlines()
    assert len(lines) == 1 + 20 + 1 + 1
    assert lines[-2].startswith("… and 10 more")
    assert lines[-1].split()[0] == "all"
    assert lines[-1].split()[-1] == "4"


def test_timeline_has_lanes_for_each_qpu():
    """12 microseconds in 24 cells."""
    timeline = printed(side_by_side(), width=34, horizon=12).partition("Timeline\n")[2]
    assert timeline.splitlines()[:8] == [
        "q0",
        "job mode  ████████████████████████",
        "q1",
        "job mode      ████████",
        "s1                    ████░░░░░░░░",
        "sim",
        "job mode          ██████████",
        "          |0s",
    ]


def test_timeline_shows_when_a_qpu_is_down():
    """80 microseconds in 80 cells; j1 waits from 12 to 20, and j3 and j2 wait at that time, too."""
    timeline = printed(stormy(), width=90, horizon=80).partition("Timeline\n")[2]
    lines = timeline.splitlines()
    assert lines[0] == "down      " + " " * 12 + "▼" * 8 + " " * 25 + "▼" * 15
    assert lines[1] == (
        "job mode  " + "·" * 5 + "█" * 7 + "·" * 8 + "█" * 30 + "  " + "·" * 8 + "█" * 15 + " " * 0 + "·" * 5
    )
    assert lines[3].strip() == "█ running  ░ held, idle  · waiting  ▼ down"


def test_preparation_and_delays_are_told_where_there_are_any():
    assert "longest  preparation\n" in printed(stormy(), horizon=80)
    output = printed(delayed(), horizon=32, hold="shared")
    assert "usage  held  delayed  activations" in output
    assert "preparation" not in output


@pytest.mark.parametrize("width", [24, 40, 60])
def test_no_line_is_wider_than_the_terminal(width):
    for record, options in ((stormy(), {}), (side_by_side(), {}), (delayed(), {"hold": "shared"})):
        output = printed(record, width=width, horizon=record.end_us, **options)
        assert max(map(len, output.splitlines())) <= width
