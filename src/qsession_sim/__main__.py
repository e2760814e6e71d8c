"""`python -m qsession_sim`: the same as `qsession-sim`."""

from __future__ import annotations

from qsession_sim.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
