"""`qsession-sim replicate | compare | sweep | tune`: what they print, keep and refuse."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
from types import SimpleNamespace

import pytest
from rich.console import Console

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.cli.terminal import study_progress
from qsession_sim.experiment.store import Runs, StudyProgress

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

METHOD = """\
Intervals of means: 95 %, mean ± t s / sqrt(n) of n replications, Student's t with n - 1.
"""


@pytest.fixture
def three_jobs(scenario_file):
    return scenario_file(THREE_JOBS)


def ended(capsys, *arguments):
    """Status, standard output and standard error."""
    status = main(arguments)
    output = capsys.readouterr()
    return status, output.out, output.err


def test_compare_prints_means_differences_and_its_method(capsys, three_jobs):
    options = ["--replications", "2", "--metric", "mean_waiting", "--metric", "max_waiting"]
    status, out, err = ended(capsys, "compare", three_jobs, "--policy", "fifo", "--policy", "lifo", *options)
    assert (status, err) == (0, "")
    assert (
        out
        == """\
Three jobs
2 policies, 1 replication, 2 runs; seed 7

mean_waiting
policy     mean  difference   change  verdict
fifo    3.333 s                       baseline
lifo    2.667 s   -0.6667 s  -20.0 %  exact

max_waiting
policy  mean  difference   change  verdict
fifo     6 s                       baseline
lifo     5 s        -1 s  -16.7 %  exact

1 replication (seed 7), each with a workload that all configurations see.
Nothing is drawn: each configuration is run once; their numbers are exact for this workload, and say
nothing about others.
Warm-up: none left out.
"""
    )


def test_compare_prints_intervals_of_what_is_drawn(capsys, three_jobs):
    """c goes before b or after it by the luck of the draw, and waits 3 s less, or b 1 s more."""
    options = ["--replications", "4", "--metric", "jain_index", "--metric", "max_waiting"]
    status, out, err = ended(
        capsys, "compare", three_jobs, "--policy", "random", "--policy", "fifo", *options
    )
    assert (status, err) == (0, "")
    table, _, method = out.partition("\n4 independent")
    assert (
        table
        == """\
Three jobs
2 policies, 4 replications, 5 runs; seed 7

jain_index
policy   mean  difference  change  verdict          drawn
random  1 ± 0                      baseline         yes
fifo        1      +0 ± 0  +0.0 %  not significant  no

max_waiting
policy           mean      difference               change  verdict          drawn
random  5.75 ± 0.80 s                                       baseline         yes
fifo              6 s  +0.25 ± 0.80 s  +4.3 % (-8.3…+21.1)  not significant  no
"""
    )
    assert method.startswith(
        f" replications (seed 7), each with a workload that all configurations see.\n{METHOD}"
    )
    assert "Holm" in method


def test_queue_and_hold_policies_are_compared_in_all_combinations(capsys, three_jobs):
    options = ["--hold", "exclusive", "--hold", "shared", "--replications", "2", "--format", "json"]
    status, out, _ = ended(capsys, "compare", three_jobs, "--policy", "fifo", "--policy", "lifo", *options)
    document = json.loads(out)
    names = ["fifo, exclusive", "fifo, shared", "lifo, exclusive", "lifo, shared"]
    assert (status, list(dict.fromkeys(row["configuration"] for row in document["table"]))) == (0, names)
    assert document["baseline"] == "fifo, exclusive"


@pytest.mark.parametrize(
    ("width", "name"),
    [
        ("100", "shortest_job_first, exclusive"),
        ("40", "policy: shortest_job_first, exclusive"),
        ("24", "policy:\nshortest_job_first,\nexclusive"),
    ],
)
def test_names_of_configurations_are_whole_in_any_width(capsys, monkeypatch, three_jobs, width, name):
    monkeypatch.setenv("COLUMNS", width)
    policies = (
        "--policy",
        "fifo",
        "--policy",
        "shortest_job_first",
        "--hold",
        "exclusive",
        "--hold",
        "shared",
    )
    options = (*policies, "--replications", "2", "--metric", "max_waiting")
    status, out, _ = ended(capsys, "compare", three_jobs, *options)
    assert (status, out.count(f"\n{name}")) == (0, 1)


def test_a_comparison_prints_three_metrics_unless_some_are_asked_for(capsys, three_jobs):
    """All are measured and compared, printed or not."""
    arguments = ("compare", three_jobs, "--policy", "fifo", "--policy", "lifo")
    measured = (
        *("mean_waiting", "p95_waiting", "mean_turnaround", "p95_makespan", "utilization"),
        *("throughput_per_hour", "jain_index"),
    )
    more = "4 more metrics are in the results of -o DIR and --format json; --metric NAME shows one\n"

    def printed(*options):
        status, out, err = ended(capsys, *arguments, *options)
        assert (status, err) == (0, "")
        return [line for line in out.splitlines() if line in measured], out.endswith(more)

    assert printed() == (["mean_waiting", "p95_waiting", "utilization"], True)
    asked = [part for metric in measured for part in ("--metric", metric)]
    assert printed(*asked) == (list(measured), False)
    status, out, _ = ended(capsys, *arguments, "--format", "json")
    rows = json.loads(out)["table"]
    assert (status, [row["metric"] for row in rows[: len(measured)]]) == (0, list(measured))


def test_hold_policies_alone_are_compared(capsys, three_jobs):
    options = ["--baseline", "shared", "--replications", "2", "--metric", "max_waiting"]
    status, out, _ = ended(capsys, "compare", three_jobs, "--hold", "exclusive", "--hold", "shared", *options)
    assert status == 0
    assert (
        """\
