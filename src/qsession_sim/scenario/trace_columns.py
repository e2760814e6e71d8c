"""What the columns of a trace are called, in which units they are, and from when its times count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from qsession_sim.scenario.values import (
    Instant,
    Model,
    OrWord,
    PositiveDuration,
    ShortForm,
    key,
)
from qsession_sim.units import format_duration

TimeUnit = Literal["ns", "us", "ms", "s", "min", "h", "d"]

ColumnName = Annotated[str, Field(strict=True, min_length=1)]


class TimeColumn(Model):
    """A column of times: its name, and the unit of the numbers in it; dates and durations need none."""

    name: ColumnName = Field(description="the name of the column")
    unit: TimeUnit | None = key("the unit of its numbers: ns, us, ms, s, min, h or d")


def _spell_out_column(value: Any) -> Any:
    if isinstance(value, str) and value:
        return {"name": value}
    if not isinstance(value, Mapping | TimeColumn):
        raise ValueError("must be the name of a column, or {name: ..., unit: ...}")
    return value


def _write_column(column: TimeColumn) -> Any:
    return column.name if column.unit is None else column.model_dump()


TimeColumnSpelling = Annotated[
    TimeColumn,
    BeforeValidator(_spell_out_column),
    PlainSerializer(_write_column),
    ShortForm({"type": "string", "minLength": 1}),
]


class TraceColumns(Model):
    """Which column of a CSV or Parquet file says what; those not named here have their own names."""

    job: ColumnName | None = key("the column of the job's id")
    account: ColumnName | None = key("the column of who submits")
    session: ColumnName | None = key("the column of the session's id")
    mode: ColumnName | None = key("the column of the mode")
    qpu: ColumnName | None = key("the column of the QPU's name (S54)")
    submitted: TimeColumnSpelling | None = key("the column of the submission")
    after: ColumnName | None = key("the column of the preceding job's id (S5)")
    think: TimeColumnSpelling | None = key("the column of the time from that end")
    qpu_time: TimeColumnSpelling | None = key("the column of the QPU time")
    max_execution_time: TimeColumnSpelling | None = key(
        "the column of the QPU time at which a job is cut off (S44)"
    )
    priority: ColumnName | None = key("the column of the priority")
    preparation: TimeColumnSpelling | None = key("the column of the time of preparation (S40)")
    post_processing: TimeColumnSpelling | None = key("the column of the time of post-processing (S40)")
    estimate: TimeColumnSpelling | None = key("the column of the user's estimate of the QPU time")
    started: TimeColumnSpelling | None = key("the column of the start, if there is none of the QPU time")
    finished: TimeColumnSpelling | None = key("the column of the end, if there is none of the QPU time")
    patience: TimeColumnSpelling | None = key("the column of the time after which a waiting job leaves (S27)")
    unit: TimeUnit | None = key("the unit of the other named columns of times: ns, us, ms, s, min, h or d")

    def named(self) -> dict[str, str]:
        """The file's names of columns, by the keys that give them."""
        given = {key: getattr(self, key) for key in TraceColumns.model_fields if key != "unit"}
        return {
            key: column if isinstance(column, str) else column.name
            for key, column in given.items()
            if column is not None
        }


TIME_COLUMNS: Final = (
    *("submitted", "think", "qpu_time", "max_execution_time", "preparation", "post_processing", "estimate"),
    *("started", "finished", "patience"),
)
"""The columns of `TraceColumns` that are times."""


def _read_origin(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    if value in ("first", "zero"):
        return value
    try:
        return read(value)
    except ValueError:
        raise ValueError("must be first, zero, or an instant such as 2024-04-02T08:00:00Z") from None


Origin = Annotated[
    Literal["first", "zero"] | Instant,
    WrapValidator(_read_origin),
    WithJsonSchema({"type": "string", "examples": ["first", "zero", "2024-04-02T08:00:00Z"]}),
]
"""What time 0 of a trace is: its first submission, or the 0 or the date from which its times count."""


TraceLimit = Annotated[
    PositiveDuration | Literal["none", "requested"],
    OrWord({"enum": ["none", "requested"]}),
    PlainSerializer(lambda limit: limit if isinstance(limit, str) else format_duration(limit)),
]
"""A limit of all jobs of a trace, none, or of each job what the trace says that it requested."""
