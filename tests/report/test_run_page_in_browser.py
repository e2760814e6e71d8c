"""The page of a run in a browser: it asks for nothing, speaks, fits, and draws what the columns say.

These tests need Chromium, as Debian packs it, and one of them axe-core: the file that AXE_CORE names, or what
`npm install axe-core` put beside the project.
"""

from __future__ import annotations

import math
import re
from functools import partial
from itertools import product

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from random_examples import examples
from report.browser import CHROMIUM, made_once
from report.pages import ODD, brought, odd, shipped, study

import qsession_sim as qs
from qsession_sim.report.style import DARK, LIGHT
from qsession_sim.report.timeline import KINDS, timeline_of
from qsession_sim.testing.strategies import scenarios

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

RUNS = ("quickstart", "busy_day", "course", "max_timeout")
STUDIES = ("comparison", "sweep", "search")
PAGES = (
    {name: partial(odd, name) for name in ODD}
    | {name: partial(shipped, name) for name in RUNS}
    | {name: partial(study, name) for name in STUDIES}
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The file of a page, by its name."""
    return made_once(PAGES, tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_its_only_request_and_nothing_goes_wrong(chromium, pages, name):
    chromium.show(pages(name))
    assert (chromium.requests, chromium.messages) == ([pages(name).as_uri()], [])


@pytest.mark.parametrize(("name", "width"), [*product(PAGES, (400, 1600))])
def test_nothing_is_wider_than_the_screen(chromium, pages, name, width):
    chromium.show(pages(name), width=width)
    assert chromium.run("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    hidden = "!e.closest('caption, thead, svg, .tip, .scroll')"
    assert chromium.run(f"{wide}.filter(e => {hidden}).map(e => e.outerHTML.slice(0, 99))") == []


@pytest.mark.parametrize(("name", "dark", "width"), [*product(PAGES, (False, True), (400, 1280))])
def test_axe_finds_no_violation(chromium, pages, name, dark, width):
    chromium.show(pages(name), dark=dark, width=width)
    violations = chromium.violations()
    assert violations == []


def said(chromium, key):
    """What the page says after a key."""
    chromium.key(key)
    return chromium.run("document.querySelector('.say').textContent")


def test_a_walk_with_the_keyboard_says_what_is_there(chromium, pages):
    """Of the quickstart: everyday-1 runs from 10 s to 30 s, then tuning-1; notebook waits from 50 s on."""
    chromium.show(pages("quickstart"))
    for _ in range(20):
        chromium.key("Tab")
        if chromium.run("document.activeElement.tagName") == "CANVAS":
            break
    assert chromium.run("document.activeElement.getAttribute('role')") == "application"
    assert "arrows" in chromium.run("document.activeElement.getAttribute('aria-label')")
    assert chromium.run("document.querySelector('.say').getAttribute('aria-live')") == "polite"
    assert said(chromium, ".") == "the QPU is free for 10 s, from 0 s"
    assert said(chromium, ".") == "everyday-1 runs for 20 s, from 10 s"
    assert said(chromium, ".") == "tuning-1 runs for 10 s, from 30 s"
    assert said(chromium, ".") == "tuning holds the idle QPU for 5 s, from 40 s"
    assert said(chromium, ",") == "tuning-1 runs for 10 s, from 30 s"
    assert said(chromium, "PageDown") == "tuning waits in the queue for 15 s, from 15 s"
    assert said(chromium, "PageDown") == "notebook waits in the queue for 1m 5s, from 50 s"
    spoken = [said(chromium, ".") for _ in range(6)]
    assert "notebook was idle for its interactive timeout and gives the QPU back, at 3m 40s" in spoken
    assert said(chromium, "PageUp").startswith("tuning ")
    assert said(chromium, "Escape") == ""


def view(chromium):
    """From when to when the timeline shows the run, in ticks."""
    return chromium.run("shown.window()")[:2]


def test_keys_and_buttons_move_and_zoom(chromium, pages):
    chromium.show(pages("quickstart"))
    end = 350_000_000
    assert view(chromium) == [0, end]
    chromium.run("document.querySelector('canvas').focus()")
    chromium.key("+")
    assert view(chromium) == pytest.approx([0.2 * end, 0.8 * end])
    chromium.key("ArrowRight")
    assert view(chromium) == pytest.approx([0.29 * end, 0.89 * end])
    chromium.key("End")
    assert view(chromium) == pytest.approx([0.4 * end, end])
    chromium.key("0")
    assert view(chromium) == [0, end]
    chromium.run("document.querySelector('[data-zoom=\"0.5\"]').click()")
    assert view(chromium) == pytest.approx([0.25 * end, 0.75 * end])
    chromium.run("document.querySelector('[data-zoom=all]').click()")
    assert view(chromium) == [0, end]


def test_sessions_and_jobs_are_found_by_name(chromium, pages):
    chromium.show(pages("busy_day"))
    entered = "i.value = f; i.dispatchEvent(new Event('change', {bubbles: true}))"
    answer = "return document.querySelector('.say').textContent"
    find = f"f => {{ const i = document.querySelector('input'); {entered}; {answer} }}"
    assert chromium.run(f"({find})('vqe/4')").startswith(
        "vqe/4: session of molecules on torino, closed, 150 jobs done"
    )
    run = shipped("busy_day")
    start, end = (
        run.intervals.filter(run.intervals["job"] == "physics/1000").select("start_us", "end_us").row(0)
    )
    assert chromium.run(f"({find})('physics/1000')").startswith("physics/1000 runs for ")
    first, last = view(chromium)
    assert first * 100 < start
    assert end < last * 100
    assert chromium.run(f"({find})('nobody')") == "nothing here is called nobody"
    assert chromium.run(
        "document.querySelector('a[data-session]').click(), document.querySelector('.say').textContent"
    )


def test_tables_are_sorted_by_their_headings_and_sums_stay_last(chromium, pages):
    chromium.show(pages("quickstart"))
    names = "[...document.querySelectorAll('#waiting tbody th')].map(e => e.textContent)"
    press = "[...document.querySelectorAll('#waiting thead button')][{}].click()"
    assert chromium.run(names) == ["dave", "carol", "bob", "alice", "all"]
    chromium.run(press.format(1))  # the number of jobs: 2, 3, 3, 4
    assert chromium.run(names) == ["alice", "carol", "bob", "dave", "all"]
    assert (
        chromium.run("document.querySelector('#waiting th[aria-sort]').getAttribute('aria-sort')")
        == "descending"
    )
    chromium.run(press.format(1))
    assert chromium.run(names) == ["dave", "carol", "bob", "alice", "all"]
    chromium.run(press.format(0))
    assert chromium.run(names) == ["alice", "bob", "carol", "dave", "all"]


def colours_of_strip(chromium, top, height):
    """How many pixels of each colour a strip of the canvas has, without the labels beside it."""
    count = f"""(() => {{
        const canvas = document.querySelector('canvas'), c = canvas.getContext('2d'), found = {{}};
        const left = shown.window()[2], d = c.getImageData(left, {top}, canvas.width - left, {height}).data;
        for (let i = 0; i < d.length; i += 4) {{
            const name = '#' + [d[i], d[i + 1], d[i + 2]].map(v => v.toString(16).padStart(2, '0')).join('');
            found[name] = (found[name] || 0) + 1;
        }}
        return found;
    }})()"""
    return chromium.run(count)


@pytest.mark.parametrize("dark", [False, True])
def test_a_strip_has_each_colour_for_the_share_of_time_that_it_stands_for(chromium, pages, dark):
    """However many stretches a pixel stands for: of the busy day's 12,706 none is left out."""
    chromium.show(pages("busy_day"), dark=dark)
    run = shipped("busy_day")
    segments = timeline_of(run, run.end_us).segments
    pixels = colours_of_strip(chromium, 20, 40)
    total = sum(pixels.values())
    for number, kind in enumerate(KINDS):
        share = segments["duration"][segments["kind"] == number].sum() / segments["duration"].sum()
        fill = (DARK if dark else LIGHT).fills[kind]
        assert pixels.get(fill, 0) / total == pytest.approx(share, abs=0.03), kind


def test_a_page_with_merged_stretches_draws_the_same_shares(chromium, tmp_path, monkeypatch):
    run = shipped("busy_day")
    made = timeline_of(run, run.end_us, most=3_000)
    monkeypatch.setattr("qsession_sim.report.run_page.timeline_of", lambda run, end_us: made)
    page = tmp_path / "merged.html"
    assert brought(run.report(page) and page.read_text(encoding="utf-8")).names["cell"] > 0
    chromium.show(page)
    assert chromium.messages == []
    pixels = colours_of_strip(chromium, 20, 40)
    held = run.summary_parts["qpus"]["torino"]["share"]["held"]
    assert pixels[LIGHT.fills["held"]] / sum(pixels.values()) == pytest.approx(held, abs=0.02)
    group, kind, duration = (made.segments[name].tolist() for name in ("group", "kind", "duration"))
    assert group[:3] == [1, 2, 0]  # the first two stand for all until the first long stretch
    shares = {
        KINDS[k]: f"{100 * d / sum(duration[:2]):.1f} %" for k, d in zip(kind[:2], duration[:2], strict=True)
    }
    chromium.run("document.querySelector('canvas').focus()")
    spoken = said(chromium, ".")
    assert spoken.startswith(f"{shares['batch']} batch, {shares['free']} free for ")
    assert "NaN" not in spoken + "".join(said(chromium, ".") for _ in range(30))


@pytest.mark.parametrize("name", ["quickstart", "busy_day"])
def test_on_paper_the_picture_stands_in_place_of_the_canvas(chromium, pages, name):
    """Also of a page that was on paper from the start, and is shown on a screen later."""
    displays = "[...document.querySelectorAll('.still, .timeline')].map(e => getComputedStyle(e).display)"
    chromium.show(pages(name), media="print")
    assert chromium.run(displays) == ["grid", "none"]
    chromium.call("Emulation.setEmulatedMedia", media="screen")
    assert chromium.run(displays) == ["none", "block"]
    assert chromium.run("new Promise(done => setTimeout(() => done(shown.window()[2]), 200))") > 0
    assert len(chromium.call("Page.printToPDF")["data"]) > 10_000
    assert chromium.run("1 + 1") == 2  # the page still answers


def test_without_its_script_a_page_has_the_picture(chromium, pages):
    """What is shown is asked of the browser, since the page itself says nothing."""
    chromium.show(pages("quickstart"), script=False)
    root = chromium.call("DOM.getDocument")["root"]["nodeId"]
    nodes = [
        chromium.call("DOM.querySelector", nodeId=root, selector=s)["nodeId"] for s in (".still", ".timeline")
    ]
    chromium.call("CSS.enable")
    styles = [chromium.call("CSS.getComputedStyleForNode", nodeId=node)["computedStyle"] for node in nodes]
    displays = [next(one["value"] for one in style if one["name"] == "display") for style in styles]
    assert displays == ["grid", "none"]


def test_hostile_names_run_nothing(chromium, pages):
    chromium.show(pages("hostile names"))
    assert chromium.run("document.querySelectorAll('img, script').length") == 3
    assert chromium.run("document.title").startswith("</script><script>alert(1)</script>")


def pointed(chromium, kind, x, y, **more):
    """Move, press or turn a mouse over a place of the timeline; what is said beside the pointer."""
    box = chromium.run("(r => [r.left, r.top])(document.querySelector('canvas').getBoundingClientRect())")
    chromium.call("Input.dispatchMouseEvent", type=kind, x=box[0] + x, y=box[1] + y, **more)
    return chromium.run("(e => e.hidden ? '' : e.textContent)(document.querySelector('.tip'))")


def test_the_mouse_tells_lengths_of_queues_as_the_table_has_them(chromium, pages):
    """A pixel stands for a third of a second, in whose middle nothing happens at these times."""
    chromium.show(pages("quickstart"), height=1200)
    queue = shipped("quickstart").queue_length
    begin, end, left = chromium.run("shown.window()")
    width = chromium.run("document.querySelector('canvas').clientWidth") - left
    for second in (5, 17, 22, 63, 82, 120, 200, 272, 290, 349):
        at_us = second * 1_000_000
        expected = queue.filter(queue["time_us"] <= at_us)["queued"][-1]
        said_there = pointed(chromium, "mouseMoved", left + (at_us - begin) / (end - begin) * width, 80)
        assert said_there.startswith(f"{expected} jobs are queued at ")


def test_the_mouse_tells_what_a_qpu_and_sessions_do(chromium, pages):
    chromium.show(pages("quickstart"), height=1200)
    begin, end, left = chromium.run("shown.window()")
    width = chromium.run("document.querySelector('canvas').clientWidth") - left

    def told(second, y):
        return pointed(chromium, "mouseMoved", left + (second * 1_000_000 - begin) / (end - begin) * width, y)

    assert told(20, 40) == "everyday-1 runs for 20 s, from 10 s"
    assert told(42, 40) == "tuning holds the idle QPU for 5 s, from 40 s"
    assert told(20, 118) == "tuning waits in the queue for 15 s, from 15 s"
    assert told(35, 118) == "tuning-1 runs for 10 s, from 30 s"
    assert told(80, 118) == "tuning close() is called, at 1m 20s"
    assert told(240, 140) == "notebook is open, and none of its jobs waits or runs"
    assert told(5, 118) == ""


def test_the_mouse_drags_and_zooms_at_its_place(chromium, pages):
    """Of 350 s: with Ctrl the wheel zooms by exp(0.002 x 500) = e around its place, where the run stays."""
    chromium.show(pages("quickstart"), height=1200)
    left = chromium.run("shown.window()")[2]
    width = chromium.run("document.querySelector('canvas').clientWidth") - left
    end = 350_000_000
    place = {"x": left + width / 4, "y": 40}
    pointed(chromium, "mouseWheel", **place, deltaX=0, deltaY=-500, modifiers=2)
    assert view(chromium) == pytest.approx(
        [end / 4 * (1 - 1 / math.e), end / 4 + end * 3 / 4 / math.e], rel=0.01
    )
    before = view(chromium)
    pointed(chromium, "mousePressed", **place, button="left", clickCount=1)
    pointed(chromium, "mouseMoved", left + width / 4 - width / 10, 40, button="left", buttons=1)
    pointed(chromium, "mouseReleased", left + width / 4 - width / 10, 40, button="left", clickCount=1)
    moved = (before[1] - before[0]) / 10
    assert view(chromium) == pytest.approx([before[0] + moved, before[1] + moved], rel=0.01)
    assert chromium.run("document.querySelector('.say').textContent") == ""
    pointed(chromium, "mouseWheel", **place, deltaX=0, deltaY=100)  # the page scrolls
    assert view(chromium) == pytest.approx([before[0] + moved, before[1] + moved], rel=0.01)


@settings(
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=examples(25),
    suppress_health_check=list(HealthCheck),
)
@given(scenario=scenarios())
def test_random_runs_are_drawn_and_walked_without_errors(chromium, pages, scenario):
    run = qs.simulate(scenario)
    page = pages("quickstart").with_name("random.html")
    page.unlink(missing_ok=True)
    run.report(page)
    chromium.show(page)
    if run.end_us:
        chromium.run("document.querySelector('canvas').focus()")
        keys = (".", ".", "PageDown", ".", ".", "Enter", "PageDown", "+", "End", ".", "PageUp", "0", ",")
        spoken = [said(chromium, key) for key in keys]
        assert not re.search("NaN|undefined|null", "".join(spoken))
    assert chromium.messages == []
