"""Runs whose pages are tested, and a reader of what a page brings along."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import qsession_sim as qs

SCENARIOS = Path(__file__).parents[2] / "scenarios"
HOSTILE = ('"><script>alert(1)<!--', "&lt;b&gt;", "שלום 5", "🙂", "x" * 200)
CLOSING = "</script><script>alert(1)</script>"
"""What names may be; those of jobs and sessions have no `/`."""


def explicit(jobs, sessions=(), **rest):
    return qs.simulate(
        {"workload": [{"kind": "explicit", "sessions": list(sessions), "jobs": list(jobs)}], **rest}
    )


def job(name, at, qpu_time="10s", **rest):
    return (
        {"id": name, "at": at, "qpu_time": qpu_time}
        | ({} if "session" in rest else {"account": "lab"})
        | rest
    )


@cache
def shipped(name):
    return qs.simulate(SCENARIOS / f"{name}.yaml")


def three_qpus():
    """Two hours on three QPUs, one of which is down for a while; a session on each, and prices."""
    arrivals = {
        "kind": "arrivals",
        "name": "many",
        "account": "lab",
        "interarrival": {"kind": "exponential", "mean": "20s"},
        "qpu_time": {"kind": "exponential", "mean": "50s"},
    }
    sessions = [{"id": f"s{n}", "account": "lab", "qpu": name} for n, name in enumerate("abc")]
    jobs = [job(f"s{n}-{k}", f"{10 * n + k}m", "30s", session=f"s{n}") for n in range(3) for k in (1, 3)]
    down = {"kind": "maintenance", "at": "30m", "duration": "20m"}
    return qs.simulate(
        {
            "title": "Three QPUs",
            "horizon": "2h",
            "qpus": [{"name": "a", "windows": [down]}, {"name": "b"}, {"name": "c"}],
            "workload": [arrivals, {"kind": "explicit", "sessions": sessions, "jobs": jobs}],
        }
    )


def hostile():
    sessions = [{"id": name, "account": f"of {name}{CLOSING}"} for name in HOSTILE]
    of_sessions = [job(f"1 {name}", "1s", session=name) for name in HOSTILE]
    others = [job(f"2 {name}", "2s", account=f"by {name}{CLOSING}") for name in HOSTILE]
    return explicit(of_sessions + others, sessions, title=f"{CLOSING}\n{HOSTILE[0]}\u202e")


ODD = {
    "empty": lambda: explicit([job("j", "2s")], horizon="1s", title="Nothing"),
    "nothing happens": lambda: explicit([]),
    "all rejected": lambda: explicit(
        [job("j", "1s", session="s", max_execution_time="2h")],
        [{"id": "s", "account": "lab", "max_time": "1h"}],
    ),
    "no session": lambda: explicit([job("j1", "0s"), job("j2", "1s")]),
    "only a simulator": lambda: explicit(
        [job("j", "0s", qpu="sim")], qpus=[{"name": "idle"}, {"name": "sim", "simulator": True}]
    ),
    "three QPUs": three_qpus,
    "unfinished": lambda: explicit([job("j1", "0s", "1h"), job("j2", "1s")], horizon="1m"),
    "long warm-up": lambda: explicit([job("j", "0s")], warm_up="1h"),
    "thirty days": lambda: explicit([job("j1", "0s"), job("j2", "29d")], horizon="30d"),
    "hostile names": hostile,
}


QUEUED = {
    "seed": 1,
    "horizon": "20m",
    "workload": [
        {
            "kind": "arrivals",
            "name": "many",
            "account": "lab",
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "9s"},
        }
    ],
}


@cache
def study(name):
    """What several runs show, by the name of its command."""
    if name == "comparison":
        return qs.compare(QUEUED, policies=["fifo", "lifo", "shortest_job_first"], replications=4)
    if name == "sweep":
        settings = {
            "workload.many.qpu_time.mean": ["5s", "9s"],
            "workload.many.interarrival.mean": ["10s", "12s"],
        }
        return qs.sweep(QUEUED, settings, replications=3)
    vary = ["workload.many.qpu_time.mean=5s..9s"]
    return qs.tune(QUEUED, vary, minimise="all.waiting_us.mean", replications=3)


@cache
def odd(name):
    return ODD[name]()


@dataclass
class Brought:
    """What a page brings along, in the words of `timeline.Timeline`."""

    names: dict
    segments: dict
    queue: dict
    sessions: dict
    waits: dict
    marks: dict
    jobs: list


def brought(page):
    """Read the blocks of a page back."""

    def inflated(name):
        (content,) = re.findall(rf'<script type="text/plain" id="{name}">([A-Za-z0-9+/=]*)</script>', page)
        return zlib.decompress(b64decode(content), wbits=-15)

    names, content = json.loads(inflated("names")), inflated("columns")
    column, place = {}, 0
    for name, rows in names["columns"]:
        planes = np.frombuffer(content[place : place + 4 * rows], np.uint8).reshape(4, rows)
        values = np.ascontiguousarray(planes.T).view("<i4").ravel().astype(np.int64)
        column[name.removesuffix("_delta")] = values.cumsum() if name.endswith("_delta") else values
        place += 4 * rows
    assert place == len(content)
    c = SimpleNamespace(**column)
    sizes, queues = ([qpu[k] for qpu in names["qpus"]] for k in (1, 2))
    qpu = np.repeat(np.arange(len(sizes)), sizes)
    begin = np.concatenate(
        [d.cumsum() - d for d in np.split(c.duration, np.cumsum(sizes))[: len(sizes)]] or [[]]
    )
    latest, jobs = {}, []
    for prefix, change in zip(c.job_prefix.tolist(), c.job_number.tolist(), strict=True):
        latest[prefix] = latest.get(prefix, 0) + change
        number = "" if latest[prefix] < 0 else latest[prefix]
        jobs.append(f"{names['prefixes'][prefix - 1]}{number}" if prefix else None)
    rows = []
    changes = zip(
        np.repeat(np.arange(len(queues)), queues).tolist(),
        c.queue_time.tolist(),
        c.queue_change.tolist(),
        strict=True,
    )
    events = [*changes]
    if not names["cell"]:
        starts = zip(qpu.tolist(), begin.astype(int).tolist(), c.kind.tolist(), strict=True)
        events += [(number, start, -1) for number, start, kind in starts if kind < 3]
    length = dict.fromkeys(range(len(queues)), 0)
    for number, time, change in sorted(events):
        length[number] += change
        if rows and rows[-1][:2] == (number, time):
            rows.pop()
        rows.append((number, time, length[number]))
    return Brought(
        names=names,
        segments={
            "qpu": qpu,
            "start": begin,
            "duration": c.duration,
            "kind": c.kind,
            "group": c.group,
            "session": c.session,
        },
        queue=rows,
        sessions={
            "mode": c.session_mode,
            "qpu": c.session_qpu,
            "created": c.created,
            "closed": c.created + c.open,
        },
        waits={"session": c.wait_session, "start": c.wait_start, "duration": c.wait_duration},
        marks={"session": c.mark_session, "time": c.mark_time, "word": c.mark_word},
        jobs=jobs,
    )
