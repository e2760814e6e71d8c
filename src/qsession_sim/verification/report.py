"""A verification as rows of text for people, as JSON for programs, and as a directory with both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from qsession_sim.errors import BundleError
from qsession_sim.files import whole_directory
from qsession_sim.results.bundle import check_target, json_text
from qsession_sim.verification.comparisons import POWER, Comparison, critical_z, detectable
from qsession_sim.verification.suite import Verification

HEADINGS: Final = ("system", "at", "quantity", "theory", "estimate", "95 % interval", "z", "detects")
"""Of the columns of `table_rows`; the first three are words, the others numbers."""

WORDS: Final = 3


def table_rows(verification: Verification) -> list[tuple[str, ...]]:
    """One row for each comparison, as `HEADINGS` says.

    `z` is in standard errors. `detects` is the smallest error of the formula that the row would detect with
    probability `comparisons.POWER`. Times are in seconds.
    """
    failing = set(map(id, verification.differing))
    tests = len(verification.comparisons)
    return [
        _row(comparison, detectable(comparison, tests), fails=id(comparison) in failing)
        for comparison in verification.comparisons
    ]


def identity_rows(verification: Verification) -> list[tuple[str, str, str]]:
    """One row for each identity: what is equal, the rules, and whether it is."""
    return [
        (identity.name, identity.rules, "equal" if identity.holds else "NOT EQUAL")
        for identity in verification.identities
    ]


def verdict(verification: Verification) -> str:
    """One line: what was tested, and with what result."""
    tests, broken = len(verification.comparisons), len(verification.broken)
    failing = len(verification.differing)
    return (
        f"{tests} comparisons at seed {verification.seed}: {failing or 'none'} too far from theory "
        f"(family error rate {verification.family_error:g}: |z| above {critical_z(tests):.2f}); "
        f"{len(verification.identities)} identities: {broken or 'none'} broken"
    )


def as_json(verification: Verification) -> dict[str, Any]:
    """Everything, in full precision; `z` is null where the estimate has no spread and differs."""
    tests = len(verification.comparisons)
    failing = set(map(id, verification.differing))
    return {
        "passed": verification.passed,
        "seed": verification.seed,
        "family_error": verification.family_error,
        "critical_z": critical_z(tests),
        "power": POWER,
        "comparisons": [
            {
                "system": comparison.system,
                "at": comparison.setting,
                "quantity": comparison.quantity,
                "formula": comparison.formula,
                "theory": comparison.theory,
                "estimate": comparison.interval.estimate,
                "interval": [comparison.interval.low, comparison.interval.high],
                "level": comparison.interval.level,
                "degrees_of_freedom": comparison.interval.degrees_of_freedom,
                "z": comparison.z if comparison.standard_error else None,
                "p_value": comparison.p_value,
                "detects": detectable(comparison, tests),
                "differs": id(comparison) in failing,
            }
            for comparison in verification.comparisons
        ],
        "identities": [
            {"name": identity.name, "rules": identity.rules, "holds": identity.holds}
            for identity in verification.identities
        ],
    }


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> str:
    """A table for a page; columns after the first `words` are aligned to the right."""
    rule = ["---" if column < words else "---:" for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, rule, *rows))


def _row(comparison: Comparison, detects: float, *, fails: bool) -> tuple[str, ...]:
    interval = comparison.interval
    return (
        comparison.system,
        comparison.setting,
        comparison.quantity,
        f"{comparison.theory:.4g}",
        f"{interval.estimate:.4g}",
        f"{interval.low:.4g} to {interval.high:.4g}",
        f"{comparison.z:+.2f}{' !' if fails else ''}",
        f"{100 * detects:.1f} %",
    )


DOCUMENT: Final = "verification.json"
PAGE: Final = "verification.md"


def check_new_directory(directory: str | os.PathLike[str]) -> Path:
    """Check that a directory can be made; nothing is changed.

    Returns:
        The directory, absolute.

    Raises:
        BundleError: if something is there, or nothing can be made in the directory above.
    """
    if os.path.lexists(directory) and os.fspath(directory):
        raise BundleError(f"{directory} exists; choose a directory that does not exist")
    return check_target(directory)


def write_verification(verification: Verification, directory: str | os.PathLike[str]) -> bool:
    """Write a verification: a JSON document, a page with the tables, and figures if matplotlib is there.

    Returns:
        Whether there are figures.

    Raises:
        BundleError: if `check_new_directory` refuses, or the directory cannot be written.
    """
    target = check_new_directory(directory)
    files = {
        DOCUMENT: json_text(as_json(verification)).encode(),
        PAGE: _page(verification).encode(),
        **figures_if_possible(verification),
    }
    try:
        with whole_directory(target, Path.rename) as partial:
            for name, content in files.items():
                (partial / name).write_bytes(content)
    except OSError as error:
        raise BundleError(f"cannot write {directory}: {error.strerror or error}") from error
    return len(files) > 2


def figures_if_possible(verification: Verification) -> dict[str, bytes]:
    """Figures by file name; none without matplotlib."""
    try:
        import_module("matplotlib")
    except ImportError:
        return {}
    from qsession_sim.verification.figures import figures

    return figures(verification)


def _page(verification: Verification) -> str:
    comparisons = markdown_table(HEADINGS, table_rows(verification), WORDS)
    identities = markdown_table(("identity", "rules", "both sides are"), identity_rows(verification), 3)
    return f"# Verification\n\n{verdict(verification)}.\n\n{comparisons}\n\n{identities}\n"
