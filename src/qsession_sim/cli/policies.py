"""`qsession-sim policies`: what there is to choose from."""

from __future__ import annotations


def policies() -> None:
    """List the policies, with one line each."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from qsession_sim.cli.console import output
    from qsession_sim.policies.registry import (
        HOLD_POLICIES,
        QUEUE_POLICIES,
        ROUTING_POLICIES,
        user_policies,
    )

    console = output()
    kinds = {
        "Queue policies: which job of the normal queue goes first": [
            *((policy.name, policy.summary) for policy in QUEUE_POLICIES.values()),
            *((policy.name, policy.summary) for policy in user_policies()),
        ],
        "Hold policies: what the QPU does while a session holds it with nothing to run": [
            (policy.name, policy.summary) for policy in HOLD_POLICIES.values()
        ],
        "Routing policies: which QPU a job or session gets that names none": [
            (policy.name, policy.summary) for policy in ROUTING_POLICIES.values()
        ],
    }
    width = max(len(name) for listed in kinds.values() for name, _ in listed)
    for index, (title, listed) in enumerate(kinds.items()):
        if index:
            console.print()
        console.print(Text(title, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=width, no_wrap=True)
        table.add_column()
        for name, summary in listed:
            table.add_row(Text(name), Text(summary))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
