"""Who watches a served run in a browser: the page at `/`, and the events that it is sent."""

from __future__ import annotations

import http.client
import json
import re
import time
import zlib
from base64 import b64decode
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from report.browser import CHROMIUM, browser

import qsession_sim as qs
from qsession_sim.report.embedded import embedded
from qsession_sim.report.run_page import about_sessions
from qsession_sim.report.timeline import timeline_of
from qsession_sim.server.serving import Serving, serving

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")
pytest.importorskip("uvicorn", reason="pip install 'qsession-sim[serve]'")

TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts")
KEY = {"Authorization": "apikey lab"}
SCENARIO = {
    "title": "Two </script> jobs",
    "profile": "2026",
    "workload": [
        {
            "kind": "explicit",
            "sessions": [{"id": "s", "account": "people", "interactive_timeout": "4s"}],
            "jobs": [
                {"id": "j1", "session": "s", "at": "1s", "qpu_time": "2s"},
                {"id": "j2", "account": "people", "at": "2s", "qpu_time": "3s"},
                {"id": "j3", "account": "people", "at": "50s", "qpu_time": "3s"},
            ],
        }
    ],
}


@contextmanager
def served(source: Any, **options: Any):
    """The server, and what it serves."""
    from qsession_sim.server.app import App, Server, listen

    made: Serving = serving(source, **options)
    with Server(App(made.world, made.clock), listen(0)) as server:
        yield server, made


