"""Every endpoint, asked without a client: codes, forms and what changes from instant to instant, by hand.

QPU times are 2 s and 350 us for each of the executions, so 1000 shots take 2.35 s.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_examples import examples

from qsession_sim.clients.api import CRN
from qsession_sim.clients.endpoints import ROUTES
from qsession_sim.clients.rest import account_of_key, client_of, handle, request_key
from qsession_sim.clients.world import World
from qsession_sim.errors import ScenarioError
from qsession_sim.experiment.simulate import finished, prepare_live
from qsession_sim.results.run import Run
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND

JOB_US = 2_350_000
PARAMS = {"pubs": [["OPENQASM 3.0;", None, 1000]]}
START = "2026-01-01T00:00:00"


class Asked:
    """An account that asks a world, whose time the test moves."""

    def __init__(self, account: str | None = "lab", world: World | None = None, **keys: Any) -> None:
        self.account = account
        if world is None:
            options = {name: keys.pop(name) for name in ("qpu_time", "compute") if name in keys}
            self.scenario, self.live, self.bound = prepare_live({"profile": "2026", "workload": [], **keys})
            world = World(self.live, self.scenario.resolved, clock=lambda: self.clock_us, **options)
        self.world, self.live = world, world.live
        self.clock_us = 0

    def __call__(self, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Any:
        return handle(self.world, self.account, method, path, query, body, headers)

    def good(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        status, answer = self(method, path, body, query)
        assert status == 200, answer
        return answer

    def refused(self, method: str, path: str, body: Any = None, query: str = "") -> tuple[int, int, str]:
        """Status, code and message."""
        status, answer = self(method, path, body, query)
        (error,) = answer["errors"]
        assert answer == {
            "errors": [{"code": error["code"], "message": error["message"], "solution": "", "more_info": ""}],
            "trace": "qsession-sim",
        }
        return status, error["code"], error["message"]

    def pass_time(self, until_us: int) -> None:
        while not self.live.advance(until_us):
            pass
        self.clock_us = until_us

    def run(self) -> Run:
        return finished(self.scenario, self.live, self.bound)

    def session(self, **more: Any) -> str:
        return self.good("POST", "/sessions", {"mode": "dedicated", "backend": "qpu", **more})["id"]

    def job(self, **more: Any) -> str:
        form = {"program_id": "sampler", "backend": "qpu", "params": PARAMS, **more}
        return self.good("POST", "/jobs", form)["id"]

    def state(self, job: str) -> dict[str, Any]:
        return self.good("GET", f"/jobs/{job}")["state"]


def at(time_us: int) -> str:
    """An instant of the first minute after the start, as the interface writes it."""
    seconds, rest = divmod(time_us, SECOND)
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}" + (f".{rest:06}" if rest else "") + "Z"


def packed(array: Any) -> dict[str, str]:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return {"__type__": "ndarray", "__value__": base64.b64encode(zlib.compress(stream.getvalue())).decode()}


# -- tokens and accounts


def test_an_api_key_is_exchanged_for_a_token_that_names_its_account_and_client():
    asked = Asked(None)
    form = "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=lab-a%232"
    for body in (form, form.encode()):
        token = asked.good("POST", "/identity/token", body)
        assert {key: token[key] for key in ("token_type", "expires_in")} == {
            "token_type": "Bearer",
            "expires_in": 31_536_000,
        }
        assert client_of(f"Bearer {token['access_token']}") == "lab-a#2"
        claims = json.loads(base64.urlsafe_b64decode(token["access_token"].split(".")[1] + "=="))
        assert (claims["exp"] - claims["iat"], claims["exp"]) == (31_536_000, token["expiration"])
    assert account_of_key("lab-a#2") == "lab-a"


def test_a_key_of_no_account_gets_no_token():
    asked = Asked(None, accounts=[{"name": "lab"}])
    status, code, message = asked.refused("POST", "/identity/token", "apikey=nobody")
    assert (status, code) == (400, 1201)
    assert message == "the scenario has no account 'nobody'; the API key is the name of an account"
    assert asked.refused("POST", "/identity/token", None)[:2] == (400, 1201)
    assert asked("POST", "/identity/token", "apikey=lab")[0] == 200
    known = Asked("lab", asked.world)  # as a transport inside the process knows who asks
    assert known("POST", "/identity/token", "apikey=simulated")[0] == 200


@pytest.mark.parametrize(("method", "path", "_handler"), ROUTES)
def test_every_endpoint_answers_401_without_a_token_and_with_that_of_nobody(method, path, _handler):
    path = path.replace("([^/]+)", "x")
    assert Asked(None).refused(method, path) == (401, 1201, "the request has no valid token")
    nobody = Asked("nobody", accounts=[{"name": "lab"}])
    assert nobody.refused(method, path) == (401, 1200, "the scenario has no account 'nobody'")


def test_a_message_is_short_however_much_of_a_request_it_repeats():
    form = {"program_id": "sampler", "backend": "qpu", "params": {"pubs": [["x", None, "y" * 5000]]}}
    status, code, message = Asked().refused("POST", "/jobs", form)
    assert (status, code, len(message)) == (400, 1206, 500)
    assert message.startswith("params.pubs[0]: shots must be a whole number from 1, not 'yyy")
    assert message.endswith("y…")


def test_what_does_not_exist_is_404_and_another_method_405():
    asked = Asked()
    assert asked.refused("GET", "/nothing") == (404, 1206, "there is no /nothing")
    message = "/sessions takes POST, not GET"
    assert asked.refused("GET", "/sessions") == (405, 1206, message)
    for path in ("/jobs/x", "/jobs/x/results", "/jobs/x/logs", "/jobs/x/metrics"):
        assert asked.refused("GET", path) == (404, 1291, "no job is called 'x'")
    assert asked.refused("POST", "/jobs/x/cancel")[:2] == (404, 1291)
    assert asked.refused("DELETE", "/jobs/x")[:2] == (404, 1291)
    assert asked.refused("PUT", "/jobs/x/tags", {"tags": []})[:2] == (404, 1291)
    for method, path in (("GET", "/sessions/x"), ("PATCH", "/sessions/x"), ("DELETE", "/sessions/x/close")):
        assert asked.refused(method, path, {}) == (404, 1215, "no session is called 'x'")
    for what in ("configuration", "properties", "status", "defaults"):
        assert asked.refused("GET", f"/backends/x/{what}") == (
            404,
            1216,
            "no backend is called 'x'; there are qpu",
        )


def test_the_address_may_have_either_prefix():
    asked = Asked()
    for prefix in ("", "/experimental", "/api/v1"):
        assert asked.good("GET", f"{prefix}/instance") == {"qctrl_enabled": False}


# -- the instance


def test_the_instance_its_plan_and_its_price():
    accounts = [{"name": "lab", "plan": "open"}, {"name": "rich"}]
    asked = Asked(accounts=accounts)
    (item,) = asked.good("POST", "/v3/resources/search", {"query": "x"})["items"]
    assert (item["crn"], item["name"], item["service_plan_unique_id"]) == (CRN, "qsession-sim", "plan-open")
    assert item["doc"]["extensions"]
    plan = asked.good("GET", "/api/v1/plan-open")
    assert plan["overview_ui"]["en"]["display_name"] == "open"
    assert plan["metadata"] == {"pricing": {"type": "free"}}
    rich = Asked("rich", asked.world)
    (item,) = rich.good("POST", "/v3/resources/search", {})["items"]
    assert item["service_plan_unique_id"] == "plan-premium"
    assert rich.good("GET", "/plan-premium")["metadata"] == {"pricing": {"type": "subscription"}}


def test_usage_counts_sessions_and_jobs_in_job_mode_but_nothing_twice():
    """A session that is active from 0 and closed at 10; then a job of 2.35 s in job mode."""
    asked = Asked()
    session = asked.session()
    asked.job(session_id=session)
    asked.pass_time(10 * SECOND)
    asked.good("PATCH", f"/sessions/{session}", {"accepting_jobs": False})
    asked.job()
    asked.pass_time(20 * SECOND)
    assert asked.good("GET", "/instances/usage") == {
        "instance_id": CRN,
        "plan_id": "plan-premium",
        "usage_consumed_seconds": 12.35,
        "usage_limit_reached": False,
    }


def test_usage_of_a_quota_counts_what_the_scenario_declares_as_well():
    """Declared: 599 s from 0 to 599. The client's 2.35 s reach the quota of 600 s; then it is refused."""
    job = {"id": "declared", "at": "0s", "account": "lab", "qpu_time": "599s"}
    asked = Asked(accounts=[{"name": "lab", "plan": "open"}], workload=[{"kind": "explicit", "jobs": [job]}])
    asked.pass_time(599 * SECOND)
    usage = asked.good("GET", "/instances/usage")
    assert (usage["usage_consumed_seconds"], usage["usage_limit_reached"]) == (599.0, False)
    assert (usage["usage_limit_seconds"], usage["usage_period_seconds"]) == (600.0, 28 * 86400.0)
    asked.job()
    asked.clock_us = 602 * SECOND  # the question itself brings the service there
    usage = asked.good("GET", "/instances/usage")
    assert (usage["usage_consumed_seconds"], usage["usage_limit_reached"]) == (601.35, True)
    form = {"program_id": "sampler", "backend": "qpu", "params": PARAMS}
    assert asked.refused("POST", "/jobs", form)[:2] == (403, 1218)


