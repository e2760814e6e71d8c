"""Dates and lengths of time in traces, and what their time 0 is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_files import draw, problems, swf

import qsession_sim as qs
from qsession_sim.report.run_rows import left_out
from qsession_sim.scenario.trace_times import dates_us, lengths_us
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import LONGEST_US, format_duration

DAY = 86_400_000_000
APRIL_2 = datetime(2024, 4, 2, tzinfo=UTC)
OF_APRIL_2 = (54 * 365 + 13 + 31 + 29 + 31 + 1) * DAY  # 54 years, of which 13 have a day more


def table(folder, text, **source):
    return draw(folder, "a.csv", text, **source)


def start_of(folder, name="a.csv", **keys):
    workload = [{"kind": "trace", "file": str(folder / name), **keys.pop("source", {})}]
    return qs.load_scenario({"workload": workload, **keys}).resolved.start


@pytest.mark.parametrize(
    ("text", "since_us"),
    [
        ("2024-04-02", 0),
        ("2024-04-02T08:00", 8 * 3600 * 1_000_000),
        ("2024-04-02 08:00:01", (8 * 3600 + 1) * 1_000_000),
        ("2024-04-02T00:00:00.25", 250_000),
        ("2024-04-02T00:00:00,25Z", 250_000),
        ("2024-04-02T02:30:00+02:00", 30 * 60 * 1_000_000),
        ("2024-04-01T20:30:00-0330", 0),
        ("2024-04-01T20:00:00-04", 0),
        ("2024-04-02 00:00:00 UTC", 0),
        ("20240402T000001Z", 1_000_000),
        (" 2024-04-02 ", 0),
        ("2024-04-02T00:00:00.0000005Z", 0),  # half to even
        ("2024-04-02T00:00:00.0000015Z", 2),
        ("2024-04-02T00:00:00.0000005" + 20 * "0" + "1", 1),
        ("2024-04-02T00:00:00.000000" + 70 * "9", 1),
    ],
)
def test_dates_are_read_exactly(text, since_us):
    times = dates_us(pl.Series([text]))

    assert (times.values_us.tolist(), times.usable.tolist()) == ([OF_APRIL_2 + since_us], [True])


def test_the_day_of_these_tests_is_counted_by_hand():
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=OF_APRIL_2) == APRIL_2


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-04-00",
            "2024-04-31",
            "2024-04-02T24:00",
            "soon",
            "",
        ),
        *(
            "2024-04-02T08:60",
            "2024-04-02T08:00:60",
            "2024-04-02T08:00:00+24:00",
            "2024-04-02T",
            "12",
            "24-04-02",
        ),
        "2024-02-30T00:00:00." + 60 * "1",
    ],
)
def test_what_is_no_date_is_told(text):
    times = dates_us(pl.Series([text, None]))

    assert (times.values_us.tolist(), times.usable.tolist()) == ([0, 0], [False, False])


@given(st.lists(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.none()), min_size=1))  # noqa: DTZ001
def test_every_date_is_that_of_the_standard_library(dates):
    since = [value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC) for value in dates]

    times = dates_us(pl.Series([value.isoformat() for value in dates]))

    assert times.values_us.tolist() == [value // timedelta(microseconds=1) for value in since]
    assert times.usable.all()
    assert times.local.all()


MIXED = [
    "2024-04-02T08:00:00Z", "2024-04-02T08:00:00.5Z", " 2024-04-02 ", None, "2024-04-02\u2003", "soon", "",
    "20240402T080000Z", "2024-02-30", "2024-04-02T08:00:00+02:00", "2024-04-02T00:00:00." + 60 * "1", "12", "\t",
    "1:2:3", "90:30", "1.5s", "2h30m", "1 day, 02:00:00", " 45s", "10\u00b5s", 70 * "9" + "s", "00:01:00",
]  # fmt: skip


@pytest.mark.parametrize("read", [dates_us, lengths_us])
@pytest.mark.parametrize(("at_once", "shapes"), [(1, 1), (4, 1), (7, 2), (1 << 15, 32)])
def test_a_text_means_the_same_whatever_is_around_it(monkeypatch, read, at_once, shapes):
    texts = Random(at_once).sample(3 * MIXED, k=3 * len(MIXED))
    alone = {text: read(pl.Series([text], dtype=pl.String)) for text in MIXED}
    monkeypatch.setattr("qsession_sim.scenario.trace_times._AT_ONCE", at_once)
    monkeypatch.setattr("qsession_sim.scenario.trace_times._MOST_SHAPES", shapes)

    times = read(pl.Series(texts))

    for name in ("values_us", "usable", "local"):
        assert getattr(times, name).tolist() == [getattr(alone[text], name)[0] for text in texts]


@pytest.mark.parametrize("read", [dates_us, lengths_us])
def test_texts_of_which_no_two_are_alike_take_a_look_each(monkeypatch, read):
    """And one more for each of the shapes that are tried at once: none of these texts is seen twice."""
    looks = []
    for name in ("_date_shape", "_length_shape"):
        monkeypatch.setattr(f"qsession_sim.scenario.trace_times.{name}", looks.append)
    words = ["".join(letters) for letters in permutations("abcdefg")]

    assert not read(pl.Series(words)).usable.any()
    assert len(looks) == len(words) + 32


@pytest.mark.parametrize(
    ("text", "length_us"),
    [
        ("01:30:00", 5_400_000_000),
        ("1:2:3", 3_723_000_000),
        ("90:30", 5_430_000_000),
        ("100:00:00", 360_000_000_000),
        ("2-03:00:00", 2 * DAY + 10_800_000_000),
        ("00:00:00.0000015", 2),
        ("00:00:00.0000025", 2),
        ("00:00:01.000001", 1_000_001),
        ("0 days 00:00:10", 10_000_000),
        ("1 days 00:00:00.000000500", DAY),
        ("1 day, 02:00:00", DAY + 7_200_000_000),
        ("3 days", 3 * DAY),
        ("2h30m", 9_000_000_000),
        (" 1h 0.5s ", 3_600_500_000),
        ("1ms0.5us", 1_000),  # 1000.5 is rounded to the even one
        ("1ms1.5us", 1_002),
        ("0.25w", 7 * DAY // 4),
        ("1.5h1.5m", 5_490_000_000),
        ("1.5s" + 60 * " ", 1_500_000),
        ("0." + 30 * "0" + "1s", 0),
        ("00:00:00.0000005" + 50 * "0" + "1", 1),
        ("-00:00:01", -1_000_000),
    ],
)
def test_lengths_are_read_exactly(text, length_us):
    times = lengths_us(pl.Series([text]))

    assert (times.values_us.tolist(), times.usable.tolist()) == ([length_us], [True])


@pytest.mark.parametrize(
    "text",
    [
        *("00:60", "00:60:00", "1-24:00:00", "1-00:60:00", "1:2:3:4", "1:2:3.", "10", "s", "1.5", "1 month"),
        *("-1 days +23:59:59", "99999999999999999999s", "-00:00:60." + 60 * "1", "\u0663s", "1e3s"),
    ],
)
def test_what_is_no_length_is_told(text):
    times = lengths_us(pl.Series([None, text]))

    assert (times.values_us.tolist(), times.usable.tolist()) == ([0, 0], [False, False])


@given(st.lists(st.integers(0, LONGEST_US - 1), min_size=1))
def test_lengths_that_are_written_are_read_back(lengths):
    assert (
        lengths_us(pl.Series([format_duration(length) for length in lengths])).values_us.tolist() == lengths
    )


@given(st.lists(st.decimals(0, 10**6, places=8), min_size=1))
def test_seconds_are_rounded_half_to_even_once(seconds):
    exact = [round(Fraction(value) * 1_000_000) for value in seconds]

    assert lengths_us(pl.Series([f"{value:f}s" for value in seconds])).values_us.tolist() == exact


def test_dates_and_lengths_need_no_unit(tmp_path):
    text = "when,long\n2024-04-02T08:00:00Z,00:00:10\n2024-04-02T10:00:02.5+02:00,1.5s\n"

    workload = table(tmp_path, text, columns={"submitted": "when", "qpu_time": "long"})

    assert workload.jobs.at_us.tolist() == [0, 2_500_000]
    assert workload.jobs.qpu_time_us.tolist() == [10_000_000, 1_500_000]
    assert [*left_out(workload)] == [
        "trace: time 0 is 2024-04-02T08:00:00Z, the first time in the file; origin says another"
    ]
    assert start_of(tmp_path, source={"columns": {"submitted": "when"}}) == APRIL_2 + timedelta(hours=8)


def test_dates_without_an_offset_are_utc_and_that_is_said_once(tmp_path):
    text = "submitted_us,qpu_time_us\n2024-04-02T08:00:01,5\n2024-04-02T08:00:00.5,5\n"

    workload = table(tmp_path, text)

    assert workload.jobs.at_us.tolist() == [500_000, 0]
    assert [*left_out(workload)] == [
        "trace: dates without an offset are read as UTC",
        "trace: time 0 is 2024-04-02T08:00:00.5Z, the first time in the file; origin says another",
    ]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_timestamps_and_durations_of_parquet(tmp_path, unit, zone):
    """08:00 UTC is 04:00 in New York in April; the instant is the same."""
    at = pl.Series([APRIL_2 + timedelta(hours=8), APRIL_2 + timedelta(hours=8, milliseconds=5)])
    at = at.dt.replace_time_zone(None).cast(pl.Datetime(unit))
    if zone:
        at = at.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    lengths = pl.Series([timedelta(seconds=1), timedelta(milliseconds=7)]).cast(pl.Duration(unit))
    pl.DataFrame({"submitted_us": at, "qpu_time_us": lengths}).write_parquet(tmp_path / "a.parquet")

    workload = draw(tmp_path, "a.parquet")

    assert workload.jobs.at_us.tolist() == [0, 5_000]
    assert workload.jobs.qpu_time_us.tolist() == [1_000_000, 7_000]
    assert workload.left_out[0].notes[:-1] == (() if zone else ("dates without an offset are read as UTC",))
    assert start_of(tmp_path, "a.parquet") == APRIL_2 + timedelta(hours=8)


def test_nanoseconds_of_parquet_are_rounded_half_to_even(tmp_path):
    frame = pl.DataFrame({"submitted_us": [0, 500, 1500, 2501], "qpu_time_us": [1500, 2500, None, 10**9]})
    frame.with_columns(
        pl.col("submitted_us").cast(pl.Datetime("ns", "UTC")), pl.col("qpu_time_us").cast(pl.Duration("ns"))
    ).write_parquet(tmp_path / "a.parquet")

    workload = draw(tmp_path, "a.parquet")

    assert workload.jobs.at_us.tolist() == [0, 0, 3]
    assert workload.jobs.qpu_time_us.tolist() == [2, 2, 1_000_000]


def test_days_of_parquet_are_dates(tmp_path):
    days = [date(2024, 4, 3), date(2024, 4, 2), None]
    pl.DataFrame({"submitted_us": days, "qpu_time_us": [1, 1, 0]}).write_parquet(tmp_path / "a.parquet")

    assert draw(tmp_path, "a.parquet").jobs.at_us.tolist() == [DAY, 0]


def test_each_column_has_its_unit(tmp_path):
    """1.5 ms, and 2500 ns, which is 2.5 us and rounded to the even one; the think time has the common unit."""
    text = "id,t,d,w,a\nx,0,2500,,\ny,1.5,3500.5,2,x\nz,1.5,1e3,,\n"
    columns = {"job": "id", "after": "a", "think": "w", "unit": "s"}
    columns |= {"submitted": {"name": "t", "unit": "ms"}, "qpu_time": {"name": "d", "unit": "ns"}}

    workload = table(tmp_path, text, columns=columns)

    assert workload.jobs.at_us.tolist() == [0, NEVER, 1_500]
    assert workload.jobs.qpu_time_us.tolist() == [2, 4, 1]
    assert workload.jobs.think_us.tolist() == [0, 2_000_000, 0]


@pytest.mark.parametrize("of", ["text", "float", "integer"])
def test_nanoseconds_are_read_from_every_type(tmp_path, of):
    values = {"text": ["500", "1500"], "float": [500.0, 1500.0], "integer": [500, 1500]}[of]
    pl.DataFrame({"t": values, "qpu_time_us": [1, 1]}).write_parquet(tmp_path / "a.parquet")

    workload = draw(tmp_path, "a.parquet", columns={"submitted": {"name": "t", "unit": "ns"}})

    assert workload.jobs.at_us.tolist() == [0, 2]
    found = problems(
        tmp_path,
        "a.csv",
        "t,qpu_time_us\n1,1\nx,1\n1e40,1\nnan,1\n",
        columns={"submitted": "t", "unit": "ns"},
    )
    assert [line.rpartition(": ")[2] for line in found[:-1]] == [
        f"not a number that can be used (got '{value}')" for value in ("x", "1e40", "nan")
    ]


def test_numbers_without_a_unit_are_refused_by_name(tmp_path):
    text = "t,d\n2024-04-02,10s\n2024-04-02,10\n"

    assert problems(tmp_path, "a.csv", text, columns={"submitted": "t", "qpu_time": "d"}) == [
        (
            "workload.trace: a.csv: column 'd' holds numbers without a unit; "
            "give it, such as columns: {qpu_time: {name: d, unit: s}}"
        )
    ]
    zero = table(tmp_path, text.replace("10\n", "0\n"), columns={"submitted": "t", "qpu_time": "d"})
    assert zero.left_out[0].unrun_jobs == 1


def test_a_start_and_an_end_give_the_qpu_time(tmp_path):
    text = "who,submitted_us,b,e\n1,0,10,15\n2,1,20,\n3,2,,\n4,3,30,30\n5,4,40,41.5\n"
    columns = {"started": "b", "finished": {"name": "e", "unit": "s"}, "unit": "s"}

    workload = table(tmp_path, text, columns=columns)

    assert workload.jobs.at_us.tolist() == [0, 4]
    assert workload.jobs.qpu_time_us.tolist() == [5_000_000, 1_500_000]
    assert workload.left_out[0].unrun_jobs == 3
    dates = "submitted_us,started_us,finished_us\n2024-04-02,2024-04-02T00:00:01,2024-04-02T00:00:03.5\n"
    assert table(tmp_path, dates).jobs.qpu_time_us.tolist() == [2_500_000]


def test_an_end_before_the_start_is_malformed(tmp_path):
    found = problems(tmp_path, "a.csv", "submitted_us,started_us,finished_us\n0,2,3\n0,3,2\n")

    assert found[0] == "workload.trace: a.csv, line 3: finished_us: before started_us"


def test_a_qpu_time_goes_before_a_start_and_an_end(tmp_path):
    text = "submitted_us,started_us,finished_us,qpu_time_us\n0,x,y,7\n"

    assert table(tmp_path, text).jobs.qpu_time_us.tolist() == [7]


def test_malformed_dates_are_told_with_line_and_column(tmp_path):
    text = (
        "submitted_us,qpu_time_us,cancel_us\n2024-04-02,5,\n2024-04-31,5,\n12,5,\n1969-12-31,5,\n2024-04-02,5,x\n,5,\n"
        "2024-04-02,1:75,\n"
    )

    assert problems(tmp_path, "a.csv", text)[:-1] == [
        "workload.trace: a.csv, line 3: submitted_us: not a date that can be used (got '2024-04-31')",
        "workload.trace: a.csv, line 4: submitted_us: not a date that can be used (got '12')",
        "workload.trace: a.csv, line 5: submitted_us: before 1970 (got 1969-12-31)",
        "workload.trace: a.csv, line 6: cancel_us: not a number that can be used (got 'x')",
        "workload.trace: a.csv, line 7: has no time of submission, and no preceding job that ran",
        "workload.trace: a.csv, line 8: qpu_time_us: not a number that can be used (got '1:75')",
    ]


def test_all_instants_move_with_the_origin(tmp_path):
    """The session was created at 08:00, 5 s before its first submission."""
    text = (
        "submitted_us,qpu_time_us,session,cancel_us,session_created_us,session_close_us,session_cancel_us\n"
        "2024-04-02T08:00:05,1,s,2024-04-02T08:00:06,2024-04-02T08:00:00,2024-04-02T08:00:07,2024-04-02T08:00:08\n"
        "2024-04-02T08:00:09,1,,,,,\n"
    )

    workload = table(tmp_path, text, starts_at="10s")

    assert workload.jobs.at_us.tolist() == [15_000_000, 19_000_000]
    assert workload.jobs.cancel_us.tolist() == [16_000_000, NEVER]
    assert workload.sessions.created_us.tolist() == [10_000_000]
    assert workload.sessions.close_us.tolist() == [17_000_000]
    assert workload.sessions.cancel_us.tolist() == [18_000_000]
    assert start_of(tmp_path, source={"starts_at": "10s"}) == APRIL_2 + timedelta(hours=8, seconds=-10)


def test_an_instant_is_the_origin(tmp_path):
    dates = "submitted_us,qpu_time_us\n2024-04-02T00:00:03,5\n2024-04-02T00:00:01,5\n"
    seconds = "t,qpu_time_us\n1712016003,5\n1712016001,5\n"  # 19,815 days are 1,712,016,000 s
    unix = {"columns": {"submitted": {"name": "t", "unit": "s"}}}

    for text, more in ((dates, {}), (seconds, unix)):
        at_origin = table(tmp_path, text, origin="2024-04-02T00:00:01Z", **more)
        assert at_origin.jobs.at_us.tolist() == [2_000_000, 0]
        assert at_origin.left_out[0].notes in ((), ("dates without an offset are read as UTC",))
        later = problems(tmp_path, "a.csv", text, origin="2024-04-02T02:00:02+02:00", **more)
        assert later[0] == "workload.trace: a.csv, line 3: submitted_us: before the origin"
        source = {"origin": "2024-04-02T00:00:01Z", "starts_at": "1s", **more}
        assert start_of(tmp_path, source=source) == APRIL_2


def test_dates_have_no_zero(tmp_path):
    assert problems(tmp_path, "a.csv", "submitted_us,qpu_time_us\n2024-04-02,5\n", origin="zero") == [
        "workload.trace: a.csv: has dates, which do not count from zero; let origin be first, or an instant"
    ]


@pytest.mark.parametrize(
    ("first", "second", "moved"),
    [(1_001, 1_011, True), (1_000, 1_010, False), (86_401, 86_401, True), (86_400, 86_400, False)],
)
@pytest.mark.parametrize("ending", ["csv", "swf"])
def test_a_log_that_starts_late_starts_at_once(tmp_path, ending, first, second, moved):
    """Late is later than 100 times the span; of one time of submission, later than a day."""
    rows = "".join(f"{at},5\n" for at in (second, first))
    text = f"t,d\n{rows}" if ending == "csv" else swf(1, second, 5) + swf(2, first, 5)
    source = {"columns": {"submitted": "t", "qpu_time": "d", "unit": "s"}} if ending == "csv" else {}

    workload = draw(tmp_path, f"a.{ending}", text, **source)

    base = first if moved else 0
    assert workload.jobs.at_us.tolist() == [(second - base) * 1_000_000, (first - base) * 1_000_000]
    said = f"time 0 is {format_duration(first * 1_000_000)}, the first time in the file; origin says another"
    assert workload.left_out[0].notes == ((said,) if moved else ())
    for origin, at in (("zero", 0), ("first", first)):
        explicit = draw(tmp_path, f"a.{ending}", text, origin=origin, **source)
        assert explicit.jobs.at_us.tolist() == [(second - at) * 1_000_000, (first - at) * 1_000_000]
        assert explicit.left_out[0].notes == ()


def test_time_0_is_that_of_the_file_also_if_its_job_is_left_out(tmp_path):
    text = (
        "submitted_us,qpu_time_us\n2024-04-02T00:00:00Z,0\n2024-04-02T00:00:01Z,x\n2024-04-02T00:00:05Z,1\n"
    )

    workload = table(tmp_path, text, skip_bad_lines=True)

    assert workload.jobs.at_us.tolist() == [5_000_000]
    assert start_of(tmp_path) == APRIL_2


def test_the_start_is_the_given_one_else_the_first_date_else_the_profiles(tmp_path):
    """S23: the clock of the rules follows it."""
    (tmp_path / "a.csv").write_text(
        "submitted_us,qpu_time_us\n2024-04-02T00:00:05Z,1\nsoon,1\n2024-04-02,1\n"
    )
    (tmp_path / "b.csv").write_text("submitted_us,qpu_time_us\n5,1\n")
    two = [{"kind": "trace", "name": name, "file": str(tmp_path / f"{name}.csv")} for name in ("b", "a")]

    assert start_of(tmp_path) == APRIL_2
    assert start_of(tmp_path, start="2025-01-01") == datetime(2025, 1, 1, tzinfo=UTC)
    assert start_of(tmp_path, "b.csv") == datetime(2024, 4, 1, tzinfo=UTC)
    assert qs.load_scenario({"workload": two}).resolved.start == APRIL_2
    assert start_of(tmp_path, source={"origin": "zero"}) == datetime(2024, 4, 1, tzinfo=UTC)


def test_rates_by_hour_follow_the_first_date(tmp_path):
    """2 April 2024 was a Tuesday; nothing else arrives in the hour before 9."""
    (tmp_path / "a.csv").write_text("submitted_us,qpu_time_us\n2024-04-02T08:00:00Z,1\n")
    rates = [{"days": ["tue"], "from_hour": 9, "to_hour": 10, "per_hour": 1000.0}]
    lecture = {"kind": "arrivals", "account": "a", "rates": rates, "qpu_time": "1s"}
    trace = {"kind": "trace", "file": str(tmp_path / "a.csv")}

    workload = qs.draw(qs.load_scenario({"horizon": "3h", "workload": [trace, lecture]}).resolved)

    hours = {at_us // 3_600_000_000 for at_us in workload.jobs.at_us.tolist()[1:]}
    assert hours == {1}


def test_the_resolved_form_of_a_trace_with_dates_gives_the_same_run(tmp_path):
    (tmp_path / "a.csv").write_text("submitted_us,qpu_time_us\n2024-04-02T08:00:00Z,1\n")
    scenario = qs.load_scenario(tmp_path / "a.csv")

    again = qs.load_scenario(
        {**scenario.dump(), "workload": [{"kind": "trace", "file": str(tmp_path / "a.csv")}]}
    )

    assert again.resolved.start == scenario.resolved.start == APRIL_2 + timedelta(hours=8)
    assert "origin" not in scenario.dump()["workload"][0]


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        (["2024-04-02T23:00:00Z", "2024-04-03T00:30:00+02:00"], timedelta(hours=22, minutes=30)),
        (["2024-04-02T23:00:00Z", "20240402T220000Z"], timedelta(hours=22)),
        (["2024-04-02T23:00:00Z", "20240403T003000+0200"], timedelta(hours=22, minutes=30)),
        (["2024-12-30", "2024-04-02", "2024-05-01"], timedelta(0)),
    ],
)
def test_the_first_date_is_that_of_the_earliest_instant(tmp_path, rows, first):
    workload = table(tmp_path, "submitted_us,qpu_time_us\n" + "".join(f"{row},5\n" for row in rows))

    assert start_of(tmp_path) == APRIL_2 + first
    assert 0 in workload.jobs.at_us.tolist()
