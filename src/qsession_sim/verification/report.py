"""A verification as rows of text for people, as JSON for programs, and as a directory with both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from qsession_sim.errors import BundleError
from qsession_sim.files import reason, whole_directory
from qsession_sim.report.rows import (
    Column,
    Document,
    Interval,
    Note,
    Number,
    Score,
    Section,
    Share,
    Table,
    words,
)
from qsession_sim.report.text import Page, written
from qsession_sim.results.bundle import check_target, json_text
from qsession_sim.verification.comparisons import POWER, critical_z, detectable
from qsession_sim.verification.identities import Identity
from qsession_sim.verification.suite import Verification


def verification_document(verification: Verification) -> Document:
    """The comparisons, the identities and the verdict.

    `z` is in standard errors. `detects` is the smallest error of the formula that the row would detect with
    probability `comparisons.POWER`. Times are in seconds.
    """
    return [
        Section("comparisons", body=_comparisons(verification)),
        Section("identities", body=_identities(verification.identities)),
        Section("verdict", above=(Note(f"{verdict(verification)}."),)),
    ]


def _comparisons(verification: Verification) -> Table:
    rows, tests = verification.comparisons, len(verification.comparisons)
    failing = set(map(id, verification.differing))
    columns = (
        words("at", (row.setting for row in rows)),
        words("quantity", (row.quantity for row in rows)),
        Column("theory", tuple(Number(row.theory, digits=4) for row in rows)),
        Column("estimate", tuple(Number(row.interval.estimate, digits=4) for row in rows)),
        Column("95 % interval", tuple(Interval(row.interval.low, row.interval.high) for row in rows)),
        Column("z", tuple(Score(row.z, fails=id(row) in failing) for row in rows)),
        Column("detects", tuple(Share(detectable(row, tests)) for row in rows)),
    )
    return Table(words("system", (row.system for row in rows)), columns)


def _identities(identities: Sequence[Identity]) -> Table:
    columns = (
        words("rules", (identity.rules for identity in identities)),
        words("both sides are", ("equal" if identity.holds else "NOT EQUAL" for identity in identities)),
    )
    return Table(words("identity", (identity.name for identity in identities)), columns)


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


def markdown(document: Document) -> str:
    """A document without titles for a page; what is no word is aligned to the right."""
    return "\n\n".join(map(_markdown_section, document))


def _markdown_section(section: Section) -> str:
    lines = [written(text, Page()) for text, _ in section.above]
    if isinstance(section.body, Table):
        columns = (section.body.labels, *section.body.columns)
        texts = [[written(cell, Page()) for cell in (one.heading, *one.cells)] for one in columns]
        heading, *rows = zip(*texts, strict=True)
        rule = tuple("---" if one.words else "---:" for one in columns)
        lines += [f"| {' | '.join(row)} |" for row in (heading, rule, *rows)]
    return "\n".join(lines)


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
        raise BundleError(f"cannot write {directory}: {reason(error)}") from error
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
    comparisons, identities, conclusion = verification_document(verification)
    return f"# Verification\n\n{markdown([conclusion, comparisons, identities])}\n"
