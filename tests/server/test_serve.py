"""`qsession-sim serve` over real sockets on 127.0.0.1, with clients that are processes of their own.

A job of 1000 shots takes 2.35 s.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.errors import PolicyError
from qsession_sim.server.launcher import LauncherError, refuse_leaks
from qsession_sim.server.serving import serving

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")
pytest.importorskip("uvicorn", reason="pip install 'qsession-sim[serve]'")

HERE = Path(__file__).parent
TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts")


@pytest.fixture
def at(tmp_path: Path) -> Path:
    (tmp_path / "empty.json").write_text('{"profile": "2026", "workload": []}', encoding="utf-8")
    return tmp_path


def program(at: Path, text: str, name: str = "program.py") -> list[str]:
    """A file with a program that has a client `c`; the command that runs it."""
    start = "import os, sys\nfrom ordinary_client import KEY, Client\nc = Client()\n"
    (at / name).write_text(start + textwrap.dedent(text), encoding="utf-8")
    return [sys.executable, str(at / name)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("IAM_URL", "QISKIT_IBM_URL")}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]), **more}


def serve(at: Path, scenario: Any, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    if not isinstance(scenario, str):
        (at / "scenario.yaml").write_text(json.dumps(scenario), encoding="utf-8")
        scenario = "scenario.yaml"
    command = [sys.executable, "-m", "qsession_sim", "serve", scenario, *arguments]
    done = subprocess.run(
        command, cwd=at, env=environment(**more), capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_program_is_served_in_jump_mode_and_leaves_an_ordinary_bundle(at):
    """Three jobs of 2.35 s with 10 s between them, in a session that is closed after another 10 s."""
    command = program(
        at,
        """
        s = c.session()
        for _ in range(3):
            print(c.end(c.submit(session_id=s)))
            c.wait(10)
        print(c.ask("PATCH", f"/sessions/{s}", {"accepting_jobs": False})[1]["elapsed_time"])
        print("IAM_URL" in os.environ, os.environ["QISKIT_IBM_TOKEN"])
        """,
    )
    status, printed, noted = serve(
        at, {"profile": "2026", "workload": []}, "--jump", "-o", "out", "--journal", "j", "--", *command
    )
    assert (status, noted) == (0, "saved in out\n")
    assert printed.splitlines() == [*["['Queued', 'Running', 'Completed']"] * 3, "37.05", "True client"]
    saved = qs.load(at / "out")
    assert saved.jobs["job"].to_list() == ["client.1", "client.2", "client.3"]
    assert saved.jobs["started_us"].to_list() == [0, 12_350_000, 24_700_000]
    assert saved.sessions["usage_us"].to_list() == [37_050_000]
    assert saved.provenance["clock"] == "jump"
    journal = [json.loads(line) for line in (at / "j").read_text("utf-8").splitlines()]
    assert journal[:3] == [
        {"now_us": 0, "client": None, "method": "POST", "path": "/identity/token", "status": 200},
        {"now_us": 0, "client": "client", "method": "POST", "path": "/experimental/sessions", "status": 200},
        {"now_us": 0, "client": "client", "method": "POST", "path": "/experimental/jobs", "status": 200},
    ]
    assert "IAM_URL" not in os.environ


def test_a_served_run_equals_the_same_submissions_as_a_scenario(at):
    """Behind simulated people: the session's second job comes after an ITTL, and stands in the queue again."""
    people = [
        {"id": f"p{n}", "at": f"{n * 7 + 1}s", "account": "people", "qpu_time": "6s"} for n in range(12)
    ]
    program_text = """
        c.wait(3)
        s = c.session(interactive_ttl=5)
        c.submit(session_id=s)
        c.wait(20.5)
        c.end(c.submit(2000, session_id=s))
        c.wait(0.25)
        c.submit(session_id=s)
        c.ask("PATCH", f"/sessions/{s}", {"accepting_jobs": False})
        c.submit()
    """
    common = {"profile": "2026", "accounts": [{"name": "people"}, {"name": "client"}]}
    served = {**common, "workload": [{"kind": "explicit", "jobs": people}]}
    status, _, noted = serve(
        at, served, "--jump", "--account", "client", "-o", "out", "--", *program(at, program_text)
    )
    assert (status, noted) == (0, "saved in out\n")
    one = qs.load(at / "out")
    times = dict(zip(one.jobs["job"].to_list(), one.jobs["submitted_us"].to_list(), strict=True))
    assert (times["client.1"], times["client.2"]) == (3_000_000, 23_500_000)
    third_us = one.jobs.filter(job="client.2")["completed_us"].item() + 250_000
    assert times["client.3"] == times["client.4"] == third_us
    session = {
        "id": "client.s1",
        "account": "client",
        "created": "3s",
        "interactive_timeout": "5s",
        "close": f"{third_us}us",
    }
    mine = [
        {"id": "client.1", "at": "3s", "session": "client.s1", "qpu_time": "2350ms"},
        {"id": "client.2", "at": "23500ms", "session": "client.s1", "qpu_time": "2700ms"},
        {"id": "client.3", "at": f"{third_us}us", "session": "client.s1", "qpu_time": "2350ms"},
        {"id": "client.4", "at": f"{third_us}us", "account": "client", "qpu_time": "2350ms"},
    ]
    declared = {"kind": "explicit", "jobs": [*people, *mine], "sessions": [session]}
    other = qs.simulate({**common, "workload": [declared]})
    assert "inactive" in other.transitions["to_state"].to_list()
    for table in TABLES:
        assert getattr(one, table).equals(getattr(other, table)), table


