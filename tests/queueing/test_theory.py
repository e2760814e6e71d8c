"""Closed forms against tables, hand arithmetic, and the equations of balance that they solve."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing import theory
from qsession_sim.queueing.theory import LongRun

loads = st.floats(0.01, 0.99)
positive = st.floats(0.01, 100.0)


def test_m_m_1_by_hand():
    """Load 3/4, service 2: waits 3/4 × 2 / (1/4) = 6, and 3 are in the system."""
    assert theory.m_m_1(arrival_rate=0.375, mean_service=2.0) == LongRun(
        throughput=0.375,
        utilization=0.75,
        mean_waiting=6.0,
        mean_response=8.0,
        mean_queue_length=2.25,
        mean_in_system=3.0,
    )


def test_m_d_1_and_m_g_1_by_hand():
    """Load 3/4, E[S] = 2: λ E[S²] / (2 × 1/4) is 3 for E[S²] = 4, and 7.5 for 10."""
    assert theory.m_d_1(0.375, 2.0).mean_waiting == 3.0
    assert theory.m_g_1(0.375, 2.0, service_variance=6.0).mean_waiting == 7.5


@given(loads, positive)
def test_constant_service_halves_the_waiting_of_exponential_service(load, service):
    constant, exponential = theory.m_d_1(load / service, service), theory.m_m_1(load / service, service)
    assert constant.mean_waiting * 2 == pytest.approx(exponential.mean_waiting, rel=1e-12)


def test_vacations_by_hand():
    """Waits 3 for others, and half of E[V²] / E[V] = (9 + 16) / 4 for the vacation to end."""
    queue = theory.m_g_1_vacations(0.375, 2.0, 0.0, mean_vacation=4.0, vacation_variance=9.0)
    assert (queue.mean_waiting, queue.utilization) == (3.0 + 25 / 8, 0.75)


def test_cobham_by_hand():
    """R = (1/8 × 4 + 1/4 × 1 + 1/4 × 2) / 2 = 5/8; sums of loads 1/4, 1/2, 3/4."""
    queues = theory.m_g_1_priorities([0.125, 0.25, 0.25], [2.0, 1.0, 1.0], [0.0, 0.0, 1.0])
    assert [queue.mean_waiting for queue in queues] == pytest.approx(
        [5 / 8 / (3 / 4), 5 / 8 / (3 / 4 * 1 / 2), 5 / 8 / (1 / 2 * 1 / 4)], rel=1e-12
    )
    assert [queue.utilization for queue in queues] == [0.25, 0.25, 0.25]


@given(
    st.lists(
        st.tuples(st.floats(0.1, 1.0), positive, st.floats(0.0, 100.0)),
        min_size=1,
        max_size=5,
    ),
    loads,
)
def test_priorities_only_share_the_waiting_out(classes, load):
    """Kleinrock's conservation law: loads times waiting times sum to ρ R / (1 - ρ), whatever the order."""
    share = load / sum(part for part, _, _ in classes)
    services = [service for _, service, _ in classes]
    rates = [part * share / service for part, service, _ in classes]
    variances = [variance for _, _, variance in classes]
    queues = theory.m_g_1_priorities(rates, services, variances)
    residual = sum(r * (v + s * s) for r, s, v in zip(rates, services, variances, strict=True)) / 2
    shared = sum(queue.utilization * queue.mean_waiting for queue in queues)
    assert shared == pytest.approx(load * residual / (1 - load), rel=1e-9)
    assert [queue.mean_waiting for queue in queues] == sorted(queue.mean_waiting for queue in queues)


def test_priorities_that_leave_the_server_a_rounding_error_of_rest_have_finite_waits():
    """Summed one by one these loads are at least 1 in floats, but 49 × (1/49 as a float) is below 1."""
    loads = [1 / 49] * 49
    assert reduce(add, loads) >= 1.0 > math.fsum(loads)
    queues = theory.m_g_1_priorities(loads, [1.0] * 49, [0.0] * 49)
    assert [queue.mean_waiting for queue in queues] == sorted(queue.mean_waiting for queue in queues)


def test_one_class_is_no_priority():
    (only,) = theory.m_g_1_priorities([0.25], [2.0], [3.0])
    assert only == theory.m_g_1(0.25, 2.0, 3.0)


@pytest.mark.parametrize(
    ("servers", "offered", "tabulated"),
    [
        (1, 0.8, 0.8),
        (2, 1.0, 0.3333),
        (3, 2.0, 0.4444),
        (10, 8.0, 0.4092),
        (14, 10.0, 0.1741),
    ],
)
def test_erlang_c_is_that_of_the_tables(servers, offered, tabulated):
    assert round(theory.erlang_c(servers, offered), 4) == tabulated


