"""Every member of an enumeration is in every place that must know it.

Places are compared with each other, and members are tried out: the schema that the program prints, the words of the
scheduler, what it takes to simulate and to check a run, the examples of the testing strategies and of the naive model,
what commands print, and the tables of the documentation.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import polars as pl
import pytest
from golden import make_golden as golden
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample
from model.whole_service import whole_workloads
from published_schema import MODELS, kinds, words, words_of

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.policies.registry import hold_policy, routing_policy
from qsession_sim.scheduler.vocabulary import (
    JobStatus,
    Mode,
    OnError,
    OnFinish,
    OnRejection,
    Reason,
    SessionState,
    WindowKind,
)
from qsession_sim.testing import check_invariants

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("scenario", "semantics", "results", "traces", "policies")
}
REASONS = [reason.name for reason in Reason if reason is not Reason.NONE]


def in_lower_case(enumeration):
    return {member.name.lower() for member in enumeration}


def first_cells(page, before):
    """The words in the first column of the first table after a text."""
    rows = PAGES[page].partition(before)[2].partition("\n|---")[2].partition("\n\n")[0].splitlines()[1:]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def row(page, key):
    """The words in the row of a key."""
    (line,) = re.findall(rf"^\| `{key}` \|.*$", PAGES[page], re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", line)) - {key}


def run_of(scenario, **more):
    """A run that obeys all rules."""
    run = qs.simulate(scenario, **more)
    check_invariants(run)
    return run


def explicit(*jobs, sessions=(), **scenario):
    given = [{"id": f"j{number}", "qpu_time": "5s", **job} for number, job in enumerate(jobs, start=1)]
    source = {"kind": "explicit", "sessions": list(sessions), "jobs": given}
    return {**scenario, "workload": [source]}


# words of scenarios: the schema, the scheduler, the documentation

SAME_WORDS = {
    "Window.kind": WindowKind,
    "Iterative.mode": Mode,
    "Iterative.on_finish": OnFinish,
    "Iterative.on_error": OnError,
    "Iterative.on_rejection": OnRejection,
}


@pytest.mark.parametrize("name", SAME_WORDS)
def test_the_scheduler_knows_the_words_of_scenarios(name):
    assert set(words(name)) == in_lower_case(SAME_WORDS[name])


TABLES = {
    "Window.kind": [("scenario", "### `windows`"), ("semantics", "**S52.")],
    "ServiceTime.model": [("scenario", "### `service_time`")],
    "qsession-sim scenario.profile": [("scenario", "| profile |")],
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_documentation_have_all_words(name):
    for page, before in TABLES[name]:
        assert sorted(first_cells(page, before)) == sorted(words(name)), page


def test_the_table_of_distributions_has_all():
    assert first_cells("scenario", "**Distributions**") == kinds("Iterative.iterations")
    assert kinds("Iterative.think_time") == kinds("Iterative.iterations")
    assert kinds("Users.activity") == [*kinds("Iterative.iterations"), "zipf"]


def test_every_word_of_a_scenario_is_in_the_reference():
    text = PAGES["scenario"] + PAGES["traces"]
    known = {word for model in MODELS for schema in model["properties"].values() for word in words_of(schema)}
    assert (
        sorted(word for word in known if not re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`|: {word}\b", text)) == []
    )


# windows

WINDOWS = {
    "maintenance": {"at": "2s", "duration": "9s"},
    "calibration": {"at": "2s", "duration": "9s"},
    "outage": {"at": "2s", "duration": "9s"},
    "reservation": {"at": "2s", "duration": "9s", "account": "b"},
}
"""One of each kind that meets a job of account a which is on the QPU, and one which waits."""


def test_each_kind_of_window_has_an_example():
    assert sorted(WINDOWS) == sorted(words("Window.kind"))


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_window_of_each_kind_keeps_the_second_job_from_starting(kind):
    qpus = [{"name": "q", "windows": [{"kind": kind, **WINDOWS[kind]}]}]
    run = run_of(explicit({"at": "0s", "account": "a"}, {"at": "1s", "account": "a"}, qpus=qpus))
    # from the end of the first job, or if that is later of the window; a calibration begins when the QPU is free
    assert run.jobs["started_us"].to_list() == [0, 14_000_000 if kind == "calibration" else 11_000_000]


# policies


def listed_policies():
    """By role: the names that the command `policies` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["policies"]) == 0
    parts = re.findall(r"^(\w+) policies:.*\n((?:  .*\n)+)", printed.getvalue(), re.MULTILINE)
    return {role.lower(): re.findall(r"^  (\w+)", text, re.MULTILINE) for role, text in parts}


