"""One tree of exceptions; everything the package raises on purpose derives from `QSessionError`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final


class QSessionError(Exception):
    """Root of every error that qsession-sim raises on purpose."""


class DurationError(QSessionError, ValueError):
    """A text that should be a duration is not one."""


class LongDurationError(DurationError):
    """A duration is longer than fits into whole microseconds."""


class IllegalTransitionError(QSessionError):
    """An event came to a session whose state has no transition for it; nothing was changed."""


class SchedulerUsageError(QSessionError):
    """The scheduler was driven wrongly, for example backwards in time; nothing was changed."""


class ProgramError(QSessionError):
    """A program that takes part in a simulation failed, or waits for what simulated time cannot bring."""


class ScenarioError(QSessionError):
    """A scenario cannot be used. `problems` holds one line for each thing that is wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[str, ...]]]:
        return (type(self), (self.problems,))


BEYOND_TIME: Final = "workload: the run goes on beyond 2**62 us, about 146,000 years; give a horizon"
"""The problem of a run that does not end in the time that int64 holds."""


class PolicyError(QSessionError):
    """A policy does not exist, or does not keep its contract.

    `job_number` and `job_name` say for which job, if any. The policy knows only numbers; the run, which
    knows the names, adds them with `named`.
    """

    def __init__(self, message: str, job_number: int | None = None, job_name: str | None = None) -> None:
        super().__init__(message)
        self.job_number = job_number
        self.job_name = job_name
        self._around: tuple[str, str] | None = None

    @classmethod
    def about(cls, before: str, job_number: int, after: str) -> PolicyError:
        """An error whose message has the job in its middle, to be `named`.

        Example:
            >>> error = PolicyError.about("no answer for", 3, ", submitted at 1m20s")
            >>> print(error)
            no answer for job 3, submitted at 1m20s
            >>> print(error.named("vqe/1/4"))
            no answer for job 'vqe/1/4' (number 3), submitted at 1m20s
        """
        error = cls(f"{before} job {job_number}{after}", job_number)
        error._around = before, after
        return error

    def named(self, job_name: str) -> PolicyError:
        """The same with the name of the job; the error itself if it names one, or is about none."""
        if self._around is None:
            return self
        before, after = self._around
        return PolicyError(
            f"{before} job {job_name!r} (number {self.job_number}){after}", self.job_number, job_name
        )


class EngineError(QSessionError):
    """An engine that was asked for does not exist, is not installed, or does not run what it was given."""


class BundleError(QSessionError):
    """A result directory cannot be written or read."""


class StudyError(QSessionError):
    """A study cannot be planned, run or stored."""


class TaskError(StudyError):
    """A task of a study failed in an unexpected way, or the workers that had it died."""


class FigureError(StudyError):
    """A figure cannot be drawn: there is none of that kind, or matplotlib is not installed."""


class InvariantError(QSessionError):
    """A finished run breaks a rule that every run obeys (see `testing.check_invariants`)."""


class WorkloadFileError(QSessionError):
    """A workload, a report, or a run for another program, cannot be written to a file."""


# names that do not exist, or exist twice


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name, else all.

    Example:
        >>> hint("fiffo", ["fifo", "lifo"]), hint("x", ["fifo", "lifo"]), hint("x", [])
        ("did you mean 'fifo'?", 'there are fifo, lifo', 'there is none')
    """
    names = list(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else "there is none"


def repeated(names: Sequence[str]) -> str | None:
    """The first name that is there more than once; None without one.

    Example:
        >>> repeated(["fifo", "lifo", "fifo"]), repeated(["fifo"])
        ('fifo', None)
    """
    return next((name for name in names if names.count(name) > 1), None)
