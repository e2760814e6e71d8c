"""Files and directories that are written whole or not at all."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import qsession_sim
from qsession_sim import files
from qsession_sim.files import (
    append_line,
    digest_lines,
    exchange,
    is_mistake,
    is_partial,
    parse_json,
    read_digest_lines,
    reason,
    remove_stale,
    resolved,
    whole_directory,
    whole_file,
    write_whole,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="names are exchanged on Linux only")
SIGNALS = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL and locks")

KILLED = """
import os, pathlib, signal, sys
from qsession_sim import files

exchanges, step, target = sys.argv[1] == "exchange", sys.argv[2], pathlib.Path(sys.argv[3])
if not exchanges:
    files.exchange = lambda *names: False

def before(name, place, count=1):
    original, calls = getattr(place, name), []
    def killed(*arguments, **options):
        calls.append(arguments)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)
    setattr(place, name, killed)

{
    "filling": lambda: None,
    "syncing": lambda: before("sync", files),
    "exchanging": lambda: before("exchange", files),
    "setting aside": lambda: before("rename", pathlib.Path),
    "putting in place": lambda: before("rename", pathlib.Path, 2),
    "syncing the names": lambda: before("sync", files, 3),
    "removing": lambda: before("rmtree", files.shutil),
}[step]()
with files.whole_directory(target) as partial:
    (partial / "new.txt").write_text("killed")
    if step == "filling":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def content(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in files}


def test_a_file_is_whole_when_it_has_its_name(tmp_path):
    with whole_file(tmp_path / "a.csv") as partial:
        partial.write_text("new")
        assert (partial.parent, partial.suffix, is_partial(partial)) == (tmp_path, ".csv", True)
        assert not (tmp_path / "a.csv").exists()
    assert content(tmp_path) == {"a.csv": "new"}


