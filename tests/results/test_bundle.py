"""Runs on disk: whole or not at all, and the same bytes for the same run (S7)."""

from __future__ import annotations

import ast
import os
import random
import stat
import subprocess
import sys
from dataclasses import replace
from graphlib import TopologicalSorter
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

import qsession_sim
from qsession_sim import files
from qsession_sim.errors import BundleError
from qsession_sim.experiment.study import load
from qsession_sim.results import bundle
from qsession_sim.results.bundle import record_digest
from qsession_sim.results.run import Run
from qsession_sim.results.tables import TABLES, Tables
from results.handmade import make_record, make_run

FILES = {
    *(f"{table}.parquet" for table in TABLES),
    *("summary.json", "scenario.yaml", "scenario.resolved.json", "provenance.json", "files.sha256"),
}


def contents(directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_saved_run_reads_back_equal(tmp_path):
    run = make_run()
    assert run.save(tmp_path / "deep" / "out") == tmp_path / "deep" / "out"
    saved = load(tmp_path / "deep" / "out")
    for table in TABLES:
        assert getattr(saved, table).equals(getattr(run, table)), table
        assert getattr(saved, table).schema == getattr(run, table).schema, table
    assert saved.summary() == run.summary()
    assert saved.provenance == run.provenance
    assert (saved.scenario_text, saved.resolved) == ("seed: 7\n", {"seed": 7})
    assert set(contents(tmp_path / "deep" / "out")) == FILES
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_provenance_names_versions_seed_engine_and_digests():
    run = make_run()
    provenance = run.provenance
    assert list(provenance) == ["versions", "seed", "engine", "digests"]
    assert list(provenance["versions"]) == ["qsession-sim", "python", "numpy", "polars", "pydantic", "simpy"]
    assert provenance["versions"]["qsession-sim"] == qsession_sim.__version__
    assert (provenance["seed"], provenance["engine"]) == (7, "simpy")
    assert provenance["digests"]["workload"] == run.record.workload.digest()
    # SHA-256 of the text of the resolved scenario, '{"seed": 7}' and a newline
    assert provenance["digests"]["scenario"] == (
        subprocess.run(["sha256sum"], input=b'{"seed": 7}\n', capture_output=True, check=True)
        .stdout[:64]
        .decode()
    )


@pytest.mark.parametrize(
    "column", ["started_us", "ended_us", "stage", "reason", "job_session", "transitions"]
)
def test_the_digest_of_a_record_depends_on_every_column(column):
    record = make_record()
    changed = getattr(record, column).copy()
    changed.flat[0] += 1
    assert record_digest(replace(record, **{column: changed})) != record_digest(record)
    assert record_digest(make_record()) == record_digest(record)
    assert record_digest(replace(record, end_us=91)) != record_digest(record)


def test_the_same_run_gives_the_same_bytes_in_another_process(tmp_path):
    """S7: also with another hash seed and one thread."""
    make_run().save(tmp_path / "here")
    make_run().save(tmp_path / "again")
    code = f"from results.handmade import make_run; make_run().save({str(tmp_path / 'there')!r})"
    tests = Path(__file__).parents[1]
    source = Path(qsession_sim.__file__).parents[1]
    environment = os.environ | {
        "PYTHONPATH": f"{tests}{os.pathsep}{source}",
        "PYTHONHASHSEED": "123",
        "POLARS_MAX_THREADS": "1",
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert contents(tmp_path / "again") == contents(tmp_path / "here")
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_saving_again_replaces_the_bundle(tmp_path):
    make_run(warm_up=71).save(tmp_path / "out")
    make_run().save(tmp_path / "out")
    assert load(tmp_path / "out").summary() == make_run().summary()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_directories_and_files_are_never_replaced(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "important.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    make_run().save(tmp_path / "out")
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    for name, message in {
        "notes": "exists and is not a bundle (it has no provenance.json); choose a directory that does not exist "
        "or is empty",
        "file": "is a file; choose a directory that does not exist",
        "out": "is a bundle but also holds 'thesis.tex', which would be lost; "
        "move it away or choose another directory",
    }.items():
        with pytest.raises(BundleError) as caught:
            make_run().save(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name} {message}"
    assert (tmp_path / "notes" / "important.txt").read_text() == "mine"
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "notes", "out"]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "moment", ["tables", "texts", "digests", "synced", "exchanged", "set_aside", "put_in_place"]
)
def test_an_interruption_leaves_what_was_there(tmp_path, monkeypatch, moment, old):
    target = tmp_path / "out"
    if old:
        make_run(warm_up=71).save(target)
    before = contents(target) if old else None
    renames = []

    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    def rename(path, to, _original=Path.rename):
        renames.append(path)
        if len(renames) == (1 if moment == "set_aside" else 1 + old):
            raise KeyboardInterrupt
        return _original(path, to)

    if moment == "tables":
        monkeypatch.setattr(pl.DataFrame, "write_parquet", interrupt)
    elif moment == "texts":
        monkeypatch.setattr(Path, "write_text", interrupt)
    elif moment == "digests":
        monkeypatch.setattr(bundle, "digest_of", interrupt)
    elif moment == "synced":
        monkeypatch.setattr(os, "fsync", interrupt)
    elif moment == "exchanged" and old:
        monkeypatch.setattr(files, "exchange", interrupt)
    else:
        monkeypatch.setattr(files, "exchange", lambda *_names: False)
        monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        make_run().save(target)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if old else [])
    assert not old or contents(target) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_disk_that_is_full_is_a_clear_error_and_leaves_nothing(tmp_path, monkeypatch):
    opened = Path.open

    def full(path, mode="r", *rest, **options):
        return opened(Path("/dev/full") if path.name == "intervals.parquet" else path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(BundleError) as caught:
        make_run().save(tmp_path / "out")
    assert str(caught.value) == (
        f"cannot write the bundle {tmp_path / 'out'}: the disk is full (No space left on device)"
    )
    assert list(tmp_path.iterdir()) == []


def test_saving_keeps_no_table_and_makes_none_again(tmp_path, monkeypatch):
    run = make_run()
    jobs = run.jobs
    built = []
    frame = Tables.frame

    def seen(self, table, columns):
        if self.record is run.record:  # reading asks empty tables what their columns hold
            built.append(table)
        return frame(self, table, columns)

    monkeypatch.setattr(Tables, "frame", seen)
    run.save(tmp_path / "out")
    assert built == ["sessions", "intervals", "transitions", "queue_length"]
    assert run.jobs is jobs
    assert load(tmp_path / "out").jobs.equals(jobs)
    assert run.sessions.equals(load(tmp_path / "out").sessions)
    assert built[4:] == ["sessions"]


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError) as caught:
        make_run().save(tmp_path / "file" / "out")
    assert str(caught.value) == (
        f"{tmp_path / 'file' / 'out'} cannot be made, because {tmp_path / 'file'} is a file; "
        "choose another directory"
    )


