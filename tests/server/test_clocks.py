"""How time passes for clients that are coroutines here: no sockets, and no waiting.

A job of 1000 shots takes 2.35 s.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from qsession_sim.clients.rest import handle
from qsession_sim.errors import PolicyError
from qsession_sim.server.clocks import OVER, PATIENT_QUESTIONS, Asked, SpeedClock
from qsession_sim.server.serving import Serving, serving, too_fast
from qsession_sim.units import SECOND

PARAMS = {"pubs": [["", None, 1000]]}
JOB = {"program_id": "sampler", "backend": "qpu", "params": PARAMS}
SESSION = {"mode": "dedicated", "backend": "qpu"}
JOB_US = 2_350_000


class Client:
    """A client that asks, and writes down when it was answered."""

    def __init__(self, served: Serving, name: str) -> None:
        self.served, self.name = served, name
        self.log: list[tuple[int, Any]] = []

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        account = self.name.partition("#")[0]
        asked = Asked(self.name, method, path, "")
        status, answer = await self.served.clock.answer(
            asked, lambda: handle(self.served.world, account, method, path, "", body)
        )
        await asyncio.sleep(0)
        return answer if status < 300 else status

    async def run(self, job: dict[str, Any] = JOB) -> list[str]:
        """Submit a job and ask until it has ended; the statuses that were seen."""
        name = (await self.ask("POST", "/jobs", job))["id"]
        seen: list[str] = []
        while not seen or seen[-1] in ("Queued", "Running"):
            answer = await self.ask("GET", f"/jobs/{name}")
            if isinstance(answer, int):
                return [*seen, str(answer)]
            seen.append(answer["status"])
            self.log.append((self.served.clock.now_us(), seen[-1]))
        return seen


def played(served: Serving, *programs: Callable[[Client], Awaitable[Any]]) -> list[Any]:
    """Run programs as clients `lab#1`, `lab#2` ..., each of which leaves at its end; what they return."""

    async def one(number: int, program: Callable[[Client], Awaitable[Any]]) -> Any:
        client = Client(served, f"lab#{number}")
        try:
            return await program(client)
        finally:
            served.clock.leave(client.name)

    async def everything() -> list[Any]:
        return await asyncio.gather(*(one(number, program) for number, program in enumerate(programs, 1)))

    return asyncio.run(asyncio.wait_for(everything(), 60))


def jumping(clients: int = 1, **keys: Any) -> Serving:
    return serving({"profile": "2026", "workload": [], **keys}, clients=clients)


def test_all_statuses_of_a_job_are_seen_and_time_moves_only_while_the_client_waits():
    async def program(client: Client) -> Any:
        await client.run()
        await client.run()
        return client.log

    served = jumping()
    expected = [(0, "Queued"), (0, "Running"), (JOB_US, "Completed")]
    again = [(JOB_US, "Queued"), (JOB_US, "Running"), (2 * JOB_US, "Completed")]
    assert played(served, program) == [expected + again]
    assert served.finish().record.end_us == 2 * JOB_US


def test_a_job_that_has_ended_can_be_asked_for_as_often_as_one_likes():
    async def program(client: Client) -> Any:
        await client.run()
        return [
            (await client.ask("GET", "/jobs/lab.1"))["status"] for _ in range(3)
        ], client.served.clock.now_us()

    assert played(jumping(), program) == [(["Completed"] * 3, JOB_US)]


def test_a_session_that_submits_without_thinking_is_not_deactivated_even_with_an_ittl_of_0():
    """S4: the client acts at the instant at which its job ended, before the clocks of that instant."""

    async def program(client: Client) -> None:
        session = (await client.ask("POST", "/sessions", {**SESSION, "interactive_ttl": 0}))["id"]
        for _ in range(3):
            await client.run({**JOB, "session_id": session})

    served = jumping()
    played(served, program)
    run = served.finish()
    assert run.transitions["to_state"].to_list() == ["open", "active", "inactive"]
    assert run.sessions["usage_us"].to_list() == [3 * JOB_US]


def test_commands_of_one_instant_come_by_the_names_of_clients_and_one_client_runs_at_a_time():
    """Each submits at once; the job of the first client goes first, whoever was quicker."""
    order: list[str] = []

    async def program(client: Client) -> list[tuple[int, Any]]:
        if client.name == "lab#1":
            for _ in range(20):
                await asyncio.sleep(0)
        await client.run()
        order.append(client.name)
        return client.log

    one, two = played(jumping(2), program, program)
    assert one == [(0, "Queued"), (0, "Running"), (JOB_US, "Completed")]
    assert two == [(0, "Queued"), (JOB_US, "Running"), (2 * JOB_US, "Completed")]
    assert order == ["lab#1", "lab#2"]


def test_a_wait_lets_time_pass_with_and_without_events():
    """The ITTL of 60 s is over in the middle of the second wait."""

    async def program(client: Client) -> list[Any]:
        session = (await client.ask("POST", "/sessions", SESSION))["id"]
        await client.run({**JOB, "session_id": session})
        states = []
        for seconds in (30, 60, 0):
            answer = await client.served.clock.wait(client.name, seconds * SECOND)
            states.append((answer[1]["now_us"], (await client.ask("GET", f"/sessions/{session}"))["state"]))
        return states

    served = jumping()
    assert played(served, program) == [
        [(32_350_000, "active"), (92_350_000, "inactive"), (92_350_000, "inactive")]
    ]
    assert (
        served.finish().record.end_us == 62_350_000
    )  # S6: it held the QPU until then; a question moves no end


def test_a_client_that_leaves_is_not_waited_for_and_what_it_held_is_over():
    async def leaves(client: Client) -> None:
        await client.ask("POST", "/jobs", JOB)

    async def stays(client: Client) -> list[str]:
        return await client.run()

    assert played(jumping(2), leaves, stays)[1] == ["Queued", "Running", "Completed"]

    async def killed_while_it_waits() -> list[Any]:
        served = jumping(2)
        one, two = Client(served, "lab#1"), Client(served, "lab#2")
        waiting = asyncio.ensure_future(one.run())
        await asyncio.sleep(0.01)
        served.clock.leave("lab#1")
        return [await two.run(), await _ended(waiting)]

    async def _ended(waiting: asyncio.Future[Any]) -> str:
        with pytest.raises(TypeError):  # the answer to its submission was 410
            await waiting
        return "over"

    assert asyncio.run(killed_while_it_waits()) == [["Queued", "Running", "Completed"], "over"]


def test_who_never_came_and_who_came_in_addition_is_said():
    notes: list[str] = []
    served = serving({"workload": []}, clients=2, note=notes.append)
    assert served.clock.missing == 2

    async def program() -> None:
        await Client(served, "lab#1").ask("GET", "/backends")
        assert served.clock.missing == 1
        served.clock.leave("lab#2")
        assert served.clock.missing == 0
        await Client(served, "lab#3").ask("GET", "/backends")

    asyncio.run(program())
    assert notes == [
        "client 'lab#2' ended without having asked anything",
        "client 'lab#3' came in addition to those of --clients; runs may differ",
    ]


def test_at_the_horizon_who_waits_is_told_that_the_run_is_over():
    async def program(client: Client) -> Any:
        return await client.run(), await client.ask("POST", "/jobs", JOB)

    served = jumping(horizon="2s")
    assert played(served, program) == [(["Queued", "Running", "410"], 410)]
    run = served.finish()
    assert (run.record.end_us, run.jobs["status"].to_list()) == (2 * SECOND, ["RUNNING"])


def test_when_nothing_will_ever_happen_who_waits_is_told():
    """A maintenance without an end in sight is not to be had; a session that is closed stays so."""
    notes: list[str] = []

    async def program(client: Client) -> Any:
        session = (await client.ask("POST", "/sessions", SESSION))["id"]
        await client.ask("DELETE", f"/sessions/{session}/close")
        return [await client.ask("GET", f"/sessions/{session}") for _ in range(PATIENT_QUESTIONS + 1)][-1]

    served = serving({"workload": []}, note=notes.append)
    assert played(served, program) == [410]
    assert notes == ["nothing will happen any more, and all clients wait"]


def test_a_question_that_is_asked_again_and_again_waits_for_another_answer():
    """A session without jobs is closed after 30 minutes; its client asks for nothing but its state."""

    async def program(client: Client) -> Any:
        session = (await client.ask("POST", "/sessions", SESSION))["id"]
        count = 0
        while (await client.ask("GET", f"/sessions/{session}"))["state"] != "closed":
            count += 1
        return count, client.served.clock.now_us()

    assert played(jumping(), program) == [(PATIENT_QUESTIONS, 1800 * SECOND)]


def test_threads_of_one_client_wait_together():
    async def program(client: Client) -> Any:
        return await asyncio.gather(client.run(), client.run())

    ((one, two),) = played(jumping(), program)
    assert (one, two) == (["Queued", "Running", "Completed"], ["Queued", "Running", "Completed"])


def test_an_error_of_the_run_ends_the_waiting_of_all():
    def broken(job: Any) -> tuple[int, ...]:
        raise RuntimeError("no")

    served = serving({"workload": []}, policy=broken)
    error = PolicyError("x")

    async def program(client: Client) -> Any:
        waiting = asyncio.ensure_future(client.served.clock.wait(client.name, SECOND))
        await asyncio.sleep(0)
        client.served.clock.failed(error)
        return await waiting

    assert played(served, program) == [OVER]
    with pytest.raises(PolicyError) as raised:
        served.finish()
    assert raised.value is error


def test_real_time_times_a_factor():
    """At 10 times real time, 0.24 real seconds are more than the 2.35 s of the job."""
    real = [100.0]
    served = serving({"profile": "2026", "workload": []}, speed=1)
    clock = SpeedClock(served.world.live, None, speed=10, seconds=lambda: real[0])
    served.world._clock = clock.now_us
    served.clock = clock
    client = Client(served, "lab")

    async def states() -> list[str]:
        job = (await client.ask("POST", "/jobs", JOB))["id"]
        seen = []
        for second in (100.0, 100.2, 100.24, 110.0):
            real[0] = second
            seen.append((await client.ask("GET", f"/jobs/{job}"))["status"])
        return seen

    assert asyncio.run(states()) == ["Queued", "Running", "Completed", "Completed"]
    assert clock.now_us() == 100 * SECOND
    assert served.finish().record.end_us == JOB_US


def test_real_time_stops_at_the_horizon():
    real = [0.0]
    served = serving({"workload": [], "horizon": "2s"}, speed=1)
    clock = SpeedClock(served.world.live, 2 * SECOND, speed=1, seconds=lambda: real[0])
    served.world._clock, served.clock = clock.now_us, clock
    client = Client(served, "lab")

    async def states() -> list[Any]:
        job = (await client.ask("POST", "/jobs", JOB))["id"]
        real[0] = 5.0
        return [(await client.ask("GET", f"/jobs/{job}"))["status"], await client.ask("POST", "/jobs", JOB)]

    assert asyncio.run(states()) == ["Running", 410]
    assert served.finish().record.end_us == 2 * SECOND


def test_the_rest_of_the_run_passes_when_the_clients_are_gone():
    jobs = [{"id": "late", "at": "1h", "account": "b", "qpu_time": "10s"}]
    served = jumping(workload=[{"kind": "explicit", "jobs": jobs}])
    played(served, lambda client: client.run())
    assert served.finish().record.end_us == 3610 * SECOND


@pytest.mark.parametrize(("speed", "warned"), [(12.0, False), (12.1, True), (60.0, True)])
def test_a_warning_where_the_delays_of_a_client_are_not_small(speed, warned):
    """50 ms times 12 are 0.6 s, which is 1 % of 60 s."""
    served = serving({"profile": "2026", "workload": []})
    warning = too_fast(served.scenario, speed)
    assert (warning is not None) == warned
    if speed == 60:
        assert warning == (
            "at 60 times real time a request of 50 ms takes 3 s of simulated time, against an interactive "
            "timeout of 60 s; sessions may end because the client is slow (--jump has no such effect)"
        )


def test_the_provenance_says_how_time_passed():
    assert serving({"workload": []}).finish().provenance["clock"] == "jump"
    assert json.loads(json.dumps(serving({"workload": []}, speed=2).finish().provenance))["clock"] == "speed"
