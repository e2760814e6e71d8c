"""The one door through which commands print."""

from __future__ import annotations

import os
import subprocess
import sys


def test_what_is_printed_keeps_its_order_when_both_outputs_go_to_one_file(tmp_path):
    """As with `qsession-sim verify >log 2>&1`: standard output is buffered there, standard error is not."""
    program = "from qsession_sim.cli.terminal import note, say; say('table'); note('note'); say('end')"
    log = tmp_path / "log"
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with log.open("wb") as both:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, stdout=both, stderr=both, env=buffered, check=False)
    assert (done.returncode, log.read_text("utf-8")) == (0, "table\nnote\nend\n")
