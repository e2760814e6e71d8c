"""A move of code changes no digest: documents, runs, studies, public names and options are as they were.

A change that is meant to change one rewrites the files with `make_golden.py`, and its message says which and why.
"""

from __future__ import annotations

import pytest

from golden import make_golden as golden

DOCUMENTS = golden.read("documents")
RUNS = golden.read("runs")


@pytest.mark.parametrize("path", golden.documents(), ids=lambda path: path.stem)
def test_a_document_resolves_and_draws_as_before(path):
    assert golden.document_digests(path) == DOCUMENTS[path.relative_to(golden.ROOT).as_posix()]


@pytest.mark.parametrize("name", golden.runs())
def test_a_run_is_as_before(name):
    assert golden.run_digests(*golden.runs()[name]) == RUNS[name]


def test_every_document_and_run_has_digests():
    assert [path.relative_to(golden.ROOT).as_posix() for path in golden.documents()] == list(DOCUMENTS)
    assert list(golden.runs()) == list(RUNS)


def test_tasks_of_studies_have_the_ids_and_results_of_before():
    assert golden.study_digests() == golden.read("studies")


def test_public_names_are_those_of_before():
    assert golden.public_names() == golden.read("names")


def test_commands_have_the_options_of_before():
    assert golden.command_options() == golden.read("commands")
