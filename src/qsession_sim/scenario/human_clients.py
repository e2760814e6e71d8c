"""The human form of pauses and of users, and their way to the resolved form."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from qsession_sim.scenario.client_habits import Probability, ResolvedPauses
from qsession_sim.scenario.quantities import Constant, Count, Model
from qsession_sim.scenario.spellings import ActivitySpelling, DurationSpelling
from qsession_sim.scenario.user_populations import ResolvedUsers, UserCount

_EQUAL: Final = Constant[Count].model_construct(kind="constant", value=1.0)


class HumanPauses(Model):
    """Long times in the place of some think times: a user who goes to lunch."""

    probability: Annotated[
        Probability, Field(description="the probability that a pause takes the place of a think time")
    ]
    duration: Annotated[DurationSpelling, Field(description="the time that a pause lasts")]


class HumanUsers(Model):
    """Users who share what a source submits; each has an account of its own."""

    count: Annotated[UserCount, Field(description="the number of users")]
    activity: Annotated[
        ActivitySpelling | None,
        Field(description="the weights by which users share the submissions; default: all equal"),
    ] = None


def resolve_pauses(pauses: HumanPauses | None) -> ResolvedPauses | None:
    """Pauses as they are drawn; None where there are none."""
    if pauses is None:
        return None
    return ResolvedPauses.model_construct(probability=pauses.probability, duration=pauses.duration)


def resolve_users(users: HumanUsers | None) -> ResolvedUsers | None:
    """Users with their activity; None where one account submits everything."""
    if users is None:
        return None
    return ResolvedUsers.model_construct(
        count=users.count, activity=_EQUAL if users.activity is None else users.activity
    )