LISTED = listed_policies()
ROLES = ("queue", "hold", "routing")
EVERY_POLICY = [(role, name) for role in ROLES for name in LISTED[role]]

BUSY = explicit(
    {"at": "0s", "account": "a", "priority": 2},
    {"at": "1s", "session": "s", "estimate": "2s"},
    {"at": "1s", "account": "b"},
    {"at": "2s", "session": "s"},
    {"after": "j4", "think": "3s", "session": "s"},
    {"at": "3s", "account": "a", "priority": 1},
    sessions=[{"id": "s", "account": "b", "interactive_timeout": "9s"}],
    qpus=[{"name": "q"}, {"name": "r"}],
    accounts=[{"name": "a", "allocation": "1h"}, {"name": "b"}],
)


def test_policies_are_listed_by_role():
    assert tuple(LISTED) == ROLES
    assert {role: sorted(names) for role, names in LISTED.items()} == {
        "queue": sorted(golden.QUEUE_POLICIES),
        "hold": sorted(golden.HOLD_POLICIES),
        "routing": sorted(golden.ROUTING_POLICIES),
    }


def test_the_documentation_has_all_policies():
    assert re.findall(r"^\*\*`(\w+)`\*\*", PAGES["policies"], re.MULTILINE) == LISTED["queue"]
    assert first_cells("semantics", "**S51.") == LISTED["hold"]
    assert first_cells("semantics", "**S54.") == LISTED["routing"]
    assert set(LISTED["hold"]) <= row("scenario", "hold")
    assert set(LISTED["routing"]) <= row("scenario", "routing")


@pytest.mark.parametrize(("role", "name"), EVERY_POLICY)
def test_a_scenario_may_name_any_policy_and_its_run_obeys_the_rules(role, name):
    scenario = qs.load_scenario({**BUSY, "policies": {role: name}})
    assert scenario.dump()["policies"][role]["name"] == name
    run_of(scenario)
    run_of(BUSY, **{"policy" if role == "queue" else role: name})


@pytest.mark.parametrize("role", ROLES)
def test_no_scenario_may_name_another_policy(role):
    for name in {name for _, name in EVERY_POLICY} - set(LISTED[role]):
        with pytest.raises(qs.ScenarioError, match=f"no {role} policy has this name"):
            qs.load_scenario({**BUSY, "policies": {role: name}})


# profiles


@pytest.mark.parametrize("profile", words("qsession-sim scenario.profile"))
def test_each_profile_can_be_simulated_and_has_the_plans_that_the_reference_says(profile):
    named = re.findall(r"`([\w-]+)`", re.search(r"^\| \| (`open`.*)$", PAGES["scenario"], re.MULTILINE)[1])
    cells = re.search(r"^\| in the profiles \|(.*)\|$", PAGES["scenario"], re.MULTILINE)[1].split("|")
    plans = [plan for plan, cell in zip(named, cells, strict=True) if cell.strip() in {"all", f"`{profile}`"}]
    accounts = [{"name": plan, "plan": plan} for plan in plans]
    jobs = [{"at": "0s", "account": plan} for plan in plans]
    scenario = explicit(*jobs, profile=profile, accounts=accounts)
    run = run_of(scenario)
    assert [*run.scenario.resolved.plans] == plans
    assert set(run.jobs["status"]) == {"DONE"}
    for plan in set(named) - set(plans):
        with pytest.raises(qs.ScenarioError):
            qs.load_scenario({**scenario, "accounts": [*accounts, {"name": "x", "plan": plan}]})


# distributions

DISTRIBUTIONS = {
    "constant": {"value": "4s"},
    "uniform": {"low": "1s", "high": "7s"},
    "exponential": {"mean": "4s"},
    "lognormal": {"median": "3s", "sigma": 0.6},
    "gamma": {"shape": 2, "scale": "2s"},
    "weibull": {"shape": 1.5, "scale": "4s"},
    "pareto": {"shape": 4, "scale": "3s"},
    "erlang": {"stages": 3, "mean": "4s"},
    "hyperexponential": {"means": ["2s", "8s"], "weights": [3, 1]},
    "choice": {"values": ["2s", "8s"], "weights": [3, 1]},
    "empirical": {"values": ["2s", "5s", "6s"]},
}


def test_each_distribution_has_an_example():
    assert list(DISTRIBUTIONS) == kinds("Arrivals.qpu_time")


