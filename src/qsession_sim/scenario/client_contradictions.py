"""What is wrong between the keys that say how iterative clients go on."""

from __future__ import annotations

from collections.abc import Iterator

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.reading import Part, given, part, parts


def client_habits(path: Path, source: Part) -> Iterator[Problem]:
    """Check the shots by iteration of an iterative source."""
    change = part(source, "shots_by_iteration")
    if not change:
        return
    here = (*path, "shots_by_iteration")
    if not given(source, "shots"):
        yield Problem(here, "changes shots, which are not given; give shots, or remove it")
    low, high = change.get("at_least"), change.get("at_most")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield Problem((*here, "at_most"), f"must not be below at_least, {low}", high)
    before = None
    for step_path, step in parts(change, "steps", here):
        number = step.get("from_iteration")
        if type(number) is not int:
            continue
        if before is not None and number <= before:
            what = f"must be after that of the step before, {before}"
            yield Problem((*step_path, "from_iteration"), what, number)
        before = number
