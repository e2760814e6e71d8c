"""Files for viewers of traces: read back by their formats, they are what the tables say, and slices nest."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from random_examples import examples
from results.handmade import make_record, make_run

import qsession_sim as qs
from qsession_sim.errors import BundleError, WorkloadFileError
from qsession_sim.report.trace_viewer import LONGEST_US, as_bytes, check_place, export, run_as_swf, trace_of
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing.strategies import scenarios

# -- A decoder of Perfetto's format: fields as its published schema numbers them, those that may occur.

NUMBER, TEXT = "number", "text"
SCHEMA = {
    "Trace": {1: ("packet", "TracePacket")},
    "TracePacket": {
        8: ("timestamp", NUMBER),
        10: ("trusted_packet_sequence_id", NUMBER),
        11: ("track_event", "TrackEvent"),
        60: ("track_descriptor", "TrackDescriptor"),
    },
    "TrackDescriptor": {
        1: ("uuid", NUMBER),
        2: ("name", TEXT),
        3: ("process", "ProcessDescriptor"),
        5: ("parent_uuid", NUMBER),
        8: ("counter", "CounterDescriptor"),
        11: ("child_ordering", NUMBER),
        12: ("sibling_order_rank", NUMBER),
    },
    "ProcessDescriptor": {1: ("pid", NUMBER), 6: ("process_name", TEXT)},
    "CounterDescriptor": {},
    "TrackEvent": {
        4: ("debug_annotations", "DebugAnnotation"),
        9: ("type", NUMBER),
        11: ("track_uuid", NUMBER),
        22: ("categories", TEXT),
        23: ("name", TEXT),
        30: ("counter_value", NUMBER),
    },
    "DebugAnnotation": {6: ("string_value", TEXT), 10: ("name", TEXT)},
}
REPEATED = {"packet", "debug_annotations", "categories"}
BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4


def varint(content, at):
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def decoded(content, message):
    """A message as a dictionary; a field that its schema does not have is a KeyError."""
    found, at = {}, 0
    while at < len(content):
        tag, at = varint(content, at)
        name, kind = SCHEMA[message][tag >> 3]
        assert tag & 7 == (0 if kind == NUMBER else 2), name
        value, at = varint(content, at)
        if kind != NUMBER:
            part, at = content[at : at + value], at + value
            assert len(part) == value
            value = part.decode() if kind == TEXT else decoded(part, kind)
        if name in REPEATED:
            found.setdefault(name, []).append(value)
        else:
            assert name not in found
            found[name] = value
    return found


@dataclass
class Shown:
    """What a viewer shows: on each track, by the names that lead to it."""

    slices: dict = field(
        default_factory=lambda: defaultdict(list)
    )  # start, end, depth, category, name, arguments
    instants: dict = field(default_factory=lambda: defaultdict(list))  # time, name, arguments
    counters: dict = field(default_factory=lambda: defaultdict(list))  # time, value


def read_perfetto(content):
    """Read a trace, and check what viewers rely on."""
    shown, tracks, open_slices, last = Shown(), {}, defaultdict(list), 0
    for packet in decoded(content, "Trace")["packet"]:
        assert packet["trusted_packet_sequence_id"] == 1
        if "track_descriptor" in packet:
            track = packet["track_descriptor"]
            assert track["uuid"] not in tracks
            assert track["child_ordering"] == 3
            parent = track.get("parent_uuid")
            assert (parent is None) == ("process" in track)
            path = () if parent is None else tracks[parent][0]
            tracks[track["uuid"]] = (*path, track["name"]), "counter" in track
            continue
        event, time = packet["track_event"], packet["timestamp"]
        assert time % 1000 == 0
        assert time >= last
        last, time_us = time, time // 1000
        path, is_counter = tracks[event["track_uuid"]]
        assert is_counter == (event["type"] == COUNTER)
        given = {each["name"]: each["string_value"] for each in event.get("debug_annotations", ())}
        if event["type"] == COUNTER:
            shown.counters[path].append((time_us, event["counter_value"]))
        elif event["type"] == INSTANT:
            shown.instants[path].append((time_us, event["name"], given))
        elif event["type"] == BEGIN:
            (category,) = event["categories"]
            open_slices[path].append((time_us, category, event["name"], given))
        else:
            start, category, name, given = open_slices[path].pop()
            assert start < time_us
            depth = len(open_slices[path])
            shown.slices[path].append((start, time_us, depth, category, name, given))
    assert not any(open_slices.values())
    assert len({path for path, _ in tracks.values()}) == len(tracks)
    for slices in shown.slices.values():
        slices.sort(key=lambda each: (each[0], each[2]))
    return shown


def read_chrome(content):
    """Read JSON: a slice is inside another one of its track, or after it."""
    shown, processes, threads, stacks = Shown(), {}, {}, defaultdict(list)
    for event in json.loads(content)["traceEvents"]:
        pid, tid, given = event["pid"], event["tid"], event["args"]
        if event["ph"] == "M":
            if event["name"] == "process_name":
                processes[pid] = given["name"]
            if event["name"] == "thread_name":
                threads[tid] = given["name"]
            continue
        path = (processes[pid], threads.get(tid, "queue length"))
        if event["ph"] == "C":
            shown.counters[path].append((event["ts"], given["queued"]))
        elif event["ph"] == "i":
            shown.instants[path].append((event["ts"], event["name"], given))
        else:
            start, end, stack = event["ts"], event["ts"] + event["dur"], stacks[path]
            while stack and stack[-1] <= start:
                stack.pop()
            assert not stack or end <= stack[-1]
            shown.slices[path].append((start, end, len(stack), event["cat"], event["name"], given))
            stack.append(end)
    for slices in shown.slices.values():
        slices.sort(key=lambda each: (each[0], each[2]))
    return shown


def shown_of(run):
    """What is shown of a run: the same in both formats, but that JSON has no tracks below tracks."""
    trace = trace_of(run)
    content = b"".join(as_bytes(trace, "perfetto"))
    shown, flat = read_perfetto(content), read_chrome(b"".join(as_bytes(trace, "chrome")))
    for one, other in zip(vars(shown).values(), vars(flat).values(), strict=True):
        assert {(path[0], path[-1]): events for path, events in one.items()} == other
    assert b"".join(as_bytes(trace_of(run), "perfetto")) == content
    return shown


def check_against_tables(run):
    """Slices of QPUs are the intervals, counters the queue lengths, and the parts of a job its times."""
    shown = shown_of(run)
    intervals, lengths = defaultdict(list), defaultdict(list)
    busy_us = defaultdict(int)
    for qpu, start, end, kind, job, session in run.intervals.iter_rows():
        name = {"busy": job, "held": f"held by {session}", "down": "down"}.get(kind)
        if kind != "free":
            intervals[f"QPU {qpu}", "QPU"].append((start, end, 0, kind, name))
        busy_us[job] += end - start
    for qpu, time, queued in run.queue_length.iter_rows():
        lengths[f"QPU {qpu}", "queue length"].append((time, queued))
    qpus = {path: [each[:5] for each in slices] for path, slices in shown.slices.items() if path[-1] == "QPU"}
    assert qpus == intervals
    assert shown.counters == lengths
    check_jobs(run, shown, busy_us)
    check_sessions(run, shown)


def check_jobs(run, shown, busy_us):
    jobs, parts_us = {}, defaultdict(lambda: defaultdict(int))
    for path, slices in shown.slices.items():
        for start, end, depth, _, name, _ in slices if "jobs" in path[-1] else ():
            if depth == 0:
                assert name not in jobs
                jobs[name], inside = (start, end), name
            else:
                parts_us[inside][name] += end - start
    end_us = run.summary()["end_us"]
    simulators = {*run.jobs["qpu"].drop_nulls()} - {*run.intervals["qpu"]}
    for row in run.jobs.iter_rows(named=True):
        job, submitted = row["job"], row["submitted_us"]
        end = end_us if row["status"] in {"QUEUED", "RUNNING"} else row["completed_us"]
        if row["status"] == "REJECTED" or end == submitted:
            assert job not in jobs
            continue
        assert jobs.pop(job) == (submitted, end)
        parts = parts_us[job]
        assert sum(parts.values()) == end - submitted
        assert parts["running"] == (row["qpu_time_us"] if row["qpu"] in simulators else busy_us[job])
        if row["attempts"] == 1 and row["status"] != "QUEUED":
            assert parts["waiting"] == row["waiting_us"]
        if row["attempts"] == 0:
            assert parts == {"waiting": end - submitted, "running": 0}
    assert jobs == {}


def check_sessions(run, shown):
    expected, since = defaultdict(lambda: defaultdict(int)), {}
    for time, session, _, _, state, _ in run.transitions.iter_rows():
        if session in since:
            before, start = since[session]
            expected[session][before] += time - start
        since[session] = state, time
    for session, (state, start) in since.items():
        expected[session][state] += run.summary()["end_us"] - start
    wanted = {
        (session, state): time
        for session, states in expected.items()
        for state, time in states.items()
        if time and state != "closed"
    }
    found = defaultdict(int)
    for slices in shown.slices.values():
        for start, end, _, category, name, arguments in slices:
            if category == "session":
                found[arguments["session"], name] += end - start
    assert found == wanted


@settings(
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=examples(80),
    suppress_health_check=list(HealthCheck),
)
@given(scenarios())
def test_random_runs_are_shown_as_their_tables_say(scenario):
    check_against_tables(qs.simulate(scenario))


JOBS = [
    {"id": "j1", "at": "1s", "session": "s1", "qpu_time": "10s"},
    {"id": "j2", "at": "4s", "account": "lab-b", "qpu_time": "20s"},
    {"id": "j3", "at": "5s", "account": "lab-b", "qpu_time": "4s", "post_processing": "2s"},
]
SESSION = {"id": "s1", "account": "lab-a", "interactive_timeout": "30s", "max_time": "45s"}


def test_a_run_that_was_worked_out_by_hand():
    """s1 runs j1 from 1 to 11 and holds the QPU until its ITTL, 41; its max_time of 45 s ends at 46. In FIFO
    order, j2 runs from 41 to 61 and j3 from 61 to 65, and it is post-processed until 67."""
    run = qs.simulate({"workload": [{"kind": "explicit", "sessions": [SESSION], "jobs": JOBS}]})
    second = 1_000_000
    of_session = {"session": "s1", "account": "lab-a", "mode": "session"}
    of_b = {"account": "lab-b", "mode": "job"}
    done = {"status": "DONE"}

    def slices(*rows):
        return [(start * second, end * second, *rest) for start, end, *rest in rows]

    shown = shown_of(run)
    qpu, session, account = ("QPU qpu",), ("QPU qpu", "session s1"), ("QPU qpu", "account lab-b")
    assert shown.slices == {
        (*qpu, "QPU"): slices(
            (1, 11, 0, "busy", "j1", of_session),
            (11, 41, 0, "held", "held by s1", {"session": "s1", "account": "lab-a"}),
            (41, 61, 0, "busy", "j2", of_b),
            (61, 65, 0, "busy", "j3", of_b),
        ),
        session: slices(
            (1, 41, 0, "session", "active", of_session), (41, 46, 0, "session", "inactive", of_session)
        ),
        (*session, "session s1, jobs 1"): slices(
            (1, 11, 0, "job", "j1", of_session | done), (1, 11, 1, "running", "running", {})
        ),
        (*account, "account lab-b, jobs 1"): slices(
            (4, 61, 0, "job", "j2", of_b | done),
            (4, 41, 1, "waiting", "waiting", {}),
            (41, 61, 1, "running", "running", {}),
        ),
        (*account, "account lab-b, jobs 2"): slices(
            (5, 67, 0, "job", "j3", of_b | done),
            (5, 61, 1, "waiting", "waiting", {}),
            (61, 65, 1, "running", "running", {}),
            (65, 67, 1, "post-processing", "post-processing", {}),
        ),
    }
    assert shown.instants == {
        session: [
            (41 * second, "ITTL", of_session),
            (46 * second, "MAX_TIME", of_session | {"reason": "MAX_TIME"}),
        ]
    }
    assert shown.counters == {
        (*qpu, "queue length"): [(t * second, n) for t, n in ((0, 0), (4, 1), (5, 2), (41, 1), (61, 0))]
    }


def test_an_outage_puts_a_job_back_so_that_it_runs_and_waits_twice():
    """S52: from 0 to 10 the job runs, the QPU is down until 15, and then it runs its 20 s anew."""
    outage = {"kind": "outage", "at": "10s", "duration": "5s"}
    job = {"id": "j", "at": "0s", "account": "a", "qpu_time": "20s"}
    scenario = {
        "rules": {"on_outage": "requeue"},
        "qpus": [{"name": "q", "windows": [outage]}],
        "workload": [{"kind": "explicit", "jobs": [job]}],
    }
    slices = shown_of(qs.simulate(scenario)).slices["QPU q", "account a", "account a, jobs 1"]
    assert [(start // 1_000_000, end // 1_000_000, name) for start, end, _, _, name, _ in slices] == [
        (0, 35, "j"),
        (0, 10, "running"),
        (10, 15, "waiting"),
        (15, 35, "running"),
    ]


def test_a_job_that_was_put_back_waits_to_the_end_of_the_run():
    outage = {"kind": "outage", "at": "10s", "duration": "5s"}
    job = {"id": "j", "at": "0s", "account": "a", "qpu_time": "20s"}
    scenario = {
        "horizon": "14s",
        "rules": {"on_outage": "requeue"},
        "qpus": [{"name": "q", "windows": [outage]}],
        "workload": [{"kind": "explicit", "jobs": [job]}],
    }
    slices = shown_of(qs.simulate(scenario)).slices["QPU q", "account a", "account a, jobs 1"]
    assert [(start // 1_000_000, end // 1_000_000, name) for start, end, _, _, name, _ in slices] == [
        (0, 14, "j"),
        (0, 10, "running"),
        (10, 14, "waiting"),
    ]


def test_jobs_of_a_simulator_run_at_once_though_it_has_no_intervals():
    """S22."""
    jobs = [{"id": name, "at": "1s", "account": "a", "qpu_time": "2s", "qpu": "aer"} for name in ("j1", "j2")]
    qpus = [{"name": "q"}, {"name": "aer", "simulator": True}]
    shown = shown_of(qs.simulate({"qpus": qpus, "workload": [{"kind": "explicit", "jobs": jobs}]}))
    assert {
        path[1:]: [(start // 1_000_000, end // 1_000_000, name) for start, end, _, _, name, _ in slices]
        for path, slices in shown.slices.items()
    } == {
        ("account a", "account a, jobs 1"): [(1, 3, "j1"), (1, 3, "running")],
        ("account a", "account a, jobs 2"): [(1, 3, "j2"), (1, 3, "running")],
    }


def test_what_was_rejected_is_an_instant_and_what_is_unfinished_lasts_to_the_end():
    jobs = [
        {"id": "long", "at": "1s", "account": "a", "qpu_time": "90s"},
        {"id": "late", "at": "2s", "account": "a", "qpu_time": "90s"},
        {"id": "closed", "at": "20s", "session": "s", "qpu_time": "1s"},
    ]
    sessions = [{"id": "s", "account": "a", "created": "3s", "close": "10s"}]
    workload = [{"kind": "explicit", "sessions": sessions, "jobs": jobs}]
    run = qs.simulate({"horizon": "30s", "workload": workload})
    shown = shown_of(run)
    (where,) = [path for path, events in shown.instants.items() if events[0][1] == "closed"]
    assert shown.instants[where] == [
        (
            20_000_000,
            "closed",
            {
                "session": "s",
                "account": "a",
                "mode": "session",
                "status": "REJECTED",
                "reason": "SESSION_CLOSED",
            },
        )
    ]
    assert [each[:2] + each[4:5] for each in shown.slices["QPU qpu", "account a", "account a, jobs 2"]] == [
        (2_000_000, 30_000_000, "late"),
        (2_000_000, 30_000_000, "waiting"),
    ]
    check_against_tables(run)


NAMES = ("</script>", 'a"b\\c', "\u202eright", "line\nbreak\ttab", "x" * 200, "\U0001f52d\u00e9")


def test_hostile_names_are_data():
    jobs = [
        (name, row, NEVER, 1, row, row, row + 1, JobStatus.DONE, Reason.NONE)
        for row, name in enumerate(NAMES)
    ]
    record = make_record(jobs, (), (), len(NAMES))
    run = make_run(replace(record, workload=replace(record.workload, accounts=NAMES)))
    shown = shown_of(run)
    assert [each[4] for each in shown.slices["QPU qpu", "QPU"]] == [*NAMES]
    assert {path[1] for path in shown.slices} == {"QPU", *(f"account {name}" for name in NAMES)}
    lines = "".join(run_as_swf(run)[0]).splitlines()
    assert len([line for line in lines if not line.startswith(";")]) == len(NAMES)
    assert '; Note: user 4 is the account "line\\nbreak\\ttab"' in lines


def test_an_empty_run_is_shown():
    jobs = [{"id": "never", "at": "9s", "account": "a", "qpu_time": "1s"}]
    shown = shown_of(qs.simulate({"horizon": "1s", "workload": [{"kind": "explicit", "jobs": jobs}]}))
    assert (shown.slices, shown.instants) == ({}, {})
    assert shown.counters == {("QPU qpu", "queue length"): [(0, 0)]}


def test_numbers_beyond_what_viewers_hold_are_refused():
    jobs = [{"id": "a", "at": f"{LONGEST_US - 1}us", "account": "a", "qpu_time": "1us"}]
    scenario = {"workload": [{"kind": "explicit", "jobs": jobs}]}
    assert shown_of(qs.simulate(scenario)).slices["QPU qpu", "QPU"] == [
        (LONGEST_US - 1, LONGEST_US, 0, "busy", "a", {"account": "a", "mode": "job"})
    ]
    jobs[0]["at"] = f"{LONGEST_US}us"
    with pytest.raises(WorkloadFileError, match="the run is longer than 285 years"):
        trace_of(qs.simulate(scenario))


def test_the_official_schema_knows_every_field():
    """Where Perfetto's own package is installed."""
    schema = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    unknown = pytest.importorskip("google.protobuf.unknown_fields")
    run = qs.simulate({"workload": [{"kind": "explicit", "sessions": [SESSION], "jobs": JOBS}]})
    content = b"".join(as_bytes(trace_of(run), "perfetto"))
    trace = schema.Trace.FromString(content)

    def check(message, fields):
        assert len(unknown.UnknownFieldSet(message)) == 0
        assert {one.name for one, _ in message.ListFields()} == set(fields)
        for one, value in message.ListFields():
            if one.message_type is not None:
                parts, expected = (
                    (value, fields[one.name]) if one.name in REPEATED else ([value], [fields[one.name]])
                )
                for part, its_fields in zip(parts, expected, strict=True):
                    check(part, its_fields)
            else:
                assert (list(value) if one.name in REPEATED else value) == fields[one.name]

    check(trace, decoded(content, "Trace"))


