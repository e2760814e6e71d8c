"""`qsession-sim export`: a saved run for other programs."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.report.trace_viewer import as_bytes, trace_of


@pytest.fixture
def bundle(tmp_path, quickstart):
    return qs.simulate(quickstart).save(tmp_path / "out")


def test_the_file_is_next_to_the_bundle_under_its_name(bundle, capsys, monkeypatch):
    monkeypatch.chdir(bundle)
    trace = trace_of(qs.load(bundle))
    for form, name in (("perfetto", "out.pftrace"), ("chrome", "out.trace.json")):
        assert main(["export", ".", "--to", form]) == 0
        assert (bundle.parent / name).read_bytes() == b"".join(as_bytes(trace, form))
        assert capsys.readouterr() == ("", f"written to {bundle.parent / name}\n")
    assert main(["export", str(bundle), "-o", str(bundle.parent / "a")]) == 0
    assert (bundle.parent / "a").read_bytes() == (bundle.parent / "out.pftrace").read_bytes()


def test_what_is_not_in_the_file_is_said(bundle, capsys):
    assert main(["export", str(bundle), "--to", "swf"]) == 0
    file = bundle.parent / "out.swf"
    assert capsys.readouterr().err == (
        f"{file}: ids of jobs are not held: they are numbered by submission\n"
        f"{file}: sessions and batches are not held: all jobs are in mode job\n"
        f"written to {file}\n"
    )


def test_a_file_is_replaced_only_if_that_is_asked_for(bundle, capsys):
    file = bundle.parent / "out.csv"
    file.write_text("mine")
    assert main(["export", str(bundle), "--to", "csv"]) == 2
    assert capsys.readouterr().err == (
        f"qsession-sim export: Invalid value for -o: {file}: is there already; choose another name, or "
        f"replace it with --overwrite (see qsession-sim export --help)\n"
    )
    assert file.read_text() == "mine"
    assert main(["export", str(bundle), "--to", "csv", "--overwrite"]) == 0
    assert file.read_text() == qs.load(bundle).jobs.write_csv()


def test_mistakes_are_named(bundle, capsys):
    wanted = "give the directory that a run was saved to"
    for arguments, error in (
        (
            [str(bundle.parent)],
            f"qsession-sim: {bundle.parent} is not a bundle (it has no provenance.json); {wanted}\n",
        ),
        (
            [str(bundle), "--to", "svg"],
            (
                "qsession-sim export: Invalid value for '--to': 'svg' is not one of perfetto, chrome, csv, swf "
                "(see qsession-sim export --help)\n"
            ),
        ),
        (
            [str(bundle), "-o", str(bundle / "a.pftrace")],
            (
                f"qsession-sim export: Invalid value for -o: {bundle / 'a.pftrace'}: is in the bundle, which holds "
                f"nothing else; choose another name (see qsession-sim export --help)\n"
            ),
        ),
    ):
        assert main(["export", *arguments]) == 2
        assert capsys.readouterr() == ("", error)
    (bundle / "jobs.parquet").write_bytes(b"")
    assert main(["export", str(bundle)]) == 2
    assert "is damaged: jobs.parquet" in capsys.readouterr().err
    assert not (bundle.parent / "out.pftrace").exists()
