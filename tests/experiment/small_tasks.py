"""Tasks of a few jobs, and functions of users that tell in a file what is done with them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from qsession_sim.experiment.metrics import as_metrics
from qsession_sim.experiment.references import named_reference
from qsession_sim.experiment.store import Runs
from qsession_sim.experiment.tasks import Task, replication_seed
from qsession_sim.scenario.load import load_scenario

SCENARIO = {
    "workload": [
        {
            "kind": "arrivals",
            "account": "lab",
            "count": 12,
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "9s"},
        }
    ]
}

USER_FILE = '''
import multiprocessing
import os
import signal
import time
from pathlib import Path

HERE = Path(__file__).parent


def note(word):
    with (HERE / "log").open("a") as log:
        log.write(word + "\\n")


class Strange(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def last_first(job):
    return (-job.number,)


def stumbles(job):
    raise Strange("over", "a stone")


def exits(run):
    raise SystemExit(3)


def pid(run):
    note(f"{os.getpid()} {run.scenario.resolved.seed}")
    return 1


def slow(run):
    """In a worker; nobody interrupts a test."""
    if multiprocessing.parent_process() is not None:
        time.sleep(0.05)
    return pid(run)


def dies_once(run):
    try:
        (HERE / "died").touch(exist_ok=False)
    except FileExistsError:
        return 1
    os.kill(os.getpid(), signal.SIGKILL)


def dies(run):
    note("died")
    os.kill(os.getpid(), signal.SIGKILL)
'''


def tasks(replications, metrics=("mean_waiting", "p95_waiting"), policy=None, policies=("fifo",)):
    """Replication by replication a task for each policy, or for the one that is a function."""
    scenario = load_scenario(SCENARIO)
    written = scenario.dump()
    seed, named = written.pop("seed"), written.pop("policies")
    return [
        Task(
            scenario=json.dumps(written),
            policies=json.dumps({**named, "queue": {"name": name}}),
            policy=None if policy is None else named_reference(policy),
            directory=str(scenario.directory),
            inputs="",
            seed=replication_seed(seed, replication),
            configuration=name,
            replication=replication,
            metrics=as_metrics(metrics),
        )
        for replication in range(replications)
        for name in policies
    ]


def carry_out(planned, executor, store=None, total=None, progress=None):
    return Runs(executor, store, progress).carry_out(planned, total)


def in_order(results):
    """Results as the caller of an executor sorts them."""
    return sorted(results, key=lambda result: (result.replication, result.configuration))


def lines(path):
    """The lines of a file that may not be there."""
    return path.read_text().splitlines() if path.exists() else []


_PATHS = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]

LIBRARY = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in (*_PATHS, Path(__file__).parents[1])),
}
"""The environment of a process that imports this file."""


def has_ended(pid):
    """Wait until a process has ended, however busy the machine is."""
    while True:
        try:
            os.kill(pid, 0)
            # one that has ended is listed as a zombie until its parent asks for its status
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
