"""Text that would take a terminal over, in everything that a file or an option can hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from fuzz.commands import carry_out, check_printed
from qsession_sim.scenario.yaml_source import read_yaml

HOSTILE = "\x1b]0;x\x07\x9b2J\u202e\u2066\u200b\u3164\ue000"
"""Sets the title of a window, in 7 and in 8 bits, reverses letters, and is partly invisible."""

CORPUS = Path(__file__).parents[1] / "scenario" / "every_key"
DOCUMENTS = sorted(CORPUS.glob("*.yaml"))


def places(data, path=()):
    """The paths of all texts, and of all keys."""
    if isinstance(data, str):
        yield path
    for key, item in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        yield from places(item, (*path, key))


def changed(data, path, change):
    """The data with one part changed."""
    if not path:
        return change(data)
    if isinstance(data, list):
        return [changed(item, path[1:], change) if key == path[0] else item for key, item in enumerate(data)]
    return {key: changed(item, path[1:], change) if key == path[0] else item for key, item in data.items()}


FORMS = [("json", ()), *((form, ("--table", "sessions")) for form in ("csv", "markdown", "latex"))]


def print_all(name, folder):
    """What every command prints that reads a scenario or a trace."""
    ending = carry_out("workload", "describe", name)
    check_printed(ending)
    for command in (
        ()
        if ending.status
        else (
            ("run", name),
            *(("run", name, "--format", form, *table) for form, table in FORMS),
            ("scenario", "resolve", name),
            ("scenario", "validate", name),
            ("replicate", name, "--replications", "2", "-o", str(folder / "study")),
            ("workload", "export", name, str(folder / f"{HOSTILE}.csv")),
        )
    ):
        check_printed(carry_out(*command))
    shutil.rmtree(folder / "study", ignore_errors=True)
    return ending.status


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.stem)
def test_texts_of_scenarios(document, tmp_path):
    shutil.copytree(CORPUS, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "a.yaml"
    data = read_yaml(document.read_text("utf-8"), "a.yaml").data
    keys = {path[:-1]: path[-1] for path in places(data) if isinstance(path[-1], str)}
    for around, key in keys.items():
        validate(file, around, changed(data, around, lambda old, key=key: {**old, f"{key}{HOSTILE}": 1}))
    for path in places(data):
        validate(file, path, changed(data, path, lambda old: f"{old}{HOSTILE}"))
    validate(file, path, changed(data, path, lambda old: f"{old}\ud83d"))


def validate(file, path, data):
    """Validate what is around a path, without the rest of the document."""
    top, *below = path or ("workload",)
    part = [data[top][below[0]]] if below and isinstance(data[top], list) else data[top]
    file.write_text(json.dumps({"workload": [], top: part}), "utf-8")
    check_printed(carry_out("scenario", "validate", str(file)))


@pytest.mark.parametrize("place", ["title", "account", "session", "job", "source", "qpu", "file"])
def test_texts_that_a_scenario_may_hold_or_not(place, tmp_path):
    texts = {
        name: f"{name}{HOSTILE if name == place else ''}"
        for name in ("title", "account", "session", "job", "source", "qpu")
    }
    jobs = [{"id": texts["job"], "session": texts["session"], "at": "5s", "qpu_time": "1s"}]
    sessions = [{"id": texts["session"], "account": texts["account"], "created": "0s"}]
    source = {"kind": "explicit", "name": texts["source"], "sessions": sessions, "jobs": jobs}
    qpus = [{"name": texts["qpu"], "windows": [{"kind": "maintenance", "at": "1h", "duration": "1h"}]}]
    file = tmp_path / f"a{HOSTILE if place == 'file' else ''}.yaml"
    file.write_text(json.dumps({"title": texts["title"], "qpus": qpus, "workload": [source]}), "utf-8")

    status = print_all(str(file), tmp_path)

    assert (status == 0) is (place in {"title", "file"})


def test_ids_and_users_of_traces(tmp_path):
    columns = {"id": f"j{HOSTILE}", "account": f"u{HOSTILE}", "submitted_us": 0, "qpu_time_us": 5}
    columns |= {"session": f"s{HOSTILE}", "mode": "session"}
    file = tmp_path / "a.csv"
    pl.DataFrame([columns]).write_csv(file)
    assert print_all(str(file), tmp_path) == 0
    for name in columns:
        pl.DataFrame([{**columns, name: f"{HOSTILE}\ufeff"}]).write_csv(file)
        print_all(str(file), tmp_path)
    pl.DataFrame([{f"{name}{HOSTILE}": cell for name, cell in columns.items()}]).write_csv(file)
    print_all(str(file), tmp_path)
    (tmp_path / "a.swf").write_text(f"1 0 -1 {HOSTILE} 1 -1 -1 1 -1 -1 1 1 -1 -1 -1 -1 -1 -1\n", "utf-8")
    print_all(str(tmp_path / "a.swf"), tmp_path)


OPTIONS = {
    "run": ("--set", "--seed", "--policy", "--hold", "--routing", "--format", "-o"),
    "replicate": ("--set", "--metric", "--until", "--warm-up", "--replications", "--level", "--policy", "--dask"),
    "compare": ("--policy", "--hold", "--baseline"),
    "sweep": ("--vary", "--sample", "--baseline", "--policy"),
    "tune": ("--vary", "--minimise", "--subject-to", "--maximise", "--evaluations"),
    "scenario validate": ("--set", "--seed"),
    "workload describe": ("--set", "--format"),
    "verify": ("--seed",),
}  # fmt: skip
SHAPES = (
    "{}",
    "a.py:{}",
    "{}.py:f",
    "title={}",
    "seed={}",
    "{}=1",
    "a={}..2",
    "mean_waiting <= {}",
    "by_account.{}.jobs",
)


@pytest.mark.parametrize("command", OPTIONS)
def test_options(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("workload: []\n", "utf-8")
    (tmp_path / "a.py").write_text(f"def f(job):\n    raise ValueError({HOSTILE!r})\n", "utf-8")
    scenario = [] if command == "verify" else ["a.yaml"]
    for option in OPTIONS[command]:
        for shape in SHAPES:
            check_printed(carry_out(*command.split(), *scenario, option, shape.format(HOSTILE)))
    check_printed(carry_out(*command.split(), HOSTILE))
    check_printed(carry_out(*command.split(), f"--{HOSTILE}"))


def test_what_a_policy_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = {"id": "j", "at": "0s", "account": "a", "qpu_time": "1s"}
    (tmp_path / "a.yaml").write_text(json.dumps({"workload": [{"kind": "explicit", "jobs": [job]}]}), "utf-8")
    for number, body in enumerate((f"raise ValueError({HOSTILE!r})", f"return {HOSTILE!r}")):
        (tmp_path / f"p{number}.py").write_text(f"def f(job):\n    {body}\n", "utf-8")
        ending = carry_out("run", "a.yaml", "--policy", f"p{number}.py:f")
        check_printed(ending)
        assert ending.status == 2


def test_values_in_json_stay_what_they_are(tmp_path):
    title = f"a{HOSTILE}\U000e0101\u0338"
    (tmp_path / "a.yaml").write_text(json.dumps({"title": title, "workload": []}), "utf-8")

    ending = carry_out("scenario", "resolve", str(tmp_path / "a.yaml"))

    assert json.loads(ending.out)["title"] == title
    check_printed(ending)


def test_rows_for_other_programs_are_whole(tmp_path):
    """A name of 600 letters; the line of a table for people loses its middle."""
    name = "a" * 600
    job = {"id": "j", "at": "0s", "session": name, "qpu_time": "1s"}
    source = {"kind": "explicit", "sessions": [{"id": name, "account": "lab"}], "jobs": [job]}
    (tmp_path / "a.yaml").write_text(json.dumps({"workload": [source]}), "utf-8")
    command = ("run", str(tmp_path / "a.yaml"), "--format")

    rows = carry_out(*command, "csv", "--table", "sessions").out.splitlines()
    check_printed(carry_out(*command, "table"))

    assert rows[1].startswith(f"{name},")
