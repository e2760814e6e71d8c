"""A workload with and without a session or a source: worked out by hand, and equal to a scenario without it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_examples import examples

import qsession_sim as qs
from qsession_sim.errors import EngineError, StudyError
from qsession_sim.testing import check_invariants
from qsession_sim.testing.strategies import scenarios

SESSION = {"id": "s", "account": "lab", "interactive_timeout": "10s"}
HELD = [
    {"id": "a", "session": "s", "at": "0s", "qpu_time": "2s"},
    {"id": "b", "account": "other", "at": "1s", "qpu_time": "2s"},
]


def explicit(jobs, sessions=(SESSION,), *more, **keys) -> dict[str, Any]:
    return {"workload": [{"kind": "explicit", "jobs": jobs, "sessions": [*sessions]}, *more], **keys}


def waits(found) -> dict[str, tuple[int | None, int | None]]:
    """With and without it, in seconds."""
    rows = found.table().select("job", "waiting_us", "waiting_without_us").rows()
    return {job: tuple(us if us is None else us / 1_000_000 for us in both) for job, *both in rows}


def test_a_session_delays_by_its_job_and_by_its_timeout():
    """s runs a to 2 and holds the QPU to 12; b comes at 1. Of its 11 s of waiting, 10 are while it is held."""
    found = qs.externality(explicit(HELD), session="s")
    assert waits(found) == {"b": (11.0, 0.0)}
    assert found.table().row(0, named=True) == {
        "job": "b",
        "account": "other",
        "stream": "explicit",
        "session": None,
        "mode": "job",
        "waiting_us": 11_000_000,
        "waiting_without_us": 0,
        "difference_us": 11_000_000,
    }
    assert found.total == (1, 1, 11_000_000, 0, 11_000_000, 1, 0, 0, 0)
    assert found.others_waited_held_us == 10_000_000
    assert repr(found) == "Externality(without session 's', 1 other job)"


def test_others_may_wait_longer_without_it():
    """With s: b runs from 12 to 14 and c comes then; d, there since 13, goes first, waits 1 and runs to 15, so
    c waits 1. Without s: b runs from 1 to 3, then c to 23, and d waits 10."""
    jobs = [
        *HELD,
        {"id": "c", "account": "other", "after": "b", "qpu_time": "20s"},
        {"id": "d", "account": "other", "at": "13s", "qpu_time": "1s"},
    ]
    found = qs.externality(explicit(jobs), session="s")
    assert waits(found) == {"b": (11.0, 0.0), "c": (1.0, 0.0), "d": (1.0, 10.0)}
    assert (found.total.longer, found.total.shorter, found.total.difference_us) == (2, 1, 3_000_000)


def test_the_engine_changes_nothing():
    found = [qs.externality(explicit(HELD), session="s", engine=engine) for engine in ("auto", "simpy")]
    assert found[0].table().equals(found[1].table())
    assert found[1].without.provenance["engine"] == "simpy"
    with pytest.raises(EngineError, match="no engine is called 'quick'"):
        qs.externality(explicit(HELD), session="s", engine="quick")


def test_jobs_that_start_in_one_run_only():
    """Up to the horizon of 5 s b starts only without s; s2's f only with it, as it comes after e."""
    found = qs.externality(explicit(HELD, horizon="5s"), session="s")
    assert waits(found) == {"b": (None, 0.0)}
    assert (found.total.started, found.total.only_with, found.total.only_without) == (0, 0, 1)


def test_all_that_the_client_of_a_session_did_goes_with_it():
    """The max_time of 5 s ends s/1 after two of its jobs (3 s each, from 0 to 6); the client goes on in a new
    session. Without the client there is nothing but the job at 1 s, which waits 5 s or more with it."""
    client = {
        "kind": "iterative",
        "name": "s",
        "account": "lab",
        "clients": 1,
        "start": {"interarrival": "1s"},
        "iterations": 4,
        "think_time": "0s",
        "qpu_time": "3s",
        "max_time": "5s",
        "on_rejection": "new_session",
    }
    jobs = [{"id": "b", "account": "other", "at": "1h", "qpu_time": "1s"}]
    found = qs.externality(explicit(jobs, (), client), session="s/1")
    assert found.run.jobs.height > 5
    assert found.run.sessions.height > 1
    assert found.without.jobs["job"].to_list() == ["b"]
    assert waits(found) == {"b": (0.0, 0.0)}
    assert found.without.sessions.height == 0
    assert found.without.summary()["never_submitted"] == 4


