"""How long it takes to read a trace with dates and lengths of time, compared with one of plain numbers.

Both have the same jobs. The script prints the medians of the time in which the scenario is loaded, where the
first date is looked for, and of that in which the jobs are read and drawn; and the ratio of both in all.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import qsession_sim as qs

JOBS = 1_000_000
ROUNDS = 9
DAY_US = 86_400_000_000


def written(folder: Path) -> tuple[Path, Path]:
    """The jobs of a week in numbers, and with dates and lengths."""
    random = np.random.default_rng(7)
    at_us = np.sort(random.integers(0, 7 * DAY_US, JOBS))
    long_us = random.integers(1, 1_000_000_000, JOBS)
    plain, dated = folder / "plain.csv", folder / "dated.csv"
    pl.DataFrame({"submitted_us": at_us, "qpu_time_us": long_us}).write_csv(plain)
    clock = [pl.col("long") // (per * 1_000_000) % most for per, most in ((3600, 24), (60, 60), (1, 60))]
    padded = [part.cast(pl.String).str.zfill(2) for part in clock]
    fraction = (pl.col("long") % 1_000_000).cast(pl.String).str.zfill(6)
    pl.DataFrame({"at": pl.Series(at_us).cast(pl.Datetime("us")), "long": long_us}).select(
        pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").alias("submitted_us"),
        pl.format("{}:{}:{}.{}", *padded, fraction).alias("qpu_time_us"),
    ).write_csv(dated)
    return plain, dated


def seconds(file: Path) -> tuple[float, float]:
    """How much processor time it takes to load a trace as a scenario, and to draw it."""
    begin = time.process_time()
    scenario = qs.load_scenario(file)
    loaded = time.process_time()
    assert len(qs.draw(scenario.resolved, scenario.directory).jobs) == JOBS
    return loaded - begin, time.process_time() - loaded


def main() -> None:
    """Print the medians, and that of the ratios of both files in turn."""
    with tempfile.TemporaryDirectory() as folder:
        files = written(Path(folder))
        rounds = [[seconds(file) for file in files] for _ in range(ROUNDS)]
    for number, file in enumerate(files):
        loading, drawing = (statistics.median(times[number][part] for times in rounds) for part in (0, 1))
        print(f"{file.name}: loading {loading:.3f} s, reading and drawing {drawing:.3f} s")
    ratio = statistics.median(sum(dated) / sum(plain) for plain, dated in rounds)
    print(f"dates and lengths take {ratio:.2f} times as long as numbers")


if __name__ == "__main__":
    main()
