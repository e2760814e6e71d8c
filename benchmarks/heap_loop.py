"""A queue with one server as the bare loop over a heap: in Python here, and in C beside it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, Final

import numpy as np

FINISH: Final = 1
SUBMIT: Final = 4
SOURCE: Final = Path(__file__).with_suffix(".c")

Waited = Callable[[Any, Any], int]
"""From submissions, sorted, and QPU times to the sum of all waiting times."""


def waited_us(submitted_us: Sequence[int], qpu_time_us: Sequence[int]) -> int:
    """The sum of all waiting times, first in, first out."""
    jobs = len(submitted_us)
    events = [(submitted_us[0], SUBMIT, 0)] if jobs else []
    queue: list[tuple[int, int]] = []
    waited = 0
    is_busy = False
    while events:
        time, rank, job = heappop(events)
        if rank == SUBMIT:
            heappush(queue, (time, job))
            if job + 1 < jobs:
                heappush(events, (submitted_us[job + 1], SUBMIT, job + 1))
        else:
            is_busy = False
        if not is_busy and queue and not (events and events[0][0] == time):
            submitted, first = heappop(queue)
            waited += time - submitted
            heappush(events, (time + qpu_time_us[first], FINISH, first))
            is_busy = True
    return waited


def compiled() -> Waited | None:
    """The same in C, compiled now; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "heap_loop.so"
        subprocess.run([compiler, "-O3", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        function = ctypes.CDLL(str(library)).waited_us
    function.restype = ctypes.c_int64
    function.argtypes = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]

    def waited(submitted_us: np.ndarray[Any, Any], qpu_time_us: np.ndarray[Any, Any]) -> int:
        keys = np.zeros(len(submitted_us), dtype=np.int64)
        columns = (submitted_us, qpu_time_us, keys)
        return int(function(len(keys), *(column.ctypes.data for column in columns)))

    return waited
