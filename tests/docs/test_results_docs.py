"""The page on results lists the columns, files and keys that there are, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import qsession_sim as qs

PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
TABLES = ["jobs", "sessions", "intervals", "transitions", "queue_length", "accounts"]
FIRST_CELL = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def run() -> qs.Run:
    """A run with a session and two accounts."""
    jobs = [
        {"id": "j1", "at": "0s", "session": "s1", "qpu_time": "10s"},
        {"id": "j2", "at": "4s", "account": "lab-b", "qpu_time": "20s"},
    ]
    sessions = [{"id": "s1", "account": "lab-a"}]
    return qs.simulate({"workload": [{"kind": "explicit", "sessions": sessions, "jobs": jobs}]})


def section(heading: str) -> str:
    """What stands under a heading, up to the next one."""
    after = PAGE.partition(f"\n{heading}\n")[2]
    return re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0]


def words_of_first_cells(text: str) -> list[str]:
    return [word for cell in FIRST_CELL.findall(text) for word in re.findall(r"`([^`]+)`", cell)]


_OF_WORDS = {"status", "reason", "state", "time_us", "share", "waiting_parts_us", "waiting_share"}


def keys_of(document: Mapping[str, Any], parents: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys that are words of ours: not names of accounts, streams, QPUs, statuses or kinds of time."""
    for key, value in document.items():
        if parents and parents[-1] in {"by_mode", "by_account", "by_stream", "qpus", "accounts"}:
            yield from keys_of(value, (*parents, key))
            continue
        yield key
        if isinstance(value, Mapping) and key not in _OF_WORDS:
            yield from keys_of(value, (*parents, key))


@pytest.mark.parametrize("table", TABLES)
def test_page_lists_the_columns_of_each_table_in_their_order(run: qs.Run, table: str) -> None:
    assert words_of_first_cells(section(f"### `{table}`")) == getattr(run, table).columns


def test_page_lists_the_files_of_a_bundle(run: qs.Run, tmp_path: Path) -> None:
    run.save(tmp_path / "bundle")
    written = sorted(path.name for path in (tmp_path / "bundle").iterdir())
    assert sorted(words_of_first_cells(section("## On disk"))) == written


def test_page_lists_the_keys_of_the_summary(run: qs.Run) -> None:
    distribution = {"count", "mean", "p50", "p90", "p95", "p99", "max"}
    assert set(words_of_first_cells(section("## The summary"))) | distribution == set(keys_of(run.summary()))
