"""S7: what the random numbers of a stream depend on, and what they do not."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import qsession_sim
from qsession_sim.workload import draw
from qsession_sim.workload.context import Purpose, stream_generator
from qsession_sim.workload.starts import Extent, renewal_times_us

REFERENCES = {"after", "session", "client", "account", "stream", "first_job"}


def exponential(mean):
    return {"kind": "exponential", "mean": mean}


def lognormal(median, sigma=0.5):
    return {"kind": "lognormal", "median": median, "sigma": sigma}


@pytest.fixture
def everyday(arrivals):
    shots = {"kind": "choice", "values": [1000.0, 4000.0, 8000.0], "weights": [4.0, 3.0, 2.0]}
    return arrivals(
        interarrival=exponential("90s"),
        until="12h",
        qpu_time=None,
        circuits={"kind": "uniform", "low": 1.0, "high": 20.0},
        shots=shots,
    )


@pytest.fixture
def vqe(iterative):
    return iterative(
        clients=20,
        start={"interarrival": exponential("30m")},
        iterations=lognormal(10.0),
        think_time=exponential("2s"),
        qpu_time=lognormal("5s"),
    )


@pytest.fixture
def sweeps(batches):
    jobs = {"kind": "empirical", "values": [3.0, 5.0, 40.0]}
    return batches(count=10, interarrival=exponential("2h"), jobs=jobs, qpu_time=exponential("20s"))


def stream_bytes(workload, stream):
    """All columns of one stream that do not count over other streams, as bytes."""
    number = workload.streams.index(stream)
    columns = []
    for table in (workload.jobs, workload.sessions):
        rows = table.stream == number
        columns += [
            getattr(table, field.name)[rows].tobytes()
            for field in fields(table)
            if field.name not in REFERENCES
        ]
    return columns


def test_the_generator_follows_from_seed_name_and_purpose_alone():
    """The rule in other words: SHA-256 of the name as eight little-endian words, then the purpose."""
    for seed, stream, purpose in ((7, "everyday", Purpose.SHOTS), (2**70, "Ünïcode", Purpose.JOBS)):
        words = struct.unpack("<8I", hashlib.sha256(stream.encode("utf-8")).digest())
        sequence = np.random.SeedSequence(entropy=seed, spawn_key=(*words, purpose.value))
        expected = np.random.Generator(np.random.PCG64(sequence)).random(5)
        assert stream_generator(seed, stream, purpose).random(5).tolist() == expected.tolist()


def test_the_numbers_of_the_purposes_stay():
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "INTERARRIVAL": 0,
        "ITERATIONS": 1,
        "THINK": 2,
        "CIRCUITS": 3,
        "SHOTS": 4,
        "QPU_TIME": 5,
        "NOISE": 6,
        "JOBS": 7,
        "PHASES": 8,
        "PAUSE": 9,
        "PAUSE_DURATION": 10,
        "EARLY_STOP": 11,
        "ACTIVITY": 12,
        "USER": 13,
        "LAYERS": 16,
        "QUBITS": 17,
        "DEPTH": 18,
        "PREPARATION": 24,
        "POST_PROCESSING": 25,
        "ESTIMATE": 26,
        "ROUTE": 27,
        "SESSION_ROUTE": 28,
        "TIME_BETWEEN_FAILURES": 29,
        "REPAIR_TIME": 30,
        "PATIENCE": 31,
    }


TWO = {"kind": "uniform", "low": "1s", "high": "2s"}


@pytest.mark.parametrize(
    ("changes", "drawn_for"),
    [
        ({}, set()),
        ({"interarrival": TWO}, {"interarrival"}),
        ({"qpu_time": TWO}, {"qpu_time"}),
        ({"estimate": {"method": "given", "factor": None, "time": TWO}}, {"estimate"}),
        (
            {"estimate": {"method": "given", "factor": None, "time": {"kind": "constant", "value": "1s"}}},
            set(),
        ),
        ({"preparation": TWO, "post_processing": {"kind": "constant", "value": "1s"}}, {"preparation"}),
        ({"until": "10s", "qpu_time": TWO}, set()),
    ],
)
def test_a_draw_reports_for_what_it_drew(scenario, arrivals, changes, drawn_for):
    """What is constant draws nothing; and where nothing is drawn, every seed gives the same workload."""
    workloads = [draw(scenario(arrivals(**{"count": 4, **changes}), seed=seed)) for seed in (7, 8)]
    assert [workload.drawn_for for workload in workloads] == [drawn_for, drawn_for]
    assert (workloads[0].digest() == workloads[1].digest()) == (not drawn_for)


def test_generators_differ_by_seed_by_stream_and_by_purpose():
    keys = [(seed, stream, purpose) for seed in (0, 1) for stream in ("a", "b") for purpose in Purpose]
    assert len({stream_generator(*key).random() for key in keys}) == len(keys) == 4 * len(Purpose)


def test_columns_come_from_the_generators_of_their_purposes(scenario, everyday):
    """Interarrival, circuits, shots and noise of a stream, drawn here without the package."""
    workload = draw(scenario({**everyday, "count": 50, "until": None}, sigma=0.32))
    gaps = 90e6 * stream_generator(7, "everyday", Purpose.INTERARRIVAL).standard_exponential(50)
    circuits = np.rint(1 + 19 * stream_generator(7, "everyday", Purpose.CIRCUITS).random(50))
    positions = stream_generator(7, "everyday", Purpose.SHOTS).random(50)
    shots = np.select([positions < 4 / 9, positions < 7 / 9], [1000, 4000], default=8000)
    noise = np.exp(0.32 * stream_generator(7, "everyday", Purpose.NOISE).standard_normal(50))
    assert workload.jobs.at_us.tolist() == np.rint(gaps).astype(int).cumsum().tolist()
    assert workload.jobs.qpu_time_us.tolist() == [
        round((2_000_000 + 350 * int(c) * int(s)) * float(n))
        for c, s, n in zip(circuits, shots, noise, strict=True)
    ]


def test_columns_of_clients_come_from_the_generators_of_their_purposes(scenario, vqe):
    """Starts, iterations, think times (the first of each client unused) and QPU times."""
    workload = draw(scenario(vqe))
    gaps = 1800e6 * stream_generator(7, "vqe", Purpose.INTERARRIVAL).standard_exponential(20)
    normal = stream_generator(7, "vqe", Purpose.ITERATIONS).standard_normal(20)
    iterations = np.maximum(np.rint(10 * np.exp(0.5 * normal)), 1).astype(int)
    rows = int(iterations.sum())
    first = np.cumsum(iterations) - iterations
    think = np.rint(2e6 * stream_generator(7, "vqe", Purpose.THINK).standard_exponential(rows))
    think[first] = 0
    qpu_time = 5e6 * np.exp(0.5 * stream_generator(7, "vqe", Purpose.QPU_TIME).standard_normal(rows))
    assert workload.clients.jobs.tolist() == iterations.tolist()
    assert workload.jobs.at_us[first].tolist() == np.rint(gaps).astype(int).cumsum().tolist()
    assert workload.jobs.think_us.tolist() == think.tolist()
    assert workload.jobs.qpu_time_us.tolist() == np.rint(qpu_time).tolist()


def test_columns_of_batches_come_from_the_generators_of_their_purposes(scenario, sweeps):
    workload = draw(scenario(sweeps))
    gaps = 7200e6 * stream_generator(7, "sweeps", Purpose.INTERARRIVAL).standard_exponential(10)
    jobs = np.array([3, 5, 40])[stream_generator(7, "sweeps", Purpose.JOBS).integers(3, size=10)]
    qpu_time = 20e6 * stream_generator(7, "sweeps", Purpose.QPU_TIME).standard_exponential(jobs.sum())
    assert workload.sessions.close_us.tolist() == np.rint(gaps).astype(int).cumsum().tolist()
    assert workload.jobs.session.tolist() == np.repeat(np.arange(10), jobs).tolist()
    assert workload.jobs.qpu_time_us.tolist() == np.rint(qpu_time).tolist()


def test_adding_removing_and_moving_streams_changes_no_other_stream(
    scenario, everyday, vqe, sweeps, explicit
):
    replay = explicit([{"id": "j", "at": "0s", "circuits": 1.0, "shots": 4000.0}], [{"id": "s"}])
    sources = {source["name"]: source for source in (everyday, vqe, sweeps, replay)}
    together = draw(scenario(*sources.values(), sigma=0.32))
    reversed_ = draw(scenario(*reversed(sources.values()), sigma=0.32))
    for name, source in sources.items():
        alone = stream_bytes(draw(scenario(source, sigma=0.32)), name)
        assert any(alone)
        assert stream_bytes(together, name) == alone
        assert stream_bytes(reversed_, name) == alone


def test_policies_rules_and_titles_change_nothing(scenario, everyday, vqe, sweeps):
    first = draw(scenario(everyday, vqe, sweeps, sigma=0.32))
    second = draw(
        scenario(
            everyday,
            vqe,
            sweeps,
            sigma=0.32,
            title="Another",
            horizon="1h",
            warm_up="10m",
            policies={"queue": {"name": "priority"}, "hold": {"name": "none"}},
            rules={"max_time_ends_as": "cancelled", "unused_timeout": "1s", "max_execution_time": None},
        )
    )
    assert first.digest() == second.digest()


def test_noise_changes_qpu_times_of_the_model_only(scenario, everyday, sweeps):
    plain, noisy = (draw(scenario(everyday, sweeps, sigma=sigma)) for sigma in (None, 0.32))
    modelled = plain.jobs.stream == 0
    assert plain.jobs.at_us.tobytes() == noisy.jobs.at_us.tobytes()
    assert (plain.jobs.qpu_time_us[~modelled] == noisy.jobs.qpu_time_us[~modelled]).all()
    assert not (plain.jobs.qpu_time_us[modelled] == noisy.jobs.qpu_time_us[modelled]).any()


def test_one_more_client_changes_no_earlier_row(scenario, vqe):
    fewer, more = (draw(scenario({**vqe, "clients": clients})).jobs for clients in (20, 21))
    rows = len(fewer)
    assert len(more) > rows
    assert [getattr(more, field.name)[:rows].tobytes() for field in fields(more)] == [
        getattr(fewer, field.name).tobytes() for field in fields(fewer)
    ]


def test_one_explicit_job_does_not_move_the_noise_of_another(scenario, explicit):
    modelled = {"at": "0s", "circuits": 1.0, "shots": 4000.0}
    given = {"at": "0s", "qpu_time": "1s"}
    first = draw(scenario(explicit([{"id": "a", **modelled}, {"id": "b", **modelled}], []), sigma=0.32))
    second = draw(scenario(explicit([{"id": "a", **given}, {"id": "b", **modelled}], []), sigma=0.32))
    assert second.jobs.qpu_time_us.tolist() == [1_000_000, int(first.jobs.qpu_time_us[1])]


@pytest.mark.parametrize(
    "interarrival",
    [
        exponential("90s"),
        {"kind": "uniform", "low": "0s", "high": "3m"},
        lognormal("60s"),
        {"kind": "choice", "values": ["0s", "1s", "4m"], "weights": [1.0, 2.0, 3.0]},
        {"kind": "empirical", "values": ["1s", "2s", "4m"]},
        {"kind": "hyperexponential", "means": ["1s", "5m"], "weights": [1.0, 1.0]},
        {"kind": "gamma", "shape": 0.5, "scale": "3m", "at_least": "1s", "outside": "redraw"},
    ],
    ids=lambda settings: settings["kind"],
)
@pytest.mark.parametrize("count", [None, 100])
def test_the_size_of_chunks_changes_nothing(scenario, arrivals, interarrival, count):
    source = scenario(arrivals(interarrival=interarrival)).workload[0]

    def times(chunk):
        generator = stream_generator(7, "everyday", Purpose.INTERARRIVAL)
        extent = Extent("everyday", count, before_us=12 * 3_600_000_000)
        return renewal_times_us(source.interarrival, generator, extent, chunk).tolist()

    expected = times(1 << 16)
    assert len(expected) > 50
    assert [times(chunk) for chunk in (1, 7, len(expected))] == [expected] * 3


def test_until_cuts_the_arrivals_that_count_gives(scenario, everyday):
    """Both ways of drawing use the same numbers."""
    until = draw(scenario(everyday)).jobs.at_us.tolist()
    counted = draw(scenario({**everyday, "until": None, "count": len(until) + 1})).jobs.at_us.tolist()
    assert counted[:-1] == until
    assert until[-1] < 12 * 3_600_000_000 <= counted[-1]


def test_the_digest_is_equal_for_equal_workloads_and_for_no_others(scenario, everyday, vqe, sweeps):
    base = draw(scenario(everyday, vqe, sweeps)).digest()
    assert draw(scenario(everyday, vqe, sweeps)).digest() == base
    others = [
        scenario(everyday, vqe, sweeps, seed=8),
        scenario(everyday, sweeps, vqe),
        scenario(everyday, vqe),
        scenario({**everyday, "name": "weekend"}, vqe, sweeps),
        scenario({**everyday, "account": "other"}, vqe, sweeps),
        scenario({**everyday, "priority": 1}, vqe, sweeps),
        scenario(everyday, {**vqe, "on_finish": "leave"}, sweeps),
        scenario(everyday, {**vqe, "mode": "batch"}, sweeps),
        scenario(everyday, vqe, {**sweeps, "max_time": "1h"}),
    ]
    digests = {draw(other).digest() for other in others}
    assert len(digests) == len(others)
    assert base not in digests


def test_another_process_with_another_hash_seed_draws_the_same_bytes(scenario, everyday, vqe, sweeps):
    given = scenario(everyday, vqe, sweeps, sigma=0.32)
    program = (
        "import sys\n"
        "from qsession_sim.scenario.models import ResolvedScenario\n"
        "from qsession_sim.workload import draw\n"
        "print(draw(ResolvedScenario.model_validate_json(sys.stdin.read())).digest())\n"
    )
    source_root = str(Path(qsession_sim.__path__[0]).parent)
    results = [
        subprocess.run(
            [sys.executable, "-c", program],
            input=given.model_dump_json(),
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": source_root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("0", "4242")
    ]
    assert results == [draw(given).digest()] * 2


def test_workload_columns_cannot_be_written_to(scenario, everyday):
    jobs = draw(scenario(everyday)).jobs
    for field in fields(jobs):
        column = getattr(jobs, field.name)
        assert column.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
