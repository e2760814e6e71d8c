"""Closed forms of queues in the long run, to compare simulations with.

Times are floats in any one unit, and rates are per that unit. Jobs arrive in a Poisson process if nothing
else is said, are served first in first out without interruption, and wait as long as it takes. What has no
long run, or no formula here, is a `ValueError` and never a number.

Books are named by their authors:

- Kleinrock: L. Kleinrock, "Queueing Systems", volume I, 1975.
- Gross et al.: D. Gross, J. F. Shortle, J. M. Thompson and C. M. Harris, "Fundamentals of Queueing Theory",
  4th edition, 2008.
- Bertsekas and Gallager: D. Bertsekas and R. Gallager, "Data Networks", 2nd edition, 1992.

There are three kinds of system: jobs that come from outside; a fixed number of clients that think, ask for
service, wait, and think again, such as machines with one repairer or iterative clients on one QPU in job
mode; and one session alone on a QPU, with its interactive timeout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class LongRun:
    """Means of a queue in the long run.

    Attributes:
        throughput: jobs that are served in a unit of time.
        utilization: fraction of time for which a server works on jobs, from 0 to 1.
        mean_waiting: from arrival to the start of service.
        mean_response: from arrival to the end of service.
        mean_queue_length: jobs that wait.
        mean_in_system: jobs that wait or are served.
    """

    throughput: float
    utilization: float
    mean_waiting: float
    mean_response: float
    mean_queue_length: float
    mean_in_system: float


def little(throughput: float, mean_time: float) -> float:
    """The mean number inside: throughput times the mean time that each one spends inside.

    True of any system, or part of one, that has a long run: J. D. C. Little, "A proof for the queuing formula
    L = λ W", Operations Research 9 (1961); Kleinrock section 2.1.

    Args:
        throughput: at least 0, finite.
        mean_time: at least 0, finite.

    Raises:
        ValueError: outside of these.

    Example:
        >>> little(throughput=0.5, mean_time=8.0)
        4.0
    """
    _check_not_negative(throughput=throughput, mean_time=mean_time)
    return throughput * mean_time


def m_m_1(arrival_rate: float, mean_service: float) -> LongRun:
    """One server, exponential service: mean waiting ρ s / (1 - ρ), ρ = λ s. Kleinrock section 3.2.

    Args:
        arrival_rate: λ, above 0.
        mean_service: s, above 0.

    Raises:
        ValueError: outside of these, or if λ s is not below 1.

    Example:
        >>> queue = m_m_1(arrival_rate=0.5, mean_service=1.0)
        >>> queue.mean_waiting, queue.mean_response, queue.mean_in_system
        (1.0, 2.0, 1.0)
    """
    return m_g_1(arrival_rate, mean_service, mean_service * mean_service)


def m_d_1(arrival_rate: float, service: float) -> LongRun:
    """One server, every service as long as the other: half the waiting of `m_m_1`. Gross et al. section 5.1.

    Args:
        arrival_rate: above 0.
        service: above 0.

    Raises:
        ValueError: outside of these, or if their product is not below 1.

    Example:
        >>> m_d_1(arrival_rate=0.5, service=1.0).mean_waiting
        0.5
    """
    return m_g_1(arrival_rate, service, 0.0)


def m_g_1(arrival_rate: float, mean_service: float, service_variance: float) -> LongRun:
    """One server, any service: the formula of Pollaczek and Khinchine.

    Mean waiting λ E[S²] / (2 (1 - ρ)), ρ = λ E[S]: Kleinrock chapter 5; Gross et al. section 5.1.

    Args:
        arrival_rate: λ, above 0.
        mean_service: E[S], above 0.
        service_variance: E[S²] - E[S]², at least 0.

    Raises:
        ValueError: outside of these, or if ρ is not below 1.

    Example:
        >>> m_g_1(arrival_rate=0.5, mean_service=1.0, service_variance=3.0).mean_waiting  # 0.5 × 4 / 1
        2.0
    """
    _check_positive(arrival_rate=arrival_rate, mean_service=mean_service)
    _check_not_negative(service_variance=service_variance)
    utilization = _stable(arrival_rate * mean_service)
    waiting = _residual_work(arrival_rate, mean_service, service_variance) / (1 - utilization)
    return _long_run(arrival_rate, utilization, waiting, waiting + mean_service)


def m_g_1_vacations(
    arrival_rate: float,
    mean_service: float,
    service_variance: float,
    mean_vacation: float,
    vacation_variance: float,
) -> LongRun:
    """One server that goes on vacation whenever it finds nobody waiting, and on another if it still does.

    Mean waiting λ E[S²] / (2 (1 - ρ)) + E[V²] / (2 E[V]): what `m_g_1` waits, and the rest of a vacation.
    Bertsekas and Gallager section 3.5.1; B. T. Doshi, "Queueing systems with vacations: a survey", Queueing
    Systems 1 (1986). Vacations are independent of arrivals and are not cut short by one. A QPU that is held
    idle for others, again and again, is away in this sense.

    Args:
        arrival_rate: λ, above 0.
        mean_service: E[S], above 0.
        service_variance: at least 0.
        mean_vacation: E[V], above 0.
        vacation_variance: at least 0.

    Returns:
        Means; `utilization` counts service only, so the server is away for 1 - utilization of the time.

    Raises:
        ValueError: outside of these, or if λ E[S] is not below 1.

    Example:
        >>> m_g_1_vacations(0.5, 1.0, 0.0, mean_vacation=4.0, vacation_variance=0.0).mean_waiting  # 0.5 + 2
        2.5
    """
    _check_positive(mean_vacation=mean_vacation)
    _check_not_negative(vacation_variance=vacation_variance)
    always_there = m_g_1(arrival_rate, mean_service, service_variance)
    rest = (vacation_variance / mean_vacation + mean_vacation) / 2
    waiting = always_there.mean_waiting + rest
    return _long_run(arrival_rate, always_there.utilization, waiting, waiting + mean_service)


def m_g_1_priorities(
    arrival_rates: Sequence[float], mean_services: Sequence[float], service_variances: Sequence[float]
) -> tuple[LongRun, ...]:
    """One server and classes of priority that do not interrupt each other: the formula of Cobham.

    Mean waiting of class k is R / ((1 - σ[k-1]) (1 - σ[k])), R being the sum of λ E[S²] / 2 over all classes
    and σ[k] the sum of λ E[S] over classes 0 to k: A. Cobham, "Priority assignment in waiting line problems",
    Operations Research 2 (1954); Gross et al. section 3.4; Bertsekas and Gallager section 3.5.3.

    Args:
        arrival_rates: one for each class, the most urgent first, each above 0.
        mean_services: one for each class, each above 0.
        service_variances: one for each class, each at least 0.

    Returns:
        Means of each class, in the same order; `utilization` is what the class takes of the server.

    Raises:
        ValueError: outside of these, or if all classes together do not leave the server a rest.

    Example:
        >>> first, second = m_g_1_priorities([0.25, 0.25], [1.0, 1.0], [0.0, 0.0])
        >>> first.mean_waiting * 3, second.mean_waiting * 3  # R = 1/4; (1/4)/(3/4), (1/4)/(3/4 × 1/2)
        (1.0, 2.0)
    """
    if not len(arrival_rates) == len(mean_services) == len(service_variances) > 0:
        raise ValueError("every class has an arrival rate, a mean service and a service variance")
    classes = list(zip(arrival_rates, mean_services, service_variances, strict=True))
    for arrival_rate, mean_service, service_variance in classes:
        _check_positive(arrival_rate=arrival_rate, mean_service=mean_service)
        _check_not_negative(service_variance=service_variance)
    loads = [arrival_rate * mean_service for arrival_rate, mean_service, _ in classes]
    # each sum rounded once, so that none is larger than that of all classes, which is below 1
    upto = [math.fsum(loads[:number]) for number in range(len(loads) + 1)]
    _stable(upto[-1])
    residual = math.fsum(_residual_work(*numbers) for numbers in classes)
    waitings = [residual / ((1 - before) * (1 - with_own)) for before, with_own in pairwise(upto)]
    return tuple(
        _long_run(arrival_rate, load, waiting, waiting + mean_service)
        for (arrival_rate, mean_service, _), load, waiting in zip(classes, loads, waitings, strict=True)
    )


@dataclass(frozen=True)
class Impatience:
    """What patience does to a queue in the long run.

    Attributes:
        abandoning: probability that a job leaves because its patience is over.
        mean_waiting: from arrival to the start of service or to leaving, of all jobs.
    """

    abandoning: float
    mean_waiting: float


def m_m_1_m(arrival_rate: float, mean_service: float, mean_patience: float) -> Impatience:
    """One server, exponential service and patience: Erlang's model A with one server, M/M/1+M.

    The number n in the system falls at the rate 1 / s + (n - 1) θ, θ being 1 / mean patience, so its
    probabilities are proportional to products of λ / (1 / s + (k - 1) θ). With the mean number Q that waits,
    the mean waiting is Q / λ and the probability of abandoning θ Q / λ. C. Palm, "Research on telephone
    traffic carried by full availability groups", Tele 1 (1957); O. Garnett, A. Mandelbaum and M. Reiman,
    "Designing a call center with impatient customers", Manufacturing & Service Oper. Management 4 (2002).

    Args:
        arrival_rate: λ, above 0; there is a long run for each.
        mean_service: s, above 0.
        mean_patience: above 0.

    Raises:
        ValueError: outside of these.

    Example:
        >>> found = m_m_1_m(arrival_rate=0.1, mean_service=10.0, mean_patience=10.0)  # exp(-1) leave
        >>> round(found.abandoning, 12), round(found.mean_waiting, 11)
        (0.367879441171, 3.67879441171)
    """
    _check_positive(arrival_rate=arrival_rate, mean_service=mean_service, mean_patience=mean_patience)
    weight, total, waiting, number = 1.0, 1.0, 0.0, 0
    while (
        weight > 1e-18 * total
        or arrival_rate * mean_service > 1 + (number - 1) * mean_service / mean_patience
    ):
        weight *= arrival_rate * mean_service / (1 + number * mean_service / mean_patience)
        total, waiting, number = total + weight, waiting + number * weight, number + 1
        if total > 1e200:  # none of the sums matters by itself
            weight, total, waiting = weight / total, 1.0, waiting / total
    mean_waiting = waiting / total / arrival_rate
    return Impatience(mean_waiting / mean_patience, mean_waiting)


def erlang_c(servers: int, offered: float) -> float:
    """The probability that an arrival at several servers with exponential service must wait.

    By the recursion of Erlang's loss formula, B[k] = a B[k-1] / (k + a B[k-1]), and C = B / (1 - ρ (1 - B)):
    Gross et al. sections 2.3 and 2.6; Kleinrock section 3.5.

    Args:
        servers: c, at least 1.
        offered: a = λ s, arrival rate times mean service, above 0 and below c.

    Raises:
        ValueError: outside of these.

    Example:
        >>> erlang_c(servers=1, offered=0.25), round(erlang_c(servers=2, offered=1.0) * 3, 12)
        (0.25, 1.0)
    """
    _check_positive(offered=offered)
    if servers < 1:
        raise ValueError(f"there must be at least 1 server, got {servers}")
    utilization = _stable(offered / servers)
    lost = 1.0
    for number in range(1, servers + 1):
        lost = offered * lost / (number + offered * lost)
    return lost / (1 - utilization * (1 - lost))


def m_m_c(arrival_rate: float, mean_service: float, servers: int) -> LongRun:
    """Several servers with one queue, exponential service: mean waiting C s / (c - a), C being `erlang_c`.

    Gross et al. section 2.3; Kleinrock section 3.5.

    Args:
        arrival_rate: λ, above 0.
        mean_service: s, above 0; a = λ s.
        servers: c, at least 1.

    Returns:
        Means; `utilization` is that of each server.

    Raises:
        ValueError: outside of these, or if a is not below c.

    Example:
        >>> round(m_m_c(arrival_rate=1.0, mean_service=1.0, servers=2).mean_waiting * 3, 12)
        1.0
    """
    _check_positive(arrival_rate=arrival_rate, mean_service=mean_service)
    offered = arrival_rate * mean_service
    waiting = erlang_c(servers, offered) * mean_service / (servers - offered)
    return _long_run(arrival_rate, offered / servers, waiting, waiting + mean_service)


def m_m_c_waits_longer(arrival_rate: float, mean_service: float, servers: int, waiting: float) -> float:
    """The probability that a job of `m_m_c` waits longer than a given time: C exp(-(c - a) t / s).

    Gross et al. section 2.3; with one server the waiting time of `m_m_1`, C being ρ.

    Args:
        arrival_rate: λ, above 0.
        mean_service: s, above 0; a = λ s.
        servers: c, at least 1.
        waiting: t, at least 0.

    Raises:
        ValueError: outside of these, or if a is not below c.

    Example:
        >>> round(m_m_c_waits_longer(0.5, 1.0, 1, waiting=2.0) / math.exp(-1), 12)
        0.5
    """
    _check_positive(arrival_rate=arrival_rate, mean_service=mean_service)
    _check_not_negative(waiting=waiting)
    offered = arrival_rate * mean_service
    return erlang_c(servers, offered) * math.exp(-(servers - offered) * waiting / mean_service)


# -- One server and a fixed number of clients.


def exponential_service(clients: int, mean_think: float, mean_service: float) -> LongRun:
    """Clients of one server with exponential service, first in first out; think times may be of any kind.

    Exact mean value analysis: with k clients, response R = s (1 + Q[k-1]), throughput X = k / (R + Z) and
    mean number at the server Q[k] = X R. M. Reiser and S. S. Lavenberg, "Mean-value analysis of closed
    multichain queuing networks", Journal of the ACM 27 (1980); for exponential think times L. Kleinrock,
    "Queueing Systems", volume I (1975), section 3.8. That only the mean think time matters: F. Baskett, K. M.
    Chandy, R. R. Muntz and F. G. Palacios, Journal of the ACM 22 (1975).

    Args:
        clients: at least 1.
        mean_think: Z, from the end of a service to the next request; at least 0.
        mean_service: s, above 0.

    Raises:
        ValueError: outside of these, or if a mean is beyond the floats.

    Example:
        >>> one, two = exponential_service(1, 1.0, 1.0), exponential_service(2, 1.0, 1.0)
        >>> one.utilization, one.mean_response
        (0.5, 1.0)
        >>> two.utilization, two.mean_response
        (0.8, 1.5)
    """
    _check_population(clients, mean_think, mean_service)
    present = response = 0.0
    throughput = 0.0
    for number in range(1, clients + 1):
        response = mean_service * (1 + present)
        throughput = number / (response + mean_think)
        present = throughput * response
    return _closed_long_run(throughput, response, mean_service)


def constant_service(clients: int, mean_think: float, service: float) -> LongRun:
    """Clients of one server whose services are all equal, with exponential think times, first in first out.

    The server works without a pause for B = s times the sum over k from 0 to N - 1 of binomial(N - 1, k)
    times the product over i from 1 to k of exp(i s / Z) - 1, and then waits Z / N for the first request: H.
    Ashcroft, "The productivity of several machines under the care of one operator", Journal of the Royal
    Statistical Society B 12 (1950); as a case of any service L. Takács, "Introduction to the Theory of
    Queues" (1962). Summed in logarithms, since the terms grow beyond all floats. With B = s (1 + t), Little's
    formula makes the mean response N s - Z t / (1 + t).

    Args:
        clients: N, at least 1.
        mean_think: Z, at least 0.
        service: s, above 0.

    Raises:
        ValueError: outside of these, or if a mean is beyond the floats.

    Example:
        >>> import math
        >>> queue = constant_service(2, mean_think=1.0, service=math.log(2))  # B = 2 s, and a pause of 1/2
        >>> round(queue.utilization, 12) == round(2 * math.log(2) / (2 * math.log(2) + 0.5), 12)
        True
    """
    _check_population(clients, mean_think, service)
    if mean_think == 0:
        return _closed_long_run(1 / service, clients * service, service)
    terms = [0.0]  # logarithms of the terms of the sum
    for number in range(1, clients):
        growth = number * service / mean_think
        # the logarithm of exp(growth) - 1 without overflow
        factor = growth + math.log(-math.expm1(-growth))
        terms.append(terms[-1] + math.log((clients - number) / number) + factor)
    # B over the mean pause
    utilization = _share(_log_sum(terms) + math.log(service * clients / mean_think))
    # clients / throughput - mean_think would lose all digits where clients think for very long
    response = clients * service - mean_think * (_share(_log_sum(terms[1:])) if clients > 1 else 0.0)
    return _closed_long_run(utilization / service, response, service)


def _log_sum(logarithms: list[float]) -> float:
    """The logarithm of a sum, from those of its terms."""
    largest = max(logarithms)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in logarithms))


def _share(log_odds: float) -> float:
    """The value x / (1 + x) of the x with this logarithm, without overflow."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def _closed_long_run(throughput: float, response: float, mean_service: float) -> LongRun:
    if not (math.isfinite(throughput) and math.isfinite(response)):
        raise ValueError("a mean is beyond the floats: take a larger or smaller unit of time")
    waiting = max(response - mean_service, 0.0)  # a difference of rounded numbers may be below 0
    return _long_run(throughput, min(throughput * mean_service, 1.0), waiting, response)


