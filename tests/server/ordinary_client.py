"""A client in a few lines of http.client, for programs that tests start with `qsession-sim serve`."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

URL = urlsplit(os.environ["QISKIT_IBM_URL"])
KEY = os.environ["QISKIT_IBM_TOKEN"]


class Client:
    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection(str(URL.hostname), URL.port or 0)
        form = f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={KEY.replace('#', '%23')}"
        self._connection.request("POST", f"{urlsplit(os.environ['IAM_URL']).path}/identity/token", form)
        self._token = json.loads(self._connection.getresponse().read())["access_token"]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        where = path if path.startswith("/qsession-sim") else f"{URL.path}{path}"
        headers = {"Authorization": f"Bearer {self._token}", "IBM-API-Version": "2026-04-15"}
        self._connection.request(method, where, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get("content-type") == "application/json"
        return answer.status, json.loads(content) if is_json else content.decode()

    def session(self, **more: Any) -> str:
        return self.ask("POST", "/sessions", {"mode": "dedicated", "backend": "qpu", **more})[1]["id"]

    def submit(self, shots: int = 1000, **more: Any) -> str:
        params = {"pubs": [["", None, shots]]}
        form = {"program_id": "sampler", "backend": "qpu", "params": params, **more}
        return self.ask("POST", "/jobs", form)[1]["id"]

    def end(self, job: str) -> list[str]:
        """Ask until a job has ended; the statuses that were seen."""
        seen = [""]
        while seen[-1] not in ("Completed", "Failed", "Cancelled"):
            status, answer = self.ask("GET", f"/jobs/{job}")
            if status != 200:
                return [*seen[1:], str(status)]
            seen.append(answer["status"])
        return seen[1:]

    def wait(self, seconds: float) -> None:
        self.ask("POST", "/qsession-sim/wait", {"seconds": seconds})