# -- backends


def test_backends_are_a_list_of_names_without_the_header_of_versions():
    asked = Asked(qpus=[{"name": "torino"}, {"name": "sim", "simulator": True}])
    assert asked.good("GET", "/backends") == {"devices": ["torino", "sim"]}
    status, answer = asked("GET", "/backends", **{"ibm-api-version": "2026-04-15"})
    assert status == 200
    assert [
        (one["name"], one["status"]["name"], one["queue_length"], one["is_simulator"])
        for one in answer["devices"]
    ] == [("torino", "online", 0, False), ("sim", "online", 0, True)]


def test_backends_say_how_many_wait_and_whether_a_session_could_start_now():
    """The first of three jobs is on the QPU from 0 on; the other two wait."""
    asked = Asked()
    assert asked.good("GET", "/backends/qpu/status") == {
        "name": "qpu",
        "state": True,
        "status": "active",
        "message": "active",
        "length_queue": 0,
        "session_could_start_now": True,
        "backend_version": "1.0.0",
    }
    for _ in range(3):
        asked.job()
    asked.pass_time(1 * SECOND)
    status = asked.good("GET", "/backends/qpu/status")
    assert (status["length_queue"], status["session_could_start_now"]) == (2, False)
    (device,) = asked("GET", "/backends", **{"ibm-api-version": "x"})[1]["devices"]
    assert (device["queue_length"], device["session_could_start_now"]) == (2, False)


