"""`scenario validate | resolve | schema`, `policies`, `--version`."""

from __future__ import annotations

import json

import pytest

from qsession_sim import __version__
from qsession_sim.cli.main import main
from qsession_sim.policies.registry import QUEUE_POLICIES
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.policies import HOLD_POLICIES, ROUTING_POLICIES
from qsession_sim.scenario.translation import json_schema


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"qsession-sim {__version__}\n"


def test_validate(capsys, quickstart):
    assert main(["scenario", "validate", quickstart]) == 0
    assert capsys.readouterr().out == f"{quickstart}: ok\n"


OLD_QISKIT = """\
accounts: [{name: lab, client: {qiskit: 0.44.3}}]
workload: [{kind: arrivals, account: lab, interarrival: 5s, count: 1, qpu_time: 1s}]
"""


@pytest.mark.parametrize(
    ("command", "told"),
    [(["scenario", "validate"], True), (["run"], True), (["run", "--quiet"], False)],
)
def test_old_qiskit_is_a_warning_on_standard_error(capsys, scenario_file, command, told):
    """S23"""
    name = scenario_file(OLD_QISKIT)

    assert main([*command, name]) == 0

    warning = f"warning: {name}:1:41: accounts.lab.client.qiskit: since April 2024 the service asks for Qiskit 0.45.0"
    assert capsys.readouterr().err == (f"{warning} or later (got '0.44.3')\n" if told else "")


def test_resolve_prints_the_resolved_form(capsys, quickstart):
    assert main(["scenario", "resolve", quickstart]) == 0
    assert capsys.readouterr().out == load_scenario(quickstart).to_json()


def test_resolve_applies_settings_and_seed(capsys, quickstart):
    arguments = ["--set", "horizon=90s", "--set", "policies.hold=none", "--seed", "3"]
    assert main(["scenario", "resolve", quickstart, *arguments]) == 0
    resolved = json.loads(capsys.readouterr().out)
    assert (resolved["horizon"], resolved["policies"]["hold"]["name"], resolved["seed"]) == (
        "1m30s",
        "none",
        3,
    )


def test_what_resolve_prints_can_be_run(capsys, quickstart, tmp_path):
    main(["scenario", "resolve", quickstart])
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(capsys.readouterr().out, encoding="utf-8")
    outputs = []
    for name in (quickstart, str(resolved)):
        assert main(["run", name]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_json_is_utf_8_in_every_locale(capsysbinary, scenario_file, encoding):
    import sys

    name = scenario_file('title: "Grüße \\u2713"\nworkload: []\n')
    sys.stdout.reconfigure(encoding=encoding)
    assert main(["scenario", "resolve", name]) == 0
    assert json.loads(capsysbinary.readouterr().out.decode("utf-8"))["title"] == "Grüße ✓"


def test_schema(capsys):
    assert main(["scenario", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


@pytest.mark.parametrize("width", ["40", "120"])
def test_policies_are_all_listed_with_their_summaries(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    assert main(["policies"]) == 0
    output = capsys.readouterr().out
    assert max(len(line) for line in output.splitlines()) <= int(width)
    words = output.split()
    for policy in (*QUEUE_POLICIES.values(), *HOLD_POLICIES.values(), *ROUTING_POLICIES.values()):
        assert policy.name in words
        assert set(policy.summary.split()) <= set(words)
