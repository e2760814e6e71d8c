"""`qsession-sim run`: what it prints and writes."""

from __future__ import annotations

import json
import sys

import pytest

from qsession_sim.cli.main import main
from qsession_sim.experiment.study import load
from qsession_sim.report.text import readable_duration

# waits by hand, see tests/scenarios; job mode: 0, 65, 150, 30, 20; session mode: 15, 0, 0, 0, 65, 0, 25 s.
# p95 of 5 values is value 3.8 of 0..4: 65 + 0.8 x 85 = 133 s; of 7, value 5.7 of 0..6: 25 + 0.7 x 40 = 53 s;
# of 12, value 10.45 of 0..11: 65 + 0.45 x 85 = 103.25 s. All: mean 370 / 12 = 30.83, median (15 + 20) / 2.
QUICKSTART = """\
Quickstart: two sessions beside everyday jobs
12 jobs in 5m 50s; queue fifo, hold exclusive, seed 7

Waiting for the QPU
mode     jobs  done    mean  median     p95  longest
job         5     5    53 s    30 s  2m 13s   2m 30s
session     7     7    15 s     0 s    53 s    1m 5s
all        12    12  30.8 s  17.5 s  1m 43s   2m 30s

How torino spent its time
        time   share
busy  3m 15s  55.7 %  ██████████████████████
held  2m 25s  41.4 %  █████████████████
down     0 s   0.0 %
free    10 s   2.9 %  █

What each session cost
session   mode     state     makespan   usage    held  activations  done
tuning    session  closed      1m 10s    55 s    15 s            1     4
notebook  session  inactive        4m      3m  2m 10s            2     3
all                                    3m 55s  2m 25s            3     7

Timeline
job mode     █████··············████████···························██████████████
tuning        ····██░░██░███░███
notebook               ·················███░░░█████░░░░░░░░░░░░░░░░       ·······████░░░░░░░░░░░░░░░
          |0s            |1m             |2m            |3m             |4m            |5m
          █ running  ░ held, idle  · waiting
"""


