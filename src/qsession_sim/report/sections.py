"""Pages of answers and sections: cards on top, and links to what is below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qsession_sim.report.html import Markup, Report, element, page, section

Part = tuple[str, str, Markup]
"""The name of a section, the text that leads to it, and the section."""


def part(name: str, title: str, *children: str, short: str | None = None) -> Part:
    """A section with a link to it, which is its title or something shorter."""
    return name, short or title, section(name, title, *children)


def card(title: str, *lines: str) -> Markup:
    """An answer on top of a page."""
    return element("section", element("h2", title), *lines)


def big(text: str) -> Markup:
    """The number or the word in a card."""
    return element("p", text, class_="big")


def page_of(
    title: str,
    head: Markup,
    cards: Iterable[Markup],
    contents: Iterable[Part],
    script: str,
    data: Mapping[str, str] | None = None,
) -> Report:
    """A page of cards and sections, with links to them; `script` and `data` are as of `page`."""
    parts = list(contents)
    nav = element(
        "nav", *(element("a", text, href=f"#{name}") for name, text, _ in parts), aria_label="On this page"
    )
    main = element("main", element("div", *cards, class_="cards"), *(made for _, _, made in parts))
    return page(title, head, nav, main, script=script, data=data)
