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


def test_describe_prints_a_line_for_each_value(tmp_path, capsys):
    (tmp_path / "a.swf").write_text(LINE)

    assert main(["workload", "describe", str(tmp_path / "a.swf")]) == 0

    lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
    shown = ("jobs", "qpu_time_us.p50", "qpu_time_us.count", "offered_load")
    assert [lines[key] for key in shown] == ["1", "5s", "1", "-"]


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
            ".csv, .csv.gz, .parquet, .swf, .swf.gz (see qsession-sim workload export --help)\n"
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
    assert "left_out.trace.bad_lines                1\n" in capsys.readouterr().out


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
