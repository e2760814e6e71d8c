"""Ordinary functions as programs: threads of which one runs at a time, in simulated time (S4, S6)."""
# ruff: noqa: NPY002, PLW0108 - global states are tested, and solvers are called anew each time

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module

import numpy as np
import pytest
from scipy import integrate, optimize

import qsession_sim as qs
from qsession_sim.clients.programs import Measured
from qsession_sim.clients.thin import Batch, Estimator, JobError, RejectedError, Sampler, Session
from qsession_sim.testing import check_invariants

EMPTY = {"workload": []}
SECOND = 1_000_000


def at(run, *columns):
    return run.jobs.select("job", *columns).rows()


def vqe():
    with Session() as session:
        estimator = Estimator(session)
        for _ in range(2):
            estimator.run(qpu_time="10s").result()


# what a program does


def test_a_session_runs_its_jobs_and_is_closed():
    """The second job is submitted when the first one ends, at 10 s."""
    run = qs.simulate(EMPTY, programs=[vqe])
    assert at(run, "account", "session", "submitted_us", "started_us", "status") == [
        ("vqe/1/1", "vqe", "vqe/1", 0, 0, "DONE"),
        ("vqe/1/2", "vqe", "vqe/1", 10 * SECOND, 10 * SECOND, "DONE"),
    ]
    assert run.sessions.select("session", "reason", "usage_us").rows() == [("vqe/1", "CLOSED", 20 * SECOND)]
    check_invariants(run)


def test_think_times_shift_each_submission():
    """5 s before each of two jobs of 10 s: submitted at 5 and at 20."""
    run = qs.simulate(EMPTY, programs=[qs.program(vqe, account="lab", think="5s")])
    assert at(run, "submitted_us") == [("vqe/1/1", 5 * SECOND), ("vqe/1/2", 20 * SECOND)]


def test_drawn_think_times_depend_on_the_seed_and_the_client_alone():
    think = {"kind": "exponential", "mean": "2s"}
    alone = qs.simulate(EMPTY, seed=3, programs=[qs.program(vqe, think=think)])
    other = qs.simulate(EMPTY, seed=3, programs=[qs.program(vqe, think=think), qs.program(vqe, name="b")])
    first = [row for row in at(other, "submitted_us") if row[0] == "vqe/1/1"]
    assert first == at(alone, "submitted_us")[:1]
    assert (
        at(qs.simulate(EMPTY, seed=4, programs=[qs.program(vqe, think=think)]), "submitted_us")[:1] != first
    )


def test_measured_think_times_are_in_the_provenance():
    run = qs.simulate(EMPTY, programs=[qs.program(vqe, think=Measured())])
    assert run.provenance["think_times"] == "measured on this machine"
    assert all(submitted_us > 0 for _, submitted_us in at(run, "submitted_us"))
    assert "think_times" not in qs.simulate(EMPTY, programs=[vqe]).provenance


def test_clients_of_a_program_and_programs_of_one_name_are_told_apart():
    run = qs.simulate(EMPTY, programs=[qs.program(vqe, clients=2), vqe])
    assert sorted(run.sessions["session"].to_list()) == ["vqe-2/1", "vqe/1", "vqe/2"]


def test_qpu_times_follow_from_circuits_and_shots():
    """2 s + 3 x 1000 x 350 us."""

    def one():
        Sampler(circuits=3).run(shots=1000).result()

    model = {"model": "executions", "overhead": "2s", "per_execution": "350us"}
    run = qs.simulate({"qpus": [{"name": "q", "service_time": model}], "workload": []}, programs=[one])
    assert run.jobs["qpu_time_us"].to_list() == [3_050_000]


def test_a_model_that_needs_more_than_circuits_and_shots_asks_for_the_qpu_time():
    """With a qpu_time such a QPU runs the job; without, nothing is guessed."""

    def one(**given):
        Sampler().run(**given).result()

    for model in ({"model": "given"}, {"model": "clops", "clops": 180000}):
        scenario = {"qpus": [{"name": "q", "service_time": model}], "workload": []}
        run = qs.simulate(scenario, programs=[qs.program(lambda: one(qpu_time="3s"), name="one")])
        assert run.jobs["qpu_time_us"].to_list() == [3 * SECOND]
        with pytest.raises(
            qs.ProgramError, match="needs more than circuits and shots; give the job a qpu_time"
        ):
            qs.simulate(scenario, programs=[qs.program(one, name="one")])


