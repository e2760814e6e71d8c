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


def qpu_error(name: str, text: str) -> ScenarioError:
    """An error of the windows of one QPU; as `source_error`.

    Example:
        >>> str(qpu_error("torino", "more than there is room for"))
        'qpus.torino.windows: more than there is room for'
    """
    return ScenarioError((f"qpus.{name}.windows: {text}",))
