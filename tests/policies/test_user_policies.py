"""Policies of users: in files, registered, offered by packages; and what they must not do."""

from __future__ import annotations

import pickle
import re

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.policies import user
from qsession_sim.policies.registry import QUEUE_POLICIES, QUEUE_POLICY_NAMES, queue_policy

SECOND = 1_000_000
JOBS = [
    {"id": "j0", "at": "0s", "account": "research", "qpu_time": "10s"},
    {"id": "j1", "at": "1s", "account": "research", "qpu_time": "10s"},
    {"id": "j2", "at": "2s", "account": "teaching", "qpu_time": "10s"},
]
SCENARIO = {"workload": [{"kind": "explicit", "jobs": JOBS}]}
FILE = '''
"""Policies of a test."""
calls = []

def teaching_first(job):
    """Jobs of teaching first."""
    return (job.account != "teaching",)

def least_used_first(job, view):
    return (view.recent_usage_us(job.account),)

def by_default(job, latest=1):
    return (-latest * job.submitted_us,)

def fails(job):
    if job.number == 1:
        raise LookupError("no such place")
    return (0,)

def gives_a_list(job):
    return [job.number]

def gives_floats(job, view):
    return (job.number / 2,)

def changes_length(job):
    return (0,) * job.number

def counts(job):
    calls.append(job.number)
    return (len(calls),)

def counts_with_view(job, view):
    calls.append(job.number)
    return (len(calls),)

def reads_a_file(job):
    return (int(open("numbers.txt").read()),)

def leaves(job):
    raise SystemExit(0)

def refuses_retries(job):
    return (0,) if job.number < 1 else 0

answer = 42
'''


@pytest.fixture(autouse=True)
def _nothing_stays_registered(monkeypatch):
    monkeypatch.setattr(user, "_REGISTERED", {})
    user._offered.cache_clear()
    yield
    user._offered.cache_clear()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def order(policy, scenario=SCENARIO):
    return qs.simulate(scenario, policy=policy).jobs.sort("started_us")["job"].to_list()


@pytest.mark.parametrize("name", ["teaching_first", "least_used_first"])
def test_a_function_in_a_file(file, name):
    run = qs.simulate(SCENARIO, policy=f"{file}:{name}")
    assert run.jobs.sort("started_us")["job"].to_list() == ["j0", "j2", "j1"]
    assert run.scenario.resolved.policies.queue.name == f"{file}:{name}"


def test_the_resolved_form_of_a_run_can_be_run_with_the_same_file(file):
    policy = f"{file}:teaching_first"
    resolved = qs.simulate(SCENARIO, policy=policy).scenario.dump()
    assert order(policy, resolved) == ["j0", "j2", "j1"]
    with pytest.raises(
        qs.ScenarioError, match=r"policies\.queue\.name: a function in a file is not for scenarios"
    ):
        qs.simulate(resolved)


def test_a_second_argument_with_a_default_is_no_view(file):
    assert order(f"{file}:by_default") == ["j0", "j2", "j1"]


def test_a_file_on_the_command_line(capsys, file, tmp_path):
    scenario = tmp_path / "three.yaml"
    scenario.write_text("workload: []\n", encoding="utf-8")
    assert main(["run", str(scenario), "--policy", f"{file}:teaching_first"]) == 0
    assert "mine.py:teaching_first,holdexclusive" in "".join(capsys.readouterr().out.split())


def test_a_bundle_can_be_run_on_the_command_line_with_the_same_file(capsys, file, tmp_path):
    scenario, policy = tmp_path / "three.yaml", ["--policy", f"{file}:teaching_first"]
    scenario.write_text("workload: []\n", encoding="utf-8")
    assert main(["run", str(scenario), "-o", str(tmp_path / "first"), *policy]) == 0
    first = capsys.readouterr().out
    assert main(["run", str(tmp_path / "first" / "scenario.resolved.json"), *policy]) == 0
    assert capsys.readouterr().out == first


