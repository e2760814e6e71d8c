"""Draw the figures of matplotlib on pages of the documentation.

Beside the pictures, `pictures.json` has the version of matplotlib that drew them, and a digest of what is
drawn in each, which is the same with other versions. With `--check` nothing is written, and the exit status
is 1 if a picture is stale: byte for byte with that version, else by what is drawn.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

import qsession_sim as qs
from qsession_sim.report.drawing import content

FOLDER: Final = Path(__file__).parent / "pictures"
RECORD: Final = FOLDER / "pictures.json"
SCENARIOS: Final = Path(__file__).parents[1] / "scenarios"


def policies() -> Any:
    """Two metrics of five policies, as differences to the first."""
    metrics = ["mean_waiting", "p95_waiting"]
    study = qs.compare(
        SCENARIOS / "vqe_modes.yaml",
        policies=["fifo", "lifo", "shortest_job_first", "round_robin", "session_first"],
        metrics=metrics,
        replications=10,
    )
    return study.figure(metrics, "forest", width=7.16)


def timeline(scenario: Path) -> Any:
    """What the QPUs and the sessions of a scenario did, for the gallery."""
    return qs.simulate(scenario).figure("timeline", width=7.16)


FIGURES: Final[Mapping[str, Callable[[], Any]]] = {
    "policies": policies,
    **{path.stem: partial(timeline, path) for path in sorted(SCENARIOS.glob("*.yaml"))},
}
"""What is drawn, by the name of its file."""


def drawn(figure: Any) -> str:
    """A digest of what a figure shows: its data, texts and limits of axes, not how they look."""
    return hashlib.sha256("\n".join(_contents(figure)).encode()).hexdigest()


def _contents(figure: Any) -> Iterator[str]:
    for axes in figure.axes:
        yield f"{axes.get_title()} {axes.get_xlabel()} {axes.get_ylabel()} {axes.get_xscale()}"
        yield _numbers((*axes.get_xlim(), *axes.get_ylim()))
        for line in axes.lines:
            yield _numbers(line.get_xydata())
        for collection in axes.collections:
            yield from (_numbers(path.vertices) for path in collection.get_paths())
            yield _numbers(collection.get_offsets())
        for patch in axes.patches:
            yield _numbers(patch.get_path().transformed(patch.get_patch_transform()).vertices)
        for text in axes.texts:
            yield f"{text.get_text()} {_numbers(text.get_position())}"


def _numbers(values: Any) -> str:
    flat = np.asarray(values, dtype=float).ravel()
    return " ".join(f"{value:.9g}" for value in flat)


def main(arguments: list[str]) -> int:
    """Write the pictures, or check them; returns the exit status."""
    figures = {name: make() for name, make in FIGURES.items()}
    record = {"matplotlib": mpl.__version__, "drawn": {name: drawn(one) for name, one in figures.items()}}
    files = {FOLDER / f"{name}.svg": content(figure, "svg") for name, figure in figures.items()}
    if arguments != ["--check"]:
        for path, picture in files.items():
            path.write_bytes(picture)
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8", newline="\n")
        return 0
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    stale = {name for name in FIGURES if recorded["drawn"].get(name) != record["drawn"][name]}
    if recorded["matplotlib"] == mpl.__version__:
        stale |= {path.stem for path, picture in files.items() if path.read_bytes() != picture}
    for name in sorted(stale):
        print(f"{name}.svg is stale; run {Path(__file__).name}", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
