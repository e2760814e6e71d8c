"""The part of the printed summary that says what accounts with a plan used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console

from qsession_sim.cli.columns import Column, print_columns
from qsession_sim.cli.console import print_line, uses_unicode
from qsession_sim.cli.readable import one_line, readable_duration, readable_number, readable_share

MOST_ACCOUNTS: Final = 20


def print_accounts(console: Console, accounts: Mapping[str, Mapping[str, Any]]) -> None:
    """Print usage, price and share of the quota of the accounts that have a plan; nothing without any."""
    with_plan = {name: used for name, used in accounts.items() if used["plan"] is not None}
    if not with_plan:
        return
    console.print()
    print_line(console, "What accounts with a plan used", "bold")
    shown = dict(sorted(with_plan.items(), key=lambda item: -item[1]["usage_us"])[:MOST_ACCOUNTS])
    rows = list(shown.values())
    columns = [
        Column("plan", tuple(one_line(used["plan"]) for used in rows), to_the_right=False),
        Column("usage", tuple(readable_duration(used["usage_us"]) for used in rows)),
    ]
    if any(used["price"] is not None for used in rows):
        columns.append(Column("price", tuple(readable_number(used["price"]) for used in rows)))
    if any(used["quota_share"] is not None for used in rows):
        shares = tuple(readable_share(used["quota_share"]) for used in rows)
        columns.append(Column("of its quota", shares))
    print_columns(console, Column("account", tuple(one_line(name) for name in shown)), columns)
    if len(with_plan) > len(shown):
        dots = "…" if uses_unicode(console) else "..."
        print_line(console, f"{dots} and {len(with_plan) - len(shown):,} more")
