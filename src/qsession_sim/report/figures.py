"""Figures of runs, studies and searches by their kinds; matplotlib is imported when the first is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import FigureError, hint
from qsession_sim.report.study_view import StudyFiles, StudyView, view_of
from qsession_sim.report.tuning_view import TuningFiles, tuning_view_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDY_KINDS: Final = ("differences", "means", "forest", "heat", "trade_off", "convergence")
"""Of figures of studies."""


def draw_study(
    study: StudyFiles,
    metric: str | Sequence[str],
    kind: str | None = None,
    *,
    against: str | None = None,
    ax: Any = None,
    width: float | None = None,
) -> Figure:
    """Draw a figure of a study; `Study.figure` describes the arguments.

    Raises:
        FigureError: if there is no such kind, the study has nothing that it shows, or matplotlib is missing.
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


def draw_tuning(tuning: TuningFiles, *, ax: Any = None, width: float | None = None) -> Figure:
    """Draw the trade-off of a search; `Tuning.figure` describes the arguments.

    Raises:
        FigureError: if matplotlib is missing.
    """
    need_matplotlib()
    from qsession_sim.report.study_figures import draw_tuning as draw

    figure: Figure = draw(tuning_view_of(tuning), ax, width)
    return figure


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
