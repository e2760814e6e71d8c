"""Every source with constant distributions: the whole workload, worked out by hand."""

from __future__ import annotations

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, OnFinish, OnRejection
from qsession_sim.units import HOUR, SECOND
from qsession_sim.workload import draw

NO_SESSIONS = {
    "mode": [],
    "account": [],
    "stream": [],
    "client": [],
    "created_us": [],
    "max_time_us": [],
    "interactive_timeout_us": [],
    "close_us": [],
    "cancel_us": [],
    "close_after_us": [],
    "cancel_after_us": [],
}
NO_CLIENTS = {"first_job": [], "jobs": [], "session": [], "on_finish": [], "on_error": [], "on_rejection": []}


def constant(value):
    return {"kind": "constant", "value": value}


def test_arrivals_are_job_mode_jobs_one_interarrival_apart(scenario, arrivals, content):
    source = arrivals(count=3, priority=-2, max_execution_time="1h")
    assert content(draw(scenario(source))) == {
        "jobs": {
            "at_us": [90 * SECOND, 180 * SECOND, 270 * SECOND],
            "after": [NEVER] * 3,
            "think_us": [0] * 3,
            "session": [NEVER] * 3,
            "client": [NEVER] * 3,
            "account": [0] * 3,
            "stream": [0] * 3,
            "qpu_time_us": [10 * SECOND] * 3,
            "max_execution_time_us": [HOUR] * 3,
            "priority": [-2] * 3,
            "cancel_us": [NEVER] * 3,
            "cancel_after_us": [NEVER] * 3,
        },
        "sessions": NO_SESSIONS,
        "clients": NO_CLIENTS,
        "job_names": [["everyday/1", "everyday/2", "everyday/3"]],
        "session_names": [[]],
        "accounts": ["lab"],
        "streams": ["everyday"],
    }


