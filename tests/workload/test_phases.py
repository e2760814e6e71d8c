"""QPUs, preparation, post-processing and estimates of jobs, and that nothing else depends on them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scheduler.plan import QpuSpec
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND
from qsession_sim.workload import draw
from qsession_sim.workload.context import Purpose, stream_generator

EXPONENTIAL = {"kind": "exponential", "mean": "4s"}
NOISE = {"kind": "lognormal", "sigma": 0.5}
ARRIVALS = {"kind": "arrivals", "account": "a", "interarrival": "1m", "count": 40}
SOURCES = {
    "arrivals": ARRIVALS,
    "iterative": {"kind": "iterative", "account": "a", "clients": 8, "iterations": 5},
    "batches": {"kind": "batches", "account": "a", "interarrival": "1h", "count": 8, "jobs": 5},
}


def drawn(*sources, qpus=({"name": "torino"},), **keys):
    return draw(load_scenario({"seed": 7, "qpus": list(qpus), "workload": list(sources), **keys}).resolved)


def qpu(name, per_execution="1ms", **keys):
    service_time = {"overhead": "0s", "per_execution": per_execution, "noise": NOISE}
    return {"name": name, "service_time": service_time, **keys}


def needed(columns):
    return {item.name for item in fields(columns) if columns.is_needed(item.name)}


@pytest.mark.parametrize("kind", SOURCES)
def test_phases_come_from_generators_of_their_own(kind):
    """S40: drawn here without the package; at least 0."""
    source = {**SOURCES[kind], "qpu_time": "3s"}
    jobs = drawn({**source, "preparation": EXPONENTIAL, "post_processing": EXPONENTIAL}).jobs

    for column, purpose in (
        (jobs.preparation_us, Purpose.PREPARATION),
        (jobs.post_processing_us, Purpose.POST_PROCESSING),
    ):
        expected = np.rint(4e6 * stream_generator(7, kind, purpose).standard_exponential(40))
        assert column.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", SOURCES)
def test_phases_change_nothing_else_of_the_workload(kind):
    """S7"""
    source = {**SOURCES[kind], "shots": {"kind": "uniform", "low": 1, "high": 5000}}
    plain = drawn(source, qpus=[qpu("torino")])
    keys = {
        "preparation": EXPONENTIAL,
        "post_processing": EXPONENTIAL,
        "estimate": {"factor": 3},
        "qpu": "torino",
    }
    given = drawn({**source, **keys}, qpus=[qpu("torino")])

    for table in ("jobs", "sessions"):
        before, after = getattr(plain, table), getattr(given, table)
        for name in needed(before):
            assert getattr(after, name).tolist() == getattr(before, name).tolist()
    later = {"qpu", "preparation_us", "post_processing_us", "estimate_us"}
    assert (needed(plain.jobs) & {*later, "route"}, needed(given.jobs) & {*later, "route"}) == (set(), later)


def test_what_is_not_given_is_one_value_and_in_no_digest():
    """S7: a workload from before there were these columns keeps its digest."""
    workload = drawn({**ARRIVALS, "qpu_time": "3s"})
    defaults = {
        "qpu": NEVER, "route": 0, "preparation_us": 0, "post_processing_us": 0, "estimate_us": NEVER
    }  # fmt: skip

    for name, value in defaults.items():
        column = getattr(workload.jobs, name)
        assert (column.tolist(), column.strides) == ([value] * 40, (0,))
    assert drawn({**ARRIVALS, "qpu_time": "3s", "preparation": "0s"}).digest() == workload.digest()
    assert drawn({**ARRIVALS, "qpu_time": "3s", "preparation": "1s"}).digest() != workload.digest()


def test_perfect_estimates_are_not_written_down():
    assert (
        drawn({**ARRIVALS, "qpu_time": EXPONENTIAL, "estimate": "perfect"}).jobs.estimate_us.tolist()
        == [NEVER] * 40
    )


def test_formula_estimates_are_the_model_without_noise():
    """The noise changes the QPU time, of which it is a factor; 2 ms an execution."""
    source = {**ARRIVALS, "shots": {"kind": "choice", "values": [1000, 3000]}, "estimate": "formula"}
    jobs = drawn(source, qpus=[qpu("torino", "2ms")]).jobs
    noiseless = qpu("torino", "2ms")
    noiseless["service_time"]["noise"] = "none"

    assert set(jobs.estimate_us.tolist()) == {2 * SECOND, 6 * SECOND}
    assert jobs.estimate_us.tolist() == drawn(source, qpus=[noiseless]).jobs.qpu_time_us.tolist()
    assert jobs.estimate_us.tolist() != jobs.qpu_time_us.tolist()


def test_estimates_by_a_factor_are_factor_times_qpu_time():
    """The factor is drawn here without the package; rounded half to even, at least 1."""
    factor = {"kind": "uniform", "low": 0.5, "high": 3}
    jobs = drawn({**ARRIVALS, "qpu_time": EXPONENTIAL, "estimate": {"factor": factor}}).jobs
    factors = 0.5 + 2.5 * stream_generator(7, "arrivals", Purpose.ESTIMATE).random(40)

    assert jobs.estimate_us.tolist() == np.rint(factors * jobs.qpu_time_us).astype(int).tolist()
    tiny = drawn({**ARRIVALS, "qpu_time": "1us", "estimate": {"factor": 0.2}}).jobs
    assert tiny.estimate_us.tolist() == [1] * 40


def test_given_estimates_have_nothing_to_do_with_qpu_times():
    jobs = drawn({**ARRIVALS, "qpu_time": EXPONENTIAL, "estimate": {"time": EXPONENTIAL}}).jobs
    expected = np.rint(4e6 * stream_generator(7, "arrivals", Purpose.ESTIMATE).standard_exponential(40))

    assert jobs.estimate_us.tolist() == expected.tolist()
    assert (
        drawn({**ARRIVALS, "qpu_time": "3s", "estimate": "9s"}).jobs.estimate_us.tolist() == [9 * SECOND] * 40
    )


def test_explicit_jobs_say_what_they_need():
    """S40, S54: a session's jobs take its QPU."""
    source = {
        "kind": "explicit",
        "sessions": [{"id": "s1", "account": "a", "qpu": "kyiv"}, {"id": "s2", "account": "a"}],
        "jobs": [
            {"id": "a", "at": "0s", "session": "s1", "qpu_time": "5s", "preparation": "2s"},
            {"id": "b", "at": "0s", "session": "s2", "qpu_time": "5s", "post_processing": "3s"},
            {"id": "c", "at": "0s", "account": "a", "qpu_time": "5s", "estimate": "9s", "qpu": "torino"},
        ],
    }
    workload = drawn(source, qpus=[{"name": "torino"}, {"name": "kyiv"}])

    assert workload.jobs.qpu.tolist() == [1, NEVER, 0]
    assert workload.jobs.preparation_us.tolist() == [2 * SECOND, 0, 0]
    assert workload.jobs.post_processing_us.tolist() == [0, 3 * SECOND, 0]
    assert workload.jobs.estimate_us.tolist() == [NEVER, NEVER, 9 * SECOND]
    assert workload.sessions.qpu.tolist() == [1, NEVER]


