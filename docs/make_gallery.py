"""Write the sections of `gallery.md`: of each shipped scenario its title, its picture and its own comment.

With `--check` nothing is written, and the exit status is 1 if the page is stale. The pictures are those of
`make_pictures.py`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import marked

from qsession_sim.scenario.load import load_scenario

PAGE: Final = Path(__file__).parent / "gallery.md"
SCENARIOS: Final = Path(__file__).parents[1] / "scenarios"
BEGIN: Final = "<!-- begin: written by make_gallery.py -->"
END: Final = "<!-- end: written by make_gallery.py -->"

ORDER: Final = (
    *("quickstart", "idle_session", "close_versus_cancel", "max_timeout", "polling"),
    *("vqe_modes", "course", "busy_day", "ibm_november_2023"),
)
"""From what can be followed by eye to days of a real QPU."""

COMMAND: Final = re.compile(
    r"qsession-sim [\w ]+?scenarios/\w+\.yaml|--set [\w.=-]*\w|--(?:hold|policy) \w+|--seed"
)


def comment_of(scenario: Path) -> str:
    """What a scenario says of itself on top, as Markdown: commands as code, rules and pages as links."""
    lines = scenario.read_text(encoding="utf-8").splitlines()
    above = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in above)
    text = COMMAND.sub(r"`\g<0>`", text.replace(" (rule numbers as in docs/semantics.md)", ""))
    text = re.sub(r"\bdocs/(\w+)\.md\b", r"[\1](\1.md)", text)
    return re.sub(r"\bS(\d+)\b", r"[S\1](semantics.md#s\1)", text)


def sections() -> Iterator[str]:
    """A section for each scenario."""
    for name in ORDER:
        path = SCENARIOS / f"{name}.yaml"
        title = load_scenario(path).resolved.title
        yield f"## {title}\n\n![What the QPU and the sessions did, over time](pictures/{name}.svg)\n"
        yield f"[`scenarios/{name}.yaml`](../scenarios/{name}.yaml)\n\n{comment_of(path)}\n"


def main(arguments: list[str]) -> int:
    """Write the page, or check it; returns the exit status."""
    text = PAGE.read_text(encoding="utf-8")
    fresh = marked.renew(text, BEGIN, END, "\n".join(sections()).strip())
    if arguments != ["--check"]:
        PAGE.write_text(fresh, encoding="utf-8", newline="\n")
    elif fresh != text:
        print(f"{PAGE.name} is stale; run {Path(__file__).name}", file=sys.stderr)
    return int(arguments == ["--check"] and fresh != text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
