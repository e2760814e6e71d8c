"""Traces that are packed: each is read as the same file unpacked, and one that is not whole is no trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from trace_files import needs_zstd, packed, problems, zst

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.packing import Packing

EXAMPLES = Path(__file__).parent / "examples"
ENDINGS = [".gz", zst(".zst")]
ROWS = "job,submitted_us,qpu_time_us\na,0,5\nb,1,5\n"
TRACES = {
    "rows.csv": ROWS.encode(),
    **{name: (EXAMPLES / name).read_bytes() for name in ("week.swf", "week.sacct", "week.batsim.json")},
}


def drawn(file):
    scenario = qs.load_scenario(file)
    return qs.draw(scenario.resolved, scenario.directory)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", TRACES)
def test_a_packed_trace_is_read_as_the_same_unpacked(tmp_path, name, ending):
    (tmp_path / name).write_bytes(TRACES[name])
    (tmp_path / f"{name}{ending}").write_bytes(packed(ending, TRACES[name]))

    assert drawn(tmp_path / f"{name}{ending}").digest() == drawn(tmp_path / name).digest()


@pytest.mark.parametrize("ending", ENDINGS)
def test_parts_that_were_packed_one_after_the_other_are_one_trace(tmp_path, ending):
    """As programs that write logs do: one job of the second part, 5 us after the first one came."""
    file = tmp_path / f"a.csv{ending}"
    file.write_bytes(packed(ending, ROWS.encode()) + packed(ending, b"c,5,7\n"))

    assert drawn(file).jobs.at_us.tolist() == [0, 1, 5]
    assert drawn(file).jobs.qpu_time_us.tolist() == [5, 5, 7]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", TRACES)
def test_a_trace_that_is_not_whole_is_an_error_with_its_name(tmp_path, name, ending):
    content = packed(ending, TRACES[name])
    file = f"{name}{ending}"
    (tmp_path / file).write_bytes(content[:-1])

    called = Packing.of(file).called
    for skip in (False, True):
        said = problems(tmp_path, file, None, skip_bad_lines=skip)
        whole = (
            f"workload.trace: {file}: cannot be read: is not whole: it ends inside what {called} has packed"
        )
        assert said == [whole]


@needs_zstd
def test_a_file_that_is_packed_in_another_way_than_its_name_says(tmp_path):
    (tmp_path / "a.csv.zst").write_bytes(packed(".gz", ROWS.encode()))
    (tmp_path / "b.csv.gz").write_bytes(packed(".zst", ROWS.encode()))
    (tmp_path / "c.csv.zst").write_bytes(packed(".zst", packed(".zst", ROWS.encode())))
    (tmp_path / "d.csv.zst").write_text(ROWS)

    start = "workload.trace: {}: cannot be read: "
    for name, what in {
        "a.csv.zst": "is packed with gzip; let its name end in .gz",
        "b.csv.gz": "is packed with zstd; let its name end in .zst",
        "c.csv.zst": "is packed with zstd; let its name end in .zst",
        "d.csv.zst": "is not a zstd file, or is damaged: Unknown frame descriptor",
    }.items():
        assert problems(tmp_path, name, None) == [start.format(name) + what]


@needs_zstd
@pytest.mark.parametrize("name", ["out.csv.zst", "out.swf.zst", "out.json.zst"])
def test_exports_are_packed_by_their_ending(tmp_path, name, capsys):
    plain = tmp_path / name.removesuffix(".zst")
    for file in (plain, tmp_path / name):
        assert main(["workload", "export", str(EXAMPLES / "week.swf"), str(file)]) == 0
    capsys.readouterr()

    with (tmp_path / name).open("rb") as file:
        assert Packing.ZSTD.unpacked(file).read() == plain.read_bytes()


def test_without_the_library_a_sentence_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "a.csv.zst").write_bytes(b"")
    what = "zstd needs the library zstandard; get it with: pip install 'qsession-sim[zstd]'"

    assert main(["run", str(tmp_path / "a.csv.zst")]) == 2
    assert f"cannot be read: {what}" in capsys.readouterr().err
    assert main(["workload", "export", str(EXAMPLES / "week.swf"), str(tmp_path / "b.csv.zst")]) == 2
    assert f"b.csv.zst: cannot be written: {what}" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv.zst"]


def test_a_simulation_without_packed_files_loads_no_library_for_them(tmp_path):
    script = (
        "import sys, qsession_sim as qs\n"
        f"qs.simulate({str(EXAMPLES / 'week.swf')!r})\n"
        "print(sorted({'zstandard', 'compression.zstd'} & {*sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
