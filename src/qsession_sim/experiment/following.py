"""What `progress=` may be: a function that is called with how far it is, True for a bar, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from qsession_sim.experiment.store import StudyProgress
    from qsession_sim.service.simpy_driver import Progress

    OfRun = Callable[[Progress], None] | bool | None
    OfStudy = Callable[[StudyProgress], None] | bool | None

Follower = TypeVar("Follower")
Show = Callable[[str, float | None], None]


def run_followed(
    progress: OfRun, horizon_us: int | None
) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """What a run calls with how far it is; True draws a bar until the end of the block.

    Args:
        progress: as given.
        horizon_us: where the run stops; None: when there is nothing left to do.
    """

    def bar(show: Show) -> Callable[[Progress], None]:
        from qsession_sim.report.progress import RunBar

        return RunBar(horizon_us, show)

    return _followed(bar, progress=progress)


def study_followed(progress: OfStudy) -> AbstractContextManager[Callable[[StudyProgress], None] | None]:
    """The same of a study."""

    def bar(show: Show) -> Callable[[StudyProgress], None]:
        from qsession_sim.report.progress import StudyBar

        return StudyBar(show)

    return _followed(bar, progress=progress)


@contextmanager
def _followed(
    make_bar: Callable[[Show], Follower], *, progress: Follower | bool | None
) -> Iterator[Follower | None]:
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield None
    else:
        from qsession_sim.report.progress import Place

        place = Place()
        try:
            yield make_bar(place.show)
        finally:
            place.clear()
