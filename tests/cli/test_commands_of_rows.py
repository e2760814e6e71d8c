"""The commands in the tables of a study: each computes its row again."""

from __future__ import annotations

import json
import shlex

import polars as pl
import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main

# fifo: the jobs wait 0, 4 and 6 s, on the mean 10 / 3 s; lifo: c goes before b, and they wait 0, 5 and 3 s, 8 / 3 s
THREE_JOBS = """
title: Three jobs
seed: 7
workload:
  - kind: explicit
    name: all
    jobs:
      - {id: long, at: 0s, account: lab, qpu_time: 5s}
      - {id: b, at: 1s, account: lab, qpu_time: 3s}
      - {id: c, at: 2s, account: lab, qpu_time: 1s}
"""


@pytest.fixture
def three_jobs(scenario_file):
    return scenario_file(THREE_JOBS)


def ended(capsys, *arguments):
    """Status, standard output and standard error."""
    status = main(arguments)
    output = capsys.readouterr()
    return status, output.out, output.err


def test_each_row_has_the_command_that_computes_it_again(capsys, three_jobs, tmp_path):
    place = tmp_path / "study"
    ended(
        capsys, "compare", three_jobs, "--policy", "fifo", "--policy", "lifo", "--set", "title=Other",
        "--replications", "2", "--metric", "max_waiting", "-o", str(place),
    )  # fmt: skip
    rows = pl.read_parquet(place / "table.parquet").to_dicts()
    assert [row["difference"] for row in rows] == [None, -1e6]
    for row in rows:
        program, *command = shlex.split(row["command"])
        assert program == "qsession-sim"
        again = json.loads(ended(capsys, *command, "--format", "json")[1])["table"]
        assert again == rows
    run = shlex.split(pl.read_parquet(place / "runs.parquet")["command"][1])
    summary = json.loads(ended(capsys, *run[1:], "--format", "json")[1])
    assert summary["all"]["waiting_us"]["max"] == 5_000_000


TWO = ["--policy", "fifo", "--policy", "lifo"]
BOTH = ["--vary", "workload.all.jobs.b.qpu_time=3s,4s", "--vary", "policies.hold=exclusive,shared"]


@pytest.mark.parametrize(
    "asked",
    [
        ["compare", "--policy", "fifo", "--hold", "exclusive", "--hold", "shared", "--baseline", "shared"],
        ["compare", "--policy", "fifo", "--policy", "lifo", "--hold", "none", "--hold", "shared"],
        ["compare", "--policy", "fifo", "--policy", "{own}", "--baseline", "{own}", "--routing", "random"],
        ["compare", "--policy", "fifo", "--policy", "lifo", "--batches", "3"],
        ["compare", "--policy", "fifo", "--policy", "lifo", "--warm-up", "mser5"],
        ["sweep", *BOTH],
        ["sweep", *BOTH, "--baseline", "workload.all.jobs.b.qpu_time=4s policies.hold=shared"],
        ["sweep", *BOTH[:2], *TWO, "--hold", "shared", "--baseline", "lifo workload.all.jobs.b.qpu_time=4s"],
    ],
)
def test_each_command_computes_the_whole_row_again(capsys, three_jobs, tmp_path, asked):
    """Also differences, their tests and the level."""
    (tmp_path / "own.py").write_text("def own(job):\n    return (-job.number,)\n")
    kind, *options = (part.format(own=f"{tmp_path}/own.py:own") for part in asked)
    options += ["--metric", "mean_waiting", "--level", "0.9", "--set", "title=Other"]
    options += [] if "--batches" in options else ["--replications", "3"]
    rows = json.loads(ended(capsys, kind, three_jobs, *options, "--format", "json")[1])["table"]
    for row in rows:
        again = json.loads(ended(capsys, *shlex.split(row["command"])[1:], "--format", "json")[1])["table"]
        own = [key for key in row if key not in {"configuration", "command"} and "." not in key]
        assert [row[key] for key in own] in [[one[key] for key in own] for one in again]


def test_the_level_is_that_of_intervals(capsys, three_jobs):
    out = ended(capsys, "replicate", three_jobs, "--policy", "random", "--level", "0.99")[1]
    assert "Intervals of means: 99 %," in out


def test_commands_say_what_they_can_of_policies_that_no_option_names(three_jobs):
    fair = {"name": "fair_share", "window": "7d"}
    study = qs.compare(three_jobs, ["fifo", fair], replications=2, metrics=["mean_waiting"])
    kinds = [shlex.split(command)[1] for command in study.table()["command"]]
    assert kinds == ["replicate", "replicate"]
    both = qs.sweep(
        three_jobs,
        {"workload.all.jobs.b.qpu_time": ["3s", "4s"]},
        policies=["fifo", fair],
        replications=2,
        baseline="fifo workload.all.jobs.b.qpu_time=3s",
        metrics=["mean_waiting"],
    )
    assert {shlex.split(command)[1] for command in both.table()["command"]} == {"replicate"}


def test_the_command_of_a_sample_of_ranges_has_the_same_points(three_jobs):
    vary = ["workload.all.jobs.b.priority=1..1234567", "workload.all.jobs.b.qpu_time=1s..9s"]
    ask = {"sampling": "latin_hypercube", "points": 3, "replications": 2, "metrics": ["done"]}
    names = [one.name for one in qs.sweep(three_jobs, vary, **ask).configurations]
    study = qs.sweep(three_jobs, vary, baseline=names[1], **ask)
    words = shlex.split(study.table()["command"][0])
    assert words[words.index("--vary") : words.index("--baseline") + 2] == [
        *("--vary", vary[0], "--vary", vary[1], "--sample", "latin-hypercube:3", "--baseline", names[1])
    ]
