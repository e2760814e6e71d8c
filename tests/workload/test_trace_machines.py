"""Machines that traces name, and ids that occur in several sources."""

from __future__ import annotations

import pytest
from trace_files import names

import qsession_sim as qs
from qsession_sim.scheduler.vocabulary import NEVER

TWO = [{"name": "torino"}, {"name": "kyiv"}]
HEADING = "job,qpu,submitted_us,qpu_time_us,session,account\n"


def drawn(folder, text, qpus=TWO, **source):
    (folder / "a.csv").write_text(text)
    scenario = {"qpus": qpus, "workload": [{"kind": "trace", "file": str(folder / "a.csv"), **source}]}
    return qs.draw(qs.load_scenario(scenario).resolved)


def test_jobs_and_sessions_are_on_the_qpus_that_the_file_names(tmp_path):
    text = HEADING + "1,kyiv,0,5,s,a\n2,,1,5,,a\n3,torino,2,5,,a\n4,kyiv,3,5,s,a\n"

    workload = drawn(tmp_path, text)

    assert workload.qpus == ("torino", "kyiv")
    assert workload.jobs.qpu.tolist() == [1, NEVER, 0, 1]
    assert workload.sessions.qpu.tolist() == [1]


def test_machines_are_mapped_and_the_source_goes_before_the_file(tmp_path):
    text = "backend,submitted_us,qpu_time_us\nibm_kyiv,0,5\ntorino,1,5\n"
    columns = {"qpu": "backend"}

    assert drawn(tmp_path, text, columns=columns, machines={"ibm_kyiv": "kyiv"}).jobs.qpu.tolist() == [1, 0]
    assert drawn(tmp_path, text, columns=columns, qpu="kyiv").jobs.qpu.tolist() == [1, 1]
    assert drawn(tmp_path, text).jobs.qpu.tolist() == [NEVER, NEVER]  # that is no column of this project


def test_unknown_machines_are_told_together(tmp_path):
    text = (
        HEADING + "".join(f"{n},m{n % 25},{n},5,,a\n" for n in range(50)) + "x,kyiv,0,5,,a\nz,unused,0,0,,a\n"
    )

    with pytest.raises(qs.ScenarioError) as caught:
        drawn(tmp_path, text)

    shown = ", ".join(f"'m{n}'" for n in range(20))
    assert [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems] == [
        (
            f"workload.trace: a.csv: names {shown} and 5 more, which are no QPUs of the scenario; "
            "list them in qpus, map them with machines, or give qpu, that of all jobs"
        )
    ]


def test_rows_of_a_session_name_one_qpu(tmp_path):
    with pytest.raises(qs.ScenarioError, match="line 3: qpu: not that of the session's first job"):
        drawn(tmp_path, HEADING + "1,kyiv,0,5,s,a\n2,torino,1,5,s,a\n")


@pytest.mark.parametrize(
    ("text", "more", "problem"),
    [
        (
            HEADING + "1,sim,0,5,s,a\n",
            {},
            "a session cannot be opened on a simulator backend; name another QPU",
        ),
        (
            HEADING + "1,sim,0,5,,a\n2,torino,0,5,,a\n",
            {"preparation": "1s"},
            "jobs of a simulator backend start at once, and some of these are prepared; name another QPU",
        ),
    ],
)
def test_a_simulator_backend_has_no_sessions_and_prepares_nothing(tmp_path, text, more, problem):
    """S22"""
    qpus = [*TWO, {"name": "sim", "simulator": True}]

    with pytest.raises(qs.ScenarioError) as caught:
        drawn(tmp_path, text, qpus, **more)

    assert caught.value.problems == (f"workload.trace.qpu: {problem}",)
    assert drawn(tmp_path, HEADING + "1,sim,0,5,,a\n", qpus).jobs.qpu.tolist() == [2]


def test_inferred_sessions_are_of_one_machine(tmp_path):
    """S54: a session stays on its QPU."""
    text = HEADING + "1,kyiv,0,5,,a\n2,torino,1,5,,a\n3,kyiv,2,5,,a\n4,,3,5,,a\n"

    workload = drawn(tmp_path, text, infer_sessions={"gap": "1s"})

    assert workload.jobs.session.tolist() == [0, 1, 0, 2]
    assert workload.sessions.qpu.tolist() == [1, 0, NEVER]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_export_keeps_the_machines(tmp_path, ending):
    text = HEADING + "1,kyiv,0,5,s,a\n2,,1,5,,a\n3,torino,2,5,,a\n"
    workload = drawn(tmp_path, text)

    assert qs.write_workload(workload, tmp_path / f"b.{ending}") == ()

    source = {"kind": "trace", "file": str(tmp_path / f"b.{ending}")}
    again = qs.draw(qs.load_scenario({"qpus": TWO, "workload": [source]}).resolved)
    assert again.digest() == workload.digest()


def test_ids_that_an_earlier_source_has_begin_with_the_name_of_the_later_one(tmp_path):
    """S67"""
    (tmp_path / "a.csv").write_text(HEADING + "1,,0,5,s,a\n2,,1,5,,a\n")
    (tmp_path / "b.csv").write_text(HEADING.replace("account", "after") + "2,,0,5,t,\n3,,,5,t,2\n")
    (tmp_path / "c.csv").write_text(HEADING + "7,,0,5,s,a\n")
    (tmp_path / "d.csv").write_text(HEADING + "8,,0,5,u,a\n")
    sources = [
        {"kind": "trace", "name": name, "file": str(tmp_path / f"{name}.csv"), "account": "lab"}
        for name in "abcd"
    ]
    listed = {"kind": "explicit", "jobs": [{"id": "8", "at": "0s", "account": "lab", "qpu_time": "5s"}]}

    workload = qs.draw(qs.load_scenario({"workload": [*sources, listed]}).resolved)

    assert names(workload.job_names) == ["1", "2", "b/2", "b/3", "c/7", "8", "explicit/8"]
    assert names(workload.session_names) == ["s", "b/t", "c/s", "u"]
    assert workload.jobs.after.tolist() == [NEVER, NEVER, NEVER, 2, NEVER, NEVER, NEVER]


def test_an_id_that_cannot_be_told_apart_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("job,submitted_us,qpu_time_us\n1,0,5\nb/1,0,5\n")
    (tmp_path / "b.csv").write_text("job,submitted_us,qpu_time_us\n1,0,5\n")
    sources = [{"kind": "trace", "name": name, "file": str(tmp_path / f"{name}.csv")} for name in "ab"]

    with pytest.raises(qs.ScenarioError, match="'b/1' is the id of two jobs or sessions"):
        qs.draw(qs.load_scenario({"workload": sources}).resolved)