def test_qpus_keep_their_names_and_properties():
    """S22, S42"""
    workload = drawn(qpus=[{"name": "torino", "lanes": 2}, {"name": "aer", "simulator": True}])

    assert (workload.qpus, workload.qpu_specs) == (
        ("torino", "aer"),
        (QpuSpec(2), QpuSpec(5, simulator=True)),
    )


@pytest.mark.parametrize("kind", SOURCES)
def test_random_numbers_for_routes_come_with_a_choice_of_qpus(kind):
    """S54: whatever the policy is; none for sources that name a QPU, or where others are simulators."""
    source = {**SOURCES[kind], "qpu_time": "3s"}
    two = [{"name": "torino"}, {"name": "kyiv"}]
    workload = drawn(source, qpus=two)

    jobs = stream_generator(7, kind, Purpose.ROUTE).integers(0, 2**62, size=40)
    sessions = stream_generator(7, kind, Purpose.SESSION_ROUTE).integers(0, 2**62, size=8)
    assert workload.jobs.route.tolist() == jobs.tolist()
    assert workload.sessions.route.tolist() == (sessions.tolist() if kind != "arrivals" else [])
    for qpus, pin in ((two, {"qpu": "kyiv"}), ([two[0], {"name": "aer", "simulator": True}], {})):
        unrouted = drawn({**source, **pin}, qpus=qpus)
        assert not unrouted.jobs.is_needed("route")
        assert not unrouted.sessions.is_needed("route")


@pytest.mark.parametrize("kind", SOURCES)
def test_qpus_that_differ_have_qpu_times_of_their_own_by_the_same_random_numbers(kind):
    """Each column is what one such QPU alone would give; a simulator that nobody names has no say."""
    source = {**SOURCES[kind], "shots": {"kind": "uniform", "low": 1, "high": 5000}, "estimate": "formula"}
    fast, slow = qpu("torino", "1ms"), qpu("kyiv", "3ms")
    other = qpu("aer", "5ms", simulator=True)
    workload = drawn(source, qpus=[fast, slow, other])

    alone = [drawn(source, qpus=[one]).jobs for one in (fast, slow)]
    assert [column.tolist() for column in workload.qpu_times_us[:2]] == [
        jobs.qpu_time_us.tolist() for jobs in alone
    ]
    assert [column.tolist() for column in workload.estimates_us[:2]] == [
        jobs.estimate_us.tolist() for jobs in alone
    ]
    assert len(workload.qpu_times_us) == len(workload.estimates_us) == 3
    assert workload.jobs.qpu_time_us.tolist() == alone[0].qpu_time_us.tolist()


