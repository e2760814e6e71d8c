"""Programs that are served: their environment, which only they see, and their ends."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from qsession_sim.clients.api import CRN, environment_of
from qsession_sim.errors import QSessionError

HOST: Final = "127.0.0.1"
"""The only address that is listened to."""

_ADDRESSES: Final = ("IAM_URL", "QISKIT_IBM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL")
"""Variables that say where a client sends its token."""

_LOCAL: Final = frozenset({HOST, "localhost", "::1"})


class LauncherError(QSessionError):
    """A program cannot be started, or must not be."""


def client_variables(port: int, apikey: str) -> dict[str, str]:
    """What makes an ordinary `QiskitRuntimeService()` a client of the server on a port.

    The key is no secret: it is the name of an account.

    Example:
        >>> client_variables(8000, "lab-a")["QISKIT_IBM_URL"]
        'http://127.0.0.1:8000/experimental'
    """
    not_by_proxy = dict.fromkeys(("NO_PROXY", "no_proxy"), f"{HOST},localhost")
    return environment_of(f"http://{HOST}:{port}", apikey) | not_by_proxy


def qrmi_variables(port: int, apikey: str, qpus: Sequence[str]) -> dict[str, str]:
    """What makes QRMI a client of the server on a port, for each QPU.

    Example:
        >>> sorted(qrmi_variables(8000, "lab-a", ["qpu"]))[0]
        'qpu_QRMI_IBM_QCS_ENDPOINT'
    """
    root = f"http://{HOST}:{port}"
    needed = {
        "ENDPOINT": f"{root}/api/v1",
        "IAM_ENDPOINT": root,
        "IAM_APIKEY": apikey,
        "SERVICE_CRN": CRN,
    }
    return {f"{qpu}_QRMI_IBM_QCS_{name}": value for qpu in qpus for name, value in needed.items()}


def refuse_leaks(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Refuse to start a program that would send a token to another machine.

    Args:
        command: the program and its arguments, among them assignments as `env` takes them.
        environment: of the caller.

    Raises:
        LauncherError: if one of the addresses of tokens is not on this machine.
    """
    assigned = [argument.partition("=") for argument in command]
    given = [(name, value) for name, _, value in assigned if name in _ADDRESSES]
    given += [(name, environment[name]) for name in _ADDRESSES if name in environment]
    for name, value in given:
        if urlsplit(value).hostname not in _LOCAL:
            raise LauncherError(
                f"{name} is {value!r}, so a token could leave this machine; unset it, then start the program"
            )


class Programs:
    """Copies of a program, each a client of its own.

    Args:
        command: the program and its arguments.
        environments: for each copy, what is added to the environment of the caller.
        ended: called with the number of each copy that has ended, from a thread of its own.

    Raises:
        LauncherError: if it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        ended: Callable[[int], object],
    ) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        for number, added in enumerate(environments):
            try:
                process = subprocess.Popen(command, env={**os.environ, **added})  # noqa: S603 - what the user asks for
            except OSError as error:
                self.stop()
                raise LauncherError(f"{command[0]}: cannot be started: {error.strerror}") from None
            self._processes.append(process)
            thread = threading.Thread(target=self._watch, args=(number, process, ended), daemon=True)
            self._threads.append(thread)
            thread.start()

    @staticmethod
    def _watch(number: int, process: subprocess.Popen[bytes], ended: Callable[[int], object]) -> None:
        process.wait()
        ended(number)

    def wait(self) -> list[int]:
        """Wait for the ends of all; their exit statuses, as a shell has them."""
        for thread in self._threads:
            thread.join()
        return [128 - code if code < 0 else code for code in (one.returncode for one in self._processes)]

    def stop(self) -> None:
        """End those that still run."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
