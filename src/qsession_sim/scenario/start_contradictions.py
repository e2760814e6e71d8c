"""What is wrong between the keys that say when jobs, batches and clients start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.reading import Part, given, part, parts

_WAYS: Final = ("interarrival", "rates", "bursts", "groups")


def starts(path: Path, source: Part) -> Iterator[Problem]:
    """Check the ways to start of a source of arrivals or batches, or of the start of clients."""
    ways = [*_WAYS, "load"] if source.get("kind") == "arrivals" else [*_WAYS]
    if not any(key in source for key in ways):
        yield Problem(path, f"give {', '.join(ways[:-1])} or {ways[-1]}")
    one, *others = given(source, *_WAYS) or [""]
    for other in others:
        yield Problem((*path, other), f"give {one} or {other}, not both")
    if "load" in ways and given(source, "load"):
        for key in given(source, "interarrival", "groups"):
            yield Problem((*path, "load"), f"give {key} or load, not both")
    if given(source, "groups"):
        for key in given(source, "count", "until"):
            yield Problem((*path, key), "groups say what starts and when; remove it")
    yield from _rates(path, source)
    bursts = part(source, "bursts")
    if _all_zero([part(bursts, "quiet").get("per_hour"), part(bursts, "burst").get("per_hour")]):
        yield Problem((*path, "bursts"), "nothing ever arrives; give a per_hour above 0")


def client_starts(path: Path, source: Part) -> Iterator[Problem]:
    """Check the start of the clients of an iterative source."""
    if not isinstance(source.get("start"), dict):
        return
    start = source["start"]
    yield from starts((*path, "start"), start)
    groups = list(parts(start, "groups"))
    sizes = [size for _, group in groups if type(size := group.get("size")) is int]
    clients = source.get("clients")
    if sizes and len(sizes) == len(groups) and type(clients) is int and clients != sum(sizes):
        yield Problem((*path, "clients"), f"start.groups have {sum(sizes)} clients; remove this", clients)


def _rates(path: Path, source: Part) -> Iterator[Problem]:
    pieces = list(parts(source, "rates", path))
    for piece_path, piece in pieces:
        first, last = piece.get("from_hour", 0), piece.get("to_hour", 24)
        if type(first) is int and type(last) is int and last <= first:
            yield Problem((*piece_path, "to_hour"), f"must be after from_hour, {first}", piece.get("to_hour"))
    if _all_zero([piece.get("per_hour") for _, piece in pieces]):
        yield Problem((*path, "rates"), "nothing ever arrives; give a per_hour above 0")


def _all_zero(rates: list[Any]) -> bool:
    return bool(rates) and all(isinstance(rate, (int, float)) and rate == 0 for rate in rates)
