"""A Dask cluster whose scheduler and workers are processes: the same results as in process (S7)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from qsession_sim.cli.main import main
from qsession_sim.errors import PolicyError, StudyError, TaskError
from qsession_sim.experiment.executors import dask
from qsession_sim.experiment.store import Store
from qsession_sim.experiment.tasks import run_task

from .small_tasks import LIBRARY, SCENARIO, USER_FILE, in_order, lines, tasks

distributed = pytest.importorskip("distributed", reason="pip install 'qsession-sim[dask]'")
library_settings = pytest.importorskip("dask.config")

WORKERS = 3

ENVIRONMENT = {**LIBRARY, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}


def start(stack, *arguments):
    """A process that ends with the stack."""
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", *arguments, "--no-dashboard"],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )
    stack.callback(process.kill)
    return process


def wait_for(condition, *processes):
    """As long as it takes, however busy the machine is, while these processes run."""
    while not (answer := condition()):
        assert [process.poll() for process in processes] == [None] * len(processes)
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The address of a scheduler with its workers, and the process of the scheduler."""
    directory = tmp_path_factory.mktemp("cluster")
    found = directory / "scheduler.json"
    with ExitStack() as stack:
        # the file appears before it is written
        scheduler = start(
            stack,
            "distributed.cli.dask_scheduler",
            "--host=127.0.0.1",
            "--port=0",
            f"--scheduler-file={found}",
        )
        address = json.loads(wait_for(lambda: found.exists() and found.read_text(), scheduler))["address"]
        workers = []
        for number in range(WORKERS):
            options = ("--nthreads=1", "--no-nanny", f"--local-directory={directory / str(number)}")
            workers.append(start(stack, "distributed.cli.dask_worker", address, *options))
        with distributed.Client(address) as client:
            wait_for(lambda: len(client.scheduler_info()["workers"]) == WORKERS, scheduler, *workers)
        yield address, scheduler


@pytest.fixture
def cluster(running):
    return running[0]


@pytest.fixture
def user_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(USER_FILE)
    return file


@pytest.mark.long
def test_a_cluster_changes_no_byte(cluster, user_file, tmp_path):
    """By address and by client, with functions that the workers load from their file."""
    planned = tasks(20, metrics=("mean_waiting", f"{user_file}:pid"), policy=f"{user_file}:last_first")
    by_address = in_order(dask(cluster).run(planned))
    pids = {line.split()[0] for line in lines(tmp_path / "log")}
    with distributed.Client(cluster) as client:
        by_client = in_order(dask(client).run(planned))
        assert client.status == "running"  # it is the caller's
    expected = [json.dumps(run_task(task).to_json()) for task in planned]
    assert [json.dumps(result.to_json()) for result in by_address] == expected
    assert [json.dumps(result.to_json()) for result in by_client] == expected
    assert len(pids) == WORKERS


def content(directory):
    """Every file below a directory, but for the digests, whose lines come in any order."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.name != "files.sha256")
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def digests(directory):
    """The lines of digests."""
    return set((directory / "files.sha256").read_bytes().splitlines())


@pytest.mark.long
def test_a_study_of_1000_runs_on_a_cluster_is_interrupted_and_goes_on(cluster, tmp_path, capsys):
    """One command, as on a terminal; the end is that of the same command in process, never interrupted."""
    (tmp_path / "three.yaml").write_text(
        json.dumps({"seed": 7, "workload": [{**SCENARIO["workload"][0], "count": 3}]})
    )
    arguments = ["compare", str(tmp_path / "three.yaml"), "--replications", "250", "--metric", "mean_waiting"]
    for policy in ("fifo", "lifo", "random", "shortest_job_first"):
        arguments += ["--policy", policy]
    place, whole = tmp_path / "study", tmp_path / "whole"
    on_cluster = [*arguments, "--dask", cluster, "-o", str(place)]

    def runs_kept():
        return len(list(Store(place).ids()))

    with subprocess.Popen(
        [sys.executable, "-m", "qsession_sim", *on_cluster],
        env=LIBRARY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as study:
        wait_for(lambda: runs_kept() >= 100, study)
        study.send_signal(signal.SIGINT)
        out, err = study.communicate()
    kept = runs_kept()
    assert 100 <= kept < 1000
    assert (study.returncode, out) == (130, "")
    (line,) = err.splitlines()
    assert line.startswith("qsession-sim: interrupted after ")
    assert line.endswith(f" of 1,000 runs, kept in {place}; the same command goes on")
    before, digests_before = content(place), digests(place)
    assert main(on_cluster) == 0
    resumed = capsys.readouterr().out
    after = content(place)
    assert {name: after[name] for name in before} == before
    assert main([*arguments, "-o", str(whole)]) == 0
    assert capsys.readouterr().out == resumed
    assert content(whole) == after
    assert digests_before < digests(place) == digests(whole)
    assert runs_kept() == 1000


@pytest.mark.long
def test_an_error_of_a_task_comes_back_from_the_cluster(cluster, user_file):
    with pytest.raises(PolicyError, match="Strange"):
        list(dask(cluster).run(tasks(2, policy=f"{user_file}:stumbles")))
    with pytest.raises(TaskError, match="SystemExit: 3"):
        list(dask(cluster).run(tasks(1, metrics=(f"{user_file}:exits",))))


@pytest.mark.long
def test_a_killed_worker_of_the_cluster_loses_nothing_but_time(cluster, user_file, tmp_path):
    planned = tasks(20, metrics=("mean_waiting", f"{user_file}:dies_once"))
    results = in_order(dask(cluster).run(planned))
    assert (tmp_path / "died").exists()
    assert results == [run_task(task) for task in planned]


@pytest.mark.long
def test_a_task_that_kills_the_workers_of_a_cluster_ends_the_study(cluster, user_file, tmp_path):
    """As often as the cluster allows; nobody is left to work afterwards."""
    with pytest.raises(TaskError, match="all those workers died while running it"):
        list(dask(cluster).run(tasks(1, metrics=(f"{user_file}:dies",))))
    assert lines(tmp_path / "log") == ["died"] * 2


@pytest.mark.long
def test_a_cluster_that_goes_away_ends_the_study(running):
    cluster, scheduler = running

    def planned():
        yield from tasks(3)
        scheduler.kill()

    with pytest.raises(StudyError, match="its scheduler has stopped"):
        list(dask(cluster).run(planned()))


def test_a_cluster_that_is_not_there():
    impatient = library_settings.set({"distributed.comm.timeouts.connect": "200ms"})
    with impatient, pytest.raises(StudyError, match="no Dask scheduler answers at tcp:"):
        list(dask("tcp://127.0.0.1:1").run(tasks(1)))


@pytest.mark.parametrize("address", ["", "here", "tcp://here", "tcp://here:there", "telnet://here:1"])
def test_what_is_no_address_is_refused_at_once(address):
    with pytest.raises(StudyError, match="is no address of a Dask scheduler, such as tcp://node-7:8786"):
        dask(address)


@pytest.mark.parametrize("cluster", [None, 8786])
@pytest.mark.long
def test_what_is_no_cluster(cluster):
    with pytest.raises(StudyError, match="is the address of its scheduler"):
        dask(cluster)
