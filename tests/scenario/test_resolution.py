"""Resolution makes defaults explicit, and its result resolves to itself: also for scenarios nobody thought of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_examples import examples

from qsession_sim.scenario.accounts import PROFILES
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.models import HumanScenario, ResolvedScenario
from qsession_sim.scenario.service import preset_names
from qsession_sim.scenario.values import format_coefficient
from qsession_sim.units import HOUR, MINUTE, SECOND, format_duration

durations = st.integers(0, 10**12).map(format_duration)
positive_durations = st.integers(1, 10**12).map(format_duration)
counts = st.floats(0.5, 1e6) | st.integers(1, 10**6)
names = st.text("abc-. 1é", min_size=1, max_size=4).filter(lambda text: text == text.strip())


def distributions(values):
    return st.one_of(
        values,
        st.builds(lambda value: {"kind": "constant", "value": value}, values),
        st.builds(lambda value: {"kind": "uniform", "low": value, "high": value}, values),
        st.builds(lambda value: {"kind": "exponential", "mean": value}, values),
        st.builds(lambda value: {"kind": "lognormal", "median": value, "sigma": 0.5}, values),
        st.builds(
            lambda kind, value: {"kind": kind, "shape": 0.5, "scale": value, "at_most": value},
            st.sampled_from(["gamma", "weibull", "pareto"]),
            values,
        ),
        st.builds(
            lambda value: {
                "kind": "erlang",
                "stages": 2,
                "mean": value,
                "at_least": value,
                "outside": "redraw",
            },
            values,
        ),
        st.builds(
            lambda items: {"kind": "hyperexponential", "means": items},
            st.lists(values, min_size=1, max_size=3),
        ),
        st.builds(
            lambda items: {"kind": "choice", "values": items}, st.lists(values, min_size=1, max_size=3)
        ),
        st.builds(
            lambda items: {"kind": "empirical", "values": items}, st.lists(values, min_size=1, max_size=3)
        ),
    )


def optional(**strategies):
    return st.fixed_dictionaries({}, optional=strategies)


properties = {key: distributions(counts) for key in ("layers", "qubits", "depth")}
service = st.one_of(
    st.fixed_dictionaries({"qpu_time": distributions(positive_durations)}),
    st.fixed_dictionaries(
        {"shots": distributions(counts), **properties}, optional={"circuits": distributions(counts)}
    ),
)
# smaller ones have more digits than a coefficient may have
coefficients = st.floats(-1e12, 1e12).filter(lambda us: us == 0 or abs(us) > 1e-60).map(format_coefficient)
noise = st.one_of(
    st.just("none"),
    st.builds(lambda sigma: {"kind": "lognormal", "sigma": sigma}, st.floats(0, 3)),
    st.builds(
        lambda values: {"kind": "empirical", "values": values},
        st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=3),
    ),
)


def model(name, required, **more):
    known = {"model": st.just(name), **required}
    return st.fixed_dictionaries(known, optional={**more, "noise": noise})


service_times = st.one_of(
    model("executions", {}, overhead=durations, per_execution=durations),
    model("executions", {"rep_delay": durations}, executions_per_subjob=st.integers(1, 10**9)),
    model("executions", {"circuit_length": durations}, overhead=durations),
    model("clops", {"clops": st.floats(1, 1e9)}, overhead=durations),
    model(
        "linear",
        {
            "coefficients": optional(qubits=coefficients, depth=coefficients).map(
                lambda c: {"executions": "5us", **c}
            )
        },
        intercept=coefficients,
        least=positive_durations,
    ),
    st.builds(lambda name: {"preset": name}, st.sampled_from(preset_names())),
)
common = optional(
    max_execution_time=positive_durations, priority=st.integers(-5, 5), patience=positive_durations
)
clocks = optional(max_time=durations, interactive_timeout=durations)


def source(kind, required, *more):
    base = st.fixed_dictionaries({"kind": st.just(kind), "account": names, **required})
    return st.tuples(base, service, common, *more).map(
        lambda parts: {k: v for part in parts for k, v in part.items()}
    )


arrivals = source("arrivals", {"interarrival": distributions(durations), "count": st.integers(1, 9)})
batches = source(
    "batches",
    {"interarrival": distributions(durations), "count": st.integers(1, 9), "jobs": distributions(counts)},
    clocks,
)
iterative = source(
    "iterative",
    {"iterations": distributions(counts)},
    optional(
        clients=st.integers(1, 9),
        think_time=distributions(durations),
        start=st.builds(lambda value: {"interarrival": value}, distributions(durations)),
        on_finish=st.sampled_from(["close", "cancel", "leave"]),
    ),
    st.one_of(
        st.just({"mode": "job"}),
        st.tuples(optional(mode=st.sampled_from(["session", "batch"])), clocks).map(
            lambda two: two[0] | two[1]
        ),
    ),
)


@st.composite
def explicit(draw):
    sessions = [
        {"id": f"s{i}", "account": draw(names)}
        | draw(optional(mode=st.sampled_from(["session", "batch"])))
        | draw(clocks)
        | draw(
            st.sampled_from([{}, {"created": "0s"}, {"close": "5m"}, {"created": "1us", "close_after": "5s"}])
        )
        for i in range(draw(st.integers(0, 2)))
    ]
    jobs = []
    for i in range(draw(st.integers(0, 4))):
        owners = [{"account": "lab"}, *({"session": session["id"]} for session in sessions)]
        times = [{"at": "1h"}, *({"after": job["id"]} for job in jobs)]
        properties = {"layers": 5, "qubits": 3, "depth": 7}
        work = [{"qpu_time": "5s"}, {"shots": 10, **properties}, {"shots": 10, "circuits": 3, **properties}]
        jobs.append(
            {"id": f"j{i}"}
            | draw(st.sampled_from(owners))
            | draw(st.sampled_from(times))
            | draw(st.sampled_from(work))
            | draw(common)
            | draw(optional(cancel_after=durations))
        )
    return {"kind": "explicit", "sessions": sessions, "jobs": jobs}


plan_clocks = (
    durations
    | optional(limit=st.just("none"))
    | st.builds(lambda value: {"default": value, "limit": value}, durations)
)
windows = {"window": positive_durations}
plans = st.dictionaries(
    st.sampled_from(["open", "premium", "mine"]),
    optional(
        sessions=st.booleans(),
        batches=st.booleans(),
        max_time=plan_clocks,
        interactive_timeout=durations | optional(session=plan_clocks, batch=plan_clocks),
        pending_jobs=st.just("none") | st.integers(1, 9),
        submission_rate=st.just("none") | st.fixed_dictionaries({"count": st.integers(1, 9), **windows}),
        quota=st.just("none") | st.fixed_dictionaries({"usage": positive_durations, **windows}),
        price_per_second=st.just("none") | st.floats(0, 9),
    ),
)
versions = st.lists(st.integers(0, 50), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
account_keys = optional(
    plan=st.sampled_from(["open", "premium", "pay-as-you-go"]),
    allocation=durations,
    client=optional(**{"qiskit-ibm-runtime": versions, "qiskit": versions}),
)


@st.composite
def worlds(draw):
    """Plans and accounts, of which the first has a source."""
    listed = draw(st.lists(account_keys, min_size=1, max_size=3))
    accounts = [{"name": f"account {number}"} | keys for number, keys in enumerate(listed)]
    source = {"kind": "iterative", "account": "account 0", "iterations": 3, "qpu_time": "1s"}
    return {
        "profile": draw(st.sampled_from(sorted(PROFILES))),
        "plans": draw(plans),
        "accounts": accounts,
        "workload": [source | {"mode": draw(st.sampled_from(["session", "batch"]))}],
    }


@st.composite
def scenarios(draw):
    sources = draw(st.lists(arrivals | batches | iterative | explicit(), max_size=2))
    ids = {item["kind"] for item in sources}
    if len(ids) < len(sources):
        sources = sources[:1]
    return {"workload": sources} | draw(
        optional(
            title=st.text(max_size=5),
            seed=st.integers(0, 10**20),
            start=st.datetimes().map(str),
            profile=st.sampled_from(sorted(PROFILES)),
            horizon=st.just("1d"),
            rules=optional(unused_timeout=durations, max_execution_time=positive_durations | st.just("none")),
            qpus=service_times.map(lambda one: [{"name": "q", "service_time": one}]),
            policies=optional(hold=st.sampled_from(["exclusive", "shared", "none"])),
        )
    )


@settings(max_examples=examples(80), deadline=None)
@given(scenarios() | worlds())
def test_resolution_is_idempotent(scenario):
    once = load_scenario(scenario)

    twice = load_scenario(once.dump())

    assert twice.resolved == once.resolved
    assert twice.dump() == once.dump()


@settings(max_examples=examples(40), deadline=None)
@given(scenarios() | worlds())
def test_resolved_form_keeps_its_own_contract(scenario):
    """Resolution builds the form without validation; with absent values put back, validation accepts it."""
    resolved = load_scenario(scenario).resolved

    assert ResolvedScenario.model_validate(resolved.model_dump(mode="json")) == resolved


@pytest.mark.parametrize(
    ("profile", "session_us", "batch_us", "start"),
    [
        ("2023", 300 * SECOND, 300 * SECOND, "2023-10-27T00:00:00+00:00"),
        ("2024-04", 60 * SECOND, 1 * SECOND, "2024-04-01T00:00:00+00:00"),
        ("2026", 60 * SECOND, 1 * SECOND, "2026-01-01T00:00:00+00:00"),
    ],
)
def test_profile_gives_the_documented_clocks(profile, session_us, batch_us, start):
    """S13, S16, S21, S30, S44."""
    sessions = [{"id": "s", "account": "a"}, {"id": "b", "account": "a", "mode": "batch"}]
    scenario = {"profile": profile, "workload": [{"kind": "explicit", "sessions": sessions}]}

    resolved = load_scenario(scenario).resolved

    session, batch = resolved.workload[0].sessions
    assert (session.max_time, session.interactive_timeout) == (8 * HOUR, session_us)
    assert (batch.max_time, batch.interactive_timeout) == (8 * HOUR, batch_us)
    assert (resolved.rules.unused_timeout, resolved.rules.max_execution_time) == (30 * MINUTE, 3 * HOUR)
    assert resolved.start.isoformat() == start


def test_no_limit_is_none_in_memory_and_written_out():
    """S44: `none` differs from absent, which is the profile's limit."""
    scenario = load_scenario({"workload": [], "rules": {"max_execution_time": "none"}})

    assert scenario.resolved.rules.max_execution_time is None
    assert scenario.dump()["rules"]["max_execution_time"] == "none"


def test_human_form_is_immutable():
    scenario = HumanScenario.model_validate({"workload": []})

    with pytest.raises(ValueError, match="frozen"):
        scenario.seed = 5
