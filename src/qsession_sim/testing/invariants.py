"""Invariants of finished runs, on whole columns: the accounting identities S70 to S79, and other rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from qsession_sim.errors import BundleError, InvariantError
from qsession_sim.results.bundle import SCENARIO
from qsession_sim.results.run import SavedRun
from qsession_sim.testing.account_identities import (
    check_cost_limits,
    check_fair_share,
    check_limits,
    check_usage,
)
from qsession_sim.testing.facts import CheckedRun, Facts, Violation
from qsession_sim.testing.job_identities import (
    check_failures_after_close,
    check_idle_stretches,
    check_lindley,
    check_little,
    check_outcomes,
    check_patience,
    check_release,
    check_routing,
    check_session_life,
    check_simulators,
    check_waits,
)
from qsession_sim.testing.qpu_identities import (
    check_foreign_starts,
    check_lanes,
    check_no_idling,
    check_one_job_at_a_time,
    check_tiling,
    check_windows,
)

CHECKS: Final[dict[str, Callable[[Facts], Iterator[Violation]]]] = {
    "S17": check_release,
    "S22": check_simulators,
    "S27": check_patience,
    "S28": check_cost_limits,
    "S42": check_lanes,
    "S52": check_windows,
    "S54": check_routing,
    "S60": check_limits,
    "S62": check_usage,
    "S63": check_fair_share,
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
    "waits": check_waits,
}
"""The check of each rule, in order of the rules; the last is that of the table `Run.waits`."""


def check_invariants(run: CheckedRun) -> None:
    """Check that a finished run obeys the rules of `CHECKS`, S70 to S79 among them, where they apply.

    Args:
        run: as `simulate` returns it. What `load` returns has the tables, but not the record that is checked.

    Raises:
        BundleError: if the run was read back from disk.
        InvariantError: naming the rule, the time and the jobs and sessions of the first violation; of several
            in one instant that of the lowest rule.
    """
    if isinstance(run, SavedRun):
        raise BundleError(
            f"{run.directory} cannot be checked: a bundle holds tables, and the checks need the record of "
            f"what happened; simulate its {SCENARIO} again and check that run"
        )
    facts = Facts.of(run)
    violations = [(violation, rule) for rule, check in CHECKS.items() for violation in check(facts)]
    if violations:
        earliest, rule = min(violations, key=lambda pair: pair[0].time_us)
        raise InvariantError(f"{rule} at {earliest.time_us} us: {earliest.message}")
