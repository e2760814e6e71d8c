"""Queue policies that break their contract, each in one way, and good ones; a module, so that pickle finds them."""

from __future__ import annotations

import itertools

_calls = itertools.count()
_seen: set[int] = set()


def raises(job):
    return (1 // (job.priority + 1),)


def leaves(_job):
    raise SystemExit(3)


def no_tuple(job):
    return job.priority


def floats(job):
    return (job.priority / 2,)


def counts(_job):
    return (next(_calls),)


def knows_the_last(job):
    """The answer depends on the job that it was asked about before."""
    before = _seen.copy()
    _seen.clear()
    _seen.add(job.number)
    return (int(bool(before) and before != {job.number}),)


_asked: list[int] = []


def knows_how_often_jobs_changed(job):
    """The same answer when asked twice in a row, another one after a question about another job."""
    if job.number not in _asked[-1:]:
        _asked.append(job.number)
    return (len(_asked),)


_known: set[int] = set()


def remembers_all_jobs(job):
    """The same answers within a run; in a second run of the same jobs it knows them all from the beginning."""
    _known.add(job.number)
    return (len(_known),)


def most_urgent_first(job):
    return (-job.priority,)


def least_used_first(job, view):
    return (view.recent_usage_us(job.account), -job.priority)


def longer_for_important_jobs(job):
    return (0, 1) if job.priority > 3 else (0,)


def gives_up_after_a_minute(job, view):
    return None if view.now_us - job.submitted_us > 60_000_000 else (job.number,)


def by_hash(job):
    return (hash(job.account),)


def has_no_courses(job):
    return (0,) if job.account != "course" else None
