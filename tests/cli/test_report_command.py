"""`qsession-sim report`: a saved run as a page, and what `run` says and does about it."""

from __future__ import annotations

import os
import sys

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main


@pytest.fixture
def bundle(tmp_path, quickstart):
    return qs.simulate(quickstart).save(tmp_path / "out")


@pytest.fixture
def opened(monkeypatch):
    """Addresses that a browser was asked to show."""
    asked = []

    def show(address):
        asked.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", show)
    return asked


def test_the_page_is_beside_the_bundle_which_stays_whole(bundle, capsys, monkeypatch, opened):
    monkeypatch.chdir(bundle)
    assert main(["report", "."]) == 0
    page = bundle.parent / "out.html"
    assert capsys.readouterr() == ("", f"written to {page}\n")
    assert page.read_text(encoding="utf-8") == qs.load(bundle).report().html
    assert main(["report", "."]) == 0  # a report is replaced
    assert opened == []


def test_a_page_is_opened_where_that_is_asked_for(bundle, tmp_path, capsys, opened):
    page = tmp_path / "a page.html"
    assert main(["report", str(bundle), "-o", str(page), "--open"]) == 0
    assert opened == [page.as_uri()]
    assert capsys.readouterr().err == f"written to {page}\n"


def test_where_there_is_no_browser_the_page_is_named(bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    assert main(["report", str(bundle), "--open"]) == 0
    page = tmp_path / "out.html"
    assert capsys.readouterr().err == f"written to {page}\nno browser was found; open {page} in one\n"


def test_only_reports_are_replaced(bundle, tmp_path, capsys):
    page = tmp_path / "out.html"
    page.write_text("mine")
    assert main(["report", str(bundle)]) == 2
    assert capsys.readouterr().err == (
        f"qsession-sim report: Invalid value for -o: {page}: is there already, and is no report; choose another "
        f"name (see qsession-sim report --help)\n"
    )
    assert page.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
def test_what_is_no_file_is_not_replaced(bundle, tmp_path, capsys):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for command in (["report"], ["export", "--overwrite"]):
        assert main([*command, str(bundle), "-o", str(pipe)]) == 2
        assert (
            f"Invalid value for -o: {pipe}: cannot be written: is a pipe, not a file ("
            in capsys.readouterr().err
        )
    assert pipe.is_fifo()


def test_bundles_take_no_page(bundle, capsys):
    page = bundle / "page.html"
    assert main(["report", str(bundle), "-o", str(page)]) == 2
    assert capsys.readouterr().err == (
        f"qsession-sim report: Invalid value for -o: {page}: is in a bundle, which holds nothing else; choose "
        f"another name (see qsession-sim report --help)\n"
    )
    assert not page.exists()


def test_what_is_no_bundle_is_named(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"qsession-sim: {tmp_path} is neither a run (it has no provenance.json) nor a study (it has no "
        f"study.json); give the directory that one was saved to\n"
    )


def test_run_says_how_to_see_what_it_saved(tmp_path, capsys, quickstart, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", quickstart, "-o", "my run"]) == 0
    assert capsys.readouterr().err == "saved in my run\nto see it: qsession-sim report 'my run' --open\n"
    assert not (tmp_path / "my run.html").exists()


def test_run_shows_what_it_saved_where_that_is_asked_for(tmp_path, capsys, quickstart, opened):
    place, page = tmp_path / "new" / "run", tmp_path / "new" / "run.html"
    assert main(["run", quickstart, "-o", str(place), "--open"]) == 0
    assert opened == [page.as_uri()]
    assert capsys.readouterr().err == f"saved in {place}\nwritten to {page}\n"
    assert page.read_text(encoding="utf-8") == qs.load(place).report().html


def test_run_refuses_to_show_what_it_does_not_save(capsys, quickstart):
    assert main(["run", quickstart, "--open"]) == 2
    assert capsys.readouterr().err == (
        "qsession-sim run: Invalid value for --open: shows what -o DIR saves; give both (see qsession-sim run "
        "--help)\n"
    )


def test_run_refuses_before_it_simulates_where_the_page_has_no_place(tmp_path, capsys, quickstart):
    page = tmp_path / "run.html"
    page.write_text("mine")
    assert main(["run", quickstart, "-o", str(tmp_path / "run"), "--open"]) == 2
    assert "run.html: is there already, and is no report" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


JOBS = [
    {"id": name, "at": "0s", "account": "lab", "qpu_time": time} for name, time in (("a", "5s"), ("b", "3s"))
]
LISTED = {"workload": [{"kind": "explicit", "name": "all", "jobs": JOBS}]}


def test_studies_and_searches_have_pages_too(tmp_path, capsys):
    study = qs.compare(LISTED, ["fifo", "lifo"], metrics=["max_waiting"])
    vary = ["workload.all.jobs.a.qpu_time=1s..9s"]
    search = qs.tune(LISTED, vary, minimise="max_waiting", replications=2, evaluations=28)
    for name, saved in (("study", study), ("search", search)):
        assert main(["report", str(saved.save(tmp_path / name))]) == 0
        page = tmp_path / f"{name}.html"
        assert page.read_text(encoding="utf-8") == saved.report().html
        assert capsys.readouterr().err == f"written to {page}\n"


def test_figures_are_written_as_svg_and_pdf(bundle, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pip install 'qsession-sim[plot]'")
    assert main(["report", str(bundle), "--figures", str(tmp_path / "figures")]) == 0
    kinds = ("queue", "sessions", "timeline", "waiting", "why")
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == [f"{kind}.{form}" for kind in kinds for form in ("pdf", "svg")]
    said = f"written to {tmp_path / 'out.html'}\n10 figures written to {tmp_path / 'figures'}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "the name of the directory of figures is empty"),
        ("out", "out is in a bundle, which holds nothing else; choose another directory"),
        ("out/figures", "out/figures is in a bundle, which holds nothing else; choose another directory"),
        ("mine", "cannot write figures to mine, because {at}/mine is a file; choose another directory"),
        (
            "mine/deep",
            "cannot write figures to mine/deep, because {at}/mine is a file; choose another directory",
        ),
    ],
)
def test_where_there_is_no_place_for_figures_nothing_is_written(
    bundle, tmp_path, capsys, monkeypatch, place, said
):
    pytest.importorskip("matplotlib", reason="pip install 'qsession-sim[plot]'")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("mine")
    assert main(["report", "out", "--figures", place]) == 2
    assert capsys.readouterr().err == f"qsession-sim: {said.format(at=tmp_path)}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]
    assert main(["run", str(bundle / "scenario.yaml"), "-o", "out", "--quiet"]) == 0  # it is still a bundle


def test_figures_without_matplotlib_are_refused_before_anything_is_written(
    bundle, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", str(bundle), "--figures", str(tmp_path / "figures")]) == 2
    said = "qsession-sim: figures need matplotlib; get it with: pip install 'qsession-sim[plot]'\n"
    assert capsys.readouterr().err == said
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
