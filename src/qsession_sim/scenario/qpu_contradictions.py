"""What is wrong between QPUs, or between them and the jobs and sessions that name one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.reading import Part, given, parts, text

DEFAULT_QPU: Final = "qpu"


def qpu_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns QPUs in a scenario's plain data."""
    qpus = list(parts(data, "qpus"))
    yield from _names(qpus)
    simulators = {name for _, qpu in qpus if qpu.get("simulator") is True and (name := text(qpu, "name"))}
    if qpus and len(simulators) == len(qpus):
        for path, _ in qpus:
            what = "jobs of a simulator backend wait for nothing; give false, or a QPU beside it"
            yield Problem((*path, "simulator"), what, got=True)
    names = [name for _, qpu in qpus if (name := text(qpu, "name"))]
    known = names if isinstance(data.get("qpus"), list) else [DEFAULT_QPU]
    sources = list(parts(data, "workload"))
    for path, source in sources:
        yield from _reference(path, source, known)
        kind, mode = source.get("kind"), source.get("mode", "session")
        if kind == "batches" or (kind == "iterative" and mode != "job"):
            yield from _no_session(path, source, simulators)
        yield from _no_preparation(path, source, simulators)
    yield from _explicit(sources, known, simulators)


def _explicit(
    sources: list[tuple[Path, Part]], known: Collection[str], simulators: Collection[str]
) -> Iterator[Problem]:
    explicit = [(path, source) for path, source in sources if source.get("kind") == "explicit"]
    session_of: dict[str | None, Part] = {}
    for path, source in explicit:
        for place, session in parts(source, "sessions", path):
            yield from _reference(place, session, known)
            yield from _no_session(place, session, simulators)
            session_of.setdefault(text(session, "id"), session)
    for path, source in explicit:
        for place, job in parts(source, "jobs", path):
            yield from _reference(place, job, known)
            name = text(job, "session")
            if name is None:
                yield from _no_preparation(place, job, simulators)
            elif name in session_of:
                yield from _of_session(place, job, session_of[name])


def _names(qpus: list[tuple[Path, Part]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, qpu in qpus:
        name = text(qpu, "name")
        if name in seen:
            yield Problem((*path, "name"), "two QPUs have this name; give each its own", name)
        if name is not None:
            seen.add(name)


def _reference(path: Path, item: Part, known: Collection[str]) -> Iterator[Problem]:
    name = text(item, "qpu")
    if name is not None and name not in known:
        yield unknown_name((*path, "qpu"), "no QPU has this name", name, known)


def _no_session(path: Path, item: Part, simulators: Collection[str]) -> Iterator[Problem]:
    name = text(item, "qpu")
    if name in simulators:  # S22
        what = "a session cannot be opened on a simulator backend; name another QPU"
        yield Problem((*path, "qpu"), what, name)


def _no_preparation(path: Path, item: Part, simulators: Collection[str]) -> Iterator[Problem]:
    if text(item, "qpu") in simulators:
        for key in given(item, "preparation"):
            what = "jobs of a simulator backend start at once (S22); remove it"
            yield Problem((*path, key), what, at_key=True)


def _of_session(path: Path, job: Part, session: Part) -> Iterator[Problem]:
    """S54: a session's jobs stay on its QPU."""
    own, name = text(job, "qpu"), text(session, "qpu")
    if own is None or own == name:
        return
    if name is None:
        what = "a session's jobs stay on its QPU; give it to the session"
    else:
        what = f"a session's jobs stay on its QPU, {name}; remove this one"
    yield Problem((*path, "qpu"), what, own)
