"""The human form of a source that replays a file, and its way to the resolved form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from qsession_sim.scenario.human_qpus import HumanPhases
from qsession_sim.scenario.quantities import Duration
from qsession_sim.scenario.resolve_accounts import DefaultClocks
from qsession_sim.scenario.resolve_qpus import resolve_phases
from qsession_sim.scenario.resolved_trace import InferredSessions, ResolvedTrace, TraceColumns
from qsession_sim.scenario.spellings import NO_LIMIT, Identifier, LimitSpelling, Name


class HumanTrace(HumanPhases):
    """The jobs of a file: CSV, Parquet, or SWF (Standard Workload Format)."""

    kind: Literal["trace"]
    name: Annotated[Identifier | None, Field(description="the name of the source; default: its kind")] = None
    file: Annotated[
        str,
        Field(strict=True, min_length=1, description="a file: .csv, .parquet, .swf, .csv.gz or .swf.gz"),
    ]
    account: Annotated[
        Name | None, Field(description="the account of all jobs; default: that of the file")
    ] = None
    columns: Annotated[
        TraceColumns | None, Field(description="which column of a CSV or Parquet file says what")
    ] = None
    max_execution_time: Annotated[
        LimitSpelling | None,
        Field(description="the QPU time at which a job is cut off (S44); default none"),
    ] = None
    max_time: Annotated[Duration | None, Field(description="the sessions' maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        Duration | None, Field(description="the interactive timeout of sessions (S13)")
    ] = None
    batch_interactive_timeout: Annotated[
        Duration | None, Field(description="the interactive timeout of batches (S30)")
    ] = None
    infer_sessions: Annotated[
        InferredSessions | None, Field(description="how sessions are inferred; default: not at all")
    ] = None
    skip_bad_lines: Annotated[
        bool, Field(strict=True, description="whether malformed lines are counted and left out")
    ] = False


def resolve_trace(source: HumanTrace, clocks: DefaultClocks) -> ResolvedTrace:
    """Make every default explicit, except clocks that differ between the accounts of the file.

    Args:
        source: without contradictions.
        clocks: those that the source does not give.
    """
    limit = source.max_execution_time
    return ResolvedTrace.model_construct(
        kind="trace",
        name=source.kind if source.name is None else source.name,
        file=source.file,
        account=source.account,
        columns=source.columns,
        max_execution_time=None if limit == NO_LIMIT else limit,
        **_clocks(source, clocks),
        infer_sessions=source.infer_sessions,
        skip_bad_lines=source.skip_bad_lines,
        **resolve_phases(source),
    )


def _clocks(source: HumanTrace, clocks: DefaultClocks) -> dict[str, Any]:
    given = {
        "max_time": source.max_time,
        "interactive_timeout": source.interactive_timeout,
        "batch_interactive_timeout": source.batch_interactive_timeout,
    }
    if source.account is None and clocks.plans:
        return given
    default = {
        "max_time": clocks.max_time_of(source.account),
        "interactive_timeout": clocks.interactive_timeout_of(source.account, "session"),
        "batch_interactive_timeout": clocks.interactive_timeout_of(source.account, "batch"),
    }
    return {key: default[key] if value is None else value for key, value in given.items()}
