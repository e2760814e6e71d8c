"""Mutants of requests to the REST interface: each is answered, what is wrong with 4xx, and none changes a rule.

There are as many as FUZZ_CASES says; the seeds are their numbers. `pytest -m fuzz` runs them with the others.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from fuzz.mutations import mutated, mutated_bytes, mutated_text
from fuzz.test_mutants import CASES, CHUNK
from qsession_sim.clients.rest import handle
from qsession_sim.server.serving import serving
from qsession_sim.testing import check_invariants

SCENARIO = {
    "qpus": [{"name": "qpu"}, {"name": "model", "simulator": True}],
    "workload": [{"kind": "arrivals", "account": "o", "interarrival": "9s", "qpu_time": "4s", "count": 20}],
}
PUBS = [["OPENQASM 3.0; qubit[2] q;", None, 1000], ["x", [[0.1, 0.2]], 7]]
SAMPLER = {
    "program_id": "sampler",
    "backend": "qpu",
    "params": {"pubs": PUBS, "options": {"default_shots": 100}, "version": 2},
    "tags": ["a", "b"],
    "cost": 600,
    "private": False,
}
ESTIMATOR = {
    **SAMPLER,
    "program_id": "estimator",
    "params": {"pubs": [["x", {"ZZ": 1.0, "XX": -0.5}, [], 0.02]], "options": {"default_precision": 0.1}},
}
SESSION = {"mode": "dedicated", "backend": "qpu", "max_ttl": 600, "interactive_ttl": 60}
REQUESTS = [
    ("POST", "/jobs", "", SAMPLER),
    ("POST", "/jobs", "", {**ESTIMATOR, "session_id": "lab.s1"}),
    ("POST", "/sessions", "", SESSION),
    ("POST", "/sessions", "", {**SESSION, "mode": "batch"}),
    ("PATCH", "/sessions/lab.s1", "", {"accepting_jobs": False}),
    ("DELETE", "/sessions/lab.s1/close", "", None),
    ("GET", "/sessions/lab.s1", "", None),
    (
        "GET",
        "/jobs",
        "limit=2&offset=1&sort=DESC&pending=true&tags=a&created_after=2026-01-01T00:00:00Z",
        None,
    ),
    ("GET", "/jobs/lab.1", "exclude_params=true", None),
    ("GET", "/jobs/lab.1/results", "", None),
    ("GET", "/jobs/lab.1/metrics", "", None),
    ("POST", "/jobs/lab.1/cancel", "", None),
    ("PUT", "/jobs/lab.1/tags", "", {"tags": ["c"]}),
    ("DELETE", "/jobs/lab.1", "", None),
    ("GET", "/workloads", "limit=2", None),
    ("GET", "/backends", "fields=wait_time_seconds", None),
    ("GET", "/backends/qpu/properties", "", None),
    ("POST", "/identity/token", "", "grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=lab"),
    ("POST", "/v3/resources/search", "", {"query": "service_name:quantum-computing", "fields": ["crn"]}),
]


def document(body, random):
    """A body as it comes: values, or the text or bytes of a document, mostly a changed one."""
    if body is None or random.random() < 0.2:
        return body
    if isinstance(body, dict):
        body = mutated(body, random, [SAMPLER, ESTIMATOR, SESSION])
        if random.random() < 0.5:
            return body
        body = json.dumps(body, default=str)
    text = mutated_text(body, random) if random.random() < 0.4 else body
    content = text.encode("utf-8", "surrogatepass")
    return text if random.random() < 0.5 else mutated_bytes(content, random)


def changed(text, random, share):
    return mutated_text(text, random) if random.random() < share else text


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, CASES, CHUNK))
def test_requests(first):
    """Those of a chunk come one after the other to the same service."""
    made = serving(SCENARIO)
    for number in range(first, min(first + CHUNK, CASES)):
        random = Random(number)
        for method, path, query, body in random.choices(REQUESTS, k=4):
            request = (
                random.choice(["lab", "lab", "other", None]) if random.random() < 0.2 else "lab",
                random.choice([method, "GET", "POST", "BREW"]) if random.random() < 0.1 else method,
                changed(path, random, 0.2),
                changed(query, random, 0.5),
                document(body, random),
            )
            try:
                status, answer = handle(made.world, *request)
            except BaseException as error:
                error.add_note(f"case {number} in {Path(__file__).name}: {request!r:.3000}")
                raise
            assert 200 <= status < 500, (number, request, answer)
            json.dumps(answer)  # NaN goes back to whoever sent it, as Python writes and reads it
            if status >= 400:
                (error,) = answer["errors"]
                assert isinstance(error["code"], int), (number, answer)
                assert 0 < len(error["message"]) < 1000, (number, answer)
    check_invariants(made.finish())