def test_several_clients_leave_equal_journals_and_bundles_in_every_run(at):
    command = program(
        at,
        """
        s = c.session()
        for n in range(3):
            c.end(c.submit(500 * (n + 1), session_id=s))
        c.ask("PATCH", f"/sessions/{s}", {"accepting_jobs": False})
        """,
    )
    found = []
    for run in ("one", "two"):
        status, _, noted = serve(
            at,
            "empty.json",
            "--jump",
            "--clients",
            "3",
            "-o",
            run,
            "--journal",
            f"{run}.jsonl",
            "--",
            *command,
        )
        assert (status, noted) == (0, f"saved in {run}\n")
        journal = [json.loads(line) for line in (at / f"{run}.jsonl").read_text("utf-8").splitlines()]
        # tokens and first questions are asked before there is an order
        found.append([entry for entry in journal if entry["client"] is not None])
    assert found[0] == found[1]
    assert {entry["client"] for entry in found[0]} == {"client#1", "client#2", "client#3"}
    files = sorted(path.name for path in (at / "one").iterdir())
    assert [(at / "one" / name).read_bytes() for name in files] == [
        (at / "two" / name).read_bytes() for name in files
    ]
    jobs = qs.load(at / "one").jobs
    assert jobs["status"].to_list() == ["DONE"] * 9
    assert set(jobs["account"].to_list()) == {"client"}


def test_a_killed_client_does_not_hang_the_others(at):
    command = program(
        at,
        """
        j = c.submit()
        if KEY.endswith("#1"):
            os.kill(os.getpid(), 9)
        print(c.end(j), c.end(c.submit()))
        """,
    )
    status, printed, noted = serve(at, "empty.json", "--jump", "--clients", "2", "--", *command)
    assert (status, noted) == (137, "the command ended with status 137\n")
    done = ["Queued", "Running", "Completed"]
    assert printed == f"{done} {done}\n"


def test_a_client_that_never_comes_is_reported_and_not_waited_for(at):
    command = [
        sys.executable,
        "-c",
        "import os\nif os.environ['QISKIT_IBM_TOKEN'] == 'client#1': import program",
    ]
    program(at, "print(c.end(c.submit()))")
    status, printed, noted = serve(at, "empty.json", "--jump", "--clients", "2", "--", *command)
    assert (status, printed) == (0, "['Queued', 'Running', 'Completed']\n")
    assert noted == "client 'client#2' ended without having asked anything\n"


def test_at_the_horizon_a_client_is_told_that_the_run_is_over(at):
    command = program(at, "print(c.end(c.submit(1_000_000)), c.ask('POST', '/sessions', {'backend': 'qpu'}))")
    status, printed, _ = serve(at, {"workload": [], "horizon": "30s"}, "--jump", "-o", "out", "--", *command)
    assert status == 0
    assert printed.startswith("['Queued', 'Running', '410'] (410, {'errors'")
    assert qs.load(at / "out").summary()["end_us"] == 30_000_000