def test_a_backend_in_maintenance_says_so():
    window = {"kind": "maintenance", "at": "10s", "duration": "10s"}
    asked = Asked(qpus=[{"name": "qpu", "windows": [window]}])
    asked.pass_time(12 * SECOND)
    status = asked.good("GET", "/backends/qpu/status")
    assert (status["state"], status["status"], status["session_could_start_now"]) == (
        True,
        "maintenance",
        False,
    )
    (device,) = asked("GET", "/backends", **{"ibm-api-version": "x"})[1]["devices"]
    assert device["status"] == {"name": "paused", "reason": "maintenance"}


def test_the_configuration_and_the_properties_fit_together():
    asked = Asked()
    configuration = asked.good("GET", "/backends/qpu/configuration")
    properties = asked.good("GET", "/backends/qpu/properties")
    assert (configuration["backend_name"], configuration["n_qubits"]) == ("qpu", 127)
    assert configuration["online_date"] == START + "Z"
    assert len(configuration["coupling_map"]) == 144
    assert len(properties["qubits"]) == 127
    two = [gate["qubits"] for gate in properties["gates"] if gate["gate"] == "ecr"]
    assert two == configuration["coupling_map"]
    assert asked.good("GET", "/backends/qpu/defaults") == {}
    for what in ("configuration", "properties"):
        refused = asked.refused("GET", f"/backends/qpu/{what}", query="calibration_id=old")
        assert refused == (404, 1216, "no calibration is called 'old'")


# -- sessions


def test_the_life_of_a_session_as_a_client_reads_it():
    """A job from 0 to 2.35; the ITTL of 60 s is over at 62.35, and the session is inactive. A second job comes
    at 70, and the session is closed at 71, while it runs to 72.35. Used: 62.35 + 2.35."""
    asked = Asked()
    session = asked.session(max_ttl=3600)
    path = f"/sessions/{session}"
    new = {
        "id": "lab.s1",
        "mode": "dedicated",
        "backend": "qpu",
        "backend_name": "qpu",
        "instance": CRN,
        "state": "open",
        "state_reason": "",
        "accepting_jobs": True,
        "interactive_ttl": 60,
        "max_ttl": 3600,
        "active_ttl": 3600,
        "created_at": at(0),
        "started_at": None,
        "activated_at": None,
        "closed_at": None,
        "last_job_started": None,
        "last_job_completed": None,
        "elapsed_time": None,
        "timestamps": [{"status": "open", "timestamp": at(0)}],
    }
    assert asked.good("GET", path) == new
    asked.job(session_id=session)
    asked.pass_time(1_500_000)
    active = {"status": "active", "timestamp": at(0)}
    running = {
        "state": "active",
        "active_ttl": 3599,
        "started_at": at(0),
        "activated_at": at(0),
        "last_job_started": at(0),
        "timestamps": [*new["timestamps"], active],
    }
    assert asked.good("GET", path) == {**new, **running}
    asked.pass_time(65 * SECOND)
    left_us = 60 * SECOND + JOB_US
    inactive = {
        **running,
        "state": "inactive",
        "active_ttl": 3535,
        "last_job_completed": at(JOB_US),
        "elapsed_time": 62.35,
        "timestamps": [*running["timestamps"], {"status": "inactive", "timestamp": at(left_us)}],
    }
    assert asked.good("GET", path) == {**new, **inactive}
    asked.pass_time(70 * SECOND)
    asked.job(session_id=session)
    asked.pass_time(71 * SECOND)
    closing = asked.good("PATCH", path, {"accepting_jobs": False})
    assert (closing["state"], closing["accepting_jobs"]) == ("active", False)
    asked.pass_time(80 * SECOND)
    end_us = 70 * SECOND + JOB_US
    closed = {
        **inactive,
        "state": "closed",
        "state_reason": "CLOSED",
        "accepting_jobs": False,
        "active_ttl": 0,
        "activated_at": at(70 * SECOND),
        "closed_at": at(end_us),
        "last_job_started": at(70 * SECOND),
        "last_job_completed": at(end_us),
        "elapsed_time": 64.7,
        "timestamps": [
            *inactive["timestamps"],
            {"status": "active", "timestamp": at(70 * SECOND)},
            {"status": "closed", "timestamp": at(end_us)},
        ],
    }
    assert asked.good("GET", path) == {**new, **closed}
    usage_us = asked.run().sessions["usage_us"].to_list()
    assert usage_us == [64_700_000]


def test_a_closed_session_is_closed_and_cancelled_again_without_an_error():
    asked = Asked()
    session = asked.session()
    for _ in range(2):
        assert asked("DELETE", f"/sessions/{session}/close") == (204, None)
    assert asked.good("PATCH", f"/sessions/{session}", {"accepting_jobs": False})["state"] == "closed"
    assert asked.good("GET", f"/sessions/{session}")["state_reason"] == "CANCELLED"


def test_an_unused_session_is_closed_after_half_an_hour_and_says_why():
    asked = Asked()
    session = asked.session()
    asked.pass_time(1800 * SECOND)
    shown = asked.good("GET", f"/sessions/{session}")
    assert (shown["state"], shown["state_reason"], shown["active_ttl"]) == ("closed", "UNUSED", 0)
    assert (shown["closed_at"], shown["elapsed_time"]) == (at(1800 * SECOND), None)


def test_a_batch_has_the_clock_of_batches():
    asked = Asked()
    shown = asked.good("POST", "/sessions", {"mode": "batch", "backend_name": "qpu"})
    assert (shown["mode"], shown["interactive_ttl"], shown["max_ttl"]) == ("batch", 1, 28800)


