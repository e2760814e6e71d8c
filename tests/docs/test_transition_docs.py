"""The page on semantics shows the two transition tables as they are (S9 to S54)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "make_transitions.py"
PAGE = DOCS / "semantics.md"
WRONG = ("| `IDLE` | `ITTL` | `INACTIVE` |", "| `IDLE` | `ITTL` | `CLOSED` |")


def run(*arguments: str | Path) -> tuple[int, str]:
    """Exit status and error text of the script."""
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stderr


def copy_pictures(folder: Path) -> None:
    (folder / "pictures").mkdir()
    for drawn in (DOCS / "pictures").glob("life_of_*.svg"):
        shutil.copy(drawn, folder / "pictures")


def test_page_is_what_the_script_writes() -> None:
    assert run("--check") == (0, "")


def test_stale_page_fails_the_check_and_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    copy_pictures(tmp_path)
    # S14: the ITTL makes an idle session inactive; a page that says otherwise is stale
    stale = PAGE.read_text(encoding="utf-8").replace(*WRONG)
    page.write_text(stale, encoding="utf-8")
    assert run("--check", page) == (1, "page.md is stale; run make_transitions.py\n")
    assert page.read_text(encoding="utf-8") == stale


def test_script_renews_a_stale_page_and_nothing_else_in_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace(*WRONG), encoding="utf-8")
    assert run(page) == (0, "")
    assert page.read_bytes() == PAGE.read_bytes()


def test_stale_diagram_fails_the_check_and_is_renewed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_bytes(PAGE.read_bytes())
    copy_pictures(tmp_path)
    drawn = tmp_path / "pictures" / "life_of_jobs.svg"
    fresh = drawn.read_bytes()
    drawn.write_bytes(fresh.replace(b"FINISH", b"FINNISH"))
    assert run("--check", page) == (1, "life_of_jobs.svg is stale; run make_transitions.py\n")
    assert run(page) == (0, "")
    assert drawn.read_bytes() == fresh


def test_page_without_markers_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    status, errors = run("--check", page)
    assert (status, errors.startswith("page.md: needs one line")) == (1, True)


def test_page_has_a_cell_for_every_phase_and_event() -> None:
    """The whole row of the ITTL: it can run out only in a session that is idle (S13, S14)."""
    written = PAGE.read_text(encoding="utf-8").partition("<!-- begin: sessions")[2]
    rows = [line for line in written.splitlines() if line.startswith("| `ITTL` |")]
    illegal = "| illegal "
    assert rows == [f"| `ITTL` {illegal * 4}| `INACTIVE` {illegal * 4}|"]


def test_page_has_a_cell_for_every_stage_and_event() -> None:
    """The whole row of the post-processing: it can end only in a job that is post-processed (S40)."""
    written = PAGE.read_text(encoding="utf-8").partition("<!-- begin: jobs")[2]
    rows = [line for line in written.splitlines() if line.startswith("| `POST_DONE` |")]
    illegal = "| illegal "
    assert rows == [f"| `POST_DONE` {illegal * 7}| `DONE` {illegal * 4}|"]


def test_diagram_of_jobs_says_what_changes_a_stage() -> None:
    """S40, S52: from the QPU a job goes nowhere but to its end, to post-processing or back to the queue."""
    drawn = (DOCS / "pictures" / "life_of_jobs.svg").read_text(encoding="utf-8")
    assert re.findall("<title>(RUNNING to .*)</title>", drawn) == [
        "RUNNING to REQUEUED: REQUEUE",
        "RUNNING to POST_PROCESSING: POST_PROCESS",
        "RUNNING to DONE: FINISH",
        "RUNNING to CANCELLED: CANCEL",
        "RUNNING to ERROR: CUT, FAIL, PROGRAM_FAIL",
    ]


def test_picture_of_a_run_is_what_its_script_draws() -> None:
    subprocess.run([sys.executable, DOCS / "make_flow.py", "--check"], check=True)
