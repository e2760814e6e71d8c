"""Sessions of a trace have the clocks of their users' plans (S60), and not more than these allow (S61)."""

from __future__ import annotations

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario
from qsession_sim.units import SECOND
from qsession_sim.workload.draw import draw

ROWS = """\
job,account,session,mode,submitted,qpu_time
j1,a,s1,session,0,5
j2,b,s2,session,1,5
j3,c,s3,batch,2,5
j4,a,s4,batch,3,5
"""
COLUMNS = {"submitted": "submitted", "qpu_time": "qpu_time", "unit": "s"}
PLANS = {"mine": {"max_time": "1h", "interactive_timeout": {"session": "9s", "batch": "2s"}}}
ACCOUNTS = [{"name": "c", "plan": "mine"}, {"name": "a", "plan": "mine"}, {"name": "b"}]


@pytest.fixture
def clocks(tmp_path):
    """Seconds of both clocks of each session of the trace."""

    def clocks(**source):
        text = ROWS.replace("0,5", "0,5").replace("1,5", "1,5").replace("2,5", "2,5").replace("3,5", "3,5")
        (tmp_path / "log.csv").write_text(text, encoding="utf-8")
        file = {"kind": "trace", "file": str(tmp_path / "log.csv"), "columns": COLUMNS}
        scenario = load_scenario({"plans": PLANS, "accounts": ACCOUNTS, "workload": [{**file, **source}]})
        sessions = draw(scenario.resolved).sessions
        return [
            (max_time // SECOND, timeout // SECOND)
            for max_time, timeout in zip(sessions.max_time_us, sessions.interactive_timeout_us, strict=True)
        ]

    return clocks


def test_each_session_has_the_clocks_of_its_user_s_plan(clocks):
    """S60: s1 and s4 are a's, s2 is b's, s3 is c's; s3 and s4 are batches."""
    assert clocks() == [(3600, 9), (28800, 60), (3600, 2), (3600, 2)]


def test_clocks_of_the_source_come_first(clocks):
    assert clocks(max_time="5m", batch_interactive_timeout="1s") == [(300, 9), (300, 60), (300, 1), (300, 1)]


def test_one_account_for_all_has_one_plan(clocks):
    assert clocks(account="a") == [(3600, 9), (3600, 9), (3600, 2), (3600, 2)]


def test_sessions_of_users_whose_plan_does_not_allow_it_are_refused(clocks):
    """S61: 2h is more than a and c may have, and not more than b may."""
    with pytest.raises(ScenarioError) as caught:
        clocks(max_time="2h")

    (problem,) = caught.value.problems
    assert problem == (
        "workload.trace: 3 of 4 sessions ask for a longer max_time than the plan of their account allows; "
        "the first is one of a, with 2h where 1h is allowed"
    )
