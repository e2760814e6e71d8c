"""Small strategies for what serves: QPUs, their windows, and plans of accounts. See `scenario_parts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from qsession_sim.testing.scenario_parts import ACCOUNTS, Mix, Part, Parts, Times, joined, maybe


def qpus(times: Times, mix: Mix) -> SearchStrategy[list[Part]]:
    """One QPU to three, with lanes and windows (S42, S52, S54); a simulator backend at the end (S22).

    An empty list stands for the one QPU that there is by default.
    """
    count = st.integers(1, 3) if mix.qpus else st.just(1)
    more = st.fixed_dictionaries(
        {},
        optional={
            **({"lanes": st.sampled_from([1, 2])} if mix.phases else {}),
            **({"windows": windows(times)} if mix.windows else {}),
        },
    )
    some = count.flatmap(lambda n: st.lists(more, min_size=n, max_size=n))
    named = some.map(lambda parts: [{"name": f"q{n}", **part} for n, part in enumerate(parts, start=1)])
    if not mix.qpus:
        return named.map(lambda parts: parts if parts != [{"name": "q1"}] else [])
    simulator: Part = {"name": "simulator", "simulator": True}
    return st.tuples(named, st.booleans()).map(lambda drawn: [*drawn[0], simulator] if drawn[1] else drawn[0])


def places(qpus: Sequence[Part], *, simulators: bool = False) -> list[str]:
    """The names of the QPUs that a session, or with `simulators` a job, may be pinned to."""
    return [qpu["name"] for qpu in qpus if simulators or not qpu.get("simulator")]


def windows(times: Times) -> SearchStrategy[list[Part]]:
    """One window or two; reservations of one QPU may not meet, so at most one of them."""
    any_window = st.one_of(
        _fixed_window(times, st.sampled_from(["maintenance", "outage", "calibration"])), _failures(times)
    )
    reservation = _fixed_window(times, st.just("reservation"), account=st.sampled_from(ACCOUNTS))
    return st.one_of(
        any_window.map(lambda window: [window]),
        reservation.map(lambda window: [window]),
        st.tuples(any_window, st.one_of(any_window, reservation)).map(list),
    )


def _fixed_window(times: Times, kind: SearchStrategy[str], **more: SearchStrategy[Any]) -> Parts:
    keys = {"kind": kind, "at": times.upto(12), "duration": times.of(1, 2, 4), **more}
    return st.fixed_dictionaries(keys, optional={"every": times.of(4, 5, 9)})


def _failures(times: Times) -> Parts:
    keys = {"time_between_failures": times.of(1, 2, 5), "repair_time": times.of(1, 2)}
    return st.fixed_dictionaries({"kind": st.just("outage"), **keys, "until": times.of(5, 20)})


def accounts(times: Times, mix: Mix, sources: Sequence[Part]) -> Parts:
    """The keys `plans` and `accounts` (S60 to S63); neither if the example does without them.

    An explicit session in a plan without sessions would be an error (S61), so only accounts without one may
    have that plan.
    """
    if not mix.plans:
        return st.just({})
    listed = {session["account"] for source in sources for session in source.get("sessions", ())}
    plans = {
        "small": maybe(
            True,
            pending_jobs=st.integers(1, 3),
            submission_rate=_limit(times, count=st.integers(1, 2)),
            quota=_limit(times, usage=times.of(1, 4)),
        ),
        "closed": st.just({"sessions": False, "batches": False}),
    }
    more = maybe(
        True,
        allocation=times.of(10, 1, 25),
        client=st.sampled_from(["0.19.0", "0.23.0"]).map(lambda version: {"qiskit-ibm-runtime": version}),
    )
    rows = [
        joined(
            st.just({"name": name}),
            maybe(True, plan=st.sampled_from(["small"] if name in listed else ["small", "closed"])),
            more,
        )
        for name in ACCOUNTS
    ]
    return st.fixed_dictionaries(
        {"plans": st.fixed_dictionaries(plans), "accounts": st.tuples(*rows).map(list)}
    )


def _limit(times: Times, **amount: SearchStrategy[Any]) -> Parts:
    return st.fixed_dictionaries({**amount, "window": times.of(1, 5, 20)})
