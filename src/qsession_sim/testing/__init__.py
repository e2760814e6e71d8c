"""Public help for tests: invariants of finished runs. Names are imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_HOME: Final = {
    "check_invariants": "qsession_sim.testing.invariants",
}

__all__ = ["check_invariants"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
