"""Populations of users who share the submissions of a source, some more active than others."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from qsession_sim.scenario.quantities import (
    Choice,
    Constant,
    Count,
    Empirical,
    Erlang,
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Model,
    NonNegativeFloat,
    Pareto,
    Uniform,
    Weibull,
)

MOST_USERS: Final = 1_000_000
"""The most users of a source; each is an account with a name."""


class Zipf(Model):
    """The activity of user n is 1 / n^exponent; with exponent 0 all are equally active."""

    kind: Literal["zipf"]
    exponent: Annotated[
        NonNegativeFloat,
        Field(description="the exponent, at least 0; the larger, the less active are later users"),
    ]


# not a union with the union `Distribution`, of which pydantic's locations would name the kind twice
Activity: TypeAlias = Annotated[
    Constant[Count]
    | Uniform[Count]
    | Exponential[Count]
    | Lognormal[Count]
    | Gamma[Count]
    | Weibull[Count]
    | Pareto[Count]
    | Erlang[Count]
    | Hyperexponential[Count]
    | Choice[Count]
    | Empirical[Count]
    | Zipf,
    Field(discriminator="kind"),
]
"""Weights of users: drawn once for each, or by rank."""

UserCount = Annotated[int, Field(strict=True, ge=1, le=MOST_USERS)]


class ResolvedUsers(Model):
    """Users of a source. The account of user n is the source's account with `-n` after it."""

    count: UserCount
    activity: Activity
