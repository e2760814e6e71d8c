"""Take the picture of a report that the README begins with, in a headless Chromium; needs Pillow.

No test compares it, since fonts and browsers differ: run it when reports look different.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

import qsession_sim as qs

PICTURE: Final = Path(__file__).parent / "pictures" / "report.png"
SCENARIO: Final = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"
SIZE: Final = (1120, 660)
COLOURS: Final = 64
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def main() -> int:
    """Write the picture; returns the exit status."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"needs a browser: {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        page, taken = Path(folder, "report.html"), Path(folder, "report.png")
        qs.simulate(SCENARIO).report(page)
        size = f"--window-size={SIZE[0]},{SIZE[1]}"
        command = [browser, *FLAGS, f"--user-data-dir={folder}", size, f"--screenshot={taken}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a browser on this machine
        small = io.BytesIO()
        Image.open(taken).convert("RGB").quantize(COLOURS).save(small, "png", optimize=True)
    PICTURE.write_bytes(small.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
