"""What the cloud tells of a QPU: a configuration and properties of a generic device with 127 qubits.

Both are made here, so that no client needs to be installed. Couplings are the heavy-hexagonal lattice that is
described in public for devices of this size; gate times and errors are round numbers, the same everywhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

QUBITS: Final = 127
BASIS: Final = ("ecr", "id", "rz", "sx", "x")
VERSION: Final = "1.0.0"

_ROWS: Final = 7
_COLUMNS: Final = 15
_GATE_NS: Final = {"ecr": 500, "id": 50, "rz": 0, "sx": 50, "x": 50}
_GATE_ERROR: Final = {"ecr": 0.008, "id": 0.0002, "rz": 0.0, "sx": 0.0002, "x": 0.0002}


@cache
def couplings() -> tuple[tuple[int, int], ...]:
    """The pairs of coupled qubits, each once: rows, and a bridge at every fourth place between two rows.

    Example:
        >>> pairs = couplings()
        >>> len(pairs), max(max(pair) for pair in pairs), pairs[:2]
        (144, 126, ((0, 1), (0, 14)))
    """
    number, pairs = 0, list[tuple[int, int]]()
    above: dict[int, int] = {}
    for row in range(_ROWS):
        first, last = (1 if row == _ROWS - 1 else 0), (_COLUMNS - 1 if row == 0 else _COLUMNS)
        here = {column: number + place for place, column in enumerate(range(first, last))}
        number += len(here)
        pairs += [(here[column], here[column + 1]) for column in range(first, last - 1)]
        pairs += [(bridge, here[column]) for column, bridge in above.items()]
        if row < _ROWS - 1:
            above = {column: number + place for place, column in enumerate(range(2 * (row % 2), _COLUMNS, 4))}
            number += len(above)
            pairs += [(here[column], bridge) for column, bridge in above.items()]
    return tuple(sorted(pairs))


def configuration(name: str, since: str, *, simulator: bool = False) -> dict[str, Any]:
    """The configuration of a QPU.

    Args:
        name: of the QPU.
        since: the instant from which on it is online, as ISO text.
        simulator: whether it is a simulator backend (S22).
    """
    one = [[qubit] for qubit in range(QUBITS)]
    two = [list(pair) for pair in couplings()]
    gates = [
        {
            "name": gate,
            "parameters": ["theta"] if gate == "rz" else [],
            "qasm_def": f"gate {gate} {{}}",
            "coupling_map": two if gate == "ecr" else one,
        }
        for gate in BASIS
    ]
    return {
        "backend_name": name,
        "backend_version": VERSION,
        "n_qubits": QUBITS,
        "basis_gates": list(BASIS),
        "gates": gates,
        "coupling_map": two,
        "supported_instructions": [*BASIS, "measure", "reset", "delay", "barrier"],
        "processor_type": {"family": "Eagle", "revision": "3"},
        "local": False,
        "simulator": simulator,
        "conditional": False,
        "open_pulse": False,
        "memory": True,
        "max_shots": 100_000,
        "max_experiments": 300,
        "online_date": since,
        "dt": 0.5,
        "dtm": 0.5,
        "rep_delay_range": [0.0, 500.0],
        "default_rep_delay": 250.0,
        "description": "a simulated QPU of qsession-sim",
        "sample_name": "generic heavy-hexagonal lattice",
        "credits_required": True,
        "dynamic_reprate_enabled": True,
        "meas_levels": [1, 2],
        "meas_map": [list(range(QUBITS))],
        "parametric_pulses": [],
        "supported_features": ["qasm3"],
        "url": "",
    }


def properties(name: str, at: str) -> dict[str, Any]:
    """The properties of a QPU, as of an instant in ISO text."""

    def value(what: str, number: float, unit: str = "") -> dict[str, Any]:
        return {"name": what, "date": at, "unit": unit, "value": number}

    qubit = [
        value("T1", 250.0, "us"),
        value("T2", 150.0, "us"),
        value("frequency", 5.0, "GHz"),
        value("readout_error", 0.01),
        value("prob_meas0_prep1", 0.01),
        value("prob_meas1_prep0", 0.01),
        value("readout_length", 1000.0, "ns"),
    ]
    gates = [
        {
            "gate": gate,
            "name": gate + "_".join(map(str, qubits)),
            "qubits": list(qubits),
            "parameters": [
                value("gate_error", _GATE_ERROR[gate]),
                value("gate_length", _GATE_NS[gate], "ns"),
            ],
        }
        for gate in BASIS
        for qubits in (couplings() if gate == "ecr" else [(number,) for number in range(QUBITS)])
    ]
    return {
        "backend_name": name,
        "backend_version": VERSION,
        "last_update_date": at,
        "qubits": [qubit] * QUBITS,
        "gates": gates,
        "general": [],
    }