def test_a_directory_above_that_cannot_be_written_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)
    with pytest.raises(BundleError) as caught:
        bundle.check_target(tmp_path / "deep" / "out")
    assert str(caught.value) == (
        f"{tmp_path / 'deep' / 'out'} cannot be made, because {tmp_path} cannot be written; "
        "choose another directory"
    )


def test_a_place_for_a_bundle_is_checked_without_a_change(tmp_path):
    target = tmp_path / "deep" / "out"
    assert bundle.check_target(target) == target
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_bundle_is_not_loaded(tmp_path):
    with pytest.raises(BundleError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is neither a run (it has no provenance.json) nor a study (it has no study.json); "
        "give the directory that one was saved to"
    )


@pytest.mark.parametrize(
    ("name", "damage", "read"),
    [
        ("jobs.parquet", b"nonsense", lambda saved: saved.jobs),
        ("jobs.parquet", None, lambda saved: saved.jobs),
        ("summary.json", b"{", lambda saved: saved.summary()),
        ("summary.json", b"[]", lambda saved: saved.summary()),
        ("scenario.yaml", b"\xff", lambda saved: saved.scenario_text),
    ],
)
def test_a_damaged_bundle_is_named(tmp_path, name, damage, read):
    make_run().save(tmp_path / "out")
    if damage is None:
        (tmp_path / "out" / name).unlink()
    else:
        (tmp_path / "out" / name).write_bytes(damage)
    with pytest.raises(BundleError) as caught:
        read(load(tmp_path / "out"))
    message = str(caught.value)
    assert message.startswith(f"the bundle {tmp_path / 'out'} is damaged: {name}")
    assert message.endswith("write it again")


def everything(directory):
    """All that a saved run gives."""
    saved = load(directory)
    texts = (saved.summary(), saved.provenance, saved.scenario_text, saved.resolved)
    return [*(getattr(saved, table).to_dicts() for table in TABLES), *texts]


def test_digests_are_those_of_the_files(tmp_path):
    make_run().save(tmp_path / "out")
    command = ["sha256sum", "--strict", "-c", "files.sha256"]
    ended = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    named = FILES - {"files.sha256", "provenance.json"}  # of that all but the engine, in a comment
    assert set(ended.stdout.splitlines()) == {f"{name}: OK" for name in named}


