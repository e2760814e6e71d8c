"""One session beside one everyday job: who waited, and what did the session cost?"""

from __future__ import annotations

import qsession_sim as qs

SCENARIO = {
    "title": "A session that pauses for too long",
    "profile": "2024-04",
    "workload": [
        {
            "kind": "explicit",
            "sessions": [{"id": "vqe", "account": "lab-a", "close": "160s"}],
            "jobs": [
                {"id": "vqe-1", "at": "0s", "session": "vqe", "qpu_time": "10s"},
                {"id": "everyday", "at": "2s", "account": "lab-b", "qpu_time": "30s"},
                {"id": "vqe-2", "after": "vqe-1", "think": "5s", "session": "vqe", "qpu_time": "10s"},
                {"id": "vqe-3", "after": "vqe-2", "think": "2m", "session": "vqe", "qpu_time": "10s"},
            ],
        }
    ],
}


def main() -> None:
    run = qs.simulate(SCENARIO)
    for job in run.jobs.iter_rows(named=True):
        started = qs.format_duration(job["started_us"])
        waited = qs.format_duration(job["waiting_us"])
        print(f"{job['job']}: started at {started}, waited {waited}, {job['status']}")
    for change in run.transitions.iter_rows(named=True):
        print(f"{qs.format_duration(change['time_us'])}: {change['event']}, now {change['to_state']}")
    for session in run.sessions.iter_rows(named=True):
        usage = qs.format_duration(session["usage_us"])
        held = qs.format_duration(session["held_us"])
        print(f"{session['session']} costs {usage}, of which nothing ran for {held}")


if __name__ == "__main__":
    main()