def test_iterative_clients_in_sessions_follow_their_own_rows(scenario, iterative, content):
    """S64, S67: rows client by client, iteration by iteration; the session waits for a submission."""
    source = iterative(start={"interarrival": constant("30m")}, on_error="continue", on_finish="leave")
    assert content(draw(scenario(source))) == {
        "jobs": {
            "at_us": [HOUR // 2, NEVER, NEVER, HOUR, NEVER, NEVER],
            "after": [NEVER, 0, 1, NEVER, 3, 4],
            "think_us": [0, 2 * SECOND, 2 * SECOND, 0, 2 * SECOND, 2 * SECOND],
            "session": [0, 0, 0, 1, 1, 1],
            "client": [0, 0, 0, 1, 1, 1],
            "account": [0] * 6,
            "stream": [0] * 6,
            "qpu_time_us": [10 * SECOND] * 6,
            "max_execution_time_us": [NEVER] * 6,
            "priority": [0] * 6,
            "cancel_us": [NEVER] * 6,
            "cancel_after_us": [NEVER] * 6,
        },
        "sessions": {
            "mode": [Mode.SESSION, Mode.SESSION],
            "account": [0, 0],
            "stream": [0, 0],
            "client": [0, 1],
            "created_us": [NEVER, NEVER],
            "max_time_us": [8 * HOUR, 8 * HOUR],
            "interactive_timeout_us": [60 * SECOND, 60 * SECOND],
            "close_us": [NEVER, NEVER],
            "cancel_us": [NEVER, NEVER],
            "close_after_us": [NEVER, NEVER],
            "cancel_after_us": [NEVER, NEVER],
        },
        "clients": {
            "first_job": [0, 3],
            "jobs": [3, 3],
            "session": [0, 1],
            "on_finish": [OnFinish.LEAVE, OnFinish.LEAVE],
            "on_error": [OnError.CONTINUE, OnError.CONTINUE],
            "on_rejection": [OnRejection.GIVE_UP, OnRejection.GIVE_UP],
        },
        "job_names": [["vqe/1/1", "vqe/1/2", "vqe/1/3", "vqe/2/1", "vqe/2/2", "vqe/2/3"]],
        "session_names": [["vqe/1", "vqe/2"]],
        "accounts": ["lab"],
        "streams": ["vqe"],
    }


def test_iterative_clients_in_job_mode_have_no_session(scenario, iterative, content):
    source = iterative(
        mode="job",
        max_time=None,
        interactive_timeout=None,
        iterations=constant(1),
        on_finish="cancel",
        on_error="retry",
        on_rejection="job_mode",
    )
    drawn = content(draw(scenario(source)))
    assert drawn["sessions"] == NO_SESSIONS
    assert drawn["session_names"] == [[]]
    assert drawn["jobs"]["at_us"] == [0, 0]
    assert drawn["jobs"]["session"] == [NEVER, NEVER]
    assert drawn["jobs"]["client"] == [0, 1]
    assert drawn["clients"] == {
        "first_job": [0, 1],
        "jobs": [1, 1],
        "session": [NEVER, NEVER],
        "on_finish": [OnFinish.CANCEL, OnFinish.CANCEL],
        "on_error": [OnError.RETRY, OnError.RETRY],
        "on_rejection": [OnRejection.JOB_MODE, OnRejection.JOB_MODE],
    }


def test_iterative_clients_in_batch_mode_have_batches(scenario, iterative):
    workload = draw(scenario(iterative(mode="batch", on_rejection="new_session")))
    assert workload.sessions.mode.tolist() == [Mode.BATCH, Mode.BATCH]
    assert workload.clients.on_rejection.tolist() == [OnRejection.NEW_SESSION, OnRejection.NEW_SESSION]


def test_batches_submit_all_jobs_at_their_start_and_close_then(scenario, batches, content):
    source = batches(count=2, interarrival=constant("2h"), jobs=constant(2))
    assert content(draw(scenario(source))) == {
        "jobs": {
            "at_us": [2 * HOUR, 2 * HOUR, 4 * HOUR, 4 * HOUR],
            "after": [NEVER] * 4,
            "think_us": [0] * 4,
            "session": [0, 0, 1, 1],
            "client": [NEVER] * 4,
            "account": [0] * 4,
            "stream": [0] * 4,
            "qpu_time_us": [10 * SECOND] * 4,
            "max_execution_time_us": [NEVER] * 4,
            "priority": [0] * 4,
            "cancel_us": [NEVER] * 4,
            "cancel_after_us": [NEVER] * 4,
        },
        "sessions": {
            "mode": [Mode.BATCH] * 2,
            "account": [0] * 2,
            "stream": [0] * 2,
            "client": [NEVER] * 2,
            "created_us": [NEVER] * 2,
            "max_time_us": [8 * HOUR] * 2,
            "interactive_timeout_us": [SECOND] * 2,
            "close_us": [2 * HOUR, 4 * HOUR],
            "cancel_us": [NEVER] * 2,
            "close_after_us": [NEVER] * 2,
            "cancel_after_us": [NEVER] * 2,
        },
        "clients": NO_CLIENTS,
        "job_names": [["sweeps/1/1", "sweeps/1/2", "sweeps/2/1", "sweeps/2/2"]],
        "session_names": [["sweeps/1", "sweeps/2"]],
        "accounts": ["lab"],
        "streams": ["sweeps"],
    }


def test_explicit_sessions_and_jobs_are_taken_as_given(scenario, explicit, content):
    """S5, S9, S24, S25: the resolved form in columns; 2 s + 350 us x 10 x 4000 = 16 s."""
    source = explicit(
        jobs=[
            {"id": "j1", "at": "0s", "session": "s2", "qpu_time": "10s", "cancel": "7s"},
            {"id": "j2", "after": "j3", "think": "5s", "session": "s1", "circuits": 10.0, "shots": 4000.0},
            {"id": "j3", "at": "12s", "account": "other", "qpu_time": "1us", "priority": 4},
            {"id": "j4", "after": "j1", "qpu_time": "3s", "max_execution_time": "2s", "cancel_after": "1s"},
        ],
        sessions=[
            {"id": "s1", "created": "0s", "max_time": "1h", "close": "300s", "cancel": "400s"},
            {
                "id": "s2",
                "mode": "batch",
                "interactive_timeout": "1s",
                "close_after": "8s",
                "cancel_after": "9s",
            },
        ],
    )
    assert content(draw(scenario(source))) == {
        "jobs": {
            "at_us": [0, NEVER, 12 * SECOND, NEVER],
            "after": [NEVER, 2, NEVER, 0],
            "think_us": [0, 5 * SECOND, 0, 0],
            "session": [1, 0, NEVER, NEVER],
            "client": [NEVER] * 4,
            "account": [0, 0, 1, 0],
            "stream": [0] * 4,
            "qpu_time_us": [10 * SECOND, 16 * SECOND, 1, 3 * SECOND],
            "max_execution_time_us": [NEVER, NEVER, NEVER, 2 * SECOND],
            "priority": [0, 0, 4, 0],
            "cancel_us": [7 * SECOND, NEVER, NEVER, NEVER],
            "cancel_after_us": [NEVER, NEVER, NEVER, SECOND],
        },
        "sessions": {
            "mode": [Mode.SESSION, Mode.BATCH],
            "account": [0, 0],
            "stream": [0, 0],
            "client": [NEVER, NEVER],
            "created_us": [0, NEVER],
            "max_time_us": [HOUR, 8 * HOUR],
            "interactive_timeout_us": [60 * SECOND, SECOND],
            "close_us": [300 * SECOND, NEVER],
            "cancel_us": [400 * SECOND, NEVER],
            "close_after_us": [NEVER, 8 * SECOND],
            "cancel_after_us": [NEVER, 9 * SECOND],
        },
        "clients": NO_CLIENTS,
        "job_names": [["j1", "j2", "j3", "j4"]],
        "session_names": [["s1", "s2"]],
        "accounts": ["lab", "other"],
        "streams": ["replay"],
    }


def test_rows_are_numbered_source_by_source(scenario, arrivals, batches, iterative, explicit, content):
    """References count over all sources; an explicit job may name those of a later explicit source."""
    early = explicit([{"id": "a", "after": "b", "session": "s", "qpu_time": "1s"}], [], name="early")
    late = explicit([{"id": "b", "at": "0s", "session": "s", "qpu_time": "1s"}], [{"id": "s"}], name="late")
    drawn = content(
        draw(
            scenario(
                early,
                iterative(clients=1, iterations=constant(2), account="first"),
                arrivals(count=1, account="lab"),
                iterative(name="vqe2", iterations=constant(2), account="second"),
                batches(count=1, jobs=constant(1)),
                late,
            )
        )
    )
    assert drawn["jobs"]["after"] == [9, NEVER, 1, NEVER, NEVER, 4, NEVER, 6, NEVER, NEVER]
    assert drawn["jobs"]["session"] == [4, 0, 0, NEVER, 1, 1, 2, 2, 3, 4]
    assert drawn["jobs"]["client"] == [NEVER, 0, 0, NEVER, 1, 1, 2, 2, NEVER, NEVER]
    assert drawn["jobs"]["stream"] == [0, 1, 1, 2, 3, 3, 3, 3, 4, 5]
    assert drawn["jobs"]["account"] == [0, 1, 1, 0, 2, 2, 2, 2, 0, 0]
    assert drawn["sessions"]["client"] == [0, 1, 2, NEVER, NEVER]
    assert drawn["sessions"]["stream"] == [1, 3, 3, 4, 5]
    assert drawn["sessions"]["account"] == [1, 2, 2, 0, 0]
    assert drawn["clients"]["first_job"] == [1, 4, 6]
    assert drawn["clients"]["session"] == [0, 1, 2]
    assert drawn["accounts"] == ["lab", "first", "second"]
    assert drawn["streams"] == ["early", "vqe", "everyday", "vqe2", "sweeps", "late"]
    assert drawn["session_names"] == [[], ["vqe/1"], [], ["vqe2/1", "vqe2/2"], ["sweeps/1"], ["s"]]


def test_accounts_that_are_listed_keep_the_order_of_the_list(scenario, arrivals):
    listed = [{"name": "unused"}, {"name": "other"}, {"name": "lab"}]
    sources = (arrivals(count=1), arrivals(name="rest", account="other", count=1))
    workload = draw(scenario(*sources, accounts=listed))
    assert workload.accounts == ("unused", "other", "lab")
    assert workload.jobs.account.tolist() == [2, 1]


def test_an_account_that_is_not_listed_is_an_error(scenario, arrivals):
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(arrivals(count=1), accounts=[{"name": "other"}]))
    assert caught.value.problems == ("workload.everyday: account 'lab' is not in accounts",)