def _check_population(clients: int, mean_think: float, service: float) -> None:
    if clients < 1:
        raise ValueError(f"there must be at least 1 client, got {clients}")
    _check_not_negative(mean_think=mean_think)
    _check_positive(service=service)


# -- One session alone on a QPU.


@dataclass(frozen=True)
class IdleTimeout:
    """What an interactive timeout makes of the gaps between the jobs of a session.

    Attributes:
        deactivates: probability that a gap outlasts the timeout.
        mean_held: for how long a gap holds the QPU, on average.
        held_share: fraction of time for which the QPU is held and idle, in the long run.
    """

    deactivates: float
    mean_held: float
    held_share: float


def exponential_think(mean_think: float, timeout: float, mean_service: float) -> IdleTimeout:
    """Gaps with exponential length Z and a timeout T, counted from the start of each gap.

    A gap outlasts T with probability exp(-T / m), m = E[Z]. It holds the QPU for the shorter of Z and T, on
    average the integral of P(Z > t) = exp(-t / m) from 0 to T, which is m (1 - exp(-T / m)). Gaps and
    services are independent, so that the end of every service begins the process anew; by the theorem of
    renewal reward the share of time is mean held time over mean cycle, m + s: S. M. Ross, "Stochastic
    Processes", 2nd edition (1996), chapter 3.

    Args:
        mean_think: m, at least 0. With 0 no gap outlasts anything, not even a timeout of 0.
        timeout: T, at least 0; may be infinite.
        mean_service: s, above 0.

    Raises:
        ValueError: outside of these.

    Example:
        >>> gaps = exponential_think(mean_think=10.0, timeout=10.0 * math.log(2), mean_service=15.0)
        >>> round(gaps.deactivates, 12), round(gaps.mean_held, 12), round(gaps.held_share, 12)
        (0.5, 5.0, 0.2)
    """
    _check_not_negative(mean_think=mean_think)
    if not timeout >= 0:
        raise ValueError(f"timeout must be at least 0, got {timeout}")
    _check_positive(mean_service=mean_service)
    if mean_think == 0:
        return IdleTimeout(0.0, 0.0, 0.0)
    held = mean_think * -math.expm1(-timeout / mean_think)
    return IdleTimeout(math.exp(-timeout / mean_think), held, held / (mean_think + mean_service))


# -- What the formulas share.


def _residual_work(arrival_rate: float, mean_service: float, service_variance: float) -> float:
    """What an arrival finds left of the service in progress, on average: λ E[S²] / 2."""
    return arrival_rate * (service_variance + mean_service * mean_service) / 2


def _long_run(throughput: float, utilization: float, waiting: float, response: float) -> LongRun:
    return LongRun(
        throughput=throughput,
        utilization=utilization,
        mean_waiting=waiting,
        mean_response=response,
        mean_queue_length=little(throughput, waiting),
        mean_in_system=little(throughput, response),
    )


def _stable(utilization: float) -> float:
    if not utilization < 1:
        raise ValueError(f"there is no long run: utilization {utilization:g} is not below 1")
    return utilization


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {number}")


def _check_not_negative(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} must be at least 0 and finite, got {number}")
