"""What is varied: ranges for `tune`, and for sweeps a grid, random points or a Latin hypercube."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import numpy as np

from qsession_sim.errors import DurationError, StudyError, repeated
from qsession_sim.experiment.references import one_spelling
from qsession_sim.experiment.tasks import Configuration
from qsession_sim.scenario.yaml_source import read_value
from qsession_sim.units import format_duration, parse_duration

DIGITS: Final = 3
"""Significant digits of the values that are tried: enough to tell settings apart, few enough to be read. In a
narrow range there are more, so that steps are at most a hundredth of it."""

LOGARITHMIC_FROM: Final = 10
"""A range whose ends are at least this factor apart is searched on a logarithmic scale."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Kind = Literal["duration", "integer", "number"]


@dataclass(frozen=True)
class Range:
    """A value of the scenario and the range in which it is varied.

    Attributes:
        path: as for `--set`.
        low: smallest value; microseconds for a duration.
        high: largest value, above `low`.
        kind: what the values are.
    """

    path: str
    low: float
    high: float
    kind: Kind

    @property
    def logarithmic(self) -> bool:
        """Whether equal steps of the search are equal factors rather than equal differences."""
        return self.low > 0 and self.high >= LOGARITHMIC_FROM * self.low

    def value_at(self, share: float) -> float:
        """The value at a share of the way from `low` (0) to `high` (1), with few digits.

        Example:
            >>> read_range("a.interactive_timeout=1s..100s").value_at(0.5)
            10000000
            >>> read_range("a.clients=3..9").value_at(0.6)
            7
        """
        if self.logarithmic:
            exact = self.low * (self.high / self.low) ** share
        else:
            exact = self.low + share * (self.high - self.low)
        decimals = DIGITS - 1 - min(_magnitude(exact), _magnitude(self.high - self.low))
        value: float = min(max(round(exact, decimals), self.low), self.high)
        return value if self.kind == "number" else round(value)

    def share_of(self, value: float) -> float:
        """How far a value is on the way from `low` (0) to `high` (1).

        Example:
            >>> round(read_range("a.interactive_timeout=1s..100s").share_of(10_000_000), 6)
            0.5
        """
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def written(self, value: float) -> str:
        """A value as a scenario has it.

        Example:
            >>> read_range("a.interactive_timeout=1s..100s").written(27_300_000)
            '27s300ms'
        """
        return format_duration(round(value)) if self.kind == "duration" else f"{value:.12g}"

    def setting(self, value: float) -> str:
        """`PATH=VALUE`, for `--set`."""
        return f"{self.path}={self.written(value)}"


def read_range(text: str) -> Range:
    """Read `PATH=LOW..HIGH`, where both ends are durations, whole numbers or numbers.

    Raises:
        StudyError: if it is anything else.

    Example:
        >>> read_range("workload.vqe.interactive_timeout=1s..5m")
        Range(path='workload.vqe.interactive_timeout', low=1000000, high=300000000, kind='duration')
    """
    path, equals, ends = text.partition("=")
    low, dots, high = (part.strip() for part in ends.partition(".."))
    path = path.strip()
    if not (equals and path and dots and low and high):
        raise StudyError(
            f"--vary {text}: must be PATH=LOW..HIGH, such as workload.vqe.interactive_timeout=1s..300s"
        )
    kind, ends_read = _read_ends(text, (low, high))
    if ends_read[0] >= ends_read[1]:
        raise StudyError(f"--vary {text}: {low} must be less than {high}")
    return Range(path, *ends_read, kind)


def written_range(one: Range) -> str:
    """`PATH=LOW..HIGH` again.

    Example:
        >>> written_range(read_range("a = 1s .. 5m")), written_range(read_range("a=0.0..1.0"))
        ('a=1s..5m', 'a=0.0..1.0')
    """
    low, high = map(repr if one.kind == "number" else one.written, (one.low, one.high))  # 1.0 is no integer
    return f"{one.path}={low}..{high}"


def read_ranges(texts: Sequence[str]) -> tuple[Range, ...]:
    """Read the ranges of one or two settings.

    Raises:
        StudyError: if one cannot be read, a path is named twice, or there are none or more than two.
    """
    if isinstance(texts, str):
        raise StudyError(f"vary must be a list such as ['workload.vqe.clients=1..9'], not {texts!r}")
    if not 1 <= len(texts) <= 2:
        raise StudyError(
            f"--vary: one or two settings can be tuned, not {len(texts)}; fix the others with --set, "
            "or compare many with sweep"
        )
    ranges = tuple(read_range(text) for text in texts)
    if "seed" in {one.path for one in ranges}:
        raise StudyError("--vary seed: every replication has a seed of its own; vary anything else")
    if len({one.path for one in ranges}) < len(ranges):
        raise StudyError(f"--vary {texts[1]}: {ranges[0].path} is named twice")
    return ranges


def _magnitude(number: float) -> int:
    """The power of ten of the first digit; that of 1 for 0."""
    return math.floor(math.log10(abs(number))) if number else 0