# -- Files.


def saved(tmp_path):
    scenario = {"horizon": "65s", "workload": [{"kind": "explicit", "sessions": [SESSION], "jobs": JOBS}]}
    return qs.load(qs.simulate(scenario).save(tmp_path / "out"))


def test_files_are_equal_each_time_and_packed_if_their_name_says_so(tmp_path):
    run = saved(tmp_path)
    for form in ("perfetto", "chrome", "csv", "swf"):
        for name in ("a", "b", "a.gz", "b.gz"):
            export(run, form, tmp_path / name)
        plain, packed = (tmp_path / "a").read_bytes(), (tmp_path / "a.gz").read_bytes()
        assert ((tmp_path / "b").read_bytes(), (tmp_path / "b.gz").read_bytes()) == (plain, packed)
        assert gzip.decompress(packed) == plain
        assert packed[3:8] == bytes(5)  # neither a name nor a date
    assert read_perfetto(b"".join(as_bytes(trace_of(run), "perfetto"))).slices


def test_swf_has_what_ran_with_its_wait_and_status(tmp_path):
    """j1 waits 0, j2 from 4 to 41 and j3 from 5 to 61; at 65 j3 has run, but is not yet post-processed."""
    lost = export(saved(tmp_path), "swf", tmp_path / "a.swf")
    assert (tmp_path / "a.swf").read_text().splitlines() == [
        *("; Version: 2.2", "; MaxJobs: 3", "; MaxRecords: 3", "; MaxNodes: 1", "; MaxProcs: 1"),
        *("; Note: user 1 is the account lab-a", "; Note: user 2 is the account lab-b"),
        "1 1 0 10 1 -1 -1 1 -1 -1 1 1 -1 -1 -1 -1 -1 -1",
        "2 4 37 20 1 -1 -1 1 -1 -1 1 2 -1 -1 -1 -1 -1 -1",
        "3 5 56 4 1 -1 -1 1 -1 -1 -1 2 -1 -1 -1 -1 -1 -1",
    ]
    assert lost == (
        "ids of jobs are not held: they are numbered by submission",
        "sessions and batches are not held: all jobs are in mode job",
    )


