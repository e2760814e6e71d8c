"""What the REST interface answers: instance, backends, sessions, jobs and workloads, endpoint by endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from qsession_sim.clients import backends
from qsession_sim.clients.api import (
    CRN,
    Answer,
    ApiError,
    Code,
    Request,
    instant_of,
    job_of,
    object_of,
    qpu_of,
    seconds_us_of,
    session_of,
    tags_of,
    text_of,
    whole_of,
)
from qsession_sim.clients.pubs import PROGRAMS, FormError, pubs_of
from qsession_sim.clients.world import ServedJob, ServedSession, World
from qsession_sim.results.columns import IntervalKind
from qsession_sim.scenario.accounts import REFUSED_FROM
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason, SessionState
from qsession_sim.service.observed import ENDED, JobDetails, QpuDetails
from qsession_sim.units import SECOND, format_duration

# -- The instance, its plan and its usage.

_PRICING: Final = {
    "open": "free",
    "pay-as-you-go": "paygo",
    "flex": "subscription",
    "premium": "subscription",
}


def _search(request: Request) -> Answer:
    plan = request.world.plan_name(request.account)
    item = {
        "crn": CRN,
        "name": "qsession-sim",
        "service_plan_unique_id": f"plan-{plan}",
        "tags": [],
        "doc": {"extensions": {"simulated": True}},
    }
    return 200, {"items": [item], "limit": 100}


def _catalog(_request: Request, plan: str) -> Answer:
    pricing = {"pricing": {"type": _PRICING.get(plan, "paid")}}
    return 200, {"id": f"plan-{plan}", "overview_ui": {"en": {"display_name": plan}}, "metadata": pricing}


def _usage(request: Request) -> Answer:
    world, plan = request.world, request.world.plan(request.account)
    used_us = world.usage_us(request.account)
    usage = {
        "instance_id": CRN,
        "plan_id": f"plan-{world.plan_name(request.account)}",
        "usage_consumed_seconds": used_us / SECOND,
        "usage_limit_reached": False,
    }
    if plan.quota is not None:
        usage["usage_limit_reached"] = used_us >= plan.quota.usage
        usage["usage_limit_seconds"] = plan.quota.usage / SECOND
        usage["usage_period_seconds"] = plan.quota.window / SECOND
    return 200, usage


def _instance(_request: Request) -> Answer:
    return 200, {"qctrl_enabled": False}


def _instances(request: Request) -> Answer:
    return 200, {
        "instances": [{"crn": CRN, "name": "qsession-sim", "plan": request.world.plan_name(request.account)}]
    }


# -- Backends.


def _could_start(request: Request, qpu: QpuDetails) -> bool:
    return qpu.kind is IntervalKind.FREE and qpu.queued == 0 and qpu.name not in request.world.offline


def _status_word(request: Request, qpu: QpuDetails) -> str:
    if qpu.name in request.world.offline:
        return "offline"
    return "maintenance" if qpu.kind is IntervalKind.DOWN else "active"


def _backends(request: Request) -> Answer:
    details = request.world.qpu_details()
    if "ibm-api-version" not in request.headers:  # clients up to 2024
        return 200, {"devices": [*details]}
    return 200, {"devices": [_device(request, qpu) for qpu in details.values()]}


def _device(request: Request, qpu: QpuDetails) -> dict[str, Any]:
    word = _status_word(request, qpu)
    is_active = word == "active"
    return {
        "name": qpu.name,
        "status": {
            "name": "online" if is_active else "paused",
            "reason": "available" if is_active else word,
        },
        "queue_length": qpu.queued,
        "session_could_start_now": _could_start(request, qpu),
        "qubits": backends.QUBITS,
        "physical_qubits": backends.QUBITS,
        "is_simulator": request.world.qpus[qpu.name].simulator,
        "processor_type": {"family": "Eagle", "revision": "3"},
        "clops": {"type": "hardware", "value": 180_000},
    }


def _configuration(request: Request, name: str) -> Answer:
    qpu = request.world.qpus[qpu_of(request, name)]
    _refuse_calibration(request.asked("calibration_id"))
    since = request.world.iso(0)
    return 200, backends.configuration(name, str(since), simulator=qpu.simulator)


def _properties(request: Request, name: str) -> Answer:
    qpu_of(request, name)
    _refuse_calibration(request.asked("calibration_id"))
    instant_of(request, "updated_before")
    return 200, backends.properties(name, str(request.world.iso(0)))


def _refuse_calibration(calibration: str | None) -> None:
    if calibration:
        raise ApiError(404, Code.NO_BACKEND, f"no calibration is called {calibration!r:.80}")


def _status(request: Request, name: str) -> Answer:
    qpu = request.world.qpu_details()[qpu_of(request, name)]
    status = _status_word(request, qpu)
    return 200, {
        "name": name,
        "state": status != "offline",  # in maintenance it takes jobs, and clients warn of the status
        "status": status,
        "message": status,
        "length_queue": qpu.queued,
        "session_could_start_now": _could_start(request, qpu),
        "backend_version": backends.VERSION,
    }


def _defaults(request: Request, name: str) -> Answer:
    qpu_of(request, name)
    return 200, {}


# -- Sessions.

_MODES: Final = {"dedicated": Mode.SESSION, "batch": Mode.BATCH}
_NOT_IN_PLAN: Final = "You are not authorized to run a {} when using the {} plan."


def _open_session(request: Request) -> Answer:
    body = object_of(request.body)
    word = text_of(body, "mode") or "dedicated"
    if word not in _MODES:
        raise FormError(f"mode must be dedicated or batch, not {word!r:.80}")
    mode, world = _MODES[word], request.world
    qpu = qpu_of(request, text_of(body, "backend") or text_of(body, "backend_name"))
    max_time_us, timeout_us = seconds_us_of(body, "max_ttl", 1), seconds_us_of(body, "interactive_ttl")
    plan = world.plan(request.account)
    if not (plan.batches if mode is Mode.BATCH else plan.sessions):
        what = "batch" if mode is Mode.BATCH else "session"
        message = _NOT_IN_PLAN.format(what, world.plan_name(request.account))
        raise ApiError(403, Code.NOT_AUTHORISED, message)
    if max_time_us is not None and not plan.max_time.allows(max_time_us):
        most = format_duration(plan.max_time.limit or 0)
        message = f"max_ttl must be at most {most}, which the plan of the account allows"
        raise ApiError(400, Code.TOO_LONG, message)
    session = world.open_session(request.account, qpu, mode, max_time_us, timeout_us)
    return 200, _shown_session(world, session)


def _shown_session(world: World, session: ServedSession) -> dict[str, Any]:
    details = world.session_details(session)
    is_active = details.state is SessionState.ACTIVE
    is_closed = details.state is SessionState.CLOSED
    left_us = details.max_time_us
    if is_closed:
        left_us = 0
    elif details.started_us != NEVER:
        left_us = max(details.started_us + details.max_time_us - world.now_us, 0)
    timestamps: list[dict[str, Any]] = []
    for change in world.live.session_changes(world.now_us, session.live):
        status = change.state.name.lower()
        if not timestamps or timestamps[-1]["status"] != status:
            timestamps.append({"status": status, "timestamp": world.iso(change.time_us)})
    return {
        "id": session.id,
        "mode": "batch" if session.is_batch else "dedicated",
        "backend": session.qpu,
        "backend_name": session.qpu,
        "instance": CRN,
        "state": details.state.name.lower(),
        "state_reason": details.reason.name if is_closed else "",
        "accepting_jobs": details.accepting_jobs,
        "interactive_ttl": details.interactive_timeout_us // SECOND,
        "max_ttl": details.max_time_us // SECOND,
        "active_ttl": -(-left_us // SECOND),
        "created_at": world.iso(details.created_us),
        "started_at": world.iso(details.started_us),
        "activated_at": world.iso(details.activated_us),
        "closed_at": world.iso(details.closed_us),
        "last_job_started": world.iso(details.last_job_started_us),
        "last_job_completed": world.iso(details.last_job_completed_us),
        "elapsed_time": None if is_active or details.started_us == NEVER else details.usage_us / SECOND,
        "timestamps": timestamps,
    }


def _get_session(request: Request, name: str) -> Answer:
    return 200, _shown_session(request.world, session_of(request, name))


def _close_session(request: Request, name: str) -> Answer:
    session, body = session_of(request, name), object_of(request.body)
    if body.get("accepting_jobs") is not False:
        raise FormError("accepting_jobs must be false; nothing else of a session can be changed")
    request.world.live.close(request.world.now_us, session.live)
    return 200, _shown_session(request.world, session)


def _cancel_session(request: Request, name: str) -> Answer:
    session = session_of(request, name)
    request.world.live.cancel(request.world.now_us, session.live)
    return 204, None


# -- Jobs.

_STATUS: Final = {
    JobStatus.QUEUED: "Queued",
    JobStatus.RUNNING: "Running",
    JobStatus.DONE: "Completed",
    JobStatus.CANCELLED: "Cancelled",
    JobStatus.ERROR: "Failed",
}

_REASONS: Final = {
    Reason.MAX_TIME: (
        Code.SESSION_CLOSED,
        "The maximum time of the session was over while the job was queued",
    ),
    Reason.SESSION_CANCELLED: (Code.SESSION_CANCELLED, "The session of the job was cancelled"),
    Reason.JOB_CANCELLED: (Code.JOB_CANCELLED, "The job was cancelled"),
    Reason.RAN_TOO_LONG: (Code.RAN_TOO_LONG, "Ran too long: the job reached its maximum execution time"),
    Reason.QPU_FAILED: (Code.QPU_FAILED, "The QPU failed while it ran the job"),
    Reason.RENEGED: (Code.JOB_CANCELLED, "The job had not started within the patience of its user"),
    Reason.COST_LIMIT: (Code.JOB_CANCELLED, "The cost limit of the instance was reached"),
    Reason.PROGRAM_FAILED: (Code.PROGRAM_FAILED, "The program of the job failed, as it was asked to"),
}
"""Code and text of why a job ended without a result."""

_REJECTIONS: Final[Mapping[Reason, tuple[int, int, str]]] = {
    Reason.SESSION_CLOSED: (409, Code.SESSION_CLOSED, "The session is closed and accepts no jobs"),
    Reason.EXECUTION_TIME_EXCEEDS_SESSION: (
        400,
        Code.TOO_LONG,
        "The maximum execution time of the job is longer than the maximum time of its session",
    ),
    Reason.CLIENT_TOO_OLD: (
        403,
        Code.REFUSED,
        f"Session calls of a client as old as this are refused since {REFUSED_FROM:%Y-%m-%d}",
    ),
    Reason.SESSIONS_NOT_IN_PLAN: (403, Code.NOT_AUTHORISED, "The plan of the account has no such sessions"),
    Reason.QUOTA_EXCEEDED: (403, Code.REFUSED, "The account has used the quota of its plan"),
    Reason.TOO_MANY_PENDING: (
        400,
        Code.TOO_MANY_PENDING,
        "The account has as many pending jobs as it may have",
    ),
    Reason.RATE_LIMITED: (429, Code.RATE_LIMITED, "Too many submissions in a short time"),
}
"""Status, code and text of a rejected submission (S20)."""

_REMEMBERED: Final = ("log_level", "runtime", "private", "name")


def _submit(request: Request) -> Answer:
    body, world = object_of(request.body), request.world
    program = text_of(body, "program_id")
    if program not in PROGRAMS:
        raise ApiError(
            404, Code.NO_PROGRAM, f"no program is called {program!r:.80}; there are {', '.join(PROGRAMS)}"
        )
    if body.get("start_session"):
        raise FormError("start_session is not supported; open a session with POST /sessions")
    _refuse_calibration(text_of(body, "calibration_id"))
    name = text_of(body, "session_id")
    session = None if name is None else session_of(request, name, status=400)
    backend = text_of(body, "backend") or text_of(body, "backend_name")
    if session is None:
        qpu = qpu_of(request, backend, status=400)
    elif backend in (None, session.qpu):
        qpu = session.qpu
    else:
        raise ApiError(400, Code.NO_BACKEND, f"the session is on {session.qpu!r}, not on {backend!r:.80}")
    params = body.get("params", {})
    if not isinstance(params, Mapping):
        raise FormError("params must be an object")
    if not isinstance(body.get("private", False), bool):
        raise FormError("private must be true or false")
    tags, cost_us = tags_of(body), seconds_us_of(body, "cost", 1)
    pubs_of(program, params)
    said = {key: body[key] for key in _REMEMBERED if body.get(key) is not None}
    job = world.submit(request.account, qpu, program, params, said, session, cost_us)
    details = world.job_details(job)
    if details.status is JobStatus.REJECTED:
        raise ApiError(*_REJECTIONS[details.reason])
    job.tags = tags
    shown = {"id": job.id, "backend": job.qpu, "session_id": name, "private": said.get("private", False)}
    return 200, shown


def _state(details: JobDetails) -> dict[str, Any]:
    """A job that is cut off is cancelled with a code: the client knows no other word for it (S44)."""
    state: dict[str, Any] = {"status": _STATUS[details.status]}
    if details.reason in _REASONS:
        state["reason_code"], state["reason"] = _REASONS[details.reason]
        if details.reason is Reason.RAN_TOO_LONG:
            state["status"] = "Cancelled"
    return state


def _shown_job(world: World, job: ServedJob, *, params: bool) -> dict[str, Any]:
    details = world.job_details(job)
    state, limit_us = _state(details), job.live.spec.max_execution_time_us
    if limit_us <= 0:
        limit_us = world.scenario.rules.max_execution_time or 10_000 * SECOND
    is_private = job.said.get("private", False)
    shown = {
        "id": job.id,
        "backend": job.qpu,
        "status": state["status"],
        "state": state,
        "program": {"id": job.program},
        "created": world.iso(details.submitted_us),
        "ended": world.iso(details.ended_us),
        "session_id": None if job.session is None else job.session.id,
        "tags": job.tags,
        "cost": limit_us // SECOND,
        "runtime": job.said.get("runtime", ""),
        "private": is_private,
        "user_id": job.account,
        "estimated_running_time_seconds": job.live.spec.qpu_time_us / SECOND,
        "usage": {"quantum_seconds": details.usage_us / SECOND, "seconds": details.usage_us / SECOND},
    }
    if params and not is_private:
        shown["params"] = job.params
    return shown


def _get_job(request: Request, name: str) -> Answer:
    job = job_of(request, name)
    return 200, _shown_job(request.world, job, params=request.asked("exclude_params").lower() != "true")


def _results(request: Request, name: str) -> Answer:
    job = job_of(request, name)
    details = request.world.job_details(job)
    if details.status is JobStatus.DONE:
        return 200, request.world.result(job)
    if details.status in ENDED:
        return 200, str(_state(details).get("reason", ""))
    raise ApiError(404, Code.NO_RESULT, "the job has no result yet")


def _logs(request: Request, name: str) -> Answer:
    world, job = request.world, job_of(request, name)
    details = world.job_details(job)
    instants = {
        "submitted": details.submitted_us,
        "on the QPU": details.started_us,
        "ended": details.ended_us,
    }
    lines = [f"{world.iso(time_us)} {what}\n" for what, time_us in instants.items() if time_us != NEVER]
    return 200, "".join(lines)


def _metrics(request: Request, name: str) -> Answer:
    world, job = request.world, job_of(request, name)
    details = world.job_details(job)
    seconds, pubs = details.usage_us / SECOND, pubs_of(job.program, job.params)
    running_us = details.started_us if details.preparing_us == NEVER else details.preparing_us  # S41
    return 200, {
        "timestamps": {
            "created": world.iso(details.submitted_us),
            "running": world.iso(running_us),
            "finished": world.iso(details.ended_us),
        },
        "usage": {
            "status": "final" if details.status in ENDED else "pending",
            "quantum_seconds": seconds,
            "seconds": seconds,
            "qpu_charge_time_seconds": seconds,
        },
        "bss": {"seconds": seconds},
        "executions": sum(pub.executions for pub in pubs),
        "num_circuits": len(pubs),
        "num_qubits": [backends.QUBITS] * len(pubs),
        "qiskit_version": "",
        "estimated_start_time": None,
        "estimated_completion_time": None,
        "position_in_queue": None,
        "caller": "qsession-sim",
    }


def _cancel_job(request: Request, name: str) -> Answer:
    job = job_of(request, name)
    if not request.world.live.cancel_job(request.world.now_us, job.live):
        raise ApiError(409, Code.IS_FINAL, "the job has ended, so it cannot be cancelled")
    return 204, None


def _delete_job(request: Request, name: str) -> Answer:
    job = job_of(request, name)
    if request.world.job_details(job).status not in ENDED:
        raise ApiError(409, Code.IS_FINAL, "the job has not ended, so it cannot be deleted; cancel it first")
    del request.world.jobs[name]
    return 204, None


def _put_tags(request: Request, name: str) -> Answer:
    job, body = job_of(request, name), object_of(request.body)
    if "tags" not in body:
        raise FormError("tags must be a list of texts")
    job.tags = tags_of(body)
    return 204, None


def _list_jobs(request: Request) -> Answer:
    world = request.world
    limit, offset = whole_of(request, "limit", 200, 1, 200), whole_of(request, "offset", 0, 0, 10**9)
    found = [
        job for job in world.jobs.values() if job.account == request.account and _is_asked_for(request, job)
    ]
    if request.asked("sort", "DESC").upper() != "ASC":
        found.reverse()
    with_params = request.asked("exclude_params", "true").lower() == "false"
    shown = [_shown_job(world, job, params=with_params) for job in found[offset : offset + limit]]
    return 200, {"jobs": shown, "count": len(found), "limit": limit, "offset": offset}


def _is_asked_for(request: Request, job: ServedJob) -> bool:
    """Whether the filters of a list let a job through."""
    session = "" if job.session is None else job.session.id
    exact = {"backend": job.qpu, "program": job.program, "session_id": session}
    if any(request.asked(key) not in ("", value) for key, value in exact.items()):
        return False
    if not set(request.query.get("tags", ())) <= {*job.tags, ""}:
        return False
    details = request.world.job_details(job)
    pending = request.asked("pending").lower()
    if pending in ("true", "false") and (pending == "true") == (details.status in ENDED):
        return False
    created = request.world.instant(details.submitted_us)
    after, before = instant_of(request, "created_after"), instant_of(request, "created_before")
    return (after is None or created >= after) and (before is None or created <= before)


def _workloads(request: Request) -> Answer:
    """Sessions, batches and jobs in job mode, the newest first; a cursor is the number of the first one."""
    world, account = request.world, request.account
    alone = [one for one in world.jobs.values() if not one.session]
    every: list[ServedSession | ServedJob] = [*world.sessions.values(), *alone]
    rows = [_workload(world, one) for one in every if one.account == account]
    rows.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
    for key in ("mode", "backend", "status"):
        rows = [row for row in rows if request.asked(key) in ("", row[key])]
    limit = whole_of(request, "limit", 20, 1, 200)
    first = whole_of(request, "next" if request.asked("next") else "previous", 0, 0, 10**9)
    following = str(first + limit) if first + limit < len(rows) else None
    earlier = str(max(first - limit, 0)) if first else None
    page = rows[first : first + limit]
    return 200, {
        "workloads": page,
        "total_count": len(rows),
        "limit": limit,
        "next": following,
        "previous": earlier,
    }


def _workload(world: World, one: ServedSession | ServedJob) -> dict[str, Any]:
    if isinstance(one, ServedSession):
        session = world.session_details(one)
        mode, status = "batch" if one.is_batch else "session", session.state.name
        created_us, ended_us, usage_us = session.created_us, session.closed_us, session.usage_us
    else:
        job = world.job_details(one)
        mode, status = "job", _state(job)["status"]
        created_us, ended_us, usage_us = job.submitted_us, job.ended_us, job.usage_us
    return {
        "id": one.id,
        "mode": mode,
        "backend": one.qpu,
        "status": status.lower(),
        "created_at": world.iso(created_us),
        "ended_at": world.iso(ended_us),
        "usage_seconds": usage_us / SECOND,
    }


# -- Which handler answers which request.

Handler = Callable[..., Answer]

_ONE: Final = "([^/]+)"

ROUTES: Final[Sequence[tuple[str, str, Handler]]] = (
    ("POST", "/v3/resources/search", _search),
    ("GET", f"/plan-{_ONE}", _catalog),
    ("GET", "/backends", _backends),
    ("GET", f"/backends/{_ONE}/configuration", _configuration),
    ("GET", f"/backends/{_ONE}/properties", _properties),
    ("GET", f"/backends/{_ONE}/status", _status),
    ("GET", f"/backends/{_ONE}/defaults", _defaults),
    ("GET", "/instances", _instances),
    ("GET", "/instances/usage", _usage),
    ("GET", "/instance", _instance),
    ("POST", "/sessions", _open_session),
    ("GET", f"/sessions/{_ONE}", _get_session),
    ("PATCH", f"/sessions/{_ONE}", _close_session),
    ("DELETE", f"/sessions/{_ONE}/close", _cancel_session),
    ("POST", "/jobs", _submit),
    ("GET", "/jobs", _list_jobs),
    ("GET", f"/jobs/{_ONE}", _get_job),
    ("DELETE", f"/jobs/{_ONE}", _delete_job),
    ("GET", f"/jobs/{_ONE}/results", _results),
    ("GET", f"/jobs/{_ONE}/logs", _logs),
    ("GET", f"/jobs/{_ONE}/metrics", _metrics),
    ("POST", f"/jobs/{_ONE}/cancel", _cancel_job),
    ("PUT", f"/jobs/{_ONE}/tags", _put_tags),
    ("GET", "/workloads", _workloads),
)
"""Method, path and handler of every endpoint but the exchange of tokens."""

_COMPILED: Final = [(method, re.compile(path), handler) for method, path, handler in ROUTES]


def route_of(method: str, path: str) -> tuple[Handler, list[str]]:
    """The handler of a request, and the parts of its path.

    Raises:
        ApiError: if there is none.
    """
    methods = []
    for known, pattern, handler in _COMPILED:
        match = pattern.fullmatch(path)
        if match is not None and known == method:
            return handler, [unquote(part) for part in match.groups()]
        if match is not None:
            methods.append(known)
    if methods:
        raise ApiError(405, Code.BAD_FORM, f"{path:.80} takes {' or '.join(methods)}, not {method:.20}")
    raise ApiError(404, Code.BAD_FORM, f"there is no {path:.200}")