def test_an_explicit_reference_to_nothing_is_an_error(scenario, explicit):
    jobs = [{"id": "j1", "after": name, "qpu_time": "1s"} for name in ("z", "nobody", "z")]
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(explicit(jobs, [])))
    assert caught.value.problems == (
        "workload.replay: after: 'nobody' does not exist",
        "workload.replay: after: 'z' does not exist",
    )


def test_a_scenario_without_sources_has_an_empty_workload(scenario, content):
    drawn = content(draw(scenario()))
    assert drawn["sessions"] == NO_SESSIONS
    assert drawn["clients"] == NO_CLIENTS
    assert set(map(tuple, drawn["jobs"].values())) == {()}
    assert (drawn["accounts"], drawn["streams"]) == ([], [])


def test_s5_lists_of_jobs_to_follow_mean_the_same_in_any_order(explicit, scenario):
    """Also across sources; the column has the smallest number, the others stand apart."""

    def drawn(*after):
        first = explicit(
            [{"id": "a", "at": "0s", "qpu_time": "3s"}, {"id": "b", "at": "0s", "qpu_time": "3s"}], []
        )
        later = explicit([{"id": "c", "after": after, "think": "1s", "qpu_time": "3s"}], [], name="later")
        return draw(scenario(first, later))

    both, other_way, alone = drawn("a", "b"), drawn("b", "a", "b"), drawn("b")
    assert (both.jobs.after.tolist(), both.more_after) == ([NEVER, NEVER, 0], {2: (1,)})
    assert (alone.jobs.after.tolist(), alone.more_after) == ([NEVER, NEVER, 1], {})
    assert both.digest() == other_way.digest()
    assert len({both.digest(), alone.digest(), drawn("a").digest()}) == 3
