"""Executors: the same results wherever tasks are carried out (S7), and whatever happens to the workers."""

from __future__ import annotations

import json
import os
import pickle
import platform
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from qsession_sim.errors import PolicyError, QSessionError, StudyError, TaskError
from qsession_sim.experiment import executors
from qsession_sim.experiment.executors import dask, in_process, processes, run_packed
from qsession_sim.experiment.tasks import run_task
from qsession_sim.files import limits

from .small_tasks import LIBRARY, USER_FILE, has_ended, in_order, lines, tasks


@pytest.fixture
def user_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(USER_FILE)
    return file


def texts(results):
    """Results as they are written."""
    return [json.dumps(result.to_json()) for result in results]


def test_in_process_they_come_in_the_order_of_the_tasks():
    planned = tasks(3, policies=("priority", "fifo"))
    assert list(in_process().run(planned)) == [run_task(task) for task in planned]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_no_byte(workers, user_file, tmp_path):
    """With a policy and a metric that every worker loads from their file."""
    planned = tasks(12, metrics=("mean_slowdown", f"{user_file}:pid"), policy=f"{user_file}:last_first")
    results = in_order(processes(workers).run(planned))
    pids, seeds = zip(*(line.split() for line in lines(tmp_path / "log")), strict=True)
    assert texts(results) == texts(run_task(task) for task in planned)
    assert sorted(map(int, seeds)) == sorted(task.seed for task in planned)
    assert str(os.getpid()) not in pids


def test_a_killed_worker_loses_nothing_but_time(user_file, tmp_path):
    planned = tasks(8, metrics=("mean_waiting", f"{user_file}:dies_once"))
    results = in_order(processes(2).run(planned))
    assert (tmp_path / "died").exists()
    assert texts(results) == texts(run_task(task) for task in planned)


@pytest.mark.long
def test_a_task_that_kills_every_worker_is_named_in_the_end(user_file, tmp_path):
    with pytest.raises(TaskError, match=r"died 3 times at configuration 'fifo', replication 0 \(seed \d+\)"):
        list(processes(1).run(tasks(1, metrics=(f"{user_file}:dies",))))
    assert lines(tmp_path / "log") == ["died"] * 3


def test_tasks_are_taken_as_they_are_needed_and_given_up_with_the_iterator(user_file, tmp_path):
    planned = tasks(30, metrics=(f"{user_file}:pid",))
    taken = []
    executor = processes(1)
    results = executor.run(taken.append(task) or task for task in planned)
    next(results)
    # four are in the hands of the worker while the first result is waited for
    assert [task.replication for task in taken] == [0, 1, 2, 3]
    results.close()
    assert len(lines(tmp_path / "log")) <= 4
    assert has_ended(int(lines(tmp_path / "log")[0].split()[0]))
    assert list(executor.run(planned[:1])) == [run_task(planned[0])]


def test_an_interrupt_waits_until_a_task_is_handed_over(monkeypatch):
    """Inside a future it could leave a lock taken for ever."""
    submit, handed_over = executors.Pool.submit, []

    def interrupted(pool, function, *arguments):
        signal.raise_signal(signal.SIGINT)
        handed_over.append(pickle.loads(arguments[0]).replication)
        return submit(pool, function, *arguments)

    monkeypatch.setattr(executors.Pool, "submit", interrupted)
    with processes(1) as workers:
        with pytest.raises(KeyboardInterrupt):
            list(workers.run(tasks(3)))
        assert handed_over == [0]
        monkeypatch.undo()
        assert in_order(workers.run(tasks(3))) == in_order(in_process().run(tasks(3)))


def test_workers_are_kept_from_one_study_to_the_next(user_file, tmp_path):
    """And replaced if they died meanwhile."""
    planned = tasks(2, metrics=(f"{user_file}:pid",))
    expected = [result.metrics for result in map(run_task, planned)]
    (tmp_path / "log").unlink()
    with processes(1) as executor:
        results = [*executor.run(planned), *executor.run(planned)]
        (first,) = {int(line.split()[0]) for line in lines(tmp_path / "log")}
        os.kill(first, signal.SIGKILL)
        results += executor.run(planned)
    second = int(lines(tmp_path / "log")[-1].split()[0])
    assert [result.metrics for result in results] == expected * 3
    assert first != second
    assert has_ended(second)


