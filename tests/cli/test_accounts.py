"""The printed summary says what accounts with a plan used (S62)."""

from __future__ import annotations

from qsession_sim.cli.main import main

JOBS = """\
workload:
  - kind: explicit
    sessions: [{id: s1, account: a}]
    jobs:
      - {id: j1, at: 0s, session: s1, qpu_time: 10s}
      - {id: j2, at: 0s, account: b, qpu_time: 60s}
      - {id: j3, at: 0s, account: c, qpu_time: 5s}
"""
HEADING = "What accounts with a plan used\n"


def printed(capsys, scenario_file, accounts):
    """The lines under the heading."""
    assert main(["run", "--quiet", scenario_file(f"accounts: {accounts}\n{JOBS}")]) == 0
    out = capsys.readouterr().out
    return [line.rstrip() for line in out.partition(HEADING)[2].split("\n\n")[0].splitlines()]


def test_usage_price_and_quota_of_accounts_with_a_plan(capsys, scenario_file):
    """S62: 10 s and 60 s of ITTL for 1.60 a second; a minute of the ten of the Open Plan."""
    accounts = "[{name: b, plan: open}, {name: a, plan: pay-as-you-go}, {name: c}]"

    assert printed(capsys, scenario_file, accounts) == [
        "account  plan            usage   price  of its quota",
        "a        pay-as-you-go  1m 10s  112.00             -",
        "b        open               1m       -        10.0 %",
    ]


def test_columns_that_no_plan_fills_are_left_out(capsys, scenario_file):
    accounts = "[{name: a, plan: premium}, {name: b}, {name: c}]"

    assert printed(capsys, scenario_file, accounts) == [
        "account  plan      usage",
        "a        premium  1m 10s",
    ]


def test_without_plans_nothing_is_said(capsys, scenario_file):
    assert printed(capsys, scenario_file, "[{name: a}, {name: b}, {name: c}]") == []


def test_of_many_accounts_those_that_used_most_are_shown(capsys, scenario_file):
    many = ", ".join(f"{{name: n{number}, plan: premium}}" for number in range(20))

    lines = printed(capsys, scenario_file, f"[{many}, {{name: a, plan: premium}}, {{name: b}}, {{name: c}}]")

    assert [line.split()[0] for line in lines[:3]] == ["account", "a", "n0"]
    assert (len(lines), lines[-1]) == (22, "… and 1 more")
