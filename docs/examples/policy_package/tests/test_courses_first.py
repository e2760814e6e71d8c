"""The policy does what it is for, and keeps what is asked of every policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import qsession_sim as qs
from qsession_sim.testing import check_policy, parametrize_policies, policy_machine

JOBS = [
    {"id": "running", "at": "0s", "account": "research", "qpu_time": "10s"},
    {"id": "waiting", "at": "1s", "account": "research", "qpu_time": "10s"},
    {"id": "lesson", "at": "2s", "account": "course-1", "qpu_time": "10s"},
]
SCENARIO = {"workload": [{"kind": "explicit", "jobs": JOBS}]}


def test_a_course_overtakes() -> None:
    run = qs.simulate(SCENARIO, policy="courses_first")
    assert run.jobs.sort("started_us")["job"].to_list() == ["running", "lesson", "waiting"]


def test_it_is_a_policy() -> None:
    check_policy("courses_first", examples=25)


@parametrize_policies()
def test_no_policy_loses_a_job(policy: str, request: pytest.FixtureRequest) -> None:
    run = qs.simulate(SCENARIO, policy=policy)
    assert run.jobs["status"].to_list() == ["DONE"] * 3, request.node.name


def test_the_installed_package_is_tested() -> None:
    assert "site-packages" in Path(qs.__file__).parts


TestLiveService = policy_machine("courses_first").TestCase
TestLiveService.settings = settings(max_examples=10, stateful_step_count=15, deadline=None, database=None)