def test_workers_end_when_their_parent_is_killed(user_file, tmp_path):
    script = tmp_path / "study.py"
    script.write_text(
        "from experiment.small_tasks import tasks\n"
        "from qsession_sim.experiment.executors import processes\n"
        "if __name__ == '__main__':\n"
        f"    for result in processes(2).run(tasks(1000, metrics=({f'{user_file}:slow'!r},))):\n"
        "        print(result.replication, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, script], env=LIBRARY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        parent.stdout.readline()
        parent.kill()
    assert parent.returncode == -signal.SIGKILL
    pids = {int(line.split()[0]) for line in lines(tmp_path / "log")}
    assert pids
    assert parent.pid not in pids
    assert all(map(has_ended, pids))


WITHOUT_GUARD = """
import qsession_sim as qs
from qsession_sim.experiment.executors import processes

def longest(run):
    return run.jobs["waiting_us"].max()

SOURCE = {"kind": "arrivals", "account": "lab", "count": 1, "interarrival": "1s",
          "qpu_time": {"kind": "exponential", "mean": "1s"}}
study = qs.replicate({"workload": [SOURCE]}, replications=3, metrics=[METRIC], executor=processes(2))
print("done", study.replications)
"""


@pytest.mark.long
@pytest.mark.parametrize("read_from", ["standard input", "a file"])
def test_workers_do_not_begin_the_script_once_more(tmp_path, read_from):
    """Without a guard, in a notebook, or in a program that is no file."""
    (tmp_path / "study.py").write_text(program := WITHOUT_GUARD.replace("METRIC", "'done'"))
    name = "-" if read_from == "standard input" else "study.py"
    ran = subprocess.run(
        [sys.executable, name],
        input=program,
        cwd=tmp_path,
        env=LIBRARY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done 3\n", "")


def test_threads_that_start_workers_at_once_leave_the_main_module_in_place():
    main, first_starts = sys.modules["__main__"], threading.Event()

    def start_first():
        with executors._without_main():
            first_starts.set()
            time.sleep(0.05)

    def start_second():
        first_starts.wait()
        with executors._without_main():
            time.sleep(0.1)

    threads = [threading.Thread(target=start) for start in (start_first, start_second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept, sys.modules["__main__"] = sys.modules["__main__"], main
    assert kept is main


@pytest.mark.long
def test_a_script_that_workers_must_load_needs_a_guard(tmp_path):
    """They would start workers of their own, and so on."""
    (tmp_path / "study.py").write_text(WITHOUT_GUARD.replace("METRIC", "longest"))
    ran = subprocess.run(
        [sys.executable, "study.py"],
        cwd=tmp_path,
        env=LIBRARY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "keep what is no function under if __name__ == '__main__':" in ran.stderr.splitlines()[-1]


def test_an_error_of_a_task_ends_the_study(user_file):
    with pytest.raises(PolicyError) as caught:
        list(processes(1).run(tasks(1, policy=f"{user_file}:stumbles")))
    with pytest.raises(PolicyError) as expected:
        list(in_process().run(tasks(1, policy=f"{user_file}:stumbles")))
    assert str(caught.value) == str(expected.value)


def test_an_unexpected_error_names_the_task_and_the_line(user_file):
    line = 1 + USER_FILE.splitlines().index("    raise SystemExit(3)")
    with pytest.raises(TaskError) as caught:
        list(in_process().run(tasks(1, metrics=(f"{user_file}:exits",))))
    seed = tasks(1)[0].seed
    assert str(caught.value) == (
        f"configuration 'fifo', replication 0 (seed {seed}) failed: SystemExit: 3 (mine.py:{line})"
    )
    assert isinstance(caught.value.__cause__, SystemExit)


def in_a_worker(task, task_id=None):
    """What the pool does there, with the error as it comes back."""
    try:
        return run_packed(pickle.dumps(task), task_id or task.id, limits())
    except QSessionError as error:
        raise pickle.loads(pickle.dumps(error)) from None


def test_an_unexpected_error_in_a_worker_is_the_same(user_file):
    (task,) = tasks(1, metrics=(f"{user_file}:exits",))
    with pytest.raises(TaskError) as here:
        list(in_process().run([task]))
    with pytest.raises(TaskError) as there:
        in_a_worker(task)
    assert str(here.value) == str(there.value)


def test_a_policy_that_has_gone_is_an_error_and_no_dead_worker(user_file):
    (task,) = tasks(1, policy=f"{user_file}:last_first")
    assert pickle.loads(pickle.dumps(task)) == task
    (other,) = tasks(1, policy=f"{user_file}:stumbles")
    user_file.unlink()
    with pytest.raises(PolicyError, match=r"mine\.py"):
        in_a_worker(other)


def test_a_worker_with_other_versions_is_refused():
    (task,) = tasks(1)
    other = "0" * 64  # what the id would be with other versions
    with pytest.raises(StudyError, match="has other versions of qsession-sim, NumPy, polars or SimPy"):
        in_a_worker(task, other)
    assert in_a_worker(replace(task)) == run_task(task)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2", None])
def test_a_number_of_workers_that_is_none(workers):
    with pytest.raises(StudyError, match="workers must be a whole number of at least 1, not "):
        processes(workers)


def test_windows_waits_for_61_workers_at_most(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert processes(61).workers == 61
    with pytest.raises(StudyError, match="on Windows there are at most 61 workers, not 62"):
        processes(62)


def test_a_cluster_needs_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StudyError, match=r"pip install 'qsession-sim\[dask\]'"):
        dask("tcp://127.0.0.1:8786")