def test_summary_of_quickstart(capsys, quickstart):
    assert main(["run", quickstart]) == 0
    output = capsys.readouterr()
    assert output.out == QUICKSTART
    assert output.err == ""


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(capsys, monkeypatch, busy_day, quickstart, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for scenario in (quickstart, busy_day):
        assert main(["run", scenario]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(len(line) for line in lines) <= width
        assert [line for line in lines if line != line.rstrip()] == []


def test_narrow_tables_continue_below(capsys, monkeypatch, quickstart):
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["run", quickstart]) == 0
    assert (
        """\
What each session cost
session   mode     state     makespan
tuning    session  closed      1m 10s
notebook  session  inactive        4m
all

session    usage    held  activations
tuning      55 s    15 s            1
notebook      3m  2m 10s            2
all       3m 55s  2m 25s            3

session   done
tuning       4
notebook     3
all          7
"""
        in capsys.readouterr().out
    )


def test_long_tables_are_capped(capsys, busy_day):
    arguments = ["run", busy_day, "--set", "warm_up=0s"]
    assert main([*arguments, "--format", "json"]) == 0
    sessions = json.loads(capsys.readouterr().out)["sessions"]["all"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    title, table = output.partition("What sessions cost: ")[2].split("\n", 1)
    assert title == "the 20 with the largest usage"
    rows = table.split("\n\n")[0].splitlines()
    assert len(rows) == 1 + 20 + 1 + 1
    assert rows[21] == f"… and {sessions['created'] - 20} more"
    total = [readable_duration(sessions[total]) for total in ("total_usage_us", "total_held_us")]
    assert rows[22].startswith("all ")
    assert "  ".join(total) in rows[22]
    assert "Timeline" not in output


def test_what_did_not_happen_is_told(capsys, scenario_file):
    """S6: jobs that are never submitted, sessions that never come to exist, and unfinished jobs."""
    name = scenario_file(
        """
horizon: 10s
workload:
  - kind: explicit
    sessions: [{id: later, account: lab}, {id: other, account: lab}]
    jobs:
      - {id: long, at: 0s, account: lab, qpu_time: 60s}
      - {id: next, after: long, session: later, qpu_time: 1s}
      - {id: queued, at: 5s, session: other, qpu_time: 1s}
"""
    )
    assert main(["run", name]) == 0
    assert (
        capsys.readouterr().out
        == f"""\
2 jobs in 10 s; queue fifo, hold exclusive, seed 0
1 job never submitted
1 session never created

Waiting for the QPU
mode     jobs  done  unfinished  mean  median  p95  longest
job         1     0           1   0 s     0 s  0 s      0 s
session     1     0           1     -       -    -        -
all         2     0           2   0 s     0 s  0 s      0 s

How qpu spent its time
      time    share
busy  10 s  100.0 %  {40 * "█"}
held   0 s    0.0 %
down   0 s    0.0 %
free   0 s    0.0 %

What each session cost
session  mode     state  makespan  usage  held  activations  done  unfinished
other    session  open          -    0 s   0 s            0     0           1

Timeline
job mode  {90 * "█"}
other     {45 * " "}{45 * "·"}
          |0s      |1s      |2s      |3s      |4s      |5s      |6s      |7s      |8s      |9s
          █ running  ░ held, idle  · waiting
"""
    )


def test_every_outcome_is_told(capsys, scenario_file):
    """S16, S18, S20, S25, S44: states with their reasons, and a count of every outcome."""
    name = scenario_file(
        """
workload:
  - kind: explicit
    sessions:
      - {id: short, account: lab, max_time: 5s}
      - {id: cancelled, account: lab, cancel: 30s}
    jobs:
      - {id: a, at: 0s, session: short, qpu_time: 10s}
      - {id: b, at: 0s, session: short, qpu_time: 10s}
      - {id: c, at: 6s, session: short, qpu_time: 10s}
      - {id: d, at: 20s, session: cancelled, qpu_time: 20s}
      - {id: e, at: 20s, session: cancelled, qpu_time: 20s}
"""
    )
    assert main(["run", name]) == 0
    output = capsys.readouterr().out
    # a runs from 0 to 10 s, b ends at 5 s, c is rejected; d runs from 20 to 40 s, e ends at 30 s
    assert (
        """\
What each session cost
session    mode     state              makespan  usage  held  activations  done  error  cancelled
short      session  closed: MAX_TIME       10 s   10 s   0 s            1     1      1          0
cancelled  session  closed: CANCELLED      20 s   20 s   0 s            1     1      0          1
all                                               30 s   0 s            2     2      1          1

session    rejected
short             1
cancelled         0
all               1
"""
        in output
    )


def test_reasons_of_jobs_that_are_not_done_are_counted_the_most_frequent_first(capsys, scenario_file):
    """c and d come to a session that is closed at 1 s; b is queued when its user cancels it."""
    name = scenario_file(
        """\
workload:
  - kind: explicit
    sessions:
      - {id: s, account: lab, close: 1s}
    jobs:
      - {id: a, at: 0s, session: s, qpu_time: 10s}
      - {id: b, at: 0s, account: lab, qpu_time: 10s, cancel: 5s}
      - {id: c, at: 2s, session: s, qpu_time: 10s}
      - {id: d, at: 3s, session: s, qpu_time: 10s}
"""
    )
    assert main(["run", name]) == 0
    assert "\nReasons: 2 SESSION_CLOSED, 1 JOB_CANCELLED\n" in capsys.readouterr().out
    assert main(["run", name, "--set", "workload.explicit.sessions.s.close=9s"]) == 0
    assert "\nReasons: 1 JOB_CANCELLED\n" in capsys.readouterr().out


def test_nothing_is_said_of_reasons_where_all_is_done(capsys, quickstart):
    assert main(["run", quickstart]) == 0
    assert "Reasons" not in capsys.readouterr().out


def test_warm_up_is_told(capsys, quickstart):
    """Submitted at 60 s or later: tuning-3 and -4, notebook-2 and -3, everyday-3, -4 and -5."""
    assert main(["run", quickstart, "--set", "warm_up=1m"]) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == [
        "7 jobs in 5m 50s; queue fifo, hold exclusive, seed 7",
        "without the first 1m, the warm-up",
    ]


def test_a_run_without_jobs(capsys, scenario_file):
    assert main(["run", scenario_file("workload: []")]) == 0
    assert (
        capsys.readouterr().out
        == """\
0 jobs in 0 s; queue fifo, hold exclusive, seed 0

How qpu spent its time
      time  share
busy   0 s      -
held   0 s      -
down   0 s      -
free   0 s      -
"""
    )


def test_policies_seed_and_settings_are_used(capsys, quickstart):
    """S51: shared, notebook-3 runs from 235 s to 250 s and its timeout of 60 s ends the run at 310 s."""
    arguments = ["--policy", "priority", "--hold", "shared", "--seed", "9", "--set", "title=Changed"]
    assert main(["run", quickstart, *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Changed",
        "12 jobs in 5m 10s; queue priority, hold shared, seed 9",
    ]


def test_json_is_the_summary_and_nothing_else(capsys, quickstart, tmp_path):
    place = tmp_path / "out"
    assert main(["run", quickstart, "--format", "json", "-o", str(place)]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == load(place).summary()
    assert json.loads(output.out)["all"]["submitted"] == 12
    # the file lacks only what is added up when somebody asks for it
    saved = json.loads((place / "summary.json").read_text(encoding="utf-8"))
    assert json.loads(output.out)["all"].keys() - saved["all"].keys() == {"waiting_parts_us", "waiting_share"}
    assert output.err == f"saved in {place}\nto see it: qsession-sim report {place} --open\n"


def test_quiet_runs_have_no_progress_bar(monkeypatch, capsys, quickstart):
    monkeypatch.setattr("qsession_sim.cli.terminal.run_progress", None)
    assert main(["run", quickstart, "--quiet"]) == 0
    assert capsys.readouterr().out == QUICKSTART


def test_saved_runs_can_be_loaded_and_replaced(capsys, quickstart, tmp_path):
    place = tmp_path / "out"
    for _ in range(2):
        assert main(["run", quickstart, "--quiet", "-o", str(place)]) == 0
        output = capsys.readouterr()
        assert output.out == QUICKSTART
        assert output.err == ""
    assert len(load(place).jobs) == 12
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_unicode_the_timeline_is_ascii(capsys, quickstart):
    sys.stdout.reconfigure(encoding="ascii")
    assert main(["run", quickstart]) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "tuning        ....##--##-###-###",
        "notebook               .................###---#####----------------       .......####---------------",
        "          |0s            |1m             |2m            |3m             |4m            |5m",
        "          # running  - held, idle  . waiting",
    ]


def test_colours_only_on_terminals_that_want_them(capsys, monkeypatch, quickstart):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["run", quickstart, "--set", "horizon=100s"]) == 0
    assert "\x1b[33m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["run", quickstart, "--set", "horizon=100s"]) == 0
    assert "\x1b[33m" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "workload: []\nhorizon: 1h\n",
        "horizon: 1us\nworkload: [{kind: explicit, jobs: [{id: a, at: 1s, account: lab, qpu_time: 1s}]}]\n",
        "horizon: 1h\nworkload: [{kind: explicit, sessions: [{id: s, account: lab, created: 1s}]}]\n",
    ],
)
def test_a_run_without_jobs_has_no_timeline(capsys, scenario_file, text):
    assert main(["run", scenario_file(text)]) == 0
    output = capsys.readouterr()
    assert "How qpu spent its time" in output.out
    assert "Timeline" not in output.out
    assert output.err == ""