def test_a_registered_name_is_known_to_scenarios_and_simulate():
    @qs.policy("newest", window="3s")
    def newest_first(job, view):
        """The newest first."""
        return (view.recent_usage_us(job.account) // SECOND, -job.submitted_us)

    found = queue_policy("newest")
    assert (found.name, found.summary, found.usage_window_us) == ("newest", "The newest first.", 3 * SECOND)
    assert queue_policy(newest_first) == found
    assert order("newest") == order(None, {**SCENARIO, "policies": {"queue": "newest"}}) == ["j0", "j2", "j1"]
    assert list(QUEUE_POLICY_NAMES) == [*QUEUE_POLICIES, "newest"]
    assert len(QUEUE_POLICY_NAMES) == len(QUEUE_POLICIES) + 1


def test_a_registered_policy_is_found_again_by_name_in_a_copy():
    @qs.policy("newest")
    def newest_first(job):
        return (-job.submitted_us,)

    copy = pickle.loads(pickle.dumps(queue_policy("newest")))
    assert copy.function is newest_first


def test_a_policy_in_a_file_reaches_other_processes(file):
    policy = queue_policy(f"{file}:teaching_first")
    copy = pickle.loads(pickle.dumps(policy))
    assert (copy.name, copy.usage_window_us) == (policy.name, policy.usage_window_us)
    user._run_file.cache_clear()
    assert pickle.loads(pickle.dumps(policy)).name == policy.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fifo", "'fifo' is a built-in queue policy; register yours under another name"),
        ("", "the name of a policy must be a text on one line, not ''"),
        (3, "the name of a policy must be a text on one line, not 3"),
    ],
)
def test_names_that_cannot_be_registered(name, message):
    with pytest.raises(qs.PolicyError, match=re.escape(message)):
        qs.policy(name)


def test_only_functions_are_registered():
    with pytest.raises(qs.PolicyError, match="a queue policy must be a function, not 3"):
        qs.policy("three")(3)


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "some_policies.py").write_text(FILE, encoding="utf-8")
    info = tmp_path / "some_policies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-policies\nVersion: 1.0\n")
    points = "teaching = some_policies:teaching_first\n"
    (info / "entry_points.txt").write_text(f"[qsession_sim.policies]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    return info / "entry_points.txt"


@pytest.mark.usefixtures("package")
def test_an_entry_point_of_an_installed_package(capsys):
    assert order("teaching") == order(None, {**SCENARIO, "policies": {"queue": "teaching"}})
    assert order("teaching") == ["j0", "j2", "j1"]
    assert main(["policies"]) == 0
    assert re.search(r"^  teaching +Jobs of teaching first\.", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    "point", ["no_such_module:function", "some_policies:no_such", "some_policies:answer"]
)
def test_an_entry_point_that_cannot_be_loaded_is_one_line(package, capsys, point):
    package.write_text(f"[qsession_sim.policies]\nbroken = {point}\n")
    with pytest.raises(qs.PolicyError) as caught:
        qs.simulate(SCENARIO, policy="broken")
    assert point in str(caught.value)
    assert main(["policies"]) == 2
    assert capsys.readouterr().err == f"qsession-sim: {caught.value}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "fails",
            ("failed for job 'j1' (number 1), submitted at 1s: LookupError: no such place (mine.py:17)"),
        ),
        (
            "gives_a_list",
            "must answer with a tuple of ints; for job 'j0' (number 0), submitted at 0s, it gave [0]",
        ),
        (
            "gives_floats",
            "must answer with a tuple of ints; for job 'j0' (number 0), submitted at 0s, asked at 0s, it gave (0.0,)",
        ),
        (
            "changes_length",
            (
                "must answer with tuples of one length; for job 'j1' (number 1), submitted at 1s, it gave (0,), "
                "after tuples of length 0"
            ),
        ),
        (
            "reads_a_file",
            (
                "failed for job 'j0' (number 0), submitted at 0s: FileNotFoundError: [Errno 2] No such file or directory: "
                "'numbers.txt' (mine.py:38)"
            ),
        ),
        ("leaves", "failed for job 'j0' (number 0), submitted at 0s: SystemExit: 0 (mine.py:41)"),
        (
            "counts",
            (
                "must give the same answer when asked twice; for job 'j0' (number 0), submitted at 0s, it gave (1,) and "
                "then (2,)"
            ),
        ),
        (
            "counts_with_view",
            "must give the same answer when asked twice; for job 'j0' (number 0), submitted at 0s, asked at 0s, it gave (1,) and then (2,)",
        ),
    ],
)
def test_a_policy_that_breaks_its_contract_ends_the_run_with_one_line(file, tmp_path, capsys, name, message):
    scenario = tmp_path / "three.yaml"
    lines = [f"    - {{{', '.join(f'{key}: {value}' for key, value in job.items())}}}" for job in JOBS]
    scenario.write_text("\n".join(["workload:", "  - kind: explicit", "    jobs:", *lines]), encoding="utf-8")
    status = main(["run", str(scenario), "--quiet", "--policy", f"{file}:{name}"])
    assert (status, capsys.readouterr()) == (
        2,
        ("", f"qsession-sim: queue policy '{file}:{name}' {message}\n"),
    )


