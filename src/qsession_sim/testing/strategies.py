"""Hypothesis strategies for scenarios and workloads. A failing example prints the YAML that reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from hypothesis.vendor.pretty import RepresentationPrinter

from qsession_sim.scenario.yaml_source import write_yaml
from qsession_sim.testing import parts
from qsession_sim.testing.parts import Mix, Part, Times, joined, maybe


class ScenarioExample(dict[str, Any]):
    """A scenario that Hypothesis prints as YAML; else a plain dict. `options` are those of `run` with it."""

    options: str = ""

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:  # noqa: ARG002, FBT001
        printer.text(
            f"\n# save it as example.yaml, then: qsession-sim run example.yaml{self.options}\n"
            f"{write_yaml({**self})}"
        )


class WorkloadExample(list[Any]):
    """Sources that Hypothesis prints as the YAML of a scenario that has nothing else; else a plain list."""

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:  # noqa: FBT001
        ScenarioExample(workload=[*self])._repr_pretty_(printer, cycle)


@st.composite
def scenarios(
    draw: st.DrawFn,
    *,
    queue: Sequence[str | dict[str, Any]] | None = None,
    most_jobs: int = 10,
    unit: str = "s",
    wide: bool = False,
) -> dict[str, Any]:
    """Small scenarios in the human form, which `qs.load_scenario` and `qs.simulate` take.

    All keys that concern the rules occur. Times are small multiples of one unit: many things happen in the
    same instant, take no time, or reach a limit exactly.

    Args:
        draw: given by Hypothesis; leave it out.
        queue: queue policies to choose from, as `policies.queue` names them; by default the built-in ones.
        most_jobs: of a source of kind `explicit`.
        unit: of all times.
        wide: let values be far apart: the unit is any from microseconds to days, explicit jobs of one
            scenario may be a microsecond and a day long, and priorities go to a million.

    Example:
        >>> from hypothesis import given
        >>> import qsession_sim as qs
        >>> @given(scenarios())
        ... def test_no_job_starts_before_its_submission(scenario):
        ...     assert (qs.simulate(scenario).jobs["waiting_us"].fill_null(0) >= 0).all()
    """
    times = Times(draw(st.sampled_from(parts.UNITS)) if wide else unit, wide)
    mix = draw(parts.mixes())
    qpus = draw(parts.qpus(times, mix))
    sources = _sources(draw, times, mix, qpus, most_jobs)
    # S65: a client that retries a job that always fails goes on for ever without a horizon; so does a run
    # in which windows that come again leave a job no time to end (S52)
    retried = any(source.get("on_error") == "retry" for source in sources)
    endless = retried or any("every" in window for qpu in qpus for window in qpu.get("windows", ()))
    horizon = st.fixed_dictionaries({"horizon": times.at_least(1, 25)})
    stop = horizon if endless else st.one_of(st.just({}), horizon)
    start = joined(
        stop,
        parts.rules(times, mix),
        parts.policies(queue),
        st.just({"qpus": qpus} if qpus else {}),
        parts.plans_and_accounts(times, mix, sources),
    )
    return ScenarioExample({**draw(start), "workload": sources})


@st.composite
def workloads(draw: st.DrawFn, *, most_jobs: int = 10, unit: str = "s") -> list[Any]:
    """Lists of sources for the key `workload` of a scenario of one's own, which needs no horizon for them.

    Args:
        draw: given by Hypothesis; leave it out.
        most_jobs: of a source of kind `explicit`.
        unit: of all times.

    Example:
        >>> from hypothesis import given
        >>> @given(workloads())
        ... def test_any_workload(workload):
        ...     scenario = {"policies": {"queue": "priority"}, "workload": workload}
    """
    sources = _sources(draw, Times(unit), draw(parts.mixes()), [], most_jobs)
    for source in sources:
        if source.get("on_error") == "retry":
            source["on_error"] = "continue"
    return WorkloadExample(sources)


def _sources(draw: st.DrawFn, times: Times, mix: Mix, qpus: Sequence[Part], most_jobs: int) -> list[Part]:
    """At least one source; those that draw their jobs come at most once each."""
    names = parts.places(qpus)
    of_kind = {
        "explicit": _explicit(times, mix, qpus, most_jobs),
        "arrivals": _arrivals(times, mix, names),
        "iterative": _iterative(times, mix, names),
        "batches": _batches(times, mix, names),
    }
    kinds = draw(st.lists(st.sampled_from([*of_kind]), min_size=1, max_size=3, unique=True))
    return [draw(of_kind[kind]) for kind in kinds]


@st.composite
def _explicit(draw: st.DrawFn, times: Times, mix: Mix, qpus: Sequence[Part], most_jobs: int) -> Part:
    count = draw(st.integers(0, 3)) if mix.sessions else 0
    names = parts.places(qpus)
    made = [parts.session(draw, times, mix, f"s{number}", names) for number in range(1, count + 1)]
    earliest = {None: 0, **{session["id"]: created for session, created in made}}
    jobs: list[Part] = []
    for number in range(1, draw(st.integers(0, most_jobs)) + 1):
        session = draw(st.sampled_from([*earliest]))
        before = draw(st.sampled_from([None, *jobs])) if mix.follow_ups else None
        job: Part = {"id": f"j{number}"}
        if before is None:
            job["at"] = draw(times.at_least(earliest[session], 12))
        else:
            more = draw(st.lists(st.sampled_from(jobs), max_size=2)) if mix.joins else []
            after = [before["id"], *(other["id"] for other in more)] if more else before["id"]
            job |= {"after": after, **draw(maybe(True, think=times.upto(3)))}
        job |= {"account": draw(parts.accounts())} if session is None else {"session": session}
        job |= draw(parts.job(times, mix))
        if session is None:
            job |= draw(parts.pinned(parts.places(qpus, simulators=True)))
        if job.get("qpu") not in {None, *names}:
            job.pop("preparation", None)  # S22: on a simulator backend jobs start at once
        jobs.append(job)
    sessions = {"sessions": [session for session, _ in made]} if made else {}
    # S3: numbers follow the order in the file, here against that of submission
    ordered = jobs[::-1] if mix.follow_ups and draw(st.booleans()) else jobs
    return {"kind": "explicit", **sessions, "jobs": ordered}


def _arrivals(times: Times, mix: Mix, qpus: Sequence[str]) -> SearchStrategy[Part]:
    return joined(
        st.just({"kind": "arrivals"}),
        parts.drawn_jobs(times, mix, qpus),
        st.fixed_dictionaries({"interarrival": times.drawn(3), "count": st.integers(1, 6)}),
    )


def _batches(times: Times, mix: Mix, qpus: Sequence[str]) -> SearchStrategy[Part]:
    return joined(
        st.just({"kind": "batches"}),
        parts.drawn_jobs(times, mix, qpus),
        st.fixed_dictionaries(
            {"interarrival": times.drawn(6), "count": st.integers(1, 3), "jobs": st.integers(1, 4)}
        ),
        parts.clocks(times),
    )


@st.composite
def _iterative(draw: st.DrawFn, times: Times, mix: Mix, qpus: Sequence[str]) -> Part:
    mode = draw(st.sampled_from(["session", "batch", "job"]))
    starts = times.drawn(6).map(lambda interarrival: {"interarrival": interarrival})
    return draw(
        joined(
            st.just({"kind": "iterative", "mode": mode}),
            parts.drawn_jobs(times, mix, qpus),
            st.fixed_dictionaries({"iterations": st.integers(1, 4)}),
            maybe(True, clients=st.integers(1, 3), start=starts, think_time=times.drawn(4)),
            maybe(mix.polls, poll_interval=times.of(1, 2, 3, 5)),
            st.just({}) if mode == "job" else parts.clocks(times),
            maybe(
                mix.endings,
                on_finish=st.sampled_from(["close", "cancel", "leave"]),
                on_error=st.sampled_from(["stop", "continue", "retry"]),
                on_rejection=st.sampled_from(["give_up", "job_mode", "new_session"]),
            ),
        )
    )
