"""What every answer of the REST interface is made of: requests, their fields with checks, and errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from qsession_sim.clients.pubs import FormError
from qsession_sim.clients.world import ServedJob, ServedSession, World
from qsession_sim.errors import QSessionError
from qsession_sim.units import SECOND

CRN: Final = (
    "crn:v1:bluemix:public:quantum-computing:us-east:a/qsession-sim:00000000-0000-0000-0000-000000000001::"
)
"""Of the one instance that there is."""

Answer = tuple[int, Any]
"""Status and body: JSON values, a text, or None for no body."""


def environment_of(root: str, apikey: str) -> dict[str, str]:
    """What the client library reads: the address of the service, and the key by which it is asked."""
    return {
        "QISKIT_IBM_TOKEN": apikey,
        "QISKIT_IBM_URL": f"{root}/experimental",  # a URL with this word is used as it is
        "QISKIT_IBM_INSTANCE": CRN,
        "IAM_URL": root,
        "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",  # no search for instances
        "USAGE_DATA_OPT_OUT": "True",  # else it looks at the stack for every request
    }


class Code:
    """Codes of errors. 1200 to 1202, 1305 and 3458 are documented; the others are choices of this project."""

    NOT_AUTHORISED: Final = 1200
    BAD_CREDENTIALS: Final = 1201
    RATE_LIMITED: Final = 1202
    BAD_FORM: Final = 1206
    TOO_LONG: Final = 1214
    NO_SESSION: Final = 1215
    NO_BACKEND: Final = 1216
    SESSION_CLOSED: Final = 1217
    REFUSED: Final = 1218
    SESSION_CANCELLED: Final = 1219
    JOB_CANCELLED: Final = 1220
    QPU_FAILED: Final = 1221
    NO_PROGRAM: Final = 1222
    PROGRAM_FAILED: Final = 1223
    NO_JOB: Final = 1291
    NO_RESULT: Final = 1292
    IS_FINAL: Final = 1293
    ON_DEMAND: Final = 1298
    RUN_IS_OVER: Final = 1299
    RAN_TOO_LONG: Final = 1305
    TOO_MANY_PENDING: Final = 3458


class ApiError(QSessionError):
    """A request is refused."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


_LONGEST_MESSAGE: Final = 500


def error_body(code: int, message: str) -> dict[str, Any]:
    """An error in the service's form; a message that repeats much of a request loses its end.

    Example:
        >>> error_body(1291, "no such job")["errors"][0]["message"]
        'no such job'
    """
    shown = message if len(message) <= _LONGEST_MESSAGE else f"{message:.{_LONGEST_MESSAGE - 1}}…"
    error = {"code": code, "message": shown, "solution": "", "more_info": ""}
    return {"errors": [error], "trace": "qsession-sim"}


@dataclass(frozen=True)
class Request:
    """What a handler gets."""

    world: World
    account: str
    query: Mapping[str, Sequence[str]]
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def asked(self, name: str, default: str = "") -> str:
        """The last value of a parameter of the query."""
        values = self.query.get(name)
        return values[-1] if values else default


# -- What is asked for: fields of a body, with their checks.


def object_of(body: Any) -> Mapping[str, Any]:
    """The body, which must be an object."""
    if not isinstance(body, Mapping):
        raise FormError("the body must be a JSON object")
    return body


def text_of(body: Mapping[str, Any], key: str) -> str | None:
    """A text of a body; None if it is not given."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise FormError(f"{key} must be a text, not {value!r:.80}")
    return value


def seconds_us_of(body: Mapping[str, Any], key: str, least: int = 0) -> int | None:
    """Whole seconds, in microseconds."""
    value = body.get(key)
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value < 2**43 or int(value) != value:
        raise FormError(f"{key} must be a whole number of seconds from {least}, not {value!r:.80}")
    return int(value) * SECOND


def tags_of(body: Mapping[str, Any]) -> list[str]:
    """The tags of a body; none if they are not given."""
    tags = body.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
        raise FormError("tags must be a list of texts")
    return list(tags)


def qpu_of(request: Request, name: str | None, status: int = 404) -> str:
    """The name of a QPU that exists."""
    if name not in request.world.qpus:
        known = ", ".join(request.world.qpus)
        raise ApiError(status, Code.NO_BACKEND, f"no backend is called {name!r:.80}; there are {known}")
    return name


def whole_of(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query."""
    text = request.asked(name) or str(default)
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        raise FormError(f"{name} must be a whole number from {least} to {most}, not {text!r:.80}")
    return int(text)


def instant_of(request: Request, name: str) -> datetime | None:
    """An instant of the query; None if it is not given."""
    text = request.asked(name)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise FormError(f"{name} must be an instant such as 2026-01-01T08:00:00Z, not {text!r:.80}") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def session_of(request: Request, name: str, status: int = 404) -> ServedSession:
    """A session of the account that asks; nobody sees those of others."""
    session = request.world.sessions.get(name)
    if session is None or session.account != request.account:
        raise ApiError(status, Code.NO_SESSION, f"no session is called {name!r:.80}")
    return session


def job_of(request: Request, name: str) -> ServedJob:
    """A job of the account that asks."""
    job = request.world.jobs.get(name)
    if job is None or job.account != request.account:
        raise ApiError(404, Code.NO_JOB, f"no job is called {name!r:.80}")
    return job