def test_a_job_that_was_created_in_the_run_is_named_in_the_error(file):
    """S44, S65, S67: the first attempt is cut after a second, and the policy refuses the second one."""
    client = {
        "kind": "iterative",
        "name": "vqe",
        "account": "lab",
        "mode": "job",
        "iterations": 1,
        "qpu_time": "2s",
        "max_execution_time": "1s",
        "on_error": "retry",
    }
    with pytest.raises(qs.PolicyError) as caught:
        qs.simulate({"workload": [client], "horizon": "1h"}, policy=f"{file}:refuses_retries")
    assert str(caught.value).endswith("for job 'vqe/1/1.2' (number 1), submitted at 1s, it gave 0")
    assert (caught.value.job_number, caught.value.job_name) == (1, "vqe/1/1.2")


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("{file}:teaching", "{file}: no function is called 'teaching'; did you mean 'teaching_first'?"),
        ("{file}:answer", "{file}:answer: a queue policy must be a function, not 42"),
        ("{file}x.py:f", "{file}x.py: No such file or directory"),
        ("fair_shar", "no queue policy is called 'fair_shar'; did you mean 'fair_share'?"),
    ],
)
def test_what_cannot_be_found_is_told(file, spelling, message):
    with pytest.raises(qs.PolicyError) as caught:
        qs.simulate(SCENARIO, policy=spelling.format(file=file))
    assert str(caught.value) == message.format(file=file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(job:\n", "SyntaxError: '(' was never closed (mine.py, line 1)"),
        ("x = 1\nraise OSError('no')\n", "OSError: no (mine.py:2)"),
        ("raise SystemExit(3)\n", "SystemExit: 3 (mine.py:1)"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_line(tmp_path, text, message):
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(qs.PolicyError) as caught:
        qs.simulate(SCENARIO, policy=f"{file}:f")
    assert str(caught.value) == f"mine.py: cannot be loaded: {message}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "fifo", "window": "7d"}, "queue policy 'fifo' has no parameter 'window'; there is none"),
        (
            {"name": "fair_share", "slack": 3},
            "queue policy 'fair_share' has no parameter 'slack'; there are window",
        ),
        (
            {"name": "fair_share", "window": 3},
            (
                "queue policy {'name': 'fair_share', 'window': 3}: window: Value error, "
                "a duration needs a unit, such as 90s, 2h30m or 250us"
            ),
        ),
    ],
)
def test_parameters_that_a_policy_does_not_have(given, message):
    with pytest.raises(qs.PolicyError) as caught:
        qs.simulate(SCENARIO, policy=given)
    assert str(caught.value) == message
