"""One line for each thing that makes a source unusable."""

from __future__ import annotations

from qsession_sim.errors import ScenarioError


def source_error(path: str, text: str) -> ScenarioError:
    """An error of one source.

    Args:
        path: name of the source, and where known the key inside it.
        text: what is wrong and what to do.

    Example:
        >>> str(source_error("everyday.shots", "drew too many"))
        'workload.everyday.shots: drew too many'
    """
    return ScenarioError((f"workload.{path}: {text}",))
