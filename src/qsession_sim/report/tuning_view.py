"""What pictures of a search show, as numbers, whether it was just made or read back from disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qsession_sim.experiment.metrics import metric_unit
from qsession_sim.experiment.variations import LOGARITHMIC_FROM
from qsession_sim.report.rows import Scale, scale_of
from qsession_sim.report.study_view import check_has, numbers_of

if TYPE_CHECKING:
    from qsession_sim.experiment.shown import ShownTuning

_OF_DOCUMENTS: Final = {
    *("scenario", "method", "objective", "constraints", "seed", "replications", "baseline", "best"),
    *("at_edges", "drawn", "confirmation", "evaluations"),
}
_OF_TABLES: Final = {"settings", "feasible", "on_front", "best"}


class Tried(NamedTuple):
    """Settings that were tried, and where they are drawn; `right` and `up` are in the units of the axes."""

    settings: str
    right: float
    up: float
    feasible: bool
    on_front: bool
    best: bool


class TradeOff(NamedTuple):
    """The objective over the first constrained metric, with its bound, or over the first setting.

    Units are empty for what has none.
    """

    across: str
    across_unit: str
    logarithmic: bool
    bound: float | None
    up: str
    up_unit: str
    tried: Sequence[Tried]


@dataclass(frozen=True)
class TuningView:
    """The numbers of a search.

    Attributes:
        document: as `Tuning.to_dict` gives it.
        rows: those of `Tuning.table`, in the order in which they were tried.
    """

    document: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @property
    def metrics(self) -> tuple[str, ...]:
        """What was measured, the objective first."""
        return tuple(self.document["baseline"])

    @property
    def paths(self) -> tuple[str, ...]:
        """What was varied."""
        first = self.document["evaluations"][0]["settings"]
        return tuple(setting.partition("=")[0] for setting in first)

    def scale(self, metric: str) -> Scale:
        """The unit in which a metric is shown."""
        return scale_of(metric_unit(metric), [row[metric] for row in self.rows])

    def trade_off(self) -> TradeOff:
        """What was tried, as it is drawn; without what has no value."""
        objective: str = self.document["objective"]["metric"]
        up = self.scale(objective)
        heights = [row[objective] for row in self.rows]
        constrained = next((one for one in self.document["constraints"] if one["metric"] != objective), None)
        rights: Sequence[float | None]
        if constrained is None:
            settings = [one["settings"][0].partition("=")[2] for one in self.document["evaluations"]]
            unit, numbers = numbers_of(settings) or ("", [float(number) for number in range(len(settings))])
            across, rights, divisor, bound = self.paths[0], numbers, 1.0, None
            logarithmic = 0 < LOGARITHMIC_FROM * min(numbers) <= max(numbers)
        else:
            across, logarithmic = constrained["metric"], False
            scale = self.scale(across)
            unit, divisor = scale.unit, scale.divisor
            rights, bound = [row[across] for row in self.rows], constrained["limit"] / divisor
        tried = [
            Tried(
                row["settings"],
                right / divisor,
                height / up.divisor,
                **{name: row[name] for name in ("feasible", "on_front", "best")},
            )
            for row, right, height in zip(self.rows, rights, heights, strict=True)
            if right is not None and height is not None
        ]
        return TradeOff(across, unit, logarithmic, bound, objective, up.unit, tried)


def tuning_view_of(tuning: ShownTuning) -> TuningView:
    """What pictures of a search show.

    Raises:
        StudyError: if its files are damaged.
    """
    document, table = tuning.to_dict(), tuning.table()
    check_has("tuning.json", document, _OF_DOCUMENTS)
    check_has("evaluations.parquet", table.columns, {*_OF_TABLES, *document["baseline"]})
    return TuningView(document, table.to_dicts())