def test_results_of_a_job_do_not_depend_on_other_users():
    def noisy(results):
        estimator = Estimator(result=lambda x, numbers: x + numbers.normal())
        results += [estimator.run(x, qpu_time=1).result() for x in (1.0, 2.0)]

    alone, together = [], []
    qs.simulate(EMPTY, programs=[qs.program(partial(noisy, alone), name="a")])
    programs = [qs.program(partial(noisy, []), name="b"), qs.program(partial(noisy, together), name="a")]
    qs.simulate(EMPTY, programs=programs)
    assert alone == together
    assert alone[0] - 1.0 != alone[1] - 2.0


def test_what_a_program_sees_of_its_session():
    """Open until its job starts behind another job of 5 s; deactivated at 15 + 60 s."""
    seen = []

    def watches():
        with Session(max_time="25m", interactive_timeout=60) as session:
            job = Estimator(session).run(qpu_time="10s")
            seen.append((session.status(), job.status()))
            job.result()
            details = session.details()
            seen.append(
                (session.status(), details["max_time"], details["active_timeout"], details["usage_time"])
            )
            time.sleep(61)
            seen.append((session.status(), session.usage(), session.details()["usage_time"]))
        seen.append((session.status(), session.details()["state_reason"]))

    jobs = [{"id": "other", "at": "0s", "account": "b", "qpu_time": "5s"}]
    qs.simulate({"workload": [{"kind": "explicit", "jobs": jobs}]}, programs=[watches])
    assert seen == [
        ("Pending", "QUEUED"),
        ("In progress, accepting new jobs", 1500.0, 1490.0, None),
        ("Pending", 70.0, 70.0),
        ("Closed", "CLOSED"),
    ]


def test_jobs_without_a_result_are_errors_that_say_why():
    caught = []

    def unlucky():
        with Session() as session:
            for make in (
                lambda: Estimator(session, max_execution_time="1s").run(qpu_time="5s").result(),
                lambda: Estimator(session, max_execution_time="9h").run(qpu_time="5s").result(),
            ):
                try:
                    make()
                except JobError as error:
                    caught.append((type(error), str(error), error.reason))
            job = Estimator(session).run(qpu_time="5s")
            job.cancel()
            with pytest.raises(JobError, match="was cancelled: JOB_CANCELLED"):
                job.result()

    qs.simulate(EMPTY, programs=[unlucky])
    assert caught == [
        (JobError, "job 'unlucky/1/1' failed: RAN_TOO_LONG", "RAN_TOO_LONG"),
        (
            RejectedError,
            "job 'unlucky/1/2' was rejected: EXECUTION_TIME_EXCEEDS_SESSION",
            "EXECUTION_TIME_EXCEEDS_SESSION",
        ),
    ]


def test_a_batch_is_a_batch():
    def batch():
        with Batch() as mode:
            jobs = [Sampler(mode).run(qpu_time="2s") for _ in range(2)]
            assert mode.details()["mode"] == "batch"
        for job in jobs:
            job.result()

    run = qs.simulate(EMPTY, programs=[batch])
    assert run.sessions.select("mode", "usage_us").rows() == [("batch", 4 * SECOND)]


# time


def test_time_is_simulated():
    """Half an hour of sleeping, of which the machine sees nothing."""
    seen = []

    def sleeps():
        before = time.time(), time.monotonic(), time.time_ns()
        time.sleep(1800)
        Estimator().run(qpu_time="5s").result()
        seen.extend(now - then for now, then in zip((time.time(), time.monotonic()), before[:2], strict=True))
        seen.append(time.time_ns() - before[2])

    scenario = qs.load_scenario({"start": "2024-04-02T08:00:00Z", "workload": []})
    started = time.monotonic()
    run = qs.simulate(scenario, programs=[sleeps])
    assert time.monotonic() - started < 600
    assert seen == [1805.0, 1805.0, 1_805_000_000_000]
    assert at(run, "submitted_us") == [("sleeps/1/1", 1800 * SECOND)]


