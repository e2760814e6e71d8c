"""`qsession-sim serve`: a scenario over HTTP, for ordinary client libraries."""

from __future__ import annotations

import json
import shlex
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qsession_sim.cli.interrupts import saving
from qsession_sim.cli.options import (
    Hold,
    Output,
    Policy,
    Routing,
    ScenarioFile,
    Seed,
    Settings,
    at_least,
    load,
    one_of,
    usable_place,
)
from qsession_sim.cli.terminal import note, note_memory, note_warnings, say

if TYPE_CHECKING:
    from qsession_sim.server.app import App, Server
    from qsession_sim.server.serving import Serving

_DEFAULT_ACCOUNT: Final = "client"
_LATE_SECONDS: Final = 10.0


def _read_speed(text: str | float) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1e6:
        raise typer.BadParameter(f"{text!r} is not a number above 0, such as 5")
    return speed


def _read_port(text: str | int) -> int:
    port = at_least(0)(text)
    if port > 65_535:
        raise typer.BadParameter(f"{text!r} is not a port, from 0 to 65535")
    return port


def serve(
    scenario: ScenarioFile,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="A program to start as a client, after --."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", metavar="N", parser=_read_port, help="Listen there; 0: any free port.")
    ] = 0,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed", metavar="X", parser=_read_speed, help="Time is real time times X; by default X is 1."
        ),
    ] = None,
    jump: Annotated[
        bool, typer.Option("--jump", help="Time stands still, and jumps on when all clients wait.")
    ] = False,
    clients: Annotated[
        int | None,
        typer.Option("--clients", metavar="N", parser=at_least(1), help="With --jump: how many take part."),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account", metavar="NAME", help="The account of the clients; its name is the API key."
        ),
    ] = None,
    results: Annotated[
        str,
        typer.Option(
            "--results",
            metavar="HOW",
            help="What jobs give: stub (zeros), statevector, aer, or FILE.py:FUNCTION.",
        ),
    ] = "stub",
    qpu_time: Annotated[
        str | None,
        typer.Option(
            "--qpu-time",
            metavar="FILE.py:FUNCTION",
            help="A function of a program and its params that gives the QPU time in microseconds.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="now", parser=one_of(("now",)), help="Time 0 is the present."),
    ] = None,
    qrmi: Annotated[bool, typer.Option("--qrmi", help="Print or set the variables of QRMI, too.")] = False,
    output: Output = None,
    journal: Annotated[
        str | None,
        typer.Option("--journal", metavar="FILE", help="Write a line of JSON for each request to FILE."),
    ] = None,
    seed: Seed = None,
    settings: Settings = None,
    policy: Policy = None,
    hold: Hold = None,
    routing: Routing = None,
) -> None:
    """Serve a scenario to ordinary client programs, over HTTP on this machine.

    With a command, it is started as a client, and the run ends with it; without, the variables to export are
    printed, and Ctrl-C ends the run.
    """
    if jump and speed is not None:
        raise typer.BadParameter("is for real time, not for --jump; give one", param_hint="--speed")
    if clients is not None and not jump:
        raise typer.BadParameter("is for --jump", param_hint="--clients")
    if output is not None:
        from qsession_sim.results.bundle import check_target

        with usable_place("-o"):
            check_target(output)
    if journal is not None:
        from qsession_sim.workload.formats import check_new_file

        with usable_place("--journal"):
            check_new_file(Path(journal), overwrite=True)
    overrides = settings or []
    if start is not None:
        overrides = [*overrides, f"start={datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"]
    from qsession_sim.server.serving import serving, too_fast

    served = serving(
        load(scenario, overrides, seed, policy),
        speed=None if jump else speed or 1.0,
        clients=clients or 1,
        compute=_compute(results),
        qpu_time=None if qpu_time is None else _function("--qpu-time", qpu_time),
        note=note,
        policy=policy,
        hold=hold,
        routing=routing,
    )
    note_warnings(served.scenario)
    note_memory(served.scenario)
    if not jump and (warning := too_fast(served.scenario, speed or 1.0)) is not None:
        note(f"warning: {warning}")
    status = _served(served, command or [], port, _keys(served, account, clients or 1), qrmi, journal)
    run = served.finish()
    if output is not None:
        with saving() as saved:
            saved.keep(run.save, output)
            if saved.failure is None:
                note(f"saved in {output}")
    if status:
        raise typer.Exit(status)