def test_a_source_goes_with_its_sessions_and_their_commands():
    """With it a runs to 2 and s holds the QPU to 12, then c runs to 17 and t holds it to 27, when b may start.
    Without it b starts at 12, and nothing is left to prolong the run to the cancel at 1 h."""
    other = {
        "kind": "explicit",
        "name": "more",
        "sessions": [{**SESSION, "id": "t", "created": "0s", "cancel": "1h"}],
        "jobs": [{"id": "c", "session": "t", "at": "0s", "qpu_time": "5s"}],
    }
    found = qs.externality(explicit(HELD, (SESSION,), other), stream="more")
    assert found.without.record.end_us == 14_000_000
    assert found.run.record.end_us == 3_600_000_000
    assert waits(found) == {"a": (0.0, 0.0), "b": (26.0, 11.0)}


def test_what_is_not_removed_is_the_same_under_a_random_policy():
    """The session comes when all else is over; its place in the order of numbers is before them."""
    late = {"id": "late", "session": "s", "at": "9h", "qpu_time": "1s"}
    others = [{"id": f"j{n}", "account": "x", "at": "0s", "qpu_time": f"{n}s"} for n in range(1, 9)]
    found = qs.externality(explicit([late, *others]), session="s", policy="random", seed=3)
    assert set(found.table()["difference_us"]) == {0}
    order = found.run.jobs.sort("started_us")["job"].to_list()
    assert order[:8] != sorted(order[:8])


@pytest.mark.parametrize(
    ("jobs", "job", "why"),
    [
        ([{"id": "c", "account": "x", "after": "a", "qpu_time": "1s"}], "c", "comes after a job of it"),
        (
            [{"id": "c", "account": "x", "after": ["b", "a"], "qpu_time": "1s"}],
            "c",
            "comes after a job of it",
        ),
    ],
)
def test_a_job_outside_that_comes_after_one_of_it_is_an_error(jobs, job, why):
    with pytest.raises(StudyError) as caught:
        qs.externality(explicit([HELD[1], HELD[0], *jobs]), session="s")
    assert str(caught.value) == (
        f"session 's' cannot be left out: job {job!r}, which would stay, {why}; leave out a source that has both"
    )


def test_follow_ups_inside_go_with_it():
    more = {"id": "c", "session": "s", "after": "a", "qpu_time": "1s"}
    assert waits(qs.externality(explicit([*HELD, more]), session="s")) == {"b": (12.0, 0.0)}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "give either session, the name of a session, or stream, that of a source"),
        ({"session": "s", "stream": "s"}, "give either session, the name of a session, or stream, that of"),
        ({"session": "t"}, "no session is called 't'; there are s"),
        ({"stream": "explicits"}, "no source is called 'explicits'; did you mean 'explicit'?"),
    ],
)
def test_what_cannot_be_left_out(asked, message):
    with pytest.raises(StudyError, match=message.replace("?", r"\?")):
        qs.externality(explicit(HELD), **asked)


def test_programs_are_refused():
    program = {"kind": "program", "name": "vqe", "account": "lab"}
    with pytest.raises(StudyError, match="source 'vqe' is a program: what it does depends on what it sees"):
        qs.externality(explicit(HELD, (SESSION,), program), session="s")


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    max_examples=examples(60),
)
@given(scenarios(unit="us"), st.data())
def test_without_a_source_is_the_scenario_without_it(scenario, data):
    """What other sources draw does not depend on it, so that its absence gives the same run."""
    run = qs.simulate(scenario)
    names = run.record.workload.streams
    if len(names) < 2:
        return
    number = data.draw(st.integers(0, len(names) - 1))
    rest = {**scenario, "workload": [one for n, one in enumerate(scenario["workload"]) if n != number]}
    found = qs.externality(scenario, stream=names[number])
    columns = ("job", "status", "submitted_us", "started_us", "completed_us")
    assert found.without.jobs.select(columns).rows() == qs.simulate(rest).jobs.select(columns).rows()
    assert found.run.jobs.equals(run.jobs)
    check_invariants(found.without)
    others = found.run.jobs.filter(found.run.jobs["stream"].cast(str) != names[number])
    assert set(others["job"]) <= set(found.table()["job"])


def test_a_notebook_shows_it_without_script():
    page = qs.externality(explicit(HELD), session="s")._repr_html_()
    assert page.startswith("<div><strong>Externality(without session &#x27;s&#x27;, 1 other job)</strong>")
    assert 1024 <= len(page.encode()) <= 8192