def test_a_loop_that_asks_sees_the_end():
    seen = []

    def asks():
        job = Sampler().run(qpu_time=3)
        while job.status() != "DONE":
            seen.append(job.status())
        seen.append(job.metrics()["usage"]["quantum_seconds"])

    qs.simulate(EMPTY, programs=[asks])
    assert seen[-1] == 3.0


# threads that a program starts itself


def pooled(results):
    """Two at a time of three jobs of 1, 2 and 3 s."""
    with Session() as session:

        def one(number):
            return Estimator(session, result=lambda x, _numbers: x).run(number, qpu_time=number).result()

        with ThreadPoolExecutor(2) as pool:
            results.append([future.result() for future in [pool.submit(one, n) for n in (1, 2, 3)]])


def test_threads_of_a_program_take_part():
    """The first two are submitted at 0; the first one ends at 1, and the third is submitted then."""
    results = []
    run = qs.simulate(EMPTY, programs=[qs.program(partial(pooled, results), name="p")])
    assert results == [[1, 2, 3]]
    assert at(run, "submitted_us", "started_us") == [
        ("p/1/1", 0, 0),
        ("p/1/2", 0, SECOND),
        ("p/1/3", SECOND, 3 * SECOND),
    ]
    assert threading.active_count() == 1 or all("p/1" not in one.name for one in threading.enumerate())


def test_copies_with_threads_give_the_same_tables_each_time():
    def simulated():
        programs = [qs.program(partial(pooled, []), name="p", clients=3)]
        return qs.simulate(EMPTY, programs=programs)

    first, second = simulated(), simulated()
    assert first.jobs.equals(second.jobs)
    assert first.transitions.equals(second.transitions)
    assert len(first.jobs) == 9


def test_waits_of_threads_with_a_timeout_are_simulated():
    seen = []

    def waits():
        event = threading.Event()
        thread = threading.Thread(target=lambda: (time.sleep(10), event.set()))
        thread.start()
        seen.append((event.wait(4), time.monotonic() - start))
        thread.join(3)
        seen.append((thread.is_alive(), time.monotonic() - start))
        seen.append((event.wait(), time.monotonic() - start))
        thread.join()

    start = qs.load_scenario(EMPTY).resolved.start.timestamp()
    qs.simulate(EMPTY, programs=[waits])
    assert seen == [(False, 4.0), (True, 7.0), (True, 10.0)]


# random numbers


def test_global_random_states_are_those_of_each_program():
    def draws(results):
        for _ in range(3):
            results.append((np.random.randn(), random.random(), random.gauss(0, 1)))
            Estimator().run(qpu_time=1).result()

    alone, together, other = [], [], []
    qs.simulate(EMPTY, programs=[qs.program(partial(draws, alone), name="a")])
    before = random.getstate(), np.random.get_state()[1].tolist()
    programs = [qs.program(partial(draws, other), name="b"), qs.program(partial(draws, together), name="a")]
    qs.simulate(EMPTY, programs=programs)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert together == alone
    assert other != alone


def test_a_seed_that_a_program_sets_is_its_own():
    def seeds(results):
        np.random.seed(5)
        random.seed(5)
        Estimator().run(qpu_time=1).result()
        results.append((np.random.rand(), random.random()))

    results = []
    programs = [qs.program(partial(seeds, results), name=name) for name in "ab"]
    qs.simulate(EMPTY, programs=programs)
    expected = (np.random.RandomState(5).rand(), random.Random(5).random())
    assert results == [expected, expected]


# SciPy


def asked(value):
    Estimator().run(qpu_time=1).result()
    return value


def valley(x):
    return asked(float(np.sum((np.asarray(x) - [1, 2]) ** 2) + 0.1 * np.sin(5 * x[0])))


def minimised(method):
    return optimize.minimize(valley, [0.3, 0.1], method=method).x.tolist()


