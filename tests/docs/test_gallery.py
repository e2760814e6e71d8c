"""The gallery shows every shipped scenario, with what its own comment says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "make_gallery.py"
PAGE = (ROOT / "docs" / "gallery.md").read_text("utf-8")


def test_page_is_what_the_script_writes():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_shipped_scenario_is_shown_once_with_its_picture_and_what_to_look_at():
    shipped = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))
    sections = PAGE.split("\n## ")[1:]
    shown = [re.findall(r"\]\(\.\./scenarios/(\w+)\.yaml\)\n", section) for section in sections]
    assert sorted(name for (name,) in shown) == shipped
    for (name,), section in zip(shown, sections, strict=True):
        assert section.count(f"](pictures/{name}.svg)") == 1
        assert (ROOT / "docs" / "pictures" / f"{name}.svg").exists()
        assert "What to look at" in section


def test_options_in_the_texts_are_code():
    texts = re.sub(r"`[^`]*`", "", PAGE)
    assert re.findall(r"(?<!\S)--\w[\w-]*(?!-->)", texts.replace("<!--", "").replace("-->", "")) == []
