"""The global random states of `random` and NumPy, of which every program has its own."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Final
from unittest.mock import patch

import numpy as np

_NUMPY: Any = np.random

_WORDS: Final = 624
"""Of a Mersenne Twister; the number of those that were given out stands behind them."""


class RandomState:
    """What one program draws from with the global functions of NumPy and of `random`.

    Args:
        seed: at least 0.
    """

    def __init__(self, seed: int) -> None:
        self.bits: Any = np.random.MT19937(seed)
        self.bits.random_raw()  # not in the state after a seed, so that another seed is seen
        self._position = ctypes.c_int.from_address(self.bits.ctypes.state_address + 4 * _WORDS)
        self._last = self._position.value
        self._saved: Any = None  # with the second of two normal numbers, which the bits do not know
        self.python: Any = random.Random(seed).getstate()  # noqa: S311 - of a simulation

    def enter(self) -> None:
        """NumPy's functions draw from this one from now on."""
        _NUMPY.set_bit_generator(self.bits)
        if self._saved is not None:
            np.random.set_state(self._saved)  # noqa: NPY002 - that is what is carried
            self._last = self._position.value

    def leave(self) -> None:
        """Another one is entered; only what was drawn from is kept, which is dear."""
        if self._saved is not None or self._position.value != self._last:
            self._saved = np.random.get_state(legacy=False)  # noqa: NPY002 - as above


class RandomStates:
    """Gives each program the state that it had when it ran last; those that draw from none cost little.

    NumPy's global functions get other bits with every program. Those of `random` change to the state of a
    program when it calls one.

    Args:
        current: that of the program whose thread asks; None: it is no program's.
    """

    def __init__(self, current: Callable[[], RandomState | None]) -> None:
        self._current = current
        self._entered: RandomState | None = None
        self._of_python: RandomState | None = None  # whose state `random` has; None: that of before
        self._python_before: Any = None

    def enter(self, state: RandomState) -> None:
        """A program goes on, perhaps after another one."""
        if self._entered is not state:
            if self._entered is not None:
                self._entered.leave()
            self._entered = state
            state.enter()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Afterwards both have the states of before."""
        bits, numbers = _NUMPY.get_bit_generator(), np.random.get_state()  # noqa: NPY002 - as above
        self._python_before = random.getstate()
        instance: Any = vars(random)["_inst"]
        with ExitStack() as stack:
            for name in random.__all__:
                function = getattr(random, name)
                if getattr(function, "__self__", None) is instance:
                    stack.enter_context(patch.object(random, name, self._own(function, instance)))
            try:
                yield
            finally:
                self._change(instance, None)
                _NUMPY.set_bit_generator(bits)
                np.random.set_state(numbers)  # noqa: NPY002 - as above

    def _own(self, function: Callable[..., Any], instance: Any) -> Callable[..., Any]:
        @wraps(function)
        def own(*arguments: Any, **given: Any) -> Any:
            self._change(instance, self._current())
            return function(*arguments, **given)

        return own

    def _change(self, instance: Any, wanted: RandomState | None) -> None:
        if wanted is self._of_python:
            return
        if self._of_python is None:
            self._python_before = instance.getstate()
        else:
            self._of_python.python = instance.getstate()
        instance.setstate(self._python_before if wanted is None else wanted.python)
        self._of_python = wanted
