"""`qsession-sim compare --without`: what it prints, keeps and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.errors import StudyError
from qsession_sim.testing import write_yaml

# s runs a to 2 and holds the QPU to 12; b comes at 1
HELD: dict[str, Any] = {
    "title": "Held",
    "seed": 5,
    "workload": [
        {
            "kind": "explicit",
            "sessions": [{"id": "s", "account": "lab", "interactive_timeout": "10s"}],
            "jobs": [
                {"id": "a", "session": "s", "at": "0s", "qpu_time": "2s"},
                {"id": "b", "account": "other", "at": "1s", "qpu_time": "2s"},
            ],
        }
    ],
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "held.yaml"
    path.write_text(write_yaml(HELD), encoding="utf-8")
    return str(path)


def ended(capsys, *arguments):
    """Status, standard output and standard error."""
    status = main(arguments)
    output = capsys.readouterr()
    return status, output.out, output.err


def test_the_command_says_who_waited_longer_and_how_to_read_it(capsys, file):
    status, out, err = ended(capsys, "compare", file, "--without", "s")
    assert (status, err) == (0, "")
    assert out == qs.externality(file, session="s").summary_text() + "\n"
    assert (
        out
        == """\
Held
With session 's' (1 job) and without it; queue fifo, hold exclusive, seed 5
1 of 1 other job started in both runs: 1 waited longer with it, 0 less

What others waited, by source
source    jobs  longer  less  mean wait  without it  difference  together
explicit     1       1     0       11 s         0 s       +11 s     +11 s

Other jobs
job  source    waits  without it  difference
b    explicit   11 s         0 s       +11 s

A difference is the wait of a job with it minus the wait of the same job without it. Above 0 the job
waited longer for it; below 0 it waited less, as when what it delayed had been ahead in the queue.
Jobs that follow others may be submitted at other times in the two runs.
Others waited 10 s together while it held the idle QPU. The differences add up to 11 s: they also
count its jobs on the QPU, and whom others would have waited for without it.
"""
    )


def test_other_formats(capsys, file):
    out = ended(capsys, "compare", file, "--without", "s", "--format", "csv")[1]
    assert out == "job,source,waits [s],without it [s],difference [s]\nb,explicit,11,0,11\n"
    out = ended(capsys, "compare", file, "--without", "s", "--format", "markdown", "--table", "sources")[1]
    assert out.splitlines()[0].split(" | ")[0].strip("| ") == "source"


def test_the_command_in_the_result_gives_the_same(capsys, file):
    options = (
        "--engine",
        "simpy",
        "--policy",
        "lifo",
        "--hold",
        "shared",
        "--seed",
        "9",
        "--set",
        "horizon=1h",
    )
    status, out, _ = ended(capsys, "compare", file, "--without", "s", *options, "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert document["command"] == (
        f"qsession-sim compare {file} --without session=s --seed 9 --set horizon=1h --policy lifo --hold shared"
    )
    again = ended(capsys, *document["command"].split()[1:], "--format", "json")[1]
    assert again == out
    assert document["jobs"] == [
        {
            "job": "b",
            "account": "other",
            "stream": "explicit",
            "session": None,
            "mode": "job",
            "waiting_us": 1_000_000,  # shared: b runs while s thinks
            "waiting_without_us": 0,
            "difference_us": 1_000_000,
        }
    ]


def test_both_runs_are_saved(capsys, file, tmp_path):
    place = tmp_path / "out"
    status, _, err = ended(capsys, "compare", file, "--without", "s", "-o", str(place))
    assert (status, err) == (0, f"saved in {place}\n")
    assert qs.load(place / "with").jobs.equals(qs.simulate(file).jobs)
    other = qs.load(place / "without")
    assert (other.jobs.height, other.provenance["without"]) == (1, {"session": "s"})
    assert "without" not in qs.load(place / "with").provenance
    first = (place / "externality.json").read_bytes()
    assert ended(capsys, "compare", file, "--without", "s", "-o", str(place))[0] == 0
    assert (place / "externality.json").read_bytes() == first
    with pytest.raises(StudyError, match="holds two runs of compare --without"):
        qs.load(place)
    (place / "mine.txt").write_text("")
    status, out, err = ended(capsys, "compare", file, "--without", "s", "-o", str(place))
    assert (status, out) == (2, "")
    assert err == f"qsession-sim: {place} holds 'mine.txt'; choose a directory that does not exist\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--replications", "3"), "--replications: is for studies of many runs; --without compares two runs"),
        (("--baseline", "fifo"), "--baseline: is for studies of many runs"),
        (("--workers", "2"), "--workers: is for studies of many runs"),
        (("--metric", "done"), "--metric: is for studies of many runs"),
        (("--policy", "fifo", "--policy", "lifo"), "--policy: both runs have the same; give it once"),
        (("--table", "jobs"), "--table: is for one table"),
    ],
)
def test_options_of_studies_are_refused(capsys, file, options, message):
    status, out, err = ended(capsys, "compare", file, "--without", "s", *options)
    assert (status, out) == (2, "")
    assert message in err


def test_names_of_both_a_session_and_a_source(capsys, tmp_path):
    path = tmp_path / "both.yaml"
    source = {**HELD["workload"][0], "name": "s"}
    path.write_text(write_yaml({**HELD, "workload": [source]}), encoding="utf-8")
    status, _, err = ended(capsys, "compare", str(path), "--without", "s")
    assert status == 2
    assert err == ("qsession-sim: both a session and a source are called 's'; write session=s or stream=s\n")
    assert ended(capsys, "compare", str(path), "--without", "session=s")[0] == 0
    out = ended(capsys, "compare", str(path), "--without", "stream=s")[1]
    assert "source 's' (2 jobs)" in out
    assert ended(capsys, "compare", str(path), "--without", "t")[2].startswith(
        "qsession-sim: no session or source is called 't'; there are s"
    )


def test_what_was_found_is_shown_also_where_it_cannot_be_saved(file, tmp_path, capsys, monkeypatch):
    shown = ended(capsys, "compare", file, "--without", "s")[1]

    def full(*_):
        raise StudyError("cannot write out: the disk is full")

    monkeypatch.setattr("qsession_sim.experiment.externality.Externality.save", full)
    status, out, err = ended(capsys, "compare", file, "--without", "s", "-o", str(tmp_path / "out"))
    assert (status, out, err) == (2, shown, "qsession-sim: cannot write out: the disk is full\n")
