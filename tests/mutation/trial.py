"""One run of tests in a copy of the project, in a process that has NumPy and the like from its birth.

Their import would be most of such a run, so processes are forked from one that has imported them, and nothing of
the project.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

LIBRARIES = [
    "hypothesis.stateful",
    "numpy",
    "pydantic",
    "pytest",
    "ruamel.yaml",
    "scipy.stats",
    "simpy",
    "typer",
]
OPTIONS = [
    "-x",
    "-q",
    "--tb=no",
    "--assert=plain",
    "-p",
    "no:xdist",
    "-p",
    "no:xdist.looponfail",
    "-p",
    "no:benchmark",
]
BYTES = 3_000_000_000
SAID = "said.txt"
"""The file in the copy with what pytest printed last."""

STOPPED = "a test that was stopped"
"""In place of the name of a test that never ended, or took too much memory."""

NOTHING_RUN = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)


def failure(copy: Path, tests: Sequence[str], seconds: int, examples: str = "quick") -> str | None:
    """Which of the tests fails first, or why there is no telling; None if all of them pass.

    Random tests take the examples of a profile of Hypothesis, as `conftest.py` says. What never ends is stopped
    after some seconds of processor time, or with 3 GB, and has failed.

    Raises:
        RuntimeError: if no test was run, so that nothing can be said; with what pytest printed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_run, args=(copy, [f"--hypothesis-profile={examples}", *tests], seconds, sender)
    )
    process.start()
    sender.close()
    try:
        code, first = receiver.recv()
    except EOFError:
        code, first = None, STOPPED
    process.join()
    if (code is None and process.exitcode >= 0) or (code in NOTHING_RUN and not first):
        raise RuntimeError((copy / SAID).read_text("utf-8"))
    return None if code == pytest.ExitCode.OK else first or f"pytest, which ends with {code!r}"


class _FirstFailure:
    """A plugin of pytest that keeps the name of the first test that fails, and lets nobody look for a smaller case."""

    name = ""

    def pytest_collection(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("as found", settings.default, phases=[Phase.explicit, Phase.generate])
        settings.load_profile("as found")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.failed and not self.name:
            self.name = report.nodeid


def _run(copy: Path, arguments: Sequence[str], seconds: int, sender: Connection) -> None:
    os.chdir(copy)
    os.environ["PYTHONPATH"] = sys.path[0] = str(copy / "src")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    with Path(SAID).open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    gc.freeze()  # pytest collects garbage several times, and there is none of before
    first = _FirstFailure()
    code = pytest.main([*OPTIONS, *arguments], plugins=[first])
    sender.send((code, first.name))
