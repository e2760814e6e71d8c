"""What is known of every account: also of the users that one stands for."""

from __future__ import annotations

from qsession_sim.scenario.resolved import ResolvedScenario
from qsession_sim.scenario.resolved_accounts import ResolvedAccount, ResolvedPlan
from qsession_sim.workload.qpu_times import DrawnSource
from qsession_sim.workload.users import accounts_of


def every_account(scenario: ResolvedScenario) -> dict[str, ResolvedAccount]:
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
    plans = scenario.plans or {}
    accounts = every_account(scenario).values()
    return {account.name: plans[account.plan] for account in accounts if account.plan is not None}
