"""The documentation as a site: python -m sphinx -n -W --keep-going -b html docs build/docs."""

import re
from pathlib import Path

from sphinx.application import Sphinx

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


def setup(app: Sphinx) -> None:
    """Connect what is above with Sphinx."""
    app.connect("source-read", tables_of_contents)
    app.connect("source-read", targets)
