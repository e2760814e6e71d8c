"""The figures on pages are what is drawn today, and everything that is drawn counts."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "make_pictures.py"

pytest.importorskip("matplotlib", reason="pip install 'qsession-sim[plot]'")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_pictures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_pictures_are_what_the_script_draws():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_record_has_each_picture_and_the_version_that_drew_it(script):
    record = json.loads(script.RECORD.read_text("utf-8"))
    assert set(record) == {"matplotlib", "drawn"}
    assert (
        set(record["drawn"])
        == set(script.FIGURES)
        == {path.stem for path in script.FOLDER.glob("*.svg")}
        - {
            *("flow", "life_of_sessions", "life_of_jobs"),
        }
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda axes: axes.lines[0].set_ydata([1, 3]),
        lambda axes: axes.patches[0].set_height(5),
        lambda axes: axes.texts[0].set_text("another"),
        lambda axes: axes.set_xlabel("another"),
        lambda axes: axes.set_xlim(0, 10),
        lambda axes: axes.collections[0].set_offsets([[1, 2]]),
        lambda axes: axes.broken_barh([(1, 2)], (0, 1)),
    ],
)
def test_digest_changes_with_what_is_drawn(script, change):
    from matplotlib.figure import Figure

    def figure():
        axes = Figure().subplots()
        axes.plot([1, 2], [1, 2])
        axes.bar([1], [2])
        axes.scatter([1], [1])
        axes.text(1, 1, "text")
        return axes

    before, after = figure(), figure()
    assert script.drawn(before.figure) == script.drawn(after.figure)
    change(after)
    assert script.drawn(before.figure) != script.drawn(after.figure)


def test_digest_does_not_change_with_how_it_looks(script):
    from matplotlib.figure import Figure

    plain, red = Figure().subplots(), Figure().subplots()
    plain.plot([1, 2], [1, 2])
    red.plot([1, 2], [1, 2], color="red", linewidth=3)
    assert script.drawn(plain.figure) == script.drawn(red.figure)
