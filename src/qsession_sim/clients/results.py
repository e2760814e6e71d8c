"""Results of jobs with a meaning: their circuits are simulated without noise.

The only file that imports what is inside of `qiskit_ibm_runtime`, which changes from release to release: how
it packs params and results, and how a quantum program of `executor` is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from qiskit import QuantumCircuit, QuantumRegister, qasm3
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qsession_sim.clients.pubs import DEFAULT_SHOTS, FormError
from qsession_sim.errors import QSessionError

TRIED: Final = ("0.51",)
"""The releases of qiskit-ibm-runtime with which this was tried."""

MOST_QUBITS: Final = 24
"""That a circuit may use."""

_IDLE: Final = frozenset({"barrier", "delay"})

Primitives = tuple[Callable[[int], Any], Callable[[int], Any]]
"""A sampler and an estimator, each made of a seed."""


class ClientVersionError(QSessionError):
    """The installed client library is none of those with which this was tried."""


def check_version(installed: str | None = None) -> None:
    """Refuse a client library that was not tried.

    Args:
        installed: its version; by default that of the installed one.

    Raises:
        ClientVersionError: if it is another one.

    Example:
        >>> check_version("0.51.3")
        >>> check_version("0.9.0")
        Traceback (most recent call last):
        qsession_sim.clients.results.ClientVersionError: results need qiskit-ibm-runtime 0.51, not 0.9.0
    """
    installed = version("qiskit-ibm-runtime") if installed is None else installed
    if ".".join(installed.split(".")[:2]) not in TRIED:
        raise ClientVersionError(f"results need qiskit-ibm-runtime {' or '.join(TRIED)}, not {installed}")


def need_aer() -> None:
    """Find out now whether Qiskit Aer is there, not when the first result is asked for."""
    import qiskit_aer  # noqa: F401 - only whether it is there


def statevector(program: str, params: Mapping[str, Any], seed: int) -> str:
    """Results by the primitives of Qiskit itself, for `sampler` and `estimator`.

    Raises:
        FormError: if the circuits cannot be read or simulated.
    """
    if program not in ("sampler", "estimator"):
        raise FormError(f"statevector gives no results of {program!r}; aer does of executor")
    return _checked(lambda: _by_primitives(program, params, seed, _STATEVECTOR))


def aer(program: str, params: Mapping[str, Any], seed: int) -> str:
    """Results by Qiskit Aer, for `sampler`, `estimator` and `executor`.

    Raises:
        FormError: if the circuits cannot be read or simulated.
    """
    if program == "executor":
        return _checked(lambda: _by_executor(params, seed))
    if program not in ("sampler", "estimator"):
        raise FormError(f"aer gives no results of {program!r}")
    from qiskit_aer.primitives import EstimatorV2, SamplerV2

    def estimator(seed: int) -> Any:  # `seed` itself is an option that it ignores
        return EstimatorV2(options={"run_options": {"seed_simulator": seed}})

    return _checked(lambda: _by_primitives(program, params, seed, (lambda n: SamplerV2(seed=n), estimator)))


_STATEVECTOR: Final[Primitives] = (
    lambda seed: StatevectorSampler(seed=seed),
    lambda seed: StatevectorEstimator(seed=seed),
)


def _checked(compute: Callable[[], str]) -> str:
    try:
        return compute()
    except FormError:
        raise
    except Exception as error:
        raise FormError(f"the circuits cannot be simulated: {type(error).__name__}: {error}") from error


def _by_primitives(program: str, params: Mapping[str, Any], seed: int, primitives: Primitives) -> str:
    from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder

    decoded = json.loads(json.dumps(params), cls=RuntimeDecoder)
    options = decoded.get("options") or {}
    shots = options.get("default_shots") or DEFAULT_SHOTS
    sampler, estimator = primitives
    if program == "sampler":
        given = [SamplerPub.coerce(_with_circuit(pub), shots) for pub in decoded["pubs"]]
        small: list[Any] = [_small_sampler_pub(pub) for pub in given]
        result = sampler(seed).run(small).result()
    else:
        precision = options.get("default_precision") or shots**-0.5
        small = [
            _small_estimator_pub(EstimatorPub.coerce(_with_circuit(pub), precision))
            for pub in decoded["pubs"]
        ]
        result = estimator(seed).run(small).result()
    for one, pub in zip(result, small, strict=True):
        _forget_all_but(one.metadata, ("circuit_metadata", "shots", "target_precision"))
        if program == "estimator":
            one.metadata.setdefault("shots", round(pub.precision**-2) if pub.precision else shots)
    _forget_all_but(result.metadata, ("version",))
    return json.dumps(result, cls=RuntimeEncoder)


def _forget_all_but(metadata: dict[str, Any], kept: Sequence[str]) -> None:
    """Some simulators write down how long they took, which differs from run to run."""
    for key in metadata.keys() - set(kept):
        del metadata[key]


def _with_circuit(pub: Sequence[Any]) -> tuple[Any, ...]:
    """A pub whose circuit may be a text in OpenQASM 3; an observable of more qubits makes it wider."""
    circuit, *rest = pub
    if not isinstance(circuit, str):
        return (circuit, *rest)
    circuit = qasm3.loads(circuit)
    if rest and isinstance(rest[0], (str, Mapping, list)):
        width = ObservablesArray.coerce(rest[0]).num_qubits
        if width > circuit.num_qubits:
            wider = QuantumCircuit(width)
            circuit = wider.compose(circuit, range(circuit.num_qubits))
    return (circuit, *(None if part == [] else part for part in rest))


# -- Devices have many qubits, and circuits use few: only those are simulated.


def _used(circuit: QuantumCircuit) -> set[int]:
    """The numbers of the qubits with which something is done."""
    return {
        circuit.find_bit(qubit).index
        for instruction in circuit.data
        if instruction.operation.name not in _IDLE
        for qubit in instruction.qubits
    }


def _reduced(circuit: QuantumCircuit, kept: Iterable[int]) -> QuantumCircuit:
    """The same circuit on some of its qubits, in their order, and all its classical bits."""
    order = sorted(kept) or [0]
    if len(order) > MOST_QUBITS:
        raise FormError(f"a circuit uses {len(order)} qubits; at most {MOST_QUBITS} can be simulated")
    place = {number: new for new, number in enumerate(order)}
    small = QuantumCircuit(
        QuantumRegister(len(order), "q"), *circuit.cregs, global_phase=circuit.global_phase
    )
    loose = [bit for bit in circuit.clbits if not circuit.find_bit(bit).registers]
    small.add_bits(loose)
    for instruction in circuit.data:
        numbers = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        if instruction.operation.name in _IDLE:
            continue
        small.append(instruction.operation, [place[number] for number in numbers], instruction.clbits)
    return small


def _small_sampler_pub(pub: SamplerPub) -> SamplerPub:
    small = _reduced(pub.circuit, _used(pub.circuit))
    return SamplerPub(small, pub.parameter_values, pub.shots)


def _small_estimator_pub(pub: EstimatorPub) -> EstimatorPub:
    """Qubits of observables that no gate touches are in state 0, and are kept, too."""
    observables = pub.observables
    kept = _used(pub.circuit)
    for terms in observables.ravel().tolist():
        for pauli in terms:
            kept |= {place for place, letter in enumerate(reversed(pauli)) if letter != "I"}
    order = sorted(kept) or [0]
    small = _reduced(pub.circuit, order)

    def narrowed(terms: Any) -> Any:
        if isinstance(terms, list):
            return [narrowed(part) for part in terms]
        short: dict[str, float] = {}
        for pauli, weight in terms.items():
            letters = pauli[::-1]
            name = "".join(letters[number] for number in reversed(order))
            short[name] = short.get(name, 0.0) + weight
        return short

    return EstimatorPub(
        small, ObservablesArray.coerce(narrowed(observables.tolist())), pub.parameter_values, pub.precision
    )


# -- Quantum programs, by which newer clients sample and estimate on their own side.


def _by_executor(params: Mapping[str, Any], seed: int) -> str:
    from ibm_quantum_schemas.common.tensor import CompressedTensorModel
    from ibm_quantum_schemas.executor.version_2_0 import models
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
    from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions
    from qiskit_ibm_runtime.quantum_program.converters import converters_2_0

    program, _ = converters_2_0.quantum_program_from_2_0(models.ParamsModel.model_validate(params))
    for item in program.items:
        samplex = getattr(item, "samplex", None)
        if samplex is not None and not getattr(samplex, "_finalized", True):
            samplex.finalize()
    simulator = AerSimulator(method="matrix_product_state")
    result = run_quantum_program(simulator, program, SimulatorOptions(seed_simulator=seed))
    items = [
        models.QuantumProgramResultItemModel(
            results={name: CompressedTensorModel.from_numpy(array) for name, array in item.items()},
            metadata=models.ItemMetadataModel(),
        )
        for item in result
    ]
    answer = models.QuantumProgramResultModel(
        data=items,
        metadata=models.MetadataModel(chunk_timing=[]),
        passthrough_data=converters_2_0.passthrough_data_to_2_0(program.passthrough_data),
        semantic_role=getattr(program, "_semantic_role", None),
    )
    return str(answer.model_dump_json())
