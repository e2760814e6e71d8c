"""Workloads written to files: what a format can hold comes back as it was."""

from __future__ import annotations

import os
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_examples import examples
from trace_files import zst

import qsession_sim as qs
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Mode
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    JobColumns,
    NumberedNames,
    SessionColumns,
    Workload,
)
from qsession_sim.workload.formats import check_workload_file

optional_times = st.one_of(st.just(NEVER), st.integers(0, 2**40))
SWF_USERS = ("user-unknown", "user-0", "user-7")
WORDS = ("plain", 'with "quotes", commas', "ü\u2003x")


def column(values):
    return np.array(values, dtype=np.int64)


def numbered(values):
    """Numbers in the order in which they come first, as a reader gives them."""
    order = list(dict.fromkeys(value for value in values if value != NEVER))
    return [NEVER if value == NEVER else order.index(value) for value in values]


@st.composite
def workloads(draw, *, swf=False):
    count = draw(st.integers(1, 8))
    each = st.lists
    session = (
        [NEVER] * count if swf else numbered(draw(each(st.integers(-1, 2), min_size=count, max_size=count)))
    )
    sessions = max(session) + 1
    owner = [draw(st.integers(0, 2)) for _ in range(sessions)]
    account = [draw(st.integers(0, 2)) if number == NEVER else owner[number] for number in session]
    after = [draw(st.sampled_from([NEVER, *range(row)])) for row in range(count)]
    several = {
        row: tuple(others)
        for row, first in enumerate(after)
        if not swf
        and first != NEVER
        and (
            others := sorted(
                draw(st.sets(st.integers(first + 1, row - 1), max_size=2)) if first < row - 1 else []
            )
        )
    }
    times = st.integers(0, 2**30).map(lambda seconds: seconds * 1_000_000) if swf else st.integers(0, 2**60)
    known = list(dict.fromkeys(account))
    jobs = JobColumns(
        at_us=column([draw(times) if number == NEVER else NEVER for number in after]),
        after=column(after),
        think_us=column([0 if number == NEVER else draw(times) for number in after]),
        session=column(session),
        client=column([NEVER] * count),
        account=column([known.index(number) for number in account]),
        stream=column([0] * count),
        qpu_time_us=column([max(draw(times), 1_000_000) for _ in range(count)]),
        max_execution_time_us=column(
            [NO_LIMIT if swf else draw(st.sampled_from([NEVER, NO_LIMIT, 1, 5])) for _ in range(count)]
        ),
        priority=column([0 if swf else draw(st.integers(-(2**62), 2**62)) for _ in range(count)]),
        cancel_us=column([NEVER if swf else draw(optional_times) for _ in range(count)]),
        cancel_after_us=column([NEVER if swf else draw(optional_times) for _ in range(count)]),
        preparation_us=column([0 if swf else draw(st.integers(0, 2**40)) for _ in range(count)]),
        post_processing_us=column([0 if swf else draw(st.sampled_from([0, 5])) for _ in range(count)]),
        estimate_us=column([NEVER if swf else draw(st.sampled_from([NEVER, 1, 5])) for _ in range(count)]),
    )
    given_times = [field.name for field in fields(SessionColumns) if field.name.endswith("_us")]
    session_times = {name: [draw(st.integers(0, 2**40)) for _ in range(sessions)] for name in given_times}
    session_times |= {
        name: [draw(optional_times) for _ in range(sessions)]
        for name in ("close_after_us", "cancel_after_us")
    }
    session_times |= {name: [NEVER] * sessions for name in ("created_us", "close_us")}
    return Workload(
        jobs=jobs,
        sessions=SessionColumns(
            mode=column([draw(st.sampled_from([Mode.SESSION, Mode.BATCH])) for _ in range(sessions)]),
            account=column([known.index(number) for number in owner]),
            stream=column([0] * sessions),
            client=column([NEVER] * sessions),
            **{name: column(values) for name, values in session_times.items()},
        ),
        clients=EMPTY_WORKLOAD.clients,
        accounts=tuple((SWF_USERS if swf else WORDS)[number] for number in known),
        streams=("trace",),
        job_names=(NumberedNames("trace", count),),
        session_names=(tuple(f"s{number}" for number in range(sessions)),),
        more_after=several,
    )


@pytest.mark.parametrize(
    ("name", "ids", "lost"),
    [
        ("jobs.csv", "ab", []),
        ("jobs.parquet", "ab", []),
        ("jobs.csv", ["a", "b;b"], ["of several jobs that a job follows, one is held, as ids have a ';'"]),
        ("jobs.swf", "ab", ["of several jobs that a job follows, one is held"]),
    ],
)
def test_tables_hold_several_jobs_that_one_follows(tmp_path, name, ids, lost):
    """S5."""
    jobs = [
        {"id": "c", "after": [*ids], "account": "x", "qpu_time": "5s"},
        {"id": ids[0], "at": "0s", "account": "x", "qpu_time": "5s"},
        {"id": ids[1], "at": "20s", "account": "x", "qpu_time": "5s"},
    ]
    workload = qs.draw(qs.load_scenario({"workload": [{"kind": "explicit", "jobs": jobs}]}).resolved)

    told = qs.write_workload(workload, tmp_path / name)

    again = drawn_from(tmp_path / name)
    assert [what for what in told if "follows" in what] == lost
    assert again.jobs.after.tolist() == [1, NEVER, NEVER]
    assert again.more_after == ({} if lost else {0: (2,)})


