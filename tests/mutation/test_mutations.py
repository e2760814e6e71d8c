"""Every scripted mutation still fits the source; the slow part is `check.py`."""

from __future__ import annotations

import pytest

from .check import PACKAGE, ROOT, apply, stale, tried_first
from .mutation import Mutation
from .mutations import MUTATIONS

FOLDERS = ("scheduler", "kernel", "policies")


def test_every_line_that_is_mutated_stands_in_the_source_exactly_once():
    assert [problem for mutation in MUTATIONS if (problem := stale(mutation))] == []


def test_every_mutant_is_a_program():
    for mutation in MUTATIONS:
        compile(apply((PACKAGE / mutation.file).read_text(encoding="utf-8"), mutation), mutation.file, "exec")


def test_there_are_at_least_sixty_and_no_two_are_the_same():
    mistakes = {(mutation.file, mutation.line, mutation.replacement) for mutation in MUTATIONS}
    assert len(mistakes) == len(MUTATIONS)
    assert len(MUTATIONS) >= 60


def test_every_file_of_scheduler_kernel_and_policies_has_one():
    files = {f"{folder}/{path.name}" for folder in FOLDERS for path in (PACKAGE / folder).glob("*.py")}
    without = {f"{folder}/__init__.py" for folder in FOLDERS} | {mutation.file for mutation in MUTATIONS}
    assert files - without == set()


def test_contributors_are_told_how_many_there_are():
    assert f"a list of {len(MUTATIONS)} single-line mistakes" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_tests_that_are_tried_first_are_there():
    files = {file for mutation in MUTATIONS for file in mutation.noticed_by}
    assert [file for file in sorted(files) if not (ROOT / file).is_file()] == []


def test_what_says_the_rule_is_tried_after_what_is_named():
    mutation = Mutation(
        "scheduler/x.py", "b = 1", "b = 2", "S52", noticed_by=("tests/kernel/test_engine.py",)
    )
    assert tried_first(mutation) == ("tests/kernel/test_engine.py", "tests/scheduler/test_windows.py")


def test_only_the_line_is_replaced_and_keeps_its_indentation():
    mutation = Mutation("scheduler/x.py", "b = 1", "b = 2", "S1")
    assert apply("a = 0\n    b = 1\nab = 1\n", mutation) == "a = 0\n    b = 2\nab = 1\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no such line", "scheduler/agenda.py: 'no such line' stands there 0 times, not once"),
        ("return None", "scheduler/agenda.py: 'return None' stands there 3 times, not once"),
    ],
)
def test_a_mutation_that_no_longer_fits_is_told(line, problem):
    mutation = Mutation("scheduler/agenda.py", line, "pass", "S3")
    assert stale(mutation) == problem
    with pytest.raises(ValueError, match="not once"):
        apply((PACKAGE / mutation.file).read_text(encoding="utf-8"), mutation)