def asked(server: Any, method: str, path: str, body: bytes | None = None, **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, content


@contextmanager
def watching(server: Any):
    """What reads the next event of the page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/qsession-sim/live")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")

    def read() -> dict[str, Any]:
        line = answer.readline().decode()
        assert line.startswith("data: "), line
        assert answer.readline() == b"\n"
        return json.loads(line.removeprefix("data: "))

    yield read
    connection.close()


def wait(server: Any, seconds: float) -> int:
    body = json.dumps({"seconds": seconds}).encode()
    return asked(server, "POST", "/qsession-sim/wait", body, **KEY)[0]


def names(event: dict[str, Any]) -> dict[str, Any]:
    return json.loads(zlib.decompress(b64decode(event["names"]), wbits=-15))


def test_a_browser_gets_a_page_that_asks_nobody_else():
    with served(SCENARIO) as (server, _):
        status, headers, page = asked(server, "GET", "/")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    (written,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert headers["content-security-policy"] == f"{written}; frame-ancestors 'none'".replace("&#x27;", "'")
    assert written.split("; ")[0] == "default-src 'none'"
    assert "connect-src 'self'" in written
    assert "unsafe" not in written
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("</script>") == 1
    assert "Two &lt;/script&gt; jobs" in page
    assert len(page.encode()) < 40_000


def test_clients_and_foreign_names_get_what_they_always_got():
    """A token makes a client; another name for this machine may be that of a page of others."""
    with served(SCENARIO) as (server, _):
        for path in ("/", "/qsession-sim/live"):
            status, headers, _ = asked(server, "GET", path, **KEY)
            assert (status, headers["content-type"]) == (404, "application/json")
            assert asked(server, "GET", path, Host=f"evil.example:{server.port}")[0] == 401
            assert asked(server, "POST", path)[0] == 401
        assert asked(server, "GET", "/", Host=f"localhost:{server.port}")[0] == 200
        assert {entry["path"] for entry in server.app.journal} == {"/", "/qsession-sim/live"}
        assert {entry["status"] for entry in server.app.journal} == {401, 404}


def test_events_show_the_run_up_to_now():
    """j1 of s runs from 1 to 3 s, and s holds the QPU to 7 s, when j2 starts. At 8 s j2 is on the QPU; at 8 s a
    simulation with that horizon is the same."""
    with served(SCENARIO) as (server, _), watching(server) as read:
        assert read() == {
            "text": "Simulated 0 s: 0 jobs submitted, 0 wait for the QPU; 0 sessions open.",
            "over": False,
        }
        assert wait(server, 5) == 200
        event = read()
        assert event["text"] == "Simulated 5 s: 2 jobs submitted, 1 waits for the QPU; 1 session open."
        assert wait(server, 3) == 200
        event = read()
    assert event["text"] == "Simulated 8 s: 2 jobs submitted, 0 wait for the QPU; 1 session open."
    assert (names(event)["end"], [name for name, _ in names(event)["sessions"]]) == (8_000_000, ["s"])
    run = qs.simulate(SCENARIO, overrides=["horizon=8s"])
    same = embedded(timeline_of(run, 8_000_000), about_sessions(run))
    assert {name: event[name] for name in same} == same


def test_nothing_is_sent_while_nothing_changes():
    with served(SCENARIO) as (server, made), watching(server) as read:
        read()
        fresh = server.app.watched._fresh
        before = fresh()
        time.sleep(1.2)
        assert fresh() == before
        assert wait(server, 2) == 200
        assert read()["text"].startswith("Simulated 2 s")
        assert made.clock.now_us() == 2_000_000


def run_of(scenario: Any, watched: bool) -> qs.Run:
    """A client that goes on after the time at which the run would have ended without it."""
    with served(scenario) as (server, made):
        form = b'{"program_id": "sampler", "backend": "qpu", "params": {"pubs": [["", null, 1000]]}}'
        session = json.dumps({"mode": "dedicated", "backend": "qpu"}).encode()
        _, _, answer = asked(server, "POST", "/api/v1/sessions", session, **KEY)
        of_session = form[:-1] + f', "session_id": "{json.loads(answer)["id"]}"}}'.encode()
        for seconds in (1, 30, 90, 400, 3):
            if watched:
                with watching(server) as read:
                    read()
            wait(server, seconds)
            asked(server, "POST", "/api/v1/jobs", of_session, **KEY)
        if watched:
            server.app.watched._present()
        journal = list(server.app.journal)
    run = made.finish()
    run.journal = journal
    return run


@pytest.mark.parametrize("scenario", [SCENARIO, {"profile": "2026", "workload": []}])
def test_watching_changes_nothing(scenario):
    alone, watched = run_of(scenario, watched=False), run_of(scenario, watched=True)
    for table in TABLES:
        assert getattr(alone, table).equals(getattr(watched, table)), table
    assert alone.record.end_us == watched.record.end_us
    assert alone.journal == watched.journal
    qs.testing.check_invariants(watched)


def test_in_real_time_the_run_goes_on_while_nobody_asks_for_anything_else():
    """At 100 times real time the second event comes 100 s later, or more; j3 has ended at 53 s."""
    with served(SCENARIO, speed=100.0) as (server, made):
        with watching(server) as read:
            read()
            event = read()
        assert event["text"].endswith("3 jobs submitted, 0 wait for the QPU; 1 session open.")
        assert names(event)["end"] * names(event)["unit"] >= 100_000_000
    assert made.finish().jobs["completed_us"].to_list()[2] == 53_000_000


def test_a_look_long_after_the_end_of_a_run_does_not_prolong_it():
    """S6: after j3 the run would have ended at 53 s; the max_time of s ends it after 8 h."""
    from qsession_sim.server.app import App

    made = serving(SCENARIO, speed=1.0)
    made.clock._seconds = lambda: made.clock._start + 9 * 3600
    event = App(made.world, made.clock).watched._present()
    assert event["text"] == "Simulated 9h: 3 jobs submitted, 0 wait for the QPU; 0 sessions open."
    run, alone = made.finish(), qs.simulate(SCENARIO)
    assert run.record.end_us == 53_000_000
    for table in TABLES:
        assert getattr(run, table).equals(getattr(alone, table)), table


def test_the_last_event_says_that_the_run_is_over():
    scenario = {**SCENARIO, "horizon": "5s"}
    with served(scenario, speed=100.0) as (server, made):
        with watching(server) as read:
            events = [read()]
            while not events[-1]["over"]:
                events.append(read())
        assert events[-1]["text"] == (
            "The run is over after 5 s: 2 jobs submitted, 1 waits for the QPU; 1 session open."
        )
    assert made.finish().record.end_us == 5_000_000


def test_a_server_ends_at_once_though_somebody_watches(capfd):
    with ExitStack() as stack:
        with served(SCENARIO) as (server, _):
            stack.enter_context(watching(server))()
            begun = time.monotonic()
        assert time.monotonic() - begun < 0.9  # nobody waits for whoever watches
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_a_browser_draws_what_comes():
    with served(SCENARIO) as (server, _), browser() as page:
        wait(server, 4)
        page.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
        until(page, "!!window.shown")
        assert page.run("document.querySelector('.status').textContent").startswith("Simulated 4 s: 2 jobs")
        assert page.run("shown.window()[1]") == 4_000_000
        assert not page.run("document.querySelector('.timeline').hidden")
        page.run("shown.view(1e6, 2e6)")
        wait(server, 4)
        until(page, "document.querySelector('.status').textContent.startsWith('Simulated 8 s')")
        time.sleep(0.3)
        assert page.run("shown.window().slice(0, 2).join()") == "1000000,2000000"
        assert {url.partition("/")[2] for url in page.requests} <= {
            f"/127.0.0.1:{server.port}/",
            f"/127.0.0.1:{server.port}/qsession-sim/live",
            f"/127.0.0.1:{server.port}/favicon.ico",
        }
        assert page.messages == []


def until(page: Any, condition: str) -> None:
    for _ in range(100):
        if page.run(condition):
            return
        time.sleep(0.1)
    raise AssertionError(condition)
