"""`qsession-sim replicate | compare | sweep | tune`: many runs, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qsession_sim.cli.interrupts import saving
from qsession_sim.cli.options import (
    Hold,
    Metrics,
    Policies,
    Policy,
    Routing,
    ScenarioFile,
    at_least,
    check_table,
    chosen_executor,
    takes,
)
from qsession_sim.cli.terminal import StudyCount, note, show, study_progress
from qsession_sim.cli.without import compare_without
from qsession_sim.errors import QSessionError, StudyError
from qsession_sim.experiment.options import CompareOptions, ReplicateOptions, SweepOptions, TuneOptions
from qsession_sim.interrupts import interrupts_afterwards

if TYPE_CHECKING:
    from qsession_sim.experiment.shown import ShownStudy
    from qsession_sim.experiment.tasks import Configuration
    from qsession_sim.experiment.variations import Sampling


@takes(ReplicateOptions)
def replicate(scenario: ScenarioFile, **given: Any) -> None:
    """Simulate a scenario on many workloads, and say how large its metrics are and how sure that is."""
    _study("replicate", (scenario,), given)


@takes(CompareOptions)
def compare(
    scenario: ScenarioFile,
    policies: Policies = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(
            "--hold",
            metavar="NAME",
            help="A hold policy; several are compared, each with every queue policy.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="NAME", help="With which the others are compared; by default the first."
        ),
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(
            "--without",
            metavar="SESSION|SOURCE",
            help="Instead of policies: one run with and one without this session or source, and how much "
            "longer each other job waits for it.",
        ),
    ] = None,
    **given: Any,
) -> None:
    """Compare policies on the same workloads, with confidence intervals.

    The differences to the baseline are paired: both policies see the same jobs.
    """
    if without is not None:
        compare_without(scenario, without, policies or [], hold or [], {**given, "baseline": baseline})
        return
    compared = policies_of(policies or [], hold or [], given.pop("routing"))
    _study("compare", (scenario, compared), {**given, "baseline": baseline})


def policies_of(policies: Sequence[str], holds: Sequence[str], routing: str | None) -> list[Configuration]:
    """What is compared: each queue policy with each hold policy; named after what differs."""
    from qsession_sim.experiment.variations import crossed

    if len(policies) * max(len(holds), 1) < 2 and len(holds) < 2:
        raise typer.BadParameter(
            "needs two or more to compare, such as --policy fifo --policy priority", param_hint="--policy"
        )
    return crossed(policies, holds, routing)


_SAMPLINGS: Final[dict[str, Sampling]] = {"random": "random", "latin-hypercube": "latin_hypercube"}


@dataclass(frozen=True)
class Sample:
    """How the points of a sweep are chosen; without `points` all combinations."""

    sampling: Sampling = "grid"
    points: int | None = None


def read_sample(text: str) -> Sample:
    """Read `random:N` or `latin-hypercube:N`; for `typer.Option(parser=...)`.

    Example:
        >>> read_sample("latin-hypercube:50")
        Sample(sampling='latin_hypercube', points=50)
    """
    name, colon, points = text.partition(":")
    if name not in _SAMPLINGS or not colon:
        raise typer.BadParameter(f"{text!r} is not random:N or latin-hypercube:N")
    return Sample(_SAMPLINGS[name], at_least(1)(points))


@takes(SweepOptions)
def sweep(
    scenario: ScenarioFile,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="PATH=V1,V2,…",
            help="A setting and its values, such as workload.vqe.clients=10,20,40; may be repeated. With "
            "--sample also PATH=LOW..HIGH.",
        ),
    ],
    sample: Annotated[
        Sample | None,
        typer.Option(
            "--sample",
            parser=read_sample,
            metavar="random:N|latin-hypercube:N",
            help="Simulate N points of the settings instead of all combinations.",
        ),
    ] = None,
    policies: Policies = None,
    hold: Hold = None,
    routing: Routing = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="NAME",
            help='The configuration with which the others are compared, such as "policies.hold=shared"; by '
            "default none.",
        ),
    ] = None,
    **given: Any,
) -> None:
    """Vary settings of a scenario: all combinations of values, or a sample of points.

    All configurations are simulated on the same workloads.
    """
    points = vars(sample or Sample())
    chosen = {"policies": policies, "hold": hold, "routing": routing, "baseline": baseline}
    _study("sweep", (scenario, vary), {**given, **points, **chosen})


@takes(TuneOptions)
def tune(
    scenario: ScenarioFile,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="PATH=LOW..HIGH",
            help="A setting and its range, such as workload.vqe.clients=4..40; at most two.",
        ),
    ],
    minimise: Annotated[
        str | None, typer.Option("--minimise", metavar="METRIC", help="What shall be as small as possible.")
    ] = None,
    maximise: Annotated[
        str | None, typer.Option("--maximise", metavar="METRIC", help="What shall be as large as possible.")
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(
            "--subject-to",
            metavar="CONSTRAINT",
            help='What must hold, such as "p95_makespan <= 1.05 x baseline", the baseline being the scenario '
            "as it stands; may be repeated.",
        ),
    ] = None,
    metrics: Metrics = None,
    replications: Annotated[
        int,
        typer.Option(
            "--replications",
            parser=at_least(2),
            metavar="N",
            help="Workloads on which each candidate is simulated.",
        ),
    ] = 10,
    evaluations: Annotated[
        int | None,
        typer.Option("--evaluations", parser=at_least(1), metavar="N", help="Try at most N candidates."),
    ] = None,
    policy: Policy = None,
    **given: Any,
) -> None:
    """Find the best value of one or two settings.

    All candidates are simulated on the same workloads. The best one is then compared with the scenario as it
    stands on new workloads.
    """
    question = {"minimise": minimise, "maximise": maximise, "subject_to": subject_to, "metrics": metrics}
    chosen = {"replications": replications, "evaluations": evaluations, "policy": policy}
    directory = given["directory"]
    with saving() as saved:
        with _progress(given) as progress:
            tuning = _carried_out("tune", (scenario, vary), {**given, **question, **chosen}, progress)
        if directory is not None:
            saved.keep(tuning.save, directory)
        from qsession_sim.report.study_rows import tuning_document

        document = partial(tuning_document, tuning)
        tables = partial(document, everything=True)
        show(given["output_format"], document, tuning.to_dict, tables, given["table"])
    if directory is not None and not given["quiet"]:
        _can_draw(quiet=False)
        _note_saved(directory)
    if tuning.best is None:
        note(f"qsession-sim: {tuning.why_nothing}")
        raise typer.Exit(1)


# carrying a study out, and what is printed of it


def _study(kind: str, arguments: tuple[Any, ...], given: dict[str, Any]) -> None:
    """Carry out a study, and show it."""
    with _progress(given) as progress:
        study = _carried_out(kind, arguments, given, progress)
    from qsession_sim.report.study_rows import study_document, study_tables

    document, tables = partial(study_document, study), partial(study_tables, study)
    show(given["output_format"], document, study.to_dict, tables, given["table"])
    if given["directory"] is not None:  # what was found is shown first
        with interrupts_afterwards():
            _save_figures(study, given["directory"], quiet=given["quiet"])
    if given["quiet"]:
        return
    if study.rule is not None and not study.reached:
        after = f"the rule does not hold after {study.replications} replications"
        note(f"{after}: {study.rule.text}; raise --max-replications")
    if given["directory"] is not None:
        _note_saved(given["directory"])


def _note_saved(directory: str) -> None:
    from qsession_sim.cli.report import how_to_see

    note(f"saved in {directory}")
    note(how_to_see(directory))


def _save_figures(study: ShownStudy, directory: str, *, quiet: bool) -> None:
    """Write the figures of a study beside its tables; whatever goes wrong with them loses nothing else."""
    from qsession_sim.report.figures import save_figures

    if not _can_draw(quiet=quiet):
        return
    try:
        save_figures(study, directory, ("svg",))
    except QSessionError:
        raise
    except Exception as error:
        what = "its figures cannot be drawn, the other files are saved"
        raise StudyError(f"{what}: {type(error).__name__}: {error}") from error


def _can_draw(*, quiet: bool) -> bool:
    """Whether there is matplotlib; a note says where it comes from."""
    try:
        import_module("matplotlib")
    except ImportError:
        if not quiet:
            note("no figures without matplotlib; get it with: pip install 'qsession-sim[plot]'")
        return False
    return True


def _carried_out(kind: str, arguments: tuple[Any, ...], given: dict[str, Any], progress: StudyCount) -> Any:
    """What the function of the library returns that has the name of the command, and its options."""
    import qsession_sim

    of_commands = {"workers", "dask_address", "output_format", "table", "quiet"}
    check_table(given["table"], given["output_format"])
    options = {name: value for name, value in given.items() if value is not None and name not in of_commands}
    executor = chosen_executor(given["workers"], given["dask_address"])
    return getattr(qsession_sim, kind)(*arguments, **options, executor=executor, progress=progress)


@contextmanager
def _progress(given: dict[str, Any]) -> Iterator[StudyCount]:
    """Show how far a study is; of an interrupt, `main` reports how much is kept, and how it goes on."""
    directory = given["directory"]
    with study_progress(quiet=given["quiet"]) as progress:
        try:
            yield progress
        except KeyboardInterrupt as error:
            from qsession_sim.report.rows import counted

            done, total = progress.done, progress.total
            runs = counted(done, "run") if total is None else f"{done:,} of {counted(total, 'run')}"
            if directory is None:
                error.add_note(f"after {runs}; with -o DIR they would be kept")
            else:
                error.add_note(f"after {runs}, kept in {directory}; the same command goes on")
            raise
