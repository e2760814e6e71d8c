"""What is shown of a run: who waited, what QPUs did, what sessions and accounts used; and of its workload."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from qsession_sim.queueing.statistics import exact_sum
from qsession_sim.report.rows import (
    Cell,
    Column,
    Count,
    Document,
    Duration,
    Emphasis,
    Lane,
    More,
    Note,
    Number,
    Section,
    Share,
    State,
    Stretch,
    Table,
    Timeline,
    counted,
    counts,
    durations,
    words,
)
from qsession_sim.report.text import readable_duration
from qsession_sim.results.columns import IntervalKind, interval_columns, session_columns
from qsession_sim.results.periods import (
    Periods,
    accepted_jobs,
    busy_periods,
    down_periods,
    job_qpu,
    queue_stays,
    queued_jobs,
)
from qsession_sim.results.record import Record
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason, SessionState
from qsession_sim.workload.columns import Int64Array, Workload

MOST_ROWS: Final = 20

_OUTCOMES: Final = {
    "done": ("DONE",),
    "error": ("ERROR",),
    "cancelled": ("CANCELLED",),
    "rejected": ("REJECTED",),
    "unfinished": ("QUEUED", "RUNNING"),
}
_ENDS: Final = ("done", "error", "cancelled", "rejected")
_ORDINARY: Final = (NEVER, Reason.NONE, Reason.CLOSED)
_STATISTICS: Final = {"mean": "mean", "median": "p50", "p95": "p95", "longest": "max"}


def run_document(
    record: Record, summary: Mapping[str, Any], resolved: ResolvedScenario, most: int = MOST_ROWS
) -> Document:
    """What is shown of a run.

    Args:
        record: what happened.
        summary: as `Run.summary` gives it.
        resolved: what was simulated.
        most: rows in a table.
    """
    sections = _sessions(record, most, summary["warm_up_us"]), _timeline(record, summary["warm_up_us"])
    named = resolved.policies
    about = About(resolved.title or "", named.queue.name, named.hold.name, resolved.seed)
    return document_of(about, summary, *sections, most)


class About(NamedTuple):
    """What was simulated."""

    title: str
    queue: str
    hold: str
    seed: int


def document_of(
    about: About, summary: Mapping[str, Any], sessions: Section, timeline: Section, most: int
) -> Document:
    """The same from its parts, wherever they came from."""
    modes = {mode: group for mode, group in summary["by_mode"].items() if group["submitted"]}
    streams = {name: group for name, group in summary["by_stream"].items() if group["submitted"]}
    sections = [
        Section("run", about.title, above=tuple(_heading(summary, about))),
        _waiting("waiting", "Waiting for the QPU", "mode", modes and modes | {"all": summary["all"]}, most),
        _waiting("sources", "The same by source", "source", streams if len(streams) > 1 else {}, most),
        _qpus(summary["qpus"], most),
        sessions,
        accounts_section(summary["accounts"], most),
        timeline,
    ]
    return [section for section in sections if section.body is not None or section.above]


def run_tables(record: Record, summary: Mapping[str, Any], resolved: ResolvedScenario) -> Document:
    """The same with all rows of its tables, that of sources first."""
    document = run_document(record, summary, resolved, most=sys.maxsize)
    return sorted(document, key=lambda section: section.name != "sources")


def _heading(summary: Mapping[str, Any], about: About) -> Iterator[Note]:
    jobs, duration = counted(summary["all"]["submitted"], "job"), readable_duration(summary["end_us"])
    yield Note(f"{jobs} in {duration}; queue {about.queue}, hold {about.hold}, seed {about.seed}")
    if summary["warm_up_us"]:
        yield Note(f"without the first {readable_duration(summary['warm_up_us'])}, the warm-up")
    for name, thing in (("never_submitted", "job"), ("never_created", "session")):
        if summary[name]:
            yield Note(f"{counted(summary[name], thing)} {name.replace('_', ' ')}", Emphasis.WARNING)


def _waiting(name: str, title: str, what: str, groups: Mapping[str, Mapping[str, Any]], most: int) -> Section:
    """A row for each group of jobs; of all jobs also why they were rejected, cancelled or in error."""
    if not groups:
        return Section(name)
    shown = list(groups.values())[:most]
    columns = [counts("jobs", [group["submitted"] for group in shown])]
    for outcome, statuses in _OUTCOMES.items():
        jobs = [sum(group["status"][status] for status in statuses) for group in shown]
        if outcome == "done" or any(jobs):
            columns.append(counts(outcome, jobs))
    for heading, statistic in _STATISTICS.items():
        columns.append(durations(heading, [group["waiting_us"][statistic] for group in shown]))
    preparations_us = [group["preparation_us"]["mean"] for group in shown]
    if any(mean_us is not None for mean_us in preparations_us):
        columns.append(durations("preparation", preparations_us))
    labels = words(what, list(groups)[:most])
    reasons = groups["all"]["reason"] if name == "waiting" else {}
    below = (*_more(len(groups) - len(shown)), *reason_notes(reasons))
    return Section(name, title, body=Table(labels, tuple(columns)), below=below)


def _more(count: int) -> Iterator[Note]:
    if count > 0:
        yield Note(More(count))


def reason_notes(counts_of: Mapping[str, int]) -> Iterator[Note]:
    """The most frequent first."""
    if counts_of:
        often = sorted(counts_of, key=lambda reason: (-counts_of[reason], reason))
        yield Note("Reasons: " + ", ".join(f"{counts_of[reason]:,} {reason}" for reason in often))


def _qpus(qpus: Mapping[str, Mapping[str, Any]], most: int) -> Section:
    """Of one QPU a row for each thing that it did; of several a row for each of them, and one for all."""
    if len(qpus) > 1:
        return Section("qpus", "How the QPUs spent their time", body=qpus_table(qpus, most))
    for name, qpu in qpus.items():
        shares = [qpu["share"][kind] for kind in qpu["time_us"]]
        columns = (
            durations("time", qpu["time_us"].values()),
            Column("share", tuple(map(Share, shares))),
            Column("", tuple(Share(share, bar=True) for share in shares), words=True),
        )
        table = Table(words("", qpu["time_us"]), columns)
        return Section("qpus", f"How {name} spent its time", body=table)
    return Section("qpus")


def qpus_table(qpus: Mapping[str, Mapping[str, Any]], most: int) -> Table:
    """The last row has the means of shares and queue lengths, and the sum of jobs."""
    shown, hidden = list(qpus)[:most], len(qpus) - most
    more: tuple[More, ...] = (More(hidden),) if hidden > 0 else ()
    empty: tuple[Cell, ...] = ("",) * len(more)

    def means(heading: str, values: Sequence[float | None], kind: Callable[[float | None], Cell]) -> Column:
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if known else None
        return Column(heading, (*map(kind, values[: len(shown)]), *empty, kind(mean)))

    kinds = list(next(iter(qpus.values()))["share"])
    columns = [means(kind, [qpu["share"][kind] for qpu in qpus.values()], Share) for kind in kinds]
    columns.append(means("mean queue", [qpu["mean_queue_length"] for qpu in qpus.values()], Number))
    done = [qpu["jobs_done"] for qpu in qpus.values()]
    columns.append(Column("jobs done", (*map(Count, done[: len(shown)]), *empty, Count(sum(done)))))
    return Table(words("QPU", (*shown, *more, "all")), tuple(columns))


def _sessions(record: Record, most: int, warm_up_us: int) -> Section:
    names = [name for block in record.workload.session_names for name in block]
    table = session_columns(record)
    known = [names[number] for number in table["session"].tolist()]
    return sessions_section(known, table, record.qpus, most, warm_up_us)


def sessions_section(
    names: Sequence[str], table: Mapping[str, Any], qpus: Sequence[str], most: int, warm_up_us: int
) -> Section:
    """A row for each session that the summary counts: those created after the warm-up.

    Args:
        names: of the sessions.
        table: the columns of the table of sessions, as `columns.session_columns` gives them.
        qpus: names by number.
        most: rows.
        warm_up_us: its end.
    """
    counts_in = table["created_us"] >= warm_up_us
    table = {name: column[counts_in] for name, column in table.items()}
    names = [name for name, counted_in in zip(names, counts_in.tolist(), strict=True) if counted_in]
    total = len(names)
    if total == 0:
        return Section("sessions")
    rows = np.arange(total)
    title = "What each session cost"
    if total > most:
        title = f"What sessions cost: the {most} with the largest usage"
        rows = np.sort(np.argsort(-table["usage_us"], kind="stable")[:most])
    labels: list[str | More] = [names[row] for row in rows.tolist()]
    if total > len(rows):
        labels.append(More(total - len(rows)))
    if total > 1:
        labels.append("all")
    columns = tuple(_session_table(qpus, table, rows, len(labels)))
    return Section("sessions", title, body=Table(words("session", labels), columns))


def _session_table(
    qpus: Sequence[str], table: Mapping[str, Any], rows: Int64Array, lines: int
) -> Iterator[Column]:
    """Columns with a cell for each of the `rows`; of the other lines, the last one has the sums."""
    unfinished = table["jobs_submitted"] - sum(table[f"jobs_{outcome}"] for outcome in _ENDS)
    makespan_us = table["last_job_completed_us"] - table["created_us"]
    known_us = np.where(table["last_job_completed_us"] >= 0, makespan_us, None)
    empty = ("",) * (lines - len(rows))

    def sums(heading: str, column: Int64Array, kind: type[Duration | Count]) -> Column:
        cells: list[Cell] = [kind(value) for value in column[rows].tolist()]
        if empty:
            cells += [*empty[1:], kind(exact_sum(column))]
        return Column(heading, tuple(cells))

    yield words("mode", (*(Mode(mode).name.lower() for mode in table["mode"][rows].tolist()), *empty))
    if len(qpus) > 1:
        yield words("QPU", (*(qpus[qpu] for qpu in table["qpu"][rows].tolist()), *empty))
    yield words("state", (*_states(table["state"][rows].tolist(), table["reason"][rows].tolist()), *empty))
    yield Column("makespan", (*map(Duration, known_us[rows].tolist()), *empty))
    yield sums("usage", table["usage_us"], Duration)
    yield sums("held", table["held_us"], Duration)
    if table["delayed_us"].any():
        yield sums("delayed", table["delayed_us"], Duration)
    yield sums("activations", table["activations"], Count)
    outcomes = {outcome: table[f"jobs_{outcome}"] for outcome in _ENDS} | {"unfinished": unfinished}
    for heading, column in outcomes.items():
        if heading == "done" or column.any():
            yield sums(heading, column, Count)


def _states(states: Iterable[int], reasons: Iterable[int]) -> Iterator[str]:
    """The state of each session, with the reason if it ended otherwise than by being closed (S26)."""
    for state, reason in zip(states, reasons, strict=True):
        why = "" if reason in _ORDINARY else f": {Reason(reason).name}"
        yield f"{SessionState(state).name.lower()}{why}"


def accounts_section(accounts: Mapping[str, Mapping[str, Any]], most: int) -> Section:
    """Usage, price and share of the quota of the accounts that have a plan, the largest usage first."""
    with_plan = {name: used for name, used in accounts.items() if used["plan"] is not None}
    if not with_plan:
        return Section("accounts")
    shown = dict(sorted(with_plan.items(), key=lambda item: -item[1]["usage_us"])[:most])
    rows = list(shown.values())
    columns = [
        words("plan", (used["plan"] for used in rows)),
        durations("usage", (used["usage_us"] for used in rows)),
    ]
    if any(used["price"] is not None for used in rows):
        columns.append(Column("price", tuple(Number(used["price"]) for used in rows)))
    if any(used["quota_share"] is not None for used in rows):
        columns.append(Column("of its quota", tuple(Share(used["quota_share"]) for used in rows)))
    table = Table(words("account", shown), tuple(columns))
    below = tuple(_more(len(with_plan) - len(shown)))
    return Section("accounts", "What accounts with a plan used", body=table, below=below)


# the timeline of a small run

MOST_JOBS: Final = 30
_MOST_LANES: Final = 12
DOWN: Final = -2

LaneKey = tuple[int, int]
"""A QPU, and a session, NEVER for job mode or DOWN for its windows."""


def _timeline(record: Record, warm_up_us: int) -> Section:
    """Empty for a run that is too large for a screen, or in which no job was accepted."""
    if record.end_us == 0 or len(record.workload.jobs) > MOST_JOBS:
        return Section("timeline")
    return timeline_section(_lanes(record), _stretches(record), record.qpus, record.end_us, warm_up_us)


def timeline_section(
    names: Mapping[LaneKey, str],
    stretches: Iterable[tuple[State, LaneKey, Stretch]],
    qpus: Sequence[str],
    end_us: int,
    warm_up_us: int,
) -> Section:
    """Lanes from their names and what happened in them; empty if there are none, or too many for a screen."""
    if not names or len(names) > _MOST_LANES:
        return Section("timeline")
    by_lane: dict[LaneKey, dict[State, list[Stretch]]] = {lane: {} for lane in names}
    for state, lane, stretch in stretches:
        if lane in by_lane:
            by_lane[lane].setdefault(state, []).append(stretch)
    several = len(qpus) > 1
    lanes = tuple(Lane(qpus[lane[0]] if several else "", name, by_lane[lane]) for lane, name in names.items())
    title = "Timeline, the warm-up included" if warm_up_us else "Timeline"
    return Section("timeline", title, body=Timeline(lanes, end_us))


def _lanes(record: Record) -> dict[LaneKey, str]:
    """For each QPU its windows, job mode and its sessions by first submission, each if there is any."""
    jobs = accepted_jobs(record)
    if len(jobs) == 0:
        return {}
    jobs = jobs[np.argsort(record.submitted_us[jobs], kind="stable")]
    names = [name for block in record.workload.session_names for name in block]
    used = list(zip(job_qpu(record, jobs).tolist(), record.job_session[jobs].tolist(), strict=True))
    lanes: dict[LaneKey, str] = {}
    for qpu in range(len(record.qpus)):
        if len(down_periods(record, qpu).owner):
            lanes[qpu, DOWN] = "down"
        if (qpu, NEVER) in used:
            lanes[qpu, NEVER] = "job mode"
        lanes |= {lane: names[lane[1]] for lane in used if lane[0] == qpu and lane[1] != NEVER}
    return lanes


def _stretches(record: Record) -> Iterator[tuple[State, LaneKey, Stretch]]:
    intervals = interval_columns(record)
    for qpu in range(len(record.qpus)):
        entered_us, left_us = queue_stays(record, qpu)
        until_us = np.where(left_us < 0, record.end_us, left_us)
        waiting = Periods(record.job_session[queued_jobs(record, qpu)], entered_us, until_us)
        mine = (intervals["kind"] == IntervalKind.HELD) & (intervals["qpu"] == qpu)
        held = Periods(*(intervals[name][mine] for name in ("session", "start_us", "end_us")))
        busy, down = busy_periods(record, qpu), down_periods(record, qpu)
        running = Periods(record.job_session[busy.owner], busy.start_us, busy.end_us)
        closed = Periods(np.full_like(down.owner, DOWN), down.start_us, down.end_us)
        states = {State.WAITING: waiting, State.HELD: held, State.RUNNING: running, State.DOWN: closed}
        for state, periods in states.items():
            columns = (periods.owner, periods.start_us, periods.end_us)
            for owner, start_us, end_us in zip(*(column.tolist() for column in columns), strict=True):
                yield state, (qpu, owner), (start_us, end_us)


# workloads


def left_out(workload: Workload) -> Iterator[str]:
    """Sentences that say how each trace was read, and what was left out."""
    for left in workload.left_out:
        stream = workload.streams[left.stream]
        yield from (f"{stream}: {note}" for note in left.notes)
        yield from _left_out(stream, left.bad_lines, left.unrun_jobs)


def _left_out(stream: str, bad_lines: int, unrun_jobs: int) -> Iterator[str]:
    if bad_lines:
        yield f"{stream}: {counted(bad_lines, 'malformed line')} skipped"
    if unrun_jobs:
        lines = counted(unrun_jobs, "line")
        yield f"{stream}: {lines} left out: jobs that never ran, or parts of jobs"


_TIMES: Final = {
    "interarrival_us": "between submissions",
    "qpu_time_us": "QPU time",
    "think_us": "think time",
}
_SPREAD: Final = {"mean": "mean", "min": "min", "p10": "p10", "median": "p50", "p90": "p90", "max": "max"}


def workload_document(description: Mapping[str, Any]) -> Document:
    """What is shown of a description of a workload, as `describe_workload` gives it."""
    times = {words: description[key] for key, words in _TIMES.items() if description[key] is not None}
    shape = {mode: part for mode, part in description["session_shape"].items() if part["count"]}
    sections = [
        Section("workload", above=tuple(_workload_heading(description))),
        _sources(description["streams"]),
        _offered(description),
        Section("times", "Times", body=_spread("", times, Duration)) if times else Section("times"),
        _shapes(shape),
        __jobs_of_accounts(description),
    ]
    return [section for section in sections if section.body is not None or section.above]


def _workload_heading(description: Mapping[str, Any]) -> Iterator[Note]:
    parts = [
        counted(description[f"{thing}s"], thing)
        for thing in ("job", "session", "client", "account")
        if description[f"{thing}s"] or thing == "job"
    ]
    yield Note(f"{', '.join(parts)}; {readable_duration(description['total_qpu_time_us'])} of QPU time")
    known, hour = description["known_submissions"], description["busiest_hour"]
    if known:
        first, last = (readable_duration(description[f"{end}_submission_us"]) for end in ("first", "last"))
        rate = description["rate_per_hour"]
        often = "" if rate is None else f", {rate:,.4g} an hour"
        yield Note(f"{counted(known, 'known submission')} from {first} to {last}{often}")
    if description["follow_ups"]:
        yield Note(f"{counted(description['follow_ups'], 'follow-up')}, submitted when another job has ended")
    if hour is not None:
        begin = readable_duration(hour["start_us"])
        jobs = counted(hour["submissions"], "submission")
        yield Note(f"Busiest hour: from {begin}, {jobs}, load {hour['offered_load']:.4g}")
    for name, notes in description["read_as"].items():
        for sentence in notes:
            yield Note(f"{name}: {sentence}")
    for name, left in description["left_out"].items():
        for sentence in _left_out(name, left["bad_lines"], left["unrun_jobs"]):
            yield Note(sentence, Emphasis.WARNING)


def _sources(jobs: Mapping[str, int]) -> Section:
    if len(jobs) < 2:
        return Section("sources")
    shown = dict(list(jobs.items())[:MOST_ROWS])
    table = Table(words("source", shown), (counts("jobs", shown.values()),))
    return Section("sources", "Jobs by source", body=table, below=tuple(_more(len(jobs) - len(shown))))


def _offered(description: Mapping[str, Any]) -> Section:
    """The load of each QPU, and the mean of those that are no simulators."""
    qpus: dict[str, Mapping[str, Any]] = dict(list(description["qpus"].items())[:MOST_ROWS])
    hidden = len(description["qpus"]) - len(qpus)
    if not description["jobs"]:
        return Section("load")
    means = [description] if len(description["qpus"]) > 1 else []
    more: tuple[More, ...] = (More(hidden),) if hidden else ()
    empty: tuple[Cell, ...] = ("",) * len(more)

    def loads(heading: str, key: str) -> Column:
        of = [Number(row[key], digits=4) for row in (*qpus.values(), *means)]
        return Column(heading, (*of[: len(qpus)], *empty, *of[len(qpus) :]))

    def numbers(heading: str, key: str) -> Column:
        return Column(heading, (*(Count(row[key]) for row in qpus.values()), *empty, *[""] * len(means)))

    columns = [numbers("jobs that name it", "named_by_jobs"), loads("open", "offered_load")]
    below: tuple[Note, ...] = (
        Note("open: submissions that are known, in the time from the first to the last"),
    )
    if description["follow_ups"]:
        columns.append(loads("closed at most", "closed_load_at_most"))
        below += (Note("closed at most: what follow-ups add if no job ever waits"),)
    if any(row["windows"] for row in qpus.values()):
        columns.append(numbers("windows", "windows"))
    labels = words("QPU", (*qpus, *more, *["mean"] * len(means)))
    return Section("load", "Offered load", body=Table(labels, tuple(columns)), below=below)


def _spread(what: str, groups: Mapping[str, Mapping[str, Any]], kind: Callable[[float], Cell]) -> Table:
    """A row for each distribution."""
    spread = (
        Column(heading, tuple(kind(group[key]) for group in groups.values()))
        for heading, key in _SPREAD.items()
    )
    return Table(words(what, groups), (counts("number", (g["count"] for g in groups.values())), *spread))


def _number_of_jobs(value: float) -> Cell:
    return Count(int(value)) if value == int(value) else Number(value)


def _shapes(shape: Mapping[str, Mapping[str, Any]]) -> Section:
    """How many jobs a session or a batch has, and how much QPU time they ask for."""
    if not shape:
        return Section("sessions")
    columns = [counts("number", (part["count"] for part in shape.values()))]
    for heading, key in (("mean jobs", "mean"), ("most jobs", "max")):
        columns.append(Column(heading, tuple(_number_of_jobs(part["jobs"][key]) for part in shape.values())))
    for heading, key in (("mean QPU time", "mean"), ("longest", "max")):
        columns.append(durations(heading, (part["qpu_time_us"][key] for part in shape.values())))
    return Section("sessions", "Sessions and batches", body=Table(words("mode", shape), tuple(columns)))


def __jobs_of_accounts(description: Mapping[str, Any]) -> Section:
    busiest = description["busiest_account"]
    if busiest is None or description["accounts"] < 2:
        return Section("accounts")
    table = _spread("", {"jobs": description["account_jobs"]}, _number_of_jobs)
    share = f"{counted(busiest['jobs'], 'job')}, {busiest['share']:.1%}"
    below = (Note(f"The most: {busiest['name']}, {share}"),)
    return Section("accounts", "Jobs of accounts", body=table, below=below)
