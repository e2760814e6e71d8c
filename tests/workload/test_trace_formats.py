"""Every format, and every column of a table of jobs, is in each place that must know it."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.sources import ResolvedArrivals, ResolvedJob
from qsession_sim.scenario.trace_columns import TIME_COLUMNS, TraceColumns
from qsession_sim.scenario.trace_files import TraceFormat
from qsession_sim.scenario.translation import json_schema
from qsession_sim.workload.columns import JobColumns, SessionColumns
from qsession_sim.workload.context import Purpose
from qsession_sim.workload.formats import FORMATS
from qsession_sim.workload.qpu_times import JobProperties
from qsession_sim.workload.trace_table import COLUMNS

DOCS = Path(__file__).parents[2] / "docs"
ENDINGS = [ending for kind in TraceFormat for ending in kind.endings]


def test_every_format_has_a_reader_and_those_that_are_written_a_writer():
    assert list(FORMATS) == list(TraceFormat)
    assert [kind for kind in TraceFormat if FORMATS[kind].write] == [
        kind for kind in TraceFormat if kind.is_written
    ]


def test_no_ending_is_that_of_two_formats():
    assert len(set(ENDINGS)) == len(ENDINGS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_in_the_help_the_schema_and_the_reference(ending, capsys):
    assert main(["workload", "export", "--help"]) == 0

    is_written = any(ending in kind.endings for kind in TraceFormat if kind.is_written)
    shown, schema = capsys.readouterr().out, json.dumps(json_schema())
    reference = (DOCS / "scenario.md").read_text(encoding="utf-8")
    for part in re.findall(r"\.\w+", ending):  # .csv, and .gz if it is packed
        assert part in shown or not is_written
        assert part in schema
        assert f"`{part}`" in reference


def test_every_key_of_columns_is_that_of_a_column():
    """`unit` is of all columns of times."""
    assert sorted(column.key for column in COLUMNS if column.key) == sorted(
        {*TraceColumns.model_fields} - {"unit"}
    )


def test_every_column_of_times_has_the_unit():
    in_microseconds = {column.key for column in COLUMNS if column.key and column.name.endswith("_us")}
    assert {*TIME_COLUMNS} == in_microseconds


@pytest.mark.parametrize("key", sorted({*TIME_COLUMNS} - {"started", "finished"}))
def test_a_named_column_of_numbers_needs_a_unit_and_is_read_in_it(tmp_path, key):
    """The column holds 2, and so 2 h."""
    (tmp_path / "a.csv").write_text("job,submitted_us,qpu_time_us,after,mine\na,0,5,,2\nb,,5,a,2\n")
    source = {"kind": "trace", "file": str(tmp_path / "a.csv"), "account": "lab", "origin": "zero"}

    def drawn(**columns):
        return qs.draw(qs.load_scenario({"workload": [{**source, "columns": columns}]}).resolved).jobs

    with pytest.raises(ScenarioError) as caught:
        drawn(**{key: "mine"})
    assert str(caught.value).endswith(
        f": column 'mine' holds numbers without a unit; give it, such as columns: {{{key}: {{name: mine, unit: s}}}}"
    )

    (column,) = (column for column in COLUMNS if column.key == key)
    row = 1 if key == "think" else 0
    for jobs in (drawn(**{key: "mine"}, unit="h"), drawn(**{key: {"name": "mine", "unit": "h"}}, unit="s")):
        assert getattr(jobs, column.of_job).tolist()[row] == 2 * 3_600_000_000


def test_every_column_of_jobs_is_in_the_table():
    """Ids of jobs, sessions, accounts and streams are texts there; clients, QPUs and routes are not held."""
    as_texts = {"after", "session", "account", "stream"}
    not_held = {"client", "qpu", "route"}

    numbers = {column.of_job for column in COLUMNS if column.of_job}

    assert numbers == {field.name for field in fields(JobColumns)} - as_texts - not_held


def test_every_time_of_sessions_is_in_the_table():
    times = {field.name for field in fields(SessionColumns) if field.name.endswith("_us")}

    assert {column.of_session for column in COLUMNS if column.of_session} == times


def test_what_swf_has_no_field_for_is_reported_when_it_is_lost():
    """Its fields 2, 4 and 18 are numbers of a job."""
    silent = {column.of_job for column in COLUMNS if column.of_job and not column.lost}

    assert silent == {"at_us", "qpu_time_us", "think_us"}


def test_the_documentation_has_every_column_with_its_key_and_meaning():
    page = (DOCS / "traces.md").read_text(encoding="utf-8")
    rows = [
        f"| `{c.name}` | {f'`{c.key}`' if c.key else ''} | {c.meaning} |".replace("|  |", "| |")
        for c in COLUMNS
    ]

    shown = page.partition("| column | key")[2].split("\n\n")[0].splitlines()[2:]

    assert shown == rows


def test_every_number_that_a_scenario_says_of_a_job_is_drawn_by_its_name():
    """`account`, `session`, `after` and `qpu` name something else; the QPU time may follow from circuits and shots."""
    columns = {field.name.removesuffix("_us") for field in fields(JobColumns)}
    for_qpu_times = {"circuits", "shots", "layers", "qubits", "depth"}

    assert {*ResolvedJob.model_fields} - columns == {"id", *for_qpu_times}


def test_every_distribution_of_a_job_has_random_numbers_of_its_own():
    """S7: QPU times, preparation, post-processing and patience, and what service-time models need."""
    drawn = {
        column.name.removesuffix("_us")
        for column in fields(JobColumns)
        for key, key_field in ResolvedArrivals.model_fields.items()
        if key == column.name.removesuffix("_us") and "Distribution" in str(key_field.annotation)
    }

    of_models = {key.name for key in fields(JobProperties)}

    assert drawn == {"qpu_time", "preparation", "post_processing", "patience"}
    assert [key for key in sorted(drawn | of_models) if key.upper() not in Purpose.__members__] == []