@pytest.mark.parametrize("output_format", ["table", "json"])
def test_a_warm_up_that_is_longer_than_the_run_is_told(capsys, quickstart, output_format):
    """The run ends at 350 s, when there is nothing left to do."""
    arguments = ["run", quickstart, "--format", output_format, "--set"]
    assert main([*arguments, "warm_up=351s"]) == 0
    note = "nothing was counted: the warm-up of 5m 51s is longer than the run of 5m 50s\n"
    assert capsys.readouterr().err == note
    assert main([*arguments, "warm_up=351s", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert main([*arguments, "warm_up=349s"]) == 0
    assert capsys.readouterr().err == ""


WARM_UP = """
warm_up: 1m
workload:
  - kind: explicit
    sessions:
      - {id: early, account: a, close: 20s}
      - {id: s1, account: a, close: 70s}
      - {id: s2, account: a, close: 100s}
    jobs:
      - {id: j1, at: 0s, session: early, qpu_time: 10s}
      - {id: j2, at: 60s, session: s1, qpu_time: 5s}
      - {id: j3, at: 90s, session: s2, qpu_time: 4s}
"""


def test_sessions_of_the_warm_up_count_nowhere(tmp_path, capsys):
    """S62: `early` is active from 0 to 20 s, `s1` from 60 to 70 s and `s2` from 90 to 100 s: 20 s after the
    warm-up, in the table as in the JSON of the same run."""
    (tmp_path / "w.yaml").write_text(WARM_UP, encoding="utf-8")

    assert main(["run", str(tmp_path / "w.yaml"), "--format", "json"]) == 0
    summary = json.loads(capsys.readouterr().out)["sessions"]["all"]
    assert (summary["created"], summary["total_usage_us"], summary["total_held_us"]) == (
        2,
        20_000_000,
        11_000_000,
    )

    assert main(["run", str(tmp_path / "w.yaml")]) == 0
    shown = capsys.readouterr().out
    table = shown.partition("What each session cost\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split() for line in table if line.strip("─- ")] == [
        ["session", "mode", "state", "makespan", "usage", "held", "activations", "done"],
        ["s1", "session", "closed", "5", "s", "10", "s", "5", "s", "1", "1"],
        ["s2", "session", "closed", "4", "s", "10", "s", "6", "s", "1", "1"],
        ["all", "20", "s", "11", "s", "2", "2"],
    ]
    assert "Timeline, the warm-up included" in shown
