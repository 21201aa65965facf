"""The table source: every wrinkle is read, and every fault is told with place and fix."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from table_helpers import cells_of, message_of, read_text, source

from reformeval.errors import UserError
from reformeval.sources.table_reader import CELLS, read_table

PLAIN = "u,t,y\nA,2000,1.5\nA,2001,2\nB,2000,-3e-1\nB,2001,.5\n"
# Without a time in its header, or the tests would have other names in every process.
PACKED = gzip.compress(PLAIN.encode(), mtime=0)
SEX = {"sex": {"column": "s", "all": "T", "values": {"women": "F", "men": "M"}}}


def values(frame: pl.DataFrame) -> list[float | None]:
    return frame["value"].to_list()


def test_plain_table(tmp_path: Path) -> None:
    frame = read_text(tmp_path, PLAIN)
    assert frame.schema == pl.Schema(CELLS)
    assert frame.select("unit", "period", "group", "outcome").rows() == [
        ("A", date(2000, 1, 1), "all", "y"),
        ("A", date(2001, 1, 1), "all", "y"),
        ("B", date(2000, 1, 1), "all", "y"),
        ("B", date(2001, 1, 1), "all", "y"),
    ]
    assert values(frame) == [1.5, 2.0, -0.3, 0.5]
    assert frame["n_persons"].null_count() == 4
    assert not frame["suppressed"].any()


def test_row_order_does_not_matter(tmp_path: Path) -> None:
    header, *rows = PLAIN.splitlines()
    shuffled = "\n".join([header, *reversed(rows)])
    assert read_text(tmp_path, shuffled).equals(read_text(tmp_path, PLAIN))


def test_file_itself_or_its_folder(tmp_path: Path) -> None:
    frame = read_text(tmp_path, PLAIN)
    assert cells_of(source(), tmp_path / "t.csv").equals(frame)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (PACKED, {}),
        (PACKED, {"file": "t.csv.gz"}),
        (b"\xef\xbb\xbf" + PLAIN.encode(), {}),
        (PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
        (PLAIN.replace("\n", "\r\n").encode(), {}),
        (PLAIN.replace(",", ";").encode(), {"separator": ";"}),
        (PLAIN.replace(",", "\t").encode(), {"separator": "\t", "file": "t.tsv"}),
        (PLAIN.replace("\n", "\n\n").encode() + b",,\n", {}),
        (PLAIN.replace("A", '"A"').encode(), {}),
    ],
    ids=["gz", "csv.gz", "bom", "utf16", "crlf", "semicolon", "tab", "blank lines", "quotes"],
)
def test_ways_of_writing_the_same(tmp_path: Path, data: bytes, keys: dict[str, Any]) -> None:
    assert read_text(tmp_path, data, **keys).equals(read_text(tmp_path, PLAIN))


def test_cp1252_semicolon_decimal_comma(tmp_path: Path) -> None:
    text = "u;t;y\nBærum;2000;1 234,5\nØrsta;2000;-0,25\n".replace("1 234", "1\xa0234")
    keys = {"separator": ";", "encoding": "cp1252", "decimal": ",", "thousands": " "}
    frame = read_text(tmp_path, text.encode("cp1252"), **keys)
    assert frame["unit"].to_list() == ["Bærum", "Ørsta"]
    assert values(frame) == [1234.5, -0.25]


def test_quoted_line_breaks_keep_line_numbers_right(tmp_path: Path) -> None:
    text = 'u,t,y\n"A\nB",2000,1\nC,2000,x\n'
    assert "'x' (line 4)" in message_of(tmp_path, text)


def test_leading_zeros_of_codes_survive(tmp_path: Path) -> None:
    assert read_text(tmp_path, "u,t,y\n0301,2000,1\n")["unit"].to_list() == ["0301"]


def test_missing_and_suppressed(tmp_path: Path) -> None:
    text = "u,t,y\nA,2000,*\nA,2001,.\nA,2002,\nA,2003, : \nA,2004,0\n"
    frame = read_text(tmp_path, text, missing=["."], suppressed=["*", ":"])
    assert values(frame) == [None, None, None, None, 0.0]
    assert frame["suppressed"].to_list() == [True, False, False, True, False]


def test_scale_and_persons(tmp_path: Path) -> None:
    outcomes = {"y": {"column": "y", "kind": "share", "scale": 100, "persons": "n"}}
    frame = read_text(tmp_path, "u,t,y,n\nA,2000,0.25,40\nB,2000,,\n", outcomes=outcomes)
    assert values(frame) == [25.0, None]
    assert frame["n_persons"].to_list() == [40, None]


def test_two_outcomes_of_one_row(tmp_path: Path) -> None:
    outcomes = {
        "y": {"column": "y", "kind": "share"},
        "z": {"column": "z", "kind": "count"},
    }
    frame = read_text(tmp_path, "u,t,y,z\nA,2000,1,7\n", outcomes=outcomes)
    assert dict(frame.select("outcome", "value").iter_rows()) == {"y": 1.0, "z": 7.0}


@pytest.mark.parametrize(
    ("cells", "frequency", "period", "expected"),
    [
        ("2020-03", "month", {"column": "t"}, date(2020, 3, 1)),
        ("2020M03", "month", {"column": "t"}, date(2020, 3, 1)),
        ("2020-03-31", "month", {"column": "t"}, date(2020, 3, 1)),
        ("2020-03-01 00:00:00", "month", {"column": "t"}, date(2020, 3, 1)),
        ("03/2020", "month", {"column": "t", "format": "%m/%Y"}, date(2020, 3, 1)),
        ("2020-Q2", "quarter", {"column": "t"}, date(2020, 4, 1)),
        ("2020K2", "quarter", {"column": "t"}, date(2020, 4, 1)),
        ("2020-05-11", "quarter", {"column": "t"}, date(2020, 4, 1)),
        ("1989", "year", {"column": "t"}, date(1989, 1, 1)),
        ("1989", "year", {"year": "t"}, date(1989, 1, 1)),
        ("2020,3", "month", {"year": "t", "month": "m"}, date(2020, 3, 1)),
        ("2020,03", "month", {"year": "t", "month": "m"}, date(2020, 3, 1)),
        ("2020,2", "quarter", {"year": "t", "quarter": "m"}, date(2020, 4, 1)),
    ],
)
def test_periods(
    tmp_path: Path, cells: str, frequency: str, period: dict[str, str], expected: date
) -> None:
    header = "u,y,t,m" if "," in cells else "u,y,t"
    frame = read_text(tmp_path, f"{header}\nA,1,{cells}\n", frequency=frequency, period=period)
    assert frame["period"].to_list() == [expected]


@pytest.mark.parametrize(
    ("cells", "frequency", "period", "told"),
    [
        ("2020-13", "month", {"column": "t"}, "'2020-13' is not a month"),
        ("2020-03", "quarter", {"column": "t"}, "write it like 2020-Q1"),
        ("Total", "year", {"column": "t"}, "'Total' is not a year"),
        ("2020-03", "month", {"column": "t", "format": "%m/%Y"}, "not written as %m/%Y"),
        ("2020,March", "month", {"year": "t", "month": "m"}, "'March' is not the number of a"),
        ("2020,5", "quarter", {"year": "t", "quarter": "m"}, "'2020-Q5' is not a quarter"),
        (",3", "month", {"year": "t", "month": "m"}, "'-03' is not a month"),
    ],
)
def test_no_period(
    tmp_path: Path, cells: str, frequency: str, period: dict[str, str], told: str
) -> None:
    header = "u,y,t,m" if "," in cells else "u,y,t"
    text = f"{header}\nA,1,{cells}\n"
    message = message_of(tmp_path, text, frequency=frequency, period=period)
    assert told in message
    assert "line 2" in message
    assert "config key: period." in message


def test_groups_and_their_cross(tmp_path: Path) -> None:
    rows = [f"A,2000,1,{s},{o}" for s in ("T", "F", "M") for o in (0, 1)]
    groups = SEX | {"age": {"column": "o", "all": 0, "values": {"old": 1}}}
    frame = read_text(tmp_path, "u,t,y,s,o\n" + "\n".join(rows), groups=groups)
    assert set(frame["group"]) == {
        "all",
        "age=old",
        "sex=women",
        "sex=men",
        "sex=women & age=old",
        "sex=men & age=old",
    }


def test_group_code_without_a_name(tmp_path: Path) -> None:
    message = message_of(tmp_path, "u,t,y,s\nA,2000,1,F\nA,2000,1,m\n", groups=SEX)
    assert "'m' in column 's' (line 3)" in message
    assert "config key: groups.sex.values" in message
    assert "did you mean 'M'?" in message


def test_filter_takes_values_and_lists(tmp_path: Path) -> None:
    text = "u,t,y,k,c\nA,2000,1,x,1\nA,2000,2,z,1\nB,2000,3,x,2\nC,2000,4,x,3\n"
    reading_source = source(filter={"k": "x", "c": [1, 2]})
    (tmp_path / "t.csv").write_text(text)
    reading = read_table(reading_source, tmp_path)
    assert reading.cells["unit"].to_list() == ["A", "B"]
    assert (reading.rows, reading.kept) == (4, 2)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"k": "X"}, ["no row has 'X' in column 'k'", "filter.k", "did you mean 'x'?"]),
        ({"k": "x", "u": "B"}, ["no row passes all conditions", "config keys: filter, exclude"]),
    ],
)
def test_filter_that_keeps_nothing(tmp_path: Path, wanted: Any, told: list[str]) -> None:
    message = message_of(tmp_path, "u,t,y,k\nA,2000,1,x\nB,2000,1,z\n", filter=wanted)
    assert all(part in message for part in told)


TROMS = "u,t,y\nTroms ,2000,1\nTroms,2001,2\nOslo,2000,3\nOslo,2001,3\n"


@pytest.mark.parametrize("other", ["Troms ", "TROMS", " Troms", "Troms\xa0"])
def test_labels_that_differ_by_space_or_case_stop(tmp_path: Path, other: str) -> None:
    message = message_of(tmp_path, TROMS.replace("Troms ", other))
    assert f"'{other}' (1 row)" in message
    assert "'Troms' (1 row)" in message
    assert "config key: unit.merge" in message


def test_merge_makes_one_unit(tmp_path: Path) -> None:
    frame = read_text(tmp_path, TROMS, unit={"column": "u", "merge": {"Troms ": "Troms"}})
    assert frame["unit"].to_list() == ["Oslo", "Oslo", "Troms", "Troms"]


def test_labels_outside_the_filter_do_not_stop(tmp_path: Path) -> None:
    text = "u,t,y,k\nTroms ,2000,1,old\nTroms,2000,2,new\n"
    assert read_text(tmp_path, text, filter={"k": "new"})["unit"].to_list() == ["Troms"]


def test_merge_of_a_label_that_is_not_there(tmp_path: Path) -> None:
    message = message_of(tmp_path, PLAIN, unit={"column": "u", "merge": {"AA": "A"}})
    assert "no unit is called 'AA' (config key: unit.merge)" in message


def test_merge_of_labels_in_the_same_period(tmp_path: Path) -> None:
    text = TROMS.replace("Troms,2001", "Troms,2000")
    message = message_of(tmp_path, text, unit={"column": "u", "merge": {"Troms ": "Troms"}})
    assert "drop the merge" in message
    assert "(line 2, line 3)" in message


def test_duplicates_name_the_column_that_tells_them_apart(tmp_path: Path) -> None:
    text = "u,t,y,status\nA,2000,1,open\nB,2000,1,open\nA,2000,2,closed\n"
    message = message_of(tmp_path, text)
    assert "2 rows share unit, period and group" in message
    assert "'A' in 2000-01-01 for all (line 2, line 4)" in message
    assert "differ in column 'status' ('closed', 'open')" in message


def test_duplicates_in_everything(tmp_path: Path) -> None:
    assert "delete the double rows" in message_of(tmp_path, PLAIN + "A,2000,9\n")


def test_text_in_a_number_column(tmp_path: Path) -> None:
    text = "u,t,y\nA,2000,1\nA,2001,n/a\nA,2002,-\nA,2003,1.2.3\nA,2004,nan\nA,2005,inf\n"
    message = message_of(tmp_path, text)
    assert "column 'y' holds text: 'n/a' (line 3), '-' (line 4), '1.2.3' (line 5) and 2 more" in (
        message
    )
    assert "config key: outcomes.y.column" in message
    assert "missing or suppressed" in message


def test_decimal_comma_is_recognised(tmp_path: Path) -> None:
    message = message_of(tmp_path, "u;t;y\nA;2000;1,5\n", separator=";")
    assert 'set decimal: ","' in message


def test_thousands_marks_stand_before_three_digits(tmp_path: Path) -> None:
    keys = {"separator": ";", "decimal": ",", "thousands": "."}
    assert values(read_text(tmp_path, "u;t;y\nA;2000;1.234,5\n", **keys)) == [1234.5]
    # 1.5 is not fifteen, whatever the declared marks say.
    assert "'1.5' (line 2)" in message_of(tmp_path, "u;t;y\nA;2000;1.5\n", **keys)


@pytest.mark.parametrize("count", ["1.5", "-2"])
def test_persons_are_whole_numbers(tmp_path: Path, count: str) -> None:
    outcomes = {"y": {"column": "y", "kind": "share", "persons": "n"}}
    message = message_of(tmp_path, f"u,t,y,n\nA,2000,1,{count}\n", outcomes=outcomes)
    assert f"holds {count} (line 2)" in message
    assert "outcomes.y.persons" in message


def test_missing_columns_all_at_once(tmp_path: Path) -> None:
    outcomes = {"y": {"column": "Valeu", "kind": "share"}}
    with pytest.raises(UserError) as caught:
        read_text(tmp_path, "u,Year,Value\nA,2000,1\n", outcomes=outcomes)
    first, second = caught.value.problems
    assert "no column 't' (config key: period.column)" in first.message
    assert "no column 'Valeu' (config key: outcomes.y.column)" in second.message
    assert second.fix == "did you mean 'Value'?"


@pytest.mark.parametrize(
    ("data", "keys", "told"),
    [
        (PLAIN.replace(",", ";").encode(), {}, ["config key: separator", 'set separator: ";"']),
        (PLAIN.replace(",", "\t").encode(), {}, ['set separator: "\\t"']),
        (b"u,t,y\nA,2000\nB,2000,1,2\n", {}, ["line 2 has 2, line 3 has 4", "header has 3"]),
        (b"u,t,y\nA,2000,1\nB,20", {}, ["line 3 has 2"]),
        (b'u,t,y\n"A,2000,1\nB,2000,1\n', {}, ["cannot be read as CSV"]),
        (b"u,t,y,y\nA,2000,1,2\n", {}, ["the header has 'y' more than once"]),
        (b"", {}, ["the file is empty"]),
        (b"  \n", {}, ["the file is empty"]),
        (b"u,t,y\n", {}, ["no rows under its header"]),
        ("u,t,y\nØ,2000,1\n".encode("cp1252"), {}, ["line 2 is not utf-8", "encoding: cp1252"]),
        ("u,t,y\nØ,2000,1\n".encode(), {"encoding": "cp1252"}, ["is utf-8", "encoding: utf-8"]),
        (PACKED[:30], {}, ["the gzip file is damaged"]),
        (b"PK\x03\x04rest", {}, ["zip or Excel"]),
        (b"u,t,y\n,2000,1\nA,2000,1\n ,2001,1\n", {}, ["is empty in 2 rows (line 2, line 4;"]),
        (b"PAR1 not really", {"file": "t.parquet"}, ["cannot be read as Parquet"]),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, data: bytes, keys: dict[str, Any], told: list[str]
) -> None:
    message = message_of(tmp_path, data, **keys)
    assert all(part in message for part in told), message


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        cells_of(source(file="sub/t.csv"), tmp_path)
    told = str(caught.value)
    assert str(tmp_path / "sub/t.csv") in told
    assert "config key: file" in told
    assert "the town hall" in told
    assert "data_dir" in told


def test_all_faults_of_a_stage_are_told_together(tmp_path: Path) -> None:
    message = message_of(tmp_path, "u,t,y\nA,soon,1\nB,2000,x\nb,2000,1\n")
    for part in ("period.column", "outcomes.y.column", "unit.merge"):
        assert part in message


def test_parquet_with_types(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "u": pl.Series(["A", "A"], dtype=pl.Categorical),
            "t": [date(2020, 1, 1), date(2020, 2, 1)],
            "y": [0.5, float("nan")],
            "n": [10, None],
            "s": [1, 2],
        }
    ).write_parquet(tmp_path / "t.parquet")
    frame = cells_of(
        source(
            file="t.parquet",
            frequency="month",
            groups={"sex": {"column": "s", "all": 1, "values": {"women": 2}}},
            outcomes={"y": {"column": "y", "kind": "share", "persons": "n"}},
        ),
        tmp_path,
    )
    assert frame.select("period", "group", "value", "n_persons").rows() == [
        (date(2020, 1, 1), "all", 0.5, 10),
        (date(2020, 2, 1), "sex=women", None, None),
    ]


def test_parquet_years_that_became_floating(tmp_path: Path) -> None:
    pl.DataFrame({"u": ["A"], "t": [1989.0], "y": [1]}).write_parquet(tmp_path / "t.parquet")
    assert cells_of(source(file="t.parquet"), tmp_path)["period"].to_list() == [date(1989, 1, 1)]


def test_parquet_columns_of_the_wrong_type(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": [1.5], "t": [2000], "y": [[1]]})
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError) as caught:
        cells_of(source(file="t.parquet"), tmp_path)
    told = str(caught.value)
    assert "'u' holds no labels (config key: unit.column)" in told
    assert "not numbers (config key: outcomes.y.column)" in told


def test_parquet_text_is_read_as_strictly(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["A", "B"], "t": [2000, 2000], "y": ["1", "x"]})
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"'x' \(row 2\)"):
        cells_of(source(file="t.parquet"), tmp_path)