def test_sessions_that_the_plan_does_not_allow():
    asked = Asked(accounts=[{"name": "lab", "plan": "open"}])
    form = {"mode": "dedicated", "backend": "qpu"}
    message = "You are not authorized to run a session when using the open plan."
    assert asked.refused("POST", "/sessions", form) == (403, 1200, message)
    refused = asked.refused("POST", "/sessions", {"mode": "batch", "backend": "qpu", "max_ttl": 601})
    assert refused == (400, 1214, "max_ttl must be at most 10m, which the plan of the account allows")
    assert asked("POST", "/sessions", {"mode": "batch", "backend": "qpu", "max_ttl": 600})[0] == 200


@pytest.mark.parametrize(
    ("form", "refused"),
    [
        (None, (400, 1206, "the body must be a JSON object")),
        ("{", (400, 1206, "the body is no JSON document: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)")),
        ({"mode": "x", "backend": "qpu"}, (400, 1206, "mode must be dedicated or batch, not 'x'")),
        ({"mode": 1, "backend": "qpu"}, (400, 1206, "mode must be a text, not 1")),
        ({}, (404, 1216, "no backend is called None; there are qpu")),
        ({"backend": "qpu", "max_ttl": 0}, (400, 1206, "max_ttl must be a whole number of seconds from 1, not 0")),
        ({"backend": "qpu", "max_ttl": 1.5}, (400, 1206, "max_ttl must be a whole number of seconds from 1, not 1.5")),
        ({"backend": "qpu", "max_ttl": True}, (400, 1206, "max_ttl must be a whole number of seconds from 1, not True")),
        ({"backend": "qpu", "interactive_ttl": "1"}, (400, 1206, "interactive_ttl must be a whole number of seconds from 0, not '1'")),
    ],
)  # fmt: skip
def test_wrong_forms_of_sessions(form, refused):
    assert Asked().refused("POST", "/sessions", form) == refused


def test_a_session_can_be_closed_and_nothing_else():
    asked = Asked()
    path = f"/sessions/{asked.session()}"
    message = "accepting_jobs must be false; nothing else of a session can be changed"
    for form in ({}, {"accepting_jobs": True}, {"max_ttl": 3}):
        assert asked.refused("PATCH", path, form) == (400, 1206, message)


# -- jobs


def test_the_life_of_a_job_as_a_client_reads_it():
    """The job before it is on the QPU from 0 to 2.35, and it from then to 4.7."""
    asked = Asked()
    asked.job()
    form = {
        "program_id": "sampler",
        "backend": "qpu",
        "params": PARAMS,
        "tags": ["a", "b"],
        "cost": 300,
        "runtime": "x",
        "private": False,
        "log_level": "INFO",
    }
    answer = asked.good("POST", "/jobs", form)
    assert answer == {"id": "lab.2", "backend": "qpu", "session_id": None, "private": False}
    queued = {
        "id": "lab.2",
        "backend": "qpu",
        "status": "Queued",
        "state": {"status": "Queued"},
        "program": {"id": "sampler"},
        "created": at(0),
        "ended": None,
        "session_id": None,
        "tags": ["a", "b"],
        "cost": 300,
        "runtime": "x",
        "private": False,
        "user_id": "lab",
        "estimated_running_time_seconds": 2.35,
        "usage": {"quantum_seconds": 0.0, "seconds": 0.0},
    }
    assert asked.good("GET", "/jobs/lab.2", query="exclude_params=true") == queued
    assert asked.good("GET", "/jobs/lab.2") == {**queued, "params": PARAMS}
    assert asked.refused("GET", "/jobs/lab.2/results") == (404, 1292, "the job has no result yet")
    asked.pass_time(4 * SECOND)
    used = {"quantum_seconds": 1.65, "seconds": 1.65}
    running = {**queued, "status": "Running", "state": {"status": "Running"}, "usage": used}
    assert asked.good("GET", "/jobs/lab.2", query="exclude_params=true") == running
    metrics = asked.good("GET", "/jobs/lab.2/metrics")
    assert metrics["timestamps"] == {"created": at(0), "running": at(JOB_US), "finished": None}
    assert metrics["usage"]["status"] == "pending"
    asked.pass_time(5 * SECOND)
    done = {
        **running,
        "status": "Completed",
        "state": {"status": "Completed"},
        "ended": at(2 * JOB_US),
        "usage": {"quantum_seconds": 2.35, "seconds": 2.35},
    }
    assert asked.good("GET", "/jobs/lab.2", query="exclude_params=true") == done
    metrics = asked.good("GET", "/jobs/lab.2/metrics")
    assert metrics["timestamps"] == {"created": at(0), "running": at(JOB_US), "finished": at(2 * JOB_US)}
    assert metrics["usage"] == {
        "status": "final",
        "quantum_seconds": 2.35,
        "seconds": 2.35,
        "qpu_charge_time_seconds": 2.35,
    }
    assert (metrics["bss"], metrics["executions"], metrics["num_circuits"]) == ({"seconds": 2.35}, 1000, 1)
    assert asked("GET", "/jobs/lab.2/logs") == (
        200,
        f"{at(0)} submitted\n{at(JOB_US)} on the QPU\n{at(2 * JOB_US)} ended\n",
    )


def test_a_job_without_a_limit_shows_that_of_the_service_as_a_whole_number():
    asked = Asked()
    assert asked.good("GET", f"/jobs/{asked.job()}")["cost"] == 10_800
    endless = Asked(rules={"max_execution_time": "none"})
    assert endless.good("GET", f"/jobs/{endless.job()}")["cost"] == 10_000


