"""Invariants of finished runs, on whole columns: the accounting identities S70 to S79, and other rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from qsession_sim.errors import BundleError, InvariantError
from qsession_sim.results.bundle import SCENARIO
from qsession_sim.results.run import Run, SavedRun
from qsession_sim.testing import account_identities, job_identities, qpu_identities
from qsession_sim.testing.facts import Facts, Violation

CHECKS: Final[dict[str, Callable[[Facts], Iterator[Violation]]]] = {
    "S17": job_identities.check_release,
    "S22": job_identities.check_simulators,
    "S27": job_identities.check_patience,
    "S28": account_identities.check_cost_limits,
    "S42": qpu_identities.check_lanes,
    "S52": qpu_identities.check_windows,
    "S54": job_identities.check_routing,
    "S60": account_identities.check_limits,
    "S62": account_identities.check_usage,
    "S63": account_identities.check_fair_share,
    "S70": qpu_identities.check_one_job_at_a_time,
    "S71": job_identities.check_outcomes,
    "S72": qpu_identities.check_tiling,
    "S73": qpu_identities.check_foreign_starts,
    "S74": qpu_identities.check_no_idling,
    "S75": job_identities.check_session_life,
    "S76": job_identities.check_idle_stretches,
    "S77": job_identities.check_failures_after_close,
    "S78": job_identities.check_little,
    "S79": job_identities.check_lindley,
    "waits": job_identities.check_waits,
}
"""The check of each rule, in order of the rules; the last is that of the table `Run.waits`."""


def check_invariants(run: Run | SavedRun) -> None:
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
