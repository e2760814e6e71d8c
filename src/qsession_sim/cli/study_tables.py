"""What a study found, as people read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from qsession_sim.cli.columns import Column, longest_label, print_columns
from qsession_sim.cli.console import print_line, uses_unicode
from qsession_sim.cli.readable import counted, one_line, shortened
from qsession_sim.cli.study_values import (
    Numbers,
    longest_heading,
    numbers_of,
    readable_change,
    short_name,
)
from qsession_sim.experiment.statistics_of_pairs import Estimate
from qsession_sim.experiment.study import Study
from qsession_sim.experiment.tasks import Configuration

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
