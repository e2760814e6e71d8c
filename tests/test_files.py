"""Files and directories that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsession_sim.files import is_partial, whole_directory, whole_file, write_whole


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
