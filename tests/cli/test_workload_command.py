"""`qsession-sim workload describe | export`."""

from __future__ import annotations

import json

import qsession_sim as qs
from qsession_sim.cli.main import main

LINE = "1 0 -1 5 1 -1 -1 1 -1 -1 1 4 -1 -1 -1 -1 -1 -1\n"


def test_describe_prints_what_the_library_gives(tmp_path, capsys):
    (tmp_path / "a.swf").write_text(LINE)
    scenario = qs.load_scenario(tmp_path / "a.swf")

    assert main(["workload", "describe", "--format", "json", str(tmp_path / "a.swf")]) == 0

    expected = qs.describe_workload(qs.draw(scenario.resolved, scenario.directory))
    assert json.loads(capsys.readouterr().out) == expected


DESCRIBED = """
qpus: [{name: torino, windows: [{kind: maintenance, at: 9h, duration: 1h}]}, {name: kyiv}]
workload:
  - kind: explicit
    sessions: [{id: s, account: x, qpu: kyiv}]
    jobs:
      - {id: a, at: 0s, account: x, qpu_time: 6m, qpu: torino}
      - {id: b, at: 1h, session: s, qpu_time: 6m}
      - {id: c, at: 2h, account: y, qpu_time: 6m}
  - kind: iterative
    account: y
    mode: job
    iterations: 2
    qpu_time: 30m
    think_time: 30m
    qpu: kyiv
"""


def test_describe_prints_groups_of_values(tmp_path, capsys):
    """Known in 2 h: 6 min on torino and 36 min on kyiv, with half of the 6 min of c on each. The follow-up of
    30 min comes after 1 h at the earliest, so that 2 h stay the whole time."""
    (tmp_path / "a.yaml").write_text(DESCRIBED)

    assert main(["workload", "describe", str(tmp_path / "a.yaml")]) == 0

    assert (
        capsys.readouterr().out
        == """\
5 jobs, 1 session, 1 client, 2 accounts; 1h 18m of QPU time
4 known submissions from 0 s to 2h, 2 an hour
1 follow-up, submitted when another job has ended
Busiest hour: from 0 s, 2 submissions, load 0.3

Jobs by source
source     jobs
explicit      3
iterative     2

Offered load
QPU     jobs that name it   open  closed at most  windows
torino                  1  0.075               0        1
kyiv                    3  0.325            0.25        0
mean                         0.2           0.125
open: submissions that are known, in the time from the first to the last
closed at most: what follow-ups add if no job ever waits

Times
                     number     mean  min  p10  median  p90  max
between submissions       3      40m  0 s  12m      1h   1h   1h
QPU time                  5  15m 36s   6m   6m      6m  30m  30m
think time                1      30m  30m  30m     30m  30m  30m

Sessions and batches
mode     number  mean jobs  most jobs  mean QPU time  longest
session       1          1          1             6m       6m

Jobs of accounts
      number  mean  min   p10  median   p90  max
jobs       2  2.50    2  2.10    2.50  2.90    3
The most: y, 3 jobs, 60.0%
"""
    )


def test_export_writes_a_file_that_is_replayed(tmp_path, capsys):
    (tmp_path / "a.swf").write_text(LINE)

    assert main(["workload", "export", str(tmp_path / "a.swf"), str(tmp_path / "b.csv")]) == 0

    assert qs.simulate(tmp_path / "b.csv").jobs["completed_us"].to_list() == [5_000_000]
    assert capsys.readouterr() == ("", "")


def test_export_tells_what_the_format_cannot_hold(tmp_path, capsys):
    job = {"id": "j", "at": "0s", "account": "lab", "qpu_time": "1s", "priority": 3}
    (tmp_path / "a.yaml").write_text(json.dumps({"workload": [{"kind": "explicit", "jobs": [job]}]}))
    file = str(tmp_path / "b.swf")

    assert main(["workload", "export", str(tmp_path / "a.yaml"), file]) == 0

    assert capsys.readouterr() == ("", f"{file}: priorities are not held\n")


def test_a_file_that_cannot_be_written_is_bad_usage_before_anything_is_read(capsys):
    assert main(["workload", "export", "missing.yaml", "a.txt"]) == 2

    assert capsys.readouterr() == (
        "",
        (
            "qsession-sim workload export: Invalid value for FILE: a.txt: the name must end in one of "
            ".csv, .csv.gz, .csv.zst, .parquet, .swf, .swf.gz, .swf.zst, .json, .json.gz, .json.zst "
            "(see qsession-sim workload export --help)\n"
        ),
    )


def test_malformed_lines_are_bad_input(tmp_path, capsys):
    place = tmp_path / "a.swf"
    place.write_text("oops\n")

    assert main(["run", str(place), "--quiet"]) == 2

    assert capsys.readouterr().err.splitlines() == [
        f"{place}: workload.trace: a.swf, line 1: has 1 fields, not 18",
        (f"{place}: workload.trace: a.swf: 1 malformed line, and no job that ran besides; correct the file"),
    ]


def test_skipped_lines_are_counted_aloud(tmp_path, capsys):
    """Line 2 is malformed."""
    trace = str(tmp_path / "a.swf")
    (tmp_path / "a.swf").write_text(LINE + "2 0 -1 x\n")
    commands = (["run", trace], ["workload", "export", trace, str(tmp_path / "b.csv")])

    for command in commands:
        assert main(command) == 2
        assert "line 2" in capsys.readouterr().err
        assert main([*command, "--skip-bad-lines"]) == 0
        assert capsys.readouterr().err == "trace: 1 malformed line skipped\n"

    assert main(["run", trace, "--skip-bad-lines", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["workload", "describe", trace, "--skip-bad-lines"]) == 0
    assert "trace: 1 malformed line skipped\n" in capsys.readouterr().out


def test_describe_says_what_time_0_is_and_which_dates_were_taken_for_utc(tmp_path, capsys):
    trace = tmp_path / "a.csv"
    trace.write_text("submitted_us,qpu_time_us\n2024-04-02 08:00:00,5s\n2024-04-02 08:00:10,5s\n")
    said = [
        "dates without an offset are read as UTC",
        "time 0 is 2024-04-02T08:00:00Z, the first time in the file; origin says another",
    ]

    assert main(["workload", "describe", str(trace)]) == 0
    assert "".join(f"trace: {sentence}\n" for sentence in said) in capsys.readouterr().out
    assert main(["workload", "describe", str(trace), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["read_as"] == {"trace": said}
    trace.write_text("submitted_us,qpu_time_us\n0,5s\n")
    assert main(["workload", "describe", str(trace), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["read_as"] == {}


def test_jobs_that_never_ran_are_counted_aloud(tmp_path, capsys):
    """The second job has a run time of 0."""
    trace = str(tmp_path / "a.swf")
    (tmp_path / "a.swf").write_text(LINE + "2 0 -1 0 1 -1 -1 -1 -1 -1 0 1 1 1 1 1 -1 -1\n")

    for command in (["run", trace], ["workload", "export", trace, str(tmp_path / "b.csv")]):
        assert main(command) == 0
        assert capsys.readouterr().err == "trace: 1 line left out: jobs that never ran, or parts of jobs\n"


def test_skipped_lines_without_a_trace_are_a_slip(scenario_file, capsys):
    name = scenario_file("workload: []\n")

    assert main(["run", name, "--skip-bad-lines"]) == 2
    assert capsys.readouterr().err == (
        "--skip-bad-lines: no source of the workload is a trace; leave it out\n"
    )
