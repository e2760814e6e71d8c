"""What the commands replicate, compare and sweep have in common: carrying out, printing, saving."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from qsession_sim.cli.study_options import StudyFormat, told

if TYPE_CHECKING:
    from qsession_sim.cli.study_progress import ShownStudy
    from qsession_sim.experiment.study import Study


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

    with study_progress(quiet) as progress, told(directory, progress.how_far):
        study = carry_out(progress)
    _print(study, output_format)
    if quiet:
        return
    from qsession_sim.cli.readable import one_line

    if study.rule is not None and not study.reached:
        after = f"the rule does not hold after {study.replications} replications"
        typer.echo(one_line(f"{after}: {study.rule.text}; raise --max-replications"), err=True)
    if directory is not None:
        typer.echo(one_line(f"saved in {directory}"), err=True)


def _print(study: Study, output_format: StudyFormat) -> None:
    if output_format is StudyFormat.JSON:
        from qsession_sim.cli.documents import print_json
        from qsession_sim.results.bundle import json_text

        print_json(json_text(study.to_dict()))
        return
    from qsession_sim.cli.console import output
    from qsession_sim.cli.study_tables import print_study

    print_study(output(), study)
