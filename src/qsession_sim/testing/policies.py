"""Tests of queue policies: `parametrize_policies`, one test for each, and `check_policy`, their contract."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis.errors import HypothesisException, NoSuchExample

from qsession_sim.errors import InvariantError, PolicyError
from qsession_sim.experiment.executors import spawned_pool
from qsession_sim.experiment.references import Reference, reference_to
from qsession_sim.experiment.simulate import simulate
from qsession_sim.policies.registry import queue_policy
from qsession_sim.policies.user import PolicyFunction, UserPolicy
from qsession_sim.results.run import Run
from qsession_sim.results.tables import name_series
from qsession_sim.scenario.load import Scenario
from qsession_sim.scenario.yaml_source import write_yaml
from qsession_sim.scheduler.view import JobView, ServiceView, asked_when
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.testing.invariants import check_invariants
from qsession_sim.testing.plugin import MARK
from qsession_sim.testing.strategies import scenarios

MOST_SHRINKS: Final = 100
"""Smaller scenarios that are tried once a policy has failed in one."""

Policy = str | Mapping[str, Any] | PolicyFunction
AnyScenario = str | Path | Mapping[str, Any] | Scenario


def _explicit(jobs: list[Any]) -> Mapping[str, Any]:
    return {"workload": [{"kind": "explicit", "jobs": jobs}]}


NO_JOB: Final[Mapping[str, Any]] = {"workload": []}
_JOB: Final[Mapping[str, Any]] = {"id": "j1", "at": "0s", "account": "a", "qpu_time": "1s"}
ONE_JOB: Final = _explicit([_JOB])
TWO_JOBS: Final = _explicit([_JOB, {**_JOB, "id": "j2", "account": "b"}])
_TIMES: Final = ("0s", "1us", "20ms", "1s", "45s", "10m", "3h", "2d")
_PRIORITIES: Final = (0, 1, -1, 4, -7, 20, 300, -5_000, 1_000_000)
WIDE: Final = _explicit(
    [
        {
            "id": f"j{number}",
            "at": _TIMES[number // 6 if number % 2 else 0],
            "account": f"lab-{number % 7}",
            "qpu_time": _TIMES[1 + number * 3 % 7],
            "priority": _PRIORITIES[number % 9],
        }
        for number in range(1, 48)
    ]
)
"""A long queue at once and later jobs, among them each of those times and priorities."""


def parametrize_policies(*policies: Policy, argument: str = "policy") -> pytest.MarkDecorator:
    """Run a test once for every queue policy: a decorator for pytest.

    Args:
        policies: which; by default all that have a name: the built-in ones, those registered with `qs.policy`
            and those that installed packages offer. Those of the option `--qsession-policy` always follow.
        argument: the argument of the test by which it gets the policy, as `simulate` takes it.

    Example:
        >>> import qsession_sim as qs
        >>> @parametrize_policies()
        ... def test_jobs_are_done(policy):
        ...     assert qs.simulate("scenarios/quickstart.yaml", policy=policy).jobs.height > 0
    """
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARK)
    return mark(policies, argument)


@dataclass(frozen=True)
class Failure:
    """A property that a policy does not have, and how that shows; `job` is the number of the job, if any."""

    property: str
    example: str
    job: int = NEVER


def check_policy(policy: Policy, *, examples: int = 100, own_scenarios: Sequence[AnyScenario] = ()) -> None:
    """Check that a queue policy keeps its contract.

    - *total*: it answers for every job.
    - *a function to tuples of ints*, all of one length.
    - *deterministic*: asked twice, it answers the same; in another process, too, where Python hashes texts
      differently.
    - *pure*: what it was asked before makes no difference, neither in this run nor in an earlier one.
    - *picklable*: other processes can use it, and a copy answers the same.
    - *sound*: finished runs pass `check_invariants`, also with no job and with one.

    It is asked in scenarios that are always the same ones: no job, one job, two, a long queue of jobs whose
    times go from a microsecond to days and whose priorities go to a million, random ones, and your own. The
    answers of built-in policies are not checked one by one; for them the results of runs are compared.

    Args:
        policy: whatever `simulate` takes as `policy`.
        examples: how many random scenarios are tried; 0 is for within a test of Hypothesis.
        own_scenarios: more scenarios in which it is asked, such as the one for which it is made; whatever
            `simulate` takes as a scenario.

    Raises:
        PolicyError: naming the property that fails, with the smallest example of it and its YAML.
        ScenarioError: if one of your scenarios cannot be used.

    Example:
        >>> check_policy("priority", examples=5)
        >>> try:  # doctest: +ELLIPSIS
        ...     check_policy(lambda job: (0.5,), examples=5)
        ... except PolicyError as error:
        ...     print(error)
        queue policy '<lambda>' is not a function to tuples of ints: for job 'j1' (number 0), submitted at ...
        It shows in this scenario:
        <BLANKLINE>
        workload:
          - kind: explicit
            jobs:
              - id: j1
                at: 0s
                account: a
                qpu_time: 1s
        <BLANKLINE>
    """
    if isinstance(own_scenarios, str | Path | Mapping):
        raise PolicyError(f"own_scenarios must be a list of scenarios, not {own_scenarios!r}")
    name = queue_policy(policy).name
    copy = _pickled(policy)
    again = {"pure": policy} if isinstance(copy, Failure) else {"pure": policy, "picklable": copy}
    smallest = _Smallest(lambda scenario: _failure_in(scenario, policy, again))
    if not any(smallest.is_broken(scenario) for scenario in (NO_JOB, ONE_JOB, TWO_JOBS)):
        with suppress(_Enough):
            if smallest.is_broken(WIDE):
                _leave_jobs_out(smallest)
            elif examples:
                _search(smallest, examples)
    if smallest.failure is not None:
        raise PolicyError(_in_scenario(name, smallest.failure, smallest.yaml))
    for own in own_scenarios:
        failure = _failure_in(own, policy, again)
        if failure is not None:
            raise PolicyError(_in_scenario(name, failure, _text_of(own)))
    if isinstance(copy, Failure):
        raise PolicyError(_message(name, copy))
    _check_elsewhere(policy, (ONE_JOB, WIDE, *own_scenarios))


def _message(name: str, failure: Failure) -> str:
    return f"queue policy {name!r} is not {failure.property}: {failure.example}"


def _in_scenario(name: str, failure: Failure, text: str) -> str:
    return f"{_message(name, failure)}\nIt shows in this scenario:\n\n{text}"


def _text_of(scenario: AnyScenario) -> str:
    """A scenario as somebody finds it again: its file, else its text."""
    if isinstance(scenario, Mapping):
        return write_yaml({**scenario})
    return f"{scenario.origin if isinstance(scenario, Scenario) else scenario}\n"


class _Enough(BaseException):  # no error; not an Exception, which Hypothesis would look into
    """Ends the search for a smaller scenario."""


class _Smallest:
    """Remembers the smallest scenario in which a policy fails."""

    def __init__(self, failure_in: Callable[[Mapping[str, Any]], Failure | None]) -> None:
        self.failure: Failure | None = None
        self.yaml = ""
        self._left = MOST_SHRINKS
        self._failure_in = failure_in

    def is_broken(self, scenario: Mapping[str, Any]) -> bool:
        """Whether the policy fails there, by the property by which it failed first."""
        if self.failure is not None:
            self._left -= 1
            if self._left < 0:
                raise _Enough
        failure = self._failure_in(scenario)
        if failure is None or (self.failure is not None and self.failure.property != failure.property):
            return False
        text = write_yaml({**scenario})
        if self.failure is None or len(text) < len(self.yaml):
            self.failure, self.yaml = failure, text
        return True


def _search(smallest: _Smallest, examples: int) -> None:
    quiet = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    try:
        any_scenario = scenarios() | scenarios(wide=True)
        find(any_scenario, smallest.is_broken, settings=quiet, random=Random(0))  # noqa: S311 - repeatable
    except NoSuchExample:
        return
    except HypothesisException:
        if smallest.failure is None:  # a policy that answers at random looks flaky to Hypothesis
            raise


def _leave_jobs_out(smallest: _Smallest) -> None:
    """Make a scenario of explicit jobs smaller: without a half of them, a quarter, and so on."""
    jobs: list[Any] = WIDE["workload"][0]["jobs"]
    size = len(jobs) // 2
    while size:
        start = 0
        while start < len(jobs):
            fewer = jobs[:start] + jobs[start + size :]
            if fewer and smallest.is_broken(_explicit(fewer)):
                jobs = fewer
            else:
                start += size
        size //= 2


def _pickled(policy: Policy) -> Policy | Failure:
    """A copy of the policy, as another process gets it."""
    try:
        copy: Policy = pickle.loads(pickle.dumps(policy))  # noqa: S301 - just made here
    except Exception as error:  # noqa: BLE001 - a policy may raise anything
        return _not_picklable(error)
    return copy


def _not_picklable(error: Exception) -> Failure:
    why = f"{type(error).__name__}: {error}; other processes need it: make it a function of a module"
    return Failure("picklable", why)


_WHEN: Final = {"pure": "in a second run of the same scenario", "picklable": "its pickled copy"}


def _failure_in(scenario: AnyScenario, policy: Policy, again: Mapping[str, Policy]) -> Failure | None:
    """What is wrong with the policy in one scenario, or None.

    `again` has what must do the same, by the property that it shows.
    """
    first = _Questions.of(policy)
    run = first.run(scenario)
    if isinstance(run, Failure):
        return run
    try:
        check_invariants(run)
    except InvariantError as error:
        return Failure("sound", str(error))
    answers = first.answers_of(run)
    for what, other in again.items():
        questions = _Questions.of(other)
        second = questions.run(scenario)
        if isinstance(second, Failure):
            return second
        difference = answers.difference(questions.answers_of(second), _WHEN[what])
        if difference is not None:
            return Failure(what, difference)
    return None


# -- The same questions in another process, where Python hashes texts differently.


def _check_elsewhere(policy: Policy, asked: Sequence[AnyScenario]) -> None:
    """Compare what a policy of a user answers in some scenarios here and in another process."""
    user_policy = queue_policy(policy)
    # a script that checks its own policy is imported by the other process, which would ask yet another one
    if not isinstance(user_policy, UserPolicy) or parent_process() is not None:
        return
    name = user_policy.name
    reference = reference_to(user_policy.function)
    sent = user_policy.function if reference.spelling is None else reference
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    here = [_answers_in(scenario, user_policy) for scenario in asked]
    there = _ask_elsewhere(pickle.dumps((sent, name, user_policy.window_us)), asked, seed)
    if isinstance(there, Failure):
        raise PolicyError(_message(name, there))
    for scenario, one, other in zip(asked, here, there, strict=True):
        failure = _failure_elsewhere(one, other, f"in another process, with PYTHONHASHSEED={seed},")
        if failure is not None:
            raise PolicyError(_in_scenario(name, failure, _text_of(scenario)))


def _failure_elsewhere(here: Answers | Failure, there: Answers | Failure, where: str) -> Failure | None:
    if isinstance(here, Failure):
        return here
    if isinstance(there, Failure):
        return replace(there, example=f"{where} {there.example}")
    difference = here.difference(there, where)
    if difference is None:
        return None
    return Failure("deterministic", f"{difference}; hash() of a text differs from process to process")


def _answers_in(scenario: AnyScenario, policy: UserPolicy) -> Answers | Failure:
    questions = _Questions(policy.function, policy)
    run = questions.run(scenario)
    return run if isinstance(run, Failure) else questions.answers_of(run)


def _ask_elsewhere(
    sent: bytes, asked: Sequence[AnyScenario], hash_seed: str
) -> list[Answers | Failure] | Failure:
    pool = spawned_pool(1)
    with patch.dict(os.environ, PYTHONHASHSEED=hash_seed):  # the worker is started by its first task
        answered = pool.submit(_answer_here, sent, [*asked])
    try:
        return answered.result()
    except BrokenExecutor as error:
        return Failure("total", f"in another process it ended that process ({error})")
    finally:
        pool.close()


def _answer_here(sent: bytes, asked: Sequence[AnyScenario]) -> list[Answers | Failure] | Failure:
    """What the other process does."""
    try:
        function, name, window_us = pickle.loads(sent)  # noqa: S301 - from the process that started this one
    except Exception as error:  # noqa: BLE001 - whatever importing it raises
        return _not_picklable(error)
    if isinstance(function, Reference):
        function = function.function
    policy = UserPolicy(name, function, window_us)
    return [_answers_in(scenario, policy) for scenario in asked]


# -- Questions and answers.


@dataclass(frozen=True)
class Question:
    """A job, by its number, and when it was asked about; `when` is in words."""

    job: int
    when: str

    def about(self, name: str | None) -> str:
        """In words, the name of the job first."""
        return f"for job {name!r} (number {self.job}){self.when}"


@dataclass(frozen=True)
class Answers:
    """All that a policy was asked in one run and what it said, in order, and what came of it."""

    given: list[tuple[Question, tuple[int, ...]]]
    names: list[str]  # of jobs, by number
    jobs: pl.DataFrame

    def difference(self, other: Answers, when: str) -> str | None:
        """The first answer that another run gave differently."""
        for (question, answer), (other_question, other_answer) in zip(self.given, other.given, strict=False):
            asked = question.about(self.names[question.job])
            if question != other_question:
                return f"it was asked {asked}, {when} {other_question.about(other.names[other_question.job])}"
            if answer != other_answer:
                return f"{asked}, it gave {answer!r}, {when} {other_answer!r}"
        if not self.jobs.equals(other.jobs):
            return f"{when} the jobs came in another order"
        return None


@dataclass
class _Questions:
    """A policy that is asked more often than needed, its answers, and the first thing that is wrong."""

    policy: Policy
    user_policy: UserPolicy | None  # None: a built-in policy
    failure: Failure | None = None

    def __post_init__(self) -> None:
        self._answers: list[tuple[Question, tuple[int, ...]]] = []
        self._before: JobView | None = None
        self._length: int | None = None

    @classmethod
    def of(cls, policy: Policy) -> _Questions:
        """Find the function behind a policy."""
        known = queue_policy(policy)
        return cls(policy, known if isinstance(known, UserPolicy) else None)

    def run(self, scenario: AnyScenario) -> Run | Failure:
        """Simulate; what is wrong with the policy, if anything is, else the run."""
        try:
            return simulate(scenario, policy=self._probe())
        except PolicyError as error:
            if self.failure is None:
                return Failure("total", str(error))
            about = Question(self.failure.job, self.failure.example).about(error.job_name)
            return replace(self.failure, example=about)

    def answers_of(self, run: Run) -> Answers:
        """The answers, with what only the finished run knows."""
        return Answers(self._answers, name_series(run.record.workload.job_names).to_list(), run.jobs)

    def _probe(self) -> Policy:
        user_policy = self.user_policy
        if user_policy is None:
            return self.policy
        function = user_policy.function
        if user_policy.sees_service:
            return lambda job, view: self._ask(function, job, view)
        return lambda job: self._ask(function, job)

    def _ask(self, function: PolicyFunction, job: JobView, *view: ServiceView) -> tuple[int, ...]:
        question = Question(job.number, asked_when(job, *(one.now_us for one in view)))
        self.failure = next(self._failures(function, question, job, view), None)
        if self.failure is not None:
            raise PolicyError(self.failure.example)
        self._before = job
        return self._answers[-1][1]

    def _failures(
        self, function: PolicyFunction, question: Question, job: JobView, view: tuple[ServiceView, ...]
    ) -> Iterator[Failure]:
        def failure(kind: str, what: str) -> Failure:
            return Failure(kind, f"{question.when}, {what}", job.number)

        try:
            answer, again = function(job, *view), function(job, *view)
            if self._before is not None:
                function(self._before, *view)
            after_another = function(job, *view)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a policy may raise anything
            yield failure("total", f"it raised {type(error).__name__}: {error}")
            return
        if not isinstance(answer, tuple) or not all(isinstance(part, int) for part in answer):
            yield failure("a function to tuples of ints", f"it gave {answer!r}")
            return
        if self._length not in {None, len(answer)}:
            what = f"it gave {answer!r}, before that tuples of length {self._length}"
            yield failure("a function to tuples of ints of one length", what)
        if answer != again:
            yield failure("deterministic", f"it gave {answer!r} and then {again!r}")
        elif answer != after_another:
            yield failure(
                "pure", f"it gave {answer!r}, and after a question about another job {after_another!r}"
            )
        self._length = len(answer)
        self._answers.append((question, answer))