def test_params_of_a_private_job_do_not_come_back():
    asked = Asked()
    assert "params" not in asked.good("GET", f"/jobs/{asked.job(private=True)}")


def test_a_job_that_is_cut_off_is_cancelled_with_code_1305():
    """S44: a limit of 1 s cuts the job of 2.35 s at 1 s, and it has text instead of a result."""
    asked = Asked()
    job = asked.job(cost=1)
    asked.pass_time(1 * SECOND)
    reason = "Ran too long: the job reached its maximum execution time"
    assert asked.state(job) == {"status": "Cancelled", "reason": reason, "reason_code": 1305}
    assert asked("GET", f"/jobs/{job}/results") == (200, reason)
    assert asked.good("GET", f"/jobs/{job}/metrics")["usage"]["quantum_seconds"] == 1.0


@pytest.mark.parametrize(("ends_as", "status"), [("error", "Failed"), ("cancelled", "Cancelled")])
def test_jobs_that_are_queued_when_max_time_is_over_fail_or_are_cancelled(ends_as, status):
    """S16: three jobs of 2.35 s, and 3 s for the session: the second ends at 4.7, the third never starts."""
    asked = Asked(rules={"max_time_ends_as": ends_as})
    session = asked.session(max_ttl=3)
    jobs = [asked.job(session_id=session) for _ in range(3)]
    asked.pass_time(10 * SECOND)
    reason = "The maximum time of the session was over while the job was queued"
    assert [asked.state(job) for job in jobs] == [
        {"status": "Completed"},
        {"status": "Completed"},
        {"status": status, "reason": reason, "reason_code": 1217},
    ]
    assert asked("GET", f"/jobs/{jobs[2]}/results") == (200, reason)
    shown = asked.good("GET", f"/sessions/{session}")
    assert (shown["state_reason"], shown["closed_at"]) == ("MAX_TIME", at(3 * SECOND))
    assert shown["elapsed_time"] == 4.7  # S62: until its job has left the QPU
    refused = asked.refused(
        "POST", "/jobs", {"program_id": "sampler", "params": PARAMS, "session_id": session}
    )
    assert refused == (409, 1217, "The session is closed and accepts no jobs")


def test_cancelling_a_session_cancels_what_is_queued_and_lets_the_running_job_finish():
    """S18."""
    asked = Asked()
    session = asked.session()
    jobs = [asked.job(session_id=session) for _ in range(2)]
    asked.pass_time(1 * SECOND)
    assert asked("DELETE", f"/sessions/{session}/close") == (204, None)
    asked.pass_time(5 * SECOND)
    assert [asked.state(job)["status"] for job in jobs] == ["Completed", "Cancelled"]
    assert asked.state(jobs[1])["reason_code"] == 1219


def test_cancelling_a_job_works_once():
    asked = Asked()
    jobs = [asked.job() for _ in range(2)]
    asked.pass_time(1 * SECOND)
    for job in jobs:
        assert asked("POST", f"/jobs/{job}/cancel") == (204, None)
        assert asked.state(job) == {
            "status": "Cancelled",
            "reason": "The job was cancelled",
            "reason_code": 1220,
        }
        refused = asked.refused("POST", f"/jobs/{job}/cancel")
        assert refused == (409, 1293, "the job has ended, so it cannot be cancelled")


def test_a_job_is_deleted_once_it_has_ended():
    asked = Asked()
    job = asked.job()
    message = "the job has not ended, so it cannot be deleted; cancel it first"
    assert asked.refused("DELETE", f"/jobs/{job}") == (409, 1293, message)
    asked.pass_time(5 * SECOND)
    assert asked("DELETE", f"/jobs/{job}") == (204, None)
    assert asked.refused("GET", f"/jobs/{job}")[:2] == (404, 1291)
    assert asked.good("GET", "/jobs") == {"jobs": [], "count": 0, "limit": 200, "offset": 0}
    assert len(asked.run().jobs) == 1


def test_tags_are_replaced():
    asked = Asked()
    job = asked.job(tags=["old"])
    assert asked("PUT", f"/jobs/{job}/tags", {"tags": ["new", "newer"]}) == (204, None)
    assert asked.good("GET", f"/jobs/{job}")["tags"] == ["new", "newer"]
    for form in ({}, {"tags": "new"}, {"tags": [1]}, {"tags": [""]}):
        refused = asked.refused("PUT", f"/jobs/{job}/tags", form)
        assert refused == (400, 1206, "tags must be a list of texts")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"program_id": "x"}, (404, 1222, "no program is called 'x'; there are sampler, estimator, executor, noise-learner, noiselearner")),
        ({"program_id": None}, (404, 1222, "no program is called None; there are sampler, estimator, executor, noise-learner, noiselearner")),
        ({"backend": "x"}, (400, 1216, "no backend is called 'x'; there are qpu")),
        ({"backend": None}, (400, 1216, "no backend is called None; there are qpu")),
        ({"session_id": "x"}, (400, 1215, "no session is called 'x'")),
        ({"params": []}, (400, 1206, "params must be an object")),
        ({"params": {}}, (400, 1206, "params.pubs must be a list with at least one entry")),
        ({"params": {"pubs": [[]]}}, (400, 1206, "params.pubs[0] must be a list of at most 3 entries, the circuit first")),
        ({"params": {"pubs": [["", None, 0]]}}, (400, 1206, "params.pubs[0]: shots must be a whole number from 1, not 0")),
        ({"params": {"pubs": [["", [[1.0], [2.0, 3.0]]]]}}, (400, 1206, "params.pubs[0]: lists of different lengths stand side by side")),
        ({"params": {"pubs": [["", None, 10_000_001]]}}, (400, 1206, "a job of 10000001 executions is too large; 10000000 are allowed")),
        ({"cost": 0}, (400, 1206, "cost must be a whole number of seconds from 1, not 0")),
        ({"tags": "a"}, (400, 1206, "tags must be a list of texts")),
        ({"private": 1}, (400, 1206, "private must be true or false")),
        ({"calibration_id": "old"}, (404, 1216, "no calibration is called 'old'")),
        ({"start_session": True}, (400, 1206, "start_session is not supported; open a session with POST /sessions")),
    ],
)  # fmt: skip
def test_wrong_forms_of_jobs(change, refused):
    asked = Asked()
    form = {"program_id": "sampler", "backend": "qpu", "params": PARAMS, **change}
    assert asked.refused("POST", "/jobs", form) == refused
    assert asked.world.jobs == {}


