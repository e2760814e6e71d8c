"""Run the commands on pages of the documentation, and write beside each what it prints; about half a minute.

On such a page, a fenced block `sh` with one command is followed by a fenced block `text`. The output of an
example follows its name in a comment. With `--check` nothing is written, and the exit status is 1 if one is
stale.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parent
PAGES: Final = (
    *("../README.md", "start.md", "experiments.md", "interactive_timeout.md", "first_policy.md"),
    *("vqe_tutorial.md", "howto/latex.md"),
)
SHOWN: Final = re.compile(
    r"^```sh\n(qsession-sim [^`]*)\n```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
EXAMPLE: Final = re.compile(r"^<!-- (examples/\w+\.out) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """A command or an example on a page, and what stands beside it."""

    page: str
    command: str
    output: str

    def fresh(self) -> str:
        """What should stand beside it."""
        if self.command.startswith("examples/"):
            return (DOCS / self.command).read_text(encoding="utf-8")
        return printed(self.command)


def shown_commands() -> Iterator[Shown]:
    """All of them, page by page."""
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for pattern in (SHOWN, EXAMPLE):
            yield from (Shown(page, found[1], found[2]) for found in pattern.finditer(text))


def printed(command: str) -> str:
    """What a command prints in the directory above, 100 characters wide.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    if program != "qsession-sim":
        raise ValueError(f"not a command of this program: {command}")
    surroundings = {
        name: value for name, value in os.environ.items() if name not in {"COLUMNS", "FORCE_COLOR"}
    }
    done = subprocess.run(  # noqa: S603 - the commands are those on the pages
        [sys.executable, "-m", "qsession_sim", *arguments],
        capture_output=True,
        check=True,
        cwd=DOCS.parent,
        env={**surroundings, "PYTHONIOENCODING": "utf-8"},
    )
    return done.stdout.decode("utf-8")


def main(arguments: list[str]) -> int:
    """Write the outputs, or check them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether outputs are stale")
    options = parser.parse_args(arguments)
    stale = 0
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        fresh = text
        for pattern in (SHOWN, EXAMPLE):
            fresh = pattern.sub(lambda found: _renewed(page, found), fresh)  # noqa: B023 - called at once
        stale += fresh != text
        if not options.check:
            (DOCS / page).write_text(fresh, encoding="utf-8", newline="\n")
        elif fresh != text:
            print(f"{page} is stale; run {Path(__file__).name}", file=sys.stderr)
    return int(options.check and stale > 0)


def _renewed(page: str, found: re.Match[str]) -> str:
    output = Shown(page, found[1], found[2]).fresh()
    return found[0][: found.start(2) - found.start()] + output + "```"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
