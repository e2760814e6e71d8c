"""What is no file is not read; what is too large, or names other files, is refused unless that is allowed."""

from __future__ import annotations

import io
import json
import os
import tracemalloc

import polars as pl
import pytest
from trace_files import packed, zst

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.experiment.executors import processes
from qsession_sim.packing import Packing

NOISE = {"kind": "empirical", "file": "strange.csv"}
FITTED = {"model": "fitted", "file": "strange.csv", "columns": {"time": "t", "shots": "n"}}
TRACE = {"kind": "trace", "file": "strange.csv"}
NAMING = {
    "values": {
        "qpus": [{"name": "q", "service_time": {"model": "executions", "noise": NOISE}}],
        "workload": [],
    },
    "measurements": {"qpus": [{"name": "q", "service_time": FITTED}], "workload": []},
    "trace": {"workload": [TRACE]},
}
PLACES = {
    "values": "qpus.q.service_time.noise.file",
    "measurements": "qpus.q.service_time.file",
    "trace": "workload.trace.file",
}
JOBS = "id,account,submitted_us,qpu_time_us\n" + "".join(f"j{n},u,{n},1\n" for n in range(200))


def error(capsys, *arguments):
    """What a command says that refuses its input."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, scenario in NAMING.items():
        (tmp_path / f"{name}.yaml").write_text(json.dumps(scenario), "utf-8")
    (tmp_path / "empty.yaml").write_text("workload: []\n", "utf-8")
    return tmp_path


@pytest.fixture(params=["a pipe", "a device"])
def strange(request, folder):
    """Something that is no file, under names for all that is read."""
    for name in (
        "strange.csv",
        "strange.csv.gz",
        "strange.parquet",
        "strange.swf",
        "strange.yaml",
        "strange.py",
    ):
        if request.param == "a pipe":
            os.mkfifo(folder / name)
        else:
            (folder / name).symlink_to("/dev/zero")
    return request.param


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none")
def test_pipes_and_devices_are_refused_wherever_a_file_is_read(capsys, strange):
    assert (
        error(capsys, "run", "strange.yaml") == f"'strange.yaml': cannot be read: is {strange}, not a file\n"
    )
    for name in ("strange.csv", "strange.csv.gz", "strange.parquet", "strange.swf"):
        said = f"workload.trace.file: cannot be read: is {strange}, not a file (got '{name}')\n"
        assert error(capsys, "workload", "describe", name).endswith(said)
    for name, place in PLACES.items():
        said = f"{place}: cannot be read: is {strange}, not a file"
        assert said in error(capsys, "run", f"{name}.yaml")
    for option in ("--policy", "--metric"):
        command = ("replicate", "empty.yaml", "--replications", "2", option, "strange.py:f")
        assert f"strange.py: is {strange}, not a file\n" in error(capsys, *command)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none")
def test_a_pipe_that_takes_the_place_of_a_trace_is_not_waited_for(folder):
    (folder / "strange.csv").write_text(JOBS, "utf-8")
    scenario = qs.load_scenario("trace.yaml")
    (folder / "strange.csv").unlink()
    os.mkfifo(folder / "strange.csv")

    with pytest.raises(qs.ScenarioError, match=r"strange.csv: cannot be read: is a pipe, not a file"):
        qs.simulate(scenario)


def test_a_scenario_has_a_size(capsys, folder):
    """One of just that size is read, as shows in what is wrong with it, which is seen before the long rest."""
    text = "workload: []\n\0"
    (folder / "a.yaml").write_text(text + "x" * (2**24 - len(text)), "utf-8")
    wrong = "a.yaml:2:1: not YAML: a control character (code 0)\n"
    assert error(capsys, "scenario", "validate", "a.yaml") == wrong
    (folder / "a.yaml").write_text(text + "x" * (2**24 - len(text) + 1), "utf-8")

    what = "'a.yaml': cannot be read: is larger than 16 MiB; allow more with --max-size, or file_limits()\n"
    assert error(capsys, "scenario", "validate", "a.yaml") == what
    assert error(capsys, "scenario", "validate", "a.yaml", "--max-size", "17MiB") == wrong


@pytest.mark.parametrize(
    "name",
    [
        *("a.csv", "a.csv.gz", "a.swf", "a.swf.gz", "a.parquet", "a.json", "a.json.gz"),
        *map(zst, ("a.csv.zst", "a.swf.zst", "a.json.zst")),
    ],
)
def test_a_trace_has_a_size_which_is_that_of_what_is_unpacked(capsys, folder, name):
    (folder / "a.csv").write_text(JOBS, "utf-8")
    if name == "a.parquet":
        alike = {"account": ["u"], "submitted_us": [0], "qpu_time_us": [1]}
        pl.DataFrame({name: 200 * cells for name, cells in alike.items()}).write_parquet(folder / name)
    elif name != "a.csv":
        assert main(["workload", "export", "a.csv", name]) == 0
    content = (folder / name).read_bytes()
    packing = Packing.of(name)
    size = len(packing.unpacked(io.BytesIO(content)).read() if packing else content)
    if name == "a.parquet":  # a number for each row and column that is read
        size = 200 * 3 * 8
    capsys.readouterr()

    said = error(capsys, "workload", "describe", name, "--max-size", str(size - 1))
    assert f"{name}: cannot be read: is larger than " in said
    assert main(["workload", "describe", name, "--max-size", str(size)]) == 0


@pytest.mark.parametrize("line", [b"0" * 99 + b"\n", b"0" * 100], ids=["lines", "one line"])
@pytest.mark.parametrize(
    "name",
    [
        *("strange.csv.gz", "strange.swf.gz", "strange.sacct.gz", "strange.json.gz"),
        *map(zst, ("strange.csv.zst", "strange.swf.zst", "strange.sacct.zst", "strange.json.zst")),
    ],
)
def test_what_unpacks_to_very_much_is_not_unpacked(capsys, folder, name, line):
    (folder / name).write_bytes(packed(name, line * 1_000_000))
    tracemalloc.start()
    said = error(capsys, "run", name, "--max-size", "10MiB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # the first line of a bomb is its heading, and where there is none the limit of a line comes first
    by_lines = line.endswith(b"\n") or ".json" in name  # JSON may be on one line
    limit = "is larger than 10 MiB" if by_lines else "has a line of more than 1 MiB"
    assert f"{name}: cannot be read: {limit}" in said
    assert peak < 60_000_000


def test_parquet_that_unpacks_to_very_much_is_not_unpacked(capsys, folder):
    """40 MB of texts in a small file; each different, so that none stands for others."""
    ids = pl.Series("id", [f"{number}{'0' * 1_000_000}" for number in range(40)])
    numbers = pl.Series("submitted_us", range(40))
    frame = pl.DataFrame([ids, numbers, numbers.alias("qpu_time_us"), pl.Series("account", ["a"] * 40)])
    frame.write_parquet(folder / "a.parquet", compression="zstd", compression_level=1)
    assert (folder / "a.parquet").stat().st_size < 1_000_000

    said = error(capsys, "run", "a.parquet", "--max-size", "30MiB")

    assert "a.parquet: cannot be read: is larger than 30 MiB" in said
    assert main(["workload", "describe", "a.parquet", "--max-size", "50MiB"]) == 0


@pytest.mark.parametrize("name", ["strange.csv.gz", zst("strange.csv.zst")])
def test_measurements_that_unpack_to_very_much_are_not_unpacked(capsys, folder, name):
    (folder / name).write_bytes(packed(name, b"0" * 100_000_000))
    scenario = json.dumps(NAMING["measurements"]).replace("strange.csv", name)
    (folder / "a.yaml").write_text(scenario, "utf-8")
    tracemalloc.start()
    said = error(capsys, "run", "a.yaml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "qpus.q.service_time.file: cannot be read: is larger than 16 MiB" in said
    assert peak < 60_000_000


@pytest.mark.parametrize("size", ["", "0", "-1", "1.5MiB", "5 MB", "9" * 20, "x"])
def test_sizes_that_are_none(capsys, size):
    what = f"Invalid value for '--max-size': not a size such as 64MiB: {size!r}"
    assert error(capsys, "run", "empty.yaml", "--max-size", size) == (
        f"qsession-sim run: {what} (see qsession-sim run --help)\n"
    )
    with pytest.raises(qs.QSessionError, match="not a size"), qs.file_limits(max_size=size):
        pass


@pytest.mark.parametrize("name", NAMING)
def test_scenarios_of_strangers_may_be_kept_from_naming_files(capsys, folder, name):
    (folder / "strange.csv").write_text(JOBS, "utf-8")
    for command in (("run",), ("scenario", "validate"), ("workload", "describe"), ("replicate",)):
        said = error(capsys, *command, f"{name}.yaml", "--no-files")
        place = said.partition(": ")[0]
        assert said == f"{place}: {PLACES[name]}: files are not allowed (got 'strange.csv')\n"
        assert place.startswith(f"{name}.yaml:1:")


def test_a_trace_that_the_user_names_is_read_all_the_same(capsys, folder):
    (folder / "strange.csv").write_text(JOBS, "utf-8")
    assert main(["workload", "describe", "strange.csv", "--no-files"]) == 0
    capsys.readouterr()
    said = error(capsys, "run", "strange.csv", "--no-files", "--set", "workload.trace.file=other.csv")
    assert said == "--set workload.trace.file=other.csv: files are not allowed (got 'other.csv')\n"


def test_limits_hold_in_workers_and_end_with_their_block(folder):
    (folder / "strange.csv").write_text(JOBS, "utf-8")
    with processes(1) as workers:
        with qs.file_limits(max_size=2000), pytest.raises(qs.ScenarioError, match="is larger than"):
            qs.replicate("trace.yaml", replications=2, executor=workers)
        study = qs.replicate("trace.yaml", replications=2, executor=workers)

    assert study.observations("as it stands", "mean_waiting")[0] == 0  # 1 us each, 1 us apart
