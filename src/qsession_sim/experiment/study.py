"""replicate, compare, sweep: how large a metric is, which policy is better, what a setting changes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from qsession_sim.errors import BundleError, StudyError, hint
from qsession_sim.experiment.commands import command_of_means, command_of_run, command_of_study
from qsession_sim.experiment.estimates import Precision, next_look, replications_of
from qsession_sim.experiment.executors import InProcess, as_executor
from qsession_sim.experiment.externality import EXTERNALITY, RUNS
from qsession_sim.experiment.findings import StudyFindings
from qsession_sim.experiment.following import study_followed
from qsession_sim.experiment.metrics import Metric, metric_name, metric_unit
from qsession_sim.experiment.options import (
    CompareOptions,
    ReplicateOptions,
    SweepOptions,
    taken_by,
    with_options,
)
from qsession_sim.experiment.plan import (
    AS_IT_STANDS,
    MSER5,
    Policy,
    Source,
    StudyPlan,
    configurations_of,
    describe_configurations,
    make_plan,
)
from qsession_sim.experiment.references import Reference, one_spelling, placeless
from qsession_sim.experiment.shown import ShownStudy, ShownTuning
from qsession_sim.experiment.store import (
    PLAN,
    STUDY,
    TUNING,
    Runs,
    open_store,
    read_study_document,
    read_study_table,
    write_study,
)
from qsession_sim.experiment.tasks import POLICIES, Configuration
from qsession_sim.experiment.variations import Sampling, Variation, read_variations, sweep_points, written
from qsession_sim.results.bundle import PROVENANCE, is_bundle, versions
from qsession_sim.results.run import SavedRun
from qsession_sim.scenario.yaml_source import read_value

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, repr=False)
class Study(StudyFindings, ShownStudy):
    """What replications have shown, with its tables, figures and files; attributes as in `StudyFindings`."""

    def __repr__(self) -> str:
        names = [one.name for one in self.configurations]
        shown = f"{len(names)} configurations" if len(names) > 10 else f"{names!r}"
        replications = f"{self.replications} replication{'' if self.replications == 1 else 's'}"
        return f"Study({self.kind!r}, {shown}, {replications} of {list(self.metrics)!r})"

    def _repr_html_(self) -> str:
        from qsession_sim.report.study_rows import study_document
        from qsession_sim.report.text import notebook_html, text_of

        return notebook_html(repr(self), text_of(study_document(self)))

    def table(self, *, readable: bool = False) -> pl.DataFrame:
        """One row for each configuration and metric.

        With `readable`, texts as the terminal shows them: `mean`, `difference` and `change` with their
        intervals, rounded and in readable units, and the `verdict`, after the names and the `count`. Else:

        - `configuration`, `policy`, `hold`, `routing`, and a column for each setting that a sweep varies.
        - `metric`, `unit` (such as `us` or `1/h`, empty for counts and shares; of functions of the user `us`
          if the name ends in `_us`, else null).
        - `count` of observations, `mean`, and the ends `low` and `high` of its interval; `drawn`: False where
          nothing is drawn, so that there is one run, whose number is exact.
        - compared with the baseline: `pairs`, mean `difference` with `difference_low` and `difference_high`,
          `relative_change` (difference over the size of the baseline's mean; null where the interval of that
          contains 0) with `relative_change_low` and `relative_change_high`, `p_value`, `adjusted_p_value`
          (Holm), `significant`. Null where there is no comparison, and intervals and tests of what is exact.
        - `command`: what computes the row again; null if the scenario is no file. Where there is a baseline
          it is that of the whole study, on which differences and Holm's correction depend. If policies were
          given that no option can name, it computes the mean and its interval only, or is null if these
          depend on the baseline, too (`mser5`).
        """
        import polars as pl

        from qsession_sim.report.study_rows import readable_table

        whole = command_of_study(self)
        rows = []
        for configuration in self.configurations:
            # alone, it would find another warm-up
            alone = self.plan.warm_up_of in {None, configuration}
            command = whole or (command_of_means(self, configuration) if alone else None)
            rows += [{**self._row(configuration, one), "command": command} for one in self.plan.metrics]
        kinds = {
            **dict.fromkeys(
                ("configuration", *POLICIES, *self.paths, "metric", "unit", "command"), pl.String
            ),
            **dict.fromkeys(("count", "pairs"), pl.Int64),
            **dict.fromkeys(("drawn", "significant"), pl.Boolean),
        }
        table = pl.DataFrame(rows, schema={name: kinds.get(name, pl.Float64) for name in rows[0]})
        return readable_table(table, self.baseline, self.level) if readable else table

    def runs(self) -> pl.DataFrame:
        """One row for each run: `configuration`, `replication`, `seed`, the metrics, `warm_up_us`, `settled`
        (False if MSER-5 calls the run too short), and the `command` that repeats it."""
        import polars as pl

        results = [
            (configuration, self.results[configuration.name, number])
            for number in range(self.replications)
            for configuration in self.configurations
            if (configuration.name, number) in self.results
        ]
        rows = [
            {**vars(one), **one.metrics, "command": command_of_run(self, configuration, one)}
            for configuration, one in results
        ]
        kinds = {
            "configuration": pl.String,
            "replication": pl.Int64,
            "seed": pl.Int64,
            **dict.fromkeys(self.metrics, pl.Float64),
            "warm_up_us": pl.Int64,
            "settled": pl.Boolean,
            "command": pl.String,
        }
        columns = {name: [row[name] for row in rows] for name in kinds}
        return pl.DataFrame(columns, schema=kinds, strict=False)

    def to_dict(self) -> dict[str, Any]:
        """All of it but the single runs, as JSON values; equal studies, equal values."""
        return {
            "kind": self.kind,
            "method": list(self.method),
            "baseline": self.baseline,
            "replications": self.replications,
            "level": self.level,
            "until": None if self.rule is None else self.rule.text,
            "reached": self.reached,
            "provenance": {
                "versions": versions(),
                "seed": self.plan.seed,
                "scenario": self.plan.scenario.origin,
                "overrides": list(self.plan.scenario.overrides),
                "policies": [
                    {kind: placeless(self._policy(one, kind)) for kind in POLICIES}
                    for one in self.configurations
                ],
                "digests": self.plan.digests(self.configurations),
            },
            "table": self.table().to_dicts(),
        }

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write `table.parquet`, `runs.parquet` and `study.json` to a directory; each whole or not at all.

        Raises:
            StudyError: if they cannot be written.
        """
        return write_study(directory, {"table": self.table(), "runs": self.runs()}, self.to_dict())

    def _row(self, configuration: Configuration, metric: Metric) -> dict[str, Any]:
        """What the table says of a metric of a configuration."""
        one = self.estimates[configuration.name, metric_name(metric)]
        interval, difference, change = one.interval, one.difference_interval, one.relative_change_interval
        return {
            "configuration": configuration.name,
            **{kind: self._policy(configuration, kind) for kind in POLICIES},
            **dict(zip(self.paths, self.settings_of(configuration), strict=True)),
            "metric": metric_name(metric),
            "unit": metric_unit(metric),
            "count": one.count,
            "mean": one.mean,
            "low": interval and interval.low,
            "high": interval and interval.high,
            "drawn": self.is_drawn(configuration.name),
            "pairs": one.pairs or None,
            "difference": one.difference,
            "difference_low": difference and difference.low,
            "difference_high": difference and difference.high,
            "relative_change": one.relative_change,
            "relative_change_low": change and change.low,
            "relative_change_high": change and change.high,
            "p_value": one.p_value,
            "adjusted_p_value": one.adjusted_p_value,
            "significant": self.is_significant(one),
        }

    def _policy(self, configuration: Configuration, kind: str) -> str:
        """The name of a policy: of the configuration, of its settings, or of the scenario."""
        own: str | None = getattr(configuration, kind)
        if own is not None:
            return own
        path = f"policies.{POLICIES[kind]}"
        for setting in reversed(configuration.overrides):
            name, _, value = setting.partition("=")
            if name in {path, f"{path}.name"}:
                read = read_value(value)
                return str(read["name"] if isinstance(read, Mapping) else read)
        return str(getattr(self.plan.scenario.resolved.policies, POLICIES[kind]).name)