def _read_ends(text: str, ends: tuple[str, str]) -> tuple[Kind, tuple[float, float]]:
    numbers = [_NUMBER.fullmatch(end) for end in ends]
    if all(numbers):
        if all(end.lstrip("+-").isdecimal() for end in ends):
            return "integer", (int(ends[0]), int(ends[1]))
        low, high = (float(end) for end in ends)
        if math.isfinite(low) and math.isfinite(high):
            return "number", (low, high)
        raise StudyError(f"--vary {text}: a number is too large")
    if any(numbers):
        raise StudyError(f"--vary {text}: both ends need a unit, or neither, such as 1s..300s or 1..9")
    try:
        return "duration", (parse_duration(ends[0]), parse_duration(ends[1]))
    except DurationError as error:
        raise StudyError(f"--vary {text}: {error}") from None


Sampling = Literal["grid", "random", "latin_hypercube"]

_OPENING: Final = "[{("
_CLOSING: Final = "]})"
_DIGITS: Final = 6
_MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True)
class Variation:
    """A setting and what it may be.

    Attributes:
        path: as for `--set`.
        values: each as it is written in a scenario; empty for a range.
        range: where the values are; None: they are given.
    """

    path: str
    values: tuple[str, ...]
    range: Range | None = None

    def at(self, share: float) -> str:
        """The value at a share of the way, from 0 up to but without 1; of a range it has few digits.

        Example:
            >>> read_variation("a=1s..9s").at(0.5), read_variation("a=x,y").at(0.5)
            ('5s', 'y')
        """
        if self.range is None:
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        low, width = self.range.low, self.range.high - self.range.low
        if self.range.kind == "integer":
            return str(int(low) + min(int(share * (width + 1)), int(width)))
        value = min(max(float(f"{low + share * width:.{_DIGITS}g}"), low), self.range.high)
        return format_duration(round(value)) if self.range.kind == "duration" else repr(value)


def read_variations(vary: Mapping[str, Any] | Sequence[str], sampling: str) -> tuple[Variation, ...]:
    """Read what is varied.

    Args:
        vary: `PATH=V1,V2,…` or `PATH=LOW..HIGH` texts, or a mapping from paths to lists of values or such
            texts.
        sampling: `grid`, which takes values only, `random` or `latin_hypercube`.

    Raises:
        StudyError: if something cannot be read, or a path is named twice.

    Example:
        >>> read_variations({"policies.hold": ["exclusive", "shared"]}, "grid")[0].values
        ('exclusive', 'shared')
    """
    if sampling not in get_args(Sampling):
        raise StudyError(f"sampling must be one of {', '.join(get_args(Sampling))}, not {sampling!r}")
    if isinstance(vary, str) or not isinstance(vary, Mapping | Sequence):
        raise StudyError(f"vary must be a list such as ['policies.hold=exclusive,shared'], not {vary!r}")
    if isinstance(vary, Mapping):
        read = tuple(_of_values(path, values) for path, values in vary.items())
    else:
        read = tuple(map(read_variation, vary))
    if not read:
        raise StudyError("a sweep needs something to vary, such as 'policies.hold=exclusive,shared'")
    paths = [variation.path for variation in read]
    if twice := repeated(paths):
        raise StudyError(f"--vary: {twice} is named twice")
    if "seed" in paths:
        raise StudyError("--vary seed: every replication has a seed of its own; vary anything else")
    ranges = [variation.path for variation in read if not variation.values]
    if ranges and sampling == "grid":
        raise StudyError(
            f"--vary {ranges[0]}: a grid takes values, such as 1s,5s,30s; for a range choose random or "
            f"latin_hypercube sampling, on the command line with --sample latin-hypercube:50"
        )
    return read


def read_variation(text: str) -> Variation:
    """Read `PATH=V1,V2,…`, each value in YAML, or `PATH=LOW..HIGH`.

    Raises:
        StudyError: if it is neither.

    Example:
        >>> read_variation("qpus.a.service_time={model: executions, overhead: 1s},{model: executions}").values
        ('{model: executions, overhead: 1s}', '{model: executions}')
    """
    path, equals, values = text.partition("=") if isinstance(text, str) else ("", "", "")
    path = path.strip()
    if not (equals and path and values.strip()):
        raise StudyError(f"--vary {text}: must be PATH=V1,V2,…, such as policies.hold=exclusive,shared")
    if ".." in values and not any(mark in values for mark in ",[{("):
        return Variation(path, (), read_range(text))
    parts = tuple(part.strip() for part in _split(values))
    if "" in parts:
        raise StudyError(f"--vary {text}: a value is empty")
    return _checked(path, parts)


