"""Mutants of everything that commands read: never a traceback; what is refused is refused with its place.

There are 100, and as many as FUZZ_CASES says; the seeds are their numbers. `pytest -m fuzz` runs only these.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import chdir, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from trace_files import HAS_ZSTD, packed

import qsession_sim as qs
from fuzz.commands import carry_out, check_printed
from fuzz.mutations import mutated, mutated_bytes, mutated_fields, mutated_text, written
from qsession_sim.errors import ScenarioError
from qsession_sim.results.tables import TABLES
from qsession_sim.scenario.yaml_source import read_yaml

ROOT = Path(__file__).parents[2]
FOLDERS = [
    ROOT / "scenarios",
    *(ROOT / "tests" / "scenario" / name for name in ("valid", "invalid", "every_key")),
]
CASES = int(os.environ.get("FUZZ_CASES", "100"))
CHUNK = 25
MOST_JOBS = 2_000
MOST_EVENTS = 100_000
"""Of a case; what asks for more is refused, or the test fails: no case depends on how fast the machine is."""

JOB = {"id": "j1", "at": "0s", "account": "lab", "qpu_time": "1s"}
SMALL = {
    "horizon": "1h",
    "workload": [
        {"kind": "explicit", "name": "all", "jobs": [JOB, {**JOB, "id": "j2", "at": "5s"}]},
        {"kind": "arrivals", "name": "flow", "account": "a$^$", "interarrival": "5m", "qpu_time": "9s"},
    ],
}
CSV = "id,account,submitted_us,qpu_time_us,after,think_us,session,mode\n" + "".join(
    f"j{n},{'u' if n % 4 else f'v{n}'},{n}000000,1500000,,,{'s1,session' if n % 4 else ','}\n"
    for n in range(12)
)
ZST = ("csv.zst", "csv.zst", "swf.zst") if HAS_ZSTD else ()
SWF = "; Version: 2.2\n" + "".join(
    f"{n} {5 * n} -1 7 1 -1 -1 1 -1 -1 1 {n % 3} -1 -1 -1 -1 {n - 1 if n % 2 else -1} 3\n"
    for n in range(1, 9)
)


@cache
def corpus():
    """Every scenario that can be read, with its folder and its text."""
    found = []
    for folder in FOLDERS:
        for file in sorted(folder.glob("*.yaml")):
            text = file.read_text("utf-8")
            try:
                found.append((folder, text, read_yaml(text, file.name).data))
            except ScenarioError:
                found.append((folder, text, None))
    return found


@cache
def donors():
    return [data for _, _, data in corpus() if isinstance(data, dict)]


@pytest.fixture(autouse=True)
def small_cases(monkeypatch):
    """No source draws many jobs, no run has many events, and studies are short."""
    monkeypatch.setattr("qsession_sim.workload.starts.MOST_ROWS", MOST_JOBS)

    @contextmanager
    def counted(_horizon_us):
        yield Events()

    monkeypatch.setattr("qsession_sim.cli.run.run_progress", counted)
    monkeypatch.delenv("COLUMNS", raising=False)


class Events:
    """What a run reports to: it may not have too many."""

    def __call__(self, progress):
        assert progress.events < MOST_EVENTS

    def announce(self, _text):
        pass


# what a case changes, and which command it gives to


def scenario_case(random, folder):
    home, text, data = random.choice(
        [one for one in corpus() if one[0].name != "invalid" or random.random() < 0.1]
    )
    for file in home.iterdir():
        if file.is_file() and file.suffix not in {".yaml", ".json", ".expected"}:
            (folder / file.name).symlink_to(file)
    for name in ("measured", "values"):
        if (home / name).exists():
            (folder / name).symlink_to(home / name)
    in_text = data is None or random.random() < 0.15
    if isinstance(data, dict) and random.random() < 0.8:  # short, so that what is valid is simulated
        data = {key: value for key, value in data.items() if key != "warm_up"} | {"horizon": "20m"}
    changed = mutated_text(text, random) if in_text else written(mutated(data, random, donors()))
    (folder / "a.yaml").write_text(changed, "utf-8", "surrogatepass")
    return command_for("a.yaml", random), r"a\.yaml(:\d+:\d+)?: |--"


def command_for(name, random):
    """A command that reads a scenario, mostly one that simulates."""
    return random.choice((
        ("run", name), ("run", name), ("run", name, "-o", "out"), ("run", name, "--format", "json"),
        ("run", name, "--seed", "3", "--hold", "shared"), ("scenario", "validate", name), ("scenario", "resolve", name),
        ("workload", "describe", name), ("workload", "export", name, "out.csv"), ("workload", "export", name, "out.swf"),
        ("replicate", name, "--replications", "2"), ("compare", name, "--policy", "fifo", "--policy", "lifo", "--replications", "2"),
        ("sweep", name, "--vary", "policies.hold=shared,none", "--replications", "2", "--metric", "mean_waiting"),
    ))  # fmt: skip


def trace_case(random, folder):
    kind = random.choice(("csv", "csv", "swf", "swf", "csv.gz", "swf.gz", "parquet", *ZST))
    text, separator = (SWF, " ") if kind.startswith("swf") else (CSV, ",")
    choice = random.random()
    text = (
        mutated_fields(text, separator, random)
        if choice < 0.6
        else mutated_text(text, random)
        if choice < 0.8
        else text
    )
    content = text.encode("utf-8", "surrogatepass")
    if kind == "parquet":
        frame = pl.read_csv(CSV.encode(), infer_schema=random.random() < 0.5)
        pieces = {name: frame[name] for name in frame.columns if random.random() < 0.9}
        pl.DataFrame(pieces).write_parquet(folder / "b.parquet")
        content = (folder / "b.parquet").read_bytes()
    else:
        content = packed(kind, content)
    if choice >= 0.8:
        content = mutated_bytes(content, random)
    (folder / f"a.{kind}").write_bytes(content)
    return (
        *command_for(f"a.{kind}", random),
        *(["--skip-bad-lines"] if random.random() < 0.4 else []),
    ), rf"a\.{kind}: |--|qsession-sim"


def option_case(random, folder):
    (folder / "a.yaml").write_text(json.dumps(SMALL), "utf-8")
    (folder / "p.py").write_text(
        "def f(job):\n    return (job.number,)\ndef g(run):\n    return 1.0\n", "utf-8"
    )
    values = ("", " ", "0", "-1", "1", "2", "1.5", "1e400", "9" * 30, "nan", "inf", "x", "fifo", "lifo", "fifo,lifo", "shared",
              "random", "p.py:f", "p.py:g", "p.py:h", "p.py:", ":f", "q.py:f", "a.yaml:f", "mser5", "1h", "500000w", "0.99",
              "seed=1", "seed=1..9", "seed=x..y", "seed=9..1", "seed=1,1", "horizon=1h,2h", "horizon=1m..1h", "=", "a=", "=a",
              "workload.flow.qpu_time=1s..9s", "workload.flow.qpu_time=1s,2s", "workload.flow.account=a$^$,b$^$", "workload=[]",
              "workload.all.jobs.j1.at=1s,2s", "workload.flow=1", "title={}", "title=\x1b[2J", "mean_waiting", "p95_turnaround",
              "mean_waiting <= 1.05 x baseline", "mean_waiting <= 1s", "mean_waiting", "half_width(mean_waiting) < 5%", "a$^$",
              "by_account.a$^$.waiting_us.mean", "by_account.x.jobs", "jobs", "random:2", "latin-hypercube:2", "random:x",
              "json", "table", "xml", "csv", "markdown", "latex", "sessions", "accounts", "out", "a.yaml", "p.py", "1MiB", "\u202e", "x" * 5000, "as it stands")  # fmt: skip
    usable = {
        "--seed": ("0", "7", "9" * 30), "--set": ("workload.flow.qpu_time=2s", "title={}", "seed=3", "policies.hold=shared"),
        "--policy": ("fifo", "lifo", "p.py:f", "fair_share", "random"), "--hold": ("shared", "none", "adaptive"), "--routing": ("random",),
        "--format": ("json", "csv", "markdown", "latex", "table"), "--table": ("waiting", "sessions"), "-o": ("out", "out/a"),
        "--max-size": ("1MiB", "100"), "--replications": ("2", "3"), "--until": ("half_width(mean_waiting) < 50%",),
        "--max-replications": ("2", "3"), "--metric": ("mean_waiting", "by_account.a$^$.waiting_us.mean", "p.py:g", "job.p95_waiting"),
        "--warm-up": ("0s", "5m", "mser5"), "--batches": ("2", "5"), "--level": ("0.5", "0.99"), "--baseline": ("fifo", "lifo"),
        "--vary": ("workload.flow.qpu_time=1s,2s", "policies.hold=shared,none", "workload.flow.account=a$^$,b"), "--sample": ("random:2",),
        "--minimise": ("mean_waiting",), "--maximise": ("p95_turnaround",), "--subject-to": ("mean_waiting <= 1.05 x baseline",),
        "--evaluations": ("28",),
    }  # fmt: skip
    by_command = {
        "run": "--seed --set --policy --hold --routing --format --format --table -o --max-size",
        "replicate": "--replications --until --max-replications --metric --policy --hold --seed --set --warm-up --batches --level --format -o",
        "compare": "--policy --policy --hold --baseline --replications --metric --seed --warm-up --level --batches",
        "sweep": "--vary --vary --sample --policy --baseline --metric --replications --set",
        "tune": "--vary --vary --minimise --maximise --subject-to --metric --replications --evaluations --policy --set",
        "scenario validate": "--seed --set --max-size",
        "workload describe": "--seed --set --format",
        "policies": "--seed",
    }  # fmt: skip
    command = random.choice([*by_command])
    arguments = [*command.split(), *(() if command == "policies" else ("a.yaml",))]
    fixed = {"tune": ["--evaluations", "28", "--replications", "2"], "replicate": ["--max-replications", "3"]}
    if command in {"replicate", "compare", "sweep", "tune"} and random.random() < 0.8:
        arguments += fixed.get(command, ["--replications", "2"])
    usual = {"compare": "--policy=fifo --policy=lifo", "sweep": "--vary=seed=1,2", "tune": "--vary=workload.flow.qpu_time=1s..9s --minimise=mean_waiting"}  # fmt: skip
    if random.random() < 0.7:
        arguments += usual.get(command, "").split()
    for _ in range(random.choice((1, 1, 2, 3))):
        option = random.choice(by_command[command].split())
        arguments += [option, random.choice(usable[option] if random.random() < 0.6 else values)]
    if "replicate" in arguments and "--replications" not in arguments and "--until" not in arguments:
        arguments += ["--replications", "2"]
    if command in {"compare", "sweep", "tune"} and "--replications" not in arguments:
        arguments += ["--replications", "2"]
    if command == "tune" and "--evaluations" not in arguments:
        arguments += ["--evaluations", "28"]
    return arguments, r"qsession-sim|--|a\.yaml:|'a\.yaml': cannot be read: is larger than "


def study_case(random, folder):
    command = ("replicate", "a.yaml", "--replications", "2", "-o", "out")
    saved_by(command, folder)
    change_files(random, folder / "out")
    return command, "qsession-sim"


def bundle_case(random, folder):
    command = ("run", "a.yaml", "-o", "out")
    saved_by(command, folder)
    change_files(random, folder / "out")
    with suppress(qs.BundleError):
        run = qs.load(folder / "out")
        read = [run.provenance, run.scenario_text, run.resolved, run.summary()]
        read += [getattr(run, table) for table in TABLES]
        assert all(isinstance(part, (pl.DataFrame, dict, str)) for part in read)
    return command, "qsession-sim"


def saved_by(command, folder):
    """What a command leaves in an empty folder, beside its scenario; it is carried out once for all cases."""
    for name, content in contents_of(command).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@cache
def contents_of(command):
    with TemporaryDirectory() as name, chdir(name), without_figures():
        folder = Path(name)
        (folder / "a.yaml").write_text(json.dumps(SMALL), "utf-8")
        assert carry_out(*command).status == 0
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def without_figures():
    """Those of a study take ten times longer than the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qsession_sim.report.figures.figures_of_study", lambda _study: {})
        yield


