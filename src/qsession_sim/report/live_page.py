"""The page of a run that goes on, and what it is sent: the timeline up to now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qsession_sim.report.embedded import embedded
from qsession_sim.report.html import Report, element, named, page, script_of, section
from qsession_sim.report.rows import counted
from qsession_sim.report.run_page import about_sessions, signs, timeline_box
from qsession_sim.report.text import readable_duration
from qsession_sim.report.timeline import GLYPHS, KINDS, timeline_of

if TYPE_CHECKING:
    from qsession_sim.results.run import Run

MOST_SEGMENTS: Final = 20_000
"""Of more stretches, neighbours are merged: the page is sent all of them again and again."""

SCRIPTS: Final = ("timeline.js", "unpack.js", "live.js")


def live_page(title: str, events: str) -> Report:
    """The page.

    Args:
        title: of the scenario; may be empty.
        events: the path of the server-sent events, each of them a document of `live_event`.
    """
    heading = title or "A run without a title"
    status = element("p", "Waiting for the server.", class_="status", role="status")
    key = element("ul", *signs(KINDS, GLYPHS.values(), sessions=True), class_="key")
    without = element("noscript", element("p", "The timeline needs the script of this page.", class_="warn"))
    part = section("timeline", "Timeline, live", key, without, timeline_box(hidden=True))
    header = element("header", element("h1", named(heading)), status)
    body = (header, element("main", part))
    return page(
        heading,
        *body,
        script=script_of(*SCRIPTS),
        asks_its_server=True,
        body={"data_events": events},
    )


def live_event(run: Run, *, is_over: bool) -> dict[str, Any]:
    """What the page is sent, as JSON values: a sentence, whether the run is over and, once time has passed,
    the packed timeline.

    Example:
        >>> import qsession_sim as qs
        >>> event = live_event(qs.simulate({"workload": []}), is_over=True)
        >>> event["text"], event["over"], "columns" in event
        ('The run is over after 0 s: 0 jobs submitted, 0 wait for the QPU; 0 sessions open.', True, False)
    """
    ended = run.jobs["completed_us"].is_not_null() | (run.jobs["status"].cast(str) == "REJECTED")
    waiting = (run.jobs["started_us"].is_null() & ~ended).sum()
    still_open = run.sessions["closed_us"].is_null().sum()
    when = f"{'The run is over after' if is_over else 'Simulated'} {readable_duration(run.end_us)}"
    wait = f"{waiting:,} {'waits' if waiting == 1 else 'wait'} for the QPU"
    jobs, sessions = counted(run.jobs.height, "job"), counted(int(still_open), "session")
    text = f"{when}: {jobs} submitted, {wait}; {sessions} open."
    event: dict[str, Any] = {"text": text, "over": is_over}
    timeline = timeline_of(run, run.end_us, MOST_SEGMENTS)
    return {**event, **embedded(timeline, about_sessions(run))} if timeline.end else event
