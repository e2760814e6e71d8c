"""Tests of queue policies: `parametrize_policies`, one test for each, and `check_policy`, their contract."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis.errors import HypothesisException, NoSuchExample

from qsession_sim.errors import InvariantError, PolicyError
from qsession_sim.experiment.simulate import simulate
from qsession_sim.policies.registry import queue_policy
from qsession_sim.policies.user import PolicyFunction, UserPolicy
from qsession_sim.results.run import Run
from qsession_sim.scenario.yaml_source import write_yaml
from qsession_sim.scheduler.view import JobView, ServiceView
from qsession_sim.testing.invariants import check_invariants
from qsession_sim.testing.plugin import MARK
from qsession_sim.testing.strategies import scenarios

MOST_SHRINKS: Final = 100
"""Smaller scenarios that are tried once a policy has failed in one."""

Policy = str | Mapping[str, Any] | PolicyFunction

NO_JOB: Final[Mapping[str, Any]] = {"workload": []}
ONE_JOB: Final[Mapping[str, Any]] = {
    "workload": [{"kind": "explicit", "jobs": [{"id": "j1", "at": "0s", "account": "a", "qpu_time": "1s"}]}]
}


def parametrize_policies(
    *policies: str | Mapping[str, Any] | PolicyFunction, argument: str = "policy"
) -> pytest.MarkDecorator:
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
    """A property that a policy does not have, and how that shows."""

    property: str
    example: str


def check_policy(policy: Policy, *, examples: int = 100) -> None:
    """Check that a queue policy keeps its contract.

    - *total*: it answers for every job.
    - *a function to tuples of ints*, all of one length.
    - *deterministic*: asked twice, it answers the same.
    - *pure*: what it was asked before makes no difference, neither in this run nor in an earlier one.
    - *picklable*: other processes can use it, and a copy answers the same.
    - *sound*: finished runs pass `check_invariants`, also with no job and with one.

    The answers of built-in policies are not checked one by one; for them the results of runs are compared.

    Args:
        policy: whatever `simulate` takes as `policy`.
        examples: how many random scenarios are tried; always the same ones.

    Raises:
        PolicyError: naming the property that fails, with the smallest example of it and its YAML.

    Example:
        >>> check_policy("priority", examples=5)
        >>> try:  # doctest: +ELLIPSIS
        ...     check_policy(lambda job: (0.5,), examples=5)
        ... except PolicyError as error:
        ...     print(error)
        queue policy '<lambda>' is not a function to tuples of ints: for job 0, submitted at 0 us, it gave ...
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
    name = queue_policy(policy).name
    copy = _pickled(policy)
    again = {"pure": policy} if isinstance(copy, Failure) else {"pure": policy, "picklable": copy}
    smallest = _Smallest(lambda scenario: _failure_in(scenario, policy, again))
    for scenario in (NO_JOB, ONE_JOB):
        smallest.is_broken(scenario)
    if smallest.failure is None:
        _search(smallest, examples)
    if smallest.failure is not None:
        raise PolicyError(
            f"{_message(name, smallest.failure)}\nIt shows in this scenario:\n\n{smallest.yaml}"
        )
    if isinstance(copy, Failure):
        raise PolicyError(_message(name, copy))


def _message(name: str, failure: Failure) -> str:
    return f"queue policy {name!r} is not {failure.property}: {failure.example}"


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
        find(scenarios(), smallest.is_broken, settings=quiet, random=Random(0))  # noqa: S311 - repeatable
    except (NoSuchExample, _Enough):
        return
    except HypothesisException:
        if smallest.failure is None:  # a policy that answers at random looks flaky to Hypothesis
            raise


def _pickled(policy: Policy) -> Policy | Failure:
    """A copy of the policy, as another process gets it."""
    try:
        copy: Policy = pickle.loads(pickle.dumps(policy))  # noqa: S301 - just made here
    except Exception as error:  # noqa: BLE001 - a policy may raise anything
        why = f"{type(error).__name__}: {error}; other processes need it: make it a function of a module"
        return Failure("picklable", why)
    return copy