@pytest.mark.parametrize(
    "bounds", [{}, {"at_least": "3s", "at_most": "9s", "outside": "cap"}], ids=["free", "bounded"]
)
@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_what_is_drawn_of_each_distribution_has_the_mean_that_a_load_is_made_of(kind, bounds):
    """Drawing and moments are two places. With a load of 0.5 jobs come half as fast as they are served."""
    times = {"kind": kind, **DISTRIBUTIONS[kind], **bounds}
    source = {"kind": "arrivals", "account": "a", "qpu_time": times, "load": 0.5, "count": 20_000}
    scenario = qs.load_scenario({"workload": [source]})
    mean_us = qs.parse_duration(scenario.dump()["workload"][0]["interarrival"]["mean"]) * 0.5
    drawn_us = qs.draw(scenario.resolved).jobs.qpu_time_us
    assert drawn_us.mean() == pytest.approx(mean_us, rel=0.03)
    if bounds:
        assert drawn_us.min() >= 3_000_000
        assert drawn_us.max() <= 9_000_000


# reasons, statuses, states and modes

PLAN = {"accounts": [{"name": "a", "plan": "p"}]}
CLOSING = {"id": "s", "account": "a"}
TWO_IN_SESSION = ({"at": "0s", "session": "s"}, {"at": "0s", "session": "s"})
TWO_ALONE = ({"at": "0s", "account": "a"}, {"at": "7s", "account": "a"})

EXAMPLES = {
    "MAX_TIME": ("jobs", explicit(*TWO_IN_SESSION, sessions=[{**CLOSING, "max_time": "3s"}])),
    "SESSION_CANCELLED": ("jobs", explicit(*TWO_IN_SESSION, sessions=[{**CLOSING, "cancel": "3s"}])),
    "JOB_CANCELLED": ("jobs", explicit({"at": "0s", "account": "a", "cancel": "3s"})),
    "RAN_TOO_LONG": ("jobs", explicit({"at": "0s", "account": "a", "max_execution_time": "3s"})),
    "QPU_FAILED": (
        "jobs",
        explicit(
            TWO_ALONE[0], qpus=[{"name": "q", "windows": [{"kind": "outage", "at": "3s", "duration": "1s"}]}]
        ),
    ),
    "SESSION_NOT_CREATED": (
        "jobs",
        explicit(TWO_ALONE[0], {"after": "j1", "session": "s"}, sessions=[{**CLOSING, "created": "1m"}]),
    ),
    "SESSION_CLOSED": (
        "jobs",
        explicit(TWO_IN_SESSION[0], {"at": "7s", "session": "s"}, sessions=[{**CLOSING, "close": "3s"}]),
    ),
    "EXECUTION_TIME_EXCEEDS_SESSION": (
        "jobs",
        explicit({**TWO_IN_SESSION[0], "max_execution_time": "9s"}, sessions=[{**CLOSING, "max_time": "8s"}]),
    ),
    "CLIENT_TOO_OLD": (
        "jobs",
        explicit(
            TWO_IN_SESSION[0],
            sessions=[CLOSING],
            accounts=[{"name": "a", "client": {"qiskit-ibm-runtime": "0.19.0"}}],
        ),
    ),
    "SESSIONS_NOT_IN_PLAN": (
        "jobs",
        {
            **PLAN,
            "plans": {"p": {"sessions": False}},
            "workload": [{"kind": "iterative", "account": "a", "iterations": 1, "qpu_time": "5s"}],
        },
    ),
    "QUOTA_EXCEEDED": (
        "jobs",
        explicit(*TWO_ALONE, plans={"p": {"quota": {"usage": "1s", "window": "1h"}}}, **PLAN),
    ),
    "TOO_MANY_PENDING": (
        "jobs",
        explicit(TWO_ALONE[0], TWO_ALONE[0], plans={"p": {"pending_jobs": 1}}, **PLAN),
    ),
    "RATE_LIMITED": (
        "jobs",
        explicit(*TWO_ALONE, plans={"p": {"submission_rate": {"count": 1, "window": "1m"}}}, **PLAN),
    ),
    "CLOSED": ("sessions", explicit(TWO_IN_SESSION[0], sessions=[{**CLOSING, "close": "3s"}])),
    "CANCELLED": ("sessions", explicit(TWO_IN_SESSION[0], sessions=[{**CLOSING, "cancel": "3s"}])),
    "UNUSED": (
        "sessions",
        explicit(sessions=[{**CLOSING, "created": "0s"}], rules={"unused_timeout": "3s"}, horizon="9s"),
    ),
    "RESERVATION": (
        "transitions",
        explicit(
            TWO_IN_SESSION[0],
            sessions=[CLOSING],
            qpus=[
                {
                    "name": "q",
                    "windows": [{"kind": "reservation", "at": "3s", "duration": "9s", "account": "b"}],
                }
            ],
        ),
    ),
    "RENEGED": ("jobs", explicit(TWO_ALONE[0], {**TWO_ALONE[0], "patience": "1s"})),
    "COST_LIMIT": (
        "sessions",
        explicit(
            TWO_IN_SESSION[0],
            sessions=[CLOSING],
            plans={"p": {"quota": {"usage": "4s", "window": "1h", "on_reached": "end"}}},
            **PLAN,
        ),
    ),
    "PROGRAM_FAILED": ("jobs", {"workload": []}),
}


