"""What the program of a job asks for, as far as it can be read without Qiskit, and results without meaning.

A pub is a list: `[circuit, values, shots]` of a sampler and `[circuit, observables, values, precision]` of an
estimator. Values are lists of numbers, or NumPy arrays in the client's packing: base64 of zlib of NPY.
"""

from __future__ import annotations

import base64
import io
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from qsession_sim.errors import QSessionError

DEFAULT_SHOTS: Final = 4096
MOST_EXECUTIONS: Final = 10_000_000
"""Of a job: the documented limit."""

PROGRAMS: Final = ("sampler", "estimator", "executor", "noise-learner", "noiselearner")
"""What a job may run."""

Shape = tuple[int, ...]

_HEADER_BYTES: Final = 65_536
"""More of a packed array is not unpacked: its shape is in its header."""


class FormError(QSessionError):
    """What a client sent has the wrong form."""


@dataclass(frozen=True)
class Pub:
    """One pub: the shape of its results, and the shots of each of them."""

    shape: Shape
    shots: int

    @property
    def executions(self) -> int:
        """How many times a circuit is run."""
        return math.prod(self.shape) * self.shots


def pubs_of(program: str, params: Mapping[str, Any]) -> list[Pub]:
    """What a job is to run.

    Shots are those of the pub, else those of the options, else 4096; a precision p stands for 1 / p**2 shots,
    rounded up. Every combination of values and observables counts as a circuit.

    Raises:
        FormError: if it cannot be read.

    Example:
        >>> pubs_of("sampler", {"pubs": [["OPENQASM 3.0;", None, 100], ["", [[1.0], [2.0]]]]})
        [Pub(shape=(), shots=100), Pub(shape=(2,), shots=4096)]
        >>> pubs_of("estimator", {"pubs": [["", {"ZZ": 1}, None, 0.1]]})
        [Pub(shape=(), shots=100)]
    """
    if program == "executor":
        pubs = _items(params)
    elif program in ("sampler", "estimator"):
        options = params.get("options") or {}
        if not isinstance(options, Mapping):
            raise FormError("params.options must be an object")
        read = _sampler_pub if program == "sampler" else _estimator_pub
        pubs = [read(f"params.pubs[{n}]", pub, options) for n, pub in enumerate(_list(params, "pubs"))]
    else:
        pubs = [Pub((), _shots("params.options", (params.get("options") or {})))]
    executions = sum(pub.executions for pub in pubs)
    if executions > MOST_EXECUTIONS:
        raise FormError(f"a job of {executions} executions is too large; {MOST_EXECUTIONS} are allowed")
    return pubs


