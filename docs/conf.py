"""The documentation as a site: python -m sphinx -n -W --keep-going -b html docs build/docs."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

import qsession_sim

project = "qsession-sim"
author = "The qsession-sim contributors"
release = version = qsession_sim.__version__
copyright = f"{author}; Apache-2.0"  # noqa: A001 - Sphinx reads it under this name
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md", "examples"]  # the former is in index.rst
myst_heading_anchors = 4  # as GitHub makes them
smartquotes_action = "D"  # between a name and what it is; quotes stay as they are written
default_role = "code"  # single backquotes in docstrings
nitpick_ignore_regex = [("py:class", ".*")]  # types in signatures: those that are on no page are no links
html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = html_show_sourcelink = False

_SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n)*)", re.MULTILINE)
_ANCHOR = re.compile(r'^<a id="([\w-]+)"></a>$', re.MULTILINE)
_RULES = re.findall(
    r"^\*\*(S\d+)\.", (Path(__file__).parent / "semantics.md").read_text("utf-8"), re.MULTILINE
)
_RULE = re.compile(rf"\b({'|'.join(_RULES)})\b")
_PAGE = re.compile(r"^- \[[^\]]+\]\(([\w/]+)\.(?:md|rst)\)", re.MULTILINE)


def tables_of_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add the lists of pages in README.md to the first page, as what Sphinx makes the sidebar of."""
    if page == "index":
        for caption, text in _SECTION.findall((Path(__file__).parent / "README.md").read_text("utf-8")):
            pages = "".join(f"   {name}\n" for name in _PAGE.findall(text))
            source[0] += f"\n.. toctree::\n   :hidden:\n   :caption: {caption}\n\n{pages}"


def targets(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Make targets of anchors on lines of their own, so that links to them are checked."""
    source[0] = _ANCHOR.sub(r"(\1)=", source[0])


class RuleLinks(SphinxPostTransform):
    """Makes a link of each rule that a text names, such as S13."""

    default_priority = 900

    def run(self, **_: Any) -> None:
        """Put links in place of names, where no link, heading or code is."""
        page = self.env.docname
        there = self.app.builder.get_relative_uri(page, "semantics") if page != "semantics" else ""
        for text in list(self.document.findall(nodes.Text)):
            if not isinstance(
                text.parent, (nodes.reference, nodes.title, nodes.literal, nodes.literal_block)
            ):
                parts = [part for part in _RULE.split(text) if part]
                if len(parts) > 1 or _RULE.fullmatch(text):
                    text.parent.replace(text, [_linked(part, there) for part in parts])


def _linked(part: str, there: str) -> nodes.Node:
    if not _RULE.fullmatch(part):
        return nodes.Text(part)
    return nodes.reference("", part, internal=True, refuri=f"{there}#{part.lower()}")


def setup(app: Sphinx) -> None:
    """Connect what is above with Sphinx."""
    app.connect("source-read", tables_of_contents)
    app.connect("source-read", targets)
    app.add_post_transform(RuleLinks)
