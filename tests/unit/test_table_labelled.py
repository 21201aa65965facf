"""Stata and SPSS files: value labels as codes, special missing values, Stata's own months."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyreadstat
import pytest
from table_helpers import cells_of, source

from reformeval.errors import UserError

SEX = {"sex": {"column": "sex", "all": "Both", "values": {"women": "Women"}}}
NAMES = {1: "Oslo", 2: "Bergen"}
SEXES = {0: "Both", 1: "Women"}


def table(**columns: Any) -> pd.DataFrame:
    first = {"u": [1, 1, 2, 2], "sex": [0, 1, 0, 1], "t": [2000] * 4, "y": [1.5, 2, 3, 4]}
    return pd.DataFrame(first | columns)


def write(path: Path, frame: pd.DataFrame, **more: Any) -> None:
    labels = {"u": NAMES, "sex": SEXES} | more.pop("labels", {})
    store = pyreadstat.write_dta if path.suffix == ".dta" else pyreadstat.write_sav
    store(frame, path, variable_value_labels=labels, **more)


@pytest.mark.parametrize("file", ["t.dta", "t.sav", "t.zsav"])
def test_labels_are_the_codes(tmp_path: Path, file: str) -> None:
    more: dict[str, Any] = {"compress": True} if file == "t.zsav" else {}
    write(tmp_path / file, table(), **more)
    frame = cells_of(source(file=file, groups=SEX), tmp_path)
    assert frame.select("unit", "group", "value").rows() == [
        ("Bergen", "all", 3.0),
        ("Bergen", "sex=women", 4.0),
        ("Oslo", "all", 1.5),
        ("Oslo", "sex=women", 2.0),
    ]


@pytest.mark.parametrize("file", ["t.dta", "t.sav"])
def test_codes_instead_of_labels(tmp_path: Path, file: str) -> None:
    write(tmp_path / file, table())
    given = source(file=file, labels=False, filter={"sex": 0})
    assert cells_of(given, tmp_path)["unit"].to_list() == ["1", "2"]


def test_stata_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    write(tmp_path / "t.dta", table(y=[0.1 + 0.2, 1e-9, None, -7]))
    frame = cells_of(source(file="t.dta", groups=SEX), tmp_path)
    theirs = pd.read_stata(tmp_path / "t.dta").sort_values(
        ["u", "sex"], key=lambda c: c.astype(str)
    )
    assert frame["value"].to_list() == pl.Series(theirs["y"].to_list()).fill_nan(None).to_list()


@pytest.mark.parametrize(("kind", "when"), [("%tm", "2020-03"), ("%tq", "2020-Q2")])
def test_periods_that_stata_counts(tmp_path: Path, kind: str, when: str) -> None:
    number = {"%tm": 60 * 12 + 2, "%tq": 60 * 4 + 1}[kind]
    frame = pd.DataFrame({"u": ["A", "A"], "t": [number, number - 1], "y": [1.0, 2.0]})
    pyreadstat.write_dta(frame, tmp_path / "t.dta", variable_format={"t": kind})
    frequency = "month" if kind == "%tm" else "quarter"
    read = cells_of(source(file="t.dta", frequency=frequency), tmp_path)
    last = date(2020, 3, 1) if kind == "%tm" else date(2020, 4, 1)
    assert read["period"].max() == last, when


def test_days_of_both(tmp_path: Path) -> None:
    frame = pd.DataFrame({"u": ["A"], "t": [date(2020, 3, 31)], "y": [1.0]})
    pyreadstat.write_dta(frame, tmp_path / "t.dta")
    pyreadstat.write_sav(frame, tmp_path / "t.sav")
    for file in ("t.dta", "t.sav"):
        read = cells_of(source(file=file, frequency="month"), tmp_path)
        assert read["period"].to_list() == [date(2020, 3, 1)]


def test_extended_missing_of_stata_must_be_declared(tmp_path: Path) -> None:
    cells = table(y=[1.5, "s", 3.0, "a"])
    write(tmp_path / "t.dta", cells, missing_user_values={"y": ["a", "s"]},
          labels={"y": {"s": "withheld"}})  # fmt: skip
    with pytest.raises(UserError, match=r"holds text: 'withheld' \(row 2\), '\.a' \(row 4\)"):
        cells_of(source(file="t.dta", groups=SEX), tmp_path)
    given = source(file="t.dta", groups=SEX, missing=[".a"], suppressed=["withheld"])
    frame = cells_of(given, tmp_path)
    assert frame.select("value", "suppressed").rows() == [
        (3.0, False), (None, False), (1.5, False), (None, True),
    ]  # fmt: skip


def test_missing_values_of_spss_are_never_numbers(tmp_path: Path) -> None:
    ranges = {"y": [-9, {"lo": 90, "hi": 99}]}
    write(tmp_path / "t.sav", table(y=[1.5, -9, 95, None]), missing_ranges=ranges,
          labels={"y": {-9: "withheld"}})  # fmt: skip
    given = source(file="t.sav", groups=SEX, suppressed=["withheld"])
    assert cells_of(given, tmp_path).select("unit", "value", "suppressed").rows() == [
        ("Bergen", None, False), ("Bergen", None, False),
        ("Oslo", 1.5, False), ("Oslo", None, True),
    ]  # fmt: skip
    bare = source(file="t.sav", labels=False, filter={"sex": 0})
    assert cells_of(bare, tmp_path)["value"].to_list() == [1.5, None]


def test_wide_stata(tmp_path: Path) -> None:
    frame = pd.DataFrame({"u": [1, 2], "y2000": [1.0, 2.0], "y2001": [3.0, None]})
    pyreadstat.write_dta(frame, tmp_path / "t.dta", variable_value_labels={"u": NAMES})
    given = source(
        file="t.dta",
        period={"headings": "{column}{period}"},
        outcomes={"y": {"column": "y", "kind": "mean"}},
    )
    assert cells_of(given, tmp_path).select("unit", "value").rows() == [
        ("Bergen", 2.0), ("Bergen", None), ("Oslo", 1.0), ("Oslo", 3.0),
    ]  # fmt: skip


@pytest.mark.parametrize(("file", "name"), [("t.dta", "Stata"), ("t.sav", "SPSS")])
def test_damaged_and_empty(tmp_path: Path, file: str, name: str) -> None:
    write(tmp_path / file, table())
    for data in ((tmp_path / file).read_bytes()[:150], b"", b"no such format at all " * 30):
        (tmp_path / file).write_bytes(data)
        with pytest.raises(UserError, match=f"cannot be read as {name}"):
            cells_of(source(file=file), tmp_path)
    write(tmp_path / file, table().head(0))
    with pytest.raises(UserError, match="the file has no rows"):
        cells_of(source(file=file), tmp_path)