def _list(params: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = params.get(key)
    if not isinstance(found, list) or not found:
        raise FormError(f"params.{key} must be a list with at least one entry")
    return found


def _sampler_pub(where: str, pub: Any, options: Mapping[str, Any]) -> Pub:
    _circuit, values, shots = _parts(where, pub, 3)
    return Pub(
        _values_shape(where, values), _count(where, shots) if shots is not None else _shots(where, options)
    )


def _estimator_pub(where: str, pub: Any, options: Mapping[str, Any]) -> Pub:
    _circuit, observables, values, precision = _parts(where, pub, 4)
    if precision is None:
        precision = options.get("default_precision")
    shots = _shots(where, options) if precision is None else _shots_for(where, precision)
    try:
        shape = np.broadcast_shapes(_observables_shape(where, observables), _values_shape(where, values))
    except ValueError:
        raise FormError(f"{where}: observables and parameter values have shapes that do not fit") from None
    return Pub(shape, shots)


def _parts(where: str, pub: Any, most: int) -> list[Any]:
    if not isinstance(pub, list) or not 1 <= len(pub) <= most:
        raise FormError(f"{where} must be a list of at most {most} entries, the circuit first")
    return [*pub, *[None] * (most - len(pub))]


def _shots(where: str, options: Any) -> int:
    shots = options.get("default_shots") if isinstance(options, Mapping) else None
    return DEFAULT_SHOTS if shots is None else _count(where, shots)


def _count(where: str, shots: Any) -> int:
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
        raise FormError(f"{where}: shots must be a whole number from 1, not {shots!r}")
    return shots


def _shots_for(where: str, precision: Any) -> int:
    is_number = isinstance(precision, (int, float)) and not isinstance(precision, bool)
    if not is_number or not 1e-6 <= precision <= 1e6:
        raise FormError(f"{where}: a precision must be a number from 0.000001, not {precision!r}")
    shots: int = math.ceil(1 / precision**2 - 1e-9)
    return max(shots, 1)


def _observables_shape(where: str, observables: Any) -> Shape:
    """Of texts and mappings from texts to numbers, in lists."""
    if isinstance(observables, Mapping) and observables.get("__type__") == "ObservablesArray":
        observables = observables.get("__value__")
    if isinstance(observables, (str, Mapping)):
        return ()
    return _shape_of_lists(where, observables)


def _values_shape(where: str, values: Any) -> Shape:
    """Of sets of parameter values: the last axis of an array is that of the parameters."""
    if values is None or values in ([], {}):
        return ()
    if isinstance(values, Mapping) and "__type__" not in values:
        return _values_shape(where, [[0.0]] if not values else next(iter(values.values())))
    if not isinstance(values, Mapping):
        return _shape_of_lists(where, values)[:-1]
    inner = values.get("__value__")
    if values["__type__"] == "BindingsArray" and isinstance(inner, Mapping):
        return _plain_shape(where, inner.get("shape"))
    if values["__type__"] == "ndarray":
        return (_packed_shape(where, inner) if isinstance(inner, str) else _shape_of_lists(where, inner))[:-1]
    raise FormError(f"{where}: parameter values of type {values['__type__']!r} cannot be read")


def _plain_shape(where: str, shape: Any) -> Shape:
    if not isinstance(shape, list) or not all(type(axis) is int and axis >= 0 for axis in shape):
        raise FormError(f"{where}: {shape!r} is no shape")
    return tuple(shape)


def _shape_of_lists(where: str, values: Any) -> Shape:
    if not isinstance(values, list):
        return ()
    shapes = {_shape_of_lists(where, part) for part in values}
    if len(shapes) > 1:
        raise FormError(f"{where}: lists of different lengths stand side by side")
    return (len(values), *(shapes.pop() if shapes else ()))


def _packed_shape(where: str, text: str) -> Shape:
    try:
        start = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _HEADER_BYTES)
        stream = io.BytesIO(start)
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape: Shape = read(stream)[0]
    except (ValueError, zlib.error) as error:
        raise FormError(f"{where}: a packed array cannot be read: {error}") from None
    return shape


def _items(params: Mapping[str, Any]) -> list[Pub]:
    """Of a quantum program: each item is run for every set of its arguments."""
    program = params.get("quantum_program")
    if not isinstance(program, Mapping):
        raise FormError("params.quantum_program must be an object")
    shots = _count("params.quantum_program", program.get("shots"))
    pubs = []
    for number, item in enumerate(_list(program, "items")):
        where = f"params.quantum_program.items[{number}]"
        if not isinstance(item, Mapping):
            raise FormError(f"{where} must be an object")
        if item.get("shape") is not None:
            shape = _plain_shape(where, item["shape"])
        else:
            arguments = item.get("circuit_arguments")
            given = arguments.get("shape") if isinstance(arguments, Mapping) else None
            shape = () if given is None else _plain_shape(where, given)[:-1]
        pubs.append(Pub(shape, shots))
    return pubs


# -- Results that mean nothing, in the form that the client reads.


def stub_result(program: str, params: Mapping[str, Any], _seed: int) -> str:
    """Zeros of the right shape: expectation values, or the bits of one register, `meas`, of one bit.

    Example:
        >>> text = stub_result("estimator", {"pubs": [["", [{"Z": 1}, {"X": 1}]]]}, 0)
        >>> json.loads(text)["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]["shape"]
        [2]
    """
    pubs = pubs_of(program, params)
    if program == "estimator":
        results = [_data(pub, evs=np.zeros(pub.shape), stds=np.zeros(pub.shape)) for pub in pubs]
    elif program == "sampler":
        results = [_data(pub, meas=_bits(pub)) for pub in pubs]
    else:
        return json.dumps({"results": [{"shape": pub.shape, "shots": pub.shots} for pub in pubs]})
    return json.dumps(_typed("PrimitiveResult", {"pub_results": results, "metadata": {"version": 2}}))


def _data(pub: Pub, **fields: Any) -> dict[str, Any]:
    packed = {
        name: _packed(value) if isinstance(value, np.ndarray) else value for name, value in fields.items()
    }
    data = {"field_names": [*fields], "shape": pub.shape, "fields": packed}
    return _typed("PubResult", {"data": _typed("DataBin", data), "metadata": {"shots": pub.shots}})


def _bits(pub: Pub) -> dict[str, Any]:
    array = np.zeros((*pub.shape, pub.shots, 1), dtype=np.uint8)
    return _typed("BitArray", {"array": _packed(array), "num_bits": 1})


def _packed(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return _typed("ndarray", base64.b64encode(zlib.compress(stream.getvalue())).decode())


def _typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}