def test_rejections_have_their_status_and_code():
    """S20: a limit beyond the session's time, a session on another QPU, three pending jobs, a rate of one."""
    plan = {"pending_jobs": 1, "submission_rate": {"count": 1, "window": "1h"}}
    asked = Asked(
        qpus=[{"name": "qpu"}, {"name": "other"}], plans={"p": plan}, accounts=[{"name": "lab", "plan": "p"}]
    )
    session = asked.session(max_ttl=10)
    form = {"program_id": "sampler", "params": PARAMS, "session_id": session}
    longer = "The maximum execution time of the job is longer than the maximum time of its session"
    assert asked.refused("POST", "/jobs", {**form, "cost": 11}) == (400, 1214, longer)
    elsewhere = asked.refused("POST", "/jobs", {**form, "backend": "other"})
    assert elsewhere == (400, 1216, "the session is on 'qpu', not on 'other'")
    assert asked("POST", "/jobs", form)[0] == 200
    pending = "The account has as many pending jobs as it may have"
    assert asked.refused("POST", "/jobs", form) == (400, 3458, pending)
    asked.pass_time(5 * SECOND)
    assert asked.refused("POST", "/jobs", form) == (429, 1202, "Too many submissions in a short time")
    rejected = asked.run().jobs.filter(status="REJECTED")
    assert rejected["reason"].to_list() == [
        "EXECUTION_TIME_EXCEEDS_SESSION",
        "TOO_MANY_PENDING",
        "RATE_LIMITED",
    ]


def test_an_old_client_is_refused_sessions():
    """S23."""
    asked = Asked(accounts=[{"name": "lab", "client": {"qiskit-ibm-runtime": "0.19.1"}}])
    form = {"program_id": "sampler", "params": PARAMS, "session_id": asked.session()}
    refused = asked.refused("POST", "/jobs", form)
    assert refused == (403, 1218, "Session calls of a client as old as this are refused since 2024-04-01")


def test_nobody_sees_the_jobs_and_sessions_of_others():
    asked = Asked()
    session, job = asked.session(), asked.job()
    other = Asked("other", asked.world)
    assert other.refused("GET", f"/sessions/{session}")[:2] == (404, 1215)
    assert other.refused("GET", f"/jobs/{job}")[:2] == (404, 1291)
    assert other.refused("POST", "/jobs", {"program_id": "sampler", "params": PARAMS, "session_id": session})[
        :2
    ] == (400, 1215)
    assert other.good("GET", "/jobs")["count"] == 0
    assert other.good("GET", "/workloads")["total_count"] == 0


def listed(asked: Asked, query: str) -> tuple[list[str], int]:
    answer = asked.good("GET", "/jobs", query=query)
    return [job["id"] for job in answer["jobs"]], answer["count"]


def test_the_list_of_jobs_is_filtered_and_counted_without_its_limit():
    """Jobs 1 to 4 at 0, the first in a session; 5 at 10 s. By then 1 to 4 are done: 4 x 2.35 = 9.4."""
    asked = Asked(qpus=[{"name": "qpu"}, {"name": "other"}])
    session = asked.session()
    asked.job(session_id=session, tags=["a", "b"])
    asked.job(tags=["a"])
    asked.job(program_id="estimator", params={"pubs": [["", "Z"]]})
    asked.job(backend="other")
    asked.pass_time(70 * SECOND)
    asked.job()
    everything = ["lab.5", "lab.4", "lab.3", "lab.2", "lab.1"]
    assert listed(asked, "") == (everything, 5)
    assert listed(asked, "sort=ASC") == (everything[::-1], 5)
    assert listed(asked, "limit=2&offset=1") == (["lab.4", "lab.3"], 5)
    assert listed(asked, "limit=2&offset=4") == (["lab.1"], 5)
    assert listed(asked, "pending=true") == (["lab.5"], 1)
    assert listed(asked, "pending=false&limit=1") == (["lab.4"], 4)
    assert listed(asked, f"session_id={session}") == (["lab.1"], 1)
    assert listed(asked, "tags=a") == (["lab.2", "lab.1"], 2)
    assert listed(asked, "tags=a&tags=b") == (["lab.1"], 1)
    assert listed(asked, "backend=other") == (["lab.4"], 1)
    assert listed(asked, "program=estimator") == (["lab.3"], 1)
    assert listed(asked, "created_after=2026-01-01T00:00:01Z") == (["lab.5"], 1)
    assert listed(asked, "created_before=2026-01-01T01:00:00%2B01:00&limit=1") == (["lab.4"], 4)
    assert "params" in asked.good("GET", "/jobs", query="exclude_params=false")["jobs"][0]
    assert "params" not in asked.good("GET", "/jobs")["jobs"][0]
    for query in ("limit=0", "limit=x", "limit=-1", "offset=-1", "limit=201", "created_after=yesterday"):
        assert asked.refused("GET", "/jobs", query=query)[:2] == (400, 1206)


