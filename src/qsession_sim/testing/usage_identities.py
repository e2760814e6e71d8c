"""S62: the usage in the tables, worked out anew from the intervals and the changes of sessions."""

from __future__ import annotations

from collections.abc import Iterator

from qsession_sim.results.names import name_series
from qsession_sim.results.periods import FROM, PUBLIC_STATE, SESSION, TIME, TO, stays_on_qpu
from qsession_sim.results.stays import thrown_off
from qsession_sim.scheduler.vocabulary import SessionState
from qsession_sim.testing.facts import Facts, Violation

Stay = tuple[int, int]


def check_usage(facts: Facts) -> Iterator[Violation]:
    """S62: what jobs and sessions are charged for, which is known when the run is over."""
    stays = _last_stays(facts)
    used_us = {job: end_us - start_us for job, (start_us, end_us) in stays.items()}
    jobs = facts.jobs.select("job", "qpu_time_us").rows()
    sessions = facts.sessions.select("session", "usage_us").rows()
    of_sessions = _session_usage_us(facts, used_us)
    for thing, expected_us, rows in (("job", used_us, jobs), ("session", of_sessions, sessions)):
        for name, charged_us in rows:
            if charged_us != expected_us.get(name, 0):
                used = expected_us.get(name, 0)
                message = f"{thing} {name!r} used {used} us and is charged for {charged_us} us"
                yield Violation(facts.record.end_us, message)
                break


def _last_stays(facts: Facts) -> dict[str, Stay]:
    """The last stay of each job on a QPU; what an outage ended costs nothing."""
    busy = facts.intervals.filter(facts.intervals["kind"] == "busy")
    rows = busy.select("job", "start_us", "end_us").rows()
    stays = {job: (start_us, end_us) for job, start_us, end_us in rows}
    names = name_series(facts.record.workload.job_names)
    for qpu in set(range(len(facts.record.qpus))).difference(facts.record.queueing_qpus):
        simulated = stays_on_qpu(facts.record, qpu)
        instants = zip(simulated.start_us.tolist(), simulated.end_us.tolist(), strict=True)
        stays.update(zip(names.gather(simulated.owner), instants, strict=True))
    for job in facts.jobs.filter(facts.jobs["reason"] == "QPU_FAILED")["job"]:
        stays.pop(job, None)
    lost = thrown_off(facts.record)
    if len(lost):
        for job in names.gather(lost):
            stays.pop(job, None)
    return stays


def _session_usage_us(facts: Facts, used_us: dict[str, int]) -> dict[str, int]:
    """What each session should be charged for: a batch for its jobs, others for their active time."""
    usage_us = _active_us(facts)
    modes = dict(facts.sessions.select("session", "mode").rows())
    closed_us = dict(facts.sessions.select("session", "closed_us").rows())
    for session, mode in modes.items():
        if mode == "batch":
            usage_us[session] = 0
    for job, session, mode in facts.jobs.select("job", "session", "mode").rows():
        if mode == "batch":
            usage_us[session] = usage_us.get(session, 0) + used_us.get(job, 0)
    busy = facts.intervals.filter(facts.intervals["kind"] == "busy").drop_nulls("session")
    for session, start_us, end_us in busy.select("session", "start_us", "end_us").rows():
        over_us = closed_us.get(session)
        if over_us is not None and modes.get(session) == "session" and start_us <= over_us < end_us:
            usage_us[session] = usage_us.get(session, 0) + end_us - over_us  # S16, S18
    return usage_us


def _active_us(facts: Facts) -> dict[str, int]:
    """How long each session was active."""
    names = name_series(facts.record.workload.session_names).to_list()
    since_us: dict[int, int] = {}
    active_us: dict[str, int] = {}
    for row in facts.record.transitions.tolist():
        session, time_us = row[SESSION], row[TIME]
        was_active = PUBLIC_STATE[row[FROM]] == SessionState.ACTIVE
        is_active = PUBLIC_STATE[row[TO]] == SessionState.ACTIVE
        if is_active and not was_active:
            since_us[session] = time_us
        elif was_active and not is_active and session in since_us:
            name = names[session]
            active_us[name] = active_us.get(name, 0) + time_us - since_us.pop(session)
    for session, start_us in since_us.items():
        name = names[session]
        active_us[name] = active_us.get(name, 0) + facts.record.end_us - start_us
    return active_us
