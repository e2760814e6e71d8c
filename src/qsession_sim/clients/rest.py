"""The REST interface that clients speak, as one function from a request to an answer.

It knows no sockets and does not wait: a server, or a transport inside the process, calls `handle`. Answers
are JSON values, or a text for `text/plain`. Whatever is wrong with a request is a 4xx in the form that errors
of the service have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from qsession_sim.clients.api import Answer, ApiError, Code, Request, error_body
from qsession_sim.clients.endpoints import route_of
from qsession_sim.clients.pubs import FormError
from qsession_sim.clients.world import World
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.service.live import RunIsOverError

PREFIXES: Final = ("/experimental", "/api/v1")
"""In front of the paths, by what clients are told to be the address."""

TOKEN_SECONDS: Final = 86_400 * 365


def handle(
    world: World,
    account: str | None,
    method: str,
    path: str,
    query: Mapping[str, Sequence[str]] | str = "",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Answer one request.

    Args:
        world: that it is about.
        account: who asks; None: without a token.
        method: such as `GET`.
        path: with or without one of `PREFIXES`.
        query: text after the question mark, or lists of values by name.
        body: JSON values, or the text or bytes of a document; of `/identity/token` a form.
        headers: by name in lower case; only `ibm-api-version` is looked at.

    Returns:
        The status, and the body: JSON values, a text, or None.

    Raises:
        PolicyError: if the queue policy of the run does not keep its contract; the run is over.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> from qsession_sim.service.live import LiveService
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> world = World(LiveService(EMPTY_WORKLOAD), load_scenario({"workload": []}).resolved)
        >>> form = {"mode": "batch", "backend": "qpu"}
        >>> status, session = handle(world, "lab", "POST", "/sessions", "", form)
        >>> handle(world, "lab", "GET", f"/sessions/{session['id']}")[1]["state"]
        'open'
        >>> handle(world, None, "GET", "/jobs")[0], handle(world, "lab", "GET", "/jobs/x")[0]
        (401, 404)
    """
    try:
        return _answer(world, account, method, _without_prefix(path), query, body, headers or {})
    except ApiError as error:
        return error.status, error_body(error.code, str(error))
    except RunIsOverError as error:
        return 410, error_body(Code.RUN_IS_OVER, str(error))
    except (FormError, SchedulerUsageError, OverflowError) as error:
        return 400, error_body(Code.BAD_FORM, str(error))


def _answer(
    world: World,
    account: str | None,
    method: str,
    path: str,
    query: Mapping[str, Sequence[str]] | str,
    body: Any,
    headers: Mapping[str, str],
) -> Answer:
    lists = parse_qs(query, keep_blank_values=True) if isinstance(query, str) else query
    if path == "/identity/token" and method == "POST":
        return 200, _token(world, body, account)
    if account is None:
        raise ApiError(401, Code.BAD_CREDENTIALS, "the request has no valid token")
    if not world.exists(account):
        raise ApiError(401, Code.NOT_AUTHORISED, f"the scenario has no account {account!r:.80}")
    handler, parts = route_of(method, path)
    request = Request(world, account, lists, _document(body), headers)
    if method != "POST":
        return handler(request, *parts)
    key = request_key(account, path, body)
    again: Answer | None = world.repeated(key)
    if again is None:
        again = world.answers[key] = handler(request, *parts)
    return again


def request_key(account: str, path: str, body: Any) -> tuple[str, str, str]:
    """By which a POST is known again when it is sent again; for `World.not_heard`."""
    content = body if isinstance(body, bytes) else str(body).encode("utf-8", "replace")
    return account, _without_prefix(path), hashlib.sha256(content).hexdigest()


def _without_prefix(path: str) -> str:
    for prefix in PREFIXES:
        if path.startswith(prefix + "/"):
            return path[len(prefix) :]
    return path


def _document(body: Any) -> Any:
    """JSON values of a body."""
    if not isinstance(body, (str, bytes)):
        return body
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FormError(f"the body is no JSON document: {error}") from None


# -- Tokens: unsigned in effect, and without a secret; the account is in them.


def _token(world: World, body: Any, account: str | None) -> dict[str, Any]:
    """Exchange an API key for a token; it is the name of an account, unless that is known already."""
    form = parse_qs(body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or ""))
    apikey = form.get("apikey", [""])[-1]
    if not apikey or not world.exists(account_of_key(apikey) if account is None else account):
        message = (
            f"the scenario has no account {account_of_key(apikey)!r}; the API key is the name of an account"
        )
        raise ApiError(400, Code.BAD_CREDENTIALS, message)
    issued = int(datetime.now(UTC).timestamp())
    return {
        "access_token": make_token(apikey, issued),
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "expiration": issued + TOKEN_SECONDS,
    }


def make_token(apikey: str, issued: int) -> str:
    """A JSON Web Token for an API key; clients read when it was issued and when it expires."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": apikey, "iat": issued, "exp": issued + TOKEN_SECONDS})
    content = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{content}.{_base64(hmac.digest(b'qsession-sim', content.encode(), 'sha256'))}"


def client_of(authorization: str) -> str | None:
    """The API key that an `Authorization` header stands for: of a token, or itself; None: there is none.

    Example:
        >>> client_of("Bearer " + make_token("lab-a#2", 0)), client_of("apikey lab-a"), client_of("Bearer x")
        ('lab-a#2', 'lab-a', None)
    """
    kind, _, value = authorization.strip().partition(" ")
    if kind.lower() == "apikey":
        return value.strip() or None
    if kind.lower() != "bearer":
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(value.split(".")[1] + "=="))
        return str(claims["sub"]) or None
    except (ValueError, IndexError, KeyError, TypeError):
        return None


def account_of_key(apikey: str) -> str:
    """The account of an API key: what comes before a `#`; after it, which of its clients this is.

    Example:
        >>> account_of_key("lab-a#2"), account_of_key("lab-a")
        ('lab-a', 'lab-a')
    """
    return apikey.partition("#")[0]


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