def test_qpus_of_one_speed_and_given_times_need_one_column():
    by_shots, given = {**ARRIVALS, "shots": 10}, {**ARRIVALS, "qpu_time": EXPONENTIAL}
    same, different = [qpu("torino"), qpu("kyiv")], [qpu("torino"), qpu("kyiv", "3ms")]

    for sources, qpus in (
        ([by_shots], same),
        ([given], different),
        ([{**by_shots, "qpu": "kyiv"}], different),
    ):
        assert (drawn(*sources, qpus=qpus).qpu_times_us, drawn(*sources, qpus=qpus).estimates_us) == ((), ())


def test_jobs_that_name_a_qpu_have_its_qpu_time():
    """0 and 1: 1 ms or 3 ms an execution; beside a routed job every column has the own time of a named one."""
    jobs = [
        {"id": "a", "at": "0s", "account": "a", "shots": 1000, "qpu": "kyiv"},
        {"id": "b", "at": "0s", "account": "a", "shots": 1000, "qpu": "torino"},
        {"id": "c", "at": "0s", "account": "a", "shots": 1000},
        {"id": "d", "at": "0s", "account": "a", "qpu_time": "9s"},
        {"id": "e", "at": "0s", "account": "a", "shots": 1000, "qpu": "aer"},
    ]
    qpus = [qpu("torino", "1ms"), qpu("kyiv", "3ms"), qpu("aer", "2ms", simulator=True)]
    for one in qpus:
        one["service_time"]["noise"] = "none"
    last = {**ARRIVALS, "count": 2, "shots": 2000, "qpu": "kyiv"}
    workload = drawn({"kind": "explicit", "jobs": jobs}, last, qpus=qpus)

    assert [(column // SECOND).tolist() for column in workload.qpu_times_us] == [
        [3, 1, 1, 9, 2, 6, 6],
        [3, 1, 3, 9, 2, 6, 6],
        [3, 1, 2, 9, 2, 6, 6],
    ]
    assert (workload.jobs.qpu_time_us // SECOND).tolist() == [3, 1, 1, 9, 2, 6, 6]


def test_a_job_need_not_tell_what_the_models_of_other_qpus_want():
    qpus = [{"name": "torino"}, {"name": "kyiv", "service_time": {"model": "given"}}]
    jobs = [{"id": "a", "at": "0s", "account": "a", "shots": 1000, "qpu": "torino"}]
    workload = drawn({"kind": "explicit", "jobs": jobs}, qpus=qpus)

    assert (workload.jobs.qpu_time_us.tolist(), workload.qpu_times_us) == ([2_350_000], ())


def test_a_trace_may_name_a_qpu_and_tell_how_its_jobs_are_prepared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.csv").write_text(
        "submitted_us,qpu_time_us,preparation_us,post_processing_us,estimate_us\n0,5,1,2,9\n1,6,,,\n"
    )
    source = {"kind": "trace", "file": "jobs.csv", "qpu": "kyiv"}
    qpus = [{"name": "torino"}, {"name": "kyiv"}]

    def replayed(**keys):
        scenario = load_scenario({"qpus": qpus, "workload": [{**source, **keys}]})
        return draw(scenario.resolved, tmp_path).jobs

    own, replaced = replayed(), replayed(preparation="7s", post_processing="0s", estimate={"factor": 2})
    assert own.qpu.tolist() == [1, 1]
    assert [own.preparation_us.tolist(), own.post_processing_us.tolist(), own.estimate_us.tolist()] == [
        [1, 0],
        [2, 0],
        [9, NEVER],
    ]
    assert replaced.preparation_us.tolist() == [7 * SECOND] * 2
    assert replaced.post_processing_us.tolist() == [0, 0]
    assert replaced.estimate_us.tolist() == [10, 12]


def test_a_trace_with_sessions_cannot_name_a_simulator_backend(tmp_path, monkeypatch):
    """S22"""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.csv").write_text("submitted_us,qpu_time_us,session\n0,5,s\n")
    qpus = [{"name": "torino"}, {"name": "aer", "simulator": True}]
    scenario = load_scenario(
        {"qpus": qpus, "workload": [{"kind": "trace", "file": "jobs.csv", "qpu": "aer"}]}
    )

    with pytest.raises(ScenarioError) as caught:
        draw(scenario.resolved, tmp_path)
    assert caught.value.problems == (
        "workload.trace.qpu: a session cannot be opened on a simulator backend; name another QPU",
    )
