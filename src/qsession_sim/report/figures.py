"""Figures of runs, studies and searches by their kinds; matplotlib is imported when the first is drawn."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import FigureError, hint
from qsession_sim.files import hindrance, reason, resolved, write_whole
from qsession_sim.report.study_rows import METRICS_OF_COMPARISONS
from qsession_sim.report.study_view import StudyView, view_of
from qsession_sim.report.tuning_view import tuning_view_of
from qsession_sim.results.bundle import is_bundle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qsession_sim.experiment.shown import ShownStudy, ShownTuning
    from qsession_sim.results.run import Run, SavedRun

RUN_KINDS: Final = ("timeline", "waiting", "why", "sessions", "queue")
"""Of figures of runs."""

STUDY_KINDS: Final = ("differences", "means", "forest", "heat", "trade_off", "convergence")
"""Of figures of studies."""

_MOST_METRICS: Final = 3
_LONGEST_NAME: Final = 80


def draw_run(run: Run | SavedRun, kind: str, *, ax: Any = None, width: float | None = None) -> Figure:
    """Draw a figure of a run; `Run.figure` describes the arguments.

    Raises:
        FigureError: if there is no such kind, the width is none, or matplotlib is missing.
    """
    if kind not in RUN_KINDS:
        raise FigureError(f"a run has no figure {kind!r}; {_listed(kind, RUN_KINDS)}")
    _check_width(width)
    need_matplotlib()
    from qsession_sim.report.run_figures import draw

    figure: Figure = draw(run, kind, ax, width)
    return figure


def draw_study(
    study: ShownStudy,
    metric: str | Sequence[str],
    kind: str | None = None,
    *,
    against: str | None = None,
    ax: Any = None,
    width: float | None = None,
) -> Figure:
    """Draw a figure of a study; `Study.figure` describes the arguments.

    Raises:
        FigureError: if there is no such kind, the study has nothing that it shows, the width is none, or
            matplotlib is missing.
        StudyError: if there is no such metric.
    """
    view = view_of(study)
    metrics = (metric,) if isinstance(metric, str) else tuple(metric)
    for one in metrics:
        view.check_metric(one)
    if kind is None:
        kind = default_kind(view)
    if kind not in STUDY_KINDS:
        raise FigureError(f"a study has no figure {kind!r}; {_listed(kind, STUDY_KINDS)}")
    _check_width(width)
    if len(metrics) != 1 and (kind != "forest" or not metrics or ax is not None):
        raise FigureError("several metrics make a forest with a panel each, without ax; give one metric")
    return drawn_study(view, metrics, kind, against=against, ax=ax, width=width)


def drawn_study(view: StudyView, metrics: Sequence[str], kind: str, **options: Any) -> Figure:
    """The same of numbers that are at hand."""
    need_matplotlib()
    from qsession_sim.report.study_figures import draw

    figure: Figure = draw(view, metrics, kind, *(options.get(name) for name in ("against", "ax", "width")))
    return figure


def default_kind(view: StudyView) -> str:
    """What is shown of a study if nothing is said: of a comparison the paired differences."""
    return "means" if view.baseline is None else "differences"


def draw_tuning(tuning: ShownTuning, *, ax: Any = None, width: float | None = None) -> Figure:
    """Draw the trade-off of a search; `Tuning.figure` describes the arguments.

    Raises:
        FigureError: if the width is none, or matplotlib is missing.
    """
    _check_width(width)
    need_matplotlib()
    from qsession_sim.report.study_figures import draw_tuning as draw

    figure: Figure = draw(tuning_view_of(tuning), ax, width)
    return figure


def figures_of_study(study: ShownStudy) -> dict[str, Figure]:
    """The figures that are saved of a study, by name.

    For each metric that tables show of it, the differences or means, over two settings as a heat map; and of
    all of them a forest, a trade-off and the convergence of the first, where there is something to show.

    Raises:
        FigureError: if matplotlib is missing.
    """
    need_matplotlib()
    view = view_of(study)
    metrics = shown_metrics(view)
    wanted: list[tuple[str, tuple[str, ...], str]] = [
        (f"{name}.{kind}", (metric,), kind)
        for name, metric in zip(_file_names(metrics), metrics, strict=True)
        for kind in (default_kind(view), "heat")
    ]
    wanted.append(("forest", metrics, "forest"))
    wanted += [(kind, metrics[:1], kind) for kind in ("trade_off", "convergence")]
    drawn = {}
    for name, of, kind in wanted:
        with suppress(FigureError):
            drawn[name] = drawn_study(view, of, kind)
    return drawn


def shown_metrics(view: StudyView) -> tuple[str, ...]:
    """The metrics of which there are figures: at most three, those that a comparison prints first."""
    known = [metric for metric in METRICS_OF_COMPARISONS if metric in view.metrics]
    return tuple(dict.fromkeys((*known, *view.metrics)))[:_MOST_METRICS]


def _file_names(metrics: Sequence[str]) -> list[str]:
    """A name for each metric that a file can have everywhere, and no two the same.

    Example:
        >>> _file_names(["mean_waiting", "by_account.a/b.jobs", "by_account.a:b.jobs"])
        ['mean_waiting', 'by_account.a_b.jobs', 'by_account.a_b.jobs-2']
    """
    names: list[str] = []
    for metric in metrics:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", metric).lstrip(".")[:_LONGEST_NAME] or "_"
        same = sum(other == name or other.startswith(f"{name}-") for other in names)
        names.append(f"{name}-{same + 1}" if same else name)
    return names


def save_figures(
    shown: Run | SavedRun | ShownStudy | ShownTuning,
    directory: str | os.PathLike[str],
    formats: Sequence[str] = ("svg", "pdf"),
) -> list[str]:
    """Write all figures of a run, a study or a search to a directory, which is made if it is not there.

    Returns:
        The names of the files: of a run `timeline.svg` and so on, of a study see `figures_of_study`, of a
        search `trade_off.svg`; in all formats.

    Raises:
        FigureError: if matplotlib is missing, figures have no place in the directory, or a file cannot be
            written.
    """
    target = check_figures_place(directory)
    from qsession_sim.experiment.shown import ShownStudy, ShownTuning
    from qsession_sim.report.drawing import content

    if isinstance(shown, ShownTuning):
        figures = {"trade_off": shown.figure()}
    elif isinstance(shown, ShownStudy):
        figures = figures_of_study(shown)
    else:
        figures = {kind: draw_run(shown, kind) for kind in RUN_KINDS}
    written = []
    for name, figure in figures.items():
        for form in formats:
            written.append(f"{name}.{form}")
            try:
                write_whole(target / written[-1], content(figure, form))
            except OSError as error:
                raise FigureError(f"cannot write {target / written[-1]}: {reason(error)}") from error
    return written


def check_figures_place(directory: str | os.PathLike[str]) -> Path:
    """Check that figures can be drawn, and written to a directory; nothing is changed.

    Returns:
        The directory.

    Raises:
        FigureError: if matplotlib is missing, the name is empty, the directory is in a bundle, or nothing can
            be made in it.
    """
    need_matplotlib()
    if not os.fspath(directory):
        raise FigureError("the name of the directory of figures is empty")
    target = Path(directory)
    try:
        place = resolved(target)
    except OSError as error:
        raise FigureError(f"cannot write figures to {target}: {reason(error)}") from error
    if any(map(is_bundle, (place, *place.parents))):
        raise FigureError(f"{target} is in a bundle, which holds nothing else; choose another directory")
    if why := hindrance(place):
        raise FigureError(f"cannot write figures to {target}, because {why}; choose another directory")
    return target


def _check_width(width: object) -> None:
    if width is not None and not (isinstance(width, int | float) and 0 < width < math.inf):
        raise FigureError(f"the width of a figure is a number of inches above 0, not {width!r}")


def need_matplotlib() -> None:
    """Say which extra to install.

    Raises:
        FigureError: if matplotlib is not installed.
    """
    try:
        import_module("matplotlib")
    except ImportError:
        raise FigureError("figures need matplotlib; get it with: pip install 'qsession-sim[plot]'") from None


def _listed(kind: object, known: Sequence[str]) -> str:
    """The nearest kind, and all."""
    close = hint(str(kind), known)
    return close if close.startswith("there are") else f"{close} There are {', '.join(known)}"