max_waiting
policy     mean  difference  change  verdict
exclusive   6 s        +0 s  +0.0 %  exact
shared      6 s                      baseline
"""
        in out
    )


def test_replicate_prints_a_row_for_each_metric(capsys, three_jobs):
    metrics = ["--metric", "max_waiting", "--metric", "all.submitted", "--metric", "p95_makespan"]
    status, out, err = ended(capsys, "replicate", three_jobs, "--replications", "3", *metrics)
    assert (status, err) == (0, "")
    assert out == (
        """\
Three jobs
1 configuration, 1 replication, 1 run; seed 7

metric         mean  of
max_waiting     6 s   1
all.submitted     3   1
p95_makespan      -   0

1 replication (seed 7).
Nothing is drawn: run once; its numbers are exact for this workload, and say nothing about others.
Warm-up: none left out.
"""
    )


def test_sweep_prints_a_row_for_each_point_in_the_order_of_the_values(capsys, three_jobs):
    vary = ["--vary", "workload.all.jobs.b.qpu_time=3s,4s", "--vary", "workload.all.jobs.long.qpu_time=5s,6s"]
    metrics = ["--metric", "max_waiting", "--metric", "mean_waiting"]
    status, out, err = ended(capsys, "sweep", three_jobs, *vary, "--replications", "2", *metrics)
    assert (status, err) == (0, "")
    # c waits for both of the others; b for the first; of 6 s 0, 5 and 7 s
    assert (
        """\
