"""The frame of pages: nothing gets out of its text, nothing is asked of anybody, tables have their rows."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest

from qsession_sim.errors import WorkloadFileError
from qsession_sim.report.html import Markup, Report, element, page, parts, section, table, text
from qsession_sim.report.rows import Column, Count, Duration, Share, Table, words

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a & b",
    "שלום",
    "🙂",
    "x" * 200,
)


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and its text without styles and scripts."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._skipped = False
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._skipped = tag in {"script", "style"}

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        self._skipped = False

    def handle_data(self, data):
        if not self._skipped:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_literally_wherever_they_stand(name):
    made = page(name, section("one", name, element("p", name, title=name)))
    parsed = Parsed(made.html)
    assert [tag for tag, _ in parsed.tags if tag in {"script", "img"}] == []
    assert [given["title"] for tag, given in parsed.tags if tag == "p"] == [name]
    assert parsed.text.count(name) == 3  # the title, the heading and the paragraph


def test_what_nobody_sees_is_written_out():
    assert text("two\nlines \u202e<") == "two lines \\u202e&lt;"


def test_markup_is_not_escaped_twice():
    assert element("p", element("b", "a<b"), "&") == "<p><b>a&lt;b</b>&amp;</p>"


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page():
    made = page("A run", script="1 < 2;\n", data={"columns": "YQ=="}).html
    (style,) = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    digests = [
        "sha256-" + b64encode(hashlib.sha256(content.encode()).digest()).decode()
        for content in (style, "1 < 2;\n")
    ]
    (policy,) = [
        given["content"]
        for tag, given in Parsed(made).tags
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == (
        f"default-src 'none'; style-src '{digests[0]}'; script-src '{digests[1]}'; base-uri 'none'; form-action 'none'"
    )
    assert '<script type="text/plain" id="columns">YQ==</script>' in made
    assert made.endswith("<script>1 < 2;\n</script></body></html>\n")


def test_a_page_without_a_script_allows_none():
    assert "script-src" not in page("A run").html


def test_no_page_has_a_style_attribute_which_its_policy_would_refuse():
    bar = parts(("held", 0.25, "held 25 %"), ("free", 0.75, "free 75 %"), label="a bar")
    made = page("A run", bar)
    assert not any(
        name == "style" or name.startswith("on") for _, given in Parsed(made.html).tags for name in given
    )


def test_a_bar_has_a_rectangle_for_each_share_one_after_the_other():
    """25 % begin at 0, the other 75 % at 25; a share of 0 is not drawn."""
    bar = Parsed(parts(("held", 0.25, "h"), ("down", 0.0, "d"), ("free", 0.75, "f"), label="a bar"))
    drawn = [(given["class"], given["x"], given["width"]) for tag, given in bar.tags if tag == "rect"]
    assert drawn == [("f-held", "0%", "25%"), ("f-free", "25%", "75%")]


def test_a_table_has_headings_and_numbers_that_can_be_sorted():
    shown = Table(
        words("source", ["a<b"]),
        (
            Column("jobs", (Count(12_000),)),
            Column("95 %", (Duration(2_350_000),)),
            Column("share", (Share(None),)),
            Column("", (Markup("<svg></svg>"),)),
        ),
    )
    assert table(shown, "who waits") == (
        '<table><caption>who waits</caption><thead><tr><th scope="col">source</th>'
        '<th scope="col" class="n">jobs</th><th scope="col" class="n">95 %</th>'
        '<th scope="col" class="n">share</th><th scope="col" class="w"></th></tr></thead>'
        '<tbody><tr><th scope="row">a&lt;b</th><td class="n" data-head="jobs" data-value="12000">12,000</td>'
        '<td class="n" data-head="95 %" data-value="2350000">2.35 s</td>'
        '<td class="n" data-head="share">-</td><td class="w"><svg></svg></td></tr></tbody></table>'
    )


def test_a_report_replaces_a_report_and_nothing_else(tmp_path):
    place = tmp_path / "page.html"
    assert page("One").save(place) == place
    page("Two").save(place)
    assert "<title>Two - qsession-sim</title>" in place.read_text(encoding="utf-8")
    other = tmp_path / "other.html"
    other.write_text("<!doctype html>", encoding="utf-8")
    with pytest.raises(WorkloadFileError, match=r"other\.html: is there already, and is no report"):
        page("One").save(other)
    assert other.read_text(encoding="utf-8") == "<!doctype html>"


def test_a_notebook_shows_a_report_in_a_frame_and_says_in_one_line_what_it_is():
    made = Report("A <run>", "<p>é</p>")
    assert repr(made) == "Report('A <run>', 9 bytes; save(path) writes it)"
    assert made._repr_html_() == (
        '<iframe title="A &lt;run&gt;" width="100%" height="720" srcdoc="&lt;p&gt;é&lt;/p&gt;"></iframe>'
    )
