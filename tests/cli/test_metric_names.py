"""`qsession-sim metrics`: every name that it lists can be measured, and nothing that can be is left out."""

from __future__ import annotations

import pytest

from qsession_sim.cli.main import main
from qsession_sim.experiment.metrics import look_up, names_of_metrics
from qsession_sim.experiment.simulate import simulate

SOURCE = {
    "qpus": [{"name": "a"}, {"name": "b"}],
    "accounts": [{"name": "lab", "allocation": "1h"}, {"name": "new.lab"}],
    "workload": [
        {
            "kind": "explicit",
            "name": "e",
            "jobs": [{"id": "j", "at": "1h", "account": "lab", "qpu_time": "1s"}],
        },
        {
            "kind": "iterative",
            "name": "vqe",
            "account": "new.lab",
            "clients": 2,
            "start": {"interarrival": "1m"},
            "iterations": 3,
            "think_time": "1s",
            "qpu_time": "1s",
        },
    ],
}


def test_every_listed_name_can_be_measured_in_a_whole_run():
    summary = simulate(SOURCE).summary()
    names = names_of_metrics(SOURCE)
    for name in (*names["short"], *names["paths"]):
        look_up(summary, name)


def test_no_number_of_a_whole_run_is_left_out():
    """Reasons are keys only where they occurred; each is a path all the same."""

    def paths(part, before=""):
        for key, value in part.items():
            if isinstance(value, dict):
                yield from paths(value, f"{before}{key}.")
            elif isinstance(value, (int, float)):
                yield f"{before}{key}"

    assert set(paths(simulate(SOURCE).summary())) <= set(names_of_metrics(SOURCE)["paths"])


def test_the_command_lists_names_with_their_units(capsys, scenario_file):
    file = scenario_file(
        "workload: [{kind: arrivals, account: lab, count: 3, interarrival: 1s, qpu_time: 1s}]\n"
    )
    assert main(["metrics", file]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["mean_waiting", "us"] in lines
    assert ["by_stream.arrivals.waiting_us.p95", "us"] in lines
    assert ["throughput_per_hour", "1/h"] in lines
    assert ["jain_index"] in lines
    assert lines[0] == ["Short", "names"]


@pytest.mark.parametrize("text", ["", "workload: 5\n"])
def test_a_scenario_that_cannot_be_used_is_refused(capsys, scenario_file, text):
    assert main(["metrics", scenario_file(text)]) == 2
    assert capsys.readouterr().out == ""