def test_workloads_page_by_page():
    """The newest first: a batch at 20 s, a job at 10 s, a session at 0 with a job of its own."""
    asked = Asked()
    session = asked.session()
    asked.job(session_id=session)
    asked.pass_time(10 * SECOND)
    asked("DELETE", f"/sessions/{session}/close")
    asked.job()
    asked.pass_time(20 * SECOND)
    asked.session(mode="batch")
    first = asked.good("GET", "/workloads", query="limit=2")
    assert first == {
        "workloads": [
            {"id": "lab.s2", "mode": "batch", "backend": "qpu", "status": "open", "created_at": at(20 * SECOND), "ended_at": None, "usage_seconds": 0.0},
            {"id": "lab.2", "mode": "job", "backend": "qpu", "status": "completed", "created_at": at(10 * SECOND), "ended_at": at(10 * SECOND + JOB_US), "usage_seconds": 2.35},
        ],
        "total_count": 3,
        "limit": 2,
        "next": "2",
        "previous": None,
    }  # fmt: skip
    second = asked.good("GET", "/workloads", query="limit=2&next=2")
    assert [row["id"] for row in second["workloads"]] == ["lab.s1"]
    assert (second["next"], second["previous"]) == (None, "0")
    assert asked.good("GET", "/workloads", query="mode=job")["total_count"] == 1


# -- a POST that is sent again


def test_a_post_whose_answer_was_lost_is_not_done_twice():
    asked = Asked()
    form = json.dumps({"program_id": "sampler", "backend": "qpu", "params": PARAMS})
    first = asked("POST", "/jobs", form)
    assert asked("POST", "/jobs", form)[1]["id"] == "lab.2"  # heard, so this is another job
    asked.world.not_heard(request_key("lab", "/api/v1/jobs", form))
    assert asked("POST", "/jobs", form)[1]["id"] == "lab.2"  # the answer of the last one, once more
    assert asked("POST", "/jobs", form)[1]["id"] == "lab.3"
    assert first[1]["id"] == "lab.1"
    other = Asked("other", asked.world)
    asked.world.not_heard(request_key("lab", "/jobs", form))
    assert other("POST", "/jobs", form)[1]["id"] == "other.1"


# -- QPU times, seeds and results


@pytest.mark.parametrize(
    ("program", "params", "executions"),
    [
        ("sampler", {"pubs": [["", None, 1000]]}, 1000),
        ("sampler", {"pubs": [["", None], ["", []]]}, 8192),
        ("sampler", {"pubs": [[""]], "options": {"default_shots": 100}}, 100),
        ("sampler", {"pubs": [["", packed([[1.0], [2.0], [3.0]]), 10]]}, 30),
        ("sampler", {"pubs": [["", packed(np.zeros((2, 3, 4))), 10]]}, 60),
        ("sampler", {"pubs": [["", {"a": packed([[1.0], [2.0]])}, 10]]}, 20),
        ("estimator", {"pubs": [["", "ZZ"]]}, 4096),
        ("estimator", {"pubs": [["", {"ZZ": 1.0}, None, 0.1]]}, 100),
        ("estimator", {"pubs": [["", ["Z", "X"], packed([[1.0], [2.0]]), 0.1]]}, 200),
        ("estimator", {"pubs": [["", [["Z"], ["X"]], packed([[1.0], [2.0], [3.0]]), 0.1]]}, 600),
        ("estimator", {"pubs": [["", "Z"]], "options": {"default_precision": 0.03}}, 1112),
        ("executor", {"quantum_program": {"shots": 7, "items": [{"shape": [2, 3]}, {}]}}, 49),
        ("executor", {"quantum_program": {"shots": 7, "items": [{"circuit_arguments": {"shape": [5, 2]}}]}}, 35),
        ("noise-learner", {}, 4096),
    ],
)  # fmt: skip
def test_the_qpu_time_counts_circuits_times_shots(program, params, executions):
    asked = Asked()
    job = asked.job(program_id=program, params=params)
    assert asked.world.jobs[job].live.spec.qpu_time_us == 2_000_000 + 350 * executions
    assert asked.good("GET", f"/jobs/{job}/metrics")["executions"] == executions


def test_noise_and_seeds_depend_on_the_account_and_the_index_of_its_job_alone():
    noise = {"service_time": {"noise": {"kind": "lognormal", "sigma": 0.5}}}

    def times(accounts: list[str]) -> dict[str, list[tuple[int, int]]]:
        asked = Asked(qpus=[{"name": "qpu", **noise}], seed=3)
        found: dict[str, list[tuple[int, int]]] = {}
        for account in accounts:
            job = asked.world.jobs[Asked(account, asked.world).job()]
            found.setdefault(account, []).append((job.live.spec.qpu_time_us, asked.world.seed(job)))
        return found

    alone, together = times(["a", "a"]), times(["b", "a", "b", "a"])
    assert alone["a"] == together["a"]
    everything = [*together["a"], *together["b"]]
    assert len({time for time, _ in everything}) == len({seed for _, seed in everything}) == 4


