"""The documentation as a site stands on its own: its pages load nothing from elsewhere, and lead somewhere."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qsession_sim.scenario.keys import key_groups

SITE = os.environ.get("BUILT_SITE")
DOCS = Path(__file__).parents[2] / "docs"
LOADING = {("link", "href"), *((tag, "src") for tag in ("script", "img", "iframe", "source", "embed"))}
FOREIGN = re.compile(r"(?i)^\s*(?:[a-z]+:)?//")
IN_STYLES = re.compile(r"""(?i)(?:url\(|@import)\s*['"]?((?:[a-z]+:)?//[^'")\s]+)""")
IN_SCRIPTS = re.compile(r"""(?i)(?:import|fetch|importScripts)\s*\(?\s*['"]((?:https?:)?//[^'"]+)""")


class Loads(HTMLParser):
    """The addresses from which a page loads something, and the ids in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        self.addresses += [value for name, value in attrs if (tag, name) in LOADING and value]
        self.addresses += [
            part.split()[0] for name, value in attrs if name == "srcset" for part in value.split(",")
        ]
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])


def foreign(path: Path) -> list[str]:
    """What a file of the site loads from elsewhere."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        return IN_STYLES.findall(text)
    if path.suffix == ".js":
        return IN_SCRIPTS.findall(text)
    return [address for address in Loads(text).addresses if FOREIGN.match(address)] + IN_STYLES.findall(text)


@pytest.fixture(scope="module")
def site() -> Path:
    if SITE is None:
        pytest.skip("build the site with the extra docs, and name its directory in BUILT_SITE")
    return Path(SITE)


def test_foreign_addresses_are_found(tmp_path):
    page, style, script = tmp_path / "a.html", tmp_path / "a.css", tmp_path / "a.js"
    page.write_text(
        '<a href="https://a.example">x</a><img src="//b.example/i.png"><link href="http://c.example/c.css">'
        '<script src="here.js"></script><style>p {background: url(https://d.example/d.png)}</style>'
    )
    style.write_text("@import 'https://e.example/e.css'; b {background: url(f.png)} /* https://g.example */")
    script.write_text('import("https://h.example/h.js"); const page = "https://i.example"')
    assert foreign(page) == ["//b.example/i.png", "http://c.example/c.css", "https://d.example/d.png"]
    assert foreign(style) == ["https://e.example/e.css"]
    assert foreign(script) == ["https://h.example/h.js"]


def test_no_page_loads_anything_from_elsewhere(site):
    files = [path for path in site.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"}]
    assert {path.name for path in files} >= {"index.html", "semantics.html", "furo.css"}
    assert {path.name: found for path in files if (found := foreign(path))} == {}


def test_every_page_of_the_folder_is_a_page_of_the_site(site):
    pages = [path for path in DOCS.rglob("*.md") if "examples" not in path.parts and path.stem != "README"]
    missing = [page for page in pages if not (site / page.relative_to(DOCS).with_suffix(".html")).exists()]
    assert missing == []


def test_every_key_has_its_anchor(site):
    ids = Loads((site / "reference" / "keys.html").read_text("utf-8")).ids
    assert {key.anchor for group in key_groups() for key in group.keys} - ids == set()


def test_rules_that_pages_name_are_links(site):
    pages = {name: Loads((site / f"{name}.html").read_text("utf-8")) for name in ("semantics", "results")}
    rules = set(re.findall(r"^\*\*S(\d+)\.", (DOCS / "semantics.md").read_text("utf-8"), re.MULTILINE))
    assert {f"s{number}" for number in rules} - pages["semantics"].ids == set()
    named = set(re.findall(r"\bS(\d+)\b", (DOCS / "results.md").read_text("utf-8"))) & rules
    assert {f"semantics.html#s{number}" for number in named} - set(pages["results"].links) == set()


def test_links_inside_the_site_lead_to_a_page_and_an_anchor(site):
    pages = {path: Loads(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if ":" in link or link == "#":
                continue
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].ids):
                broken.append(f"{path.name}: {link}")
    assert broken == []