def test_bundles_of_different_engines_differ_in_one_line_and_in_no_digest(tmp_path):
    run = make_run()
    of = {}
    for engine in ("simpy", "compiled", "live"):
        Run(run.record, run.scenario, {"engine": engine}).save(tmp_path / engine)
        of[engine] = contents(tmp_path / engine)
    lines = [of[engine].pop("provenance.json").decode().splitlines() for engine in of]
    assert of["simpy"] == of["compiled"] == of["live"]
    differing = [line for line in zip(*lines, strict=True) if len(set(line)) > 1]
    assert differing == [('  "engine": "simpy",', '  "engine": "compiled",', '  "engine": "live",')]
    command = "sed '/^  \"engine\": /d' provenance.json | sha256sum"
    digest = subprocess.run(command, shell=True, cwd=tmp_path / "live", capture_output=True, check=True)
    assert of["live"]["files.sha256"].splitlines()[-1] == (
        b"# " + digest.stdout[:64] + b"  provenance.json without its engine"
    )


def test_a_bundle_whose_provenance_has_a_digest_with_its_engine_is_read(tmp_path):
    make_run().save(tmp_path)
    lines = (tmp_path / "files.sha256").read_bytes().splitlines(keepends=True)[:-1]
    whole = subprocess.run(["sha256sum", "provenance.json"], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "files.sha256").write_bytes(b"".join(lines) + whole.stdout)
    assert load(tmp_path).provenance == make_run().provenance


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_in_which_anything_was_changed_is_an_error_that_names_it(tmp_path, name):
    """One flipped bit, a part cut off, something added, and nothing left at all."""
    make_run().save(tmp_path / "out")
    file = tmp_path / "out" / name
    written, drawn = file.read_bytes(), random.Random(7)
    damaged = [written[: drawn.randrange(len(written))] for _ in range(5)] + [b"", written + b"\n"]
    for _ in range(30):
        bits = bytearray(written)
        bits[drawn.randrange(len(bits))] ^= 1 << drawn.randrange(8)
        damaged.append(bytes(bits))
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(BundleError) as caught:
            everything(tmp_path / "out")
        message = str(caught.value)
        named = "" if name == "files.sha256" else name  # one of its lines is that of another file
        assert message.startswith(f"the bundle {tmp_path / 'out'} is damaged: {named}"), content
        assert message.endswith("write it again"), content
    file.write_bytes(written)
    assert everything(tmp_path / "out")[-2:] == ["seed: 7\n", {"seed": 7}]


def test_a_bundle_of_an_earlier_version_has_no_digests(tmp_path):
    make_run().save(tmp_path / "out")
    whole = everything(tmp_path / "out")
    (tmp_path / "out" / "files.sha256").unlink()
    assert everything(tmp_path / "out") == whole
    make_run().save(tmp_path / "out")
    assert set(contents(tmp_path / "out")) == FILES


def test_a_bundle_that_is_replaced_while_it_is_read_is_not_called_damaged(tmp_path, monkeypatch):
    make_run(warm_up=71).save(tmp_path / "out")
    read, read_regular = [], bundle.read_regular

    def reading(path):
        content = read_regular(path)
        read.append(path.name)
        if len(read) == 1:
            make_run().save(tmp_path / "out")
        return content

    monkeypatch.setattr(bundle, "read_regular", reading)
    assert load(tmp_path / "out").summary() == make_run().summary()
    assert read[:4] == ["summary.json", "files.sha256"] * 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ('{"a": ' * 100_000, "it is nested too deeply"),
        (f'{{"a": {"1" * 5000}}}', "it has a number with too many digits"),
    ],
)
def test_json_that_no_bundle_has_is_a_clear_error(tmp_path, content, why):
    make_run().save(tmp_path / "out")
    (tmp_path / "out" / "files.sha256").unlink()
    (tmp_path / "out" / "summary.json").write_text(content)
    with pytest.raises(BundleError) as caught:
        load(tmp_path / "out").summary()
    assert str(caught.value) == (
        f"the bundle {tmp_path / 'out'} is damaged: summary.json: {why}; write it again"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["jobs.parquet", "summary.json", "files.sha256"])
def test_a_pipe_in_a_bundle_is_not_waited_for(tmp_path, name):
    make_run().save(tmp_path / "out")
    (tmp_path / "out" / name).unlink()
    os.mkfifo(tmp_path / "out" / name)
    with pytest.raises(BundleError, match=r"is damaged: .*: is a pipe, not a file; write it again"):
        everything(tmp_path / "out")


