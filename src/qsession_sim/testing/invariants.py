"""Accounting identities that every finished run obeys (S70 to S79), checked on whole columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol

from qsession_sim.errors import BundleError, InvariantError
from qsession_sim.results.bundle import SCENARIO
from qsession_sim.results.record import Record
from qsession_sim.results.run import SavedRun
from qsession_sim.testing.facts import Facts, Violation
from qsession_sim.testing.job_identities import (
    check_failures_after_close,
    check_lindley,
    check_little,
    check_outcomes,
)
from qsession_sim.testing.qpu_identities import (
    check_foreign_starts,
    check_no_idling,
    check_one_job_at_a_time,
    check_tiling,
)
from qsession_sim.testing.session_identities import check_idle_stretches, check_session_life

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.provenance import ScenarioLike

CHECKS: Final[dict[str, Callable[[Facts], Iterator[Violation]]]] = {
    "S70": check_one_job_at_a_time,
    "S71": check_outcomes,
    "S72": check_tiling,
    "S73": check_foreign_starts,
    "S74": check_no_idling,
    "S75": check_session_life,
    "S76": check_idle_stretches,
    "S77": check_failures_after_close,
    "S78": check_little,
    "S79": check_lindley,
}
"""What checks each rule, in order of the rules."""


class CheckedRun(Protocol):
    """What the checks need of a run."""

    @property
    def record(self) -> Record:
        """What happened."""

    @property
    def scenario(self) -> ScenarioLike:
        """What was simulated."""

    @property
    def intervals(self) -> pl.DataFrame:
        """See `Run.intervals`."""

    @property
    def queue_length(self) -> pl.DataFrame:
        """See `Run.queue_length`."""


def check_invariants(run: CheckedRun) -> None:
    """Check that a finished run obeys S70 to S79 (S79 only where it applies).

    Args:
        run: as `simulate` returns it. What `load` returns has the tables, but not the record that is checked.

    Raises:
        BundleError: if the run was read back from disk.
        InvariantError: naming the rule, the time and the jobs and sessions of the violation that is first in
            time, and of those of one instant the one with the lowest rule.
    """
    if isinstance(run, SavedRun):
        raise BundleError(
            f"{run.directory} cannot be checked: a bundle holds tables, and the checks need the record of "
            f"what happened; simulate its {SCENARIO} again and check that run"
        )
    facts = Facts.of(run.record, run.scenario.resolved, run.intervals, run.queue_length)
    violations = [(violation, rule) for rule, check in CHECKS.items() for violation in check(facts)]
    if violations:
        earliest, rule = min(violations, key=lambda found: found[0].time_us)
        raise InvariantError(f"{rule} at {earliest.time_us} us: {earliest.message}")