def failing(service):
    """A program whose job fails."""
    yield service.submit("j", qpu_time_us=5, account="a", fails=True).completed


PROGRAMS = {"PROGRAM_FAILED": [failing]}


@pytest.fixture(scope="module")
def run():
    return run_of(explicit(*TWO_IN_SESSION, sessions=[CLOSING]))


def test_each_reason_has_an_example():
    assert list(EXAMPLES) == REASONS


@pytest.mark.parametrize("reason", EXAMPLES)
def test_a_run_with_each_reason_obeys_the_rules(reason):
    table, scenario = EXAMPLES[reason]
    run = run_of(scenario, programs=PROGRAMS.get(reason, ()))
    assert reason in getattr(run, table)["reason"].to_list()


WORDS_OF_COLUMNS = {
    ("jobs", "mode"): in_lower_case(Mode),
    ("jobs", "status"): {status.name for status in JobStatus},
    ("sessions", "state"): in_lower_case(SessionState),
    **{(table, "reason"): set(REASONS) for table in ("jobs", "sessions", "transitions")},
}


@pytest.mark.parametrize(("table", "column"), WORDS_OF_COLUMNS)
def test_columns_of_words_have_those_of_the_scheduler(run, table, column):
    dtype = getattr(run, table).schema[column]
    assert isinstance(dtype, pl.Enum)
    assert set(dtype.categories.to_list()) == WORDS_OF_COLUMNS[table, column]


def test_the_page_on_results_has_the_words_of_columns(run):
    kinds_of_time = set(run.intervals.schema["kind"].categories.to_list())
    assert kinds_of_time == set(run.summary()["qpus"]["qpu"]["share"])
    for words_of_column in (
        in_lower_case(SessionState),
        {status.name for status in JobStatus},
        kinds_of_time,
    ):
        assert any(
            words_of_column <= set(re.findall(r"`(\w+)`", line)) for line in PAGES["results"].splitlines()
        )


def test_the_documentation_has_all_reasons():
    rejections = set(
        re.findall(r"`([A-Z_]+)`", PAGES["semantics"].partition("**S20.")[2].partition("\n\n")[0])
    )
    named = [
        set(re.findall(r"`([A-Z_]+)`", line))
        for line in PAGES["results"].splitlines()
        if line.startswith("| `reason` |")
    ]
    assert set().union(rejections - {"REJECTED"}, *named) == set(REASONS)


def test_the_naive_model_gives_all_reasons():
    folder = ROOT / "src" / "qsession_sim" / "verification" / "naive"
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    assert sorted(set(REASONS) - set(re.findall(r"\bReason\.(\w+)", text))) == []


# examples at random

