"""The same loop in each mode, in the same queue: how long it took, and what it cost."""

import warnings
from functools import partial
from pathlib import Path

from vqe import main

import qsession_sim as qs

warnings.simplefilter("ignore")  # of the client library, about its next release

print(f"{'mode':<8} {'minutes':>8} {'waiting':>9} {'charged':>9} {'price':>8} {'others wait':>12}")
for how in ("job", "batch", "session"):
    run = qs.simulate(
        Path(__file__).with_name("busy.yaml"), programs={"vqe": partial(main, how)}, results="statevector"
    )
    mine = run.jobs.filter(run.jobs["account"] == "lab")
    others = run.jobs.filter(run.jobs["account"] == "everyone")
    (account,) = run.accounts.filter(run.accounts["account"] == "lab").rows(named=True)
    minutes = (mine["completed_us"].max() - mine["submitted_us"].min()) / 60e6
    waiting, used = mine["waiting_us"].mean() / 1e6, account["usage_us"] / 1e6
    print(
        f"{how:<8} {minutes:>8.1f} {waiting:>7.1f} s {used:>7.1f} s {account['price']:>8.2f} "
        f"{others['waiting_us'].mean() / 1e6:>10.1f} s"
    )