def _compute(how: str) -> Any:
    """What gives results."""
    from qsession_sim.clients.world import COMPUTES, compute_of
    from qsession_sim.errors import SchedulerUsageError

    if how not in COMPUTES:
        return _function("--results", how)
    try:
        return compute_of(how)
    except SchedulerUsageError as error:
        raise typer.BadParameter(str(error), param_hint="--results") from None


def _function(hint: str, spelling: str) -> Any:
    """A function of the user's, by `FILE.py:FUNCTION`."""
    from qsession_sim.errors import PolicyError
    from qsession_sim.policies.user import load_function

    file, _, name = spelling.rpartition(":")
    if not file.endswith(".py") or not name:
        raise typer.BadParameter(f"{spelling!r} is not FILE.py:FUNCTION", param_hint=hint)
    try:
        return load_function(Path(file), name)
    except PolicyError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None


def _keys(served: Serving, account: str | None, clients: int) -> list[str]:
    """The API key of each client."""
    accounts = [one.name for one in served.scenario.resolved.accounts or ()]
    name = account or (accounts[0] if accounts else _DEFAULT_ACCOUNT)
    if not served.world.exists(name):
        from qsession_sim.errors import hint

        raise typer.BadParameter(
            f"the scenario has no account {name!r}; {hint(name, accounts)}", param_hint="--account"
        )
    return [name] if clients == 1 else [f"{name}#{number + 1}" for number in range(clients)]


def _served(
    served: Serving, command: list[str], port: int, keys: list[str], qrmi: bool, journal: str | None
) -> int:
    """Serve until the command, or the user, ends it; the exit status of the command."""
    try:
        from qsession_sim.server.app import App, Server, listen
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "h11"):
            raise
        raise typer.BadParameter(
            f"serve needs {error.name}; get it with: pip install 'qsession-sim[serve]'"
        ) from None
    from qsession_sim.server.launcher import LauncherError, Programs, refuse_leaks

    try:
        listening = listen(port)
    except OSError as error:
        raise typer.BadParameter(
            f"{port} cannot be listened to: {error.strerror}", param_hint="--port"
        ) from None
    app = App(served.world, served.clock)
    late = threading.Timer(_LATE_SECONDS, _note_missing, (served, len(keys)))
    late.daemon = True
    late.start()
    with Server(app, listening) as server:
        environments = [_variables(served, server, key, qrmi) for key in keys]
        if not command:
            _wait_for_the_user(server, environments)
            status = 0
        else:
            try:
                import os

                refuse_leaks(command, os.environ)
                programs = Programs(
                    command, environments, lambda number: server.call(served.clock.leave, keys[number])
                )
            except LauncherError as error:
                raise typer.BadParameter(str(error), param_hint="COMMAND") from None
            try:
                status = max(programs.wait())
            finally:
                programs.stop()
            if status:
                note(f"the command ended with status {status}")
    late.cancel()
    _write_journal(app, journal)
    return status


def _note_missing(served: Serving, clients: int) -> None:
    missing = served.clock.missing
    if missing:
        note(f"{missing} of {clients} clients have not come; time stands still until they do")


def _variables(served: Serving, server: Server, key: str, qrmi: bool) -> dict[str, str]:
    from qsession_sim.server.launcher import client_variables, qrmi_variables

    variables = client_variables(server.port, key)
    return variables | (qrmi_variables(server.port, key, [*served.world.qpus]) if qrmi else {})


def _wait_for_the_user(server: Server, environments: list[dict[str, str]]) -> None:
    """Print what makes programs clients, and wait for Ctrl-C."""
    for number, variables in enumerate(environments):
        if len(environments) > 1:
            say(f"# client {number + 1}")
        for name, value in variables.items():
            say(f"export {name}={shlex.quote(value)}")
    note(f"serving on http://127.0.0.1:{server.port}, which a browser shows; Ctrl-C ends the run")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _write_journal(app: App, path: str | None) -> None:
    if path is not None:
        from qsession_sim.workload.formats import new_file

        with new_file(Path(path)) as partial:
            partial.write_text("".join(json.dumps(entry) + "\n" for entry in app.journal), "utf-8")
