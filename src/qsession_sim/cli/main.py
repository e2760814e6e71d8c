"""Entry point: runs a command and turns every way it can end into an exit status and one line.

Little is imported before interrupts are handled, so that Ctrl-C is one line from the start.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, TextIO

from qsession_sim.cli.interrupts import Interrupts

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
SIGNALLED: Final = 128
"""As a shell has it: to which the number of the signal is added."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: as after the program's name; by default those of the process.

    Returns:
        The exit status: 0 done, 1 a failure, 2 bad input or usage, 130 interrupted, 143
        terminated, 129 when the terminal was closed.

    Example:
        >>> main(["scenario", "validate", "no such file.yaml"])
        2
    """
    _never_fail_to_encode(sys.stdout)
    interrupts = Interrupts()
    with interrupts.handled(whole_process=arguments is None):
        try:
            from qsession_sim.cli.app import run_command

            status = run_command(sys.argv[1:] if arguments is None else arguments)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            _send_to_nowhere(sys.stdout)
            return DONE
        except BaseException as error:
            # an interrupt in the middle of an import can come out as another error
            if interrupts.signal is not None or isinstance(error, KeyboardInterrupt):
                number = interrupts.signal or signal.SIGINT
                word = "interrupted" if number == signal.SIGINT else "terminated"
                what = " ".join((word, *getattr(error, "__notes__", ())))
                return _fail(SIGNALLED + number, [f"qsession-sim: {what}"])
            explained = _explain(error)
            if explained is None:
                raise
            return _fail(*explained)
        return status


def _explain(error: BaseException) -> tuple[int, Sequence[str]] | None:
    """Exit status and lines for an error that is not the fault of the program; None for one that is."""
    from typer import TyperException

    from qsession_sim.errors import (
        BundleError,
        EngineError,
        PolicyError,
        QSessionError,
        ScenarioError,
        StudyError,
        TaskError,
        WorkloadFileError,
    )
    from qsession_sim.files import is_mistake, reason

    match error:
        case ScenarioError():
            return BAD_INPUT, error.problems
        case TyperException():
            context = getattr(error, "ctx", None)
            command = "qsession-sim" if context is None else context.command_path
            message = error.format_message().rstrip(".")
            return error.exit_code, [f"{command}: {message} (see {command} --help)"]
        case QSessionError():
            mistaken = isinstance(error, (StudyError, BundleError, EngineError, WorkloadFileError))
            mistaken = mistaken and not isinstance(error, TaskError)
            # a name that cannot be written is a mistake; a full disk is none, except in a policy
            mistaken = mistaken and (not isinstance(error.__cause__, OSError) or is_mistake(error.__cause__))
            status = BAD_INPUT if mistaken or isinstance(error, PolicyError) else FAILED
            return status, [f"qsession-sim: {error}"]
        case OSError():
            # every file that is written is named, so that an error without a name is of standard output
            where = "standard output" if error.filename is None else error.filename
            return FAILED, [f"qsession-sim: {where}: {reason(error)}"]
        case MemoryError():
            return FAILED, ["qsession-sim: out of memory; simulate fewer jobs at a time"]
    return None


def _fail(status: int, lines: Sequence[str]) -> int:
    from qsession_sim.cli.terminal import note

    with suppress(OSError):
        if sys.stdout is not None:
            sys.stdout.flush()
        for line in lines:
            note(line)
    return status


def _never_fail_to_encode(stream: TextIO | None) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def _send_to_nowhere(stream: TextIO) -> None:
    """Forget what is still to be written: at exit the interpreter would try again, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
