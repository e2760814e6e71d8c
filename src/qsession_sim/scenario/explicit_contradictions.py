"""What is wrong between the jobs and sessions of explicit sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.reading import Part, duration, given, parts, text

_ENDS: Final = (("close", "close_after"), ("cancel", "cancel_after"))


def explicit_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction within and between the explicit sources of a scenario's plain data."""
    sources = [(p, source) for p, source in parts(data, "workload") if source.get("kind") == "explicit"]
    sessions = [item for path, source in sources for item in parts(source, "sessions", path)]
    jobs = [item for path, source in sources for item in parts(source, "jobs", path)]
    yield from _twice(sessions, "session")
    yield from _twice(jobs, "job")
    session_of = {item["id"]: item for _, item in reversed(sessions) if text(item, "id") is not None}
    job_ids = dict.fromkeys(name for _, item in jobs if (name := text(item, "id")) is not None)
    for path, session in sessions:
        yield from _session(path, session)
    for path, job in jobs:
        yield from service(path, job)
        yield from _submission(path, job, job_ids)
        yield from _membership(path, job, session_of)
        yield from _both(path, job, "cancel", "cancel_after")
    yield from _circles(jobs)


def service(path: Path, jobs: Part) -> Iterator[Problem]:
    """The QPU time of jobs is given, or follows from circuits and shots."""
    counts = given(jobs, "circuits", "shots", "layers", "qubits", "depth")
    if given(jobs, "qpu_time"):
        if counts:
            yield Problem((*path, "qpu_time"), f"give qpu_time or {' and '.join(counts)}, not both")
    elif not counts:
        yield Problem(path, "give qpu_time, or shots and circuits")
    elif "shots" not in counts:
        need = "needs" if counts == ["depth"] else "need"
        yield Problem((*path, "shots"), f"missing; {' and '.join(counts)} {need} a number of shots")


def _both(path: Path, item: Part, one: str, other: str) -> Iterator[Problem]:
    if given(item, one) and given(item, other):
        yield Problem((*path, other), f"give {one} or {other}, not both")


def _twice(items: list[tuple[Path, Part]], what: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, item in items:
        name = text(item, "id")
        if name in seen:
            yield Problem((*path, "id"), f"two {what}s have this id; give each its own", name)
        if name is not None:
            seen.add(name)


def _session(path: Path, session: Part) -> Iterator[Problem]:
    created = duration(session.get("created"))
    for at, after in _ENDS:
        yield from _both(path, session, at, after)
        end = duration(session.get(at))
        if created is not None and end is not None and 0 <= end < created:  # S9
            what = f"must not be before the session is created, {session['created']}"
            yield Problem((*path, at), what, session[at])


def _submission(path: Path, job: Part, job_ids: Collection[str]) -> Iterator[Problem]:
    if not given(job, "at", "after"):
        yield Problem(path, "give at (a time) or after (the id of a job)")
    yield from _both(path, job, "at", "after")
    if given(job, "think") and not given(job, "after"):
        yield Problem((*path, "think"), "needs after; a job with at does not wait for another")
    after = text(job, "after")
    if after is not None and after not in job_ids:
        yield unknown_name((*path, "after"), "no job has this id", after, job_ids)


def _membership(path: Path, job: Part, session_of: Mapping[str, Part]) -> Iterator[Problem]:
    name = text(job, "session")
    if name is None:
        if not given(job, "session", "account"):
            yield Problem((*path, "account"), "missing; a job without session needs an account")
        return
    session = session_of.get(name)
    if session is None:
        yield unknown_name((*path, "session"), "no session has this id", name, session_of)
        return
    owner, account = text(session, "account"), text(job, "account")
    if owner is not None and account is not None and owner != account:
        what = f"a session's jobs take its account, {owner}; remove this one"
        yield Problem((*path, "account"), what, account)
    created, at = duration(session.get("created")), duration(job.get("at"))
    if created is not None and at is not None and 0 <= at < created:  # S9
        what = f"must not be before its session is created, {session['created']}"
        yield Problem((*path, "at"), what, job["at"])


def _circles(jobs: list[tuple[Path, Part]]) -> Iterator[Problem]:
    """Jobs that wait for each other; each circle is told once, at its first job."""
    path_of: dict[str, Path] = {}
    after_of: dict[str, str] = {}
    for path, job in jobs:
        job_id, after = text(job, "id"), text(job, "after")
        if job_id is not None and job_id not in path_of:
            path_of[job_id] = path
            if after is not None and not given(job, "at"):
                after_of[job_id] = after
    done: set[str] = set()
    for start in path_of:
        chain: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in chain:
            chain[name] = None
            name = after_of.get(name)
        if name is not None and name in chain:
            circle = [*chain][[*chain].index(name) :]
            shown = " after ".join([*circle, circle[0]])
            yield Problem((*path_of[name], "after"), f"no job of this circle can be the first: {shown}")
        done.update(chain)