def stepped():
    solver = integrate.ode(lambda _t, y: asked(-y)).set_integrator("vode")
    solver.set_initial_value([1.0], 0)
    return solver.integrate(1.0).tolist()


SOLVERS = {
    **{
        method: partial(minimised, method)
        for method in ("COBYLA", "Nelder-Mead", "Powell", "BFGS", "L-BFGS-B", "SLSQP", "TNC", "CG")
    },
    "leastsq": lambda: list(optimize.leastsq(lambda p: asked(p - np.array([1.0, 2.0])), [0.0, 0.0])[0]),
    "root": lambda: list(
        optimize.root(lambda x: asked(np.array([x[0] ** 2 - 2, x[1] - x[0]])), [1.0, 1.0]).x
    ),
    "dblquad": lambda: integrate.dblquad(lambda y, x: asked(x * y), 0, 1, 0, 1, epsabs=1e-2)[0],
    "odeint": lambda: integrate.odeint(lambda y, _t: asked(-y), [1.0], [0, 0.5, 1.0])[:, 0].tolist(),
    "lsoda": lambda: integrate.solve_ivp(lambda _t, y: asked(-y), (0, 1), [1.0], method="LSODA").y.tolist(),
    "vode": stepped,
}


def test_interleaved_solvers_give_what_they_give_alone():
    def run_of(name, results):
        return qs.program(lambda: results.setdefault(name, []).append(SOLVERS[name]()), name=name.lower())

    alone, together = {}, {}
    for name in SOLVERS:
        qs.simulate(EMPTY, programs=[run_of(name, alone)])
    qs.simulate(EMPTY, programs=[run_of(name, together) for name in SOLVERS] * 2)
    assert together == {name: results * 2 for name, results in alone.items()}


# ends


def test_an_exception_names_the_program_its_account_and_its_place():
    def fails():
        Estimator().run(qpu_time=1).result()
        raise ValueError("of the program")

    line = fails.__code__.co_firstlineno + 2
    text = f"program 'fails/1' of account 'x' failed at {__file__}:{line}: ValueError: of the program"
    with pytest.raises(qs.ProgramError) as caught:
        qs.simulate(EMPTY, programs=[qs.program(fails, account="x"), vqe])
    assert str(caught.value) == text
    causes, error = [], caught.value
    while error is not None:
        causes.append(type(error))
        error = error.__cause__
    assert causes[-1] is ValueError
    run = qs.simulate(EMPTY, programs=[qs.program(fails, account="x"), vqe], on_program_error="continue")
    assert run.provenance["program_errors"] == [text]
    assert len(run.jobs) == 3


def test_at_the_horizon_clean_ups_run_and_no_thread_is_left():
    seen, before = [], threading.active_count()

    def long():
        try:
            with Session() as session:
                for _ in range(100):
                    Estimator(session).run(qpu_time=1).result()
        finally:
            seen.append(time.monotonic() - start)
            with pytest.raises(qs.SchedulerUsageError, match="the run is over"):
                Estimator().run(qpu_time=1)

    start = qs.load_scenario(EMPTY).resolved.start.timestamp()
    run = qs.simulate({"workload": [], "horizon": "10s"}, programs=[long])
    assert (seen, len(run.jobs), run.sessions["state"].to_list()) == ([10.0], 10, ["active"])
    assert threading.active_count() == before


def test_ctrl_c_ends_a_program_that_computes():
    def computes():
        vqe()
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        qs.simulate(EMPTY, programs=[computes, vqe])
    assert threading.active_count() == before


def test_a_program_that_always_waits_again_is_an_error():
    def clings():
        while True:
            try:
                time.sleep(1)
            except BaseException:  # noqa: BLE001 - that is the fault
                continue

    with pytest.raises(qs.ProgramError, match="cannot be closed at the end of the run"):
        qs.simulate({"workload": [], "horizon": "3s"}, programs=[clings])


