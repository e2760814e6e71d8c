"""The printed summary of a run: who waited, what the QPU did, what sessions cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from qsession_sim.cli.readable import (
    counted,
    one_line,
    readable_duration,
    readable_number,
    readable_share,
    shortened,
)
from qsession_sim.cli.terminal import Column, print_columns, print_line, uses_unicode
from qsession_sim.queueing.statistics import exact_sum
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
from qsession_sim.results.run import Run
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason, SessionState
from qsession_sim.units import DAY, HOUR, MINUTE, SECOND, format_duration
from qsession_sim.workload.columns import Int64Array

# -- The part of the printed summary that says what accounts with a plan used.

MOST_ACCOUNTS: Final = 20


def print_accounts(console: Console, accounts: Mapping[str, Mapping[str, Any]]) -> None:
    """Print usage, price and share of the quota of the accounts that have a plan; nothing without any."""
    with_plan = {name: used for name, used in accounts.items() if used["plan"] is not None}
    if not with_plan:
        return
    console.print()
    print_line(console, "What accounts with a plan used", "bold")
    shown = dict(sorted(with_plan.items(), key=lambda item: -item[1]["usage_us"])[:MOST_ACCOUNTS])
    rows = list(shown.values())
    columns = [
        Column("plan", tuple(one_line(used["plan"]) for used in rows), to_the_right=False),
        Column("usage", tuple(readable_duration(used["usage_us"]) for used in rows)),
    ]
    if any(used["price"] is not None for used in rows):
        columns.append(Column("price", tuple(readable_number(used["price"]) for used in rows)))
    if any(used["quota_share"] is not None for used in rows):
        shares = tuple(readable_share(used["quota_share"]) for used in rows)
        columns.append(Column("of its quota", shares))
    print_columns(console, Column("account", tuple(one_line(name) for name in shown)), columns)
    if len(with_plan) > len(shown):
        dots = "…" if uses_unicode(console) else "..."
        print_line(console, f"{dots} and {len(with_plan) - len(shown):,} more")


# -- A small run as a picture: for each QPU a lane for job mode and one for each session.

MOST_JOBS: Final = 30
_MOST_LANES: Final = 12
_LONGEST_LABEL: Final = 16
_WIDEST: Final = 100
_LEAST_BETWEEN_MARKS: Final = 9
_MARKS_US: Final = tuple(
    count * unit
    for unit, counts in (
        (SECOND, (1, 2, 5, 10, 15, 30)),
        (MINUTE, (1, 2, 5, 10, 15, 30)),
        (HOUR, (1, 2, 3, 6, 12)),
        (DAY, (1, 2, 5, 10, 30, 100, 365)),
    )
    for count in counts
)

Stretch = tuple[int, int]
"""Start and end in microseconds."""

Lane = tuple[int, int]
"""A QPU, and a session, NEVER for job mode or _DOWN for its windows."""

_DOWN: Final = -2


@dataclass(frozen=True)
class _Signs:
    nothing: str
    waiting: str
    held: str
    busy: str
    down: str


_UNICODE: Final = _Signs(nothing=" ", waiting="·", held="░", busy="█", down="▼")
_ASCII: Final = _Signs(nothing=" ", waiting=".", held="-", busy="#", down="x")


def print_timeline(console: Console, record: Record) -> None:
    """Print who waited for a QPU, held it and ran on it when, and when it was down.

    Nothing for a run that is too large for a screen, or in which no job was accepted.
    """
    lanes = _lanes(record)
    if not lanes or record.end_us == 0 or len(record.workload.jobs) > MOST_JOBS or len(lanes) > _MOST_LANES:
        return
    signs = _UNICODE if uses_unicode(console) else _ASCII
    labels = {lane: shortened(name, _LONGEST_LABEL, "") for lane, name in lanes.items()}
    margin = max(cell_len(label) for label in labels.values()) + 2
    width = min(console.width, _WIDEST) - margin
    console.print()
    print_line(console, "Timeline", "bold")
    stretches = [
        (signs.waiting, list(_waiting(record))),
        (signs.held, list(_held(record))),
        (signs.busy, list(_busy(record))),
        (signs.down, list(_down(record))),
    ]
    for qpu, name in enumerate(record.qpus):
        theirs = [lane for lane in lanes if lane[0] == qpu]
        if len(record.qpus) > 1 and theirs:
            print_line(console, name)
        for lane in theirs:
            cells = [signs.nothing] * width
            for sign, owned in stretches:
                _paint(cells, sign, (stretch for owner, stretch in owned if owner == lane), record.end_us)
            print_line(console, (set_cell_size(labels[lane], margin) + "".join(cells)).rstrip())
    print_line(console, " " * margin + _axis(width, record.end_us))
    legend = f"{signs.busy} running  {signs.held} held, idle  {signs.waiting} waiting"
    if any(owner == _DOWN for _, owner in lanes):
        legend += f"  {signs.down} down"
    indent = max(min(margin, console.width - cell_len(legend)), 0)
    print_line(console, " " * indent + legend)


def _lanes(record: Record) -> dict[Lane, str]:
    """For each QPU its windows, job mode and its sessions by first submission, each if there is any."""
    jobs = accepted_jobs(record)
    if len(jobs) == 0:
        return {}
    jobs = jobs[np.argsort(record.submitted_us[jobs], kind="stable")]
    names = [name for block in record.workload.session_names for name in block]
    used = list(zip(job_qpu(record, jobs).tolist(), record.job_session[jobs].tolist(), strict=True))
    lanes: dict[Lane, str] = {}
    for qpu in range(len(record.qpus)):
        if len(down_periods(record, qpu).owner):
            lanes[qpu, _DOWN] = "down"
        if (qpu, NEVER) in used:
            lanes[qpu, NEVER] = "job mode"
        lanes |= {lane: names[lane[1]] for lane in used if lane[0] == qpu and lane[1] != NEVER}
    return lanes


def _waiting(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    for qpu in range(len(record.qpus)):
        session = record.job_session[queued_jobs(record, qpu)]
        entered_us, left_us = queue_stays(record, qpu)
        until_us = np.where(left_us < 0, record.end_us, left_us)
        yield from _in_lanes(qpu, Periods(session, entered_us, until_us))


def _held(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    columns = interval_columns(record)
    for qpu in range(len(record.qpus)):
        chosen = (columns["kind"] == IntervalKind.HELD) & (columns["qpu"] == qpu)
        session, start_us, end_us = (columns[name][chosen] for name in ("session", "start_us", "end_us"))
        yield from _in_lanes(qpu, Periods(session, start_us, end_us))


def _busy(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    for qpu in range(len(record.qpus)):
        busy = busy_periods(record, qpu)
        yield from _in_lanes(qpu, Periods(record.job_session[busy.owner], busy.start_us, busy.end_us))


def _down(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    for qpu in range(len(record.qpus)):
        down = down_periods(record, qpu)
        yield from _in_lanes(qpu, Periods(np.full_like(down.owner, _DOWN), down.start_us, down.end_us))


def _in_lanes(qpu: int, periods: Periods) -> Iterator[tuple[Lane, Stretch]]:
    columns = (periods.owner, periods.start_us, periods.end_us)
    for owner, start_us, end_us in zip(*(column.tolist() for column in columns), strict=True):
        yield (qpu, owner), (start_us, end_us)


def _paint(cells: list[str], sign: str, stretches: Iterable[Stretch], end_us: int) -> None:
    """Fill the cells of each stretch, at least one, both ends rounded alike so that neighbours meet."""
    for start_us, until_us in stretches:
        if until_us > start_us:
            first = min(round(start_us * len(cells) / end_us), len(cells) - 1)
            behind = max(round(until_us * len(cells) / end_us), first + 1)
            cells[first:behind] = sign * (behind - first)


def _axis(width: int, end_us: int) -> str:
    """Marks at round times, as close as they can be read."""
    apart_us = _LEAST_BETWEEN_MARKS * end_us / width
    step_us = next((step_us for step_us in _MARKS_US if step_us >= apart_us), None)
    axis = ""
    for time_us in () if step_us is None else range(0, end_us, step_us):
        mark = f"|{format_duration(time_us)}"
        place = round(time_us * width / end_us)
        if place + len(mark) <= width:
            axis = axis.ljust(place) + mark
    return axis


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
_WIDEST_BAR: Final = 40


def print_summary(console: Console, run: Run) -> None:
    """Print the summary of a run in the width of the console."""
    summary = run.summary()
    _print_heading(console, run, summary)
    modes = {mode: group for mode, group in summary["by_mode"].items() if group["submitted"]}
    if modes:
        _print_waiting(console, "Waiting for the QPU", "mode", modes | {"all": summary["all"]})
        _print_reasons(console, summary["all"]["reason"])
    streams = {name: group for name, group in summary["by_stream"].items() if group["submitted"]}
    if len(streams) > 1:
        _print_waiting(console, "The same by source", "source", streams)
    if len(summary["qpus"]) > 1:
        _print_qpus(console, summary["qpus"])
    else:
        for name, qpu in summary["qpus"].items():
            _print_qpu(console, name, qpu)
    _print_sessions(console, run)
    print_accounts(console, summary["accounts"])
    print_timeline(console, run.record)


def _print_heading(console: Console, run: Run, summary: Mapping[str, Any]) -> None:
    resolved = run.scenario.resolved
    if resolved.title:
        print_line(console, one_line(resolved.title), "bold")
    jobs = counted(summary["all"]["submitted"], "job")
    policies = f"queue {resolved.policies.queue.name}, hold {resolved.policies.hold.name}"
    duration = readable_duration(summary["end_us"])
    print_line(console, f"{jobs} in {duration}; {policies}, seed {resolved.seed}")
    if summary["warm_up_us"]:
        print_line(console, f"without the first {readable_duration(summary['warm_up_us'])}, the warm-up")
    for name, thing in (("never_submitted", "job"), ("never_created", "session")):
        if summary[name]:
            print_line(console, f"{counted(summary[name], thing)} {name.replace('_', ' ')}", "yellow")


def _print_waiting(console: Console, title: str, what: str, groups: Mapping[str, Mapping[str, Any]]) -> None:
    _print_title(console, title)
    shown = dict(list(groups.items())[:MOST_ROWS])
    columns = [_counts("jobs", [group["submitted"] for group in shown.values()])]
    for outcome, statuses in _OUTCOMES.items():
        counts = [sum(group["status"][status] for status in statuses) for group in shown.values()]
        if outcome == "done" or any(counts):
            columns.append(_counts(outcome, counts))
    for heading, statistic in _STATISTICS.items():
        waits_us = [group["waiting_us"][statistic] for group in shown.values()]
        columns.append(_durations(heading, waits_us))
    preparations_us = [group["preparation_us"]["mean"] for group in shown.values()]
    if any(mean_us is not None for mean_us in preparations_us):
        columns.append(_durations("preparation", preparations_us))
    print_columns(console, Column(what, tuple(shown)), columns)
    if len(groups) > len(shown):
        print_line(console, f"{_ellipsis(console)} and {len(groups) - len(shown):,} more")


def _print_reasons(console: Console, counts: Mapping[str, int]) -> None:
    """Of rejections, cancellations and errors, the most frequent first."""
    if counts:
        often = sorted(counts, key=lambda reason: (-counts[reason], reason))
        print_line(console, "Reasons: " + ", ".join(f"{counts[reason]:,} {reason}" for reason in often))


def _print_qpu(console: Console, name: str, qpu: Mapping[str, Any]) -> None:
    _print_title(console, f"How {name} spent its time")
    kinds = list(qpu["time_us"])
    shares = [qpu["share"][kind] for kind in kinds]
    columns = [
        _durations("time", [qpu["time_us"][kind] for kind in kinds]),
        Column("share", tuple(readable_share(share) for share in shares)),
    ]
    sign = "█" if uses_unicode(console) else "#"
    widest = min(_WIDEST_BAR, console.width - 32)
    bars = tuple(sign * round(widest * (share or 0)) for share in shares)
    if widest > 0 and any(bars):
        columns.append(Column("", bars, to_the_right=False))
    print_columns(console, Column("", tuple(kinds)), columns)


def _print_qpus(console: Console, qpus: Mapping[str, Mapping[str, Any]]) -> None:
    """One line a QPU; the last one has the means of shares and queue lengths, and the sum of jobs."""
    _print_title(console, "How the QPUs spent their time")
    shown = dict(list(qpus.items())[:MOST_ROWS])
    labels = list(shown)
    if len(qpus) > len(shown):
        labels.append(f"{_ellipsis(console)} and {len(qpus) - len(shown):,} more")
    between = [""] * (len(labels) - len(shown))

    def means(heading: str, values: Sequence[float | None], write: Callable[[float | None], str]) -> Column:
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if known else None
        return Column(heading, (*map(write, values[: len(shown)]), *between, write(mean)))

    kinds = list(next(iter(qpus.values()))["share"])
    columns = [means(kind, [qpu["share"][kind] for qpu in qpus.values()], readable_share) for kind in kinds]
    lengths = [qpu["mean_queue_length"] for qpu in qpus.values()]
    columns.append(means("mean queue", lengths, readable_number))
    done = [qpu["jobs_done"] for qpu in qpus.values()]
    cells = [_readable_count(count) for count in done[: len(shown)]]
    columns.append(Column("jobs done", (*cells, *between, _readable_count(sum(done)))))
    print_columns(console, Column("QPU", (*labels, "all")), columns)


def _print_sessions(console: Console, run: Run) -> None:
    table = session_columns(run.record)
    total = len(table["session"])
    if total == 0:
        return
    rows = np.arange(total)
    title = "What each session cost"
    if total > MOST_ROWS:
        title = f"What sessions cost: the {MOST_ROWS} with the largest usage"
        rows = np.sort(np.argsort(-table["usage_us"], kind="stable")[:MOST_ROWS])
    _print_title(console, title)
    names = [name for block in run.record.workload.session_names for name in block]
    labels = [names[number] for number in table["session"][rows].tolist()]
    if total > len(rows):
        labels.append(f"{_ellipsis(console)} and {total - len(rows):,} more")
    if total > 1:
        labels.append("all")
    print_columns(
        console, Column("session", tuple(labels)), _session_table(run.record.qpus, table, rows, len(labels))
    )


def _session_table(
    qpus: Sequence[str], table: Mapping[str, Any], rows: Int64Array, lines: int
) -> list[Column]:
    """Columns with a cell for each of the `rows`; of the other lines, the last one has the sums."""
    unfinished = table["jobs_submitted"] - sum(table[f"jobs_{outcome}"] for outcome in _ENDS)
    makespan_us = table["last_job_completed_us"] - table["created_us"]
    known_makespan_us = np.where(table["last_job_completed_us"] >= 0, makespan_us, None)

    def words(heading: str, cells: list[str], to_the_right: bool = False) -> Column:
        return Column(heading, (*cells, *[""] * (lines - len(rows))), to_the_right)

    def sums(heading: str, column: Int64Array, write: Callable[[int], str]) -> Column:
        cells = [write(value) for value in column[rows].tolist()]
        if lines > len(rows):
            between = [""] * (lines - len(rows) - 1)
            cells += [*between, write(exact_sum(column))]
        return Column(heading, tuple(cells))

    columns = [
        words("mode", [Mode(mode).name.lower() for mode in table["mode"][rows].tolist()]),
        words("state", _states(table["state"][rows].tolist(), table["reason"][rows].tolist())),
        words("makespan", [readable_duration(value) for value in known_makespan_us[rows].tolist()], True),
        sums("usage", table["usage_us"], readable_duration),
        sums("held", table["held_us"], readable_duration),
        sums("activations", table["activations"], _readable_count),
    ]
    if table["delayed_us"].any():
        columns.insert(-1, sums("delayed", table["delayed_us"], readable_duration))
    if len(qpus) > 1:
        columns.insert(1, words("QPU", [qpus[qpu] for qpu in table["qpu"][rows].tolist()]))
    counts = {outcome: table[f"jobs_{outcome}"] for outcome in _ENDS} | {"unfinished": unfinished}
    columns += [
        sums(heading, column, _readable_count)
        for heading, column in counts.items()
        if heading == "done" or column.any()
    ]
    return columns


def _states(states: Sequence[int], reasons: Sequence[int]) -> list[str]:
    """The state of each session, with the reason if it ended otherwise than by being closed (S26)."""
    return [
        SessionState(state).name.lower() + ("" if reason in _ORDINARY else f": {Reason(reason).name}")
        for state, reason in zip(states, reasons, strict=True)
    ]


def _counts(heading: str, counts: Sequence[int]) -> Column:
    return Column(heading, tuple(_readable_count(count) for count in counts))


def _durations(heading: str, durations_us: Sequence[float | None]) -> Column:
    return Column(heading, tuple(readable_duration(duration_us) for duration_us in durations_us))


def _readable_count(count: int) -> str:
    return f"{count:,}"


def _ellipsis(console: Console) -> str:
    return "…" if uses_unicode(console) else "..."


def _print_title(console: Console, title: str) -> None:
    console.print()
    print_line(console, title, "bold")
