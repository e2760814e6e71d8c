"""Write the tables and figures of `verification.md`: run the whole verification, about a minute.

With `--check` nothing is written, and the exit status is 1 if a table is stale. Figures need matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import marked

from qsession_sim.verification.figures import figures
from qsession_sim.verification.report import markdown, verification_document
from qsession_sim.verification.suite import Verification, verify

PAGE: Final = Path(__file__).parent / "verification.md"
FIGURES: Final = Path(__file__).parent / "verification"
BEGIN: Final = "<!-- begin: written by make_verification.py -->"
END: Final = "<!-- end: written by make_verification.py -->"


def main(arguments: list[str]) -> int:
    """Write the page and its figures, or check it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the tables are stale")
    options = parser.parse_args(arguments)
    found = verify(progress=lambda name: print(name, file=sys.stderr))
    text = PAGE.read_text(encoding="utf-8")
    fresh = renew(text, found)
    if options.check:
        if text != fresh:
            print(f"{PAGE.name} is stale; run {Path(__file__).name}", file=sys.stderr)
        return int(text != fresh)
    PAGE.write_text(fresh, encoding="utf-8", newline="\n")
    FIGURES.mkdir(exist_ok=True)
    for name, content in figures(found).items():
        (FIGURES / name).write_bytes(content)
    return 0


def renew(text: str, found: Verification) -> str:
    """Put what was found between the markers of a page."""
    comparisons, identities, verdict = verification_document(found)
    return marked.renew(text, BEGIN, END, markdown([verdict, comparisons, identities]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
