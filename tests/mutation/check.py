"""Make each scripted mistake in a copy of the project and see whether the fast tests notice.

Run it by hand; it takes some minutes: python -m mutation.check, in `tests/`. Give parts of file names or rules,
such as `windows.py` or `S52`, to try only those. The exit status is 1 if a mutant survives that is not
explained, or one dies that is said to be equivalent.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .mutation import Mutation
from .mutations import MUTATIONS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "qsession_sim"
FAST_TESTS = ("tests/scheduler", "tests/policies", "tests/model", "tests/kernel")
WORKERS = 2
LIMITS = 'ulimit -t 60; ulimit -v 3000000; exec "$@"'
"""A mutant that never ends is stopped after a minute of processor time or with 3 GB, and counts as noticed."""


def stale(mutation: Mutation) -> str:
    """Why a mutation does not fit the source, or the empty text."""
    return _misfit((PACKAGE / mutation.file).read_text(encoding="utf-8"), mutation)


def apply(source: str, mutation: Mutation) -> str:
    """The source with the mistake in it.

    Raises:
        ValueError: if the line does not stand there exactly once.
    """
    problem = _misfit(source, mutation)
    if problem:
        raise ValueError(problem)
    lines = source.splitlines(keepends=True)
    return "".join(
        line.replace(mutation.line, mutation.replacement) if line.strip() == mutation.line else line
        for line in lines
    )


def _misfit(source: str, mutation: Mutation) -> str:
    count = sum(line.strip() == mutation.line for line in source.splitlines())
    return "" if count == 1 else f"{mutation.file}: {mutation.line!r} stands there {count} times, not once"


def survives(mutation: Mutation, copy: Path) -> bool:
    """Whether the fast tests pass although the mistake is made."""
    file = copy / "src" / "qsession_sim" / mutation.file
    source = file.read_text(encoding="utf-8")
    file.write_text(apply(source, mutation), encoding="utf-8")
    try:
        return _tests_pass(copy)
    finally:
        file.write_text(source, encoding="utf-8")


def _tests_pass(copy: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:xdist", "-p", "no:benchmark"]
    tests = [name for name in FAST_TESTS if (copy / name).is_dir()]
    # no compiled files: two mutants of one size in one second would look the same to Python
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy / "src")}
    done = subprocess.run(
        ["sh", "-c", LIMITS, "sh", *command, *tests],
        cwd=copy,
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 0


def chosen(words: list[str]) -> list[Mutation]:
    """The mutations that one of the words is about; all without words."""
    return [
        mutation
        for mutation in MUTATIONS
        if not words or any(word in mutation.file or word == mutation.rule for word in words)
    ]


def main() -> int:
    """Try the mutations and print what became of them."""
    mutations = chosen(sys.argv[1:])
    problems = [problem for mutation in mutations if (problem := stale(mutation))]
    if problems:
        print("\n".join(problems))
        return 1
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(WORKERS):
            copies.put(_copy_to(Path(directory) / str(number)))
        if not _tests_pass(Path(directory) / "0"):
            print("the tests fail without any mutation")
            return 1

        def attempt(mutation: Mutation) -> bool:
            copy = copies.get()
            try:
                return survives(mutation, copy)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(WORKERS) as workers:
            outcomes = []
            for mutation, survived in zip(mutations, workers.map(attempt, mutations), strict=True):
                outcomes.append(survived)
                _tell(mutation, survived=survived)
    unexpected = [
        m for m, survived in zip(mutations, outcomes, strict=True) if survived != bool(m.equivalent)
    ]
    print(
        f"{len(mutations)} mutations: {outcomes.count(False)} killed, {outcomes.count(True)} survived, "
        f"{len(unexpected)} of all not as explained; {time.monotonic() - begin:.0f} s"
    )
    return 1 if unexpected else 0


def _copy_to(copy: Path) -> Path:
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def _tell(mutation: Mutation, *, survived: bool) -> None:
    print(
        f"{'survived' if survived else 'killed':8} {mutation.rule:4} {mutation.file}: {mutation.replacement}"
    )
    if survived:
        print(f"         instead of: {mutation.line}")
        print(f"         {mutation.equivalent or 'NOT EXPLAINED'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