def test_threads_of_a_program_share_its_time(at):
    command = program(
        at,
        """
        from concurrent.futures import ThreadPoolExecutor

        def one(n):
            mine = Client()
            return mine.end(mine.submit())[-1]

        with ThreadPoolExecutor(3) as pool:
            print(list(pool.map(one, range(6))))
        """,
    )
    status, printed, _ = serve(at, "empty.json", "--jump", "-o", "out", "--", *command)
    assert (status, printed) == (
        0,
        "['Completed', 'Completed', 'Completed', 'Completed', 'Completed', 'Completed']\n",
    )
    assert qs.load(at / "out").summary()["end_us"] == 6 * 2_350_000


def test_real_time_times_a_factor(at):
    """Whenever the requests come, the job takes its 2.35 s of simulated time."""
    command = program(at, "print(c.end(c.submit())[-1])")
    status, printed, noted = serve(at, "empty.json", "--speed", "100", "-o", "out", "--", *command)
    assert (status, printed) == (0, "Completed\n")
    assert noted.startswith("warning: at 100 times real time a request of 50 ms takes 5 s of simulated time")
    (row,) = qs.load(at / "out").jobs.rows(named=True)
    assert row["completed_us"] - row["started_us"] == 2_350_000


def test_functions_of_the_user_and_the_present_as_the_start(at):
    (at / "mine.py").write_text(
        "def seconds(program, params):\n    return 5_000_000\n\n\n"
        "def numbers(program, params, seed):\n    return {'sum': 7}\n",
        encoding="utf-8",
    )
    command = program(
        at,
        """
        from datetime import UTC, datetime, timedelta
        j = c.submit()
        c.end(j)
        print(c.ask("GET", f"/jobs/{j}/results"))
        created = datetime.fromisoformat(c.ask("GET", f"/jobs/{j}")[1]["created"])
        print(timedelta() <= datetime.now(UTC) - created < timedelta(hours=1))
        """,
    )
    status, printed, _ = serve(
        at,
        {"workload": [], "qpus": [{"name": "qpu", "service_time": {"model": "given"}}]},
        "--jump",
        "--start",
        "now",
        "--qpu-time",
        "mine.py:seconds",
        "--results",
        "mine.py:numbers",
        "-o",
        "out",
        "--",
        *command,
    )
    assert (status, printed) == (0, "(200, '{\"sum\": 7}')\nTrue\n")
    saved = qs.load(at / "out")
    assert saved.summary()["end_us"] == 5_000_000
    assert {"numbers", "seconds"} <= set(saved.provenance["digests"])


def test_a_function_that_fails_ends_the_run_with_its_name(at):
    (at / "mine.py").write_text("def seconds(program, params):\n    return 1 // 0\n", encoding="utf-8")
    command = program(
        at,
        "print(c.ask('POST', '/jobs', {'program_id': 'sampler', 'backend': 'qpu', 'params': {'pubs': [['']]}})[0])",
    )
    status, printed, noted = serve(
        at, "empty.json", "--jump", "--qpu-time", "mine.py:seconds", "--", *command
    )
    assert (status, printed) == (1, "410\n")
    assert (
        noted
        == "qsession-sim: the function for the QPU time failed for job 'client.1': ZeroDivisionError: integer division or modulo by zero\n"
    )


