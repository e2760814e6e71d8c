"""`qsession-sim verify`: the simulator against the theory of queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qsession_sim.cli.options import one_of
from qsession_sim.interrupts import interrupts_afterwards

if TYPE_CHECKING:
    from qsession_sim.verification.suite import Verification


class ReportFormat(StrEnum):
    """How the comparison is printed."""

    TABLE = "table"
    JSON = "json"


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
    output_format: Annotated[
        ReportFormat,
        typer.Option(
            "--format", parser=one_of(ReportFormat), metavar="table|json", help="How to print the comparison."
        ),
    ] = ReportFormat.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the comparison only: no notes.")] = False,
) -> None:
    """Compare simulated queues with what is known of them.

    Takes about a minute. The exit status is 1 if an estimate is too far from theory, or what must be equal
    is not.
    """
    chosen = _seed(seed)
    if output is not None:
        _check_place(output)
    from qsession_sim.verification import suite

    with nullcontext() if quiet else _status() as progress:
        found = suite.verify(suite.DEFAULT_SEED if chosen is None else chosen, suite.EXPERIMENTS, progress)
    if output is not None:
        _write(found, output, quiet)
    _print(found, output_format)
    if not found.passed:
        for line in _failures(found):
            typer.echo(line, err=True)
        raise typer.Exit(1)


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is not a whole number from 0", param_hint="--seed")
    return int(text)


def _check_place(output: str) -> None:
    from qsession_sim.errors import BundleError
    from qsession_sim.verification.report import check_new_directory

    try:
        check_new_directory(output)
    except BundleError as error:
        raise typer.BadParameter(str(error), param_hint="-o") from None


def _write(found: Verification, output: str, quiet: bool) -> None:
    from qsession_sim.cli.readable import one_line
    from qsession_sim.verification.report import write_verification

    with interrupts_afterwards():
        has_figures = write_verification(found, output)
    if quiet:
        return
    if not has_figures:
        typer.echo("no figures without matplotlib; get it with: pip install 'qsession-sim[plot]'", err=True)
    typer.echo(one_line(f"saved in {output}"), err=True)


def _print(found: Verification, output_format: ReportFormat) -> None:
    from qsession_sim.verification import report

    if output_format is ReportFormat.JSON:
        from qsession_sim.cli.terminal import print_json
        from qsession_sim.results.bundle import json_text

        print_json(json_text(report.as_json(found)))
        return
    _print_rows(report.HEADINGS, report.table_rows(found), report.WORDS)
    typer.echo()
    headings = ("identity", "rules", "both sides are")
    _print_rows(headings, report.identity_rows(found), words=3)
    typer.echo()
    typer.echo(f"{report.verdict(found)}.")


def _print_rows(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: int) -> None:
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (
            text.ljust(width) if column < words else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        typer.echo("  ".join(cells).rstrip())


def _failures(found: Verification) -> Iterator[str]:
    for comparison in found.differing:
        yield (
            f"qsession-sim: {comparison.system}, {comparison.setting}: {comparison.quantity} is "
            f"{comparison.interval.estimate:.6g}, but {comparison.formula} gives {comparison.theory:.6g} "
            f"({comparison.z:+.2f} standard errors)"
        )
    for identity in found.broken:
        yield f"qsession-sim: {identity.name} ({identity.rules}): not equal"


@contextmanager
def _status() -> Iterator[Callable[[str], None] | None]:
    """What is simulated, on standard error; nothing if that is not a terminal."""
    from qsession_sim.cli.terminal import errors

    console = errors()
    if not console.is_terminal:
        yield None
        return
    with console.status("verifying") as status:
        yield lambda name: status.update(f"verifying {name}")
