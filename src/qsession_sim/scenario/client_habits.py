"""Habits of iterative clients: pauses, shots that change by iteration, and programs that end early."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from qsession_sim.scenario.quantities import Count, Distribution, Duration, Model, PositiveFloat

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
IterationNumber = Annotated[int, Field(strict=True, ge=1)]


class ResolvedPauses(Model):
    """Long times in the place of some think times: a user who goes to lunch."""

    probability: Probability
    duration: Distribution[Duration]


class EarlyStop(Model):
    """A program that converges: after each iteration from number `after` on, it may be the last one."""

    probability: Annotated[Probability, Field(description="the probability to stop after an iteration")]
    after: Annotated[
        IterationNumber, Field(description="the first iteration after which a client may stop; default 1")
    ] = 1


class _Growth(Model):
    at_least: Annotated[Count | None, Field(description="the smallest number of shots")] = None
    at_most: Annotated[Count | None, Field(description="the largest number of shots")] = None


class LinearShots(_Growth):
    """`step` more shots in each iteration than in the one before."""

    kind: Literal["linear"]
    step: Annotated[
        float,
        Field(
            allow_inf_nan=False,
            strict=True,
            description="the shots that each iteration adds or, below 0, removes",
        ),
    ]


class GeometricShots(_Growth):
    """`factor` times the shots of the iteration before."""

    kind: Literal["geometric"]
    factor: Annotated[PositiveFloat, Field(description="the factor from one iteration to the next")]


class ShotStep(Model):
    """Shots that hold from one iteration on."""

    from_iteration: Annotated[
        int, Field(strict=True, ge=2, description="the iteration from which these shots hold, at least 2")
    ]
    shots: Annotated[Count, Field(description="the number of shots of each circuit")]


class SteppedShots(Model):
    """Shots that the latest step says."""

    kind: Literal["steps"]
    steps: Annotated[
        tuple[ShotStep, ...],
        Field(min_length=1, description="a list of steps such as {from_iteration: 50, shots: 4000}"),
    ]


ShotsByIteration: TypeAlias = LinearShots | GeometricShots | SteppedShots
