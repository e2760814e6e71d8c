"""Settings of Hypothesis, what Ctrl-C does, bytecode, and the engines that make each run, for all tests.

Random tests take a quarter of their examples, and all of them with `--hypothesis-profile thorough`, as in `.ci/run`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from functools import partial

import engines
import pytest
from hypothesis import settings
from random_examples import ALL

# a busy machine makes any example slow now and then, which says nothing about the code
settings.register_profile("quick", deadline=None, max_examples=ALL // 4)
settings.register_profile("thorough", deadline=None, max_examples=ALL)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engines", choices=engines.CHOICES, default=engines.CHOICES[0], help=engines.__doc__)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # as where tests run in the background of a shell: without this, Ctrl-C does not end what it should
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.dont_write_bytecode:
        share_bytecode(config)
    engines.choose(config.getoption("--engines"))


def share_bytecode(config: pytest.Config) -> None:
    """Let processes that tests start compile each file once for all, although none writes beside the files."""
    if not hasattr(config, "workerinput"):  # of pytest-xdist
        os.environ["BYTECODE_OF_TESTS"] = folder = tempfile.mkdtemp()
        config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))
    if not getattr(config.option, "numprocesses", None):  # this one runs tests
        os.environ["PYTHONPYCACHEPREFIX"] = os.environ["BYTECODE_OF_TESTS"]
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    worker = getattr(session.config, "workeroutput", None)
    if worker is not None:  # of pytest-xdist
        worker["compared"] = [engines.counts[False], engines.counts[True]]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    for compiled, count in enumerate(getattr(node, "workeroutput", {}).get("compared", [])):
        engines.counts[bool(compiled)] += count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    interpreted, compiled = engines.counts[False], engines.counts[True]
    if interpreted or compiled:
        terminalreporter.write_line(
            f"runs compared with the scheduler: {compiled} of the compiled kernel, {interpreted} interpreted"
        )
