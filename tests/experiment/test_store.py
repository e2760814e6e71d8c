"""Study directories: no finished task is run again, and nothing damages what is there."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.experiment import store as store_module
from qsession_sim.experiment.executors import in_process
from qsession_sim.experiment.store import Store, StudyProgress, merge_stores, open_store, read_plan
from qsession_sim.experiment.tasks import run_task

from .small_tasks import LIBRARY, USER_FILE, carry_out, has_ended, in_order, lines, tasks

PLAN = {"seed": 1, "policies": ["fifo"], "replications": 6}

STUDY = """
import sys
from experiment.small_tasks import carry_out, tasks
from qsession_sim.experiment.executors import in_process, processes
from qsession_sim.experiment.store import open_store

if __name__ == "__main__":
    executor, metric = {"2": processes(2), "0": in_process()}[sys.argv[1]], sys.argv[2]
    planned = tasks(int(sys.argv[3]), metrics=("mean_waiting", metric))
    print("begun", flush=True)
    for result in carry_out(planned, executor, store=open_store("study", {"seed": 1})):
        print(result.replication, flush=True)
"""


class Counting:
    """An executor that notes what it is given."""

    def __init__(self):
        self.given = []

    def run(self, planned):
        for task in planned:
            self.given.append(task.replication)
            yield run_task(task)


def content(directory):
    """All files below a directory; the lines of digests are sorted, as they come in any order."""
    files = sorted(path for path in Path(directory).rglob("*") if path.is_file())
    read = {str(path.relative_to(directory)): path.read_bytes() for path in files}
    return {
        name: b"".join(sorted(data.splitlines(keepends=True))) if "files.sha256" in name else data
        for name, data in read.items()
    }


def check_digests(directory):
    """What `sha256sum` says of a study: all files are named, and all are as they were written."""
    command = ["sha256sum", "--strict", "-c", "files.sha256"]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    names = {name for name in content(directory) if name == "plan.json" or name.startswith("results/")}
    assert sorted(ended.stdout.splitlines()) == sorted(f"{name}: OK" for name in names)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_a_result_comes_back_as_it_was(tmp_path):
    store = open_store(tmp_path / "study", PLAN)
    (result,) = map(run_task, tasks(1))
    assert store.get(result.id) is None
    store.put(result)
    assert store.get(result.id) == result
    assert list(store.ids()) == [result.id]
    text = json.dumps(result.to_json(), ensure_ascii=False) + "\n"
    plan, name = (json.dumps(PLAN, indent=2) + "\n").encode(), f"results/{result.id[:2]}/{result.id}.json"
    lines = [f"{sha256(plan)}  plan.json\n", f"{sha256(text.encode())}  {name}\n"]
    assert content(tmp_path / "study") == {
        "plan.json": plan,
        name: text.encode(),
        "files.sha256": "".join(sorted(lines)).encode(),
    }
    check_digests(tmp_path / "study")


def test_finished_tasks_are_not_run_again(tmp_path):
    planned, store = tasks(6), open_store(tmp_path / "study", PLAN)
    first, second = Counting(), Counting()
    for result in carry_out(planned, first, store=store):
        if result.replication == 3:
            break
    resumed = in_order(carry_out(planned, second, store=open_store(tmp_path / "study", PLAN)))
    assert (first.given, second.given) == ([0, 1, 2, 3], [4, 5])
    assert resumed == [run_task(task) for task in planned]


def test_what_another_process_finishes_meanwhile_is_not_run_again(tmp_path):
    planned, store, executor = tasks(3), open_store(tmp_path / "study", PLAN), Counting()
    results = carry_out(planned, executor, store=store)
    first = next(results)
    store.put(run_task(planned[1]))
    assert in_order([first, *results]) == [run_task(task) for task in planned]
    assert executor.given == [0, 2]


def test_without_a_store_everything_is_run():
    planned = tasks(2)
    assert list(carry_out(planned, in_process())) == [run_task(task) for task in planned]


def test_progress_counts_what_was_there(tmp_path):
    planned, store, seen = tasks(3), open_store(tmp_path / "study", PLAN), []
    store.put(run_task(planned[0]))
    list(carry_out(planned, in_process(), store=store, total=3, progress=seen.append))
    assert seen == [StudyProgress(1, 1, 3), StudyProgress(2, 1, 3), StudyProgress(3, 1, 3)]


@pytest.mark.parametrize("damage", [b"", b'{"id": "', b"[]", b"{}", b'{"id": "a", "what": 1}', b"\xff"])
def test_a_damaged_result_is_computed_again(tmp_path, damage):
    (task,), store = tasks(1), open_store(tmp_path / "study", PLAN)
    list(carry_out([task], in_process(), store=store))
    whole = content(tmp_path / "study")
    (file,) = (tmp_path / "study" / "results").glob("*/*")
    file.write_bytes(damage)
    assert list(carry_out([task], in_process(), store=store)) == [run_task(task)]
    assert content(tmp_path / "study") == whole


def damages(written, count):
    """One flipped bit, a part cut off, something added, nothing left, and None for a file that is lost."""
    drawn = random.Random(7)
    for _ in range(count):
        bits = bytearray(written)
        bits[drawn.randrange(len(bits))] ^= 1 << drawn.randrange(8)
        yield bytes(bits)
        yield written[: drawn.randrange(len(written))]
    yield from (b"", written + b"\n", None)


def put(file, data):
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)


@pytest.mark.parametrize("earlier", [False, True])
def test_of_a_damaged_study_what_fits_is_kept_and_the_rest_computed_again(tmp_path, earlier):
    """Whatever is damaged, results are those of a whole study; only of studies without digests, as earlier
    versions wrote them, not all damage is known."""
    planned, study = tasks(3), tmp_path / "study"
    results = in_order(carry_out(planned, in_process(), store=open_store(study, PLAN)))
    if earlier:
        (study / "files.sha256").unlink()
    whole = content(study)
    for name, written in whole.items():
        for data in damages(written, 20):
            put(study / name, data)
            executor = Counting()
            try:
                again = in_order(carry_out(planned, executor, store=open_store(study, PLAN)))
            except StudyError as error:
                assert earlier
                assert name == "plan.json"
                message = str(error)
                assert message.startswith(
                    (f"the study directory {study} ", f"{study} holds another", f"{study} exists")
                )
            else:
                assert [one.replication for one in again] == [0, 1, 2]
                assert [set(one.metrics) for one in again] == [set(one.metrics) for one in results]
                if not earlier:
                    assert again == results
                    lost = 1 if name.startswith("results/") else len(executor.given)
                    assert len(executor.given) == lost <= 3
                    after = content(study)
                    assert {key: after[key] for key in whole if key != "files.sha256"} == {
                        key: data for key, data in whole.items() if key != "files.sha256"
                    }
            for key in {*content(study), *whole}:
                put(study / key, whole.get(key))


def test_a_result_that_has_another_shape_is_computed_again_in_a_study_of_an_earlier_version(tmp_path):
    (task,), store = tasks(1), open_store(tmp_path / "study", PLAN)
    (result,) = carry_out([task], in_process(), store=store)
    whole, (file,) = result.to_json(), (tmp_path / "study" / "results").glob("*/*")
    name, *_ = whole["metrics"]
    for change in (
        {"metrics": {key.replace("m", "n"): value for key, value in whole["metrics"].items()}},
        {"metrics": {**whole["metrics"], name: "1.0"}},
        {"metrics": {**whole["metrics"], name: True}},
        {"metrics": [1.0]},
        {"configuration": "lifp"},
        {"replication": 1},
        {"seed": result.seed + 1},
        {"settled": 1},
        {"warm_up_us": 0.5},
        {"batches": {name: [1.0]}},
        {"batches": {name: 1.0}},
    ):
        (tmp_path / "study" / "files.sha256").unlink()
        file.write_text(json.dumps({**whole, **change}))
        executor = Counting()
        assert list(carry_out([task], executor, store=open_store(tmp_path / "study", PLAN))) == [result]
        assert executor.given == [0], change
    for text in ("[" * 100_000, "1" * 5_000, '{"metrics": {"a": 1e999}}'):
        (tmp_path / "study" / "files.sha256").unlink()
        file.write_text(text)
        assert open_store(tmp_path / "study", PLAN).get(task.id) is None


def test_a_study_of_an_earlier_version_gets_digests_when_it_goes_on(tmp_path):
    planned, study = tasks(4), tmp_path / "study"
    list(carry_out(planned[:2], in_process(), store=open_store(study, PLAN)))
    (study / "files.sha256").unlink()
    assert [Store(study).get(task.id) for task in planned[:2]] == [run_task(task) for task in planned[:2]]
    with pytest.raises(StudyError, match="holds another study"):
        open_store(study, {**PLAN, "seed": 2})
    assert not (study / "files.sha256").exists()
    executor = Counting()
    assert len(list(carry_out(planned, executor, store=open_store(study, PLAN)))) == 4
    assert executor.given == [2, 3]
    check_digests(study)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["plan.json", "files.sha256", "result"])
def test_a_pipe_in_a_study_is_not_waited_for(tmp_path, name):
    study = tmp_path / "study"
    list(carry_out(tasks(1), in_process(), store=open_store(study, PLAN)))
    (result,) = (study / "results").glob("*/*")
    file = result if name == "result" else study / name
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(StudyError, match=r"study directory .*: is a pipe, not a file"):
        list(carry_out(tasks(1), in_process(), store=open_store(study, PLAN)))


def test_a_line_that_is_just_being_added_is_read_when_it_is_whole(tmp_path):
    (task,), study = tasks(1), tmp_path / "study"
    list(carry_out([task], in_process(), store=open_store(study, PLAN)))
    lines, store = (study / "files.sha256").read_bytes(), Store(study)
    (study / "files.sha256").write_bytes(lines[:-20])
    assert store.get(task.id) is None
    (study / "files.sha256").write_bytes(lines)
    assert store.get(task.id) == run_task(task)


def test_a_result_without_a_line_was_changed(tmp_path):
    """Its line was damaged, or somebody put it there."""
    planned, store = tasks(2), open_store(tmp_path / "study", PLAN)
    list(carry_out(planned[:1], in_process(), store=store))
    other = store._path(planned[1].id)
    other.parent.mkdir()
    other.write_text(json.dumps(run_task(planned[1]).to_json()) + "\n")
    assert [Store(store.directory).get(task.id) for task in planned] == [run_task(planned[0]), None]


@pytest.mark.parametrize("depth", [500, 900, 100_000])
def test_a_plan_that_is_nested_deeply_is_an_error(tmp_path, depth):
    (tmp_path / "plan.json").write_text('{"seed": ' + "[" * depth + "]" * depth + "}")
    with pytest.raises(StudyError, match=r"is damaged: plan\.json: it is nested too deeply|its seed is "):
        open_store(tmp_path, PLAN)


def test_a_key_without_a_value_is_a_difference(tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps({**PLAN, "more": None}))
    with pytest.raises(StudyError, match="holds another study: its more is null, not null"):
        open_store(tmp_path, PLAN)


def test_what_killed_writers_have_left_is_removed(tmp_path):
    study = tmp_path / "study"
    list(carry_out(tasks(1), in_process(), store=open_store(study, PLAN)))
    whole = content(study)
    (directory,) = (study / "results").iterdir()
    for left in (directory / ".12345678.partial.a.json", study / ".12345678.partial.table.parquet"):
        left.write_text("half")
    assert list(Store(study).ids()) == [task.id for task in tasks(1)]
    open_store(study, PLAN)
    assert content(study) == whole


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the names of open files")
def test_a_result_is_on_the_disk_before_it_has_its_name_and_after_its_digest(tmp_path, monkeypatch):
    store, order = open_store(tmp_path / "study", PLAN), []
    result = run_task(*tasks(1))
    file, fsync = store._path(result.id), os.fsync

    def synced(descriptor):
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        order.append((name.rpartition(".partial.")[2], file.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    store.put(result)
    assert order == [
        *[("study", False), ("results", False)],  # in which directories were made
        *[(file.name, False), ("files.sha256", False), (file.parent.name, True)],
    ]


@pytest.mark.parametrize("full", ["result", "digest"])
def test_a_full_disk_ends_a_study_which_goes_on_later(tmp_path, monkeypatch, full):
    planned, store = tasks(2), open_store(tmp_path / "study", PLAN)
    list(carry_out(planned[:1], in_process(), store=store))

    def refuse(*_arguments):
        raise OSError(28, "No space left on device")

    if full == "result":
        monkeypatch.setattr(Path, "write_bytes", refuse)
    else:
        monkeypatch.setattr(store_module, "append_line", refuse)
    with pytest.raises(StudyError) as caught:
        list(carry_out(planned, in_process(), store=store))
    assert str(caught.value) == (
        f"cannot write the study directory {tmp_path / 'study'}: the disk is full (No space left on device)"
    )
    monkeypatch.undo()
    executor = Counting()
    assert len(list(carry_out(planned, executor, store=open_store(tmp_path / "study", PLAN)))) == 2
    assert executor.given == [1]
    check_digests(tmp_path / "study")


def test_a_result_under_the_name_of_another_is_not_used(tmp_path):
    (one, other), store = tasks(2), open_store(tmp_path / "study", PLAN)
    store.put(run_task(one))
    (file,) = (tmp_path / "study" / "results").glob("*/*")
    there = store._path(other.id)
    there.parent.mkdir(exist_ok=True)
    file.rename(there)
    assert store.get(other.id) is None


def test_a_directory_holds_one_study(tmp_path):
    open_store(tmp_path / "study", PLAN)
    with pytest.raises(StudyError) as caught:
        open_store(tmp_path / "study", {**PLAN, "policies": ["fifo", "priority"]})
    assert str(caught.value) == (
        f'{tmp_path / "study"} holds another study: its policies is ["fifo"], not ["fifo", "priority"]; '
        f"choose another directory, or ask for the same study to go on with it"
    )
    assert read_plan(tmp_path / "study") == PLAN


def test_of_two_that_begin_at_once_the_first_wins(tmp_path, monkeypatch):
    begin = store_module._begin

    def late(path, *arguments):
        monkeypatch.setattr(store_module, "_begin", begin)
        open_store(path.parent, PLAN)  # the other process, after this one has seen that nothing is there
        begin(path, *arguments)

    monkeypatch.setattr(store_module, "_begin", late)
    with pytest.raises(StudyError, match="its seed is 1, not 2"):
        open_store(tmp_path / "study", {**PLAN, "seed": 2})
    with pytest.raises(StudyError, match="its seed is 1, not 2"):  # although its digest is there, too
        open_store(tmp_path / "study", {**PLAN, "seed": 2})
    monkeypatch.setattr(store_module, "_begin", late)
    assert open_store(tmp_path / "other", PLAN) == Store(tmp_path / "other")
    names = [f"{study}/{name}" for study in ("other", "study") for name in ("files.sha256", "plan.json")]
    assert list(content(tmp_path)) == names


def test_file_systems_without_hard_links(tmp_path, monkeypatch):
    def refuse(path, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    open_store(tmp_path / "study", PLAN)
    assert read_plan(tmp_path / "study") == PLAN
    assert list(content(tmp_path / "study")) == ["files.sha256", "plan.json"]


def test_the_first_thing_in_which_plans_differ_is_named_wherever_it_stands(tmp_path):
    one = {"scenario": {"seed": 7, "qpus": [{"name": "a"}]}, "seed": 7}
    open_store(tmp_path, one)
    for other, what in (
        ({**one, "scenario": {**one["scenario"], "seed": 8}}, "its scenario.seed is 7, not 8"),
        (
            {**one, "scenario": {**one["scenario"], "qpus": []}},
            r'its scenario.qpus is \[{"name": "a"}\], not \[\]',
        ),
        ({"scenario": one["scenario"]}, "its seed is 7, not null"),
    ):
        with pytest.raises(StudyError, match=what):
            open_store(tmp_path, other)


def test_nothing_else_is_taken_for_a_study_directory(tmp_path):
    (tmp_path / "thesis.txt").write_text("everything")
    with pytest.raises(StudyError, match="exists and is not a study directory"):
        open_store(tmp_path, PLAN)
    with pytest.raises(StudyError, match="cannot make the study directory"):
        open_store(tmp_path / "thesis.txt" / "study", PLAN)
    with pytest.raises(StudyError, match=r"thesis\.txt is no directory; choose a study directory") as caught:
        open_store(tmp_path / "thesis.txt", PLAN)
    assert caught.value.__cause__ is None  # so that it is a mistake, and not a failure of the disk
    with pytest.raises(StudyError, match="name of the study directory is empty"):
        open_store("", PLAN)
    with pytest.raises(StudyError, match=r"is not a study directory: it has no plan\.json"):
        read_plan(tmp_path)
    assert content(tmp_path) == {"thesis.txt": b"everything"}


@pytest.mark.parametrize(("text", "what"), [("{", "Expecting property name"), ("[]", "is not a JSON object")])
def test_a_damaged_plan(tmp_path, text, what):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(StudyError, match=f"is damaged: plan.json.*{what}"):
        open_store(tmp_path, PLAN)


def test_an_interrupt_while_a_result_is_written_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(path, target):
        raise KeyboardInterrupt

    store = open_store(tmp_path / "study", PLAN)
    before = content(tmp_path / "study")
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(carry_out(tasks(1), in_process(), store=store))
    monkeypatch.undo()
    assert list(content(tmp_path / "study")) == list(before)
    # its digest is there already, which does no harm
    assert list(carry_out(tasks(1), in_process(), store=store)) == [run_task(*tasks(1))]
    check_digests(tmp_path / "study")


def test_a_store_that_cannot_be_written(tmp_path):
    store = open_store(tmp_path / "study", PLAN)
    (tmp_path / "study" / "results").write_text("a file where results should be")
    with pytest.raises(StudyError, match="cannot read the study directory"):
        list(carry_out(tasks(1), in_process(), store=store))


def test_studies_with_the_same_plan_merge(tmp_path):
    planned = tasks(6)
    whole, left, right = (open_store(tmp_path / name, PLAN) for name in ("whole", "left", "right"))
    for store, part in ((whole, planned), (left, planned[:4]), (right, planned[2:])):
        list(carry_out(part, in_process(), store=store))
    before = content(left.directory)
    merged = merge_stores([left.directory, right.directory], tmp_path / "merged")
    assert content(merged.directory) == content(whole.directory)
    assert content(left.directory) == before
    executor = Counting()
    assert in_order(carry_out(planned, executor, store=merged)) == [run_task(task) for task in planned]
    assert executor.given == []


def test_studies_with_different_plans_do_not_merge(tmp_path):
    open_store(tmp_path / "left", PLAN)
    open_store(tmp_path / "right", {**PLAN, "seed": 2})
    with pytest.raises(StudyError, match="its seed is 2, not 1; only studies with the same plan merge"):
        merge_stores([tmp_path / "left", tmp_path / "right"], tmp_path / "merged")
    with pytest.raises(StudyError, match="no study to merge"):
        merge_stores([], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def start(tmp_path, *arguments):
    """A study in a process of its own, as in a terminal: Ctrl-C reaches it and its workers."""
    (tmp_path / "study.py").write_text(STUDY)
    return subprocess.Popen(
        [sys.executable, "study.py", *arguments],
        cwd=tmp_path,
        env=LIBRARY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # files of functions are named from there
    (tmp_path / "mine.py").write_text(USER_FILE)
    metric = f"{tmp_path / 'mine.py'}:slow"
    planned = tasks(40, metrics=("mean_waiting", metric))
    with start(tmp_path, "2", metric, "40") as study:
        assert study.stdout is not None
        printed = [study.stdout.readline() for _ in range(6)][1:]
        os.killpg(study.pid, signal.SIGINT)
        rest, complaints = study.communicate()
    # one report, of the process that was asked to stop, perhaps while it was handling something; none of workers
    reports = complaints.count("Traceback") - complaints.count("During handling of the above exception")
    assert (study.returncode, reports) == (-signal.SIGINT, 1), complaints
    workers = {int(line.split()[0]) for line in lines(tmp_path / "log")}
    assert all(map(has_ended, workers))

    store = open_store(tmp_path / "study", {"seed": 1})
    kept = {task.seed for task in planned if store.get(task.id) is not None}
    assert len(printed) <= len(kept) < 40
    assert len(printed + rest.splitlines()) <= len(kept)

    (tmp_path / "log").unlink()
    resumed = in_order(carry_out(planned, in_process(), store=store))
    run_again = Counter(int(line.split()[1]) for line in lines(tmp_path / "log"))
    assert run_again == Counter(task.seed for task in planned if task.seed not in kept)
    assert resumed == [run_task(task) for task in planned]


def test_an_interrupt_while_workers_start_is_for_their_parent_alone(tmp_path):
    with start(tmp_path, "2", "mean_turnaround", "40") as study:
        assert study.stdout is not None
        study.stdout.readline()
        time.sleep(0.2)  # workers take longer to import what they need
        os.killpg(study.pid, signal.SIGINT)
        _, complaints = study.communicate()
    assert (study.returncode, complaints.count("Traceback")) == (-signal.SIGINT, 1)


def test_two_processes_in_one_directory_do_not_damage_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(USER_FILE)
    metric = f"{tmp_path / 'mine.py'}:pid"
    with start(tmp_path, "0", metric, "60") as one, start(tmp_path, "0", metric, "60") as other:
        outputs = [process.communicate() for process in (one, other)]
    assert [err for _, err in outputs] == ["", ""]
    assert [process.returncode for process in (one, other)] == [0, 0]
    assert [sorted(map(int, out.split()[1:])) for out, _ in outputs] == [list(range(60))] * 2
    store = open_store(tmp_path / "study", {"seed": 1})
    planned = tasks(60, metrics=("mean_waiting", metric))
    assert list(store.ids()) == sorted(task.id for task in planned)
    assert [store.get(task.id) for task in planned] == [run_task(task) for task in planned]
    assert [name for name in content(store.directory) if "partial" in name] == []
    named = [line.split()[1] for line in (store.directory / "files.sha256").read_text().splitlines()]
    assert set(named) == {"plan.json", *(f"results/{task.id[:2]}/{task.id}.json" for task in planned)}
