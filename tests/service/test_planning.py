"""What the scheduler is given of a workload."""

from __future__ import annotations

from typing import Any

import qsession_sim as qs
from qsession_sim.scheduler.columns import GrowingJobs
from qsession_sim.scheduler.plan import JobPlan, QpuSpec, WindowSpec, is_one_value
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.service.planning import plan_of
from qsession_sim.units import SECOND

LATER = ("qpu", "route", "preparation_us", "post_processing_us", "estimate_us")


def planned(scenario: dict[str, Any]) -> Any:
    workload = qs.draw(qs.load_scenario(scenario).resolved)
    return plan_of(workload, workload.accounts)


def later_columns(jobs: JobPlan) -> dict[str, Any]:
    return {name: list(getattr(jobs, name)) for name in LATER}


def test_a_plain_scenario_needs_no_column_for_what_it_does_not_say() -> None:
    jobs = [{"id": name, "at": "0s", "account": "x", "qpu_time": "1s"} for name in "ab"]
    plan = planned({"workload": [{"kind": "explicit", "jobs": jobs}]})

    assert later_columns(plan.jobs) == {
        "qpu": [NEVER] * 2,
        "route": [0] * 2,
        "preparation_us": [0] * 2,
        "post_processing_us": [0] * 2,
        "estimate_us": [NEVER] * 2,
    }
    assert all(is_one_value(getattr(plan.jobs, name)) for name in LATER)
    assert [list(getattr(GrowingJobs(plan), name)) for name in LATER] == [[]] * 5
    assert (plan.qpus, plan.windows, plan.qpu_times_us, plan.estimates_us) == ((QpuSpec(),), (), (), ())


def test_the_plan_has_all_that_a_scenario_says_of_qpus_and_phases() -> None:
    """S40, S42, S52, S54"""
    sessions = [{"id": "s", "account": "x", "qpu": "kyiv"}]
    jobs = [
        {"id": "a", "at": "0s", "session": "s", "shots": 1000, "preparation": "2s"},
        {"id": "b", "at": "0s", "account": "x", "shots": 1000, "post_processing": "3s"},
        {"id": "c", "at": "0s", "account": "x", "qpu_time": "9s", "estimate": "4s"},
    ]
    service_time = {"overhead": "0s", "per_execution": "1ms"}
    qpus = [
        {"name": "torino", "lanes": 2, "service_time": service_time},
        {
            "name": "kyiv",
            "service_time": {**service_time, "per_execution": "3ms"},
            "windows": [{"kind": "maintenance", "at": "1s", "duration": "2s"}],
        },
    ]
    source = {"kind": "explicit", "sessions": sessions, "jobs": jobs}
    plan = planned({"qpus": qpus, "workload": [source]})

    columns = later_columns(plan.jobs)
    assert (len(columns.pop("route")), plan.sessions.qpu[0]) == (3, 1)
    assert columns == {
        "qpu": [1, NEVER, NEVER],
        "preparation_us": [2 * SECOND, 0, 0],
        "post_processing_us": [0, 3 * SECOND, 0],
        "estimate_us": [NEVER, NEVER, 4 * SECOND],
    }
    assert list(plan.jobs.qpu_time_us) == [3 * SECOND, SECOND, 9 * SECOND]
    assert [list(column) for column in plan.qpu_times_us] == [
        [3 * SECOND, SECOND, 9 * SECOND],
        [3 * SECOND, 3 * SECOND, 9 * SECOND],
    ]
    assert plan.estimates_us == ()
    assert plan.qpus == (QpuSpec(2), QpuSpec(5))
    assert plan.windows == (WindowSpec(WindowKind.MAINTENANCE, SECOND, 2 * SECOND, qpu=1),)
