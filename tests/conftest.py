"""Settings of Hypothesis, what Ctrl-C does, and the engines that make each run, for all tests."""

from __future__ import annotations

import signal

import engines
import pytest
from hypothesis import settings

# a busy machine makes any example slow now and then, which says nothing about the code
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engines", choices=engines.CHOICES, default=engines.CHOICES[0], help=engines.__doc__)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # as where tests run in the background of a shell: without this, Ctrl-C does not end what it should
        signal.signal(signal.SIGINT, signal.default_int_handler)
    engines.choose(config.getoption("--engines"))


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
