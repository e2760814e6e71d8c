"""The models against real measurements, which lie beside the repository where they are at all.

Published numbers: 4.4 s + 3.28e-4 s x circuits x shots, R² 0.982, over 7,449 jobs of IBM machines
(manosgior/Qonductor-SC25, MIT); tables of three IQM machines (FiQCI/resource-estimator, MIT). A published
number may be off by half of its last digit.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qsession_sim.scenario.files import fit_measurements
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.service import read_preset

DATA = Path(__file__).parents[3] / "shared" / "data" / "qpu_seconds"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the measurements are not there: ../shared/data/qpu_seconds"
)


def microseconds(text):
    assert text.endswith("us")
    return float(text.removesuffix("us"))


def test_the_executions_model_is_the_line_through_the_jobs_of_2023():
    columns = {"time": "seconds", "shots": "shots", "circuits": "circuits"}

    keys = fit_measurements("ibm_provider_jobs_2023.csv.gz", DATA, columns).keys

    assert keys["fit"]["measurements"] == 7449
    assert microseconds(keys["intercept"]) == pytest.approx(4.4e6, abs=0.05e6)
    assert microseconds(keys["coefficients"]["executions"]) == pytest.approx(328, abs=0.5)
    assert keys["fit"]["r_squared"] == pytest.approx(0.982, abs=0.0005)


@pytest.mark.parametrize(
    ("preset", "file", "circuits", "measurements", "r_squared"),
    [
        ("iqm-helmi", "helmi.csv", "num_circuits", 156, 0.9999),
        ("iqm-vtt-q50", "vtt-q50.csv", "batches", 182, 0.9572),
        ("iqm-aalto-q20", "aaltoq20.csv", "batches", 87, 0.9480),
    ],
)
def test_the_linear_presets_are_lines_through_the_iqm_tables(preset, file, circuits, measurements, r_squared):
    """The presets have five digits and state R² with four decimals."""
    columns = {"time": "qpu_seconds", "shots": "shots", "circuits": circuits}

    keys = fit_measurements(file, DATA, {**columns, "qubits": "num_qubits", "depth": "depth"}).keys

    shipped = read_preset(preset)
    assert f"R² {r_squared:.4f}" in shipped["title"]
    assert keys["fit"]["measurements"] == measurements
    assert keys["fit"]["r_squared"] == pytest.approx(r_squared, abs=0.00005)
    line = shipped["service_time"]
    assert line["least"] == keys["least"]
    assert microseconds(line["intercept"]) == pytest.approx(microseconds(keys["intercept"]), rel=5e-5)
    assert {term: microseconds(text) for term, text in line["coefficients"].items()} == pytest.approx(
        {term: microseconds(text) for term, text in keys["coefficients"].items()}, rel=5e-5
    )


def test_residuals_of_helmi_are_a_few_per_cent():
    """R² 0.9999: nine of ten measured times lie within 10 % of the line."""
    service_time = {
        "model": "fitted",
        "file": str(DATA / "helmi.csv"),
        "columns": {"time": "qpu_seconds", "shots": "shots", "circuits": "num_circuits"},
        "noise": {"kind": "residuals"},
    }
    scenario = load_scenario({"qpus": [{"name": "helmi", "service_time": service_time}], "workload": []})

    factors = scenario.resolved.qpus[0].service_time.noise.values

    assert len(factors) == 156
    assert sum(0.9 < factor < 1.1 for factor in factors) > 0.9 * 156