_WHEN: Final = {"pure": "in a second run of the same scenario", "picklable": "its pickled copy"}


def _failure_in(scenario: Mapping[str, Any], policy: Policy, again: Mapping[str, Policy]) -> Failure | None:
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
    for what, other in again.items():
        questions = _Questions.of(other)
        second = questions.run(scenario)
        if isinstance(second, Failure):
            return second
        difference = first.difference(questions, _WHEN[what])
        if difference is None and not run.jobs.equals(second.jobs):
            difference = f"{_WHEN[what]} the jobs came in another order"
        if difference is not None:
            return Failure(what, difference)
    return None


@dataclass
class _Questions:
    """A policy that is asked more often than needed, its answers, and the first thing that is wrong."""

    policy: Policy
    user_policy: UserPolicy | None  # None: a built-in policy
    failure: Failure | None = None

    def __post_init__(self) -> None:
        self.answers: list[tuple[str, tuple[int, ...]]] = []
        self._before: tuple[str, JobView] | None = None
        self._length: int | None = None

    @classmethod
    def of(cls, policy: Policy) -> _Questions:
        """Find the function behind a policy."""
        known = queue_policy(policy)
        return cls(policy, known if isinstance(known, UserPolicy) else None)

    def run(self, scenario: Mapping[str, Any]) -> Run | Failure:
        """Simulate; what is wrong with the policy, if anything is, else the run."""
        try:
            return simulate(scenario, policy=self._probe())
        except PolicyError as error:
            return self.failure or Failure("total", str(error))

    def _probe(self) -> Policy:
        user_policy = self.user_policy
        if user_policy is None:
            return self.policy
        function = user_policy.function
        if user_policy.sees_service:
            return lambda job, view: self._ask(function, job, view)
        return lambda job: self._ask(function, job)

    def difference(self, other: _Questions, when: str) -> str | None:
        """The first answer that another run gave differently."""
        for (where, answer), (other_where, other_answer) in zip(self.answers, other.answers, strict=False):
            if where != other_where:
                return f"it was asked {where} {when} {other_where}"
            if answer != other_answer:
                return f"{where} it gave {answer!r}, {when} {other_answer!r}"
        return None

    def _ask(self, function: PolicyFunction, job: JobView, *view: ServiceView) -> tuple[int, ...]:
        where = f"for job {job.number}, submitted at {job.submitted_us} us,"
        where += "".join(f" at {one.now_us} us," for one in view)
        self.failure = next(self._failures(function, where, job, view), None)
        if self.failure is not None:
            raise PolicyError(self.failure.example)
        self._before = where, job
        return self.answers[-1][1]

    def _failures(
        self, function: PolicyFunction, where: str, job: JobView, view: tuple[ServiceView, ...]
    ) -> Iterator[Failure]:
        try:
            answer, again = function(job, *view), function(job, *view)
            if self._before is not None:
                function(self._before[1], *view)
            after_another = function(job, *view)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a policy may raise anything
            yield Failure("total", f"{where} it raised {type(error).__name__}: {error}")
            return
        if not isinstance(answer, tuple) or not all(isinstance(part, int) for part in answer):
            yield Failure("a function to tuples of ints", f"{where} it gave {answer!r}")
            return
        if self._length not in {None, len(answer)}:
            what = f"{where} it gave {answer!r}, before that tuples of length {self._length}"
            yield Failure("a function to tuples of ints of one length", what)
        if answer != again:
            yield Failure("deterministic", f"{where} it gave {answer!r} and then {again!r}")
        elif answer != after_another:
            what = f"{where} it gave {answer!r}, and after a question about another job {after_another!r}"
            yield Failure("pure", what)
        self._length = len(answer)
        self.answers.append((where, answer))
