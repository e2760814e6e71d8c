"""Fits of files of measurements: what the file may look like, and what comes out."""

from __future__ import annotations

import pytest
from trace_files import packed, zst

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.files import fit_measurements
from qsession_sim.scenario.load import load_scenario

TABLE = "seconds,shots,circuits\n2,1000,1\n5,1000,2\n5,3000,1\n"
COLUMNS = {"time": "seconds", "shots": "shots", "circuits": "circuits"}
LINE = {"intercept": "1000000us", "coefficients": {"executions": "1500us"}, "least": "2s"}
"""1 s + 1.5 ms x executions: see the queueing tests for how the numbers are worked out."""


def line_of(fitted):
    return {key: value for key, value in fitted.keys.items() if key != "fit"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TABLE, id="plain"),
        pytest.param(TABLE.replace("\n", "\r\n"), id="windows_lines"),
        pytest.param("\ufeff" + TABLE, id="byte_order_mark"),
        pytest.param(TABLE.replace(",", " , ") + "\n\n", id="spaces_and_empty_lines"),
        pytest.param('"seconds","shots","circuits"\n"2",1000,1\n5,1e3,2\n5,3000,1', id="quotes"),
    ],
)
def test_a_table_may_be_written_in_many_ways(text, tmp_path):
    (tmp_path / "t.csv").write_bytes(text.encode())

    fitted = fit_measurements("t.csv", tmp_path, COLUMNS)

    assert line_of(fitted) == LINE
    assert fitted.factors == (0.8, 1.25, 0.909091)


@pytest.mark.parametrize("name", ["t.csv.gz", zst("t.csv.zst")])
def test_a_table_may_be_packed(tmp_path, name):
    (tmp_path / name).write_bytes(packed(name, TABLE.encode()))

    assert line_of(fit_measurements(name, tmp_path, COLUMNS)) == LINE


def test_only_the_named_columns_count(tmp_path):
    """Without circuits, shots alone are the executions: 1, 2 and 3 hundred of them."""
    (tmp_path / "t.csv").write_text("s,n,note\n2,100,a\n5,200,b\n5,300,c\n", encoding="utf-8")

    fitted = fit_measurements("t.csv", tmp_path, {"time": "s", "shots": "n"})

    assert line_of(fitted) == {**LINE, "coefficients": {"executions": "15000us"}}


def test_qubits_and_depth_have_coefficients_of_their_own(tmp_path):
    """1 s + 0.5 s x qubits + 0.25 s x depth for every combination of two values each: exact."""
    rows = [f"{1 + 0.5 * qubits + 0.25 * depth},{qubits},{depth}" for qubits in (2, 4) for depth in (4, 8)]
    (tmp_path / "t.csv").write_text("\n".join(["s,q,d", *rows]), encoding="utf-8")

    keys = fit_measurements("t.csv", tmp_path, {"time": "s", "depth": "d", "qubits": "q"}).keys

    assert keys["intercept"] == "1000000us"
    assert keys["coefficients"] == {"qubits": "500000us", "depth": "250000us"}
    assert (keys["least"], keys["fit"]["r_squared"]) == ("3s", 1)


def test_a_factor_is_measured_over_what_the_model_would_give(tmp_path):
    """Times 1, 1, 4 at 1, 2, 3: the line -1 + 1.5 x gives 0.5, 2, 3.5, but nothing below the least, 1."""
    (tmp_path / "t.csv").write_text("s,n\n1,1\n1,2\n4,3\n", encoding="utf-8")

    fitted = fit_measurements("t.csv", tmp_path, {"time": "s", "shots": "n"})

    assert fitted.keys["intercept"] == "-1000000us"
    assert fitted.factors == (1.0, 0.5, 1.14286)


