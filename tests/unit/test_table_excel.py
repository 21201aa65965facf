"""Excel workbooks: numbers to the last digit, blocks, carried-down cells, and clear refusals."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook
from table_helpers import cells_of, excel_message, source, workbook

from reformeval.sources._excel import letter
from reformeval.sources.table_reader import read_table

PLAIN = [["u", "t", "y"], ["A", 2000, 1.5], ["A", 2001, 2], ["B", 2000, -0.3], ["B", 2001, None]]
BLOCKS = [
    ["Source: the town hall"],
    [],
    [None, "East"],
    ["town", "2000", "2001"],
    ["A", 1, 2],
    ["B", "*", 4],
    [None],
    ["West"],
    ["town", "2000", "2001"],
    ["C", 5, 6],
]
IN_BLOCKS: dict[str, Any] = {
    "header": 4,
    "blocks": {"title": "side"},
    "unit": {"column": "town"},
    "period": {"headings": "{period}"},
    "suppressed": ["*"],
    "outcomes": {"y": {"column": "value", "kind": "count"}},
}


def rows(frame: pl.DataFrame) -> list[Any]:
    return [(u, t.year, v) for u, t, v in frame.select("unit", "period", "value").iter_rows()]


def test_plain_sheet(tmp_path: Path) -> None:
    workbook(tmp_path / "t.xlsx", S=PLAIN)
    frame = cells_of(source(file="t.xlsx"), tmp_path)
    assert rows(frame) == [("A", 2000, 1.5), ("A", 2001, 2), ("B", 2000, -0.3), ("B", 2001, None)]


@pytest.mark.parametrize("value", [0.1 + 0.2, 2.0000000001, 1e20, 1.5e-7, -0.0, 123456789.987654])
@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_are_those_of_the_file(tmp_path: Path, value: float, decimal: str) -> None:
    path = workbook(tmp_path / "t.xlsx", S=[["u", "t", "y"], ["A", 2000, value]])
    frame = cells_of(source(file="t.xlsx", decimal=decimal), tmp_path)
    kept = load_workbook(path)["S"]["C2"].value
    assert frame["value"].to_list() == [kept]
    assert kept == pytest.approx(value, rel=1e-15)


def test_dates_codes_and_numbers_written_as_text(tmp_path: Path) -> None:
    table = [["u", "t", "y"], ["0301", datetime(2020, 3, 1), "1 234,5"], [301, date(2020, 3, 1), 2]]
    workbook(tmp_path / "t.xlsx", S=table)
    given = source(file="t.xlsx", frequency="month", decimal=",", thousands=" ")
    frame = cells_of(given, tmp_path)
    assert frame.select("unit", "period", "value").rows() == [
        ("0301", date(2020, 3, 1), 1234.5),
        ("301", date(2020, 3, 1), 2.0),
    ]


def test_blocks_with_their_titles(tmp_path: Path) -> None:
    workbook(tmp_path / "t.xlsx", S=BLOCKS)
    sides = {"side": {"column": "side", "values": {"east": "East", "west": "West"}}}
    reading = read_table(source(file="t.xlsx", groups=sides, **IN_BLOCKS), tmp_path)
    cells = reading.cells.select("unit", pl.col("period").dt.year(), "group", "value", "suppressed")
    assert cells.rows() == [
        ("A", 2000, "side=east", 1.0, False),
        ("A", 2001, "side=east", 2.0, False),
        ("B", 2000, "side=east", None, True),
        ("B", 2001, "side=east", 4.0, False),
        ("C", 2000, "side=west", 5.0, False),
        ("C", 2001, "side=west", 6.0, False),
    ]
    assert (reading.rows, reading.kept) == (6, 6)


@pytest.mark.parametrize(
    "table",
    [
        [["k", "u", "t", "y"], ["E", "A", 2000, 1], [None, "B", 2000, 2], ["W", "C", 2000, 3]],
        [["k", "u", "t", "y"], ["E"], [None, "A", 2000, 1], [None, "B", 2000, 2], ["W"],
         [None, "C", 2000, 3]],
    ],
    ids=["beside the first row", "in a row of its own"],
)  # fmt: skip
def test_county_carried_down(tmp_path: Path, table: list[list[Any]]) -> None:
    workbook(tmp_path / "t.xlsx", S=table)
    given = source(file="t.xlsx", carry_down=["k"], filter={"k": "E"})
    assert rows(cells_of(given, tmp_path)) == [("A", 2000, 1.0), ("B", 2000, 2.0)]


def test_two_sheets_side_by_side(tmp_path: Path) -> None:
    many = [["u", "2000", "2001"], ["A", 10, 20], ["B", 30, "*"]]
    parts = [["u", "2000", "2001"], ["B", 3, "*"], ["A", 1, 2]]
    workbook(tmp_path / "t.xlsx", Many=many, Parts=parts)
    given = source(
        file="t.xlsx",
        sheet={"many": "Many", "part": "Parts"},
        period={"headings": {"2000": 2000, "2001": "2001"}},
        suppressed=["*"],
        outcomes={
            "share": {"column": "part", "kind": "share", "persons": "many"},
            "count": {"column": "many", "kind": "count"},
        },
    )
    frame = cells_of(given, tmp_path)
    shares = frame.filter(pl.col("outcome") == "share")
    assert rows(shares) == [("A", 2000, 1), ("A", 2001, 2), ("B", 2000, 3), ("B", 2001, None)]
    assert shares["n_persons"].to_list() == [10, 20, 30, None]
    assert frame["suppressed"].sum() == 2


def test_code_and_name_in_one_cell(tmp_path: Path) -> None:
    workbook(
        tmp_path / "t.xlsx", S=[["u", "t", "y"], ["0301 Oslo", 2000, 1], ["4601 Bergen", 2000, 2]]
    )
    given = source(file="t.xlsx", unit={"column": "u", "pattern": "{code} {label}"})
    reading = read_table(given, tmp_path)
    assert reading.cells["unit"].to_list() == ["0301", "4601"]
    assert reading.unit_labels == {"0301": "Oslo", "4601": "Bergen"}


def test_margins_and_coloured_columns_are_nothing(tmp_path: Path) -> None:
    table = [
        [],
        [],
        [None, "u", None, "t", "y"],
        [None, "A", None, 2000, 1],
        [],
        ["", "B", "", 2000, 2],
    ]
    workbook(tmp_path / "t.xlsx", S=table)
    assert rows(cells_of(source(file="t.xlsx", header=3), tmp_path)) == [
        ("A", 2000, 1),
        ("B", 2000, 2),
    ]


NOTES = [*PLAIN, [], ["* withheld"], ["Source: the town hall"]]
HEADED = {
    "period": {"headings": "{period}"},
    "outcomes": {"y": {"column": "value", "kind": "count"}},
}


@pytest.mark.parametrize(
    ("sheets", "keys", "told"),
    [
        ({"S": PLAIN, "T": PLAIN}, {}, ["2 sheets: 'S', 'T'", "config key: sheet"]),
        ({"Sheet1": PLAIN}, {"sheet": "sheet1 "}, ["no sheet 'sheet1 '", "did you mean 'Sheet1'"]),
        ({"S": PLAIN}, {"header": 9}, ["sheet 'S'", "row 9 has no headings", "config key: header"]),
        ({"S": [["u", "t", "y"]]}, {}, ["no rows under the headings"]),
        ({"S": []}, {}, ["no headings"]),
        ({"S": [["u", "u", "y"], ["A", 1, 2]]}, {}, ["heading 'u' more than once"]),
        ({"S": NOTES}, {}, ["from row 7 on, only one cell", "last: 5"]),
        ({"S": [*PLAIN, ["C", 2000, "#N/A"]]}, {}, ["'#N/A' (row 6)", "config key: outcomes.y"]),
        ({"S": [*PLAIN, ["C", "May", 1]]}, {}, ["is no year (row 6", "config key: period.column"]),
        ({"S": [*PLAIN, [None, 2000, 1]]}, {}, ["column 'u' is empty in 1 row (row 6"]),
        ({"S": [*PLAIN, ["B", 2000, 1]]}, {}, ["share unit, period and group", "row 4, row 6"]),
        ({"S": PLAIN}, {"unit": {"column": "U"}}, ["no column 'U'", "did you mean 'u'"]),
        ({"S": PLAIN}, {"exclude": {"u": "C*"}}, ["no row has 'C*'", "config key: exclude.u"]),
        ({"S": PLAIN}, {"unit": {"column": "u", "pattern": "{code} {label}"}},
         ["2 units are not written as {code} {label}: 'A' (row 2), 'B' (row 4)"]),
        ({"S": [["u", "2000"], ["A", "x"]]}, HEADED, ["column 'value' holds text: 'x' (cell B2)"]),
        ({"S": [["u", "2000", "2000 "], ["A", 1, 2]]}, HEADED, ["headings of the same period"]),
        ({"S": [["u", "2000", "2001M1"], ["A", 1, 2]]}, HEADED, ["no heading of a year: '2001M1'"]),
        ({"S": [["u", "2000", "value"], ["A", 1, 2]]}, HEADED, ["and there is one already"]),
        ({"S": [["u", "2000"], ["A", 1]]},
         HEADED | {"period": {"headings": {"2000": 2000, "2OO1": 2001}}}, ["no column '2OO1'"]),
        ({"S": [*BLOCKS[:7], ["West", "x"], *BLOCKS[8:]]}, IN_BLOCKS,
         ["row 8, above the headings of a block, holds 2 cells"]),
        ({"S": BLOCKS}, IN_BLOCKS | {"blocks": {"title": "town"}}, ["a column 'town' already"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    tmp_path: Path, sheets: Any, keys: dict[str, Any], told: list[str]
) -> None:
    message = excel_message(tmp_path, sheets, **keys)
    for part in told:
        assert part in message, message


def test_row_of_one_sheet_that_another_lacks(tmp_path: Path) -> None:
    keys = HEADED | {"sheet": {"value": "S", "more": "T"}}
    one, two = [["u", "2000"], ["A", 1], ["B", 2]], [["u", "2000"], ["A", 1]]
    message = excel_message(tmp_path, {"S": one, "T": two}, **keys)
    assert "sheet 'T' has nothing for 1 cells" in message
    assert "cell B3 of sheet 'S'" in message
    workbook(tmp_path / "t.xlsx", S=one, T=two)
    assert rows(cells_of(source(file="t.xlsx", exclude={"u": "B"}, **keys), tmp_path)) == [
        ("A", 2000, 1)
    ]


def test_sheets_with_other_columns(tmp_path: Path) -> None:
    keys = HEADED | {"sheet": {"value": "S", "more": "T"}}
    sheets = {"S": [["u", "2000"], ["A", 1]], "T": [["u", "k", "2000"], ["A", "x", 1]]}
    assert "column 'k' stands in one sheet" in excel_message(tmp_path, sheets, **keys)


def test_old_and_damaged_workbooks(tmp_path: Path) -> None:
    for data, told in [
        (b"\xd0\xcf\x11\xe0 old", "Excel 2003 or protected"),
        (b"PK\x03\x04 cut", "cannot be read as an Excel workbook"),
        (workbook(tmp_path / "whole.xlsx", S=PLAIN).read_bytes()[:3000], "cannot be read as an"),
    ]:
        (tmp_path / "t.xlsx").write_bytes(data)
        with pytest.raises(Exception) as caught:
            read_table(source(file="t.xlsx"), tmp_path)
        assert told in str(caught.value)


@pytest.mark.parametrize("odd", ["*", "^.*$", " ", "\\"])
def test_headings_with_a_meaning_elsewhere(tmp_path: Path, odd: str) -> None:
    workbook(tmp_path / "t.xlsx", S=[["u", odd, "2000", "2001"], ["A", "x", 1, 2]])
    given = source(file="t.xlsx", carry_down=["u"], **HEADED)
    assert rows(cells_of(given, tmp_path)) == [("A", 2000, 1), ("A", 2001, 2)]


@pytest.mark.parametrize(
    ("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")]
)
def test_letters(index: int, name: str) -> None:
    assert letter(index) == name
