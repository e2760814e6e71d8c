"""What can be looked at of a study or a search, whether it was just made or read back from disk."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from qsession_sim.report.html import Report


class ShownStudy(ABC):
    """A study with a table of estimates, one of runs and a document."""

    @abstractmethod
    def table(self) -> pl.DataFrame:
        """See `Study.table`."""

    @abstractmethod
    def runs(self) -> pl.DataFrame:
        """See `Study.runs`."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """See `Study.to_dict`."""

    def figure(
        self,
        metric: str | Sequence[str],
        kind: str | None = None,
        *,
        against: str | None = None,
        ax: Any = None,
        width: float | None = None,
    ) -> Figure:
        """A figure of a metric; notebooks show it. Intervals are those of `table`.

        The kinds:

        - `differences`: paired differences to the baseline, with a tick for each replication; or over the
          setting, if one with numbers is varied. The default of what compares.
        - `means`: one row a configuration, or over the setting. The default of all else.
        - `forest`: the differences of one metric or of several, a panel each, with the change in percent;
          filled what is significant.
        - `heat`: over two settings the difference to the baseline, or the mean; hatched where it is not
          significant.
        - `trade_off`: the metric over another one, as differences if there is a baseline. What is not worse
          in both than another configuration is joined.
        - `convergence`: the estimate and its interval after 2, 3, ... replications.

        Args:
            metric: its name; of a forest a list of names, too.
            kind: one of these.
            against: of a trade-off the metric across; by default the next one of the study.
            ax: axes of matplotlib to draw on, with their own style; by default those of a new figure.
            width: of a new figure, in inches: 3.5 for a column and 7.16 for a page of most journals; by
                default a column, and a page for several panels.

        Returns:
            The figure of the axes. The SVG and PDF files of a new one are the same byte for byte each time.

        Raises:
            FigureError: if there is no such kind, the study has nothing to show in it, or matplotlib is not
                installed.
            StudyError: if there is no such metric.
        """
        from qsession_sim.report.figures import draw_study

        return draw_study(self, metric, kind, against=against, ax=ax, width=width)

    def report(self, path: str | os.PathLike[str] | None = None) -> Report:
        """The study as one page for a browser: verdicts in words, intervals, charts, and how to repeat it.

        Args:
            path: of a file in which the page is saved, too; a report that is there is replaced.

        Raises:
            StudyError: if the files of the study are damaged.
            WorkloadFileError: if something else is at that place, or it cannot be written.
        """
        from qsession_sim.report.study_page import study_report

        return _saved(study_report(self), path)


class ShownTuning(ABC):
    """A search with a table of what was tried and a document."""

    @abstractmethod
    def table(self) -> pl.DataFrame:
        """See `Tuning.table`."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """See `Tuning.to_dict`."""

    def figure(self, *, ax: Any = None, width: float | None = None) -> Figure:
        """The trade-off curve: the objective over the first constrained metric, or over the first setting.

        Args:
            ax: axes of matplotlib to draw on, with their own style; by default those of a new figure.
            width: of a new figure, in inches; by default 3.5, a column of most journals.

        Raises:
            FigureError: if matplotlib is not installed.
        """
        from qsession_sim.report.figures import draw_tuning

        return draw_tuning(self, ax=ax, width=width)

    def report(self, path: str | os.PathLike[str] | None = None) -> Report:
        """The search as one page for a browser: the best settings, what they gain, and the trade-off.

        Args:
            path: of a file in which the page is saved, too; a report that is there is replaced.

        Raises:
            StudyError: if the files of the search are damaged.
            WorkloadFileError: if something else is at that place, or it cannot be written.
        """
        from qsession_sim.report.tuning_page import tuning_report

        return _saved(tuning_report(self), path)


def _saved(report: Report, path: str | os.PathLike[str] | None) -> Report:
    if path is not None:
        report.save(path)
    return report