def read_back(workload, file, *more):
    assert qs.write_workload(workload, file) == ()
    return drawn_from(file, *more)


def drawn_from(file, *more):
    scenario = qs.load_scenario(file, ["workload.trace.origin=zero", *more])
    return qs.draw(scenario.resolved, scenario.directory)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", zst("csv.zst"), "parquet"])
@settings(max_examples=examples(25), deadline=None)
@given(workload=workloads())
def test_tables_hold_every_column(ending, workload):
    with tempfile.TemporaryDirectory() as folder:
        assert read_back(workload, f"{folder}/a.{ending}").digest() == workload.digest()


@pytest.mark.parametrize("ending", ["swf", "swf.gz", zst("swf.zst")])
@settings(max_examples=examples(25), deadline=None)
@given(workload=workloads(swf=True))
def test_swf_holds_times_users_and_chains(ending, workload):
    with tempfile.TemporaryDirectory() as folder:
        assert read_back(workload, f"{folder}/a.{ending}").digest() == workload.digest()


@st.composite
def independent_jobs(draw):
    """What Batsim can hold: jobs of nobody, with a time of submission, and limits."""
    times = st.lists(st.integers(0, 2**60), min_size=1, max_size=8)
    at_us = draw(times)
    count = len(at_us)
    limits = st.one_of(st.just(NO_LIMIT), st.integers(1, 2**60))
    jobs = {
        "at_us": at_us,
        "qpu_time_us": [draw(st.integers(1, 2**60)) for _ in at_us],
        "max_execution_time_us": [draw(limits) for _ in at_us],
        "priority": [0] * count,
        "think_us": [0] * count,
    }
    empty = {"after", "session", "client", "cancel_us", "cancel_after_us"}
    jobs |= {name: [NEVER] * count for name in empty} | {"account": [0] * count, "stream": [0] * count}
    ids = draw(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            min_size=count,
            max_size=count,
            unique_by=str.strip,
        )
    )
    ids = [name if name.strip() else f"job {row}" for row, name in enumerate(ids)]
    return Workload(
        jobs=JobColumns(**{name: column(values) for name, values in jobs.items()}),
        sessions=EMPTY_WORKLOAD.sessions,
        clients=EMPTY_WORKLOAD.clients,
        accounts=("user-unknown",),
        streams=("trace",),
        job_names=(tuple(name.strip() for name in ids),),
        session_names=((),),
    )


@pytest.mark.parametrize("ending", ["json", "json.gz", zst("json.zst")])
@settings(max_examples=examples(25), deadline=None)
@given(workload=independent_jobs())
def test_batsim_holds_independent_jobs_and_their_limits(ending, workload):
    with tempfile.TemporaryDirectory() as folder:
        requested = "workload.trace.max_execution_time=requested"
        again = read_back(workload, f"{folder}/a.{ending}", requested)
        assert again.digest() == workload.digest()


def test_swf_keeps_the_numbers_of_users_and_who_is_unknown(tmp_path):
    users = [7, -1, 3]
    text = "".join(
        f"{job} 0 -1 5 1 -1 -1 1 -1 -1 1 {user} -1 -1 -1 -1 -1 -1\n" for job, user in enumerate(users, 1)
    )
    (tmp_path / "a.swf").write_text(text)

    lost = qs.write_workload(drawn_from(tmp_path / "a.swf"), tmp_path / "b.swf")

    assert lost == ()
    written = (tmp_path / "b.swf").read_text().splitlines()
    assert [line.split()[11] for line in written if not line.startswith(";")] == ["7", "-1", "3"]


def test_swf_lines_are_those_of_the_standard(tmp_path):
    jobs = [
        {"id": "a", "at": "5s", "account": "lab", "qpu_time": "3s"},
        {"id": "b", "after": "a", "think": "1500ms", "account": "other", "qpu_time": "4s", "priority": 2},
    ]
    workload = qs.draw(qs.load_scenario({"workload": [{"kind": "explicit", "jobs": jobs}]}).resolved)

    lost = qs.write_workload(workload, tmp_path / "a.swf")

    assert (tmp_path / "a.swf").read_text() == (
        "; Version: 2.2\n; MaxJobs: 2\n; MaxRecords: 2\n; MaxNodes: 1\n; MaxProcs: 1\n"
        "; Note: user 1 is the account lab\n; Note: user 2 is the account other\n"
        "1 5 -1 3 1 -1 -1 1 -1 -1 1 1 -1 -1 -1 -1 -1 -1\n"
        "2 -1 -1 4 1 -1 -1 1 -1 -1 1 2 -1 -1 -1 -1 1 1.5\n"
    )
    assert lost == (
        "priorities are not held",
        "times that are no whole seconds are decimal fractions, which other programs may not read",
    )


