"""Pages of studies and searches in a browser: they ask for nothing, fit narrow screens, and axe-core agrees."""

from __future__ import annotations

from itertools import product

import pytest
from report.browser import CHROMIUM, made_once

import qsession_sim as qs

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

DRAWN = {
    "seed": 7,
    "workload": [
        {
            "kind": "arrivals",
            "name": "everyday",
            "account": "a very long name of an account that has a space here and there",
            "count": 30,
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "9s"},
        }
    ],
}
COUNT = "workload.everyday.count"
METRICS = [
    "mean_waiting",
    "utilization",
    "by_account.a very long name of an account that has a space here and there.p95_waiting",
]
STUDIES = {
    "comparison": lambda: qs.compare(
        DRAWN, ["fifo", "lifo", "shortest_job_first", "session_first"], replications=8, metrics=METRICS
    ),
    "sweep": lambda: qs.sweep(
        DRAWN, [f"{COUNT}=2,10,40"], policies=["fifo", "lifo"], replications=3, metrics=METRICS
    ),
    "two settings": lambda: qs.sweep(
        DRAWN,
        [f"{COUNT}={','.join(map(str, range(1, 13)))}", "policies.queue=fifo,lifo,shortest_job_first"],
        baseline=f"{COUNT}=1 policies.queue=fifo",
        replications=3,
        metrics=METRICS[:2],
    ),
    "replications": lambda: qs.replicate(DRAWN, replications=3, metrics=METRICS),
    "search": lambda: qs.tune(
        DRAWN,
        [f"{COUNT}=2..20"],
        maximise="utilization",
        subject_to=["mean_waiting <= 20s"],
        replications=2,
        evaluations=28,
    ),
    "search without a best": lambda: qs.tune(
        DRAWN,
        [f"{COUNT}=2..20"],
        maximise="utilization",
        subject_to=["utilization >= 2"],
        replications=2,
        evaluations=28,
    ),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The file of a page, by its name."""
    return made_once(STUDIES, tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_is_its_only_request_and_nothing_goes_wrong(chromium, pages, name):
    chromium.show(pages(name))
    assert (chromium.requests, chromium.messages) == ([pages(name).as_uri()], [])


@pytest.mark.parametrize(("name", "width"), [*product(STUDIES, (400, 1600))])
def test_nothing_is_wider_than_the_screen(chromium, pages, name, width):
    """Not even when all parts that can be opened are open."""
    chromium.show(pages(name), width=width)
    chromium.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert chromium.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("name", "dark", "width"), [*product(STUDIES, (False, True), (400, 1280))])
def test_axe_finds_no_violation(chromium, pages, name, dark, width):
    chromium.show(pages(name), dark=dark, width=width)
    chromium.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    violations = chromium.violations()
    assert violations == []


def test_tables_are_sorted_by_their_values(chromium, pages):
    """Not by what cells say, which is in other units and has intervals."""
    chromium.show(pages("comparison"))
    sort = (
        "[...document.querySelectorAll('thead button')].find(b => b.textContent.startsWith('mean')).click()"
    )
    chromium.run(sort)
    values = chromium.run(
        "[...document.querySelector('table').tBodies[0].rows].map(r => +r.cells[1].dataset.value)"
    )
    assert values == sorted(values, reverse=True)
    assert len(values) == 4
