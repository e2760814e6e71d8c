"""parametrize_policies: one test for every queue policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qsession_sim.testing.plugin import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from qsession_sim.policies.user import PolicyFunction


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
