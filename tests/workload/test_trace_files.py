"""Traces read from CSV, Parquet and SWF."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from trace_files import draw, names, packed, problems, swf, zst

import qsession_sim as qs
from qsession_sim.queueing.recursions import lindley
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Mode
from qsession_sim.workload.trace_table import numbers_of

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_swf_gives_submit_time_run_time_and_users(tmp_path):
    """S44: a trace has no limit unless it says so."""
    text = "; Version: 2.2\n\n" + swf(7, 5, 3, user=4) + swf(9, 8.25, 2, user=-1) + swf(10, 9, 1, user=4)

    workload = draw(tmp_path, "week.swf", text)

    assert workload.jobs.at_us.tolist() == [5_000_000, 8_250_000, 9_000_000]
    assert workload.jobs.qpu_time_us.tolist() == [3_000_000, 2_000_000, 1_000_000]
    assert workload.accounts == ("user-4", "user-unknown")
    assert workload.jobs.account.tolist() == [0, 1, 0]
    assert workload.jobs.max_execution_time_us.tolist() == [NO_LIMIT] * 3
    assert names(workload.job_names) == ["trace/7", "trace/9", "trace/10"]


def test_fields_17_and_18_of_swf_close_the_loop(tmp_path):
    """S5: job 2 is submitted 4 s after job 1 ended, which began at 10 and took 30."""
    text = swf(1, 10, 30) + swf(2, 11, 5, preceding=1, think=4) + swf(3, 12, 5, preceding=2)

    run = qs.simulate({"workload": [{"kind": "trace", "file": str(written(tmp_path / "a.swf", text))}]})

    assert run.jobs["submitted_us"].to_list() == [10_000_000, 44_000_000, 49_000_000]


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_swf_jobs_that_never_ran_are_left_out_and_counted(tmp_path):
    text = (
        swf(1, 0, -1)
        + swf(2, 1, 0)
        + swf(3, 2, 5, preceding=1)
        + swf(3, 2, 3, status=2)
        + swf(4, 3, 5, preceding=3)
    )

    workload = draw(tmp_path, "a.swf", text)

    assert names(workload.job_names) == ["trace/3", "trace/4"]
    assert workload.jobs.at_us.tolist() == [2_000_000, NEVER]
    assert workload.jobs.after.tolist() == [NEVER, 0]
    assert [(left.bad_lines, left.unrun_jobs) for left in workload.left_out] == [(0, 3)]


def test_malformed_swf_lines_are_told_with_number_and_reason(tmp_path):
    text = (
        "; comment\n"
        + swf(1, 0, 5)
        + "2 5\n"
        + swf(3, "x", 5)
        + swf(1, 6, 5)
        + swf(5, -1, 5)
        + swf(6, 7, 5, preceding=99)
        + swf(7, 8, 5, preceding=6)
        + swf(8, 8, 5, preceding=8)
    )

    assert problems(tmp_path, "a.swf", text) == [
        "workload.trace: a.swf, line 3: has 2 fields, not 18",
        "workload.trace: a.swf, line 4: field 2, submit time: not a number that can be used (got 'x')",
        "workload.trace: a.swf, line 5: field 1, job number: 1 is also an earlier line",
        "workload.trace: a.swf, line 6: field 2, submit time: is unknown (-1)",
        "workload.trace: a.swf, line 7: field 17, preceding job: 99 is not in the file",
        "workload.trace: a.swf, line 8: follows a line that cannot be used, directly or through others",
        "workload.trace: a.swf, line 9: waits for itself, directly or through other jobs",
        "workload.trace: a.swf: 7 malformed lines; correct the file, or leave them out with --skip-bad-lines (skip_bad_lines: true)",
    ]


def test_at_most_twenty_malformed_lines_are_shown(tmp_path):
    found = problems(tmp_path, "a.swf", "oops\n" * 30 + swf(1, 0, 5))

    assert len(found) == 21
    assert found[19] == "workload.trace: a.swf, line 20: has 1 fields, not 18"
    assert found[20].startswith("workload.trace: a.swf: 30 malformed lines, the first 20 of which are shown;")


@pytest.mark.parametrize("file", ["a.swf.gz", "a.csv.gz"])
def test_a_compressed_file_without_a_byte_is_a_broken_one(tmp_path, file):
    assert problems(tmp_path, file, "") == [
        f"workload.trace: {file}: cannot be read: is not a gzip file, or is damaged: it is empty"
    ]


@pytest.mark.parametrize("row", ["a,0,1,5", "a,0,1,5,9"])
def test_a_column_that_is_there_twice_is_an_error(tmp_path, row):
    assert problems(tmp_path, "a.csv", f"job,submitted_us,submitted_us,qpu_time_us\n{row}\n") == [
        "workload.trace: a.csv: has more than one column 'submitted_us'; rename all but one"
    ]
    assert draw(tmp_path, "b.csv", "x,submitted_us,x,qpu_time_us\n1,0,2,5\n").jobs.at_us.tolist() == [0]


def test_skipped_lines_are_counted_in_the_provenance(tmp_path):
    file = written(tmp_path / "a.swf", swf(1, 0, 5) + "oops\n" + swf(3, 1, 5))

    run = qs.simulate({"workload": [{"kind": "trace", "file": str(file), "skip_bad_lines": True}]})

    assert run.jobs["job"].to_list() == ["trace/1", "trace/3"]
    assert run.provenance["left_out"] == {"trace": {"bad_lines": 1, "unrun_jobs": 0}}


def test_a_trace_is_cut_by_its_own_limit_and_not_by_that_of_the_rules(tmp_path):
    """S44"""
    file = str(written(tmp_path / "a.swf", swf(1, 0, 20_000)))
    free = qs.simulate({"workload": [{"kind": "trace", "file": file}]})
    cut = qs.simulate({"workload": [{"kind": "trace", "file": file, "max_execution_time": "1h"}]})

    assert free.jobs["qpu_time_us"].to_list() == [20_000_000_000]
    assert cut.jobs["qpu_time_us"].to_list() == [3_600_000_000]
    assert cut.jobs["reason"].to_list() == ["RAN_TOO_LONG"]


def test_one_name_of_a_file_is_a_scenario(tmp_path):
    file = tmp_path / "week.swf.gz"
    file.write_bytes(gzip.compress((swf(1, 0, 5) + swf(2, 1, 5)).encode()))

    run = qs.simulate(file)

    assert run.jobs["waiting_us"].to_list() == [0, 4_000_000]


def test_csv_columns_are_mapped_with_their_unit(tmp_path):
    text = "arrival,seconds,who,note\n1.5,2,ann,x\n0.000001,3,,y\n"

    workload = draw(
        tmp_path,
        "a.csv",
        text,
        columns={"submitted": "arrival", "qpu_time": "seconds", "account": "who", "unit": "s"},
        account="lab",
    )

    assert workload.jobs.at_us.tolist() == [1_500_000, 1]
    assert workload.jobs.qpu_time_us.tolist() == [2_000_000, 3_000_000]
    assert workload.accounts == ("lab",)
    assert names(workload.job_names) == ["trace/1", "trace/2"]


def test_malformed_csv_lines_are_told_with_number_and_reason(tmp_path):
    text = (
        "job,submitted_us,qpu_time_us,after,mode,session\n"
        "a,0,5,,,\n"
        "\n"
        "b,0,5\n"
        "c,zero,5,,,\n"
        "d,0,-1,,,\n"
        "e,0,x,,,\n"
        "f,,5,g,,\n"
        "a,0,5,,,\n"
        "h,-3,5,,,\n"
        "i,0,5,,sess,s\n"
        "j,0,5,,batch,\n"
        "k,,5,,,\n"
    )

    assert problems(tmp_path, "a.csv", text)[:-1] == [
        "workload.trace: a.csv, line 4: has 3 fields, the heading 6",
        "workload.trace: a.csv, line 5: submitted_us: not a number that can be used (got 'zero')",
        "workload.trace: a.csv, line 6: qpu_time_us: too small (got -1)",
        "workload.trace: a.csv, line 7: qpu_time_us: not a number that can be used (got 'x')",
        "workload.trace: a.csv, line 8: after: no job 'g' is in the file",
        "workload.trace: a.csv, line 9: job: 'a' was there before",
        "workload.trace: a.csv, line 10: submitted_us: too small (got -3)",
        "workload.trace: a.csv, line 11: mode: must be job, session or batch (got 'sess')",
        "workload.trace: a.csv, line 12: mode: job is the mode of jobs without a session, and of no other",
        "workload.trace: a.csv, line 13: has no time of submission, and no preceding job that ran",
    ]


def test_skipping_leaves_out_what_cannot_be_used_and_what_follows_it(tmp_path):
    text = "job,submitted_us,qpu_time_us,after\na,0,x,\nb,,5,a\nc,,5,b\nd,7,5,\n"

    workload = draw(tmp_path, "a.csv", text, skip_bad_lines=True)

    assert names(workload.job_names) == ["d"]
    assert [left.bad_lines for left in workload.left_out] == [3]


def test_a_file_without_the_columns_is_refused(tmp_path):
    missing = "has no column 'qpu_time_us' (columns.qpu_time), 'submitted_us' (columns.submitted)"

    assert problems(tmp_path, "a.csv", "when,long\n0,5\n") == [
        f"workload.trace: a.csv: {missing}; name the file's own columns in columns; it has 'when', 'long'"
    ]


@pytest.mark.parametrize("file", ["a.parquet", "a.swf.gz", "a.csv.gz"])
def test_a_damaged_file_is_one_line(tmp_path, file):
    (found,) = problems(tmp_path, file, "this is neither")

    assert found.startswith(f"workload.trace: {file}: cannot be read: ")


def test_jobs_of_a_session_share_it_and_clocks_come_from_the_source(tmp_path):
    text = (
        "job,account,submitted_us,qpu_time_us,session,mode,session_max_time_us\n"
        "a,ann,0,5,s2,session,\nb,bob,1,5,s1,batch,70\nc,ann,2,5,s2,session,\nd,bob,3,5,,,\n"
    )

    workload = draw(tmp_path, "a.csv", text, max_time="1h", interactive_timeout="2s")

    assert workload.jobs.session.tolist() == [0, 1, 0, NEVER]
    assert names(workload.session_names) == ["s2", "s1"]
    assert workload.sessions.mode.tolist() == [Mode.SESSION, Mode.BATCH]
    assert workload.sessions.account.tolist() == [0, 1]
    assert workload.sessions.max_time_us.tolist() == [3_600_000_000, 70]
    assert workload.sessions.interactive_timeout_us.tolist() == [2_000_000, 1_000_000]


def test_rows_of_a_session_must_agree(tmp_path):
    text = "account,submitted_us,qpu_time_us,session\nann,0,5,s\nbob,1,5,s\n"

    assert problems(tmp_path, "a.csv", text)[0] == (
        "workload.trace: a.csv, line 3: account: not that of the session's first job"
    )


def test_sessions_are_inferred_from_user_and_gap(tmp_path):
    """Gaps of a user: 300 s is one session, 301 s is two."""
    text = swf(1, 0, 5, user=1) + swf(2, 100, 5, user=2) + swf(3, 300, 5, user=1) + swf(4, 601, 5, user=1)

    workload = draw(tmp_path, "a.swf", text, infer_sessions={"gap": "5m", "mode": "batch"})

    assert workload.jobs.session.tolist() == [0, 1, 0, 2]
    assert workload.sessions.mode.tolist() == [Mode.BATCH] * 3
    assert workload.sessions.account.tolist() == [0, 1, 0]
    assert names(workload.session_names) == ["trace/1", "trace/2", "trace/3"]


def test_parquet_rows_are_read_with_their_types(tmp_path):
    pl.DataFrame({"at": [0.5, 2.0], "long": [1, 2], "user": ["a", "b"]}).write_parquet(tmp_path / "a.parquet")

    workload = draw(
        tmp_path,
        "a.parquet",
        columns={"submitted": "at", "qpu_time": "long", "account": "user", "unit": "min"},
    )

    assert workload.jobs.at_us.tolist() == [30_000_000, 120_000_000]
    assert workload.jobs.qpu_time_us.tolist() == [60_000_000, 120_000_000]
    assert workload.accounts == ("a", "b")


def test_malformed_parquet_rows_are_told_with_their_number(tmp_path):
    frame = pl.DataFrame({"submitted_us": [0, None], "qpu_time_us": [1, 2]})
    frame.write_parquet(tmp_path / "a.parquet")

    assert problems(tmp_path, "a.parquet", None)[0] == (
        "workload.trace: a.parquet, row 2: has no time of submission, and no preceding job that ran"
    )


def test_users_of_a_trace_must_be_among_the_accounts_where_they_are_listed(tmp_path):
    file = written(tmp_path / "a.swf", swf(1, 0, 5, user=3))

    with pytest.raises(qs.ScenarioError) as caught:
        qs.simulate({"accounts": [{"name": "a"}], "workload": [{"kind": "trace", "file": str(file)}]})

    assert caught.value.problems == ("scenario: workload.trace: account 'user-3' is not in accounts",)


def test_every_wait_of_a_replayed_log_is_that_of_lindley():
    """S79: jobs of the Lublin model as jobs of one server, to the microsecond."""
    log = DATA / "swf" / "lublin_256.swf.gz"
    if not log.exists():
        pytest.skip("../shared/data is not there")
    run = qs.simulate(log)
    with gzip.open(log, "rt") as lines:
        fields = np.array([line.split() for line in lines if not line.startswith(";")], dtype=np.int64)

    expected_us = lindley(fields[:, 1] * 1_000_000, fields[:, 3] * 1_000_000)

    assert run.jobs["waiting_us"].to_list() == expected_us.tolist()
    assert int(expected_us.sum()) == 203_542_921_879 * 1_000_000  # as docs/replay_public_logs.md says


def test_a_short_line_is_malformed_though_all_others_are_good(tmp_path):
    text = "submitted_us,qpu_time_us,priority\n0,5,1\n1,5\n2,5,\n"

    assert problems(tmp_path, "a.csv", text)[:-1] == [
        "workload.trace: a.csv, line 3: has 2 fields, the heading 3"
    ]


def test_a_job_without_submit_time_whose_preceding_job_never_ran_is_malformed(tmp_path):
    assert problems(tmp_path, "a.swf", swf(1, 0, 0) + swf(2, -1, 5, preceding=1))[0] == (
        "workload.trace: a.swf, line 2: has no time of submission, and no preceding job that ran"
    )


INTEGERS = [
    name for sign in ("", "U") for bits in (8, 16, 32, 64, 128) if hasattr(pl, name := f"{sign}Int{bits}")
]


@pytest.mark.parametrize("name", INTEGERS)
def test_every_type_of_integers_is_read_exactly(name):
    """Here without a file: not every polars can write all of them."""
    numbers = numbers_of(pl.Series([0, None, 100], dtype=getattr(pl, name)), 1_000_000)

    assert numbers.values.tolist() == [0, 0, 100_000_000]
    assert (numbers.missing.tolist(), numbers.wrong.any()) == ([False, True, False], False)


def test_integers_beyond_the_largest_time_are_wrong_and_not_nearly_right():
    column = pl.Series([2**62, 2**62 + 1], dtype=pl.UInt64)

    assert numbers_of(column).wrong.tolist() == [False, True]


@pytest.mark.parametrize("scale", [2, 7, 20])
def test_decimals_of_parquet_keep_their_fractions(tmp_path, scale):
    """10.5 s is 10,500,000 us, 0.75 s 750,000 us; half a unit below 0 is below 0."""
    kind = pl.Decimal(38, scale)
    pl.DataFrame({"at": ["0.00", "1.25", "-0.50"], "long": ["10.50", "0.75", "1.00"]}).with_columns(
        pl.all().cast(kind)
    ).write_parquet(tmp_path / "a.parquet")
    columns = {"submitted": "at", "qpu_time": "long", "unit": "s"}

    workload = draw(tmp_path, "a.parquet", columns=columns, skip_bad_lines=True)

    assert workload.jobs.at_us.tolist() == [0, 1_250_000]
    assert workload.jobs.qpu_time_us.tolist() == [10_500_000, 750_000]
    assert problems(tmp_path, "a.parquet", None, columns=columns)[0] == (
        f"workload.trace: a.parquet, row 3: at: too small (got -0.{'5':0<{scale}})"
    )


def test_numbers_are_rounded_once_and_half_to_even_as_they_are_written(tmp_path):
    """The nearest float64 of 1700000000.0000015 s rounds to 1 us, that of 9007199254740993.4 us is 994."""
    seconds = ["0.0000005", "0.0000015", "0.0000025", "1700000000.0000015", "1700000000.0000025"]
    text = "at,qpu_time_us\n" + "".join(f"{at},1\n" for at in seconds)

    workload = draw(tmp_path, "a.csv", text, columns={"submitted": "at", "unit": "s"})
    large = draw(
        tmp_path,
        "b.csv",
        "submitted_us,qpu_time_us\n9007199254740993.4,1\n9007199254740994.5,1\n",
        origin="zero",
    )

    assert workload.jobs.at_us.tolist() == [0, 2, 2, 1_700_000_000_000_002, 1_700_000_000_000_002]
    assert large.jobs.at_us.tolist() == [9_007_199_254_740_993, 9_007_199_254_740_994]


KINDS = {"Duration(time_unit='us')": pl.Duration("us"), "Date": pl.Date, "Boolean": pl.Boolean}


@pytest.mark.parametrize(
    ("column", "kind", "wanted"),
    [
        ("submitted_us", "Boolean", "dates, durations or numbers"),
        ("qpu_time_us", "Boolean", "durations or numbers"),
        ("qpu_time_us", "Date", "durations or numbers"),
        ("priority", "Boolean", "numbers"),
        ("priority", "Date", "numbers"),
        ("priority", "Duration(time_unit='us')", "numbers"),
    ],
)
def test_columns_of_another_type_are_refused_by_name(tmp_path, column, kind, wanted):
    frame = pl.DataFrame(
        {"submitted_us": [0], "qpu_time_us": [1], "priority": [1]}, schema_overrides={column: pl.Int32}
    )
    frame.with_columns(pl.col(column).cast(KINDS[kind])).write_parquet(tmp_path / "a.parquet")

    assert problems(tmp_path, "a.parquet", None) == [
        f"workload.trace: a.parquet: column {column!r} holds {kind}, not {wanted}; convert it to numbers or texts"
    ]


def test_categories_are_read_as_the_texts_that_they_stand_for(tmp_path):
    frame = pl.DataFrame({"submitted_us": ["0", "5"], "qpu_time_us": [1, 1], "account": ["a", "b"]})
    frame.with_columns(pl.col("submitted_us", "account").cast(pl.Categorical)).write_parquet(
        tmp_path / "a.parquet"
    )

    workload = draw(tmp_path, "a.parquet")

    assert (workload.jobs.at_us.tolist(), workload.accounts) == ([0, 5], ("a", "b"))


def test_fractions_of_whole_numbers_are_malformed_in_swf(tmp_path):
    text = (
        swf(1, 0.5, 1.5, think=0.5, user="4.0")
        + swf(2, 0, 5, user=3.7)
        + swf(3, 0, 5, status=2.6)
        + swf(4.5, 0, 5)
        + swf(5, 0, 5, preceding=1.5)
    )

    assert problems(tmp_path, "a.swf", text)[:-1] == [
        "workload.trace: a.swf, line 2: field 12, user: not a whole number that can be used (got '3.7')",
        "workload.trace: a.swf, line 3: field 11, status: not a whole number that can be used (got '2.6')",
        "workload.trace: a.swf, line 4: field 1, job number: not a whole number that can be used (got '4.5')",
        "workload.trace: a.swf, line 5: field 17, preceding job: not a whole number that can be used (got '1.5')",
    ]
    assert draw(tmp_path, "a.swf", text, skip_bad_lines=True).accounts == ("user-4",)


@pytest.mark.parametrize("file", ["a.csv", "a.parquet"])
def test_a_fraction_is_no_priority(tmp_path, file):
    frame = pl.DataFrame({"submitted_us": [0, 0], "qpu_time_us": [5, 5], "priority": [2.0, 0.5]})
    (frame.write_csv if file == "a.csv" else frame.write_parquet)(tmp_path / file)

    place, got = ("line 3", "'0.5'") if file == "a.csv" else ("row 2", "0.5")
    assert problems(tmp_path, file, None)[0] == (
        f"workload.trace: {file}, {place}: priority: not a whole number that can be used (got {got})"
    )
    assert draw(tmp_path, file, skip_bad_lines=True).jobs.priority.tolist() == [2]


NEVER_RAN = {
    "a.swf": swf(1, 0, 0) + swf(2, 1, -1) + swf(3, 2, 5, preceding=1) + swf(4, 3, 5, preceding=3),
    "a.csv": "job,submitted_us,qpu_time_us,after\n1,0,0,\n2,1000000,,\n3,2000000,5000000,1\n4,3000000,5000000,3\n",
}


@pytest.mark.parametrize("file", [*NEVER_RAN, "a.parquet"])
def test_jobs_that_never_ran_are_left_out_of_every_format(tmp_path, file):
    """What follows them is submitted when the file says; what follows another waits for it."""
    if file == "a.parquet":
        pl.read_csv(NEVER_RAN["a.csv"].encode()).write_parquet(tmp_path / file)

    workload = draw(tmp_path, file, NEVER_RAN.get(file))

    assert [name.rpartition("/")[2] for name in names(workload.job_names)] == ["3", "4"]
    assert workload.jobs.at_us.tolist() == [2_000_000, NEVER]
    assert workload.jobs.after.tolist() == [NEVER, 0]
    assert [(left.bad_lines, left.unrun_jobs) for left in workload.left_out] == [(0, 2)]


@pytest.mark.parametrize(("file", "text"), [("a.swf", swf(2, 0, -2)), ("a.csv", "2,0,-2\n")])
def test_a_time_below_0_is_malformed_in_every_format(tmp_path, file, text):
    good = {"a.swf": swf(1, 0, 5), "a.csv": "job,submitted_us,qpu_time_us\n1,0,5\n"}[file]

    found = problems(tmp_path, file, good + text)

    assert len(found) == 2
    assert "run time: is negative" in found[0] or "qpu_time_us: too small (got -2)" in found[0]


HEADING = "submitted_us,qpu_time_us\n"


@pytest.mark.parametrize("skip_bad_lines", [False, True])
@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("a.csv", HEADING, ["a.csv: holds no job; there is nothing to simulate"]),
        ("a.swf", "; nothing\n", ["a.swf: holds no job; there is nothing to simulate"]),
        (
            "a.csv",
            HEADING + "0,0\n1,\n",
            ["a.csv: none of its 2 lines is a job that ran; there is nothing to simulate"],
        ),
        (
            "a.csv",
            HEADING + "x,5\ny,5\n",
            [
                (
                    "a.csv: all 2 lines are malformed for the same reason; line 2: submitted_us: "
                    "not a number that can be used (got 'x')"
                )
            ],
        ),
        (
            "a.swf",
            "1;2\n3;4\n5;6;7 8\n",
            ["a.swf: all 3 lines are malformed for the same reason; line 1: has 1 fields, not 18"],
        ),
        (
            "a.csv",
            HEADING + "x,5\n1,y\n2,0\n",
            [
                "a.csv, line 2: submitted_us: not a number that can be used (got 'x')",
                "a.csv, line 3: qpu_time_us: not a number that can be used (got 'y')",
                "a.csv: 2 malformed lines, and no job that ran besides; correct the file",
            ],
        ),
    ],
)
def test_a_trace_without_a_usable_job_is_an_error(tmp_path, file, text, found, skip_bad_lines):
    assert problems(tmp_path, file, text, skip_bad_lines=skip_bad_lines) == [
        f"workload.trace: {line}" for line in found
    ]


@pytest.mark.parametrize("skip_bad_lines", [False, True])
@pytest.mark.parametrize("file", ["a.csv", "a.csv.gz", zst("a.csv.zst")])
def test_text_that_is_not_utf_8_is_refused_with_its_place(tmp_path, file, skip_bad_lines):
    text = "account,submitted_us,qpu_time_us\nAda,0,5\nMüller,0,5\nMöller,0,5\nMäller,0,5\n"
    (tmp_path / file).write_bytes(packed(file, text.encode("cp1252")))

    assert problems(tmp_path, file, None, skip_bad_lines=skip_bad_lines) == [
        (
            f"workload.trace: {file}: line 3, column 'account': is not UTF-8 text (got 'M\\xfcller'); "
            "convert the file, such as with iconv -f WINDOWS-1252 -t UTF-8"
        )
    ]
    assert draw(tmp_path, "b.csv", text).accounts == ("Ada", "Müller", "Möller", "Mäller")


def test_a_heading_and_an_uneven_file_that_are_not_utf_8_are_refused(tmp_path):
    for content, place in (
        ("gerät,submitted_us,qpu_time_us\n1,0,5\n".encode("cp1252"), "line 1"),
        (HEADING.encode("utf-16"), "line 1"),
        (b'account,submitted_us,qpu_time_us\n"a,b",0,5\n\xe4,0,5\n', "line 3, column 'account'"),
    ):
        (tmp_path / "a.csv").write_bytes(content)

        assert problems(tmp_path, "a.csv", None)[0].startswith(
            f"workload.trace: a.csv: {place}: is not UTF-8 text (got '"
        )


def test_a_field_of_swf_that_is_not_utf_8_is_malformed_and_comments_are_not_read(tmp_path):
    comment = "; Installation: Universität\n".encode("latin-1")
    (tmp_path / "a.swf").write_bytes(
        comment + swf(1, 0, 5).encode() + swf(2, 0, 5, user="ü").encode("latin-1")
    )

    assert problems(tmp_path, "a.swf", None)[0] == (
        "workload.trace: a.swf, line 3: field 12, user: not a whole number that can be used (got '\\\\xfc')"
    )


@pytest.mark.parametrize("column", [["1e308", "-1e308", "1e400", "5"], [1e308, -1e308, math.inf, 5.0]])
def test_numbers_beyond_every_limit_are_wrong_and_nothing_overflows(column):
    """Times 10**6 the first two are no float any more."""
    numbers = numbers_of(pl.Series(column), 1_000_000)
    assert numbers.wrong.tolist() == [True, True, True, False]
    assert numbers.values.tolist() == [0, 0, 0, 5_000_000]


def requesting(number, run_time, requested):
    fields = swf(number, number, run_time).split()
    fields[8] = str(requested)
    return " ".join(fields) + "\n"


REQUESTS = requesting(1, 5, 8.5) + requesting(2, 5, -1) + requesting(3, 5, 3) + requesting(4, 5, 0)


def test_requested_times_of_swf_are_estimates_and_limits_if_that_is_wanted(tmp_path):
    """S44: what takes longer than it requested is cut; -1 and 0 say nothing."""
    plain = draw(tmp_path, "a.swf", REQUESTS).jobs
    asked = draw(tmp_path, "a.swf", estimate="requested", max_execution_time="requested").jobs
    run = qs.simulate(
        {"workload": [{"kind": "trace", "file": str(tmp_path / "a.swf"), "max_execution_time": "requested"}]}
    )

    assert plain.estimate_us.tolist() == [NEVER] * 4
    assert plain.max_execution_time_us.tolist() == [NO_LIMIT] * 4
    assert asked.estimate_us.tolist() == [8_500_000, NEVER, 3_000_000, NEVER]
    assert asked.max_execution_time_us.tolist() == [8_500_000, NO_LIMIT, 3_000_000, NO_LIMIT]
    assert run.jobs["qpu_time_us"].to_list() == [5_000_000, 5_000_000, 3_000_000, 5_000_000]
    assert run.jobs["reason"].to_list() == [None, None, "RAN_TOO_LONG", None]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_requested_times_are_kept_by_exports(tmp_path, ending):
    workload = draw(tmp_path, "a.swf", REQUESTS, estimate="requested", max_execution_time="requested")

    assert qs.write_workload(workload, tmp_path / f"b.{ending}") == ()

    assert draw(tmp_path, f"b.{ending}").digest() == workload.digest()


def test_the_resolved_form_says_that_requested_times_count(tmp_path):
    (tmp_path / "a.swf").write_text(REQUESTS)
    keys = {"estimate": "requested", "max_execution_time": "requested"}

    source = qs.load_scenario(
        {"workload": [{"kind": "trace", "file": str(tmp_path / "a.swf"), **keys}]}
    ).dump()

    written = source["workload"][0]
    assert (written["estimate"], written["max_execution_time"]) == ({"method": "requested"}, "requested")
    assert qs.draw(qs.load_scenario(source).resolved).jobs.estimate_us.tolist()[0] == 8_500_000


def test_requested_times_that_cannot_be_are_malformed(tmp_path):
    text = requesting(1, 5, 5) + requesting(2, 5, "x") + requesting(3, 5, 2**61 // 1_000_000 + 1)

    assert problems(tmp_path, "a.swf", text)[:-1] == [
        "workload.trace: a.swf, line 2: field 9, requested time: not a number that can be used (got 'x')",
        "workload.trace: a.swf, line 3: requests a time beyond 73,000 years",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "titles", ["", "Jobs of April\n", "Jobs of April, by user; all of them\n\nsecond title\n"]
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_titles_and_byte_order_marks_are_recognised(tmp_path, delimiter, titles, mark):
    rows = [
        ["job", " submitted_us ", "account", "qpu_time_us"],
        ["a", "1", " ann ", "5"],
        ["b", " 2", "bob", "6 "],
    ]

    text = mark + titles + "".join(delimiter.join(row) + "\n" for row in rows)
    workload = draw(tmp_path, "a.csv", text)

    assert workload.jobs.at_us.tolist() == [1, 2]
    assert workload.jobs.qpu_time_us.tolist() == [5, 6]
    assert workload.accounts == ("ann", "bob")
    line = 3 + titles.count("\n")
    assert problems(tmp_path, "a.csv", text.replace("6 ", "x"))[0] == (
        f"workload.trace: a.csv, line {line}: qpu_time_us: not a number that can be used (got 'x')"
    )


def test_a_comma_in_a_field_of_another_delimiter_stays(tmp_path):
    text = 'account;submitted_us;qpu_time_us\nann, bob;1;5\n"c;d";2;5\n'

    assert draw(tmp_path, "a.csv", text).accounts == ("ann, bob", "c;d")


def test_line_ends_of_every_system_are_read(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        text = end.join(["submitted_us,qpu_time_us", "1,5", "", "2,6", ""])
        (tmp_path / "a.csv").write_bytes(text.encode())
        assert draw(tmp_path, "a.csv").jobs.at_us.tolist() == [1, 2]
        (tmp_path / "a.csv").write_bytes(text.replace("6", "x").encode())
        assert problems(tmp_path, "a.csv", None)[0].startswith(
            "workload.trace: a.csv, line 4: qpu_time_us: not a"
        )


def test_a_lone_carriage_return_ends_a_line(tmp_path):
    found = problems(tmp_path, "a.csv", "account,submitted_us,qpu_time_us\nx\ry,1,5\n")

    assert found[0] == "workload.trace: a.csv, line 2: has 1 fields, the heading 3"


def test_an_unknown_heading_shows_the_columns_that_were_found(tmp_path):
    columns = [f"c{number}" for number in range(25)]

    (found,) = problems(tmp_path, "a.csv", ";".join(columns) + "\n" + ";".join("1" * 25) + "\n")

    shown = ", ".join(f"'{name}'" for name in columns[:20])
    assert found.endswith(f"name the file's own columns in columns; it has {shown} and 5 more")
    assert problems(tmp_path, "b.csv", "")[0].endswith("columns; it has none")


HEADING_OF_CHAINS = "job,submitted_us,qpu_time_us,after,think_us\n"


def test_a_job_of_a_trace_may_follow_several(tmp_path):
    """S5: c comes 2 us after the last of a (until 10) and b (from 10 to 15) has ended."""
    text = HEADING_OF_CHAINS + "c,,1,b; a;b,2\na,0,10,,\nb,1,5,,\nd,,1,a;,\n"

    workload = draw(tmp_path, "a.csv", text)
    run = qs.simulate(tmp_path / "a.csv")

    assert workload.jobs.after.tolist() == [1, NEVER, NEVER, 1]
    assert workload.more_after == {0: (2,)}
    assert run.jobs["submitted_us"].to_list()[0] == 17


def test_a_text_that_is_an_id_is_that_job(tmp_path):
    text = HEADING_OF_CHAINS + "a,0,10,,\nb,1,5,,\na;b,30,1,,\nc,,1,a;b,\nd,,1,b;a,\n"

    workload = draw(tmp_path, "a.csv", text)

    assert workload.jobs.after.tolist() == [NEVER, NEVER, NEVER, 2, 0]
    assert workload.more_after == {4: (1,)}


def test_lists_of_parquet_are_several_jobs(tmp_path):
    frame = {
        "job": [1, 2, 3],
        "submitted_us": [0, 0, None],
        "qpu_time_us": [5, 5, 5],
        "after": [[], None, [2, 1]],
    }
    pl.DataFrame(frame).write_parquet(tmp_path / "a.parquet")

    workload = draw(tmp_path, "a.parquet")

    assert (workload.jobs.after.tolist(), workload.more_after) == ([NEVER, NEVER, 0], {2: (1,)})


def test_of_several_jobs_those_that_never_ran_do_not_count(tmp_path):
    text = HEADING_OF_CHAINS + "a,0,0,,\nb,1,5,,\nc,2,5,,\nd,3,5,a;b,\ne,4,5,a,\nf,,5,a;c;b,\n"

    workload = draw(tmp_path, "a.csv", text)

    assert names(workload.job_names) == ["b", "c", "d", "e", "f"]
    assert workload.jobs.after.tolist() == [NEVER, NEVER, 0, NEVER, 0]
    assert workload.more_after == {4: (1,)}
    assert workload.jobs.at_us.tolist() == [1, 2, NEVER, 4, NEVER]


def test_what_is_wrong_with_several_jobs_is_told(tmp_path):
    text = HEADING_OF_CHAINS + (
        "a,0,x,,\nb,1,5,,\nc,2,5,b;a,\nd,3,5,b;nobody,\ne,4,5,b;f,\nf,5,5,e;b,\ng,6,5,f,\nh,7,5,;,\n"
        "i,8,0,,\nj,,5,i;i,\nk,,5,i;b,\n"
    )

    found = problems(tmp_path, "a.csv", text)

    assert found[:-1] == [
        "workload.trace: a.csv, line 2: qpu_time_us: not a number that can be used (got 'x')",
        "workload.trace: a.csv, line 4: follows a line that cannot be used, directly or through others",
        "workload.trace: a.csv, line 5: after: no job 'nobody' is in the file",
        "workload.trace: a.csv, line 6: waits for itself, directly or through other jobs",
        "workload.trace: a.csv, line 7: waits for itself, directly or through other jobs",
        "workload.trace: a.csv, line 8: waits for itself, directly or through other jobs",
        "workload.trace: a.csv, line 9: after: no job ';' is in the file",
        "workload.trace: a.csv, line 11: has no time of submission, and no preceding job that ran",
    ]
    assert names(draw(tmp_path, "a.csv", skip_bad_lines=True).job_names) == ["b", "k"]
