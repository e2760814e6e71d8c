"""Users of a source: whose jobs are whose, at a fixed seed within 5 standard errors.

Outside 5 standard errors lies a share of 6e-7 of all seeds.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import qsession_sim as qs
from qsession_sim.errors import ScenarioError
from qsession_sim.workload import draw
from qsession_sim.workload.context import Purpose, stream_generator

ZIPF = {"count": 3, "activity": {"kind": "zipf", "exponent": 1}}
PARETO = {"count": 200, "activity": {"kind": "pareto", "shape": 1.2, "scale": 1}}
JOBS = 100_000


def constant(value):
    return {"kind": "constant", "value": value}


def shares(numbers, users):
    return np.bincount(numbers, minlength=users) / len(numbers)


def test_jobs_are_shared_in_proportion_to_activity(scenario, arrivals):
    """Activities 1, 1/2 and 1/3: shares 6/11, 3/11 and 2/11."""
    workload = draw(scenario(arrivals(count=JOBS, users=ZIPF)))

    assert workload.accounts == ("lab-1", "lab-2", "lab-3")
    for share, expected in zip(shares(workload.jobs.account, 3), (6 / 11, 3 / 11, 2 / 11), strict=True):
        assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / JOBS)


def test_users_submit_independently_of_each_other(scenario, arrivals):
    """The next job is that of user 1 as often after one of user 1 as after any other: 6/11."""
    first = draw(scenario(arrivals(count=JOBS, users=ZIPF))).jobs.account == 0
    share = np.mean(first[1::2][first[::2]])

    assert abs(share - 6 / 11) < 5 * math.sqrt(30 / 121 / first[::2].sum())


def test_activity_is_drawn_once_for_each_user(scenario, arrivals):
    """Pareto weights and the positions of all jobs, drawn here without the package."""
    workload = draw(scenario(arrivals(count=1000, users=PARETO)))
    weights = 1 + stream_generator(7, "everyday", Purpose.ACTIVITY).pareto(1.2, 200)
    edges = np.cumsum(weights) / weights.sum()
    positions = stream_generator(7, "everyday", Purpose.USER).random(1000)

    assert workload.jobs.account.tolist() == np.searchsorted(edges, positions, side="right").tolist()
    assert len(workload.accounts) == 200  # also those who submit nothing


def test_a_heavy_tail_gives_few_users_most_jobs(scenario, arrivals):
    """Zipf with exponent 1 over 100 users: H(10) / H(100) = 0.5646 of the jobs are of the first ten."""
    users = {"count": 100, "activity": {"kind": "zipf", "exponent": 1.0}}
    account = draw(scenario(arrivals(count=JOBS, users=users))).jobs.account
    expected = sum(1 / n for n in range(1, 11)) / sum(1 / n for n in range(1, 101))

    assert expected == pytest.approx(0.5646, abs=1e-4)
    assert abs(np.mean(account < 10) - expected) < 5 * math.sqrt(expected * (1 - expected) / JOBS)


@pytest.mark.parametrize("activity", [{"kind": "zipf", "exponent": 0}, constant(1), constant(1e18)])
def test_equal_activity_shares_equally(scenario, arrivals, activity):
    account = draw(scenario(arrivals(count=JOBS, users={"count": 4, "activity": activity}))).jobs.account

    assert np.abs(shares(account, 4) - 1 / 4).max() < 5 * math.sqrt(3 / 16 / JOBS)


def test_users_change_nothing_but_the_accounts(scenario, arrivals, iterative, batches, content):
    """S7."""
    random = {"kind": "exponential", "mean": "9s"}
    for source in (
        arrivals(count=200, qpu_time=random),
        iterative(clients=40, think_time=random, qpu_time=random),
        batches(count=40, qpu_time=random),
    ):
        alone, shared = (content(draw(scenario({**source, "users": users}))) for users in (None, ZIPF))
        assert {*shared["jobs"].pop("account")} == {0, 1, 2}
        alone["jobs"].pop("account")
        for drawn in (alone, shared):
            drawn["sessions"].pop("account")
        assert (alone.pop("accounts"), shared.pop("accounts")) == (["lab"], ["lab-1", "lab-2", "lab-3"])
        assert alone == shared


@pytest.mark.parametrize("kind", ["iterative", "batches"])
def test_a_client_and_a_batch_are_of_one_user(scenario, iterative, batches, kind):
    source = iterative(clients=60, users=ZIPF) if kind == "iterative" else batches(count=60, users=ZIPF)
    workload = draw(scenario(source))

    assert {*workload.sessions.account.tolist()} == {0, 1, 2}
    assert workload.jobs.account.tolist() == workload.sessions.account[workload.jobs.session].tolist()


def test_users_of_two_sources_with_one_account_are_the_same(scenario, arrivals, iterative):
    two = {**ZIPF, "count": 2}
    workload = draw(scenario(arrivals(count=50, users=two), iterative(clients=50, users=ZIPF)))

    assert workload.accounts == ("lab-1", "lab-2", "lab-3")
    assert {*workload.jobs.account[:50].tolist()} == {0, 1}


def test_users_take_the_place_of_their_account_in_a_list(scenario, arrivals, batches):
    listed = [{"name": name} for name in ("idle", "lab", "other")]
    sources = arrivals(count=5, users=ZIPF), batches(count=1, account="other")

    assert draw(scenario(*sources, accounts=listed)).accounts == ("idle", "lab-1", "lab-2", "lab-3", "other")
    again = arrivals(count=5, name="alone")
    assert draw(scenario(*sources, again, accounts=listed)).accounts == (
        *("idle", "lab", "lab-1", "lab-2", "lab-3"),
        "other",
    )


def test_users_of_an_account_that_is_not_listed_are_one_problem(scenario, arrivals):
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(arrivals(count=5, users=ZIPF), accounts=[{"name": "idle"}]))
    assert caught.value.problems == ("workload.everyday: account 'lab' is not in accounts",)


@pytest.mark.parametrize(
    "activity",
    [{"kind": "lognormal", "median": 1, "sigma": 1e6}, {"kind": "gamma", "shape": 0.05, "scale": 5e-324}],
)
def test_activities_that_cannot_be_compared_are_an_error(scenario, arrivals, activity):
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(arrivals(count=5, users={"count": 3, "activity": activity})))
    assert str(caught.value) == (
        "workload.everyday.users.activity: drew an activity larger than 2**62, or none above 0; "
        "give it at_least and at_most"
    )


def population(**given):
    source = {"kind": "arrivals", "name": "crowd", "account": "user", "qpu_time": "2s", "users": PARETO}
    return {"seed": 7, "workload": [{**source, "load": 0.5, "count": 500, **given}]}


def test_a_load_is_that_of_all_users_together():
    """2 s / 0.5 = 4 s from one job to the next, whoever submits it."""
    (source,) = qs.load_scenario(population()).dump()["workload"]

    assert source["interarrival"] == {"kind": "exponential", "mean": "4s"}
    assert source["users"] == {
        "count": 200,
        "activity": {"kind": "pareto", "shape": 1.2, "scale": 1.0},
    }


def test_users_are_accounts_of_the_results():
    run = qs.simulate({**population(), "accounts": [{"name": "user"}]})
    workload = qs.draw(qs.load_scenario(population()).resolved)

    names = [workload.accounts[number] for number in workload.jobs.account.tolist()]
    assert run.jobs["account"].to_list() == names
    counts = {name: names.count(name) for name in workload.accounts}
    by_account = run.summary()["by_account"]
    assert {name: group["submitted"] for name, group in by_account.items()} == {
        name: counts[name] for name in by_account
    }
    assert json.dumps(run.summary())


def test_the_busiest_user_is_described():
    description = qs.describe_workload(qs.draw(qs.load_scenario(population()).resolved))
    jobs = description["account_jobs"]

    assert (jobs["count"], jobs["mean"]) == (200, 2.5)
    busiest = description["busiest_account"]
    assert (busiest["jobs"], busiest["share"]) == (jobs["max"], jobs["max"] / 500)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_users_survive_an_export(tmp_path, ending):
    workload = qs.draw(qs.load_scenario(population()).resolved)
    assert qs.write_workload(workload, tmp_path / f"crowd.{ending}") == ()

    trace = qs.load_scenario(tmp_path / f"crowd.{ending}")
    back = qs.draw(trace.resolved, trace.directory)

    def names(drawn):
        return [drawn.accounts[number] for number in drawn.jobs.account.tolist()]

    assert names(back) == names(workload)


def test_live_programs_may_use_listed_users():
    """An account that stands for users is not one itself."""

    def program(service):
        yield service.submit("p", account="user-3", qpu_time_us=1).completed

    def stranger(service):
        yield service.submit("p", account="user", qpu_time_us=1).completed

    listed = {**population(count=1), "accounts": [{"name": "user"}]}
    assert qs.simulate(listed, programs=[program]).jobs["account"].to_list()[-1] == "user-3"
    with pytest.raises(qs.QSessionError, match="'user' is not among them"):
        qs.simulate(listed, programs=[stranger])