class _InDirectory:
    """What a command wrote to a directory; files are read when they are asked for."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({os.fspath(self.directory)!r})"


class SavedStudy(_InDirectory, ShownStudy):
    """A study read back from disk, with the same tables and document; files are read when they are asked for.

    Args:
        directory: what `Study.save` wrote, or `-o DIR` of the commands.
    """

    def table(self, *, readable: bool = False) -> pl.DataFrame:
        """See `Study.table`.

        Raises:
            StudyError: if a file is missing or damaged, as in `runs` and `to_dict`.
        """
        table = read_study_table(self.directory, "table", "metric")
        if not readable:
            return table
        from qsession_sim.report.study_rows import readable_table

        document = self.to_dict()
        return readable_table(table, document["baseline"], document["level"])

    def runs(self) -> pl.DataFrame:
        """See `Study.runs`."""
        return read_study_table(self.directory, "runs", "replication")

    def to_dict(self) -> dict[str, Any]:
        """See `Study.to_dict`."""
        return read_study_document(self.directory)


class SavedTuning(_InDirectory, ShownTuning):
    """The result of `tune` read back from disk, with the same table and document.

    Args:
        directory: what `Tuning.save` wrote, or `-o DIR` of the command.
    """

    def table(self) -> pl.DataFrame:
        """See `Tuning.table`.

        Raises:
            StudyError: if a file is missing or damaged, as in `to_dict`.
        """
        return read_study_table(self.directory, "evaluations", "settings")

    def to_dict(self) -> dict[str, Any]:
        """See `Tuning.to_dict`."""
        return read_study_document(self.directory, TUNING)


if TYPE_CHECKING:

    class Saved(SavedRun, SavedStudy):
        """What is in a directory: a run, a study or a search. Only the caller knows which, so type checkers
        allow what the first two have."""

        def figure(self, *arguments: Any, **options: Any) -> Any:
            """See `Run.figure` and `Study.figure`."""


def load(directory: str | os.PathLike[str]) -> Saved:
    """Read what `Run.save`, `Study.save`, `Tuning.save` or a command with `-o DIR` wrote.

    Returns:
        A `SavedRun`, a `SavedStudy` or a `SavedTuning`; type checkers take it for the first two.

    Raises:
        BundleError: if the directory holds neither.
        StudyError: if it holds a study that is not finished, or something else that a command is about.

    Example:
        >>> import tempfile
        >>> jobs = [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "90s"}]
        >>> study = replicate({"workload": [{"kind": "explicit", "jobs": jobs}]}, metrics=["mean_turnaround"])
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     load(study.save(directory)).table(readable=True).select("count", "mean").rows()
        [(1, '90 s')]
    """
    place = Path(directory)
    if is_bundle(place):
        return cast("Saved", SavedRun(place))
    # of a name that is too long, os.path.isfile says False where Path.is_file raises OSError
    if os.path.isfile(place / EXTERNALITY):  # noqa: PTH113 - see above
        raise StudyError(
            f"{place} holds two runs of compare --without; load {place / RUNS[0]} or {place / RUNS[1]}"
        )
    study, tuning, begun = (os.path.isfile(place / name) for name in (STUDY, TUNING, PLAN))  # noqa: PTH113 - as above
    if study:
        return cast("Saved", SavedStudy(place))
    if tuning:
        return cast("Saved", SavedTuning(place))
    if begun:
        raise StudyError(
            f"the study in {place} is not finished (it has no {STUDY}); "
            f"ask for the same study once more to go on with it"
        )
    raise BundleError(
        f"{place} is neither a run (it has no {PROVENANCE}) nor a study (it has no {STUDY}); "
        f"give the directory that one was saved to"
    )


@with_options(ReplicateOptions)
def replicate(source: Source, **options: Unpack[ReplicateOptions]) -> Study:
    """Simulate one configuration again and again, and say how large its metrics are and how sure that is.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario.
        **options: those of `ReplicateOptions`.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if the options contradict each other, a metric cannot be computed, or the directory is
            another study's.

    Example:
        >>> source = {"kind": "arrivals", "account": "lab", "count": 20, "qpu_time": "5s",
        ...           "interarrival": {"kind": "exponential", "mean": "10s"}}
        >>> study = replicate({"workload": [source]}, replications=5, metrics=["all.submitted"])
        >>> study.table().select("count", "mean", "low", "high").rows()
        [(5, 20.0, 20.0, 20.0)]
    """
    policy = options["policy"]
    configurations, functions = _configurations(None if policy is None else [policy], options)
    plan = make_plan(source, functions=functions, **taken_by(make_plan, options))
    asked = {"configurations": describe_configurations(configurations)}
    return _study("replicate", plan, configurations, options, asked)


@with_options(CompareOptions)
def compare(
    source: Source,
    policies: Iterable[Policy | Configuration],
    *,
    baseline: str | None = None,
    **options: Unpack[CompareOptions],
) -> Study:
    """Compare policies on the same workloads: each replication draws one, and every policy sees it.

    Args:
        source: as for `replicate`.
        policies: queue policies: names, `file.py:function`, mappings with a name and parameters, or
            functions; or each a whole `Configuration`.
        baseline: the name of the one that the others are compared with; by default the first.
        **options: those of `CompareOptions`.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if the options contradict each other, a metric cannot be computed, or the directory is
            another study's.

    Example:
        >>> jobs = [{"id": "long", "at": "0s", "account": "lab", "qpu_time": "5s"},
        ...         {"id": "b", "at": "1s", "account": "lab", "qpu_time": "3s"},
        ...         {"id": "c", "at": "2s", "account": "lab", "qpu_time": "1s"}]
        >>> study = compare({"workload": [{"kind": "explicit", "jobs": jobs}]}, ["fifo", "lifo"],
        ...                 replications=2, metrics=["max_waiting"])
        >>> study.table()["difference"].to_list()  # fifo: 0, 4, 6 s; lifo: 0, 5, 3 s
        [None, -1000000.0]
    """
    configurations, functions = _configurations(policies, options)
    names = [configuration.name for configuration in configurations]
    chosen = names[0] if baseline is None else one_spelling(str(baseline))
    _check_baseline(chosen, names)
    plan = make_plan(source, functions=functions, **taken_by(make_plan, options))
    asked = {"configurations": describe_configurations(configurations)}
    return _study("compare", plan, configurations, options, asked, chosen)


@with_options(SweepOptions)
def sweep(
    source: Source,
    vary: Mapping[str, Any] | Sequence[str],
    *,
    sampling: Sampling = "grid",
    points: int | None = None,
    policies: Iterable[Policy] | None = None,
    baseline: str | None = None,
    **options: Unpack[SweepOptions],
) -> Study:
    """Vary settings of a scenario, all combinations or a sample of them, on the same random numbers.

    Args:
        source: as for `replicate`.
        vary: `PATH=V1,V2,…`, or `PATH=LOW..HIGH` where points are sampled; or a mapping from paths to lists
            of values.
        sampling: `grid`, `random` or `latin_hypercube`.
        points: how many are sampled.
        policies: queue policies that each point is simulated with; by default the scenario's.
        baseline: the name of a configuration, such as `policies.hold=shared`, that the others are compared
            with; by default none.
        **options: those of `SweepOptions`.

    Raises:
        ScenarioError: if the scenario cannot be used with one of the values.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if the options contradict each other, a metric cannot be computed, or the directory is
            another study's.

    Example:
        >>> jobs = [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "1s"}]
        >>> study = sweep({"workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]},
        ...               ["workload.all.jobs.a.qpu_time=2s,4s"], replications=2, metrics=["mean_turnaround"])
        >>> study.table().select("workload.all.jobs.a.qpu_time", "mean").rows()
        [('2s', 2000000.0), ('4s', 4000000.0)]
    """
    variations = read_variations(vary, sampling)
    bases, functions = _configurations(policies, options)
    plan = make_plan(source, functions=functions, **taken_by(make_plan, options))
    configurations = sweep_points(bases, variations, sampling, points, plan.seed)
    if baseline is not None:
        baseline = one_spelling(str(baseline))
        _check_baseline(baseline, [configuration.name for configuration in configurations])
    # a value that cannot be used is an error before anything is simulated, not in the middle of it
    first = max(1, *(len(variation.values) for variation in variations)) * len(bases)
    for configuration in configurations[:first]:
        plan.task(configuration, 0)
    asked = {
        "vary": [written(variation) for variation in variations],
        "sampling": sampling,
        "points": points,
        "configurations": describe_configurations(bases),
    }
    return _study("sweep", plan, configurations, options, asked, baseline, variations, sampling)


def _configurations(
    policies: Iterable[Policy | Configuration] | None, options: SweepOptions
) -> tuple[tuple[Configuration, ...], dict[str, Reference]]:
    hold, routing = options["hold"], options["routing"]
    if policies is None:
        return (Configuration(AS_IT_STANDS, None, hold, routing),), {}
    return configurations_of(policies, hold=hold, routing=routing)


def _check_baseline(baseline: str, names: Sequence[str]) -> None:
    if baseline not in names:
        raise StudyError(f"the baseline {baseline!r} is not compared; {hint(str(baseline), names)}")


def _study(
    kind: Literal["replicate", "compare", "sweep"],
    plan: StudyPlan,
    configurations: tuple[Configuration, ...],
    options: SweepOptions,
    asked: Mapping[str, Any],
    baseline: str | None = None,
    variations: Sequence[Variation] = (),
    sampling: str = "",
) -> Study:
    """Simulate until there are enough replications, and save the study where it is kept; `asked` is what is
    compared, for the plan of the study directory."""
    if baseline is not None and plan.warm_up == MSER5:
        named = {configuration.name: configuration for configuration in configurations}
        plan = replace(plan, warm_up_of=named[baseline])
    directory, (bound, rule) = options["directory"], _bound(plan, options, baseline)
    study = Study(
        kind=kind,
        plan=plan,
        configurations=configurations,
        replications=0,
        results={},
        baseline=baseline,
        level=options["level"],
        rule=rule,
        paths=tuple(variation.path for variation in variations),
        sampling=sampling,
        asked=asked,
    )
    executor = as_executor(options["executor"])
    if not isinstance(executor, InProcess) or directory is not None:
        plan.check_portable({one.policy: one for one in configurations}.values())
    store = None if directory is None else open_store(directory, {**plan.describe(), **asked})
    with study_followed(options["progress"]) as progress:
        study = _carried_out(study, Runs(executor, store, progress), bound)
    if directory is not None:
        study.save(directory)
    return study


def _carried_out(study: Study, runs: Runs, bound: int) -> Study:
    """The study with as many replications as its rule asks for, or `bound`."""
    plan, configurations, rule = study.plan, study.configurations, study.rule
    while study.replications < bound:
        look = bound if rule is None else next_look(study.replications, bound)
        tasks = plan.tasks(configurations, range(study.replications, look))
        new = runs.carry_out(tasks, None if rule else look * len(configurations), look - 1)
        with plan.scenario.placing_problems():
            results = {**study.results, **{(one.configuration, one.replication): one for one in new}}
        study = replace(study, replications=look, results=results)
        if not any(study.is_drawn(one.name) for one in configurations):
            return replace(study, replications=1)
        if study.reached:
            break
    return study


def _bound(plan: StudyPlan, options: SweepOptions, baseline: str | None) -> tuple[int, Precision | None]:
    """The largest number of replications, and the rule that may stop before."""
    level, until = options["level"], options["until"]
    if not isinstance(level, float) or not 0 < level < 1:
        raise StudyError(f"the level of an interval is above 0 and below 1, got {level!r}")
    if plan.batches:
        if until is not None or options["replications"] not in {None, 1}:
            raise StudyError("batches are of one long run; leave replications and until out")
        return 1, None
    bound, rule = replications_of(options["replications"], until, options["max_replications"])
    if rule is not None and rule.metric not in plan.metric_names:
        known = hint(rule.metric, plan.metric_names)
        raise StudyError(f"until {rule.text!r}: {rule.metric!r} is not among the metrics; {known}")
    if rule is not None and rule.of_change and baseline is None:
        raise StudyError(
            f"until {rule.text!r}: without a baseline nothing changes; compare, or give a baseline"
        )
    return bound, rule
