"""Tables with one column a period, notes above and below a table, and cells carried down."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError
from table_helpers import cells_of, message_of, read_text, source

WIDE = "u,2020-01,2020-02\nA,1,2\nB,*,4\n"
KEYS: dict[str, Any] = {
    "frequency": "month",
    "period": {"headings": "{period}"},
    "suppressed": ["*"],
    "outcomes": {"y": {"column": "value", "kind": "count"}},
}
LONG = [
    ("A", date(2020, 1, 1), 1.0, False),
    ("A", date(2020, 2, 1), 2.0, False),
    ("B", date(2020, 1, 1), None, True),
    ("B", date(2020, 2, 1), 4.0, False),
]


def rows(frame: pl.DataFrame) -> list[Any]:
    return frame.select("unit", "period", "value", "suppressed").rows()


@pytest.mark.parametrize(
    ("headings", "period"),
    [
        ("2020-01,2020-02", {"headings": "{period}"}),
        ("2020M01,2020M02", {"headings": "{period}"}),
        ("2020-01-01,2020-02-01", {"headings": "{period}"}),
        ("ledige_2020M01,ledige_2020M02", {"headings": "ledige_{period}"}),
        ("01/2020 (n),02/2020 (n)", {"headings": "{period} (n)", "format": "%m/%Y"}),
        ("Jan,Feb", {"headings": {"Jan": "2020-01", "Feb": "2020-02"}}),
    ],
)
def test_headings_in_many_ways(tmp_path: Path, headings: str, period: dict[str, Any]) -> None:
    text = WIDE.replace("2020-01,2020-02", headings)
    assert rows(read_text(tmp_path, text, **KEYS | {"period": period})) == LONG


def test_several_numbers_a_period(tmp_path: Path) -> None:
    text = (
        "u;Registered unemployed 2020M01;Registered unemployed 2020M02;Labour force 2020M01;"
        "Labour force 2020M02\nA;1;2;10;20\nB;*;4;30;40\n"
    )
    given = {
        "separator": ";",
        "period": {"headings": "{column} {period}"},
        "outcomes": {
            "y": {"column": "Registered unemployed", "kind": "mean", "persons": "Labour force"}
        },
    }
    frame = read_text(tmp_path, text, **KEYS | given)
    assert rows(frame) == LONG
    assert frame["n_persons"].to_list() == [10, 20, 30, 40]


def test_wide_and_long_are_one(tmp_path: Path) -> None:
    long = "u,t,value\nB,2020-02,4\nA,2020-01,1\nB,2020-01,*\nA,2020-02,2\n"
    read = read_text(tmp_path, long, **KEYS | {"period": {"column": "t"}})
    assert read.equals(read_text(tmp_path, WIDE, **KEYS))


def test_groups_filter_and_exclusion_beside_the_periods(tmp_path: Path) -> None:
    text = "u,sex,what,2020-01\nA,T,x,1\nA,F,x,2\nA,T,y,3\nSum A,T,x,4\n"
    sex = {"sex": {"column": "sex", "all": "T", "values": {"women": "F"}}}
    more = {"filter": {"what": "x"}, "exclude": {"u": ["Sum *"]}, "groups": sex}
    frame = read_text(tmp_path, text, **KEYS | more)
    assert frame.select("unit", "group", "value").rows() == [("A", "all", 1), ("A", "sex=women", 2)]


def test_wide_parquet_of_several_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["A", "B"], "2020-01": [1, None], "2020-02": [2.0, 4.0]})
    frame.write_parquet(tmp_path / "t.parquet")
    read = cells_of(source(**KEYS | {"file": "t.parquet"}), tmp_path)
    assert read["value"].to_list() == [1.0, 2.0, None, 4.0]


def test_lines_around_the_table(tmp_path: Path) -> None:
    text = f"Table 1: towns\n\n{WIDE}* withheld\nSource: the town hall\n"
    assert rows(read_text(tmp_path, text, header=3, last=5, **KEYS)) == LONG
    message = message_of(tmp_path, text.replace("A,1,2", "A,1,x"), header=3, last=5, **KEYS)
    assert "'x' (line 4, column '2020-02')" in message
    assert "there is no line 30" in message_of(tmp_path, text, header=30, **KEYS)
    assert "line 6 has 1" in message_of(tmp_path, text, header=3, **KEYS)


def test_carried_down(tmp_path: Path) -> None:
    text = "k,u,t,y\nE,A,2000,1\n,B,2000,2\n ,C,2000,3\nW,D,2000,4\n"
    frame = read_text(tmp_path, text, carry_down=["k"], filter={"k": "E"})
    assert frame["unit"].to_list() == ["A", "B", "C"]
    assert "column 'k' " not in message_of(tmp_path, text, carry_down=["q"])


@pytest.mark.parametrize(
    ("text", "keys", "told"),
    [
        (WIDE, {"period": {"headings": "n {period}"}}, "no heading of a month: 'u', '2020-01'"),
        (WIDE.replace("-02", "-13"), {}, "no heading of a month: '2020-13'"),
        (
            WIDE.replace("2020-02", "2020M01"),
            {},
            "'2020-01' and '2020M01' are headings of the same",
        ),
        (WIDE.replace("4", "four"), {}, "'four' (line 3, column '2020-02')"),
        (WIDE.replace("B", "A"), {}, "(line 2, column '2020-01', line 3, column '2020-01')"),
        (WIDE, {"outcomes": {"y": {"column": "y", "kind": "count"}}}, "no column 'y'"),
        (WIDE, {"exclude": {"u": ["A", "B"]}}, "no row passes all conditions"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, keys: dict[str, Any], told: str) -> None:
    assert told in message_of(tmp_path, text, **KEYS | keys)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"period": {"headings": "months"}}, "write it with {period}"),
        ({"period": {"headings": "{period} {period}"}}, "write it with {period}"),
        ({"period": {"headings": {}}}, "name at least one heading"),
        ({"period": {"headings": {"Jan": "January"}}}, "'January' is not a year"),
        ({"period": {"headings": {"Jan": 2020}, "format": "%Y"}}, "format goes with column"),
        ({"period": {"headings": "{period}", "column": "t"}}, "give either column"),
        ({"period": {"headings": "{period}", "month": "m"}}, "go with year"),
        ({"sheet": "S"}, "sheet is for excel files"),
        ({"blocks": {"title": "k"}}, "blocks is for excel files"),
        ({"labels": False}, "labels is for stata and spss files"),
        ({"header": 3, "last": 3}, "last (3) must come after header (3)"),
        ({"header": 2, "file": "t.parquet"}, "header is for csv and excel files"),
        ({"file": "t.xlsx", "blocks": {"title": "k"}}, "with blocks, the row of the first"),
        ({"file": "t.xlsx", "sheet": {"a": "S", "b": "T"}}, "several sheets need period.headings"),
        ({"file": "t.xlsx", "sheet": {"a": "S"}, "period": {"headings": "{column} {period}"}},
         "by sheet or by period.headings"),
        ({"file": "t.xlsx.gz"}, "ending of file"),
        ({"unit": {"column": "u", "pattern": "{label}"}}, "write it with {code}"),
    ],
)  # fmt: skip
def test_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(**keys)
    assert told in str(caught.value)