def test_what_waits_outside_of_the_simulation_is_found_with_its_place():
    lock = threading.Lock()

    def holds():
        with lock:
            Estimator().run(qpu_time=1).result()

    line = holds.__code__.co_firstlineno + 1
    with pytest.raises(qs.ProgramError) as caught:
        qs.simulate(EMPTY, programs=[qs.program(holds, clients=2, account="x")], program_patience_seconds=0.5)
    assert str(caught.value) == (
        f"program 'holds/2' of account 'x' has waited outside of the simulation for 0.5 s, at {__file__}:{line}; "
        "a lock, a subprocess or another process cannot be waited for in simulated time"
    )


def test_a_subprocess_and_the_lock_of_cobyqa_are_found(tmp_path):
    def starts():
        subprocess.run(["sleep", "5"], check=True)

    def cobyqa():
        optimize.minimize(valley, [0.3, 0.1], method="COBYQA")

    with pytest.raises(qs.ProgramError, match=r"subprocess\.py:"):
        qs.simulate(EMPTY, programs=[starts], program_patience_seconds=0.5)
    # SciPy 1.18 has no such lock any more
    if not hasattr(import_module("scipy.optimize._cobyqa_py"), "COBYQA_LOCK"):
        qs.simulate(EMPTY, programs=[qs.program(cobyqa, clients=2)])
        return
    with pytest.raises(qs.ProgramError, match=r"_cobyqa_py.py:\d+, called from .*test_ordinary_programs.py:"):
        qs.simulate(EMPTY, programs=[qs.program(cobyqa, clients=2)], program_patience_seconds=0.5)


# what is no program


def generator_without_service():
    yield


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: [generator_without_service], "has `yield`, but no parameter for the service"),
        (lambda: [lambda service: None], "must be a generator function, one with `yield`"),
        (lambda: [qs.program(vqe, clients=0)], "clients must be a whole number from 1, not 0"),
        (lambda: [qs.program(vqe, think="5")], "a duration needs a unit|not a duration"),
        (lambda: [qs.program(vqe, think=5)], "a duration needs a unit"),
        (lambda: [qs.program(lambda service: None)], "must be an ordinary function without parameters"),
        (lambda: [qs.program(5)], "a program must be a function, not 5"),
    ],
)
def test_what_is_no_program_is_refused(make, text):
    with pytest.raises(qs.SchedulerUsageError, match=text):
        qs.simulate(EMPTY, programs=make())


def test_clients_outside_of_a_program_are_refused():
    with pytest.raises(qs.SchedulerUsageError, match="this works in a program only"):
        Session()


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda: Sampler().run(shots=0), "shots must be a whole number from 1, not 0"),
        (lambda: Sampler().run(circuits=1.5), "circuits must be a whole number from 1, not 1.5"),
        (lambda: Sampler().run(qpu_time="5"), "qpu_time: "),
        (lambda: Session(max_time=[]), "max_time must be seconds, or a text such as '25m'"),
        (lambda: Session("nowhere"), "nowhere"),
    ],
)
def test_values_that_cannot_be_are_refused(ask, text):
    with pytest.raises(qs.ProgramError, match=text):
        qs.simulate(EMPTY, programs=[qs.program(ask, name="asks")])


def test_one_simulation_of_ordinary_programs_at_a_time():
    with pytest.raises(qs.ProgramError, match="another simulation of ordinary programs runs in this process"):
        qs.simulate(EMPTY, programs=[lambda: qs.simulate(EMPTY, programs=[vqe])])


# compared with generators


def test_tables_are_those_of_generators():
    """Thirty programs of ten jobs: the same names and times, and so the same bytes."""

    def thin():
        with Session() as session:
            estimator = Estimator(session)
            for _ in range(10):
                estimator.run(qpu_time="3s").result()

    def generator(number):
        def program(service):
            with service.open_session(f"thin/{number}", account="thin", stream="thin") as session:
                for job in range(1, 11):
                    yield session.submit(f"thin/{number}/{job}", qpu_time_us=3 * SECOND).completed

        return program

    ordinary = qs.simulate(EMPTY, programs=[qs.program(thin, clients=30)])
    generated = qs.simulate(EMPTY, programs=[generator(number) for number in range(1, 31)])
    for table in ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts"):
        assert getattr(ordinary, table).equals(getattr(generated, table))
