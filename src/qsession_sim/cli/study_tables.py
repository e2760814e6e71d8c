"""What a study found, as people read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from qsession_sim.cli.readable import (
    Numbers,
    counted,
    longest_heading,
    numbers_of,
    one_line,
    readable_change,
    short_name,
    shortened,
)
from qsession_sim.cli.terminal import Column, longest_label, print_columns, print_line, uses_unicode
from qsession_sim.experiment.estimates import Estimate
from qsession_sim.experiment.findings import Confirmation, Evaluation
from qsession_sim.experiment.metrics import metric_unit
from qsession_sim.experiment.search import trade_off_metrics
from qsession_sim.experiment.study import Study
from qsession_sim.experiment.tasks import Configuration
from qsession_sim.experiment.tune import Tuning

MOST_ROWS: Final = 30


def print_study(console: Console, study: Study) -> None:
    """Print a table and the method, in the width of the console."""
    title = study.plan.scenario.resolved.title
    if title:
        print_line(console, one_line(title), "bold")
    _print_size(console, study)
    if len(study.configurations) == 1:
        _print_metrics(console, study)
    elif study.baseline is None:
        _print_means(console, study)
    else:
        for metric in study.metrics:
            _print_comparison(console, study, metric)
    console.print()
    for sentence in study.method:
        print_line(console, one_line(_ascii(sentence, console)))
    hidden = len(study.configurations) - MOST_ROWS
    if hidden > 0:
        print_line(console, f"{hidden:,} more configurations are in the results of -o DIR and --format json")


def _print_size(console: Console, study: Study) -> None:
    what = {"compare": "policy", "sweep": "configuration", "replicate": "configuration"}[study.kind]
    count = len(study.configurations)
    things = "policies" if what == "policy" and count != 1 else counted(count, what)
    things = f"{count} {things}" if things == "policies" else things
    runs = counted(len(study.results), "run")
    print_line(
        console, f"{things}, {counted(study.replications, 'replication')}, {runs}; seed {study.plan.seed}"
    )


def _print_metrics(console: Console, study: Study) -> None:
    """One configuration: a row for each metric."""
    console.print()
    name = study.configurations[0].name
    rows = [
        (metric, study.estimates[name, metric], _numbers(study, metric, [study.configurations[0]]))
        for metric in study.metrics
    ]
    columns = [Column("mean", tuple(_mean(console, found, numbers) for _, found, numbers in rows))]
    if any(found.count < study.replications for _, found, _ in rows) and not study.plan.batches:
        columns.append(Column("of", tuple(f"{found.count:,}" for _, found, _ in rows)))
    longest = longest_label(console.width)
    names = tuple(short_name(metric, _ellipsis(console), longest) for metric, _, _ in rows)
    print_columns(console, Column("metric", names), columns)


def _print_means(console: Console, study: Study) -> None:
    """Many configurations, nothing to compare with: a row for each, a column for each metric."""
    console.print()
    shown = study.in_order[:MOST_ROWS]
    columns: list[Column] = []
    for metric in study.metrics:
        numbers = _numbers(study, metric, shown)
        found = [study.estimates[one.name, metric] for one in shown]
        heading = short_name(metric, _ellipsis(console), longest_heading(console.width))
        columns.append(Column(heading, tuple(_mean(console, one, numbers) for one in found)))
    print_columns(console, _labels(console, study, shown), columns)


def _print_comparison(console: Console, study: Study, metric: str) -> None:
    """One metric: a row for each configuration, and how it differs from the baseline."""
    console.print()
    print_line(console, one_line(metric), "bold")
    shown = study.in_order[:MOST_ROWS]
    numbers = _numbers(study, metric, shown)

    def column(heading: str, write: Callable[[Estimate], str]) -> Column:
        return Column(heading, tuple(write(study.estimates[one.name, metric]) for one in shown))

    columns = [
        column("mean", lambda found: _mean(console, found, numbers)),
        column("difference", lambda found: _difference(console, found, numbers)),
        column("change", lambda found: "" if _alone(found) else readable_change(found.relative_change)),
    ]
    verdicts = tuple(_verdict(study, one, metric) for one in shown)
    columns.append(Column("", verdicts, to_the_right=False))
    print_columns(console, _labels(console, study, shown), columns)


def _verdict(study: Study, configuration: Configuration, metric: str) -> str:
    if configuration.name == study.baseline:
        return "baseline"
    significant = study.is_significant(study.estimates[configuration.name, metric])
    return {None: "", True: "significant", False: "not significant"}[significant]


def _alone(found: Estimate) -> bool:
    """Whether it was compared with nothing, as the baseline is."""
    return found.pairs == 0


def _mean(console: Console, found: Estimate, numbers: Numbers) -> str:
    half_width = None if found.interval is None else found.interval.half_width
    return numbers.write_interval(found.mean, half_width, _sign(console))


def _difference(console: Console, found: Estimate, numbers: Numbers) -> str:
    if _alone(found):
        return ""
    interval = found.difference_interval
    half_width = None if interval is None else interval.half_width
    return numbers.write_difference(found.difference, half_width, _sign(console))


def _numbers(study: Study, metric: str, configurations: Sequence[Configuration]) -> Numbers:
    return numbers_of(
        study.unit_of(metric), [study.estimates[one.name, metric].mean for one in configurations]
    )


def _labels(console: Console, study: Study, shown: Sequence[Configuration]) -> Column:
    """What tells the configurations apart: of a sweep the values without the paths."""
    heading = "policy" if study.kind == "compare" else ""
    labels = [one.name for one in shown]
    if study.paths:
        heading = ", ".join(path.rpartition(".")[2] for path in study.paths)
        labels = [_values(study, one) for one in shown]
    ellipsis, longest = _ellipsis(console), longest_label(console.width)
    return Column(
        shortened(heading, longest, ellipsis),
        tuple(short_name(one_line(label), ellipsis, longest) for label in labels),
    )


def _values(study: Study, configuration: Configuration) -> str:
    values = ", ".join(study.settings_of(configuration))
    several = len({one.policy for one in study.configurations}) > 1
    return f"{configuration.policy}, {values}" if several else values


def _sign(console: Console) -> str:
    return "±" if uses_unicode(console) else "+-"


def _ellipsis(console: Console) -> str:
    return "…" if uses_unicode(console) else "..."


def _ascii(text: str, console: Console) -> str:
    return text.replace("±", _sign(console))


# -- What `tune` found, as people read it.

_MOST_SETTINGS: Final = 20


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
    columns = [_values_of_range(found, index, shown) for index in range(1, len(found.ranges))]
    ellipsis = "…" if uses_unicode(console) else "..."
    for metric in found.baseline:
        numbers = numbers_of(metric_unit(metric), [row.means[metric] for row in shown])
        cells = tuple(numbers.write(row.means[metric]) for row in shown)
        columns.append(Column(short_name(metric, ellipsis, longest_heading(console.width)), cells))
    marks = ["best" if row is found.best else "" if row.feasible else "misses" for row in shown]
    columns.append(Column("", tuple(marks), to_the_right=False))
    print_columns(console, _values_of_range(found, 0, shown), columns)
    if len(shown) < len(front):
        print_line(console, f"{len(shown)} of {len(front)} are shown")


def _values_of_range(found: Tuning, index: int, rows: Sequence[Evaluation]) -> Column:
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
    if len(front) <= _MOST_SETTINGS:
        return front
    last = len(front) - 1
    return [front[round(place * last / (_MOST_SETTINGS - 1))] for place in range(_MOST_SETTINGS)]