def test_an_empty_directory_becomes_a_bundle_with_its_mode(tmp_path):
    (tmp_path / "out").mkdir(mode=0o700)
    make_run().save(tmp_path / "out")
    assert set(contents(tmp_path / "out")) == FILES
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_links_in_a_circle_are_a_clear_error(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    for directory in (tmp_path / "one", tmp_path / "one" / "below"):
        with pytest.raises(BundleError) as caught:
            make_run().save(directory)
        assert str(caught.value) == (
            f"{directory} cannot be used: Too many levels of symbolic links; choose another directory"
        )
        with pytest.raises(BundleError, match="is neither a run"):
            load(directory)


@pytest.mark.parametrize(("table", "other"), list(permutations(TABLES, 2)))
def test_a_file_of_another_table_is_refused(tmp_path, table, other):
    make_run().save(tmp_path / "out")
    (tmp_path / "out" / f"{other}.parquet").replace(tmp_path / "out" / f"{table}.parquet")
    (tmp_path / "out" / "files.sha256").unlink()  # as in a bundle of an earlier version
    with pytest.raises(
        BundleError, match=f"is damaged: {table}.parquet holds .* not the table {table}; write"
    ):
        getattr(load(tmp_path / "out"), table)


@pytest.mark.parametrize(
    ("table", "column", "changed", "what"),
    [
        ("jobs", "submitted_us", pl.lit("x"), "texts, not whole numbers"),
        ("jobs", "job", pl.lit(1), "whole numbers, not texts"),
        ("sessions", "accepting_jobs", pl.lit(0.5), "numbers, not Boolean"),
        ("intervals", "kind", pl.lit([1]), r"List\(Int64\), not texts"),
        ("accounts", "price", pl.lit("dear"), "texts, not numbers"),
    ],
)
def test_a_column_of_another_kind_is_refused_though_digests_are_right(tmp_path, table, column, changed, what):
    make_run().save(tmp_path / "out")
    file = tmp_path / "out" / f"{table}.parquet"
    pl.read_parquet(file).with_columns(changed.alias(column)).write_parquet(file)
    (tmp_path / "out" / "files.sha256").unlink()

    with pytest.raises(
        BundleError,
        match=rf"is damaged: {table}\.parquet: the column '{column}' holds {what}; write it again",
    ):
        getattr(load(tmp_path / "out"), table)


def test_a_column_that_holds_nothing_is_read(tmp_path):
    make_run().save(tmp_path / "out")
    file = tmp_path / "out" / "accounts.parquet"
    pl.read_parquet(file).with_columns(pl.lit(None).alias("price")).write_parquet(file)
    (tmp_path / "out" / "files.sha256").unlink()

    assert load(tmp_path / "out").accounts["price"].null_count() == len(load(tmp_path / "out").accounts)


def test_the_error_for_another_table_names_columns(tmp_path):
    make_run().save(tmp_path / "out")
    (tmp_path / "out" / "queue_length.parquet").replace(tmp_path / "out" / "intervals.parquet")
    (tmp_path / "out" / "files.sha256").unlink()
    with pytest.raises(BundleError) as caught:
        _ = load(tmp_path / "out").intervals
    assert str(caught.value) == (
        f"the bundle {tmp_path / 'out'} is damaged: intervals.parquet holds 'time_us' but not 'start_us', "
        "so it is not the table intervals; write it again"
    )


def test_a_file_without_columns_is_refused(tmp_path):
    make_run().save(tmp_path / "out")
    pl.DataFrame().write_parquet(tmp_path / "out" / "jobs.parquet")
    (tmp_path / "out" / "files.sha256").unlink()
    with pytest.raises(BundleError, match=r"is damaged: jobs\.parquet holds no column, so it is not"):
        _ = load(tmp_path / "out").jobs


@pytest.mark.parametrize("change", ["older", "newer"])
def test_a_table_of_a_version_with_fewer_or_more_columns_is_read(tmp_path, change):
    run = make_run()
    run.save(tmp_path / "out")
    frame = run.jobs.drop("attempts") if change == "older" else run.jobs.with_columns(pl.lit(1).alias("new"))
    frame.write_parquet(tmp_path / "out" / "jobs.parquet")
    (tmp_path / "out" / "files.sha256").unlink()
    assert load(tmp_path / "out").jobs.equals(frame)


def test_results_do_not_import_polars_before_a_table_is_read():
    code = (
        "import sys, qsession_sim.results.run, qsession_sim.testing.invariants;"
        "sys.exit(any(name in sys.modules for name in ('polars', 'scipy', 'simpy', 'matplotlib')))"
    )
    source = Path(bundle.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(source)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_no_file_of_the_results_imports_one_that_imports_it():
    """Neither at run time nor for annotations."""
    folder = Path(bundle.__file__).parent
    imports = {
        path.stem: {
            node.module.rpartition(".")[2]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qsession_sim.results.")
        }
        for path in folder.glob("*.py")
    }
    order = list(TopologicalSorter(imports).static_order())  # raises CycleError
    assert order.index("bundle") < order.index("run")
