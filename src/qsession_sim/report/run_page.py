"""The page of a run: who waits, why, and what sessions cost; the timeline; tables; and how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from qsession_sim.errors import BundleError
from qsession_sim.report.embedded import embedded
from qsession_sim.report.html import (
    Markup,
    Report,
    element,
    joined,
    listing,
    named,
    percent_of,
    script_of,
    section_of,
    sign,
)
from qsession_sim.report.rows import counted
from qsession_sim.report.run_facts import MEANWHILE, USES, Facts, percentile
from qsession_sim.report.run_rows import MOST_ROWS, accounts_section
from qsession_sim.report.run_tables import meanwhile, outcomes_part, qpus_part, sessions_part, waiting_part
from qsession_sim.report.sections import Part, big, card, page_of, part
from qsession_sim.report.still import still_picture
from qsession_sim.report.text import readable_duration, short_name
from qsession_sim.report.timeline import GLYPHS, KINDS, MOST_SEGMENTS, Timeline, timeline_of
from qsession_sim.results.run import SavedRun
from qsession_sim.results.waits import PARTS

if TYPE_CHECKING:
    from qsession_sim.results.run import Run

_SIGNS: Final = {
    "◆": "close() called",
    "✕": "cancelled",
    "▼": "gives the QPU back",
    "ended": "ended by a limit",
}
_KEYS: Final = (
    "Timeline. Left and right arrows move it, plus and minus zoom, 0 shows all. Page down and page up choose "
    "a QPU or session, full stop and comma go from one stretch of it to the next or back, Enter zooms to it."
)
_WORDS: Final = {
    "waiting": "from the submission of a job to its last start; only jobs that started count",
    "95 %": "95 of 100 jobs waited at most so long",
    "held": "a session has the QPU, and none of its jobs runs on it",
    "interactive timeout (ITTL)": "how long a session may hold the idle QPU before it has to give it back",
    "usage": "what is charged: of a session, the time in which it has the QPU; else the QPU time of jobs",
    "max_time": "how long after its first start a session is ended",
}


def run_report(run: Run | SavedRun) -> Report:
    """The page of a run, which is the same for a run and for the same read back from disk.

    Raises:
        BundleError: if a saved run is damaged, or of a version that did not save what a page shows.
    """
    import polars as pl

    try:
        return _page(Facts(run))
    except (KeyError, pl.exceptions.ColumnNotFoundError) as error:
        if not isinstance(run, SavedRun):
            raise
        raise BundleError(
            f"the bundle {run.directory} is of a version that did not save all that a report shows "
            f"({error}); simulate its scenario again"
        ) from error


def _page(facts: Facts) -> Report:
    run = facts.run
    timeline = timeline_of(run, run.end_us)
    head = element("header", element("h1", named(facts.title)), *_heading(facts, timeline))
    script = script_of("timeline.js", "unpack.js", "report.js")
    data = embedded(timeline, about_sessions(run)) if timeline.end else None
    return page_of(facts.title, head, _cards(facts), _sections(facts, timeline), script, data)


def _sections(facts: Facts, timeline: Timeline) -> Iterator[Part]:
    yield part("timeline", "Timeline", *_timeline(timeline))
    if facts.groups:
        title = "Who waits, and what the QPU did meanwhile"
        yield part("waiting", title, *waiting_part(facts), short="Waiting")
    if facts.sessions.height:
        yield part("sessions", "What each session cost", *sessions_part(facts), short="Sessions")
    outcomes = list(outcomes_part(facts))
    if outcomes:
        yield part("outcomes", "What became of the jobs", *outcomes, short="Outcomes")
    if len(facts.summary["qpus"]) > 1:
        yield part("qpus", "How the QPUs spent their time", qpus_part(facts, timeline), short="QPUs")
    accounts = accounts_section(facts.summary["accounts"], MOST_ROWS)
    if accounts.body is not None:
        yield accounts.name, "Accounts", section_of(accounts)
    yield part("made", "How it was made", *_made(facts))


def _heading(facts: Facts, timeline: Timeline) -> Iterator[Markup]:
    summary, resolved = facts.summary, facts.resolved
    jobs, sessions = counted(facts.run.jobs.height, "job"), counted(facts.run.sessions.height, "session")
    also = f" and {sessions}" if facts.run.sessions.height else ""
    qpus = timeline.qpus
    where = joined([named(qpus[0])]) if len(qpus) == 1 else counted(len(qpus), "QPU")
    policies = ", ".join(f"{kind} {resolved['policies'][kind]['name']}" for kind in ("queue", "hold"))
    rest = f"; {policies}, seed {resolved['seed']}"
    length = readable_duration(summary["end_us"])
    yield element("p", f"{jobs}{also} in {length} on ", where, rest)
    if summary["warm_up_us"]:
        warm_up = readable_duration(summary["warm_up_us"])
        yield element("p", f"Numbers are without what came in the first {warm_up}, the warm-up.")
    never = [
        f"{counted(summary[name], thing)} {name.replace('_', ' ')}"
        for name, thing in (("never_submitted", "job"), ("never_created", "session"))
        if summary[name]
    ]
    if never:
        yield element("p", ", ".join(never), class_="warn")


# the three answers


def _cards(facts: Facts) -> Iterator[Markup]:
    yield card("Who waits?", *_who(facts))
    yield card("Why?", *_why(facts))
    yield card("What do sessions cost?", *_cost(facts))


def _unbroken(text: str) -> Markup:
    return element("span", text, class_="nw")


def _strong(text: str) -> Markup:
    return element("b", text, class_="nw" if text[0].isdigit() else None)


def _who(facts: Facts) -> Iterator[Markup]:
    everybody = facts.all
    if not len(everybody.waiting_us):
        yield big("nobody")
        yield element("p", _nothing_started(facts))
        return
    median, tail, longest = (percentile(everybody, percent) for percent in (50, 95, 100))
    if not longest:
        yield big("nobody")
        yield element("p", "Every job that started did so at once.")
        return
    yield big(readable_duration(tail))
    yield element(
        "p",
        "or less is how long 95 of 100 jobs wait; half of them at most ",
        _strong(readable_duration(median)),
        ".",
    )
    first, *_, final = [*facts.groups, facts.groups[-1]]
    if len(facts.groups) > 1:
        tails = [readable_duration(percentile(group, 95)) for group in (first, final)]
        names = [element("b", named(short_name(group.name, "…"))) for group in (first, final)]
        text = ("Longest: ", names[0], f", 95 % within {tails[0]}. Shortest: ", names[1], f", {tails[1]}.")
        yield element("p", *text, class_="sub")


def _nothing_started(facts: Facts) -> str:
    if not facts.run.jobs.height:
        return "No job was submitted."
    if not facts.jobs.height:
        return "All jobs were submitted during the warm-up, so none counts."
    rejected = (facts.jobs["status"].cast(str) == "REJECTED").sum()
    if rejected == facts.jobs.height:
        return "All jobs were rejected."
    return "No job started."


def _why(facts: Facts) -> Iterator[Markup]:
    total = sum(facts.all.parts_us)
    if not total:
        yield big("-")
        yield element("p", "Nobody waited.")
    else:
        shares = dict(zip(PARTS, (part / total for part in facts.all.parts_us), strict=True))
        most, second, *_ = sorted(shares, key=lambda part: -shares[part])
        other = "held" if shares["held"] and most != "held" else second
        yield big(percent_of(shares[most]))
        rest = (
            ("; ", _unbroken(percent_of(shares[other])), " while ", _strong(MEANWHILE[other]))
            if shares[other]
            else ()
        )
        yield element("p", "of all waiting passed while ", _strong(MEANWHILE[most]), *rest, ".")
        yield element("p", meanwhile(facts.all, 20), class_="sub")
    times: dict[str, int] = {}
    for qpu in facts.summary["qpus"].values():
        for kind, time_us in qpu["time_us"].items():
            times[kind] = times.get(kind, 0) + time_us
    spent = sum(times.values())
    if spent:
        used = [
            _unbroken(f"{kind} {percent_of(time_us / spent)}") for kind, time_us in times.items() if time_us
        ]
        commas = [joined((", ", one)) for one in used[1:]]
        which = "The QPU was " if len(facts.summary["qpus"]) == 1 else "QPUs were "
        yield element("p", which, used[0], *commas, " of the time.", class_="sub")


def _cost(facts: Facts) -> Iterator[Markup]:
    import polars as pl

    sessions = facts.sessions.filter(pl.col("mode").cast(pl.String) == "session")
    batches = facts.sessions.height - sessions.height
    if not sessions.height:
        yield big("nothing")
        yield element(
            "p", "No session was opened" + (f", and {counted(batches, 'batch')}." if batches else ".")
        )
        return
    usage, held, ran, others = (
        int(sessions[name].sum()) for name in ("usage_us", "held_us", "ran_us", "others_waited_held_us")
    )
    if not usage:
        yield big("nothing")
        yield element("p", "No session had the QPU.")
        return
    if ran:
        yield big(f"{usage / ran:.2f} s")
        yield element("p", "are charged for each second that a job of a session runs: ", *_used(usage, held))
    else:
        yield big(readable_duration(usage))
        yield element("p", "are charged, though no job of a session ran: ", *_used(usage, held))
    text = f"Others waited {readable_duration(others)}, summed over jobs, while sessions held the idle QPU."
    yield element("p", text if others else "Nobody else waited meanwhile.", class_="sub")


def _used(usage_us: int, held_us: int) -> tuple[str, ...]:
    return (
        f"{readable_duration(usage_us)} in all, of which ",
        _strong(readable_duration(held_us)),
        " held idle.",
    )


# the timeline


def _timeline(timeline: Timeline) -> Iterator[Markup]:
    if not timeline.end:
        yield element("p", "The run ended at its first instant, so there is nothing to draw.", class_="lead")
        return
    yield element("ul", *_key(timeline), class_="key")
    if timeline.cell:
        cell = readable_duration(timeline.cell * timeline.unit_us)
        text = f"The run has more than {MOST_SEGMENTS:,} stretches. Of those that lie within {cell} only "
        text += "shares are drawn, and of queues the longest. "
        yield element(
            "p",
            text,
            element("code", "qsession-sim export"),
            " writes every one for a viewer of traces.",
            class_="lead",
        )
    yield still_picture(timeline)
    yield timeline_box(hidden=True)


def timeline_box(*, hidden: bool = False) -> Markup:
    """What `timeline.js` draws in, with what moves it."""
    zooms = (("+", "0.5", "Zoom in"), ("\N{MINUS SIGN}", "2", "Zoom out"), ("All", "all", None))
    buttons = [
        element("button", text, type="button", data_zoom=by, title=title, aria_label=title)
        for text, by, title in zooms
    ]
    field = element(
        "input",
        type="search",
        placeholder="session or job",
        list="names-of-sessions",
        size="16",
        autocomplete="off",
    )
    label = element("label", "Find ", field)
    hint = element("span", "drag it, turn the wheel with Ctrl, or use the arrow keys, + and -", class_="hint")
    tools = element("div", *buttons, label, element("datalist", id="names-of-sessions"), hint, class_="tools")
    canvas = element("canvas", tabindex="0", role="application", aria_label=_KEYS)
    say = element("p", aria_live="polite", class_="say")
    tip = element("div", class_="tip", hidden=True)
    return element("div", tools, canvas, say, tip, class_="timeline", hidden=hidden)


def _key(timeline: Timeline) -> Iterator[Markup]:
    """Only what occurs."""
    kinds = [KINDS[number] for number in np.unique(timeline.segments["kind"]).tolist()]
    glyphs = [GLYPHS[list(GLYPHS)[word]] for word in np.unique(timeline.marks["word"]).tolist()]
    return signs(kinds, glyphs, sessions=bool(timeline.session_names))


def signs(kinds: Iterable[str], glyphs: Iterable[str], *, sessions: bool) -> Iterator[Markup]:
    """What colours, lines and letters of a timeline mean.

    Args:
        kinds: words of `KINDS`.
        glyphs: values of `GLYPHS`.
        sessions: whether there are any.
    """
    for kind in kinds:
        swatch = element("rect", width=12, height=12, rx=2, class_=f"f-{kind}")
        yield element("li", sign(swatch), USES[kind])
    if sessions:
        for kind, text in (("l-waiting", "waits in the queue"), ("l-open", "open")):
            yield element("li", sign(element("path", d="M0 6H12", class_=f"key-{kind}")), text)
    for glyph in dict.fromkeys(glyphs):
        if glyph == "ended":
            drawn = sign(element("path", d="M6 0V12", class_=glyph))
        else:
            drawn = element("span", glyph, aria_hidden="true")
        yield element("li", drawn, " ", _SIGNS[glyph])


def about_sessions(run: Run | SavedRun) -> Iterator[str]:
    """A sentence for each session, which is said when it is found."""
    columns = ("mode", "account", "qpu", "state", "reason", "usage_us", "held_us", "jobs_done")
    rows = run.sessions.select(columns).iter_rows()
    for mode, account, qpu, state, reason, usage_us, held_us, done in rows:
        where = "" if qpu is None else f" on {qpu}"
        ended = state if reason in {None, "CLOSED"} else f"{state} ({reason})"
        times = f"usage {readable_duration(usage_us)}, held {readable_duration(held_us)}"
        yield f"{mode} of {account}{where}, {ended}, {counted(done, 'job')} done, {times}"


# how it was made


def _made(facts: Facts) -> Iterator[Markup]:
    provenance, resolved = facts.run.provenance, facts.resolved
    versions = ", ".join(f"{name} {number}" for name, number in provenance["versions"].items())
    lines: dict[str, Markup] = {"versions": joined([versions])}
    command = "qsession-sim run scenario.resolved.json"
    yield element(
        "p",
        "Run from the directory that ",
        element("code", "run -o"),
        " wrote, this repeats it:",
        class_="lead",
    )
    yield element("pre", element("code", command), class_="command")
    lines["seed"] = joined([str(resolved["seed"])])
    if provenance["overrides"]:
        lines["settings"] = joined([", ".join(provenance["overrides"])])
    for kind, policy in provenance["policies"].items():
        given = {name: value for name, value in policy.items() if name != "name"}
        lines[f"{kind} policy"] = joined([policy["name"], f" {json.dumps(given)}" if given else ""])
    for name, digest in provenance["digests"].items():
        if isinstance(digest, str):
            lines[f"SHA-256 of the {name}"] = element("code", digest)
    yield listing(lines)
    yield element("h3", "Words")
    yield listing({word: joined([text]) for word, text in _WORDS.items()})
