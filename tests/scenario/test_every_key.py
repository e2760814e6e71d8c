"""Every key that people can write arrives in the resolved form, of all models of a scenario.

The models are those of the published JSON Schema; the documents are the corpus, the shipped scenarios, and those in
`every_key`, which give what the others leave out. Together they must give every key and every word that the schema
knows. So a new key asks for a document, and the document shows whether resolution keeps the key.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest
from published_schema import Place, everything, uses
from ruamel.yaml import YAML

import qsession_sim as qs
from qsession_sim.clients.thin import Sampler
from qsession_sim.testing import check_invariants

HERE = Path(__file__).parent
ADDED = sorted((HERE / "every_key").glob("*.yaml"))
DOCUMENTS = [
    *ADDED,
    *sorted((HERE / "valid").glob("*.yaml")),
    *sorted((HERE.parents[1] / "scenarios").glob("*.yaml")),
]

REPLACED: Final = {
    "Arrivals.load": "interarrival, or a factor on rates and bursts",
    "ServiceTime.preset": "the numbers of the preset",
    "ServiceTime.file": "coefficients, and the digest in fit",
    "ServiceTime.columns": "the same",
    "ResidualNoise.kind": "the factors that were measured",
    "Empirical.file": "values",
    "EmpiricalNoise.file": "values",
    **{
        f"Columns.{key}": "see ServiceTime.columns"
        for key in ("time", "shots", "circuits", "qubits", "depth")
    },
}
"""Keys that never arrive, and what takes their place."""

SOMETIMES_REPLACED: Final = {
    "Job.after": "its names, each once",
    "Session.close_after": "close, where created is given",
    "Session.cancel_after": "cancel, where created is given",
    "Arrivals.estimate": "nothing, where it is perfect",
    "Iterative.estimate": "nothing, where it is perfect",
    "Estimate.method": "nothing, where it is perfect",
    "Phase.per_hour": "a multiple, where load is given",
    "Rate.per_hour": "a multiple, where load is given",
    "Trace.max_execution_time": "nothing, where it is none",
}
"""Keys that arrive in some documents, and what takes their place in others."""

WITHOUT_CHOICE: Final = {"qsession-sim scenario.schema_version"}
"""Keys that have the same value in every document."""


@lru_cache
def written(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


@lru_cache
def resolved_form(path: Path) -> dict[str, Any]:
    return qs.load_scenario(path).dump()


def at(place: Place, document: Any) -> Any:
    """What stands at a place; None where there is nothing."""
    for step in place:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        else:
            document = document[step] if isinstance(document, list) and step < len(document) else None
    return document


def arrives(value: Any, resolved: Any) -> bool:
    """Whether a value is there, in whatever spelling. What is in a mapping is asked key by key."""
    if isinstance(value, dict):
        return isinstance(resolved, dict)
    if isinstance(resolved, dict):  # the value is a short spelling
        return any(arrives(value, item) for item in resolved.values())
    if isinstance(value, list):
        return (
            isinstance(resolved, list) and len(value) == len(resolved) and all(map(arrives, value, resolved))
        )
    if isinstance(resolved, str):
        return str(value) == resolved or is_same_time(value, resolved)
    return value == resolved and isinstance(value, bool) == isinstance(resolved, bool)


def is_same_time(value: Any, resolved: str) -> bool:
    if isinstance(value, date):
        instant = value if isinstance(value, datetime) else datetime.combine(value, time())
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware == datetime.fromisoformat(resolved)
    with contextlib.suppress(qs.QSessionError):
        return qs.parse_duration(value) == qs.parse_duration(resolved)
    return False


def all_given() -> dict[str, list[tuple[Path, Place]]]:
    """Where documents give each key, and each word of the keys that choose between words."""
    found: dict[str, list[tuple[Path, Place]]] = {}
    for path in DOCUMENTS:
        for name, place in uses(written(path)):
            found.setdefault(name, []).append((path, place))
    return found


GIVEN: Final = all_given()
ARRIVED: Final = {
    name: {arrives(at(place, written(path)), at(place, resolved_form(path))) for path, place in places}
    for name, places in GIVEN.items()
}


def makes_a_difference(path: Path, place: Place) -> bool:
    """Whether a document without a key resolves to something else, or to nothing, as the key is needed."""
    document = YAML(typ="safe", pure=True).load(path)
    del at(place[:-1], document)[place[-1]]
    try:
        return qs.load_scenario(document).dump() != resolved_form(path)
    except qs.ScenarioError:
        return True


def test_some_document_gives_every_key_and_every_word():
    assert sorted(everything() - GIVEN.keys()) == []


def test_what_is_given_arrives_in_the_resolved_form():
    lost = {name.partition("=")[0] for name, arrived in ARRIVED.items() if False in arrived}
    assert sorted(lost - REPLACED.keys() - SOMETIMES_REPLACED.keys()) == []


def test_what_is_replaced_is_still_so():
    """Both lists are as short as they can be, and nothing on the second one is always lost."""
    assert {name: ARRIVED[name] for name in REPLACED} == {name: {False} for name in REPLACED}
    assert {name: ARRIVED[name] for name in SOMETIMES_REPLACED} == {
        name: {True, False} for name in SOMETIMES_REPLACED
    }


@pytest.mark.parametrize("model", sorted({name.partition(".")[0] for name in GIVEN}))
def test_without_a_key_a_document_resolves_to_something_else(model, monkeypatch):
    """What arrived was what the document gives, and not a default."""
    idle = []
    for name, places in GIVEN.items():
        if name.startswith(f"{model}.") and "=" not in name and name not in WITHOUT_CHOICE:
            for path, place in places:
                monkeypatch.chdir(path.parent)
                if makes_a_difference(path, place):
                    break
            else:
                idle.append(name)
    assert idle == []


@pytest.mark.parametrize("path", ADDED, ids=lambda path: path.stem)
def test_documents_with_all_keys_can_be_simulated(path):
    """Those of the corpus are simulated with the golden digests. A program is bound to each source of one."""
    scenario = qs.load_scenario(path)
    sources = [source.name for source in scenario.resolved.workload if source.kind == "program"]
    check_invariants(qs.simulate(scenario, programs=dict.fromkeys(sources, one_job)))


def one_job():
    Sampler().run(qpu_time="5s").result()
