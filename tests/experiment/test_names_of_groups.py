"""Short names of metrics for one mode, one account or one source."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.errors import StudyError
from qsession_sim.experiment.metrics import look_up, metric_unit


@pytest.fixture(scope="module")
def summary():
    """A session of two jobs, and a job beside it: waits of 0, 2 and 9 s; the session is done after 7 s."""
    jobs = [
        {"id": "a", "at": "0s", "session": "s", "qpu_time": "4s"},
        {"id": "b", "at": "2s", "session": "s", "qpu_time": "3s"},
        {"id": "c", "at": "3s", "account": "other.lab", "qpu_time": "1s"},
    ]
    sessions = [{"id": "s", "account": "lab", "interactive_timeout": "5s"}]
    return qs.simulate({"workload": [{"kind": "explicit", "sessions": sessions, "jobs": jobs}]}).summary()


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("session.mean_makespan", 7e6, "us"),
        ("session.max_activations", 1, ""),
        ("batch.mean_makespan", None, "us"),
        ("sessions.all.mean_makespan", 7e6, "us"),
        ("by_account.lab.mean_waiting", 1e6, "us"),
        ("by_account.other.lab.max_waiting", 9_000_000, "us"),
        ("by_stream.explicit.done", 3, ""),
        ("by_mode.job.max_waiting", 9_000_000, "us"),
    ],
)
def test_groups_have_the_short_names_of_all(summary, name, value, unit):
    assert (look_up(summary, name), metric_unit(name)) == (value, unit)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("by_account.lab_users.submitted", ""),
        ("by_account.lab_us.submitted", ""),
        ("by_account.lab_us.slowdown.mean", ""),
        ("by_stream.my_us.waiting_us.count", ""),
        ("by_stream.my_us.waiting_us.p90", "us"),
        ("qpus.q_us.utilization", ""),
        ("qpus.q_us.time_us.held", "us"),
        ("starvation.by_account.lab_us.longest_wait_us", "us"),
        ("by_account.a:b_us.submitted", ""),
        ("my_users.py:grade", None),
        ("my_users.py:overtime_us", "us"),
    ],
)
def test_the_unit_is_that_of_what_is_measured_whatever_names_come_before(name, unit):
    assert metric_unit(name) == unit


def test_a_group_has_no_other_short_names(summary):
    with pytest.raises(StudyError, match="no metric is called"):
        look_up(summary, "by_account.lab.mean_makespan")
