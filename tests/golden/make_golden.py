"""What a move of code must not change, as digests; run as a script, it writes them anew.

    python tests/golden/make_golden.py

Everything goes through public names, so that it need not know where code is. Whole numbers, texts and truth values
count exactly; floats to 12 significant digits, which is as far as versions of NumPy and of processors agree.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import qsession_sim as qs

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
CORPUS = sorted((ROOT / "tests" / "scenario" / "valid").glob("*.yaml"))

QUEUE_POLICIES = (
    *("fifo", "lifo", "priority", "shortest_job_first", "longest_job_first", "earliest_deadline"),
    *("fair_share", "round_robin", "weighted_fair_queueing", "least_attained_service", "multilevel"),
    *("wfp3", "unicef", "random", "session_first"),
)
HOLD_POLICIES = ("exclusive", "shared", "gap_fill", "none", "adaptive")
ROUTING_POLICIES = ("least_busy", "shortest_expected_wait", "round_robin", "random")
TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts")

_ACCOUNTS = (
    "{name: lab-a, plan: premium}, {name: lab-b, plan: lab}, {name: lab-c, plan: open}, {name: lab-d}, "
    "{name: lab-e}, {name: user-1}, {name: user-2}"
)
SHORTER = {
    "busy_day": ("horizon=3h", "warm_up=30m"),
    "course": ("horizon=5h",),
    "ibm_november_2023": ("horizon=40h",),
    "many_qpus": ("horizon=40h", "workload.here.load=0.02", "workload.anywhere.load=0.02"),
    "starts": ("horizon=12h",),
    "iterative": ("workload.vqe.clients=4",),
    "clients_and_users": ("workload.vqe.clients=12",),
    # as it stands, its last trace has users that it does not list: it can be resolved, but not simulated
    "plans": (f"accounts=[{_ACCOUNTS}]",),
}
"""Settings with which a scenario is simulated in little time; or at all."""


def digest(content: str | bytes) -> str:
    """Enough of SHA-256 to notice every accident."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:16]


def rounded(value: Any) -> Any:
    """JSON values with 12 significant digits of each float, as text."""
    if isinstance(value, float):
        return f"{value:.12g}"
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value]


def table_digest(frame: pl.DataFrame) -> str:
    """Of names, types and values; the same with every version of polars."""
    whole = hashlib.sha256()
    for name, column in zip(frame.columns, frame.get_columns(), strict=True):
        kind: Any = column.dtype
        missing = np.array([value is None for value in column.to_list()], dtype=np.uint8)
        if kind.is_integer() or kind == pl.Boolean:
            values = [0 if value is None else int(value) for value in column.to_list()]
            written, label = np.array(values, dtype="<i8").tobytes(), str(kind)
        else:
            written = json.dumps(rounded(column.to_list()), ensure_ascii=False).encode()
            label = f"enum {kind.categories.to_list()}" if isinstance(kind, pl.Enum) else str(kind)
        whole.update(f"{name}:{label}:{len(column)};".encode() + missing.tobytes() + written)
    return whole.hexdigest()[:16]


# documents


def documents() -> list[Path]:
    """Every shipped scenario, and every valid one of the corpus."""
    return [*SHIPPED, *CORPUS]


def document_digests(path: Path) -> dict[str, str]:
    """Of the resolved form and of all that is drawn from it."""
    scenario = qs.load_scenario(path)
    try:
        workload = qs.draw(scenario.resolved, scenario.directory).digest()[:16]
    except qs.ScenarioError:
        workload = "refused"
    return {"resolved": digest(scenario.to_json()), "workload": workload}


# runs


def runs() -> dict[str, tuple[Path, Mapping[str, str]]]:
    """By name: what is simulated, under which policies."""
    cases: dict[str, tuple[Path, Mapping[str, str]]] = {}
    for path in SHIPPED:
        pairs = [(queue, "exclusive") for queue in QUEUE_POLICIES] + [
            ("fifo", hold) for hold in HOLD_POLICIES
        ]
        for queue, hold in pairs:
            cases[f"{path.stem} {queue} {hold}"] = (path, {"policy": queue, "hold": hold})
    for path in CORPUS:  # windows, plans, several QPUs and preparation are only in these
        cases[f"{path.stem} as it stands"] = (path, {})
    several = next(path for path in CORPUS if path.stem == "many_qpus")
    for routing in ROUTING_POLICIES:
        cases[f"many_qpus {routing}"] = (several, {"routing": routing})
    for hold in HOLD_POLICIES:
        cases[f"many_qpus {hold}"] = (several, {"hold": hold})
    return cases


