"""What the commands for many runs have in common: carrying out, printing, and what they say of interrupts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from qsession_sim.cli.study_options import StudyFormat

if TYPE_CHECKING:
    from rich.console import Console

    from qsession_sim.cli.study_progress import ShownStudy
    from qsession_sim.experiment.study import Study


class Finding(Protocol):
    """What many runs have shown."""

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON values."""


Found = TypeVar("Found", bound=Finding)


def run_study(
    carry_out: Callable[[ShownStudy], Study],
    directory: str | None,
    output_format: StudyFormat,
    quiet: bool,
) -> None:
    """Carry out a study, and print what it found.

    Args:
        carry_out: from what is to be told of progress to the study.
        directory: where it is kept.
        output_format: how it is printed.
        quiet: whether nothing but the results is printed.
    """
    from qsession_sim.cli.study_progress import study_progress
    from qsession_sim.cli.study_tables import print_study

    with study_progress(quiet) as progress, told(directory, progress.how_far):
        study = carry_out(progress)
    print_found(study, output_format, print_study)
    if quiet:
        return
    from qsession_sim.cli.readable import one_line

    if study.rule is not None and not study.reached:
        after = f"the rule does not hold after {study.replications} replications"
        typer.echo(one_line(f"{after}: {study.rule.text}; raise --max-replications"), err=True)
    if directory is not None:
        typer.echo(one_line(f"saved in {directory}"), err=True)


def print_found(
    found: Found, output_format: StudyFormat, print_table: Callable[[Console, Found], None]
) -> None:
    """Print what was found on standard output, as JSON or in tables."""
    if output_format is StudyFormat.JSON:
        from qsession_sim.cli.documents import print_json
        from qsession_sim.results.bundle import json_text

        print_json(json_text(found.to_dict()))
        return
    from qsession_sim.cli.console import output

    print_table(output(), found)


@contextmanager
def told(directory: str | None, progress: Callable[[], tuple[int, int | None]]) -> Iterator[None]:
    """Say of what is interrupted how much is kept, and how it goes on; `main` tells the notes of interrupts.

    Args:
        directory: of the study, if there is one.
        progress: how many runs are done, and of how many.
    """
    from qsession_sim.cli.readable import counted, one_line

    try:
        yield
    except KeyboardInterrupt as error:
        done, total = progress()
        runs = counted(done, "run") if total is None else f"{done:,} of {counted(total, 'run')}"
        if directory is None:
            error.add_note(f"after {runs}; with -o DIR they would be kept")
        else:
            error.add_note(one_line(f"after {runs}, kept in {directory}; the same command goes on"))
        raise