qpu_time, qpu_time  max_waiting  mean_waiting
3s, 5s                      6 s       3.333 s
3s, 6s                      7 s           4 s
4s, 5s                      7 s       3.667 s
4s, 6s                      8 s       4.333 s
"""
        in out
    )


def test_sweep_samples_points(capsys, three_jobs):
    arguments = ["--vary", "workload.all.jobs.b.qpu_time=1s..9s", "--sample", "latin-hypercube:4"]
    status, out, _ = ended(
        capsys, "sweep", three_jobs, *arguments, "--replications", "2", "--format", "json", "--quiet"
    )
    assert (status, len({row["configuration"] for row in json.loads(out)["table"]})) == (0, 4)


def test_tune_prints_the_best_and_what_it_gains(capsys, three_jobs):
    """c waits 3 s and the time of b: at most 9 s up to 6 s."""
    arguments = ["--vary", "workload.all.jobs.b.qpu_time=1s..9s", "--maximise", "max_waiting"]
    bound = ["--subject-to", "max_waiting <= 1.5 x baseline", "--replications", "2"]
    status, out, err = ended(capsys, "tune", three_jobs, *arguments, *bound)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == [
        "workload.all.jobs.b.qpu_time for the largest max_waiting",
        "such that max_waiting <= 1.5 x baseline, that is 9 s",
    ]
    assert "Best: workload.all.jobs.b.qpu_time=6s" in lines
    assert "max_waiting           6 s   9 s        +3 s  +50.0 %   kept" in lines


def test_tune_without_a_way_to_keep_the_constraints_fails(capsys, three_jobs):
    arguments = ["--vary", "workload.all.jobs.b.qpu_time=1s..9s", "--minimise", "max_waiting"]
    status, out, err = ended(
        capsys, "tune", three_jobs, *arguments, "--subject-to", "max_waiting <= 1s", "--replications", "2"
    )
    assert (status, err) == (1, "qsession-sim: nothing that was tried keeps the constraints\n")
    assert "None is best: nothing that was tried keeps the constraints" in out


def test_tune_says_that_a_metric_exists_in_no_run(capsys, three_jobs):
    options = ["--vary", "workload.all.jobs.b.qpu_time=1s..9s", "--minimise", "p95_makespan"]
    status, out, err = ended(capsys, "tune", three_jobs, *options, "--replications", "2")
    assert (status, err) == (1, "qsession-sim: p95_makespan does not exist in every run of any candidate\n")
    assert "None is best: p95_makespan does not exist in every run of any candidate\n" in out


def test_tune_keeps_its_runs_and_writes_its_results(capsys, three_jobs, tmp_path):
    place = tmp_path / "study"
    arguments = ["--vary", "workload.all.jobs.b.qpu_time=1s..9s", "--minimise", "max_waiting"]
    options = ["--replications", "2", "--evaluations", "28", "-o", str(place), "--format", "json"]
    first = ended(capsys, "tune", three_jobs, *arguments, *options)
    assert first == ended(capsys, "tune", three_jobs, *arguments, *options)
    assert first[1] == (place / "tuning.json").read_text(encoding="utf-8")
    assert first[2] == f"saved in {place}\nto see it: qsession-sim report {place} --open\n"
    assert {"tuning.json", "evaluations.parquet", "trade_off.svg", "plan.json"} <= {
        path.name for path in place.iterdir()
    }


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(capsys, monkeypatch, three_jobs, width):
    monkeypatch.setenv("COLUMNS", str(width))
    two = ["--replications", "2"]
    vary = ["--vary", "workload.all.jobs.b.qpu_time=1s..9s", "--minimise", "by_account.lab.waiting_us.mean"]
    for arguments in (
        ["compare", three_jobs, "--policy", "fifo", "--policy", "lifo", *two],
        ["replicate", three_jobs, *two],
        ["sweep", three_jobs, "--vary", "workload.all.jobs.b.qpu_time=3s,4s", *two],
        ["tune", three_jobs, *vary, "--subject-to", "max_turnaround <= 20s", *two],
    ):
        assert main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(len(line) for line in lines) <= width
        assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["compare", "{file}", "--policy", "fifo"],
            (
                "qsession-sim compare: Invalid value for --policy: needs two or more to compare, such as --policy "
                "fifo --policy priority (see qsession-sim compare --help)"
            ),
        ),
        (
            ["compare", "{file}", "--policy", "fifo", "--policy", "lifi"],
            "qsession-sim: no queue policy is called 'lifi'; did you mean 'lifo'?",
        ),
        (
            ["compare", "{file}", "--policy", "fifo", "--policy", "lifo", "--baseline", "fif"],
            "qsession-sim: the baseline 'fif' is not compared; did you mean 'fifo'?",
        ),
        (
            ["compare", "{file}", "--hold", "exclusive", "--hold", "shard"],
            "qsession-sim: no hold policy is called 'shard'; did you mean 'shared'?",
        ),
        (
            ["replicate", "{file}", "--routing", "randm"],
            "qsession-sim: no routing policy is called 'randm'; did you mean 'random'?",
        ),
        (
            ["replicate", "{file}", "--warm-up", "5"],
            (
                "qsession-sim: warm-up: '5' is not a duration; write a number with a unit, such as 90s, 2h30m or "
                "250us; mser5 finds it in the runs"
            ),
        ),
        (
            ["sweep", "{file}", "--vary", "workload.all.jobs.d.qpu_time=3s,4s"],
            "--set workload.all.jobs.d.qpu_time=3s: nothing in workload.all.jobs is called d (known: long, b, c)",
        ),
        (
            ["sweep", "{file}", "--vary", "seed=1,2", "--sample", "sobol:3"],
            (
                "qsession-sim sweep: Invalid value for '--sample': 'sobol:3' is not random:N or latin-hypercube:N "
                "(see qsession-sim sweep --help)"
            ),
        ),
        (
            ["sweep", "{file}", "--vary", "seed=1,2", "--sample", "random:0"],
            (
                "qsession-sim sweep: Invalid value for '--sample': '0' is not a whole number from 1 "
                "(see qsession-sim sweep --help)"
            ),
        ),
        (
            ["replicate", "{file}", "--replications", "none"],
            (
                "qsession-sim replicate: Invalid value for '--replications': 'none' is not a whole number from 1 "
                "(see qsession-sim replicate --help)"
            ),
        ),
        (
            ["replicate", "{file}", "--level", "95"],
            (
                "qsession-sim replicate: Invalid value for '--level': '95' is not a number above 0 and below 1, "
                "such as 0.99 (see qsession-sim replicate --help)"
            ),
        ),
        (
            ["replicate", "{file}", "--metric", "mean_waitin"],
            "qsession-sim: no metric is called 'mean_waitin'; did you mean 'mean_waiting'?",
        ),
        (
            ["replicate", "{file}", "--workers", "2", "--dask", "tcp://x:1"],
            (
                "qsession-sim replicate: Invalid value for --workers: is for processes here, --dask for a cluster; "
                "give one (see qsession-sim replicate --help)"
            ),
        ),
        (
            ["tune", "{file}", "--vary", "horizon=1s..9s"],
            (
                "qsession-sim: say what is best: either --minimise METRIC or --maximise METRIC; others can be "
                "bounded with --subject-to"
            ),
        ),
    ],
)
def test_mistakes_are_one_line_and_status_2(capsys, three_jobs, arguments, line):
    filled = [part.format(file=three_jobs) for part in arguments]
    assert ended(capsys, *filled) == (2, "", f"{line}\n")


def test_a_directory_of_another_study_is_refused(capsys, three_jobs, tmp_path):
    """Neither replicates nor overwrites."""
    place = tmp_path / "study"
    assert main(["replicate", three_jobs, "--replications", "2", "-o", str(place)]) == 0
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    capsys.readouterr()
    status, out, err = ended(capsys, "replicate", three_jobs, "--seed", "8", "-o", str(place))
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "holds another study" in err
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (["-o", "{place}"], "after 2 of 4 runs, kept in {place}; the same command goes on"),
        ([], "after 2 of 4 runs; with -o DIR they would be kept"),
    ],
)
def test_an_interrupt_says_what_is_kept_and_how_to_go_on(
    capsys, monkeypatch, three_jobs, tmp_path, options, note
):
    place = tmp_path / "study"
    filled = [part.format(place=place) for part in options]
    both = ["--policy", "random", "--hold", "exclusive", "--hold", "shared"]
    arguments = ["compare", three_jobs, *both, "--replications", "2", *filled]
    carry_out = Runs.carry_out

    def interrupted(*positional, **named):
        for number, result in enumerate(carry_out(*positional, **named)):
            yield result
            if number == 1:
                os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Runs, "carry_out", interrupted)
        assert ended(capsys, *arguments) == (
            130,
            "",
            f"qsession-sim: interrupted {note.format(place=place)}\n",
        )
    if options:
        complete = ended(capsys, *arguments[:-2])[1]
        assert ended(capsys, *arguments)[:2] == (0, complete)


def test_quiet_prints_results_only(capsys, three_jobs, tmp_path):
    arguments = ["replicate", three_jobs, "--replications", "2", "-o", str(tmp_path / "study")]
    place = tmp_path / "study"
    seen = f"saved in {place}\nto see it: qsession-sim report {place} --open\n"
    assert ended(capsys, *arguments)[2] == seen
    assert ended(capsys, *arguments, "--quiet")[2] == ""


def test_a_rule_that_does_not_hold_in_the_end_is_told(capsys, scenario_file):
    name = scenario_file(
        """
