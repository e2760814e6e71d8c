"""`python -m qsession_sim.verification.small_scope`: runs all cases of a size and reports."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import fields

from qsession_sim.verification.small_scope.cases import Scope
from qsession_sim.verification.small_scope.coverage import EVENTS_OUTSIDE, RANKS_OUTSIDE, Coverage, names_of
from qsession_sim.verification.small_scope.exploration import Played, Tally, explore

SECONDS_BETWEEN_NOTES = 30.0


def main(arguments: list[str] | None = None) -> int:
    """Run a size, print what was found, and return the exit status: 0, or 1 if anything is wrong."""
    given = _parser().parse_args(arguments)
    seconds = given.seconds
    scope = Scope(**{item.name: getattr(given, item.name) for item in fields(Scope)})
    played = Played(given.played, given.ends, given.watched, given.seed)
    began = noted = time.monotonic()

    so_far = Tally()

    def note(tally: Tally) -> None:
        nonlocal noted, so_far
        so_far = tally
        if seconds is not None and time.monotonic() - began >= seconds:
            raise TimeoutError
        if time.monotonic() - noted >= SECONDS_BETWEEN_NOTES:
            noted = time.monotonic()
            print(f"{tally.cases:,} cases after {noted - began:.0f} s", file=sys.stderr)

    try:
        tally = explore(scope, played, workers=given.workers, sample=given.sample, progress=note)
    except TimeoutError:
        tally = so_far
        print(f"stopped after {seconds} s, so not all cases were run")
    print("\n".join(report(tally)))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0 if tally.is_good else 1


def report(tally: Tally) -> Iterator[str]:
    """What was found, as lines."""
    broken = ", ".join(f"{rule}: {number:,}" for rule, number in tally.violations.items())
    yield f"cases                        {tally.cases:>15,}"
    yield f"distinct schedules           {len(tally.schedules):>15,}"
    yield f"violations                   {sum(tally.violations.values()):>15,}  {broken}".rstrip()
    yield f"played by the naive model    {tally.played:>15,}"
    yield f"  and to their own end (S6)  {tally.ends:>15,}"
    yield f"run by the scheduler, too    {tally.watched:>15,}"
    yield f"differences                  {tally.differences:>15,}"
    yield from _coverage(tally.coverage)
    yield from tally.examples


def _coverage(coverage: Coverage) -> Iterator[str]:
    for what, occurred, outside, missing in (
        ("pairs of phase and event", coverage.events, EVENTS_OUTSIDE, coverage.missing[0]),
        ("pairs of ranks in an instant", coverage.ranks, RANKS_OUTSIDE, coverage.missing[1]),
    ):
        counts = (len(occurred), len(outside), len(missing))
        yield "{}: {} occurred, {} need what no case has, {} are missing".format(what, *counts)
        yield f"  occurred: {', '.join(names_of(sorted(occurred)))}"
        for feature in sorted(set(outside.values())):
            pairs = sorted(pair for pair, needed in outside.items() if needed == feature)
            yield f"  need {feature}: {', '.join(names_of(pairs))}"
        if missing:
            yield f"  missing in this size: {', '.join(names_of(missing))}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m qsession_sim.verification.small_scope", description="Run and check every small case."
    )
    for name, default, meaning in (
        ("jobs", 4, "at most so many; for each one less there may be one more of the extras"),
        ("sessions", Scope.sessions, "at most so many of mode session"),
        ("batches", Scope.batches, "at most so many"),
        ("instants", Scope.instants, "at which jobs are submitted"),
        ("orders", Scope.orders, "instants at which sessions are closed or cancelled, and jobs cancelled"),
        ("played", 5_000, "the naive model plays one case in so many; 1: all, 0: none"),
        ("ends", 50_000, "the same of runs of one case to its own end"),
        ("watched", 50, "one piece in so many is also run by the scheduler, and its pairs are noted"),
        ("seed", 0, "of the choice"),
        ("workers", 1, "processes"),
    ):
        _add(parser, name, default, meaning)
    parser.add_argument(
        "--sample", type=int, metavar="N", help="instead of all cases, about so many of the largest shapes"
    )
    parser.add_argument(
        "--seconds", type=int, metavar="N", help="stop after so long, and report what was run"
    )
    return parser


def _add(parser: argparse.ArgumentParser, name: str, default: int, meaning: str) -> None:
    least = 1 if name in {"jobs", "instants", "orders", "watched", "workers"} else 0

    def read(text: str) -> int:
        number = int(text)
        if number < least:
            raise ValueError(text)
        return number

    read.__name__ = f"whole number from {least}"  # argparse says it where it is none
    parser.add_argument(f"--{name}", type=read, default=default, metavar="N", help=f"{meaning} [{default}]")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
