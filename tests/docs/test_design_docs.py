"""The page on design shows the folders and files that there are, and no page has a broken link."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import qsession_sim

PACKAGE = Path(qsession_sim.__file__).parent
ROOT = Path(__file__).parents[2]
PICTURE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").split("```")[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"\b(\w+\.py)\b")


def test_every_folder_is_in_the_picture_with_files_that_it_has() -> None:
    shown: dict[str, set[str]] = {}
    folder = ""
    for line in PICTURE.splitlines():
        heading = re.match(r"  (\w+)/", line)
        folder = heading[1] if heading else folder
        shown.setdefault(folder, set()).update(FILE.findall(line))
    there = {path.parent.name: set() for path in PACKAGE.glob("*/__init__.py")}
    assert set(shown) == {"", *there}
    for name, files in shown.items():
        assert sorted(files - {path.name for path in (PACKAGE / name).glob("*.py")}) == []
        if name not in {"cli", "testing"}:
            assert sorted({path.name for path in (PACKAGE / name).glob("[a-z]*.py")} - files) == []


def test_order_of_imports_is_that_of_the_checked_contract() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    paragraph = next(part for part in page.split("\n\n") if part.startswith("`errors` ←"))
    house = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in house["contracts"] if contract["type"] == "layers")
    assert [set(re.findall(r"\w+", part)) for part in paragraph.split("←")] == [
        set(re.findall(r"qsession_sim\.(\w+)", layer)) for layer in reversed(layers)
    ]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not leads_somewhere(page, target)] == []


def leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    if not file.exists():
        return False
    text = file.read_text(encoding="utf-8") if anchor else ""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    return not anchor or anchor in anchors | set(re.findall(r'<a id="([\w-]+)"></a>', text))


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('# A Heading\n\n<a id="s7"></a>\n**S7.**\n', encoding="utf-8")
    targets = ("#a-heading", "#s7", "#other", "page.md", "none.md")
    assert [leads_somewhere(page, target) for target in targets] == [True, True, False, True, False]