@given(st.integers(1, 12), st.integers(1, 11))
def test_erlang_c_solves_the_equations_of_balance(servers, twelfths):
    """States in proportion a^k / k! up to c, then a geometric series; waiting is being in one from c on."""
    offered = Fraction(twelfths * servers, 12)
    below = sum(offered**k / math.factorial(k) for k in range(servers))
    above = offered**servers / math.factorial(servers) / (1 - offered / servers)
    assert theory.erlang_c(servers, float(offered)) == pytest.approx(
        float(above / (above + below)), rel=1e-12
    )


def test_erlang_c_of_thousands_of_servers_is_a_number():
    assert 0 < theory.erlang_c(5_000, 4_900.0) < 1


@given(loads, positive)
def test_m_m_c_with_one_server_is_m_m_1(load, service):
    several, one = theory.m_m_c(load / service, service, 1), theory.m_m_1(load / service, service)
    assert several.mean_waiting == pytest.approx(one.mean_waiting, rel=1e-9)
    assert several.mean_in_system == pytest.approx(one.mean_in_system, rel=1e-9)


def test_a_call_centre_by_hand():
    """14 agents, 10 erlang, calls of 180 s: the well-known 88.8 % are answered within 20 s."""
    assert round(1 - theory.m_m_c_waits_longer(10 / 180, 180.0, 14, waiting=20.0), 3) == 0.888
    assert theory.m_m_c(10 / 180, 180.0, 14).mean_waiting == pytest.approx(0.17413 * 45, rel=1e-4)


def test_the_tail_of_waiting_has_the_mean_waiting_as_its_integral():
    tail = [theory.m_m_c_waits_longer(1.5, 1.0, 2, waiting=(step + 0.5) / 100) for step in range(6_000)]
    assert sum(tail) / 100 == pytest.approx(theory.m_m_c(1.5, 1.0, 2).mean_waiting, rel=1e-4)