def test_without_a_command_it_prints_what_to_export_until_it_is_interrupted(at):
    """The variables make a program that is started by hand a client; its journal has the run's requests."""
    command = [
        sys.executable,
        "-m",
        "qsession_sim",
        "serve",
        "empty.json",
        "--jump",
        "--qrmi",
        "--account",
        "lab",
        "-o",
        "out",
    ]
    with subprocess.Popen(
        command, cwd=at, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        exports = dict(re.match(r"export (\w+)=(.*)", server.stdout.readline()).groups() for _ in range(12))  # type: ignore[union-attr]
        port = re.search(r":(\d+)$", exports["IAM_URL"])[1]  # type: ignore[index]
        root = f"http://127.0.0.1:{port}"
        assert {name: value.strip("'") for name, value in exports.items()} == {
            "QISKIT_IBM_TOKEN": "lab",
            "QISKIT_IBM_URL": f"{root}/experimental",
            "QISKIT_IBM_INSTANCE": "crn:v1:bluemix:public:quantum-computing:us-east:a/qsession-sim:00000000-0000-0000-0000-000000000001::",
            "IAM_URL": root,
            "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
            "USAGE_DATA_OPT_OUT": "True",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "qpu_QRMI_IBM_QCS_ENDPOINT": f"{root}/api/v1",
            "qpu_QRMI_IBM_QCS_IAM_ENDPOINT": root,
            "qpu_QRMI_IBM_QCS_IAM_APIKEY": "lab",
            "qpu_QRMI_IBM_QCS_SERVICE_CRN": exports["QISKIT_IBM_INSTANCE"].strip("'"),
        }
        mine = environment(**{name: value.strip("'") for name, value in exports.items()})
        done = subprocess.run(
            program(at, "print(c.end(c.submit()))"),
            cwd=at,
            env=mine,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == "['Queued', 'Running', 'Completed']\n"
        server.send_signal(signal.SIGINT)
        rest, noted = server.communicate(timeout=60)
        assert (server.returncode, rest) == (0, "")
        assert noted == f"serving on {root}, which a browser shows; Ctrl-C ends the run\nsaved in out\n"
    assert qs.load(at / "out").jobs["job"].to_list() == ["lab.1"]


def test_ctrl_c_ends_the_command_too(at):
    command = program(
        at, "c.ask('GET', '/backends')\nprint('here', flush=True)\nimport time\ntime.sleep(600)"
    )
    everything = [sys.executable, "-m", "qsession_sim", "serve", "empty.json", "--jump", "--", *command]
    with subprocess.Popen(
        everything, cwd=at, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "here\n"
        server.send_signal(signal.SIGINT)
        _, noted = server.communicate(timeout=60)
        assert (server.returncode, noted) == (130, "qsession-sim: interrupted\n")


# -- refusals


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jump", "--speed", "2"], "Invalid value for --speed: is for real time, not for --jump; give one"),
        (["--clients", "2"], "Invalid value for --clients: is for --jump"),
        (["--speed", "0"], "Invalid value for '--speed': '0' is not a number above 0, such as 5"),
        (["--port", "65536"], "Invalid value for '--port': '65536' is not a port, from 0 to 65535"),
        (["--start", "later"], "Invalid value for '--start': 'later' is not one of now"),
        (["--results", "x"], "Invalid value for --results: 'x' is not FILE.py:FUNCTION"),
        (["--qpu-time", "no.py:f"], "Invalid value for --qpu-time: no.py: No such file or directory"),
        (["--account", "labb"], "Invalid value for --account: the scenario has no account 'labb'; did you mean 'lab'?"),
        (["--journal", "no/j"], "Invalid value for --journal: no/j: cannot be written: there is no directory no"),
        (["--journal", "."], "Invalid value for --journal: .: cannot be written: is a directory"),
        (["--", "no such command"], "Invalid value for COMMAND: no such command: cannot be started: No such file or directory"),
        (["--", "env", "IAM_URL=https://iam.cloud.ibm.com", "python"], "Invalid value for COMMAND: IAM_URL is 'https://iam.cloud.ibm.com', so a token could leave this machine; unset it, then start the program"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_a_mistake(at, monkeypatch, capfd, arguments, said):
    (at / "lab.json").write_text('{"accounts": [{"name": "lab"}], "workload": []}', encoding="utf-8")
    monkeypatch.chdir(at)
    assert main(["serve", "lab.json", *arguments]) == 2
    assert capfd.readouterr() == ("", f"qsession-sim serve: {said} (see qsession-sim serve --help)\n")


def test_an_address_of_tokens_elsewhere_is_refused(at, monkeypatch, capfd):
    monkeypatch.chdir(at)
    monkeypatch.setenv("IAM_URL", "https://iam.cloud.ibm.com")
    assert main(["serve", "empty.json", "--", sys.executable, "-c", "print('never')"]) == 2
    printed, noted = capfd.readouterr()
    assert printed == ""
    assert "IAM_URL is 'https://iam.cloud.ibm.com', so a token could leave this machine" in noted


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://localhost:1/x"])
def test_an_address_on_this_machine_is_not_refused(address):
    refuse_leaks(["env", f"QISKIT_IBM_URL={address}"], {"IAM_URL": address})
    with pytest.raises(LauncherError):
        refuse_leaks([], {"GLOBAL_SEARCH_URL": address.replace("http://", "http://x.")})


def test_a_port_that_is_taken_is_a_mistake(at, monkeypatch, capfd):
    monkeypatch.chdir(at)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "empty.json", "--port", str(port)]) == 2
    assert f"Invalid value for --port: {port} cannot be listened to" in capfd.readouterr().err


def test_a_missing_extra_is_a_sentence(at, monkeypatch, capfd):
    monkeypatch.chdir(at)
    monkeypatch.delitem(sys.modules, "qsession_sim.server.app", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "empty.json"]) == 2
    said = "serve needs uvicorn; get it with: pip install 'qsession-sim[serve]'"
    assert (
        capfd.readouterr().err
        == f"qsession-sim serve: Invalid value: {said} (see qsession-sim serve --help)\n"
    )


# -- the application


@pytest.fixture
def served():
    from qsession_sim.server.app import App, Server, listen

    made = serving({"profile": "2026", "workload": []})
    with Server(App(made.world, made.clock), listen(0)) as server:
        yield server


def asked(
    server: Any, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, str, bytes]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers.get("content-type", ""), content


def test_only_this_machine_is_listened_to(served):
    assert served._listening.getsockname()[0] == "127.0.0.1"


def test_requests_as_they_come_over_http(served):
    key = {"Authorization": "apikey lab"}
    assert asked(served, "GET", "/api/v1/jobs")[0] == 401
    assert asked(served, "GET", "/api/v1/jobs", Authorization="Bearer x")[0] == 401
    status, kind, content = asked(served, "GET", "/experimental/backends", **key)
    assert (status, kind, json.loads(content)) == (200, "application/json", {"devices": ["qpu"]})
    _, _, content = asked(served, "GET", "/experimental/backends", IBM_API_Version="2026-04-15", **key)
    assert json.loads(content)["devices"][0]["name"] == "qpu"
    form = b'{"program_id": "sampler", "backend": "qpu", "params": {"pubs": [["", null, 1000]]}, "tags": ["a b"]}'
    assert asked(served, "POST", "/api/v1/jobs", b"{", **key)[0] == 400
    assert asked(served, "POST", "/api/v1/jobs", form, **key)[0] == 200
    assert json.loads(asked(served, "GET", "/api/v1/jobs?tags=a+b", **key)[2])["count"] == 1
    assert asked(served, "PUT", "/api/v1/jobs/lab%2E1/tags", b'{"tags": []}', **key) == (204, "", b"")
    assert (
        asked(served, "POST", "/qsession-sim/wait", b'{"seconds": 2.5}', **key)[2] == b'{"now_us": 2500000}'
    )
    status, kind, _ = asked(served, "GET", "/api/v1/jobs/lab.1/results", **key)
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert json.loads(asked(served, "GET", "/qsession-sim/clock")[2]) == {"now_us": 2_500_000, "mode": "jump"}
    for wrong in (
        b"",
        b"[]",
        b"{}",
        b'{"seconds": -1}',
        b'{"seconds": true}',
        b'{"seconds": "x"}',
        b'{"seconds": NaN}',
    ):
        assert asked(served, "POST", "/qsession-sim/wait", wrong, **key)[0] == 400
    assert [entry["status"] for entry in served.app.journal][:2] == [401, 401]


def test_an_error_of_the_queue_policy_ends_the_run():
    from qsession_sim.server.app import App, Server, listen

    def broken(job: Any) -> tuple[int, ...]:
        raise RuntimeError("no")

    made = serving({"workload": []}, policy=broken)
    form = b'{"program_id": "sampler", "backend": "qpu", "params": {"pubs": [[""]]}}'
    with Server(App(made.world, made.clock), listen(0)) as server:
        asked(server, "POST", "/api/v1/jobs", form, Authorization="apikey lab")
        assert (
            asked(server, "POST", "/qsession-sim/wait", b'{"seconds": 9}', Authorization="apikey lab")[0]
            == 410
        )
    with pytest.raises(PolicyError, match=r"'broken' failed for job 'lab\.1' \(number 0\)"):
        made.finish()


def test_a_client_whose_connections_are_closed_is_gone_after_a_silence(monkeypatch):
    from qsession_sim.server import clocks
    from qsession_sim.server.app import App, Server, listen

    monkeypatch.setattr(clocks, "SILENCE_SECONDS", 0.05)
    said = threading.Event()
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        said.set()

    made = serving({"workload": []}, clients=1, note=note)
    with Server(App(made.world, made.clock), listen(0)) as server:
        asked(server, "GET", "/api/v1/backends", Authorization="apikey lab")
        assert said.wait(30)
    assert notes == ["client 'lab' is gone; the others do not wait for it any more"]