def test_a_writer_that_fails_leaves_the_file_that_was_there(tmp_path):
    (tmp_path / "a.csv").write_text("old")

    def interrupted() -> None:
        with whole_file(tmp_path / "a.csv") as partial:
            partial.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert content(tmp_path) == {"a.csv": "old"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
def test_only_files_are_replaced(tmp_path):
    """Who may write in `/dev` would lose `/dev/null` for all programs."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match="is a pipe, not a file"):
            write_whole(path, b"new")
    assert pipe.is_fifo()
    assert {file.name for file in tmp_path.iterdir()} == {"pipe", "link"}


def test_missing_directories_above_are_made(tmp_path):
    write_whole(tmp_path / "deep" / "a.json", b"{}")
    with whole_directory(tmp_path / "deeper" / "out") as partial:
        (partial / "b.json").write_text("[]")
    assert content(tmp_path) == {"deep/a.json": "{}", "deeper/out/b.json": "[]"}


def test_a_directory_takes_the_place_of_the_one_that_is_there(tmp_path):
    write_whole(tmp_path / "out" / "old.txt", b"old")
    with whole_directory(tmp_path / "out") as partial:
        (partial / "new.txt").write_text("new")
        assert content(tmp_path / "out") == {"old.txt": "old"}
    assert content(tmp_path) == {"out/new.txt": "new"}


@pytest.mark.parametrize("refused", [1, 2])
def test_a_directory_that_cannot_take_its_place_leaves_the_one_that_was_there(tmp_path, monkeypatch, refused):
    """Neither when the old one cannot be set aside, nor when the new one cannot be renamed after that."""
    write_whole(tmp_path / "out" / "old.txt", b"old")
    renames = []

    def rename(path, to, _original=Path.rename):
        renames.append(to)
        if len(renames) == refused:
            raise PermissionError("refused")
        return _original(path, to)

    monkeypatch.setattr(files, "exchange", lambda *_names: False)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(PermissionError), whole_directory(tmp_path / "out") as partial:
        (partial / "new.txt").write_text("new")
    monkeypatch.undo()
    assert content(tmp_path) == {"out/old.txt": "old"}


def test_a_directory_that_was_to_be_new_replaces_nothing(tmp_path):

    def too_late() -> None:
        with whole_directory(tmp_path / "out", Path.rename) as partial:
            (partial / "new.txt").write_text("new")
            write_whole(tmp_path / "out" / "other.txt", b"by another process")

    with pytest.raises(OSError, match="not empty"):
        too_late()
    assert content(tmp_path) == {"out/other.txt": "by another process"}


@LINUX
def test_two_directories_exchange_their_names(tmp_path):
    for name in ("one", "other"):
        write_whole(tmp_path / name / "a.txt", name.encode())
    assert exchange(tmp_path / "one", tmp_path / "other")
    assert content(tmp_path) == {"one/a.txt": "other", "other/a.txt": "one"}
    with pytest.raises(FileNotFoundError) as caught:
        exchange(tmp_path / "one", tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    assert content(tmp_path) == {"one/a.txt": "other", "other/a.txt": "one"}


@LINUX
@pytest.mark.parametrize("error", [OSError("static"), AttributeError("renameat2")])
def test_where_the_c_library_cannot_exchange_names_they_stay(tmp_path, monkeypatch, error):
    def refuse(*_arguments, **_options):
        raise error

    for name in ("one", "other"):
        write_whole(tmp_path / name / "a.txt", name.encode())
    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert not exchange(tmp_path / "one", tmp_path / "other")
    assert content(tmp_path) == {"one/a.txt": "one", "other/a.txt": "other"}


STEPS = {  # what is there under the name after a kill before each step
    **{("exchange", step): "old" for step in ("filling", "syncing", "exchanging")},
    **{("exchange", step): "killed" for step in ("syncing the names", "removing")},
    **{("renames", step): "old" for step in ("filling", "syncing", "setting aside")},
    ("renames", "putting in place"): None,
    ("renames", "removing"): "killed",
}


@SIGNALS
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(
    ("way", "step"), [pytest.param(*key, marks=LINUX) if key[0] == "exchange" else key for key in STEPS]
)
def test_the_next_writer_mends_what_a_killed_one_has_left(tmp_path, way, step, fails):
    """Also if it fails itself: then there is what was there before, or what was complete."""
    target = tmp_path / "out"
    write_whole(target / "new.txt", b"old")
    write_whole(tmp_path / ".out.txt.partial" / "mine.txt", b"of somebody else")
    environment = os.environ | {"PYTHONPATH": str(Path(qsession_sim.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, way, step, str(target)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    there = content(target).get("new.txt") if target.exists() else None
    assert there == STEPS[way, step]
    assert any(
        path.name.startswith(".out.") for path in tmp_path.iterdir() if path.name != ".out.txt.partial"
    )

    def mended():
        with whole_directory(target) as partial:
            assert content(target) == {"new.txt": there or "old"}
            if fails:
                raise KeyboardInterrupt
            (partial / "new.txt").write_text("mended")

    if fails:
        with pytest.raises(KeyboardInterrupt):
            mended()
    else:
        mended()
    after = (there or "old") if fails else "mended"
    assert content(tmp_path) == {"out/new.txt": after, ".out.txt.partial/mine.txt": "of somebody else"}


@SIGNALS
def test_what_is_still_being_written_is_not_stale(tmp_path):
    with whole_directory(tmp_path / "out") as one, whole_file(tmp_path / "a.csv") as file:
        with whole_directory(tmp_path / "out") as other:
            (other / "a.txt").write_text("other")
            (one / "a.txt").write_text("one")
        remove_stale(tmp_path.iterdir())
        assert file.exists()
        file.write_text("whole")
    assert content(tmp_path) == {"out/a.txt": "one", "a.csv": "whole"}


@SIGNALS
def test_what_is_set_aside_for_a_moment_is_left_to_its_writer(tmp_path, monkeypatch):
    """Another one that begins just then does not bring it back."""
    target, renamed, rename = tmp_path / "out", [], Path.rename
    write_whole(target / "old.txt", b"old")

    def other():
        with whole_directory(target):
            assert not target.exists()
            raise KeyboardInterrupt

    def renaming(path, to):
        renamed.append(path)
        if len(renamed) == 2:
            with pytest.raises(KeyboardInterrupt):
                other()
        return rename(path, to)

    monkeypatch.setattr(files, "exchange", lambda *_names: False)
    monkeypatch.setattr(Path, "rename", renaming)
    with whole_directory(target) as partial:
        (partial / "new.txt").write_text("new")
    assert content(tmp_path) == {"out/new.txt": "new"}


@SIGNALS
def test_of_what_a_killed_writer_has_left_nothing_else_is_removed(tmp_path):
    write_whole(tmp_path / ".12345678.partial.a.json", b"half")
    write_whole(tmp_path / ".b.12345678.partial" / "a.json", b"half")
    write_whole(tmp_path / "partial" / "a.json", b"whole")
    write_whole(tmp_path / "a.partial", b"whole")
    remove_stale(tmp_path.iterdir())
    assert content(tmp_path) == {"partial/a.json": "whole", "a.partial": "whole"}


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_all_is_synced_before_it_has_its_name_and_its_name_after_that(tmp_path, monkeypatch, kind):
    order = []
    monkeypatch.setattr(
        files, "sync", lambda path: order.append((path.name, sorted(p.name for p in tmp_path.glob("a*"))))
    )
    if kind == "file":
        write_whole(tmp_path / "a.txt", b"a")
        assert [(is_partial(Path(name)), there) for name, there in order] == [(True, []), (False, ["a.txt"])]
    else:
        with whole_directory(tmp_path / "a") as partial:
            write_whole(partial / "deep" / "b.txt", b"b")
            order.clear()
        names = [name for name, there in order if there == []]
        assert sorted(names[:-1]) == ["b.txt", "deep"]
        assert is_partial(Path(names[-1]))
        assert order[3:] == [(tmp_path.name, ["a"])]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_called_that_and_leaves_what_was_there(tmp_path, monkeypatch, call):
    (tmp_path / "a.txt").write_text("old")

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "write":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(tmp_path / "a.txt", b"new")
    assert (reason(caught.value), is_mistake(caught.value)) == (
        "the disk is full (No space left on device)",
        False,
    )
    assert content(tmp_path) == {"a.txt": "old"}


def test_lines_are_added_whole(tmp_path, monkeypatch):
    file = tmp_path / "lines"
    append_line(file, b"one\n")
    append_line(file, b"two\n")
    assert file.read_bytes() == b"one\ntwo\n"
    file.write_bytes(b"one\nhal")  # of a writer that was killed
    append_line(file, b"two\n")
    assert file.read_bytes() == b"one\nhal\ntwo\n"


def test_two_first_lines_are_added_whole(tmp_path, monkeypatch):
    """Another process adds its line after this one has found the file empty."""
    file = tmp_path / "lines"

    class Interrupted(io.FileIO):
        def seek(self, *place):
            end = super().seek(*place)
            if not file.read_bytes():
                file.write_bytes(b"theirs\n")
            return end

    monkeypatch.setattr(Path, "open", lambda path, mode, **_options: Interrupted(path, mode))
    append_line(file, b"ours\n")
    monkeypatch.undo()
    assert file.read_bytes() == b"theirs\nours\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_line_that_does_not_fit_on_the_disk_is_an_error(tmp_path):
    (tmp_path / "lines").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        append_line(tmp_path / "lines", b"one\n")


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_names_that_cannot_be(tmp_path):
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    (tmp_path / "link").symlink_to("there")
    assert resolved(tmp_path / "link" / ".." / "new" / "a") == tmp_path / "new" / "a"
    assert resolved(tmp_path / "link") == tmp_path / "there"
    for path, number in {
        tmp_path / "one": errno.ELOOP,
        tmp_path / "one" / "below": errno.ELOOP,
        tmp_path / ("a" * 300): errno.ENAMETOOLONG,
        tmp_path / "a\0b": errno.EINVAL,
    }.items():
        with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
            resolved(path)
        assert (caught.value.errno, caught.value.filename, is_mistake(caught.value)) == (
            number,
            str(path),
            True,
        )


def test_digests_as_other_programs_have_them(tmp_path):
    (tmp_path / "a b.txt").write_text("a")
    digest = files.digest_of(tmp_path / "a b.txt")
    # from `printf a | sha256sum`
    assert digest == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    lines = digest_lines([("a b.txt", digest), ("c", digest)])
    assert lines == f"{digest}  a b.txt\n{digest}  c\n".encode()
    assert list(read_digest_lines(lines)) == [("a b.txt", digest), ("c", digest)]
    damaged = b"\n" + lines.replace(b"  c", b" c") + digest.upper().encode() + b"  d\n" + b"\xff\n"
    assert list(read_digest_lines(damaged)) == [("a b.txt", digest)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ("1" * 5_000, "it has a number with too many digits"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_json_that_cannot_be_read_says_why(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_json(text)
    assert parse_json(json.dumps({"a": [1]})) == {"a": [1]}
