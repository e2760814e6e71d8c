"""Every document of the corpus: valid ones with their resolved twin, invalid ones with every message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.yaml"))
INVALID = sorted((HERE / "invalid").glob("*.yaml"))


def names(paths):
    return [path.stem for path in paths]


@pytest.mark.parametrize("path", VALID, ids=names(VALID))
def test_valid_document_resolves_to_its_twin(path):
    twin = path.with_suffix(".resolved.json").read_text(encoding="utf-8")

    assert load_scenario(path).to_json() == twin


@pytest.mark.parametrize("path", VALID, ids=names(VALID))
def test_resolved_form_resolves_to_itself(path, monkeypatch):
    monkeypatch.chdir(path.parent)  # where the names of traces start
    once = load_scenario(path)

    twice = load_scenario(once.dump())

    assert twice.resolved == once.resolved
    assert twice.to_json() == once.to_json()


@pytest.mark.parametrize("path", VALID, ids=names(VALID))
def test_resolved_twin_is_itself_a_scenario_file(path):
    twin = path.with_suffix(".resolved.json")

    assert load_scenario(twin).to_json() == twin.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", INVALID, ids=names(INVALID))
def test_invalid_document_gives_exactly_these_messages(path, monkeypatch):
    monkeypatch.chdir(path.parent)

    with pytest.raises(ScenarioError) as caught:
        load_scenario(path.name)

    assert (
        list(caught.value.problems) == path.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    )


def test_corpus_is_complete():
    assert len(INVALID) >= 45
    assert names(INVALID) == sorted(path.stem for path in (HERE / "invalid").glob("*.expected"))
    assert names(VALID) == sorted(
        path.name.split(".")[0] for path in (HERE / "valid").glob("*.resolved.json")
    )


def test_twins_are_written_as_the_program_writes_json():
    for path in VALID:
        text = path.with_suffix(".resolved.json").read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
