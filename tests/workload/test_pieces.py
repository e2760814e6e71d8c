"""Columns of one value and columns drawn in pieces: less memory, and nothing else."""

from __future__ import annotations

from array import array
from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from qsession_sim.errors import ScenarioError
from qsession_sim.results import tables as result_tables
from qsession_sim.results.tables import name_series
from qsession_sim.scenario.distributions import CountDistribution, DurationDistribution
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scheduler.plan import growing
from qsession_sim.workload import columns, distributions
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    KeyedNames,
    NestedNames,
    NumberedNames,
    constant,
    is_constant,
)
from qsession_sim.workload.distributions import (
    counts,
    durations_us,
    sample,
    sampled_counts,
    sampled_durations_us,
)
from qsession_sim.workload.draw import draw

ARRIVALS = {"kind": "arrivals", "account": "lab", "count": 4, "interarrival": "30s", "qpu_time": "10s"}
BATCHES = {
    "kind": "batches",
    "account": "lab",
    "count": 2,
    "interarrival": "30s",
    "jobs": 2,
    "qpu_time": "10s",
}

DURATIONS = [
    {"kind": "constant", "value": "1.5s"},
    {"kind": "uniform", "low": "1s", "high": "9s"},
    {"kind": "exponential", "mean": "9s"},
    {"kind": "exponential", "mean": "9s", "at_least": "5s", "at_most": "9s", "outside": "redraw"},
    {"kind": "lognormal", "median": "9s", "sigma": 0.5},
    {"kind": "gamma", "scale": "9s", "shape": 0.7},
    {"kind": "weibull", "scale": "9s", "shape": 0.7},
    {"kind": "pareto", "scale": "9s", "shape": 2.5},
    {"kind": "erlang", "mean": "9s", "stages": 3},
    {"kind": "hyperexponential", "means": ["1s", "60s"], "weights": [3, 1]},
    {"kind": "choice", "values": ["1s", "3s", "9s"], "weights": [1, 2, 3]},
    {"kind": "empirical", "values": [f"{1 + number}s" for number in range(30)]},
]


@pytest.mark.parametrize("settings", DURATIONS, ids=lambda settings: settings["kind"])
@pytest.mark.parametrize("count", [0, 7, 8, 61])
def test_pieces_of_any_size_draw_what_one_draw_gives(monkeypatch, settings, count):
    distribution = TypeAdapter(DurationDistribution).validate_python(settings)
    whole = durations_us(sample(distribution, np.random.default_rng(3), count), "x", least_us=1)
    monkeypatch.setattr(distributions, "_ROWS_AT_ONCE", 8)
    pieces = sampled_durations_us(distribution, np.random.default_rng(3), count, "x", least_us=1)
    assert (pieces.dtype, pieces.tolist()) == (np.dtype(np.int64), whole.tolist())


def test_counts_in_pieces_are_those_of_one_draw(monkeypatch):
    distribution = TypeAdapter(CountDistribution).validate_python({"kind": "uniform", "low": 1, "high": 9})
    whole = counts(sample(distribution, np.random.default_rng(3), 61), "x")
    monkeypatch.setattr(distributions, "_ROWS_AT_ONCE", 8)
    assert sampled_counts(distribution, np.random.default_rng(3), 61, "x").tolist() == whole.tolist()


def test_a_duration_that_is_too_long_is_refused_in_any_piece(monkeypatch):
    monkeypatch.setattr(distributions, "_ROWS_AT_ONCE", 8)
    longest = TypeAdapter(DurationDistribution).validate_python(
        {"kind": "lognormal", "median": f"{2**62 // 10**6}s", "sigma": 1.0}
    )
    with pytest.raises(ScenarioError, match=r"workload\.x: drew a duration longer than"):
        sampled_durations_us(longest, np.random.default_rng(3), 61, "x")


def test_a_column_of_one_value_takes_the_memory_of_one_and_cannot_be_written_to():
    column = constant(5, -1)
    assert (column.tolist(), column.dtype, is_constant(column)) == ([-1] * 5, np.dtype(np.int64), True)
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 3
    assert not is_constant(np.full(5, -1))


def test_drawn_columns_without_a_choice_are_of_one_value():
    workload = draw(load_scenario({"workload": [ARRIVALS]}).resolved)
    alike = {field.name for field in fields(workload.jobs) if is_constant(getattr(workload.jobs, field.name))}
    assert alike == {field.name for field in fields(workload.jobs)} - {"at_us", "qpu_time_us"}


def test_a_column_of_one_value_stays_one_across_sources_that_agree():
    """Jobs of arrivals are in no session, those of batches are; neither has a limit of its own."""
    arrivals, batches = ARRIVALS | {"name": "a"}, BATCHES | {"name": "b"}
    jobs = draw(load_scenario({"workload": [arrivals, batches]}).resolved).jobs
    assert is_constant(jobs.max_execution_time_us)
    assert jobs.max_execution_time_us.tolist() == [-1] * 8
    assert not is_constant(jobs.session)
    assert jobs.session.tolist() == [-1] * 4 + [0, 0, 1, 1]
    assert jobs.stream.tolist() == [0] * 4 + [1] * 4


