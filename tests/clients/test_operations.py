"""What a request costs, in calls of functions: it does not grow with the queue, nor with what happened before."""

from __future__ import annotations

import sys

import pytest

from qsession_sim.clients.rest import handle
from qsession_sim.clients.world import World
from qsession_sim.experiment.simulate import prepare_live

FORM = {"program_id": "sampler", "backend": "qpu", "params": {"pubs": [["x" * 2000, None, 1000]]}}


def world_with(jobs):
    """A session, and jobs of which the first one is on the QPU and the others are queued."""
    scenario, live, _ = prepare_live({"workload": []})
    world = World(live, scenario.resolved)
    session = handle(world, "lab", "POST", "/sessions", body={"backend": "qpu", "mode": "dedicated"})[1]["id"]
    for _ in range(jobs):
        assert handle(world, "lab", "POST", "/jobs", body=FORM)[0] == 200
    assert handle(world, "lab", "POST", "/jobs", body={**FORM, "session_id": session})[0] == 200
    return world, session


def calls(world, method, path, body=None):
    """How many functions are called to answer a request, after one like it has filled what is kept."""
    seen = 0

    def count(_frame, event, _argument):
        nonlocal seen
        seen += event in {"call", "c_call"}

    assert handle(world, "lab", method, path, body=body)[0] < 300
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        handle(world, "lab", method, path, body=body)
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs"),
        ("POST", "/jobs in the session"),
        ("GET", "/jobs/lab.5"),
        ("GET", "/jobs/lab.5/metrics"),
        ("GET", "/jobs/lab.5/logs"),
        ("GET", "/sessions/SESSION"),
        ("GET", "/backends"),
        ("GET", "/backends/qpu/status"),
    ],
)
def test_a_request_costs_the_same_behind_ten_jobs_and_behind_a_thousand(method, path):
    found = []
    for jobs in (10, 1000):
        world, session = world_with(jobs)
        form = None if method == "GET" else {**FORM, "session_id": session} if "session" in path else FORM
        found.append(calls(world, method, path.partition(" ")[0].replace("SESSION", session), form))

    few, many = found
    assert many <= few + 20  # numbers have more digits, and heaps are deeper
    assert many < 1500
