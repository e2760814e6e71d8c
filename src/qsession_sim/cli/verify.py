"""`qsession-sim verify`: the simulator against the theory of queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from qsession_sim.cli.interrupts import saving
from qsession_sim.cli.options import output_format, usable_place
from qsession_sim.cli.terminal import note, show, status
from qsession_sim.interrupts import interrupts_afterwards

if TYPE_CHECKING:
    from qsession_sim.verification.suite import Verification


def verify(
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write tables and figures to DIR."),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option(
            "--seed", metavar="N", help="Seed of all random numbers, instead of the documented one."
        ),
    ] = None,
    form: Annotated[str, output_format("the comparison")] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the comparison only: no notes.")] = False,
) -> None:
    """Compare simulated queues with what is known of them.

    Takes about a minute. The exit status is 1 if an estimate is too far from theory, or what must be equal
    is not.
    """
    chosen = _seed(seed)
    from qsession_sim.verification import report, suite

    if output is not None:
        with usable_place("-o"):
            report.check_new_directory(output)
    with nullcontext() if quiet else status("verifying") as progress:
        found = suite.verify(suite.DEFAULT_SEED if chosen is None else chosen, suite.EXPERIMENTS, progress)
    if output is not None:
        with saving() as saved, interrupts_afterwards():
            has_figures = report.write_verification(found, output)
            saved.place = output
        if not quiet and not has_figures:
            note("no figures without matplotlib; get it with: pip install 'qsession-sim[plot]'")
        if not quiet:
            note(f"saved in {output}")
    show(form, partial(report.verification_document, found), partial(report.as_json, found), wide=True)
    if not found.passed:
        for line in _failures(found):
            note(line)
        raise typer.Exit(1)


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is not a whole number from 0", param_hint="--seed")
    return int(text)


def _failures(found: Verification) -> Iterator[str]:
    for comparison in found.differing:
        yield (
            f"qsession-sim: {comparison.system}, {comparison.setting}: {comparison.quantity} is "
            f"{comparison.interval.estimate:.6g}, but {comparison.formula} gives {comparison.theory:.6g} "
            f"({comparison.z:+.2f} standard errors)"
        )
    for identity in found.broken:
        yield f"qsession-sim: {identity.name}: not equal"
