"""An example of each format, with the jobs that are in it; and what is wrong with files of others."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from trace_files import draw, names, problems

import qsession_sim as qs
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT

EXAMPLES = Path(__file__).parent / "examples"
TWO = [{"name": "torino"}, {"name": "kyiv"}]
APRIL_2 = datetime(2024, 4, 2, tzinfo=UTC)
SECOND = 1_000_000


def drawn(name, **source):
    scenario = {"qpus": TWO, "workload": [{"kind": "trace", "file": str(EXAMPLES / name), **source}]}
    return qs.draw(qs.load_scenario(scenario).resolved)


def start_of(name, **source):
    scenario = {"qpus": TWO, "workload": [{"kind": "trace", "file": str(EXAMPLES / name), **source}]}
    return qs.load_scenario(scenario).resolved.start


COLUMNS = {
    "job": "id",
    "account": "who",
    "submitted": "when",
    "qpu_time": "long",
    "max_execution_time": "limit",
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_example_of_a_table(tmp_path, ending):
    """08:00 in +02:00 is 06:00 UTC, the first of the four; c never ran."""
    if ending == "parquet":
        frame = pl.read_csv(EXAMPLES / "week.csv", separator=";", skip_lines=1, infer_schema=False)
        frame = frame.rename(str.strip).select(pl.all().str.strip_chars())
        frame.write_parquet(tmp_path / "week.parquet")
    else:
        shutil.copy(EXAMPLES / "week.csv", tmp_path)
    scenario = {
        "qpus": TWO,
        "workload": [{"kind": "trace", "file": str(tmp_path / f"week.{ending}"), "columns": COLUMNS}],
    }

    resolved = qs.load_scenario(scenario).resolved
    workload = qs.draw(resolved)

    assert resolved.start == APRIL_2 + timedelta(hours=6)
    assert names(workload.job_names) == ["a", "b", "d"]
    assert workload.jobs.at_us.tolist() == [0, 10 * SECOND, 120 * SECOND]
    assert workload.jobs.qpu_time_us.tolist() == [90 * SECOND, 45 * SECOND, 1_500_000]
    assert workload.jobs.max_execution_time_us.tolist() == [120 * SECOND, NO_LIMIT, NO_LIMIT]
    assert workload.jobs.qpu.tolist() == [0, NEVER, 0]
    assert [workload.accounts[number] for number in workload.jobs.account] == ["ann", "bob", "ann"]
    assert workload.left_out[0].unrun_jobs == 1


def test_the_example_of_swf_with_further_fields():
    workload = drawn("week.swf", estimate="requested", max_execution_time="requested")

    assert names(workload.job_names) == ["trace/7", "trace/9"]
    assert workload.jobs.at_us.tolist() == [100_500_000, NEVER]
    assert workload.jobs.after.tolist() == [NEVER, 0]
    assert workload.jobs.think_us.tolist() == [0, 2_500_000]
    assert workload.jobs.qpu_time_us.tolist() == [30 * SECOND, 15 * SECOND]
    assert workload.jobs.estimate_us.tolist() == [60 * SECOND, NEVER]
    assert workload.jobs.max_execution_time_us.tolist() == [60 * SECOND, NO_LIMIT]
    assert workload.accounts == ("user-4", "user-unknown")


def test_the_example_of_batsim():
    workload = drawn("week.batsim.json", max_execution_time="requested")

    assert names(workload.job_names) == ["w0!1", "2"]
    assert workload.jobs.at_us.tolist() == [1, 10 * SECOND]
    assert workload.jobs.qpu_time_us.tolist() == [2_500_000, 100 * SECOND]
    assert workload.jobs.max_execution_time_us.tolist() == [12 * SECOND, NO_LIMIT]
    assert workload.accounts == ("user-unknown",)
    assert workload.left_out[0].unrun_jobs == 1
    assert start_of("week.batsim.json") == datetime(2024, 4, 1, tzinfo=UTC)


def test_the_example_of_sacct():
    """Job 19 was submitted first and never ran; 17.batch is a step of job 17."""
    workload = drawn("week.sacct", estimate="requested")

    assert names(workload.job_names) == ["17", "18_1"]
    assert workload.jobs.at_us.tolist() == [SECOND, 31 * SECOND]
    assert workload.jobs.qpu_time_us.tolist() == [3661 * SECOND, 172_800 * SECOND]
    assert workload.jobs.estimate_us.tolist() == [86_400 * SECOND, NEVER]
    assert workload.accounts == ("ann", "bob")
    assert workload.left_out[0].unrun_jobs == 2
    assert workload.left_out[0].notes[0] == "dates without an offset are read as UTC"
    assert start_of("week.sacct") == APRIL_2 + timedelta(hours=7, minutes=59, seconds=59)


@pytest.mark.parametrize(
    ("format_", "row"),
    [
        ("JobID|User|Submit|ElapsedRaw|TimelimitRaw", "1|ann|2024-04-02T08:00:00|90|3"),
        ("JobID|User|Submit|Start|End", "1|ann|2024-04-02T08:00:00|2024-04-02T08:00:30|2024-04-02T08:02:00"),
    ],
)
def test_other_columns_of_sacct(tmp_path, format_, row):
    workload = draw(tmp_path, "a.sacct", f"{format_}\n{row}\n{row.replace('1|ann', '1.0|')}\n")

    assert workload.jobs.qpu_time_us.tolist() == [90 * SECOND]
    asked = {"estimate": "requested"}
    if "TimelimitRaw" in format_:
        assert draw(tmp_path, "a.sacct", **asked).jobs.estimate_us.tolist() == [180 * SECOND]
    else:
        assert problems(tmp_path, "a.sacct", None, **asked) == [
            "workload.trace: a.sacct: does not say which times were requested"
        ]


def test_sacct_without_what_is_needed_says_what_to_ask_for(tmp_path):
    wish = "sacct --parsable2 --format=JobID,User,Submit,Elapsed,Timelimit"

    assert problems(tmp_path, "a.sacct", "JobID|State\n1|COMPLETED\n") == [
        f"workload.trace: a.sacct: lacks what is needed; ask for it by {wish}; it has 'JobID', 'State'"
    ]


def test_malformed_lines_of_sacct_are_told_with_line_and_column(tmp_path):
    """A quotation mark is a letter as any other."""
    text = (
        'JobID|Submit|Elapsed|JobName\n1|2024-04-02T08:00:00|00:01:00|"vqe\n2|soon|00:01:00|vqe\n'
        '3|2024-04-02T08:00:00|1:75|"\n4|x\n'
    )

    assert problems(tmp_path, "a.sacct", text)[:-1] == [
        "workload.trace: a.sacct, line 3: Submit: not a date that can be used (got 'soon')",
        "workload.trace: a.sacct, line 4: Elapsed: not a number that can be used (got '1:75')",
        "workload.trace: a.sacct, line 5: has 2 fields, the heading 4",
    ]


def test_the_example_of_metrics():
    """cx3 never ran, but it was created first."""
    machines = {"ibm_torino": "torino", "ibm_kyiv": "kyiv"}
    workload = drawn("week.metrics.json", machines=machines)

    assert names(workload.job_names) == ["cx1", "cx2"]
    assert workload.jobs.at_us.tolist() == [250_000, 10 * SECOND]
    assert workload.jobs.qpu_time_us.tolist() == [3 * SECOND, 700_000]
    assert workload.jobs.qpu.tolist() == [0, 0]
    assert workload.jobs.session.tolist() == [0, 0]
    assert names(workload.session_names) == ["s1"]
    assert workload.left_out[0].unrun_jobs == 1
    assert start_of("week.metrics.json") == APRIL_2 + timedelta(hours=8)


def test_metrics_without_usage_have_a_start_and_an_end(tmp_path):
    jobs = json.loads((EXAMPLES / "week.metrics.json").read_text())
    for job in jobs:
        del job["usage"], job["backend"]

    workload = draw(tmp_path, "a.json", json.dumps(jobs))

    assert workload.jobs.qpu_time_us.tolist() == [4 * SECOND, SECOND]


def test_one_name_of_a_json_file_is_a_trace_or_a_scenario(tmp_path):
    run = qs.simulate(EXAMPLES / "week.batsim.json")
    (tmp_path / "a.json.gz").write_bytes(gzip.compress((EXAMPLES / "week.batsim.json").read_bytes()))
    (tmp_path / "b.json").write_text(
        qs.load_scenario(EXAMPLES / "week.swf").to_json().replace("week.swf", str(EXAMPLES / "week.swf"))
    )

    assert run.jobs["job"].to_list() == ["w0!1", "2"]
    assert qs.simulate(tmp_path / "a.json.gz").jobs.equals(run.jobs)
    assert qs.simulate(tmp_path / "b.json").jobs["job"].to_list() == ["trace/7", "trace/9"]
    with pytest.raises(qs.ScenarioError, match="no such file"):
        qs.load_scenario(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[1,", "line 1, column 4: is not JSON: Expecting value"),
        ("[" * 100_000, "is nested too deeply"),
        (
            "5",
            "is neither a workload of Batsim, an object with jobs and profiles, nor a list of metrics of jobs",
        ),
        (
            '{"jobs": 5}',
            "is neither a workload of Batsim, an object with jobs and profiles, nor a list of metrics of jobs",
        ),
        (
            "[]",
            "has no column 'qpu_time_us' (columns.qpu_time); name the file's own columns in columns; it has 'timestamps.created'",
        ),
        ('{"jobs": [], "profiles": {}}', "holds no job; there is nothing to simulate"),
    ],
)
def test_json_that_holds_no_jobs_is_told(tmp_path, text, found):
    assert problems(tmp_path, "a.json", text) == [f"workload.trace: a.json: {found}"]


@pytest.mark.parametrize("delay", ["delay", "DelayProfile"])
def test_profiles_of_batsim_that_last_a_given_time_have_two_names(tmp_path, delay):
    """Job 2 waits from 1 s to the end of job 1 at 5.5 s."""
    jobs = [{"id": 1, "subtime": 0, "profile": "a"}, {"id": 2, "subtime": 1, "profile": "a"}]
    workload = {"jobs": jobs, "profiles": {"a": {"type": delay, "delay": 5.5}}}
    (tmp_path / "a.json").write_text(json.dumps(workload))
    run = qs.simulate(tmp_path / "a.json")
    assert run.jobs["waiting_us"].to_list() == [0, 4_500_000]
    assert run.jobs["qpu_time_us"].to_list() == [5_500_000, 5_500_000]


def test_malformed_jobs_of_batsim_are_told_with_number_and_name(tmp_path):
    jobs = [
        {"id": 1, "subtime": 0, "profile": "a"},
        {"id": 2, "subtime": "soon", "profile": "a"},
        {"id": 3, "subtime": 1, "profile": "b"},
        {"id": 4, "subtime": 1, "profile": "none"},
        {"id": 5, "profile": "a"},
        7,
        {"id": 6, "subtime": True, "profile": "a"},
    ]
    profiles = {"a": {"type": "delay", "delay": 5}, "b": {"type": "parallel", "cpu": [1]}}

    assert problems(tmp_path, "a.json", json.dumps({"jobs": jobs, "profiles": profiles}))[:-1] == [
        "workload.trace: a.json, job 2: subtime: not a number that can be used (got 'soon')",
        "workload.trace: a.json, job 3: profile 'b' is of type 'parallel', not delay",
        "workload.trace: a.json, job 4: profile 'none' is not there",
        "workload.trace: a.json, job 5: has no time of submission, and no preceding job that ran",
        "workload.trace: a.json, job 6: is no object",
        "workload.trace: a.json, job 7: subtime: not a number that can be used (got 'true')",
    ]


def test_a_workload_of_batsim_is_written(tmp_path):
    jobs = [
        {"id": "a", "at": "1.5s", "account": "lab", "qpu_time": "3s", "max_execution_time": "5s"},
        {"id": "b", "after": "a", "account": "lab", "qpu_time": "3s", "priority": 2},
        {"id": "c", "at": "2s", "account": "lab", "qpu_time": "3s"},
    ]
    workload = qs.draw(qs.load_scenario({"workload": [{"kind": "explicit", "jobs": jobs}]}).resolved)

    lost = qs.write_workload(workload, tmp_path / "a.json")

    assert json.loads((tmp_path / "a.json").read_text()) == {
        "nb_res": 1,
        "jobs": [
            {"id": "a", "subtime": 1.5, "walltime": 5, "res": 1, "profile": "3"},
            {"id": "c", "subtime": 2, "res": 1, "profile": "3"},
        ],
        "profiles": {"3": {"type": "delay", "delay": 3}},
    }
    assert lost == (
        "jobs that follow another are not held",
        "accounts are not held",
        "priorities are not held",
    )


def test_what_is_only_read_is_not_written(tmp_path):
    with pytest.raises(qs.WorkloadFileError, match=r"must end in one of \.csv, .*\.json\.zst$"):
        qs.write_workload(drawn("week.sacct"), tmp_path / "a.sacct")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("jobs.xlsx", "is a workbook; save the sheet with the jobs as CSV"),
        ("jobs.csv.zip", "is an archive; unpack it, and name the file of jobs in it"),
        ("jobs.csv.xz", "is packed; unpack it, or pack it with gzip"),
        ("jobs.parquet.zst", "is packed, which Parquet is in itself; unpack it"),
        ("jobs.feather", "is a table in another format; convert it to Parquet or CSV"),
    ],
)
def test_a_file_of_another_format_gets_advice(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"PK\x03\x04")

    with pytest.raises(qs.ScenarioError) as alone:
        qs.load_scenario(tmp_path / name)
    with pytest.raises(qs.ScenarioError) as named:
        qs.load_scenario({"workload": [{"kind": "trace", "file": str(tmp_path / name)}]})

    assert alone.value.problems == (f"{tmp_path / name}: {advice}",)
    assert f"{advice}; not the name of a trace; it must end in one of .csv, " in str(named.value)
    with pytest.raises(qs.ScenarioError, match="no such file"):
        qs.load_scenario(tmp_path / f"another {name}")


@pytest.mark.parametrize("name", ["a.csv", "a.swf", "a.sacct"])
@pytest.mark.parametrize(
    ("begin", "advice"),
    [
        (
            b"PK\x03\x04\x14",
            "is an archive or a workbook, whatever its name; unpack it, or save the sheet as CSV",
        ),
        (b"\xd0\xcf\x11\xe0", "is a workbook; save the sheet with the jobs as CSV"),
        (b"\x1f\x8b\x08", "is packed with gzip; let its name end in .gz"),
        (b"\x28\xb5\x2f\xfd", "is packed with zstd; let its name end in .zst"),
        (b"PAR1", "is a Parquet file; let its name end in .parquet"),
    ],
)
def test_a_file_under_the_name_of_another_format_gets_advice(tmp_path, name, begin, advice):
    (tmp_path / name).write_bytes(begin)

    assert problems(tmp_path, name, None) == [f"workload.trace: {name}: cannot be read: {advice}"]