def test_a_least_that_is_given_counts_in_factors_too(tmp_path):
    """The same line, but nothing below 2 s: 2, 2 and 3.5."""
    (tmp_path / "t.csv").write_text("s,n\n1,1\n1,2\n4,3\n", encoding="utf-8")
    columns = {"time": "s", "shots": "n"}
    noise = {"kind": "residuals"}
    service_time = {"model": "fitted", "file": str(tmp_path / "t.csv"), "columns": columns, "noise": noise}

    scenario = load_scenario(
        {"qpus": [{"name": "q", "service_time": {**service_time, "least": "2s"}}], "workload": []}
    )

    assert scenario.resolved.qpus[0].service_time.noise.values == (0.5, 0.5, 1.14286)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param("seconds,shots,circuits\n", "0 measurements are too few", id="only_a_header"),
        pytest.param(
            "seconds,shots,shots,circuits\n", "two columns of the file are called 'shots'", id="twice"
        ),
        pytest.param(TABLE + "x" * 200_000, "line 5: field larger than field limit", id="long_field"),
        pytest.param(TABLE + "1e300,1,1\n", "line 5: seconds must be a number above 0", id="too_large"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(text, why, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=why):
        fit_measurements("t.csv", tmp_path, COLUMNS)


def test_a_table_that_is_no_gzip_file_is_refused(tmp_path):
    (tmp_path / "t.csv.gz").write_text(TABLE, encoding="utf-8")

    with pytest.raises(ValueError, match="is not a gzip file"):
        fit_measurements("t.csv.gz", tmp_path, COLUMNS)


def test_of_many_bad_lines_the_first_five_are_shown_and_the_others_counted(tmp_path):
    lines = [f"{word},1,1" for word in ("nan", "inf", "-1", "0", "x", "y", "z")]
    (tmp_path / "t.csv").write_text("\n".join(["seconds,shots,circuits", *lines]), encoding="utf-8")

    with pytest.raises(ValueError, match="line 2") as caught:
        fit_measurements("t.csv", tmp_path, COLUMNS)

    shown = [
        f"t.csv, line {number}: seconds must be a number above 0 (got '{word}')"
        for number, word in enumerate(("nan", "inf", "-1", "0", "x"), start=2)
    ]
    assert list(caught.value.args) == [*shown, "t.csv: 2 more lines like these"]


def test_the_scenario_holds_the_line_and_needs_the_file_no_more(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(TABLE, encoding="utf-8")
    service_time = {"model": "fitted", "file": str(table), "columns": COLUMNS, "least": "10s"}
    scenario = load_scenario({"qpus": [{"name": "q", "service_time": service_time}], "workload": []})
    table.unlink()

    again = load_scenario(scenario.dump())

    assert again.to_json() == scenario.to_json()
    assert scenario.dump()["qpus"][0]["service_time"]["least"] == "10s"


def test_residuals_are_gone_with_the_file(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    fit = dict(fit_measurements("t.csv", tmp_path, COLUMNS).keys)
    service_time = {"model": "fitted", **fit, "noise": {"kind": "residuals"}}

    with pytest.raises(ScenarioError) as caught:
        load_scenario({"qpus": [{"name": "q", "service_time": service_time}], "workload": []})

    assert caught.value.problems == (
        "scenario: qpus.q.service_time.noise: needs the file of measurements, of which only the fit is left",
    )


def test_measurements_that_are_not_utf_8_are_refused_with_line_and_column(tmp_path):
    (tmp_path / "a.csv").write_bytes("who,seconds,shots\nAda,1,2\nMüller,2,3\n".encode("cp1252"))

    with pytest.raises(
        ValueError, match=r"line 3, column 'who': is not UTF-8 text .got 'M.xfcller'.; convert"
    ):
        fit_measurements("a.csv", tmp_path, {"time": "seconds", "shots": "shots"})


def test_a_file_of_values_that_is_not_utf_8_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.txt").write_bytes("1s\n2s # für\n".encode("cp1252"))
    source = {
        "kind": "arrivals",
        "account": "a",
        "count": 1,
        "interarrival": {"kind": "empirical", "file": str(tmp_path / "a.txt")},
        "qpu_time": "1s",
    }

    with pytest.raises(ScenarioError, match=r"line 2: is not UTF-8 text \(byte 0xfc\); convert the file"):
        load_scenario({"workload": [source]})
