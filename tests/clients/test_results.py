"""Results of circuits: exact where precision is 0, of the right shape, and the same for the same seed."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("qiskit_ibm_runtime", reason="pip install 'qsession-sim[qiskit]'")
pytestmark = pytest.mark.filterwarnings("ignore")

from importlib.metadata import version  # noqa: E402

import numpy as np  # noqa: E402
from qiskit import QuantumCircuit  # noqa: E402
from qiskit.circuit import Parameter  # noqa: E402
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder  # noqa: E402

from qsession_sim.clients.pubs import FormError  # noqa: E402
from qsession_sim.clients.results import TRIED, ClientVersionError, aer, check_version, statevector  # noqa: E402


def sent(value: Any) -> Any:
    """As it comes over HTTP."""
    return json.loads(json.dumps(value, cls=RuntimeEncoder))


def read(text: str) -> Any:
    return json.loads(text, cls=RuntimeDecoder)


def turned(width: int, where: int) -> QuantumCircuit:
    """One qubit of many is turned about x by an angle, so Z is its cosine."""
    circuit = QuantumCircuit(width)
    circuit.rx(Parameter("angle"), where)
    return circuit


def test_the_versions_of_the_library_that_were_tried():
    assert TRIED == ("0.51",)
    check_version()
    assert version("qiskit-ibm-runtime").startswith(TRIED)
    for other in ("0.50.0", "0.52.0", "1.0", "0.5"):
        with pytest.raises(
            ClientVersionError, match=rf"^results need qiskit-ibm-runtime 0\.51, not {other}$"
        ):
            check_version(other)


def test_expectation_values_on_a_wide_device_are_exact_also_on_qubits_that_no_gate_touches():
    """<Z> of the turned qubit is the cosine; untouched ones are in 0, where Z is 1 and X is 0."""
    pauli = {"turned": "I" * 126 + "Z" + "I" * 0, "other": "Z" + "I" * 126, "flip": "X" + "I" * 126}
    observables = [
        [{pauli["turned"]: 1.0, pauli["other"]: 10.0}],
        [{pauli["flip"]: 5.0, pauli["turned"]: 2.0}],
    ]
    angles = np.array([[0.0], [np.pi / 3], [np.pi]])
    params = sent({"pubs": [(turned(127, 0), observables, angles, 0.0)]})
    (result,) = read(statevector("estimator", params, 1))
    assert np.allclose(result.data.evs, [[11.0, 10.5, 9.0], [2.0, 1.0, -2.0]], atol=1e-12)


def test_precision_and_shots_come_from_the_options_where_pubs_say_nothing():
    """The standard deviation of 20,000 values is the precision, to a few per cent."""
    zeros = np.full((20_000, 1), np.pi / 2)
    params = sent({"pubs": [(turned(2, 1), "ZI", zeros)], "options": {"default_precision": 0.1}})
    (result,) = read(statevector("estimator", params, 1))
    assert float(np.std(result.data.evs)) == pytest.approx(0.1, rel=0.03)
    measured = turned(2, 1)
    measured.measure_all()
    params = sent({"pubs": [(measured, [[np.pi], [0.0]])], "options": {"default_shots": 33}})
    (result,) = read(statevector("sampler", params, 1))
    assert [result.data.meas.get_counts(place) for place in (0, 1)] == [{"10": 33}, {"00": 33}]


@pytest.mark.parametrize("compute", [statevector, aer])
def test_the_same_seed_gives_the_same_and_another_one_does_not(compute):
    pytest.importorskip("qiskit_aer")
    measured = turned(2, 1)
    measured.measure_all()
    params = sent({"pubs": [(measured, [np.pi / 2], 1000)]})
    one, same, other = (compute("sampler", params, seed) for seed in (1, 1, 2))
    assert one == same
    assert read(one)[0].data.meas.get_counts() != read(other)[0].data.meas.get_counts()
    estimated = sent({"pubs": [(turned(2, 1), "ZI", [np.pi / 2], 0.05)]})
    one, same, other = (float(read(compute("estimator", estimated, seed))[0].data.evs) for seed in (1, 1, 2))
    assert one == same != other


def test_measurements_in_named_registers_and_single_bits_are_kept():
    from qiskit.circuit import ClassicalRegister, QuantumRegister

    circuit = QuantumCircuit(
        QuantumRegister(40, "q"), ClassicalRegister(1, "left"), ClassicalRegister(2, "right")
    )
    circuit.x(30)
    circuit.barrier()
    circuit.measure(30, circuit.cregs[0][0])
    circuit.measure([2, 30], circuit.cregs[1])
    (result,) = read(statevector("sampler", sent({"pubs": [(circuit, None, 5)]}), 1))
    assert (result.data.left.get_counts(), result.data.right.get_counts()) == ({"1": 5}, {"10": 5})


def test_texts_in_openqasm_3_are_circuits():
    """As QRMI sends them: physical qubits, an empty list for no values, an observable that is wider."""
    pytest.importorskip("qiskit_qasm3_import")
    text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[2] c;\nx $1;\n{}'
    measured = text.format("c[0] = measure $0;\nc[1] = measure $1;\n")
    (result,) = read(statevector("sampler", {"pubs": [[measured, None, 9]]}, 1))
    assert result.data.c.get_counts() == {"10": 9}
    params = {"pubs": [[text.format(""), {"IIZI": 1.0, "IZII": 4.0}, [], 0.0]]}
    (result,) = read(statevector("estimator", params, 1))
    assert float(result.data.evs) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("compute", "program", "params", "said"),
    [
        (statevector, "executor", {}, "statevector gives no results of 'executor'; aer does of executor"),
        (statevector, "noise-learner", {}, "statevector gives no results of 'noise-learner'"),
        (aer, "noise-learner", {}, "aer gives no results of 'noise-learner'"),
        (statevector, "sampler", {"pubs": [["no circuit", None, 1]]}, "the circuits cannot be simulated: "),
        (aer, "executor", {"quantum_program": {}}, "the circuits cannot be simulated: ValidationError: "),
        (statevector, "estimator", {"pubs": [[{"__type__": "QuantumCircuit", "__value__": "x"}, "Z"]]}, "the circuits cannot be simulated: "),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_an_error_of_the_form(compute, program, params, said):
    if compute is aer:
        pytest.importorskip("qiskit_aer")
    with pytest.raises(FormError) as raised:
        compute(program, params, 1)
    assert str(raised.value).startswith(said)


def test_results_of_another_version_or_without_a_library_are_refused_before_anything_is_served(
    tmp_path, monkeypatch, capfd
):
    import sys

    from qsession_sim.cli.main import main
    from qsession_sim.clients import results

    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.json").write_text('{"workload": []}', encoding="utf-8")
    start = "qsession-sim serve: Invalid value for --results: "
    with monkeypatch.context() as other:
        other.setattr(results, "version", lambda _: "0.60.1")
        assert main(["serve", "empty.json", "--results", "statevector"]) == 2
    said = "results need qiskit-ibm-runtime 0.51, not 0.60.1"
    assert capfd.readouterr().err == f"{start}{said} (see qsession-sim serve --help)\n"
    monkeypatch.setitem(sys.modules, "qiskit_aer", None)
    assert main(["serve", "empty.json", "--results", "aer"]) == 2
    said = "results 'aer' need qiskit_aer, which is not installed; pip install 'qsession-sim[qiskit]'"
    assert capfd.readouterr().err == f"{start}{said} (see qsession-sim serve --help)\n"
