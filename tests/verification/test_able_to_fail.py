"""The verification finds what is wrong, and nothing where all is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsession_sim.experiment.simulate import simulate
from qsession_sim.queueing import theory
from qsession_sim.queueing.recursions import lindley
from qsession_sim.verification import closed_clients, identities, open_queues
from qsession_sim.verification.comparisons import constant, exponential
from qsession_sim.verification.suite import EXPERIMENTS, verify

SMALL = [
    open_queues.m_m_1(0.5, jobs=60_000),
    open_queues.m_d_1(0.5, jobs=60_000),
    open_queues.m_g_1(0.5, jobs=60_000),
    open_queues.priorities((0.4, 0.6), (exponential(5), constant(20)), 0.5, jobs=20_000),
    open_queues.vacations(0.5, jobs=10_000),
    open_queues.m_m_1_m(1.2, jobs=20_000),
    closed_clients.exponential_service(5, jobs=30_000),
    closed_clients.constant_service(5, jobs=30_000),
    closed_clients.uniform_think(5, jobs=30_000),
    closed_clients.idle_timeout(1, gaps=20_000),
]


@pytest.fixture(autouse=True)
def few_jobs_in_identities(monkeypatch):
    monkeypatch.setattr(identities, "JOBS", 300)


def longer(drawn):
    """Times as a scenario writes them, a fifth longer than they say."""
    if not isinstance(drawn, dict):
        return drawn
    return {
        key: f"{1.2 * float(value.removesuffix('s'))}s" if isinstance(value, str) and key != "kind" else value
        for key, value in drawn.items()
    }


def simulate_longer_times(scenario):
    """What a program would do that draws too long QPU and think times."""
    sources = [
        {key: longer(value) if key in {"qpu_time", "think_time"} else value for key, value in source.items()}
        for source in scenario["workload"]
    ]
    return simulate({**scenario, "workload": sources})


@pytest.mark.parametrize("experiment", SMALL, ids=[experiment.name for experiment in SMALL])
def test_right_times_pass_and_longer_ones_fail(monkeypatch, experiment):
    assert verify(seed=1, experiments=[experiment]).differing == []
    for module in (open_queues, closed_clients):
        monkeypatch.setattr(module, "simulate", simulate_longer_times)
    found = verify(seed=1, experiments=[experiment])
    assert found.differing != []
    assert not found.passed


def test_wrong_recursion_of_several_servers_fails(monkeypatch):
    experiment = open_queues.m_m_c(2, 0.6, jobs=50_000)
    assert verify(seed=1, experiments=[experiment]).passed
    monkeypatch.setattr(
        open_queues, "kiefer_wolfowitz", lambda arrivals, services, _: lindley(arrivals, services // 2)
    )
    assert not verify(seed=1, experiments=[experiment]).passed


def test_wrong_formula_fails(monkeypatch):
    experiment = open_queues.m_m_1(0.5, jobs=60_000)
    right = theory.m_m_1

    def wrong(arrival_rate, mean_service):
        found = right(arrival_rate, mean_service)
        return replace(found, utilization=1.05 * found.utilization)

    monkeypatch.setattr(theory, "m_m_1", wrong)
    found = verify(seed=1, experiments=[experiment])
    assert [comparison.quantity for comparison in found.differing] == ["utilization"]


def test_all_identities_hold():
    assert [identity for identity in identities.identities(seed=5) if not identity.holds] == []


def test_identity_that_is_wrong_by_a_microsecond_is_broken(monkeypatch):
    def wrong(arrivals, services):
        waits = lindley(arrivals, services)
        waits[-1] += 1
        return waits

    monkeypatch.setattr(identities, "lindley", wrong)
    found = verify(seed=1, experiments=[])
    assert [identity.rules for identity in found.broken] == ["S79"]
    assert not found.passed


def test_every_timeout_of_a_session_matters(monkeypatch):
    """A program that takes each timeout for a second longer breaks what S13 and S14 say of held time."""

    def later(scenario):
        sources = [
            {**source, "interactive_timeout": f"{float(source['interactive_timeout'][:-1]) + 1}s"}
            if source.get("interactive_timeout", "").endswith("s")
            else source
            for source in scenario["workload"]
        ]
        return simulate({**scenario, "workload": sources})

    monkeypatch.setattr(identities, "simulate", later)
    broken = {identity.name for identity in identities.identities(seed=1) if not identity.holds}
    assert broken == {
        "a timeout deactivates in each longer gap, and in no other",
        "and holds for the shorter of both",
        "timeout 0 deactivates in each gap",
        "and never holds",
        "with think time 0, timeout 0 s holds after the last job only",
        "with think time 0, timeout 7 s holds after the last job only",
    }


def test_names_of_experiments_and_so_their_random_numbers_differ():
    names = [experiment.name for experiment in EXPERIMENTS]
    assert len(set(names)) == len(names)


def test_names_of_formulas_exist():
    modules = {"theory": theory}
    found = verify(seed=1, experiments=SMALL[:1]).comparisons
    for comparison in found:
        module, _, function = comparison.formula.partition(".")
        assert callable(getattr(modules[module], function))
