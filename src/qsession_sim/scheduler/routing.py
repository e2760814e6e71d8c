"""Router: which QPU serves a job or a session that names none (S54)."""

from __future__ import annotations

from collections.abc import Sequence

from qsession_sim.scheduler.columns import GrowingJobs, Journal
from qsession_sim.scheduler.plan import Routing
from qsession_sim.scheduler.qpu import Qpu
from qsession_sim.scheduler.vocabulary import NEVER


class Router:
    """Chooses once for each job or session, among the QPUs that are no simulators. Ties go by QPU number.

    Args:
        qpus: all of them, by number.
        routing: the policy.
        columns: of all jobs.
        journal: where starts are written down.
    """

    def __init__(self, qpus: Sequence[Qpu], routing: Routing, columns: GrowingJobs, journal: Journal) -> None:
        self._qpus = qpus
        self._choices = [qpu for qpu in qpus if not qpu.is_simulator]
        self._routing = routing
        self._columns = columns
        self._journal = journal
        self._decisions = 0
        self._weighs = routing is Routing.SHORTEST_EXPECTED_WAIT
        self.counts_queued = len(self._choices) > 1 and routing in (
            Routing.LEAST_BUSY,
            Routing.SHORTEST_EXPECTED_WAIT,
        )
        """Whether it goes by what is queued, so that it has to be counted."""

    def count_queued(self, qpu: Qpu, job: int, change: int) -> None:
        """A job is queued for a QPU (1), or is not any more (-1)."""
        qpu.queued += change
        if self._weighs:
            qpu.queued_us += change * self._columns.estimated_us(job)

    def given(self, number: int) -> int:
        """The QPU that needs no decision: the one that is named, or the only one; else NEVER."""
        if number == NEVER and len(self._choices) == 1:
            return self._choices[0].number
        return number

    def choose(self, now_us: int, route: int) -> int:
        """Decide for the next job or session; `route` is its random number."""
        return self._chosen(now_us, route).number

    def _chosen(self, now_us: int, route: int) -> Qpu:
        choices = self._choices
        if self._routing is Routing.LEAST_BUSY:
            best = choices[0]
            for qpu in choices:
                if not qpu.queued:
                    return qpu
                if qpu.queued < best.queued:
                    best = qpu
            return best
        if self._routing is Routing.SHORTEST_EXPECTED_WAIT:
            return min(choices, key=lambda qpu: (self._expected_wait_us(now_us, qpu), qpu.number))
        if self._routing is Routing.RANDOM:
            return choices[route % len(choices)]
        self._decisions += 1
        return choices[(self._decisions - 1) % len(choices)]

    def _expected_wait_us(self, now_us: int, qpu: Qpu) -> int:
        """The estimated QPU time of what is queued, and what the estimate leaves of the job on the QPU."""
        if qpu.job == NEVER:
            return qpu.queued_us
        ran_us = now_us - self._journal.started_us[qpu.job]
        return qpu.queued_us + max(0, self._columns.estimated_us(qpu.job) - ran_us)
