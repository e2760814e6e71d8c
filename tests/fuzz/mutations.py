"""Mutations of data, texts and bytes: each is determined by the random numbers it is given."""

from __future__ import annotations

import copy
import json

LONG_NUMBER = f"0x{'f' * 4000}"
_NUMBER_MARK = "\ue0f0"
"""Stands for the long number, which Python does not write in decimal digits."""

VALUES = (
    None, True, False, 0, -1, 1, 2, 7, 1.5, -0.0, 1e308, 1e-308, float("nan"), float("inf"), 10**12, 2**31, 2**62,
    2**63, 2**64, 2**127, 2**128, 10**30, _NUMBER_MARK, [], {}, [[]], [None], ["exponential"], [1, 2], {"kind": "constant"},
    {"kind": "exponential", "mean": "5s"}, {"kind": ["exponential"]}, {"": 1}, {"name": "x"}, "", " ", "x", "0", "1", "0s",
    "1us", "0.1us", "5s", "-5s", "1.5h", "1h30m", "5", "1e3s", "1e400s", "500000w", "999999999999w", "1d", "never", "none",
    "null", "random", "fifo", "fair_share", "adaptive", "2024-04", "2023-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2024-02-30", "2024-04-02T08:00:00+25:00", "~", "*a", "&a 1", "!!python/object:os.system", "<<", "a.b", "a/b", "../x",
    "/dev/null", "/", "\x00", "\x1b]0;x\x07", "\ud83d", "\u202e", "é", "量子", "a$^$", "=1+1", "%s", "{}", "x" * 3000,
    " x", "x\ny", "mean_waiting",
)  # fmt: skip
"""What may stand where something else belongs."""


def paths(data, path=()):
    """Of everything in the data, the root first."""
    yield path
    for key, item in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        yield from paths(item, (*path, key))


def at(data, path):
    """The part of the data there."""
    for key in path:
        data = data[key]
    return data


def mutated(data, random, donors=()):
    """A copy of the data with one to three changes, mostly one."""
    data = copy.deepcopy(data)
    for _ in range(random.choice((1, 1, 1, 1, 1, 2, 3))):
        data = _changed(data, random, donors)
    return data


def _changed(data, random, donors):
    path = random.choice([*paths(data)])
    if not path:
        return random.choice(VALUES) if random.random() < 0.05 else data
    around, key = at(data, path[:-1]), path[-1]
    old = around[key]
    change = random.randrange(15)
    if change < 4:
        around[key] = random.choice(VALUES)
    elif change >= 10:  # what a scenario may have there, even if not with the rest
        alike = [value for donor in donors for value in _under(donor, key)]
        around[key] = copy.deepcopy(random.choice(alike or VALUES))
    elif change == 4:
        del around[key]
    elif change == 5:
        around[key] = random.choice(([old], [old, old], {"kind": old}, {"value": old}, {str(key): old}))
    elif change == 6 and isinstance(old, (int, float)) and not isinstance(old, bool):
        around[key] = random.choice((-old, old + 1, old * 10, old * 1000, old + 0.5, float(old), str(old)))
    elif change == 7:
        other = random.choice([*paths(data)])
        around[key] = copy.deepcopy(at(data, other))
    elif change == 8 and donors:
        donor = random.choice(donors)
        around[key] = copy.deepcopy(at(donor, random.choice([*paths(donor)])))
    elif isinstance(around, dict):
        donor = random.choice(donors) if donors else data
        keys = [step for found in paths(donor) for step in found[-1:] if isinstance(step, str)]
        around[random.choice((f"{key}x", key.upper(), *keys[:40], "\x9b", "x" * 3000))] = around.pop(key)
    else:
        around.insert(key, copy.deepcopy(old))
    if change == 9 and random.random() < 0.1:
        for _ in range(60):
            around[key if isinstance(around, list) else "deep"] = {"deep": old}
            old = around[key if isinstance(around, list) else "deep"]
    return data


def _under(data, key):
    """All values of a key."""
    if isinstance(data, dict) and key in data and isinstance(key, str):
        yield data[key]
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _under(item, key)


def written(data):
    """The data as JSON, which is YAML."""
    text = json.dumps(data, indent=1, default=str)
    for name, mark in (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf")):
        text = text.replace(f": {name}", f": {mark}")
    return text.replace(json.dumps(_NUMBER_MARK), LONG_NUMBER)


def mutated_text(text, random):
    """A text with one to three changes of its characters or lines."""
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(text) + 1)
        lines = text.splitlines(keepends=True) or [""]
        line = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                text = text[:place] + text[place + random.choice((1, 1, 1, 5, 50)) :]
            case 1:
                text = text[:place] + random.choice(("\t", "\x00", ":", ": ", "- ", "{", "]", '"', "'", "#", "&a ", "*a", "\n", ",", "\ufeff", "\x85", "--- ", "%YAML 1.1\n", "? ", "9" * 5000)) + text[place:]  # fmt: skip
            case 2:
                text = "".join([*lines[:line], *lines[line + 1 :]])
            case 3:
                text = "".join([*lines[: line + 1], lines[line], *lines[line + 1 :]])
            case 4:
                text = text[:place]
            case _:
                other = random.randrange(len(lines))
                lines[line], lines[other] = lines[other], lines[line]
                text = "".join(lines)
    return text


def mutated_fields(text, separator, random):
    """Lines of fields, some of which are others."""
    lines = [line.split(separator) for line in text.splitlines()]
    for _ in range(random.choice((1, 1, 2, 5))):
        fields = random.choice(lines[: random.choice((2, len(lines)))])
        place = random.randrange(len(fields))
        value = random.choice(
            (*VALUES, "-1", "-5", "1.25", "1e18", "9" * 30, '"', '"a', "a,b", "inf", "nan", "0x10")
        )
        value = "" if value is None else str(value).replace("\ud83d", "�").replace("\n", " ")
        fields[place] = random.choice(
            (value, value, value, fields[place] * 2, f"{fields[place]}{separator}", "")
        )
    return "\n".join(separator.join(fields) for fields in lines) + "\n"


def mutated_bytes(content, random):
    """Bytes of which some are others, or the end is missing."""
    content = bytearray(content)
    if random.random() < 0.3:
        del content[random.randrange(len(content) + 1) :]
    for _ in range(random.choice((0, 1, 1, 3, 30))):
        if content:
            content[random.randrange(len(content))] = random.randrange(256)
    return bytes(content)
