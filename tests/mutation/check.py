"""Make each scripted mistake in a copy of the project and see whether the fast tests notice.

The tests that are most likely to notice it are tried first, and all fast ones only if those pass: `python -m
mutation.check`, in `tests/`, takes some minutes. Give parts of file names or rules, such as `windows.py` or `S52`,
to try only those. The exit status is 1 if a mutant survives that is not explained, or one dies that is said to be
equivalent.
"""

from __future__ import annotations

import compileall
import py_compile
import queue
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from .mutation import Mutation
from .mutations import MUTATIONS
from .trial import SAID, STOPPED, failure

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "qsession_sim"
FAST_TESTS = ("tests/scheduler", "tests/policies", "tests/kernel", "tests/model")  # the slow ones last
WORKERS = 2


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


def tried_first(mutation: Mutation) -> tuple[str, ...]:
    """The tests that the mutation names, and of those of the scheduler the file that says its rule most often."""
    return (*mutation.noticed_by, _tests_of(mutation.rule))


@cache
def _tests_of(rule: str) -> str:
    said = re.compile(rf"\b{rule}\b|_{rule.lower()}_")
    files = sorted((ROOT / "tests" / "scheduler").glob("test_*.py"))
    return str(max(files, key=lambda file: len(said.findall(file.read_text("utf-8")))).relative_to(ROOT))


def fast_tests(mutation: Mutation) -> tuple[str, ...]:
    """All that may notice a mistake: where the kernel is not compiled, only tests of its own run it."""
    return ("tests/kernel",) if mutation.file.startswith("kernel/") else FAST_TESTS


def noticed_by(mutation: Mutation, copy: Path) -> str | None:
    """The first test that fails with the mistake made, and None if all of them pass."""
    file = copy / "src" / "qsession_sim" / mutation.file
    source = file.read_text(encoding="utf-8")
    file.write_text(apply(source, mutation), encoding="utf-8")
    try:
        if mutation.equivalent:  # more examples would not show what none can
            return failure(copy, fast_tests(mutation), seconds=300)
        first = failure(copy, tried_first(mutation), seconds=10)
        return first or failure(copy, fast_tests(mutation), seconds=300, examples="thorough")
    finally:
        file.write_text(source, encoding="utf-8")


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
        copies = [_copy_to(Path(directory) / str(number)) for number in range(WORKERS)]
        if failed := _failures_without_any(mutations, copies):
            print(f"without any mutation, this fails: {failed}")
            return 1
        survivors = unexpected = 0
        for mutation, test in zip(mutations, _outcomes(mutations, copies), strict=True):
            _tell(mutation, test)
            survivors += test is None
            unexpected += (test is None) != bool(mutation.equivalent)
    print(
        f"{len(mutations)} mutations: {len(mutations) - survivors} killed, {survivors} survived, "
        f"{unexpected} of all not as explained; {time.monotonic() - begin:.0f} s"
    )
    return 1 if unexpected else 0


def _failures_without_any(mutations: list[Mutation], copies: list[Path]) -> str:
    """What the tests that are tried first say where all is right, if one fails: each copy runs a part of them."""
    named = sorted({test for mutation in mutations for test in tried_first(mutation)})

    def attempt(number: int) -> str:
        copy, part = copies[number], named[number :: len(copies)]
        test = part and failure(copy, part, seconds=300)
        return f"{test}\n{(copy / SAID).read_text('utf-8')}" if test else ""

    with ThreadPoolExecutor(len(copies)) as workers:
        return "".join(workers.map(attempt, range(len(copies))))


def _outcomes(mutations: list[Mutation], copies: list[Path]) -> Iterator[str | None]:
    """Which test notices each, in their order."""
    free: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def attempt(mutation: Mutation) -> str | None:
        copy = free.get()
        try:
            return noticed_by(mutation, copy)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as workers:
        yield from workers.map(attempt, mutations)


def _copy_to(copy: Path) -> Path:
    # mutants of what is compiled would not run
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "docs").symlink_to(ROOT / "docs")  # which tests read
    # by what is in a file: two mutants of one size in one second would look the same
    compileall.compile_dir(copy, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    return copy


def _tell(mutation: Mutation, test: str | None) -> None:
    by_others = test is not None and not test.startswith((*tried_first(mutation), STOPPED))
    what = f"killed by {test}, which is not tried first:" if by_others else "killed  " if test else "survived"
    print(f"{what} {mutation.rule:4} {mutation.file}: {mutation.replacement}", flush=True)
    if test is None:
        print(f"         instead of: {mutation.line}")
        print(f"         {mutation.equivalent or 'NOT EXPLAINED'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
