"""One server and a fixed number of clients that think, ask for service, wait, and think again.

The model of machines and one who repairs them, which is also that of iterative clients on one QPU in job
mode. Times are floats in any one unit; see `theory`.
"""

from __future__ import annotations

import math

from qsession_sim.queueing.theory import LongRun


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
    _check(clients, mean_think, mean_service)
    present = response = 0.0
    throughput = 0.0
    for number in range(1, clients + 1):
        response = mean_service * (1 + present)
        throughput = number / (response + mean_think)
        present = throughput * response
    return _long_run(throughput, response, mean_service)


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
    _check(clients, mean_think, service)
    if mean_think == 0:
        return _long_run(1 / service, clients * service, service)
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
    return _long_run(utilization / service, response, service)


def _log_sum(logarithms: list[float]) -> float:
    """The logarithm of a sum, from those of its terms."""
    largest = max(logarithms)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in logarithms))


def _share(log_odds: float) -> float:
    """The value x / (1 + x) of the x with this logarithm, without overflow."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def _long_run(throughput: float, response: float, mean_service: float) -> LongRun:
    if not (math.isfinite(throughput) and math.isfinite(response)):
        raise ValueError("a mean is beyond the floats: take a larger or smaller unit of time")
    waiting = max(response - mean_service, 0.0)  # a difference of rounded numbers may be below 0
    return LongRun(
        throughput=throughput,
        utilization=min(throughput * mean_service, 1.0),
        mean_waiting=waiting,
        mean_response=response,
        mean_queue_length=throughput * waiting,
        mean_in_system=throughput * response,
    )


def _check(clients: int, mean_think: float, mean_service: float) -> None:
    if clients < 1:
        raise ValueError(f"there must be at least 1 client, got {clients}")
    if not 0 <= mean_think < math.inf:
        raise ValueError(f"mean_think must be at least 0 and finite, got {mean_think}")
    if not 0 < mean_service < math.inf:
        raise ValueError(f"the service must be above 0 and finite, got {mean_service}")
