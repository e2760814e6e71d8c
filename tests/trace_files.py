"""Files of jobs for tests: lines of them, what is drawn from them, and what is wrong with them."""

from __future__ import annotations

import io

import pytest

import qsession_sim as qs
from qsession_sim.packing import Packing


def _has_zstd():
    try:
        Packing.ZSTD.check()
    except OSError:
        return False
    return True


HAS_ZSTD = _has_zstd()
needs_zstd = pytest.mark.skipif(not HAS_ZSTD, reason="pip install 'qsession-sim[zstd]'")


def zst(name):
    """A parameter that is the name of a file packed with zstd."""
    return pytest.param(name, marks=needs_zstd)


def packed(name, content):
    """A content as a file of this name holds it."""
    packing, file = Packing.of(name), io.BytesIO()
    if packing is None:
        return content
    packing.write([content], file)
    return file.getvalue()


def swf(number, submitted, run_time, user=1, preceding=-1, think=-1, status=1):
    return f"{number} {submitted} -1 {run_time} 1 -1 -1 -1 -1 -1 {status} {user} -1 -1 -1 -1 {preceding} {think}\n"


def draw(folder, file, text=None, **source):
    if text is not None:
        (folder / file).write_text(text, encoding="utf-8")
    scenario = {"workload": [{"kind": "trace", "file": str(folder / file), **source}]}
    return qs.draw(qs.load_scenario(scenario).resolved)


def problems(folder, file, text, **source):
    with pytest.raises(qs.ScenarioError) as caught:
        draw(folder, file, text, **source)
    return [problem.replace(str(folder / file), file) for problem in caught.value.problems]


def names(blocks):
    return [name for block in blocks for name in block]