workload:
  - {kind: arrivals, account: lab, count: 20, interarrival: {kind: exponential, mean: 10s}, qpu_time: 9s}
"""
    )
    rule = ["--until", "half_width(mean_waiting) < 0.001%", "--max-replications", "3"]
    status, out, err = ended(capsys, "replicate", name, "--metric", "mean_waiting", *rule)
    assert status == 0
    assert err == (
        "the rule does not hold after 3 replications: half_width(mean_waiting) < 0.001%; raise "
        "--max-replications\n"
    )
    assert "NOT reached" in out


def test_there_is_no_bar_where_there_is_no_terminal(capsys):
    with study_progress(quiet=False) as shown:
        shown(StudyProgress(3, 0, 9))
    assert (shown.done, shown.total) == (3, 9)
    assert capsys.readouterr().err == ""


def test_a_bar_appears_after_a_second_and_tells_the_time_left(monkeypatch):
    """40 runs in 2 s: 20 a second, so 60 more take 3 s; of 40 cells of the bar 16 are full."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=90, color_system=None)
    monkeypatch.setattr("qsession_sim.cli.terminal.errors", lambda: console)
    seconds = iter([0.0, 0.0, 0.5, 0.5, 2.0, 2.0])
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    for place in ("cli.terminal", "report.progress"):
        monkeypatch.setattr(f"qsession_sim.{place}.time", clock)
    with study_progress(quiet=False) as shown:
        shown(StudyProgress(10, 0, 100))
        assert text.getvalue() == ""
        shown(StudyProgress(40, 0, 100))
    assert "40 of 100 runs, about 3 s left" in text.getvalue()
    assert {len(bar) for bar in re.findall("━+", text.getvalue())} == {16}


