"""The human form of a QPU's service time.

One model holds the keys of all service-time models; `service_contradictions` says which belong together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qsession_sim.scenario.quantities import Coefficient, Duration, Model, PositiveDuration, PositiveFloat
from qsession_sim.scenario.service_models import Coefficients, Fit, NoNoise
from qsession_sim.scenario.spellings import Name, NoiseSpelling, WholeNumber


class HumanColumns(Model):
    """The columns of a file of measurements."""

    time: Annotated[Name, Field(description="the column with measured QPU times in seconds")]
    shots: Annotated[Name | None, Field(description="the column with shots of each circuit")] = None
    circuits: Annotated[Name | None, Field(description="the column with circuits; default: one each")] = None
    qubits: Annotated[Name | None, Field(description="the column with qubits")] = None
    depth: Annotated[Name | None, Field(description="the column with circuit depths")] = None


class HumanServiceTime(Model):
    """How QPU times follow from what a job is."""

    preset: Annotated[
        Name | None, Field(description="the name of a device family whose numbers to start from")
    ] = None
    model: Annotated[
        Literal["executions", "clops", "linear", "fitted", "given"],
        Field(description="the service-time model"),
    ] = "executions"
    overhead: Annotated[Duration | None, Field(description="the time that every sub-job takes")] = None
    per_execution: Annotated[Duration | None, Field(description="the time of one shot of one circuit")] = None
    rep_delay: Annotated[Duration | None, Field(description="the delay between executions")] = None
    circuit_length: Annotated[Duration | None, Field(description="the time that a circuit itself runs")] = (
        None
    )
    executions_per_subjob: Annotated[
        WholeNumber | None, Field(description="the most executions of a sub-job; default: no limit")
    ] = None
    clops: Annotated[PositiveFloat | None, Field(description="the circuit layers per second")] = None
    intercept: Annotated[Coefficient | None, Field(description="where the straight line starts")] = None
    coefficients: Annotated[
        Coefficients | None, Field(description="what executions, qubits and depth add")
    ] = None
    least: Annotated[PositiveDuration | None, Field(description="the shortest time of the straight line")] = (
        None
    )
    file: Annotated[Name | None, Field(description="the CSV file of measurements, may be gzipped")] = None
    columns: Annotated[
        HumanColumns | None, Field(description="which columns of the file the line is fitted to")
    ] = None
    fit: Annotated[Fit | None, Field(description="how well the line fits; written by resolution")] = None
    noise: Annotated[NoiseSpelling, Field(description="a random factor on the whole QPU time, or none")] = (
        NoNoise(kind="none")
    )
