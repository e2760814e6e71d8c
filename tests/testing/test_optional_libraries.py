"""Without Hypothesis or pytest the rest works, and what needs them says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import qsession_sim as qs

SCRIPT = """
import sys
sys.path.insert(0, {source!r})
sys.modules[{missing!r}] = None
import qsession_sim.testing as testing
testing.check_invariants, testing.write_yaml
try:
    testing.{name}
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("scenarios", "hypothesis", "testing"),
        ("workloads", "hypothesis", "testing"),
        ("commands", "hypothesis", "testing"),
        ("check_policy", "hypothesis", "testing"),
        ("policy_machine", "hypothesis", "testing"),
        ("parametrize_policies", "pytest", "testing"),
        ("SimulatedService", "uvicorn", "serve"),
    ],
)
def test_what_is_missing_is_told(name, missing, extra):
    script = SCRIPT.format(source=str(Path(qs.__file__).parents[1]), missing=missing, name=name)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == (
        "",
        f"qsession_sim.testing.{name} needs {missing}, which is not installed; pip install 'qsession-sim[{extra}]'\n",
    )


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'check_all'"):
        _ = qs.testing.check_all
