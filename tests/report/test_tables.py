"""One table as CSV, Markdown and LaTeX: numbers in full for programs, escaped texts for people."""

from __future__ import annotations

import csv
import io

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.report.rows import (
    Change,
    Column,
    Count,
    Duration,
    Measure,
    More,
    Number,
    Scale,
    Section,
    Share,
    Table,
    words,
)
from qsession_sim.report.tables import as_csv, as_latex, as_markdown, table_of

HOSTILE = 'a|b, "c" & $x^2$ 100 % #1 {y}_z ~\\ <i>'

TABLE = Table(
    words("who", [HOSTILE, "b", More(3)]),
    (
        Column("jobs", (Count(12_000), Count(None), "")),
        Column("waited", (Duration(1_500_001), Duration(None), Duration(0))),
        Column("share", (Share(0.25), Share(None), "")),
        Column("", (Share(0.25, bar=True), Share(None, bar=True), ""), words=True),
        Column("mean", (Measure(2_500_000.0, 250_000.0, Scale("s", 1_000_000)), "", "")),
        Column("change", (Change(-0.5), Number(1.25), "")),
    ),
)


def test_csv_has_full_numbers_with_the_unit_in_the_heading_and_no_bars():
    """1,500,001 us are 1.500001 s; the mean of 2.5 s has a half-width of 0.25 s."""
    assert list(csv.reader(io.StringIO(as_csv(TABLE)))) == [
        ["who", "jobs", "waited [s]", "share", "mean [s]", "mean half-width [s]", "change"],
        [HOSTILE, "12000", "1.500001", "0.25", "2.5", "0.25", "-0.5"],
        ["b", "", "", "", "", "", "1.25"],
        ["and 3 more", "", "0", "", "", "", ""],
    ]


def test_csv_of_different_units_has_a_column_of_them():
    cells = (Measure(2_500_000.0, None, Scale("s", 1_000_000)), Measure(0.5, None, Scale()))
    table = Table(words("metric", ["wait", "use"]), (Column("best", cells),))
    assert as_csv(table) == "metric,best,best unit\nwait,2.5,s\nuse,0.5,\n"


def test_markdown_escapes_what_it_would_read():
    heading, rule, first, *_ = as_markdown(TABLE).splitlines()
    assert [cell.strip() for cell in heading.split(" | ")] == [
        "| who",
        "jobs",
        "waited",
        "share",
        "mean",
        "change |",
    ]
    assert [set(cell) for cell in rule.strip("|").split("|")] == [{":", "-"}] * 6
    assert [cell.startswith(":") for cell in rule.strip("|").split("|")] == [True, *[False] * 5]
    shown = 'a\\|b, "c" & \\$x^2\\$ 100 % #1 {y}\\_z ~\\\\ \\<i\\>'
    assert first == f"| {shown} | 12,000 |  1.5 s | 25.0 % | 2.50 ± 0.25 s | -50.0 % |"


def test_latex_escapes_what_it_would_read():
    assert as_latex(TABLE).splitlines()[4] == (
        r"a|b, "
        '"c"'
        r" \& \$x\textasciicircum{}2\$ 100 \% \#1 \{y\}\_z \textasciitilde{}\textbackslash{} "
        r"\textless{}i\textgreater{} & 12,000 & 1.5 s & 25.0 \% & 2.50 $\pm$ 0.25 s & -50.0 \% \\"
    )


def test_a_table_is_found_by_name_and_the_first_without():
    other = Table(words("x", ["y"]), ())
    document = [Section("note"), Section("one", body=TABLE), Section("two", body=other)]
    assert (table_of(document, None), table_of(document, "two")) == (TABLE, other)
    with pytest.raises(StudyError, match=r"there is no table 'tow'; did you mean 'two'\?"):
        table_of(document, "tow")
    with pytest.raises(StudyError, match="there is no table to print"):
        table_of([Section("note")], None)