def sampled(
    variations: Sequence[Variation], sampling: Sampling, points: int, seed: int
) -> Iterator[tuple[str, ...]]:
    """Points between the ends of ranges and among values.

    Random points are independent and uniform. A Latin hypercube has, in each setting, one point in each of
    as many equal parts as there are points: M. D. McKay, R. J. Beckman and W. J. Conover, "A comparison of
    three methods for selecting values of input variables in the analysis of output from a computer code",
    Technometrics 21 (1979); by `scipy.stats.qmc.LatinHypercube`.

    Args:
        variations: what is varied.
        sampling: `random` or `latin_hypercube`.
        points: how many, at least 1.
        seed: of the study.
    """
    # a child that no replication has: those have keys of one number
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 0)))
    if sampling == "latin_hypercube":
        from scipy.stats.qmc import LatinHypercube

        shares = LatinHypercube(d=len(variations), rng=generator).random(points)
    else:
        shares = generator.random((points, len(variations)))
    for row in shares:
        yield tuple(variation.at(float(share)) for variation, share in zip(variations, row, strict=True))


def sweep_points(
    bases: Sequence[Configuration],
    variations: Sequence[Variation],
    sampling: Sampling,
    points: int | None,
    seed: int,
) -> tuple[Configuration, ...]:
    """The configurations of a sweep, named by their settings and, if there are several, by their base.

    Those come first that together have every value of a grid, so that what cannot be used shows at once.

    Args:
        bases: what every point is simulated with.
        variations: what is varied.
        sampling: how points are chosen.
        points: how many are sampled; None for a grid.
        seed: of the study.

    Raises:
        StudyError: if the number of points is missing, out of range or too large.

    Example:
        >>> variations = read_variations(["a=1,2"], "grid")
        >>> [made.name for made in sweep_points([Configuration("x")], variations, "grid", None, 7)]
        ['a=1', 'a=2']
    """
    if sampling == "grid":
        if points is not None:
            raise StudyError("a grid has all combinations; leave the number of points out, or sample them")
        values_of = [variation.values for variation in variations]
        count = math.prod(map(len, values_of))
        if count > _MOST_POINTS:
            raise StudyError(f"the grid has {count:,} points; sample at most {_MOST_POINTS:,} of them")
        chosen = dict.fromkeys((*_diagonal(values_of), *itertools.product(*values_of)))
    else:
        whole = isinstance(points, int) and not isinstance(points, bool)
        if points is None or not whole or not 1 <= points <= _MOST_POINTS:
            raise StudyError(
                f"{sampling} sampling needs a number of points from 1 to {_MOST_POINTS:,}, not {points!r}"
            )
        # of few values a sample takes some more than once
        chosen = dict.fromkeys(sampled(variations, sampling, points, seed))
    made = []
    for values in chosen:
        settings = tuple(f"{one.path}={value}" for one, value in zip(variations, values, strict=True))
        for base in bases:
            name = " ".join(settings if len(bases) == 1 else (base.name, *settings))
            made.append(replace(base, name=name, overrides=(*base.overrides, *settings)))
    return tuple(made)


def crossed(policies: Sequence[str], holds: Sequence[str], routing: str | None) -> list[Configuration]:
    """Each queue policy with each hold policy, named after what differs; without any the scenario's.

    Example:
        >>> [made.name for made in crossed(["fifo", "lifo"], ["exclusive"], None)]
        ['fifo', 'lifo']
        >>> [made.name for made in crossed(["fifo"], ["exclusive", "shared"], None)]
        ['exclusive', 'shared']
        >>> [made.name for made in crossed(["fifo", "lifo"], ["exclusive", "shared"], None)][1]
        'fifo, shared'
    """
    made = []
    for policy in (*map(one_spelling, policies),) or (None,):
        for hold in (*holds,) or (None,):
            names = [policy] if len(policies) > 1 or len(holds) < 2 else []
            names += [hold] if len(holds) > 1 else []
            made.append(Configuration(", ".join(name for name in names if name), policy, hold, routing))
    return made


def written(variation: Variation) -> str:
    """`PATH=V1,V2,…` or `PATH=LOW..HIGH` again.

    Example:
        >>> written(read_variation("a = 1s .. 9s")), written(read_variation("a=1..1234567"))
        ('a=1s..9s', 'a=1..1234567')
    """
    if variation.range is None:
        return f"{variation.path}={','.join(variation.values)}"
    return written_range(variation.range)


def _diagonal(values_of: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for number in range(max(map(len, values_of))):
        yield tuple(values[number % len(values)] for values in values_of)


def _of_values(path: str, values: Any) -> Variation:
    if isinstance(values, str):
        return read_variation(f"{path}={values}")
    if not isinstance(values, Sequence) or not values:
        raise StudyError(f"vary {path!r}: must be a list of values, not {values!r}")
    written = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)
    return _checked(path, tuple(written))


def _checked(path: str, values: tuple[str, ...]) -> Variation:
    for value in values:
        try:
            read_value(value)
        except ValueError as error:
            raise StudyError(f"--vary {path}={value}: {error}") from None
    if twice := repeated(values):
        raise StudyError(f"--vary {path}: {twice} is given twice")
    return Variation(path, values)


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no brackets and no quotation marks."""
    depth, quote, start = 0, "", 0
    for position, mark in enumerate(text):
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark in _OPENING:
            depth += 1
        elif mark in _CLOSING:
            depth -= 1
        elif mark == "," and depth == 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]
