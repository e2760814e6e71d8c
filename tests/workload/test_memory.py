"""How much memory a run needs is told before anything is drawn, and refused where there is not so much."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.workload import describe
from qsession_sim.workload.describe import expected_jobs, memory, needed_memory

ARRIVALS = {"kind": "arrivals", "account": "a", "qpu_time": "1s"}
ITERATIVE = {"kind": "iterative", "account": "a", "qpu_time": "1s", "clients": 4, "iterations": 25}
BATCHES = {"kind": "batches", "account": "a", "qpu_time": "1s", "jobs": {"kind": "choice", "values": [2, 4]}}
BURSTS = {"quiet": {"per_hour": 1, "lasts": "3h"}, "burst": {"per_hour": 9, "lasts": "1h"}}
EXPECTED = {
    "a job each minute of ten hours": ({**ARRIVALS, "interarrival": "1m"}, 600),
    "as many as are wanted": ({**ARRIVALS, "interarrival": "1m", "count": 50}, 50),
    "until two hours": ({**ARRIVALS, "interarrival": "1m", "until": "2h"}, 120),
    "five an hour": ({**ARRIVALS, "rates": [{"per_hour": 5}]}, 50),
    "12 in 4 hours": ({**ARRIVALS, "bursts": BURSTS}, 30),
    "groups": ({**ARRIVALS, "groups": [{"at": "1h", "size": 7}, {"at": "2h", "size": 8}]}, 15),
    "a load of a half, 1 s each": ({**ARRIVALS, "load": 0.5}, 18_000),
    "4 clients of 25 iterations": (ITERATIVE, 100),
    "10 batches of 3": ({**BATCHES, "interarrival": "1h"}, 30),
    "one by one": (
        {"kind": "explicit", "jobs": [{"id": "j", "at": "0s", "account": "a", "qpu_time": "1s"}]},
        1,
    ),
    "more than may be": ({**ARRIVALS, "interarrival": "1us"}, 36e9),
}


def loaded(*sources, **keys):
    return qs.load_scenario({"horizon": "10h", "workload": [*sources], **keys})


@pytest.fixture
def machine(monkeypatch):
    """A machine with so much memory."""

    def has(free, total):
        monkeypatch.setattr(describe, "memory", lambda: (free, total))

    return has


@pytest.mark.parametrize("what", EXPECTED)
def test_the_number_of_jobs_is_known_before_they_are_drawn(what):
    source, jobs = EXPECTED[what]
    assert expected_jobs(loaded(source).resolved.workload[0], 36_000_000_000) == pytest.approx(
        jobs, rel=1e-12
    )


def test_each_job_has_40_columns_of_8_bytes_and_4_for_what_others_lack():
    plain, phases = {**ARRIVALS, "interarrival": "1m"}, {"users": {"count": 3}, "preparation": "1s"}
    two = [{"name": "q"}, {"name": "r"}]

    assert needed_memory(loaded(plain).resolved) == (600, 600 * 8 * 40)
    assert needed_memory(loaded({**plain, **phases}).resolved) == (600, 600 * 8 * (40 + 4 * 2))
    assert needed_memory(loaded(plain, qpus=two).resolved) == (600, 600 * 8 * (40 + 4 * 3))
    assert needed_memory(loaded(plain, {**ITERATIVE, "name": "i"}).resolved) == (700, 600 * 320 + 100 * 352)
    assert needed_memory(loaded({**plain, "interarrival": "1us"}).resolved) == (0, 0)  # refused when drawn


def test_more_than_is_free_is_told_and_more_than_there_is_refused(tmp_path, capsys, machine):
    """1,000 jobs of 320 bytes."""
    (tmp_path / "a.yaml").write_text(
        "workload:\n  - {kind: arrivals, account: a, interarrival: 9s, count: 1000, qpu_time: 1s}\n", "utf-8"
    )
    name, what = str(tmp_path / "a.yaml"), "1,000 jobs need about 312.5 KiB of memory"

    machine(320_000, 320_000)
    assert (main(["run", name, "--format", "json"]), capsys.readouterr().err) == (0, "")
    machine(319_999, 320_000)
    said = f"warning: {what}, and 312.5 KiB are free\n"
    assert (main(["run", name, "--format", "json"]), capsys.readouterr().err) == (0, said)
    assert (main(["run", name, "--quiet"]), capsys.readouterr().err) == (0, "")
    machine(None, 319_999)
    said = f"{name}:2:3: workload: {what}, and this machine has 312.5 KiB; ask for fewer, or an earlier until or horizon\n"
    assert (main(["run", name]), capsys.readouterr().err) == (2, said)
    assert (main(["replicate", name, "--replications", "2"]), capsys.readouterr().err) == (2, said)
    machine(None, None)
    assert (main(["run", name]), capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize(
    ("group", "found"),
    [
        ({}, (3_072, 8_192)),
        ({"memory.max": "max\n", "memory.current": "5000\n"}, (3_072, 8_192)),
        ({"memory.max": "4000\n", "memory.current": "1500\n"}, (2_500, 4_000)),
        ({"memory.max": "4000\n", "memory.current": "4500\n"}, (0, 4_000)),
        ({"memory.max": "90000\n", "memory.current": "1\n"}, (3_072, 8_192)),
    ],
)
def test_what_linux_says_of_memory_and_of_the_container(tmp_path, monkeypatch, group, found):
    (tmp_path / "meminfo").write_text(
        "MemTotal:       8 kB\nMemFree:   1 kB\nMemAvailable:    3 kB\nHugePages: 0\n"
    )
    for name, text in group.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(describe, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(describe, "_GROUP", tmp_path)

    assert memory() == found


@pytest.mark.parametrize("text", [None, "", "MemTotal: 8 kB\n"])
def test_systems_that_do_not_say(tmp_path, monkeypatch, text):
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    monkeypatch.setattr(describe, "_MEMORY", tmp_path / "meminfo")

    assert memory() == (None, None)