def test_a_table_for_other_programs_has_all_rows_where_people_see_some(capsys, three_jobs):
    """40 values of the last job's length; with lengths of 1, 5 and n s the jobs wait 0, 4 and 6 s: 10 / 3 s."""
    values = ",".join(f"{number}s" for number in range(1, 41))
    vary = ["--vary", f"workload.all.jobs.c.qpu_time={values}", "--replications", "2"]
    status, out, err = ended(
        capsys, "sweep", three_jobs, *vary, "--metric", "mean_waiting", "--format", "csv", "--quiet"
    )
    assert (status, err) == (0, "")
    rows = [f"{number}s,{10 / 3!r}" for number in range(1, 41)]
    assert [line.replace("3.3333333333333335", repr(10 / 3)) for line in out.splitlines()] == [
        "qpu_time,mean_waiting [s]",
        *rows,
    ]


def test_a_table_for_other_programs_has_the_ends_of_changes(capsys, three_jobs):
    compared = ["--policy", "fifo", "--policy", "random", "--replications", "4", "--metric", "max_waiting"]
    status, out, err = ended(
        capsys, "compare", three_jobs, *compared, "--format", "csv", "--table", "max_waiting", "--quiet"
    )
    assert (status, err) == (0, "")
    heading, *rows = csv.reader(out.splitlines())
    assert heading == [
        *("policy", "mean [s]", "mean half-width [s]", "difference [s]", "difference half-width [s]"),
        *("change", "change low", "change high", "verdict", "drawn"),
    ]
    study = qs.compare(three_jobs, ["fifo", "random"], replications=4, metrics=["max_waiting"])
    row = study.table().to_dicts()[1]
    ends = [repr(row[name]) for name in ("relative_change", "relative_change_low", "relative_change_high")]
    assert [line[5:] for line in rows] == [
        ["", "", "", "baseline", "no"],
        [*ends, "not significant", "yes"],
    ]


def test_a_table_of_a_comparison_is_chosen_by_its_metric(capsys, three_jobs):
    """The jobs wait 10 s under fifo and 8 s under lifo, all together: a change by a fifth."""
    compared = ["--policy", "fifo", "--policy", "lifo", "--replications", "2", "--metric", "mean_waiting"]
    status, out, _ = ended(
        capsys, "compare", three_jobs, *compared, "--format", "markdown", "--table", "mean_waiting", "--quiet"
    )
    assert status == 0
    assert [line.split(" | ")[0] for line in out.splitlines()] == [
        "| policy",
        out.splitlines()[1],
        "| fifo  ",
        "| lifo  ",
    ]
    assert "-20.0 %" in out.splitlines()[3]


def test_a_name_of_a_table_is_refused_where_all_are_printed(capsys, three_jobs):
    status, out, err = ended(capsys, "run", three_jobs, "--table", "sessions")
    assert (status, out) == (2, "")
    assert err == (
        "qsession-sim run: Invalid value for --table: is for one table; give --format csv, markdown, latex "
        "(see qsession-sim run --help)\n"
    )
    status, out, err = ended(capsys, "run", three_jobs, "--format", "csv", "--table", "sesions")
    assert (status, out) == (2, "")
    assert err == "qsession-sim: there is no table 'sesions'; there are waiting, qpus\n"
