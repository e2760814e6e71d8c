"""Small strategies for the parts of scenarios; each draws some keys of a mapping, in the human form.

Times are small multiples of one unit, so that ties, zero times and limits that are just reached are frequent.
A new key of scenarios is a new strategy here, or a new row in one, and is mixed in by its name in `Mix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from qsession_sim.scenario.models import WINDOW_KINDS
from qsession_sim.scenario.policies import HOLD_POLICIES, PARAMETERS, ROUTING_POLICIES

Part = dict[str, Any]
Parts = SearchStrategy[Part]

ACCOUNTS = ("a", "b", "c")
UNITS = ("s", "us", "ms", "m", "h", "d")


@dataclass(frozen=True)
class Mix:
    """What an example has at all: leaving things out lets others meet more often, and shrinks in one step."""

    sessions: bool
    endings: bool  # closes and cancels of sessions
    creations: bool
    cancels: bool  # of jobs
    limits: bool
    follow_ups: bool
    joins: bool  # follow-ups of several jobs
    priorities: bool
    rules: bool
    phases: bool  # preparation and post-processing
    estimates: bool
    patience: bool
    polls: bool  # of clients
    qpus: bool  # more than one
    windows: bool
    plans: bool


def mixes() -> SearchStrategy[Mix]:
    """Any mix; the simplest has nothing."""
    return st.builds(Mix, *[st.booleans()] * len(fields(Mix)))


def maybe(present: bool, **values: SearchStrategy[Any]) -> Parts:  # noqa: FBT001 - reads as the question
    """Some of the keys, or none if the example does without them."""
    return st.fixed_dictionaries({}, optional=values) if present else st.just({})


def joined(*parts: Parts) -> Parts:
    """All keys of all parts, in this order."""
    return st.tuples(*parts).map(lambda drawn: {key: part[key] for part in drawn for key in part})


@dataclass(frozen=True)
class Times:
    """Durations on the grid of one unit; with `wide`, explicit jobs are as long as any unit, and priorities
    are any numbers."""

    unit: str
    wide: bool = False

    def upto(self, most: int) -> SearchStrategy[str]:
        """From 0 on."""
        return st.integers(0, most).map(self._text)

    def of(self, *values: int) -> SearchStrategy[str]:
        """One of some, the first being the simplest."""
        return st.sampled_from(values).map(self._text)

    def at_least(self, least: int, most: int) -> SearchStrategy[str]:
        """Not before something else."""
        return st.integers(least, max(least, most)).map(self._text)

    @property
    def qpu_times(self) -> SearchStrategy[str]:
        """QPU times: at least 1 (S2)."""
        return self.of(1, 2, 3, 4, 6)

    @property
    def qpu_times_of_listed(self) -> SearchStrategy[str]:
        """QPU times of explicit jobs. Only they may be long or short: a client that retries a short job until
        a late horizon would never end."""
        if not self.wide:
            return self.qpu_times
        return self.qpu_times | st.sampled_from(UNITS).flatmap(lambda unit: Times(unit).qpu_times)

    @property
    def limits(self) -> SearchStrategy[str]:
        """Limits of execution times, about as long as the QPU times (S44)."""
        return self.of(3, 1, 2, 5)

    @property
    def clocks(self) -> SearchStrategy[str]:
        """Interactive timeouts (S13)."""
        return self.of(0, 1, 2, 3)

    @property
    def lives(self) -> SearchStrategy[str]:
        """Maximum timeouts (S11)."""
        return self.of(1000, 0, 1, 4, 7, 12, 20)

    def drawn(self, most: int) -> SearchStrategy[Any]:
        """A distribution of times: mostly a constant."""
        values = st.lists(self.upto(most), min_size=1, max_size=3)
        return st.one_of(self.upto(most), values.map(lambda given: {"kind": "choice", "values": given}))

    def _text(self, count: int) -> str:
        return f"{count}{self.unit}"


def accounts() -> SearchStrategy[str]:
    """Who submits."""
    return st.sampled_from(ACCOUNTS)


def _of_any_job(times: Times, mix: Mix, estimate: SearchStrategy[Any]) -> Parts:
    """What a job may have, wherever it is from: S50, S24 and S44, S40, S54, S27."""
    near = st.integers(-1, 1)
    return joined(
        maybe(mix.priorities, priority=near | st.integers(-1_000_000, 1_000_000) if times.wide else near),
        maybe(mix.limits, max_execution_time=times.limits),
        maybe(mix.phases, preparation=times.upto(3), post_processing=times.upto(3)),
        maybe(mix.estimates, estimate=estimate),
        maybe(mix.patience, patience=times.of(3, 1, 2, 5, 8)),
    )


def pinned(names: Sequence[str]) -> Parts:
    """S54: to one of these QPUs, or to none."""
    return maybe(True, qpu=st.sampled_from(names)) if names else st.just({})


def clocks(times: Times) -> Parts:
    """The two clocks of sessions and batches."""
    return st.fixed_dictionaries({"interactive_timeout": times.clocks}, optional={"max_time": times.lives})


def rules(times: Times, mix: Mix) -> Parts:
    """The choices that the rules leave open."""
    parts = maybe(
        mix.rules,
        max_time_ends_as=st.sampled_from(["error", "cancelled"]),
        unused_timeout=times.of(0, 1, 3),
        max_execution_time=st.one_of(st.just("none"), times.of(3)),
        ittl_condition=st.sampled_from(["queued", "ready"]),
        calibration=st.sampled_from(["after_sessions", "before_sessions"]),
        on_outage=st.sampled_from(["fail", "requeue"]),
    )
    return parts.map(lambda given: {"rules": given} if given else {})


def policies(queue: Sequence[Any] | None) -> Parts:
    """S50, S51, S54; `queue` gives the queue policies to choose from, by default the built-in ones."""
    parts = st.fixed_dictionaries(
        {},
        optional={
            "queue": st.sampled_from(sorted(PARAMETERS) if queue is None else list(queue)),
            "hold": st.sampled_from(sorted(HOLD_POLICIES)),
            "routing": st.sampled_from(sorted(ROUTING_POLICIES)),
        },
    )
    return parts.map(lambda given: {"policies": given} if given else {})


def one_of_two(times: Times, at: str, after: str, least: int) -> Parts:
    """A time, or a time counted from something, or neither."""
    return st.one_of(
        st.just({}),
        st.fixed_dictionaries({at: times.at_least(least, 24)}),
        st.fixed_dictionaries({after: times.upto(12)}),
    )


def session(draw: st.DrawFn, times: Times, mix: Mix, name: str, qpus: Sequence[str]) -> tuple[Part, int]:
    """A session or batch of an explicit source, and when it is created at the earliest (S9)."""
    created = draw(st.integers(0, 6)) if mix.creations and draw(st.booleans()) else None
    part: Part = {"id": name, "account": draw(accounts())}
    if draw(st.booleans()):
        part["mode"] = "batch"
    if created is not None:
        part["created"] = f"{created}{times.unit}"
    part |= draw(joined(clocks(times), pinned(qpus)))
    if mix.endings:
        for command in ("close", "cancel"):
            part |= draw(one_of_two(times, command, f"{command}_after", created or 0))
    return part, created or 0


def job(times: Times, mix: Mix) -> Parts:
    """What a job of an explicit source is, apart from when and where it is submitted."""
    return joined(
        st.fixed_dictionaries({"qpu_time": times.qpu_times_of_listed}),
        _of_any_job(times, mix, times.of(1, 2, 5)),
        one_of_two(times, "cancel", "cancel_after", 0) if mix.cancels else st.just({}),
    )


def drawn_jobs(times: Times, mix: Mix, qpus: Sequence[str]) -> Parts:
    """The keys that all sources with drawn jobs share."""
    qpu_times = st.lists(times.qpu_times, min_size=1, max_size=3)
    choices = qpu_times.map(lambda values: {"kind": "choice", "values": values})
    return joined(
        st.fixed_dictionaries({"account": accounts(), "qpu_time": st.one_of(times.qpu_times, choices)}),
        _of_any_job(times, mix, estimates(times)),
        pinned(qpus),
    )


def estimates(times: Times) -> SearchStrategy[Any]:
    """How users estimate drawn jobs."""
    factors = st.sampled_from([0.5, 2]).map(lambda factor: {"factor": factor})
    return st.one_of(st.just("perfect"), times.of(1, 2, 5), factors)


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
    kinds = [kind for kind in WINDOW_KINDS if kind != "reservation"]
    any_window = st.one_of(_fixed_window(times, st.sampled_from(kinds)), _failures(times))
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


def plans_and_accounts(times: Times, mix: Mix, sources: Sequence[Part]) -> Parts:
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
            quota=joined(
                _limit(times, usage=times.of(1, 4)),
                maybe(True, on_reached=st.sampled_from(["end", "reject"])),
            ),
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
