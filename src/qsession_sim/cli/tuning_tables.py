"""What `tune` found, as people read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from qsession_sim.cli.columns import Column, longest_label, print_columns
from qsession_sim.cli.console import print_line, uses_unicode
from qsession_sim.cli.readable import counted, one_line
from qsession_sim.cli.study_values import Numbers, longest_heading, numbers_of, readable_change, short_name
from qsession_sim.experiment.goals import trade_off_metrics
from qsession_sim.experiment.metrics import metric_unit
from qsession_sim.experiment.tuning import Confirmation, Evaluation, Tuning

MOST_ROWS: Final = 20


def print_tuning(console: Console, found: Tuning) -> None:
    """Print the best settings, what they gain on new workloads, and the trade-off, in the console's width."""
    direction = "smallest" if found.objective.direction == "minimise" else "largest"
    paths = " and ".join(one.path for one in found.ranges)
    print_line(console, one_line(f"{paths} for the {direction} {found.objective.metric}"), "bold")
    for constraint in found.constraints:
        limit = constraint.limit(found.baseline)
        suffix = f", that is {numbers_of(metric_unit(constraint.metric), [limit]).write(limit)}"
        suffix = suffix if constraint.of_baseline else ""
        print_line(console, one_line(f"such that {constraint.text}{suffix}"))
    tried = counted(len(found.evaluations), "candidate")
    workloads = counted(found.replications, "workload")
    print_line(console, f"{tried}, each on the same {workloads} (seed {found.seed})")
    console.print()
    if found.best is None:
        print_line(console, one_line(f"None is best: {found.why_nothing}"), "yellow")
    else:
        for setting in found.best.settings:
            print_line(console, one_line(f"Best: {setting}"), "bold")
        _print_confirmation(console, found, workloads)
    _print_front(console, found)


def _print_confirmation(console: Console, found: Tuning, workloads: str) -> None:
    console.print()
    print_line(console, f"On {workloads} that the search did not see (seed {found.seed + 1})", "bold")
    sign, ellipsis = ("±", "…") if uses_unicode(console) else ("+-", "...")
    rows = [
        (row, numbers_of(metric_unit(row.metric), [row.baseline.estimate, row.best.estimate]))
        for row in found.confirmation
    ]

    def column(heading: str, write: Callable[[Confirmation, Numbers], str]) -> Column:
        return Column(heading, tuple(write(row, numbers) for row, numbers in rows))

    def difference(row: Confirmation, numbers: Numbers) -> str:
        return numbers.write_difference(row.difference.estimate, row.difference.half_width, sign)

    columns = [
        column("as it stands", lambda row, numbers: numbers.write(row.baseline.estimate)),
        column("best", lambda row, numbers: numbers.write(row.best.estimate)),
        column("difference", difference),
        column("change", lambda row, _: readable_change(row.change)),
    ]
    if found.constraints:
        words = {None: "", True: "kept", False: "missed"}
        columns.append(column("bound", lambda row, _: words[row.keeps]))
    longest = longest_label(console.width)
    names = tuple(short_name(row.metric, ellipsis, longest) for row in found.confirmation)
    print_columns(console, Column("metric", names), columns)


def _print_front(console: Console, found: Tuning) -> None:
    front = _without_repetition(found)
    if len(front) < 2:
        return
    console.print()
    shown = _spread(front)
    print_line(console, "The trade-off: what improves one of the metrics makes another worse", "bold")
    columns = [_values(found, index, shown) for index in range(1, len(found.ranges))]
    ellipsis = "…" if uses_unicode(console) else "..."
    for metric in found.baseline:
        numbers = numbers_of(metric_unit(metric), [row.means[metric] for row in shown])
        cells = tuple(numbers.write(row.means[metric]) for row in shown)
        columns.append(Column(short_name(metric, ellipsis, longest_heading(console.width)), cells))
    marks = ["best" if row is found.best else "" if row.feasible else "misses" for row in shown]
    columns.append(Column("", tuple(marks), to_the_right=False))
    print_columns(console, _values(found, 0, shown), columns)
    if len(shown) < len(front):
        print_line(console, f"{len(shown)} of {len(front)} are shown")


def _values(found: Tuning, index: int, rows: Sequence[Evaluation]) -> Column:
    one = found.ranges[index]
    cells = tuple(one.written(row.values[index]) for row in rows)
    return Column(one.path.rpartition(".")[2], cells)


def _without_repetition(found: Tuning) -> list[Evaluation]:
    """The trade-off curve, of settings that are equally good in everything only those with the smallest
    values."""
    wanted = trade_off_metrics(found.objective, found.constraints)
    kept: dict[tuple[float | None, ...], Evaluation] = {}
    for one in found.front():
        kept.setdefault(tuple(one.means[metric] for metric in wanted), one)
    return list(kept.values())


def _spread(front: list[Evaluation]) -> list[Evaluation]:
    """As many rows as are shown, evenly spread with both ends."""
    if len(front) <= MOST_ROWS:
        return front
    last = len(front) - 1
    return [front[round(place * last / (MOST_ROWS - 1))] for place in range(MOST_ROWS)]
