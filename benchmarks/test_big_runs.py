"""Large runs and many replications: results and bytes decide, timings nothing; `big_runs.py` prints those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import big_runs
import pytest
import scale

import qsession_sim as qs
from qsession_sim.experiment.metrics import look_up
from qsession_sim.experiment.tasks import replication_seed
from qsession_sim.results.tables import TABLES

JOBS = 200_000
FEW = 3


def test_a_large_run_is_that_of_the_recursion_and_reads_back_equal(benchmark: Any, tmp_path: Path) -> None:
    """The waits of one server in order of arrival are those of Lindley."""
    run = big_runs.simulated(JOBS)
    assert (run.jobs["waiting_us"].to_numpy() == big_runs.bare_run(JOBS)).all()
    benchmark.pedantic(run.save, (tmp_path / "out",), rounds=3)
    back = qs.load(tmp_path / "out")
    for table in TABLES:
        assert getattr(back, table).equals(getattr(run, table), null_equal=True)
    assert back.summary() == run.summary()
    assert big_runs.bytes_of_files(tmp_path / "out") < big_runs.WANTED_BYTES * JOBS


def test_peak_memory_of_a_saved_run() -> None:
    assert scale.bytes_a_job("bundle", 500_000) < big_runs.WANTED_BYTES


@pytest.mark.parametrize("kind", big_runs.KINDS)
def test_replications_measure_what_single_runs_do(kind: str) -> None:
    scenario, metrics, _ = big_runs.KINDS[kind]
    _, _, results = big_runs.milliseconds(kind, FEW)
    seed = qs.load_scenario(scenario).resolved.seed
    for number, result in enumerate(results):
        summary = qs.simulate(scenario, seed=replication_seed(seed, number)).summary()
        assert result.metrics == {metric: look_up(summary, metric) for metric in metrics}