def test_functions_of_the_user_give_the_qpu_time_and_the_result_once():
    asked_for = []

    def compute(program, params, seed):
        asked_for.append((program, params, seed))
        return {"value": 42}

    asked = Asked(
        qpu_time=lambda program, params: 7 * SECOND,
        compute=compute,
        qpus=[{"name": "qpu", "service_time": {"model": "given"}}],
    )
    job = asked.job()
    asked.pass_time(7 * SECOND - 1)
    assert asked.state(job) == {"status": "Running"}
    asked.pass_time(7 * SECOND)
    for _ in range(2):
        assert asked("GET", f"/jobs/{job}/results") == (200, '{"value": 42}')
    assert asked_for == [("sampler", PARAMS, asked.world.seed(asked.world.jobs[job]))]


@pytest.mark.parametrize(
    "model",
    [
        {"model": "given"},
        {"model": "clops", "clops": 1000},
        {"model": "linear", "coefficients": {"depth": "1ms"}},
    ],
)
def test_a_model_that_needs_more_than_requests_say_is_refused(model):
    with pytest.raises(
        ScenarioError, match=rf"^qpus\.qpu\.service_time: model {model['model']} needs more of a circuit"
    ):
        Asked(qpus=[{"name": "qpu", "service_time": model}])


def unpacked(value: dict[str, str]) -> np.ndarray:
    return np.load(io.BytesIO(zlib.decompress(base64.b64decode(value["__value__"]))))


def test_results_without_meaning_have_the_right_shape():
    asked = Asked()
    params = {"pubs": [["", [["Z"], ["X"]], packed([[1.0], [2.0], [3.0]]), 0.1]]}
    estimator = asked.job(program_id="estimator", params=params)
    sampler = asked.job(params={"pubs": [["", packed([[1.0], [2.0]]), 100]]})
    asked.pass_time(60 * SECOND)
    (result,) = json.loads(asked.good("GET", f"/jobs/{estimator}/results"))["__value__"]["pub_results"]
    fields = result["__value__"]["data"]["__value__"]["fields"]
    assert {name: unpacked(value).tolist() for name, value in fields.items()} == dict.fromkeys(
        ["evs", "stds"], [[0.0] * 3] * 2
    )
    (result,) = json.loads(asked.good("GET", f"/jobs/{sampler}/results"))["__value__"]["pub_results"]
    bits = result["__value__"]["data"]["__value__"]["fields"]["meas"]["__value__"]
    assert (unpacked(bits["array"]).shape, bits["num_bits"]) == ((2, 100, 1), 1)


def test_after_the_end_of_the_run_commands_are_410():
    asked = Asked()
    job = asked.job()
    asked.live.stop(5 * SECOND)
    assert asked.state(job) == {"status": "Completed"}
    message = "the run is over; nothing can be submitted or opened"
    assert asked.refused("POST", "/jobs", {"program_id": "sampler", "backend": "qpu", "params": PARAMS}) == (
        410,
        1299,
        message,
    )


def test_questions_do_not_move_the_end_of_the_run():
    """S6: a run ends with its last event, however late somebody looks."""
    asked = Asked()
    job = asked.job()
    asked.pass_time(JOB_US)
    asked.clock_us = 3600 * SECOND
    assert asked.state(job) == {"status": "Completed"}
    assert asked.run().record.end_us == JOB_US


# -- whatever comes, no 5xx

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("mode", "backend", "max_ttl", "interactive_ttl", "accepting_jobs", "program_id", "params", "session_id", "tags", "cost", "private", "calibration_id")  # fmt: skip
GOOD = {
    "backend": "qpu",
    "program_id": "estimator",
    "params": PARAMS,
    "tags": [],
    "cost": 3,
    "accepting_jobs": False,
}
PUB = st.lists(JSON | st.just(packed([[1.0]])) | st.fixed_dictionaries({"__type__": st.sampled_from(["ndarray", "BindingsArray", "ObservablesArray", 3]), "__value__": JSON}), max_size=5)  # fmt: skip
ANY_PARAMS = st.fixed_dictionaries(
    {"pubs": st.lists(PUB, max_size=3), "options": JSON, "quantum_program": st.fixed_dictionaries({"shots": st.integers() | JSON, "items": st.lists(JSON | st.fixed_dictionaries({"shape": JSON, "circuit_arguments": JSON}))}) | JSON}
)  # fmt: skip
FORMS = JSON | st.text(max_size=20) | st.binary(max_size=20) | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda some: {**GOOD, **some}) | ANY_PARAMS.flatmap(lambda params: st.sampled_from(["sampler", "estimator", "executor", "noise-learner"]).map(lambda program: {**GOOD, "program_id": program, "params": params}))  # fmt: skip
QUERIES = st.dictionaries(st.sampled_from(["limit", "offset", "created_after", "created_before", "tags", "pending", "next", "updated_before", "sort"]), st.lists(st.text(max_size=9), max_size=2))  # fmt: skip


@settings(max_examples=examples(300))
@given(
    route=st.sampled_from(ROUTES),
    name=st.sampled_from(["lab.1", "lab.s1", "qpu", "%00", "~"]),
    query=QUERIES,
    form=FORMS,
)
def test_no_request_is_answered_with_a_fault_of_the_server(route, name, query, form):
    asked = Asked()
    asked.job(session_id=asked.session())
    method, path, _ = route
    status, answer = handle(asked.world, "lab", method, path.replace("([^/]+)", name), query, form, {})
    assert 200 <= status < 500
    assert (status < 300) or answer["errors"][0]["message"]
    json.dumps(answer)


def test_an_instant_beyond_the_calendar_is_its_last_one():
    asked = Asked()
    assert asked.world.iso(2**62) == "9999-12-31T23:59:59.999999Z"
    assert asked.world.iso(NEVER) is None
