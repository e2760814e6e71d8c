"""For whom QPUs are reserved: accounts that exist and submit jobs under their own names (S52)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.reading import Part, part, parts, text


def reservation_contradictions(data: Part) -> Iterator[Problem]:
    """Find every reservation in a scenario's plain data that no job can be of."""
    sources = [source for _, source in parts(data, "workload")]
    populated = [source for source in sources if part(source, "users")]
    listed = [text(account, "name") for _, account in parts(data, "accounts")]
    any_name = not isinstance(data.get("accounts"), list)
    for path, qpu in parts(data, "qpus"):
        for place, window in parts(qpu, "windows", path):
            name, where = text(window, "account"), (*place, "account")
            if name is None:
                continue
            if any(_is_user(name, source) for source in populated):
                continue
            if name not in listed and not any_name:
                known = [known for known in listed if known is not None]
                yield unknown_name(where, "no account has this name", name, known)
            elif any(text(source, "account") == name for source in populated):
                yield from _stand_in(where, name, sources)


def _is_user(name: str, source: Part) -> bool:
    """Whether a name is that of one of a source's users."""
    account, count = text(source, "account"), part(source, "users").get("count")
    stem, dash, number = name.rpartition("-")
    if not dash or stem != account or not isinstance(count, int):
        return False
    # text is compared with text, since a number of thousands of digits is no int
    return number.isascii() and number.isdigit() and number[0] != "0" and _is_at_most(number, str(count))


def _is_at_most(number: str, most: str) -> bool:
    return (len(number), number) <= (len(most), most)


def _stand_in(path: Path, name: str, sources: Sequence[Part]) -> Iterator[Problem]:
    """An account that stands for users submits nothing itself, unless another source is its own."""
    for source in sources:
        own = [source, *(item for key in ("sessions", "jobs") for _, item in parts(source, key))]
        if not part(source, "users") and any(text(item, "account") == name for item in own):
            return
    what = f"stands for users, who are accounts of their own; name one of them, such as {name}-1"
    yield Problem(path, what, name)
