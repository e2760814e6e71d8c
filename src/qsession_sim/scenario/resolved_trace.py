"""The resolved form of a source that replays a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qsession_sim.scenario.quantities import Duration, Model, PositiveDuration
from qsession_sim.scenario.resolved_qpus import ResolvedPhases

TimeUnit = Literal["us", "ms", "s", "min", "h", "d"]

ColumnName = Annotated[str, Field(strict=True, min_length=1)]


class TraceColumns(Model):
    """Which column of a CSV or Parquet file says what; those not named here have their own names."""

    job: Annotated[ColumnName | None, Field(description="the column of the job's id")] = None
    account: Annotated[ColumnName | None, Field(description="the column of who submits")] = None
    session: Annotated[ColumnName | None, Field(description="the column of the session's id")] = None
    mode: Annotated[ColumnName | None, Field(description="the column of the mode")] = None
    submitted: Annotated[ColumnName | None, Field(description="the column of the submission")] = None
    after: Annotated[ColumnName | None, Field(description="the column of the preceding job's id (S5)")] = None
    think: Annotated[ColumnName | None, Field(description="the column of the time from that end")] = None
    qpu_time: Annotated[ColumnName | None, Field(description="the column of the QPU time")] = None
    max_execution_time: Annotated[
        ColumnName | None, Field(description="the column of the QPU time at which a job is cut off (S44)")
    ] = None
    priority: Annotated[ColumnName | None, Field(description="the column of the priority")] = None
    preparation: Annotated[
        ColumnName | None, Field(description="the column of the time of preparation (S40)")
    ] = None
    post_processing: Annotated[
        ColumnName | None, Field(description="the column of the time of post-processing (S40)")
    ] = None
    estimate: Annotated[
        ColumnName | None, Field(description="the column of the user's estimate of the QPU time")
    ] = None
    unit: Annotated[
        TimeUnit | None, Field(description="the unit of the named columns of times: us, ms, s, min, h or d")
    ] = None


class InferredSessions(Model):
    """Sessions made of the submissions of a user that follow one another closely."""

    gap: Annotated[
        PositiveDuration, Field(description="the longest time between two submissions of a session")
    ]
    mode: Annotated[Literal["session", "batch"], Field(description="session or batch")] = "session"


class ResolvedTrace(ResolvedPhases):
    """A file of jobs. Relative names of files start at the scenario's directory."""

    kind: Literal["trace"]
    name: str
    file: str
    account: str | None  # None: the users in the file
    columns: TraceColumns | None
    max_execution_time: PositiveDuration | None  # S44; None: no limit, not even that of the rules
    # the clocks of sessions and batches; None: those of each account's plan (S60)
    max_time: Duration | None
    interactive_timeout: Duration | None
    batch_interactive_timeout: Duration | None
    infer_sessions: InferredSessions | None
    skip_bad_lines: bool