def change_files(random, folder):
    """Change, remove or replace some files of a directory."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    contents = {file: file.read_bytes() for file in files}
    for file in random.sample(files, random.choice((1, 1, 2))):
        content = contents[file]
        match random.randrange(4):
            case 0 if file.suffix == ".json":
                file.write_text(
                    json.dumps(mutated(json.loads(content), random, donors()), default=str).replace(
                        "\ue0f0", "x"
                    )
                )
            case 1:
                file.unlink()
            case 2:
                file.write_bytes(contents[random.choice(files)] if random.random() < 0.5 else b"")
            case _:
                file.write_bytes(mutated_bytes(content, random))


KINDS = (scenario_case,) * 6 + (trace_case,) * 3 + (option_case,) * 3 + (study_case, bundle_case)


def check_case(number, folder, monkeypatch):
    random = Random(number)
    make = KINDS[number % len(KINDS)]
    folder.mkdir()
    monkeypatch.chdir(folder)
    command, place = make(random, folder)
    with without_figures() if make is study_case and random.randrange(8) else nullcontext():
        ending = carry_out(*command)
    check_printed(ending)
    assert ending.status in ({0, 1, 2} if command[0] == "tune" else {0, 2}), (command, ending)
    if ending.status == 2:
        assert ending.out == ""
        assert ending.err
        for line in ending.err.splitlines():
            if not line.startswith("warning: "):
                assert re.match(place, line), (command, line)
    shutil.rmtree(folder)


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, CASES, CHUNK))
def test_mutants(first, tmp_path, monkeypatch):
    for number in range(first, min(first + CHUNK, CASES)):
        try:
            check_case(number, tmp_path / str(number), monkeypatch)
        except BaseException as error:
            error.add_note(f"case {number}: check_case({number}, ...) in {Path(__file__).name}")
            raise
