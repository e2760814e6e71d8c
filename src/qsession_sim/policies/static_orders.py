"""Orders in which a job's place never changes. Each function gives a job's entry from its columns.

An entry is the key, then the submission, then the job number, so that the order is total. The smallest goes
first.
"""

from __future__ import annotations

from typing import Final

from qsession_sim.scheduler.queue import Entry, EntryOf
from qsession_sim.scheduler.queue_policy import QueueInputs
from qsession_sim.scheduler.view import JobView

_BITS: Final = 2**64 - 1
_INCREMENT: Final = 0x9E3779B97F4A7C15


def last_first(_inputs: QueueInputs) -> EntryOf:
    """The latest submission first."""

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (-submitted_us, submitted_us, job)

    return entry_of


def most_urgent_first(inputs: QueueInputs, *, aging_us: int | None) -> EntryOf:
    """The largest priority first; with `aging_us`, one more for each such time waited.

    At t a job has the effective priority p + (t - s) / a. Which of two jobs has more does not depend on t,
    so jobs go by s - p a.
    """
    priority = inputs.jobs.priority

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (-priority[job], submitted_us, job)

    def aging_entry_of(submitted_us: int, job: int) -> Entry:
        return (submitted_us - priority[job] * aged_us, submitted_us, job)

    if aging_us is None:
        return entry_of
    aged_us = aging_us
    return aging_entry_of


def shortest_first(inputs: QueueInputs) -> EntryOf:
    """The smallest estimate first."""
    estimated_us = inputs.jobs.estimated_us

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (estimated_us(job), submitted_us, job)

    return entry_of


def longest_first(inputs: QueueInputs) -> EntryOf:
    """The largest estimate first."""
    estimated_us = inputs.jobs.estimated_us

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (-estimated_us(job), submitted_us, job)

    return entry_of


def earliest_deadline_first(inputs: QueueInputs, *, slack: int) -> EntryOf:
    """The smallest submission + slack x estimate first."""
    estimated_us = inputs.jobs.estimated_us

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (submitted_us + slack * estimated_us(job), submitted_us, job)

    return entry_of


def started_sessions_first(inputs: QueueInputs) -> EntryOf:
    """Jobs of sessions of which a job has started first, then all others."""

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (0 if JobView(inputs, job, submitted_us).continues_session else 1, submitted_us, job)

    return entry_of


def in_random_order(_inputs: QueueInputs, *, seed: int) -> EntryOf:
    """By a number that the seed and the job number determine."""

    def entry_of(submitted_us: int, job: int) -> Entry:
        return (random_number(seed, job), submitted_us, job)

    return entry_of


def random_number(seed: int, index: int) -> int:
    """Number `index` of the generator SplitMix64 with a seed, from 0 to 2**64 - 1.

    Source: G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014, with the constants of the Java library.

    Example:
        >>> hex(random_number(0, 0))
        '0xe220a8397b1dcdaf'
    """
    mixed = (seed + (index + 1) * _INCREMENT) & _BITS
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _BITS
    return mixed ^ (mixed >> 31)
