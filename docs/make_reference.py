"""Write the tables in `reference`: keys of scenarios, commands, metrics and the Python API.

With `--check` nothing is written, and the exit status is 1 if a page is stale.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import marked

import qsession_sim as qs
from qsession_sim.cli.main import main as run_command
from qsession_sim.experiment.metrics import ALIASES, metric_bounds, metric_unit
from qsession_sim.scenario.keys import Key, KeyGroup, key_groups

FOLDER: Final = Path(__file__).parent / "reference"
BEGIN: Final = "<!-- begin: written by make_reference.py -->"
END: Final = "<!-- end: written by make_reference.py -->"


# -- The keys of scenarios.


def keys_page() -> Iterator[str]:
    """A table for each mapping."""
    for group in key_groups():
        if group.path == "distribution.constant":
            yield "## Distributions\n\nOf durations or of counts, wherever *a distribution* may be.\n"
        top = "." not in group.path
        yield f"{'##' if top else '###'} {_heading(group)}\n"
        if group.path:
            yield f"{_prose(group.description)}\n"
        yield "| key | meaning | takes | default |\n|---|---|---|---|"
        yield from (_row(key) for key in group.keys)
        yield ""


def _heading(group: KeyGroup) -> str:
    return f"Keys of `{group.path}`" if group.path else "Keys of a scenario"


def _row(key: Key) -> str:
    name = f'<a id="{key.anchor}"></a>`{key.name}`'
    default = "(required)" if key.required else "" if key.default is None else f"`{key.default}`"
    return f"| {name} | {_prose(key.description)} | {_taken(key)} | {default} |"


def _taken(key: Key) -> str:
    links = [
        f"[`{path}`](#{slug(f'Keys of {path}')})"
        for path in key.inside
        if not path.startswith("distribution.")
    ]
    words = key.takes.replace("a distribution", "a [distribution](#distributions)")
    return f"{words}: {', '.join(links)}" if links else words


def _prose(text: str) -> str:
    """As Markdown, with rules as links."""
    escaped = text.replace("<", "&lt;").replace("|", "\\|").replace("*", "\\*")
    return re.sub(r"\bS(\d+)\b", r"[S\1](../semantics.md#s\1)", escaped)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


# -- Commands.


def commands_page() -> Iterator[str]:
    """The help of every command."""
    yield from _help_of(())


def _help_of(command: tuple[str, ...]) -> Iterator[str]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run_command([*command, "--help"])
    text = printed.getvalue()
    yield f"## {' '.join(('qsession-sim', *command))}\n\n```text\n{text.strip()}\n```\n"
    for name in re.findall(r"^  ([\w-]+)", text.partition("Commands:\n")[2], re.MULTILINE):
        yield from _help_of((*command, name))


# -- Metrics.

DISTRIBUTION: Final = re.compile(r"(?:mean|p50|p90|p95|p99|max)_(?!queue_length)(\w+)")

MEANINGS: Final = {
    "waiting": "from a job's submission to its start on the QPU; jobs that started",
    "share_waiting_job_mode": "of all waiting of jobs, the part in which their QPU ran jobs in job mode",
    "share_waiting_session": "the part in which it ran jobs of sessions",
    "share_waiting_batch": "the part in which it ran jobs of batches",
    "share_waiting_held": "the part in which it was held by an idle session",
    "share_waiting_preparing": "the part in which it was free and the job still prepared (S40)",
    "share_waiting_down": "the part in which it was down (S52)",
    "share_waiting_reserved": "the part in which it was reserved for another account (S52)",
    "share_waiting_free": "the part in which it was free: always 0 (S74)",
    "turnaround": "from a job's submission to its end, in whatever way; accepted jobs that ended",
    "slowdown": "turnaround by QPU time used; jobs that left the QPU",
    "bounded_slowdown": "the same, where jobs shorter than 10 s count as 10 s long",
    "reneged": "from submission to leaving; jobs that lost their patience (S27)",
    "done": "jobs that completed",
    "error": "jobs that failed",
    "cancelled": "jobs that were cancelled",
    "rejected": "submissions that were refused (S20)",
    "reneged (count)": "jobs that lost their patience (S27)",
    "reneged_share": "these by themselves and the jobs that started",
    "makespan": "from a session's creation until its last job left the QPU",
    "usage": "what a session is charged for (S62)",
    "activations": "how often a session became active",
    "others_waited_held": "what other jobs waited, together, while a session held its idle QPU",
    "held_share": "of the time in which the QPU was the sessions', the part in which nothing ran",
    "utilization": "the part of the time in which the QPU was busy; of several the mean",
    "throughput_per_hour": "jobs that left the QPU in an hour; of several QPUs the sum",
    "mean_queue_length": "queued jobs, over time; of several QPUs the mean",
    "max_queue_length": "the most jobs queued at once; of several QPUs the mean",
}
"""What each family of names measures."""


def metrics_page() -> Iterator[str]:
    """A row for each family of short names."""
    yield "| names | what is measured | unit | between |\n|---|---|---|---|"
    rows: dict[str, list[str]] = {}
    for name in ALIASES:
        if "." not in name:
            found = DISTRIBUTION.fullmatch(name)
            family = found[1] if found else "reneged (count)" if name == "reneged" else name
            rows.setdefault(family, []).append(name)
    for family, names in rows.items():
        shown = f"`{names[0]}`, `p50_`, `p90_`, `p95_`, `p99_`, `max_`" if len(names) > 1 else f"`{names[0]}`"
        low, high = metric_bounds(names[0])
        between = f"{low:g} and {high:g}" if high < float("inf") else f"from {low:g}"
        if family not in MEANINGS:
            raise LookupError(f"say in MEANINGS what {family} measures")
        yield f"| {shown} | {_prose(MEANINGS[family])} | {metric_unit(names[0])} | {between} |"
    yield ""


# -- Python.

GROUPS: Final = {
    "Simulate": ("simulate", "Run", "SavedRun", "load", "Progress", "file_limits"),
    "Studies": (
        "replicate",
        "compare",
        "sweep",
        "tune",
        "externality",
        "Configuration",
        "Study",
        "SavedStudy",
        "Tuning",
        "Externality",
        "SavedTuning",
        "processes",
        "dask",
    ),
    "Scenarios and workloads": (
        "load_scenario",
        "Scenario",
        "draw",
        "Workload",
        "describe_workload",
        "write_workload",
        "parse_duration",
        "format_duration",
    ),
    "Programs and policies": ("program", "Service", "Mode", "policy", "JobView", "ServiceView"),
    "Errors": (
        "QSessionError",
        "ScenarioError",
        "DurationError",
        "PolicyError",
        "EngineError",
        "ProgramError",
        "StudyError",
        "FigureError",
        "TaskError",
        "BundleError",
        "WorkloadFileError",
        "InvariantError",
        "IllegalTransitionError",
        "SchedulerUsageError",
    ),
}
"""Every public name, by what it is for."""

MODULES: Final = {
    "build": "scenarios in Python, a function for each mapping; see [scenarios](../scenario.md)",
    "testing": "invariants, strategies and checks of policies; see [testing](../testing.md)",
}


def python_page() -> Iterator[str]:
    """A table for each group of public names."""
    for title, names in GROUPS.items():
        yield f"## {title}\n\n| name | |\n|---|---|"
        for name in names:
            summary = " ".join((inspect.getdoc(getattr(qs, name)) or "").partition("\n\n")[0].split())
            yield f"| `{name}` | {_prose(summary)} |"
        yield ""
    yield "## Modules\n\n| name | |\n|---|---|"
    yield from (f"| `{name}` | {text} |" for name, text in MODULES.items())
    yield ""


def api_page() -> Iterator[str]:
    """A directive for each public name, for Sphinx."""
    for title, names in GROUPS.items():
        yield f"{title}\n{'-' * len(title)}\n"
        for name in names:
            yield from _directive(name, getattr(qs, name))


def _directive(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value) and issubclass(value, Exception):
        yield f".. autoexception:: {name}\n   :show-inheritance:\n"
    elif inspect.isclass(value):
        yield f".. autoclass:: {name}\n   :members:\n"
    else:
        yield f".. autofunction:: {name}\n"


PAGES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "keys.md": keys_page,
    "commands.md": commands_page,
    "metrics.md": metrics_page,
    "python.md": python_page,
    "api.rst": api_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; returns the exit status."""
    stale = 0
    for name, written in PAGES.items():
        path = FOLDER / name
        text = path.read_text(encoding="utf-8")
        comments = (f".. {word}: written by make_reference.py" for word in ("begin", "end"))
        begin, end = comments if path.suffix == ".rst" else (BEGIN, END)
        fresh = marked.renew(text, begin, end, "\n".join(written()).strip())
        stale += fresh != text
        if arguments != ["--check"]:
            path.write_text(fresh, encoding="utf-8", newline="\n")
        elif fresh != text:
            print(f"{name} is stale; run {Path(__file__).name}", file=sys.stderr)
    return int(arguments == ["--check"] and stale > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
