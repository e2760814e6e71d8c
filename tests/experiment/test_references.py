"""Functions of users that other processes find again."""

from __future__ import annotations

import importlib
import os
import pickle
import statistics
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.experiment.references import Reference, named_reference, reference_to

from .small_tasks import LIBRARY

FILE = "def last_first(job):\n    return (-job.number,)\n"


def test_an_importable_function_travels_by_its_module() -> None:
    reference = reference_to(statistics.median)
    assert (reference.name, reference.spelling) == ("median", "statistics:median")
    assert pickle.loads(pickle.dumps(reference)).function is statistics.median


@pytest.mark.parametrize("name", ["study.py", "__main__.py"])
def test_a_function_of_a_script_travels_by_the_file_of_the_script(tmp_path: Path, name: str) -> None:
    script = tmp_path / name
    script.write_text(
        f"{FILE}\nfrom qsession_sim.experiment.references import reference_to\n"
        "if __name__ == '__main__':\n    print(reference_to(last_first).spelling)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{script.resolve()}:last_first\n"


def test_a_file_gets_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    reference = named_reference("mine.py:last_first")
    assert (reference.name, reference.spelling) == ("mine.py:last_first", f"{tmp_path}/mine.py:last_first")


def test_another_process_finds_the_function(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps(named_reference(f"{tmp_path}/mine.py:last_first")))
    code = (
        "import pickle, sys, types, pathlib; job = types.SimpleNamespace(number=3);"
        "print(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()).function(job))"
    )
    done = subprocess.run([sys.executable, "-c", code, sent], capture_output=True, text=True, check=True)
    assert done.stdout == "(-3,)\n"


def local_function():
    def inner(job):
        return (0,)

    return inner


@pytest.mark.parametrize("function", [lambda job: (0,), local_function(), "text".startswith])
def test_what_no_other_process_finds_is_refused_when_it_travels(function) -> None:
    reference = reference_to(function)
    assert reference.spelling is None
    with pytest.raises(StudyError, match=r"this process only.*give it as file.py:function"):
        pickle.dumps(reference)


def test_the_digest_follows_the_file_and_not_its_place(tmp_path: Path) -> None:
    digests = []
    for folder, text in (("one", FILE), ("two", FILE), ("three", FILE.replace("-", "+"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(text)
        digests.append(named_reference(f"{tmp_path}/{folder}/mine.py:last_first").digest)
    assert digests[0] == digests[1] != digests[2]


WITH_A_SIGN = {
    "a callable object": "class Weighted:\n    def __call__(self, job):\n        return (SIGNjob.number,)\nf = Weighted()\n",
    "a function behind another": "from functools import lru_cache\n@lru_cache\ndef f(job):\n    return (SIGNjob.number,)\n",
    "a partial function": "from functools import partial\ndef g(sign, job):\n    return (sign * job.number,)\nf = partial(g, SIGN1)\n",
}


@pytest.mark.parametrize("kind", WITH_A_SIGN)
def test_the_digest_follows_the_file_whatever_kind_of_object_is_called(tmp_path: Path, kind: str) -> None:
    digests = []
    for folder, sign in (("one", "-"), ("two", "+")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(WITH_A_SIGN[kind].replace("SIGN", sign))
        digests.append(named_reference(f"{tmp_path}/{folder}/mine.py:f").digest)
    assert digests[0] != digests[1]


def digest_elsewhere(folder: Path, spelling: str) -> str:
    """In a process that finds modules in a folder."""
    code = "import sys; from qsession_sim.experiment.references import named_reference; print(named_reference(sys.argv[1]).digest)"
    environment = {**LIBRARY, "PYTHONPATH": os.pathsep.join([str(folder), LIBRARY["PYTHONPATH"]])}
    command = [sys.executable, "-c", code, spelling]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


HELPERS = {
    "mine.py": "from weights import WEIGHT\n\ndef f(job):\n    import rare.late\n    return (WEIGHT * job.number,)\n",
    "weights.py": "import json, numpy\nfrom rare import first\nWEIGHT = first.ONE\n",
    "rare/__init__.py": "",
    "rare/first.py": "from .second import ONE\n",
    "rare/second.py": "ONE = 1\n",
    "rare/late.py": "",
    "unused.py": "",
}


def write_helpers(folder: Path, changed: str = "") -> Path:
    for name, text in HELPERS.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}# changed\n" if name == changed else text)
    return folder


@pytest.mark.parametrize("spelling", ["{}/mine.py:f", "mine:f"])
def test_the_digest_follows_own_modules_that_are_imported(tmp_path: Path, spelling: str) -> None:
    """At the top of the file, of its modules in turn, and late; what is not imported does not count."""
    digests = {
        changed: digest_elsewhere(folder, spelling.format(folder))
        for number, changed in enumerate(("", *HELPERS))
        for folder in [write_helpers(tmp_path / str(number), changed)]
    }
    assert digests[""] == digests["unused.py"]
    assert len(set(digests.values())) == len(HELPERS)


class Finder:
    """As an installation that is editable puts it in place: its modules are in no directory of `sys.path`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, module: str, path: object = None, target: object = None) -> ModuleSpec | None:
        file = self.folder / f"{module}.py"
        return spec_from_file_location(module, file) if file.exists() else None


def test_modules_of_an_editable_installation_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they are loaded or not, and by their names."""
    (tmp_path / "mine.py").write_text("def f(job):\n    import editable_late\n    return (0,)\n")
    (tmp_path / "editable_late.py").write_text("def g(job):\n    return (0,)\n")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder(tmp_path)])
    before = named_reference(f"{tmp_path}/mine.py:f")
    late = importlib.import_module("editable_late")
    try:
        assert named_reference(f"{tmp_path}/mine.py:f").digest == before.digest
        assert reference_to(late.g).spelling == "editable_late:g"
    finally:
        del sys.modules["editable_late"]


def test_an_own_module_that_cannot_be_read_as_python_counts_all_the_same(tmp_path: Path) -> None:
    """It may be for another version of Python, and never be imported."""
    digests = []
    for folder, text in (("one", "print 1\n"), ("two", "print 2\n"), ("three", "\0")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text("def f(job):\n    import older\n    return (0,)\n")
        (tmp_path / folder / "older.py").write_text(text)
        digests.append(digest_elsewhere(tmp_path / folder, f"{tmp_path / folder}/mine.py:f"))
    assert len(set(digests)) == 3


WEIGHTS = "from .signs import SIGN\n\ndef f(job):\n    return (SIGN * job.number,)\n"


def write_package(installed: Path, files: dict[str, str]) -> None:
    info = "teaching-1.0.dist-info"
    points = "[qsession_sim.policies]\nteaching_first = teaching:f\n"
    metadata = "Metadata-Version: 2.1\nName: teaching\nVersion: 1.0\n"
    files = {**files, f"{info}/METADATA": metadata, f"{info}/entry_points.txt": points}
    for name, text in files.items():
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (installed / name).write_text(text)


def test_the_digest_of_a_policy_of_a_package_follows_the_package(tmp_path: Path) -> None:
    """An entry point names no module, and an installed package is no module of the user's elsewhere."""
    digests = []
    for number in range(2):
        installed = tmp_path / str(number) / "site-packages"
        write_package(
            installed, {"teaching/__init__.py": "from .weights import f\n", "teaching/weights.py": WEIGHTS}
        )
        (installed / "teaching" / "signs.py").write_text(f"SIGN = {number}\n")
        digests.append(digest_elsewhere(installed, "teaching_first"))
    assert digests[0] != digests[1]


def test_a_function_in_no_file_has_the_digest_of_its_byte_code() -> None:
    texts = ("lambda run: run.jobs", "lambda run: run.jobs", "lambda run: run.sessions", "lambda run: 1")
    digests = [reference_to(eval(text)).digest for text in texts]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    nested = [reference_to(eval(f"lambda run: (lambda: {number})()")).digest for number in (1, 1, 2)]
    assert nested[0] == nested[1] != nested[2]


def test_code_that_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    reference = named_reference(f"{tmp_path}/mine.py:last_first")
    sent = pickle.dumps(Reference(reference.name, reference.spelling, "0" * 64, reference.function))
    with pytest.raises(StudyError, match="changed while the study ran"):
        pickle.loads(sent)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("statistics:nothing", "statistics:nothing cannot be found"),
        ("no_such_module_here:f", "cannot be found"),
        (":f", "cannot be found: ValueError: Empty module name"),
        (".a:f", "cannot be found: TypeError"),
        ("math:pi", "must be a function"),
    ],
)
def test_what_is_not_there_is_told(spelling: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        named_reference(spelling)