def test_what_a_table_cannot_hold_is_told(tmp_path):
    client = {"kind": "iterative", "account": "a", "iterations": 2, "qpu_time": "1s"}
    idle = {"kind": "explicit", "sessions": [{"id": "s", "account": "a", "created": "0s"}]}
    workload = qs.draw(qs.load_scenario({"workload": [client, idle]}).resolved)

    assert qs.write_workload(workload, tmp_path / "a.csv") == (
        "clients became chains of jobs: what they do after errors and at their end is not held",
        "sessions without a job are not held",
    )


@pytest.mark.parametrize("ending", ["csv.gz", zst("csv.zst")])
def test_equal_workloads_make_equal_files(tmp_path, ending):
    """S7"""
    for name in ("a", "b"):
        qs.write_workload(EMPTY_WORKLOAD, tmp_path / f"{name}.{ending}")

    assert Path(tmp_path / f"a.{ending}").read_bytes() == Path(tmp_path / f"b.{ending}").read_bytes()


def test_other_endings_and_places_are_refused(tmp_path):
    with pytest.raises(qs.WorkloadFileError, match=r"a\.txt: the name must end in one of \.csv"):
        qs.write_workload(EMPTY_WORKLOAD, "a.txt")
    with pytest.raises(qs.WorkloadFileError, match="cannot be written: there is no directory"):
        qs.write_workload(EMPTY_WORKLOAD, tmp_path / "none" / "a.csv")
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(qs.WorkloadFileError, match="cannot be written: is a directory"):
        qs.write_workload(EMPTY_WORKLOAD, tmp_path / "a.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
def test_what_is_no_file_is_refused_before_the_work(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(qs.WorkloadFileError) as caught:
        check_workload_file(tmp_path / "a.csv")
    assert str(caught.value) == f"{tmp_path / 'a.csv'}: cannot be written: is a pipe, not a file"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_that_is_there_stays_until_the_new_one_is_complete(tmp_path, monkeypatch, failure):
    (tmp_path / "a.csv").write_text("old")

    def half_written(content, path):
        path.write_bytes(next(iter(content))[:10])
        raise failure

    monkeypatch.setattr("qsession_sim.workload.formats.write_text", half_written)
    with pytest.raises((qs.WorkloadFileError, KeyboardInterrupt)):
        qs.write_workload(EMPTY_WORKLOAD, tmp_path / "a.csv")

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.csv": "old"}


def test_what_concerns_qpus_is_told_where_a_format_does_not_hold_it(tmp_path):
    jobs = [
        {"id": "a", "at": "5s", "account": "lab", "qpu_time": "3s", "qpu": "torino"},
        {"id": "b", "at": "6s", "account": "lab", "shots": 1000, "preparation": "1s"},
    ]
    qpus = [
        {"name": "torino", "windows": [{"kind": "maintenance", "at": "1h", "duration": "1h"}]},
        {"name": "kyiv", "service_time": {"overhead": "3s"}},
    ]
    scenario = {"qpus": qpus, "workload": [{"kind": "explicit", "jobs": jobs}]}
    workload = qs.draw(qs.load_scenario(scenario).resolved)
    lost = (
        "QPU times are those of one QPU, though they differ between QPUs",
        "windows of availability are not held",
    )

    assert qs.write_workload(workload, tmp_path / "a.csv") == lost
    assert qs.write_workload(workload, tmp_path / "a.swf") == (
        *lost,
        "the QPUs that jobs name are not held",
        "preparation, post-processing and estimates are not held",
        "times that are no whole seconds are decimal fractions, which other programs may not read",
    )


def test_a_file_that_is_there_is_replaced_only_if_that_is_wanted(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(qs.WorkloadFileError) as caught:
        qs.write_workload(EMPTY_WORKLOAD, tmp_path / "a.csv", overwrite=False)
    assert str(caught.value) == (
        f"{tmp_path / 'a.csv'}: is there already; choose another name, or replace it with --overwrite"
    )
    assert (tmp_path / "a.csv").read_text() == "old"
    qs.write_workload(EMPTY_WORKLOAD, tmp_path / "new.csv", overwrite=False)
    qs.write_workload(EMPTY_WORKLOAD, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "new.csv").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".swf", ".parquet"])
def test_a_full_disk_is_called_that_in_every_format(tmp_path, monkeypatch, ending):
    opened = Path.open

    def full(path, mode="r", *rest, **options):
        return opened(Path("/dev/full") if "w" in mode else path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(qs.WorkloadFileError) as caught:
        qs.write_workload(EMPTY_WORKLOAD, tmp_path / f"a{ending}")
    assert str(caught.value) == (
        f"{tmp_path / f'a{ending}'}: cannot be written: the disk is full (No space left on device)"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs locks")
def test_what_a_killed_export_has_left_is_removed(tmp_path):
    for name in (".12345678.partial.a.csv", ".12345678.partial.b.csv", ".partial.a.txt"):
        (tmp_path / name).write_text("half")
    qs.write_workload(EMPTY_WORKLOAD, tmp_path / "a.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".12345678.partial.b.csv",
        ".partial.a.txt",
        "a.csv",
    ]