def test_swf_says_how_jobs_ended():
    ends = (JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED)
    reasons = (Reason.NONE, Reason.RAN_TOO_LONG, Reason.JOB_CANCELLED)
    jobs = [
        (f"j{row}", 0, NEVER, 1_000_000, 0, row * 1_000_000, (row + 1) * 1_000_000, status, reason)
        for row, (status, reason) in enumerate(zip(ends, reasons, strict=True))
    ]
    lines = "".join(run_as_swf(make_run(make_record(jobs, (), (), 3_000_000)))[0]).splitlines()
    assert [line.split()[2:4] + line.split()[10:11] for line in lines if line[0] != ";"] == [
        ["0", "1", "1"],
        ["1", "1", "0"],
        ["2", "1", "5"],
    ]


def test_csv_has_the_table_of_jobs(tmp_path):
    run = saved(tmp_path)
    assert export(run, "csv", tmp_path / "a.csv") == ()
    assert (tmp_path / "a.csv").read_text() == run.jobs.write_csv()


def test_a_bundle_stays_a_bundle(tmp_path):
    run = saved(tmp_path)
    with pytest.raises(WorkloadFileError, match="is in the bundle, which holds nothing else"):
        check_place(run, tmp_path / "out" / "a.pftrace", overwrite=True)


def test_tables_of_other_versions_are_refused_by_name(tmp_path):
    run = saved(tmp_path)
    vars(run)["jobs"] = run.jobs.drop("qpu_time_us")
    with pytest.raises(
        BundleError, match=r"out is of a version whose tables have other columns \(.*qpu_time_us"
    ):
        export(run, "perfetto", tmp_path / "a.pftrace")
    assert not (tmp_path / "a.pftrace").exists()