looking = settings(
    max_examples=3000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def occurs(strategy, condition):
    try:
        find(strategy, condition, settings=looking)
    except NoSuchExample:
        return False
    return True


NAIVE = {
    **{
        f"hold {name}": lambda given, name=name: given.rules.hold == hold_policy(name)
        for name in LISTED["hold"]
    },
    **{
        f"routing {name}": lambda given, name=name: given.rules.routing == routing_policy(name)
        for name in LISTED["routing"]
    },
    **{
        f"window {kind.name}": lambda given, kind=kind: any(window.kind == kind for window in given.windows)
        for kind in WindowKind
    },
}


@pytest.mark.parametrize("member", NAIVE)
def test_the_naive_model_is_compared_with_every_member(member):
    assert occurs(whole_workloads(1), NAIVE[member])


# formats of files

PLAIN = [".csv", ".json", ".parquet", ".sacct", ".swf"]
PACKED = [".gz", ".zst"]
FORMATS = sorted([*PLAIN, *(name + ending for name in PLAIN if name != ".parquet" for ending in PACKED)])
WRITTEN = [name for name in FORMATS if "sacct" not in name]


def endings(text):
    return sorted(set(re.findall(r"\.[a-z]+(?:\.gz|\.zst)?\b", text)))


def page_of(*command):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main([*command, "--help"]) == 0
    return printed.getvalue()


def test_every_place_knows_the_same_formats_of_traces():
    """Packed ones have no name of their own where all are told, as they are the same formats."""
    (trace,) = (model for model in MODELS if model["title"] == "Trace")
    assert endings(trace["properties"]["file"]["description"]) == sorted([*PLAIN, ".csv.gz", ".csv.zst"])
    exported = re.search(r"FILE <str> +(.*?)\n *-", page_of("workload", "export"), re.DOTALL)
    assert endings(exported[1]) == sorted([*(name for name in PLAIN if name in WRITTEN), *PACKED])
    for command in (("run",), ("compare",), ("workload", "describe")):
        described = re.search(r"SCENARIO\S* <str> +(.*?)\n\n", page_of(*command), re.DOTALL)
        assert endings(described[1]) == PLAIN
    assert {*PLAIN, *PACKED} <= set(endings(PAGES["traces"]))
    for name in (*PLAIN, *PACKED):
        assert re.search(rf"\{name}\b", PAGES["scenario"].partition("### `trace`")[2]), name


def test_another_format_is_refused_by_one_that_names_all(tmp_path, capsys):
    path = tmp_path / "week.xlsx"
    path.write_text("")
    scenario = {"workload": [{"kind": "trace", "file": str(path)}]}
    with pytest.raises(qs.ScenarioError) as caught:
        qs.load_scenario(scenario)
    assert set(FORMATS) <= set(endings(str(caught.value)))
    assert main(["workload", "export", str(ROOT / "scenarios" / "quickstart.yaml"), str(path)]) == 2
    assert set(WRITTEN) <= set(endings(capsys.readouterr().err))


@pytest.mark.parametrize("ending", WRITTEN)
def test_what_is_written_in_each_format_can_be_looked_at_and_simulated(ending, tmp_path, capsys):
    path = str(tmp_path / f"jobs{ending}")
    assert main(["workload", "export", str(ROOT / "scenarios" / "quickstart.yaml"), path]) == 0
    assert main(["workload", "describe", path]) == 0
    # 5 of the jobs follow another, which Batsim does not hold
    assert len(run_of(path).jobs) == (7 if ".json" in ending else 12)


# formats of output


def test_all_commands_have_the_same_formats_of_output():
    options = {option for listed in golden.command_options().values() for option in listed}
    assert sorted(option for option in options if option.startswith("--format")) == [
        "--format table|json",
        "--format table|json|csv|markdown|latex",
    ]
    assert "`--format json`" in (ROOT / "README.md").read_text(encoding="utf-8") + PAGES["traces"]


SHORT = {
    "run": [],
    "replicate": ["--replications", "2"],
    "compare": ["--policy", "fifo", "--policy", "lifo", "--replications", "2"],
    "sweep": ["--vary", "horizon=5m,9m", "--replications", "2"],
    "tune": [
        "--vary",
        "horizon=5m..9m",
        "--minimise",
        "mean_waiting",
        "--replications",
        "2",
        "--evaluations",
        "28",
    ],
    "workload describe": [],
}


def test_commands_with_formats_have_an_example():
    having = {
        name
        for name, listed in golden.command_options().items()
        if any(option.startswith("--format") for option in listed)
    }
    assert {f"qsession-sim {name}" for name in SHORT} == having - {
        "qsession-sim verify"
    }  # which takes minutes


@pytest.mark.parametrize("command", SHORT)
def test_a_command_prints_in_each_format(command, capsys):
    arguments = [*command.split(), str(ROOT / "scenarios" / "quickstart.yaml"), *SHORT[command]]
    texts = []
    whole = command == "workload describe"
    for name in ("table", "json") if whole else ("table", "json", "csv", "markdown", "latex"):
        assert main([*arguments, "--format", name]) == 0
        texts.append(capsys.readouterr().out)
    assert isinstance(json.loads(texts[1]), dict | list)
    with pytest.raises(ValueError, match=r"Expecting value|Extra data"):
        json.loads(texts[0])
    if not whole:
        rows = len(texts[2].splitlines())
        # a line of rules in Markdown; in LaTeX three rules, and the beginning and the end
        assert [len(text.splitlines()) - rows for text in texts[3:]] == [1, 5]
