"""What `progress=` may be: a function that is called with how far it is, True for a bar, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsession_sim.experiment.store import StudyProgress
    from qsession_sim.service.simpy_driver import Progress

    OfRun = Callable[[Progress], None] | bool | None
    OfStudy = Callable[[StudyProgress], None] | bool | None


@contextmanager
def run_followed(progress: OfRun, horizon_us: int | None) -> Iterator[Callable[[Progress], None] | None]:
    """What a run calls with how far it is; True draws a bar until the end of the block.

    Args:
        progress: as given.
        horizon_us: where the run stops; None: when there is nothing left to do.
    """
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield None
    else:
        from qsession_sim.report.progress import Place, RunBar

        place = Place()
        try:
            yield RunBar(horizon_us, place.show)
        finally:
            place.clear()


@contextmanager
def study_followed(progress: OfStudy) -> Iterator[Callable[[StudyProgress], None] | None]:
    """The same of a study."""
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield None
    else:
        from qsession_sim.report.progress import Place, StudyBar

        place = Place()
        try:
            yield StudyBar(place.show)
        finally:
            place.clear()
