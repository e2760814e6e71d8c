"""What bounds a source, what is rounded, and what cannot be used."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.values import MOST_ROWS
from qsession_sim.units import SECOND
from qsession_sim.workload import draw


def constant(value):
    return {"kind": "constant", "value": value}


def unchecked(scenario, **changes):
    """A scenario whose only source says what none may that was loaded."""
    (source,) = scenario.workload
    return scenario.model_copy(update={"workload": (source.model_copy(update=changes),)})


def seconds(column):
    return [value / SECOND for value in column.tolist()]


@pytest.mark.parametrize(
    ("bounds", "horizon", "expected"),
    [
        pytest.param({"until": "270s"}, None, [90, 180], id="until_itself_is_not_included"),
        pytest.param({"until": "271s"}, None, [90, 180, 270], id="just_before_until"),
        pytest.param({}, "270s", [90, 180], id="S6_nothing_is_submitted_at_the_horizon"),
        pytest.param({"count": 3}, "100s", [90, 180, 270], id="count_reaches_beyond_the_horizon"),
        pytest.param({"until": "200s"}, "100s", [90, 180], id="until_reaches_beyond_the_horizon"),
        pytest.param({"count": 2, "until": "1h"}, None, [90, 180], id="count_before_until"),
        pytest.param({"count": 5, "until": "200s"}, None, [90, 180], id="until_before_count"),
        pytest.param({"until": "0s"}, None, [], id="until_at_the_start"),
        pytest.param({"until": "1s"}, None, [], id="until_before_the_first_arrival"),
    ],
)
def test_count_until_and_horizon_bound_arrivals_and_batches(
    scenario, arrivals, batches, bounds, horizon, expected
):
    arrived = draw(scenario(arrivals(**bounds), horizon=horizon))
    batched = draw(scenario(batches(**bounds, interarrival=constant("90s")), horizon=horizon))
    assert seconds(arrived.jobs.at_us) == expected
    assert seconds(batched.sessions.close_us) == expected


def test_arrivals_at_time_zero_are_possible_with_a_count(scenario, arrivals):
    workload = draw(scenario(arrivals(count=3, until="1s", interarrival=constant("0s"))))
    assert workload.jobs.at_us.tolist() == [0, 0, 0]


def test_counts_round_half_to_even_and_are_at_least_one(scenario, iterative):
    """Clients draw 0.4, 1.5 and 2.5 iterations: 1, 2 and 2 (each of the three values often)."""
    iterations = {"kind": "empirical", "values": [0.4, 1.5, 2.5]}
    workload = draw(scenario(iterative(clients=100, iterations=iterations)))
    assert set(workload.clients.jobs.tolist()) == {1, 2}
    for value, expected in ((0.4, 1), (1.5, 2), (2.5, 2), (3.5, 4)):
        single = draw(scenario(iterative(clients=1, iterations=constant(value))))
        assert single.clients.jobs.tolist() == [expected]


def test_circuits_and_shots_are_rounded_before_they_are_multiplied(scenario, arrivals, explicit):
    """2.5 circuits are 2, 1.5 shots are 2, 0.1 are 1: 2 s + 350 us x 4 and 2 s + 350 us x 2."""
    first = arrivals(count=1, qpu_time=None, circuits=constant(2.5), shots=constant(1.5))
    second = explicit([{"id": "j", "at": "0s", "circuits": 2.5, "shots": 0.1}], [])
    assert draw(scenario(first, second)).jobs.qpu_time_us.tolist() == [2_001_400, 2_000_700]


def test_qpu_times_are_at_least_one_microsecond(scenario, arrivals):
    """S2: an exponential with mean 1 us rounds to 0 with probability 1 - exp(-0.5) = 0.39."""
    source = arrivals(count=1000, qpu_time={"kind": "exponential", "mean": "1us"})
    assert draw(scenario(source)).jobs.qpu_time_us.min() == 1


def test_a_source_without_a_bound_is_an_error(scenario, arrivals):
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(arrivals()))
    assert caught.value.problems == ("workload.everyday: nothing bounds it; give count, until or a horizon",)


def test_a_source_without_a_qpu_time_is_an_error(scenario, arrivals, explicit):
    with pytest.raises(ScenarioError, match=r"^workload\.everyday: needs qpu_time, or circuits and shots$"):
        draw(scenario(arrivals(count=1, qpu_time=None, circuits=constant(1))))
    with pytest.raises(ScenarioError, match=r"^workload\.replay\.j1: needs qpu_time, or circuits and shots$"):
        draw(scenario(explicit([{"id": "j1", "at": "0s", "shots": 1.0}], [])))


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_clients_with_sessions_need_their_clocks(scenario, iterative, mode):
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(iterative(mode=mode, max_time=None)))
    assert caught.value.problems == (f"workload.vqe: mode {mode} needs max_time and interactive_timeout",)


TOO_LONG = "drew a duration longer than 2**62 us, about 146,000 years; make it shorter"
TOO_MUCH = "a QPU time is longer than 2**62 us, about 146,000 years; lower circuits or shots"
HEAVY = {"kind": "lognormal", "median": "1s", "sigma": 1e6}


def test_drawn_times_beyond_int64_are_errors_that_name_their_source(scenario, arrivals, iterative, batches):
    cases = {
        f"workload.everyday.interarrival: {TOO_LONG}": arrivals(count=100, interarrival=HEAVY),
        f"workload.everyday.qpu_time: {TOO_LONG}": arrivals(count=100, qpu_time=HEAVY),
        f"workload.vqe.think_time: {TOO_LONG}": iterative(clients=100, think_time=HEAVY),
        f"workload.vqe.interarrival: {TOO_LONG}": iterative(clients=100, start={"interarrival": HEAVY}),
        "workload.sweeps.jobs: drew a number larger than 2**62; make it smaller": batches(
            count=100, jobs={"kind": "lognormal", "median": 1.0, "sigma": 1e6}
        ),
        f"workload.everyday: {TOO_MUCH}": arrivals(
            count=1, qpu_time=None, circuits=constant(1e9), shots=constant(1e9)
        ),
    }
    problems = []
    for source in cases.values():
        with pytest.raises(ScenarioError) as caught:
            draw(scenario(source))
        problems += caught.value.problems
    assert problems == list(cases)


def test_bounds_between_which_nothing_is_drawn_are_an_error_that_names_its_source(scenario, batches):
    some = {"kind": "uniform", "low": 1.0, "high": 2.0, "at_least": 1.5, "outside": "redraw"}
    possible = scenario(batches(count=100_000, jobs=some))
    none = possible.workload[0].jobs.model_copy(update={"at_least": 3.0})
    with pytest.raises(ScenarioError) as caught:
        draw(unchecked(possible, jobs=none))
    assert str(caught.value) == (
        "workload.sweeps: uniform: no value is drawn within at_least and at_most; widen them"
    )


def test_cumulative_times_beyond_int64_are_an_error(scenario, arrivals):
    """3 x 100,000 years are beyond 2**63 us, 2 x beyond 2**62; 146,000 years of one gap are not."""
    millennia = constant("5217750w")
    for count in (2, 3, 100):
        with pytest.raises(ScenarioError) as caught:
            draw(scenario(arrivals(count=count, interarrival=millennia)))
        assert str(caught.value) == (
            f"workload.everyday.interarrival: {count} arrivals reach beyond 2**62 us, about 146,000 years; "
            "make it or their number smaller"
        )
    assert len(draw(scenario(arrivals(count=1, interarrival=millennia))).jobs) == 1
    longest = constant(f"{2**62 - 1}us")
    with pytest.raises(ScenarioError, match="2 arrivals reach beyond"):
        draw(scenario(arrivals(count=2, interarrival=longest)))


def test_a_gap_of_any_length_may_lead_past_the_bound(scenario, arrivals):
    """Only the arrivals before the bound count; what would follow may be beyond every limit."""
    assert len(draw(scenario(arrivals(until="1h", interarrival=constant("5217750w")))).jobs) == 0
    last = draw(scenario(arrivals(until="1h", interarrival=HEAVY))).jobs.at_us
    assert all(0 <= value < 3600 * SECOND for value in last.tolist())


@pytest.mark.parametrize("interarrival", ["0s", "1us"])
def test_runaway_arrivals_are_refused_before_they_fill_the_memory(scenario, arrivals, interarrival):
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(arrivals(interarrival=constant(interarrival)), horizon="24h"))
    assert str(caught.value) == (
        "workload.everyday: draws more than 100,000,000 jobs, sessions or clients; "
        "ask for fewer, an earlier until or horizon, or a longer interarrival time"
    )


def test_too_many_rows_are_refused_in_every_source(scenario, arrivals, iterative, batches):
    scenarios = (
        unchecked(scenario(arrivals(count=1)), count=10**15),
        unchecked(scenario(iterative(clients=1)), clients=10**15),
        scenario(iterative(clients=2, iterations=constant(MOST_ROWS / 2 + 1))),
        scenario(iterative(clients=8, iterations=constant(2.0**61))),
        scenario(batches(count=2, jobs=constant(MOST_ROWS / 2 + 1))),
    )
    for excessive in scenarios:
        with pytest.raises(ScenarioError, match=r"draws more than 100,000,000 jobs"):
            draw(excessive)


ENDLESS = {"qpu_time": constant("4h"), "on_error": "retry", "on_rejection": "new_session"}


def test_retries_without_end_are_refused(scenario, iterative):
    """S44, S65: a job of 4 h is cut at 3 h each time."""
    with pytest.raises(ScenarioError) as caught:
        draw(scenario(iterative(**ENDLESS)))
    assert str(caught.value) == (
        "workload.vqe: 6 of 6 jobs need more QPU time than max_execution_time (3h) and would be retried for "
        "ever; give a horizon, on_error: stop or continue, shorter jobs or a longer max_execution_time"
    )


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"mode": "job", "on_rejection": "give_up"}, id="job_mode"),
        pytest.param({"on_rejection": "job_mode"}, id="goes_on_in_job_mode"),
        pytest.param({"qpu_time": constant("2h"), "max_execution_time": "1h"}, id="own_limit_is_smaller"),
        pytest.param({"max_execution_time": "5h"}, id="own_limit_is_larger"),
    ],
)
def test_every_way_to_retry_for_ever_is_refused(scenario, iterative, given):
    with pytest.raises(ScenarioError, match="would be retried for ever"):
        draw(scenario(iterative(**{**ENDLESS, **given})))


@pytest.mark.parametrize(
    ("given", "of_scenario"),
    [
        pytest.param({}, {"horizon": "24h"}, id="the_horizon_ends_the_run"),
        pytest.param({"on_error": "stop"}, {}, id="stop"),
        pytest.param({"on_error": "continue"}, {}, id="continue"),
        pytest.param({"qpu_time": constant("3h")}, {}, id="S44_exactly_the_limit_is_done"),
        pytest.param({"on_rejection": "give_up"}, {}, id="S66_max_time_closes_the_session"),
        pytest.param({"max_time": "2h", "max_execution_time": "3h"}, {}, id="S24_never_admitted"),
        pytest.param(
            {},
            {"rules": {"max_time_ends_as": "error", "unused_timeout": "30m", "max_execution_time": None}},
            id="no_limit",
        ),
    ],
)
def test_retries_that_end_are_drawn(scenario, iterative, given, of_scenario):
    assert len(draw(scenario(iterative(**{**ENDLESS, **given}), **of_scenario)).jobs) == 6


RETRYING = {
    "kind": "iterative",
    "account": "lab",
    "mode": "job",
    "iterations": 1,
    "qpu_time": "4h",
    "on_error": "retry",
}
HOUR = 3600 * SECOND


def retrying(plan, **source):
    """One client of an account with a plan, whose only job is cut at 3 h each time (S44)."""
    return {
        "plans": {"small": plan},
        "accounts": [{"name": "lab", "plan": "small"}],
        "workload": [{**RETRYING, **source}],
    }


def quota(usage, window):
    return {"quota": {"usage": usage, "window": window}}


def rate(count, window):
    return {"submission_rate": {"count": count, "window": window}}


@pytest.mark.parametrize(
    ("plan", "source", "submitted", "reason"),
    [
        # 3 h in the window: the first retry, at 3 h, is one too many
        (quota("3h", "28d"), {}, [0, 3], "QUOTA_EXCEEDED"),
        (quota("2h", "2h"), {"clients": 2}, [0, 0, 3, 6], "QUOTA_EXCEEDED"),
        # 3 h at the first retry, 6 h at the second
        (quota("5h", "28d"), {}, [0, 3, 6], "QUOTA_EXCEEDED"),
        (quota("6h", "6h"), {}, [0, 3, 6], "QUOTA_EXCEEDED"),
        # on the QPU from 2 h to 5 h and from 7 h to 10 h: 2 + 3 h in (3 h, 10 h]
        (quota("5h", "7h"), {"preparation": "2h"}, [0, 5, 10], "QUOTA_EXCEEDED"),
        # at 6 h those of 0 h and 3 h are in (-1 h, 6 h]
        (rate(2, "7h"), {}, [0, 3, 6], "RATE_LIMITED"),
    ],
)
def test_retries_that_a_plan_ends_are_simulated_to_their_end(plan, source, submitted, reason):
    """S60, S65, S66: the last submission is rejected, which ends the client."""
    run = qs.simulate(retrying(plan, **source))
    assert [time_us / HOUR for time_us in run.jobs["submitted_us"]] == submitted
    assert run.jobs.select("status", "reason").row(-1) == ("REJECTED", reason)
    assert set(run.jobs["status"]) == {"ERROR", "REJECTED"}


@pytest.mark.parametrize(
    ("plan", "more", "words"),
    [
        ({}, {}, "would be retried for ever"),
        # 3 h of use in the last 3 h is all that there can be
        (quota("4h", "3h"), {}, "may be retried for ever"),
        # at most 5 h in any 7 h
        (quota("6h", "7h"), {"preparation": "2h"}, "may be retried for ever"),
        # one of two clients may wait for the other at any time
        (quota("5h", "28d"), {"clients": 2}, "may be retried for ever"),
        (rate(2, "7h"), {"clients": 2}, "may be retried for ever"),
        # (0 h, 6 h] has the submission of 3 h only
        (rate(2, "6h"), {}, "may be retried for ever"),
    ],
)
def test_retries_that_a_plan_does_not_end_for_certain_are_refused(plan, more, words):
    with pytest.raises(ScenarioError, match=words):
        qs.simulate(retrying(plan, **more))


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"preparation": "2s"}, True),
        ({"preparation": "1s"}, False),
        ({"preparation": "2s", "on_error": "continue"}, False),
        ({"preparation": "2s", "mode": "session"}, True),
    ],
)
def test_s27_patience_that_is_over_before_the_preparation_is_not_retried_for_ever(more, refused):
    """S65; with a patience of 2 s a job that is ready after 1 s starts then. An open session is never closed."""
    source = {**RETRYING, "qpu_time": "5s", "patience": "2s", "on_rejection": "give_up", **more}
    if refused:
        with pytest.raises(ScenarioError) as caught:
            qs.simulate({"workload": [source]})
        assert str(caught.value) == (
            "scenario: workload.iterative: the patience of 1 of 1 jobs is over before they are prepared, and they may be "
            "retried for ever; give a horizon, on_error: stop or continue, or a longer patience"
        )
    else:
        (reason,) = qs.simulate({"workload": [source]}).jobs["reason"]
        assert reason == (None if more["preparation"] == "1s" else "RENEGED")


def test_s27_retries_that_a_rate_ends_are_simulated_to_their_end():
    """S60: attempts at 0, 2 and 4 s; that of 4 s is the third in (-1 s, 4 s]."""
    source = {"qpu_time": "5s", "patience": "2s", "preparation": "3s"}
    run = qs.simulate(retrying(rate(2, "5s"), **source))
    assert run.jobs["reason"].to_list() == ["RENEGED", "RENEGED", "RATE_LIMITED"]
    with pytest.raises(ScenarioError, match="may be retried for ever"):
        qs.simulate(retrying(rate(2, "4s"), **source))


@pytest.mark.parametrize(
    ("plan", "more", "submitted"),
    [
        # each attempt ends after 3 h and is noticed after 4 h: those of 0 h and 4 h are in (-1 h, 8 h]
        (rate(2, "9h"), {}, [0, 4, 8]),
        (rate(2, "8h"), {}, None),
        # on the QPU from 0 h to 3 h and from 4 h to 7 h: 1 + 3 h in (2 h, 8 h], 3 h in (1 h, 5 h]
        (quota("4h", "6h"), {}, [0, 4, 8]),
        (quota("5h", "6h"), {}, None),
        # one that has to wait may end just after a poll
        (quota("1h", "2h"), {"clients": 2}, None),
    ],
)
def test_s64_retries_of_a_client_that_polls_follow_each_other_at_polls(plan, more, submitted):
    scenario = retrying(plan, poll_interval="2h", **more)
    if submitted is None:
        with pytest.raises(ScenarioError, match="may be retried for ever"):
            qs.simulate(scenario)
    else:
        assert [time_us / HOUR for time_us in qs.simulate(scenario).jobs["submitted_us"]] == submitted


def test_windows_may_keep_the_attempts_of_a_client_apart():
    """S52: with an hour of maintenance each 3 h 30, no two attempts need follow each other without a pause."""
    window = {"kind": "maintenance", "every": "210m", "duration": "1h"}
    with pytest.raises(ScenarioError, match="may be retried for ever"):
        qs.simulate(
            {**retrying(rate(2, "7h")), "qpus": [{"name": "torino", "windows": [window]}]},
        )


@pytest.mark.parametrize(
    ("start", "on_rejection", "ends"),
    [
        ("2024-03-31T22:00:00Z", "new_session", True),
        ("2024-03-31T22:00:00Z", "job_mode", False),
        ("2024-04-01T00:00:00Z", "job_mode", True),
    ],
)
def test_retries_that_end_because_the_client_is_too_old(start, on_rejection, ends):
    """S23: from April 2024 on its session calls are rejected; by then it may be in job mode."""
    accounts = [{"name": "lab", "client": {"qiskit-ibm-runtime": "0.19.0"}}]
    source = {**RETRYING, "mode": "session", "on_rejection": on_rejection}
    scenario = {"start": start, "accounts": accounts, "workload": [source]}
    if ends:
        assert qs.simulate(scenario).jobs.select("status", "reason").row(-1) == ("REJECTED", "CLIENT_TOO_OLD")
    else:
        with pytest.raises(ScenarioError, match="would be retried for ever"):
            qs.simulate(scenario)
