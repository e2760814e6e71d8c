"""`scenario validate | resolve | schema | explain`, `policies`, `--version`."""

from __future__ import annotations

import json

import pytest

from qsession_sim import __version__
from qsession_sim.cli.main import main
from qsession_sim.policies.registry import QUEUE_POLICIES
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.policies import HOLD_POLICIES, ROUTING_POLICIES
from qsession_sim.scenario.translation import json_schema


@pytest.mark.parametrize(
    ("compiled", "line"),
    [(True, "with the compiled kernel"), (False, "without a compiled kernel: SimPy simulates")],
)
def test_version_says_what_simulates(capsys, monkeypatch, compiled, line):
    monkeypatch.setattr("qsession_sim.kernel.columns.is_compiled", lambda: compiled)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"qsession-sim {__version__}\n{line}\n"


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


def test_explain_says_what_a_key_means_and_takes_and_where_it_is_described(capsys):
    assert main(["scenario", "explain", "qpus[0].lanes"]) == 0
    assert capsys.readouterr().out == (
        "qpus.lanes: the number of its execution lanes (S42)\n"
        "  takes a whole number from 1 to 1,000,000,000; default 5\n"
        "  docs/reference/keys.md#qpus-lanes\n"
    )


def test_explain_names_the_mappings_that_may_follow(capsys):
    assert main(["scenario", "explain", "workload.vqe.iterations"]) == 0
    assert capsys.readouterr().out == (
        "workload.iterative.iterations: the number of iterations of a client\n"
        "  takes a number above 0 or a distribution, and is required\n"
        "  with the keys of distribution.KIND\n"
        "  docs/reference/keys.md#workload-iterative-iterations\n"
    )


def test_explain_without_a_path_explains_the_outermost_keys(capsys):
    assert main(["scenario", "explain"]) == 0
    shown = capsys.readouterr().out.splitlines()
    first = [line.partition(":")[0] for line in shown if not line.startswith(" ")]
    assert first == list(json_schema()["properties"])


def test_explain_of_an_unknown_key_is_an_error_with_the_nearest(capsys):
    assert main(["scenario", "explain", "workload.arrivals.lod"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "qsession-sim scenario explain: Invalid value for PATH: no key of workload.arrivals is called 'lod'; "
        "did you mean 'load'? (see qsession-sim scenario explain --help)\n"
    )
