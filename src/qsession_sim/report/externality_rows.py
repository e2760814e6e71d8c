"""What is shown of a comparison with and without a session or a source: who waited longer for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from qsession_sim.report.rows import (
    Column,
    Document,
    Measure,
    More,
    Note,
    Section,
    Table,
    counted,
    counts,
    durations,
    scale_of,
    words,
)
from qsession_sim.report.run_rows import MOST_ROWS
from qsession_sim.report.text import readable_duration

if TYPE_CHECKING:
    from qsession_sim.experiment.externality import Externality, Totals

_HOW_TO_READ: Final = (
    "A difference is the wait of a job with it minus the wait of the same job without it. Above 0 the job "
    "waited longer for it; below 0 it waited less, as when what it delayed had been ahead in the queue. Jobs "
    "that follow others may be submitted at other times in the two runs."
)


def externality_document(found: Externality, most: int = MOST_ROWS) -> Document:
    """What is shown.

    Args:
        found: the comparison.
        most: rows in a table; that of jobs has those with the largest differences.
    """
    resolved = found.run.scenario.resolved
    policies = f"queue {resolved.policies.queue.name}, hold {resolved.policies.hold.name}"
    left_out = counted(int(found.removed.jobs.sum()), "job")
    total = found.total
    heading = (
        Note(f"With {found.removed.what} ({left_out}) and without it; {policies}, seed {resolved.seed}"),
        Note(
            f"{total.started:,} of {counted(total.jobs, 'other job')} started in both runs: "
            f"{total.longer:,} waited longer with it, {total.shorter:,} less"
        ),
        *_only(total),
    )
    sections = [
        Section("run", resolved.title or "", above=heading),
        _sources(found, most),
        _jobs(found, most),
        Section("reading", above=(Note(_HOW_TO_READ), *_held(found))),
    ]
    return [section for section in sections if section.body is not None or section.above]


def externality_tables(found: Externality) -> Document:
    """The tables with all rows, that of jobs first, by job number."""
    return [_jobs(found, sys.maxsize), _sources(found, sys.maxsize)]


def _only(total: Totals) -> Iterable[Note]:
    for count, which in ((total.only_with, "with"), (total.only_without, "without")):
        if count:
            yield Note(f"{counted(count, 'job')} started only {which} it")


def _held(found: Externality) -> Iterable[Note]:
    if found.others_waited_held_us:
        difference_us = found.total.difference_us
        together = f"{'-' if difference_us < 0 else ''}{readable_duration(abs(difference_us))}"
        yield Note(
            f"Others waited {readable_duration(found.others_waited_held_us)} together while it held the idle "
            f"QPU. The differences add up to {together}: they also count its jobs on the QPU, and whom "
            f"others would have waited for without it."
        )


def _sources(found: Externality, most: int) -> Section:
    """A row for each source, and one for all if there are several."""
    groups: Mapping[str, Totals] = found.by_stream
    shown = dict(list(groups.items())[:most])
    if len(groups) > 1:
        shown["all"] = found.total
    if not shown:
        return Section("sources")
    rows = list(shown.values())
    columns = (
        counts("jobs", [row.started for row in rows]),
        counts("longer", [row.longer for row in rows]),
        counts("less", [row.shorter for row in rows]),
        durations("mean wait", [_mean(row.waiting_us, row) for row in rows]),
        durations("without it", [_mean(row.waiting_without_us, row) for row in rows]),
        _differences("difference", [_mean(row.difference_us, row) for row in rows]),
        _differences("together", [row.difference_us for row in rows]),
    )
    hidden = len(groups) - most
    below = (Note(More(hidden)),) if hidden > 0 else ()
    table = Table(words("source", shown), columns)
    return Section("sources", "What others waited, by source", body=table, below=below)


def _mean(sum_us: int, row: Totals) -> float | None:
    return sum_us / row.started if row.started else None


def _differences(heading: str, values_us: list[float | None] | list[int]) -> Column:
    scale = scale_of("us", values_us)
    return Column(heading, tuple(Measure(value_us, None, scale, difference=True) for value_us in values_us))


def _jobs(found: Externality, most: int) -> Section:
    """All jobs, or if there are too many those whose wait differs most."""
    rows = found.table()
    title, changed = "Other jobs", rows.filter(rows["difference_us"] != 0)
    if rows.height > most:
        order = changed["difference_us"].abs().arg_sort(descending=True, nulls_last=True)
        rows = changed[order.head(most)]
        title = "Other jobs: the largest differences"
    if rows.height == 0:
        return Section("jobs")
    columns = (
        words("source", rows["stream"].cast(str)),
        durations("waits", rows["waiting_us"]),
        durations("without it", rows["waiting_without_us"]),
        _differences("difference", rows["difference_us"].to_list()),
    )
    table = Table(words("job", rows["job"], long=True), columns)
    hidden = changed.height - most
    below = (Note(More(hidden)),) if rows.height == most and hidden > 0 else ()
    return Section("jobs", title, body=table, below=below)
