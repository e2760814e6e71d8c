"""The REST interface with a long queue: timings decide nothing, counts do."""

from __future__ import annotations

from typing import Any

from qsession_sim.clients.rest import handle
from qsession_sim.clients.world import World
from qsession_sim.experiment.simulate import prepare_live

FORM = {"program_id": "sampler", "backend": "qpu", "params": {"pubs": [["x" * 2000, None, 1000]]}}


def world_with(jobs: int) -> World:
    scenario, live, _ = prepare_live({"workload": []})
    world = World(live, scenario.resolved)
    for _ in range(jobs):
        assert handle(world, "lab", "POST", "/jobs", "", FORM)[0] == 200
    return world


def test_a_submission_behind_a_thousand_jobs(benchmark: Any) -> None:
    world = world_with(1000)
    status, answer = benchmark.pedantic(handle, (world, "lab", "POST", "/jobs", "", FORM), rounds=1)
    assert (status, answer["id"]) == (200, "lab.1001")


def test_a_question_about_one_of_a_thousand_jobs(benchmark: Any) -> None:
    world = world_with(1000)
    status, answer = benchmark.pedantic(handle, (world, "lab", "GET", "/jobs/lab.500"), rounds=1)
    assert (status, answer["status"]) == (200, "Queued")


def test_a_page_of_a_list_of_a_thousand_jobs(benchmark: Any) -> None:
    world = world_with(1000)
    status, answer = benchmark.pedantic(handle, (world, "lab", "GET", "/jobs", "limit=20"), rounds=1)
    assert (status, answer["count"], len(answer["jobs"])) == (200, 1000, 20)