def test_outside_of_its_domain_no_formula_gives_a_number():
    for rate, service, variance in ((0, 1, 0), (-1, 1, 0), (1, 0, 0), (math.nan, 1, 0), (0.5, 1, -1)):
        with pytest.raises(ValueError, match="must be"):
            theory.m_g_1(rate, service, variance)
    for overloaded in (
        lambda: theory.m_m_1(1.0, 1.0),
        lambda: theory.m_d_1(2.0, 1.0),
        lambda: theory.m_m_c(2.0, 1.0, 2),
        lambda: theory.m_m_c_waits_longer(2.0, 1.0, 2, waiting=0.0),
        lambda: theory.erlang_c(3, 3.5),
        lambda: theory.m_g_1_priorities([0.5, 0.5], [1.0, 1.0], [0.0, 0.0]),
        lambda: theory.m_g_1_vacations(1.0, 1.0, 0.0, 1.0, 0.0),
    ):
        with pytest.raises(ValueError, match=r"there is no long run: utilization .* is not below 1"):
            overloaded()
    with pytest.raises(ValueError, match="mean_vacation must be above 0"):
        theory.m_g_1_vacations(0.5, 1.0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="vacation_variance must be at least 0"):
        theory.m_g_1_vacations(0.5, 1.0, 0.0, 1.0, -1.0)
    with pytest.raises(ValueError, match="every class"):
        theory.m_g_1_priorities([0.5], [1.0, 1.0], [0.0])
    with pytest.raises(ValueError, match="every class"):
        theory.m_g_1_priorities([], [], [])
    with pytest.raises(ValueError, match="mean_service must be above 0"):
        theory.m_g_1_priorities([0.1, 0.1], [1.0, -1.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="at least 1 server"):
        theory.erlang_c(0, 0.5)
    with pytest.raises(ValueError, match="waiting must be at least 0"):
        theory.m_m_c_waits_longer(0.5, 1.0, 1, waiting=-1.0)
    with pytest.raises(ValueError, match="throughput must be at least 0"):
        theory.little(-1.0, 1.0)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_clients_of_exponential_service_solve_the_equations_of_balance(clients, think, service):
    """k at the server: thinkers leave at (N - k) / Z, the server works at 1 / s; so p[k] ~ N!/(N-k)! (s/Z)^k."""
    weights = [math.perm(clients, k) * Fraction(service, think) ** k for k in range(clients + 1)]
    probabilities = [weight / sum(weights) for weight in weights]
    busy = 1 - probabilities[0]
    present = sum(k * probability for k, probability in enumerate(probabilities))
    found = theory.exponential_service(clients, float(think), float(service))
    assert found.utilization == pytest.approx(float(busy), rel=1e-12)
    assert found.throughput == pytest.approx(float(busy / service), rel=1e-12)
    assert found.mean_in_system == pytest.approx(float(present), rel=1e-12)
    assert found.mean_response == pytest.approx(float(present * service / busy), rel=1e-12)
    assert found.mean_queue_length == pytest.approx(float(present - busy), rel=1e-9, abs=1e-12)


@given(st.integers(1, 12), st.floats(0.05, 20.0))
def test_clients_of_constant_service_solve_the_chain_at_departures(clients, think):
    """Seen at departures, n stay behind; during the next service of 1 each thinker comes with 1 - e^(-1/Z)."""
    comes = -math.expm1(-1 / think)
    chain = np.zeros((clients, clients))
    for behind in range(clients):
        begin = max(behind, 1)  # with nobody behind, the first request begins the service
        for more in range(clients - begin + 1):
            chance = math.comb(clients - begin, more) * comes**more * (1 - comes) ** (clients - begin - more)
            chain[behind, begin - 1 + more] += chance
    balance = np.vstack([chain.T - np.eye(clients), np.ones(clients)])
    stationary = np.linalg.lstsq(balance, np.append(np.zeros(clients), 1.0), rcond=None)[0]
    cycle = 1 + float(stationary[0]) * think / clients
    found = theory.constant_service(clients, think, 1.0)
    assert found.utilization == pytest.approx(1 / cycle, rel=1e-9)
    assert found.mean_response == pytest.approx(clients * cycle - think, rel=1e-8)


def test_one_client_never_waits():
    for queue in (
        theory.exponential_service(1, 3.0, 1.0),
        theory.constant_service(1, 3.0, 1.0),
    ):
        assert queue.utilization == pytest.approx(0.25, rel=1e-12)
        assert queue.mean_response == pytest.approx(1.0, rel=1e-12)
        assert queue.mean_waiting == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("model", [theory.exponential_service, theory.constant_service])
def test_clients_that_do_not_think_keep_the_server_busy_and_wait_for_all_others(model):
    queue = model(4, 0.0, 2.0)
    assert (queue.utilization, queue.throughput, queue.mean_response) == (1.0, 0.5, 8.0)
    assert (queue.mean_queue_length, queue.mean_in_system) == (3.0, 4.0)


@pytest.mark.parametrize("model", [theory.exponential_service, theory.constant_service])
def test_many_clients_saturate_the_server_without_overflow(model):
    """With far more clients than the server serves in a think time: R = N s - Z."""
    queue = model(2_000, 100.0, 1.0)
    assert queue.utilization == pytest.approx(1.0, rel=1e-12)
    assert queue.mean_response == pytest.approx(1900.0, rel=1e-12)


def test_two_clients_of_constant_service_that_think_for_very_long():
    """B = s exp(s / Z), so R = 2 s - Z (1 - exp(-s / Z)), which is s + s² / 2 Z up to s³ / 6 Z²."""
    for think in (1e6, 1e9, 1e15, 1e300):
        queue = theory.constant_service(2, think, 1.0)
        assert queue.mean_response == pytest.approx(1 + 0.5 / think, abs=1e-12)


def test_closed_models_beyond_the_floats_are_an_error_and_no_number():
    for arguments in ((3, 1.0, 1e308), (3, 1e-320, 1.0)):
        with pytest.raises(ValueError, match="beyond the floats"):
            theory.constant_service(*arguments)
    with pytest.raises(ValueError, match="beyond the floats"):
        theory.exponential_service(3, 1.0, 1e308)


@pytest.mark.parametrize("model", [theory.exponential_service, theory.constant_service])
def test_closed_models_refuse_what_they_are_not_about(model):
    with pytest.raises(ValueError, match="at least 1 client"):
        model(0, 1.0, 1.0)
    for think in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="mean_think must be at least 0"):
            model(1, think, 1.0)
    for service in (0.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="service must be above 0"):
            model(1, 1.0, service)


# ---------------------------------------------------------------- M/M/1+M


@pytest.mark.parametrize("offered", [0.3, 1.0, 2.5])
def test_m_m_1_m_with_patience_like_service_is_a_poisson_number(offered):
    """The number in the system falls at the rate n / s as in M/M/inf, so Q = a - 1 + exp(-a)."""
    found = theory.m_m_1_m(offered / 10, 10.0, 10.0)
    queue = offered - 1 + math.exp(-offered)
    assert found.mean_waiting == pytest.approx(queue / (offered / 10), rel=1e-12)
    assert found.abandoning == pytest.approx(queue / offered, rel=1e-12)


def test_m_m_1_m_with_endless_patience_is_m_m_1():
    found = theory.m_m_1_m(0.08, 10.0, 1e12)
    assert found.mean_waiting == pytest.approx(theory.m_m_1(0.08, 10.0).mean_waiting, rel=1e-6)
    assert found.abandoning == pytest.approx(0.0, abs=1e-9)


def test_m_m_1_m_that_is_flooded_serves_one_at_a_time():
    """Of 100 jobs in a mean service 99 leave; each waits its whole patience or nearly so."""
    found = theory.m_m_1_m(10.0, 10.0, 1000.0)
    assert found.abandoning == pytest.approx(0.99, abs=1e-9)
    assert found.mean_waiting == pytest.approx(990.0, abs=1e-6)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, math.inf)])
def test_m_m_1_m_refuses_what_has_no_meaning(numbers):
    with pytest.raises(ValueError, match=r"must be|above 0|finite"):
        theory.m_m_1_m(*numbers)
