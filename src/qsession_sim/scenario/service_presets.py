"""Service times of device families: data files of this package, each with its sources."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted.

    Example:
        >>> "heron" in preset_names()
        True
    """
    folder = files("qsession_sim.scenario") / "presets"
    return tuple(
        sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))
    )


@cache
def _text(name: str) -> str:
    return (files("qsession_sim.scenario") / "presets" / f"{name}.json").read_text(encoding="utf-8")


def read_preset(name: str) -> dict[str, Any]:
    """A preset: `title`, `sources`, and the keys of `service_time` that it stands for.

    Args:
        name: one of `preset_names()`.

    Example:
        >>> read_preset("heron")["service_time"]["overhead"]
        '2s'
    """
    preset: dict[str, Any] = json.loads(_text(name))
    return preset