@cache
def shorter(path: Path) -> qs.Scenario:
    """What is simulated under several policies is read once."""
    return qs.load_scenario(path, SHORTER.get(path.stem, ()))


def run_digests(path: Path, policies: Mapping[str, str]) -> dict[str, str]:
    """Of the record, of each table and of the summary."""
    run = qs.simulate(shorter(path), **policies)
    return {
        "record": run.provenance["digests"]["record"][:16],
        **{table: table_digest(getattr(run, table)) for table in TABLES},
        "summary": digest(json.dumps(rounded(run.summary()), ensure_ascii=False)),
    }


# studies

_STUDIES = """
import importlib.metadata
importlib.metadata.version = lambda name: "0"  # ids depend on versions, which are not what is tested here
import qsession_sim as qs
qs.__version__ = "0"

# the id of a task has the name of a user's policy as it is given, so that must be the same everywhere
qs.compare(f"{ROOT}/scenarios/quickstart.yaml", policies=["fifo", "lifo", "fair_share", "mine.py:mine"],
           hold="shared", replications=2, directory="compare")
qs.sweep(f"{ROOT}/scenarios/vqe_modes.yaml", {"workload.everyday.clients": [2, 4], "policies.hold": ["exclusive", "none"]},
         replications=2, warm_up="mser5", seed=3, overrides=["workload.everyday.iterations=20"],
         directory="sweep")
qs.replicate(f"{ROOT}/tests/scenario/valid/traces.yaml", policy="priority", routing="random", warm_up="1s",
             metrics=["mean_turnaround", "all.submitted"], replications=3, directory="replicate")
"""
_POLICY = """
def mine(job):
    return (-job.estimate_us, job.number)
"""


def study_digests() -> dict[str, dict[str, str]]:
    """Of three studies: the content id of each task, and what it measured.

    A process of its own, since versions are asked for once.
    """
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "mine.py").write_text(_POLICY, encoding="utf-8")
        script = f"ROOT = {str(ROOT)!r}\n{_STUDIES}"
        subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=directory, check=True)
        return {
            study: {
                written["id"]: digest(json.dumps(rounded({**written, "id": ""}), ensure_ascii=False))
                for path in sorted((Path(directory) / study / "results").rglob("*.json"))
                for written in [json.loads(path.read_text(encoding="utf-8"))]
            }
            for study in ("compare", "sweep", "replicate")
        }


# names


def public_names() -> dict[str, list[str]]:
    """What can be imported."""
    return {module.__name__: sorted(module.__all__) for module in (qs, qs.testing)}


def command_options() -> dict[str, list[str]]:
    """By command: its arguments, then its options, each with what it takes."""
    return dict(_options_of(()))


def _options_of(command: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    page = _help(command)
    usage = re.search(r"^Usage: .*?\[OPTIONS\] ?(.*)$", page, re.MULTILINE)
    assert usage is not None, page
    options = [
        re.split(r"\s{2,}", line.strip())[0] for line in _section(page, "Options") if line.startswith("  -")
    ]
    yield " ".join(("qsession-sim", *command)), [*filter(None, [usage[1]]), *sorted(options)]
    for line in filter(re.compile(r"  \w").match, _section(page, "Commands")):
        yield from _options_of((*command, line.split()[0]))


def _section(page: str, title: str) -> list[str]:
    lines = page.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
    return lines.splitlines()


def _help(command: tuple[str, ...]) -> str:
    """The page that `qsession-sim … --help` prints, in lines that need not be broken."""
    (program,) = entry_points(group="console_scripts", name="qsession-sim")
    main: Callable[[list[str]], int] = program.load()
    with contextlib.redirect_stdout(io.StringIO()) as printed, _environment(COLUMNS="200"):
        assert main([*command, "--help"]) == 0
    return printed.getvalue()


@contextlib.contextmanager
def _environment(**settings: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


# files


def read(name: str) -> Any:
    """What stands in one of the files of digests."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def write_all() -> None:
    """Write all files of digests."""
    rows = {
        "documents": {path.relative_to(ROOT).as_posix(): document_digests(path) for path in documents()},
        "runs": {name: run_digests(path, policies) for name, (path, policies) in runs().items()},
        "studies": study_digests(),
    }
    for name, values in rows.items():
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())
        (HERE / f"{name}.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    for name, lists in (("names", public_names()), ("commands", command_options())):
        text = json.dumps(lists, indent=1, ensure_ascii=False) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_all()
