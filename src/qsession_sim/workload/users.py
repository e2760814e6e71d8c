"""Users: who of a population submits what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qsession_sim.queueing.statistics import Float64Array
from qsession_sim.scenario.accounts import HumanAccount, ResolvedPlan
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.sources import Activity, ResolvedExplicit, ResolvedSource, ResolvedTrace, Zipf
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Int64Array, constant
from qsession_sim.workload.context import Purpose, SourceContext, source_error
from qsession_sim.workload.distributions import chosen_places, sample
from qsession_sim.workload.qpu_times import DrawnSource


def accounts_of(source: ResolvedSource) -> tuple[str, ...]:
    """The accounts that submit jobs or open sessions of a source, as it names them, or of its users in order.

    Those of a trace without an account are in its file.
    """
    if isinstance(source, ResolvedExplicit):
        return (*(session.account for session in source.sessions), *(job.account for job in source.jobs))
    if isinstance(source, ResolvedTrace):
        return () if source.account is None else (source.account,)
    if source.users is None:
        return (source.account,)
    return tuple(f"{source.account}-{number}" for number in range(1, source.users.count + 1))


def with_users(listed: Sequence[str], sources: Sequence[ResolvedSource]) -> tuple[str, ...]:
    """The accounts of a scenario that lists them: where one stands for users, they take its place.

    An account that also submits jobs itself stays, before its users.
    """
    shared = [source for source in sources if isinstance(source, DrawnSource) and source.users is not None]
    populated = {source.account for source in shared}
    alone = {name for source in sources if source not in shared for name in accounts_of(source)}

    def expanded() -> Iterator[str]:
        for name in listed:
            if name not in populated or name in alone:
                yield name
            for source in shared:
                if source.account == name:
                    yield from accounts_of(source)

    return tuple(dict.fromkeys(expanded()))


def drawn_accounts(source: DrawnSource, context: SourceContext, rows: int) -> Int64Array:
    """Who submits each job, batch or client of a source.

    Args:
        source: with or without users.
        context: of the source.
        rows: how many jobs, batches or clients there are.

    Returns:
        Indices into `Workload.accounts`, shape (rows,). Users are drawn independently, each with a
        probability in proportion to its activity.

    Raises:
        ScenarioError: if an activity is drawn that is too large to compare with others, or all are 0.
    """
    if source.users is None:
        return constant(rows, context.accounts[source.account])
    numbers = np.array([context.accounts[name] for name in accounts_of(source)], dtype=np.int64)
    weights = _weights(source.users.activity, context, source.users.count)
    return numbers[chosen_places(weights, context.generator(Purpose.USER).random(rows))]


def _weights(activity: Activity, context: SourceContext, users: int) -> Float64Array:
    if isinstance(activity, Zipf):
        ranks: Float64Array = np.arange(1, users + 1, dtype=np.float64)
        weights: Float64Array = ranks**-activity.exponent
        return weights
    weights = sample(activity, context.generator(Purpose.ACTIVITY), users)
    if not np.all(weights <= LONGEST_US) or not weights.any():
        what = "drew an activity larger than 2**62, or none above 0; give it at_least and at_most"
        raise source_error(f"{context.name}.users.activity", what)
    return weights


# -- What is known of every account: also of the users that one stands for.


def every_account(scenario: ResolvedScenario) -> dict[str, HumanAccount]:
    """The accounts that a scenario lists, and their users, by name.

    A user has the plan, allocation and client of the account that stands for it, each for itself.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> source = {"kind": "arrivals", "account": "student", "users": {"count": 2}, "count": 9,
        ...           "interarrival": "1h", "qpu_time": "5s"}
        >>> accounts = [{"name": "student", "plan": "open"}]
        >>> scenario = load_scenario({"accounts": accounts, "workload": [source]}).resolved
        >>> {name: account.plan for name, account in every_account(scenario).items()}
        {'student': 'open', 'student-1': 'open', 'student-2': 'open'}
    """
    accounts = {account.name: account for account in scenario.accounts or ()}
    users = [source for source in scenario.workload if isinstance(source, DrawnSource) and source.users]
    for source in users if accounts else ():
        account = accounts[source.account]
        for name in accounts_of(source):
            accounts.setdefault(name, account.model_copy(update={"name": name}))
    return accounts


def plan_of_each(scenario: ResolvedScenario) -> dict[str, ResolvedPlan]:
    """The plan of every account that has one, by name."""
    accounts = every_account(scenario).values()
    return {account.name: scenario.plans[account.plan] for account in accounts if account.plan is not None}