def test_the_digest_does_not_know_how_a_column_is_kept():
    """S7."""
    workload = draw(load_scenario({"workload": [ARRIVALS]}).resolved)
    filled = {field.name: getattr(workload.jobs, field.name).copy() for field in fields(workload.jobs)}
    plain = replace(workload, jobs=type(workload.jobs)(**filled))
    assert not is_constant(plain.jobs.priority)
    assert plain.digest() == workload.digest()


def replayed(tmp_path, given):
    pl.DataFrame(given).write_parquet(tmp_path / "trace.parquet")
    source = {"kind": "trace", "name": "t", "file": str(tmp_path / "trace.parquet")}
    return draw(load_scenario({"workload": [source]}).resolved)


def test_a_column_without_a_value_in_a_parquet_file_is_as_one_that_is_absent(tmp_path):
    given = {"submitted_us": [5, 7], "qpu_time_us": [2, 3]}
    others = ("account", "session", "mode", "after", "job")
    texts = {name: pl.Series([None, None], dtype=pl.String) for name in others}
    numbers = {
        name: pl.Series([None, None], dtype=pl.Int64) for name in ("priority", "cancel_us", "think_us")
    }
    whole = replayed(tmp_path, given)
    assert replayed(tmp_path, given | texts | numbers).digest() == whole.digest()
    assert (whole.jobs.at_us.tolist(), whole.jobs.qpu_time_us.tolist()) == ([5, 7], [2, 3])
    assert whole.accounts == ("user-unknown",)


def test_a_job_that_follows_one_of_a_file_without_ids_is_told(tmp_path):
    ids = pl.Series([None, None], dtype=pl.String)
    given = {"submitted_us": [5, 7], "qpu_time_us": [2, 3], "job": ids, "after": [None, "a"]}
    with pytest.raises(ScenarioError, match=r"row 2: after: no job 'a' is in the file"):
        replayed(tmp_path, given)


@pytest.mark.parametrize("rows", [2, 3])
def test_ids_of_a_file_are_the_names_of_its_jobs_in_the_tables_and_the_digest(tmp_path, monkeypatch, rows):
    """Also in pieces; and as names that a person lists, in a digest."""
    monkeypatch.setattr(columns, "_ROWS_AT_ONCE", rows)
    given = {"submitted_us": [5, 7, 9], "qpu_time_us": [2, 3, 4], "job": ["a", "b/1", "c"]}
    workload = replayed(tmp_path, given)
    assert list(workload.job_names[0]) == ["a", "b/1", "c"]
    assert name_series(workload.job_names).to_list() == ["a", "b/1", "c"]
    listed = replace(workload, job_names=(("a", "b/1", "c"),))
    assert workload.digest() == listed.digest()
    other = replace(workload, job_names=(("a", "b/2", "c"),))
    assert workload.digest() != other.digest()


def test_ids_that_are_there_twice_are_no_names(tmp_path):
    given = {"submitted_us": [5, 7, 9], "qpu_time_us": [2, 3, 4], "job": ["a", "b", "a"]}
    assert list(replayed(tmp_path, given).job_names[0]) == ["t/1", "t/2", "t/3"]


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_names_of_numbers_are_the_same_in_tables(monkeypatch, rows):
    """S67: a table makes them from the numbers, in pieces."""
    monkeypatch.setattr(result_tables, "_ROWS_AT_ONCE", rows)
    blocks = (
        NumberedNames("x", 9),
        KeyedNames("y", np.array([7, 3, 5, 4, 1])),
        NumberedNames("z", 0),
        NestedNames("v", (2, 0, 5, 1)),
        NestedNames("w", ()),
    )
    assert name_series(blocks).to_list() == [name for block in blocks for name in block]
    assert name_series(blocks)[9:14].to_list() == ["y/7", "y/3", "y/5", "y/4", "y/1"]
    assert name_series(blocks)[14:18].to_list() == ["v/1/1", "v/1/2", "v/3/1", "v/3/2"]


def with_names(block):
    return replace(EMPTY_WORKLOAD, job_names=(block,))


@pytest.mark.parametrize("count", [0, 1, 9_999, 10_000, 10_001, 19_999, 20_000, 123_456])
def test_a_digest_counts_numbered_names_as_if_each_were_listed(count):
    """The last four digits are made once: what matters is where another digit begins, and where they end."""
    numbered = NumberedNames("everyday", count)
    assert with_names(numbered).digest() == with_names(tuple(numbered)).digest()


@pytest.mark.parametrize("counts", [(), (0,), (3, 0, 2), (40, 0, 20), (1, 10_001)])
def test_a_digest_counts_nested_names_as_if_each_were_listed(counts):
    """With few members in a group, and with many."""
    nested = NestedNames("vqe", counts)
    assert with_names(nested).digest() == with_names(tuple(nested)).digest()


def test_a_digest_counts_keys_of_a_file_as_if_each_were_listed(monkeypatch):
    monkeypatch.setattr(columns, "_ROWS_AT_ONCE", 2)
    keyed = KeyedNames("y", np.array([7, 30, 5, 12_345, 1]))
    assert with_names(keyed).digest() == with_names(tuple(keyed)).digest()


def test_a_column_of_one_value_can_grow_in_the_scheduler():
    for rows in (0, 1, 3):
        grown = growing(memoryview(constant(rows, -1)))
        grown.append(2**62)
        assert grown == array("q", [-1] * rows + [2**62])
