"""The first date in a file of jobs: the instant of time 0 of a scenario that does not say another."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qsession_sim.files import limits, too_large
from qsession_sim.scenario.sources import HumanTrace
from qsession_sim.scenario.trace_files import (
    ColumnError,
    TraceFormat,
    heading_of,
    open_text,
    read_by_line,
    read_even,
    tables,
    trace_format,
)
from qsession_sim.scenario.trace_times import EPOCH, dates_us, is_date, physical_us

if TYPE_CHECKING:
    import polars as pl

_TWO_DAYS: Final = timedelta(days=2)
_MOST_SAMPLED: Final = 1_000


def start_of(source: HumanTrace, directory: Path) -> datetime | None:
    """The calendar instant of time 0 of the common clock by a source whose times are dates; None by others.

    Args:
        source: whose file is one of jobs.
        directory: where a relative name starts.
    """
    origin = source.origin if isinstance(source.origin, datetime) else None
    if origin is None and trace_format(source.file) is not TraceFormat.SWF and source.origin != "zero":
        origin = _first_date(directory / source.file, source.instants)
    return None if origin is None else origin - timedelta(microseconds=source.starts_at or 0)


def _first_date(file: Path, wanted: Sequence[str]) -> datetime | None:
    """The first date in some columns; None where they hold others than dates, or cannot be read."""
    from polars.exceptions import PolarsError

    with suppress(ColumnError, OSError, csv.Error, PolarsError, UnicodeError):
        if trace_format(file.name) is TraceFormat.CSV:
            frame = _sampled(file, wanted)
        else:
            table = next(tables(file, wanted))
            frame = table.frame
            wanted = wanted if table.columns is None else [table.columns.named()["submitted"]]
        dates = [column for column in frame if column.name in wanted and holds_dates(column)]
        if dates and dates[0].name == wanted[0]:
            first = [first_us for column in dates if (first_us := _least_us(column)) is not None]
            return EPOCH + timedelta(microseconds=min(first)) if first else None
    return None


def _sampled(file: Path, wanted: Sequence[str]) -> pl.DataFrame:
    """The wanted columns of a CSV file; nothing of them if the first lines show that they hold no dates."""
    import polars as pl
    from polars.exceptions import PolarsError

    heading = heading_of(file, wanted)
    chosen = heading.places(wanted)
    if wanted[0] not in chosen:
        return pl.DataFrame()
    place = chosen[wanted[0]]
    with open_text(file) as source:
        rows = islice(csv.reader(source, delimiter=heading.delimiter), heading.last_line, _MOST_SAMPLED)
        if _are_dates(fields[place] for fields in rows if place < len(fields)) is False:
            return pl.DataFrame()
    if file.stat().st_size > limits().trace_bytes:
        raise too_large(limits().trace_bytes)
    try:
        return read_even(file, heading, chosen)
    except PolarsError:
        return read_by_line(file, heading, chosen).frame


def _least_us(column: pl.Series) -> int | None:
    import polars as pl

    if column.dtype != pl.String:
        times_us = physical_us(column).drop_nulls().to_numpy()
    else:
        # days as texts are in the order of time, and no offset is longer than a day
        some = next(text for text in column.drop_nulls() if is_date(text))
        latest = EPOCH + timedelta(microseconds=int(dates_us(pl.Series([some])).values_us[0])) + _TWO_DAYS
        without_hyphens = (column > f"{latest:%Y}-9") & (column <= f"{latest:%Y%m%dZ}")
        times = dates_us(column.filter((column <= f"{latest:%Y-%m-%dZ}") | without_hyphens))
        times_us = times.values_us[times.usable]
    times_us = times_us[times_us >= 0]
    return int(times_us.min()) if len(times_us) else None


def holds_dates(column: pl.Series) -> bool:
    """Whether a column holds dates: its type says it, or the first text in it that is a number or a date."""
    import polars as pl

    if column.dtype != pl.String:
        return isinstance(column.dtype, pl.Date | pl.Datetime)
    return bool(_are_dates(column.drop_nulls()))


def _are_dates(texts: Iterable[str]) -> bool | None:
    for text in texts:
        if is_date(text):
            return True
        with suppress(ValueError):
            float(text)
            return False
    return None
