"""Whatever stands in a file, the reader gives a frame or a clear error, and never another one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyreadstat
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from table_helpers import source, workbook

from reformeval.errors import UserError
from reformeval.sources.table_reader import CELLS, read_table

SOURCES = [
    source(),
    source(encoding="cp1252", separator=";", decimal=",", thousands="."),
    source(frequency="month", period={"column": "t", "format": "%m/%Y"}, suppressed=["*"]),
    source(frequency="quarter", period={"year": "t", "quarter": "q"}, missing=[".", ""]),
    source(
        groups={"sex": {"column": "q", "all": "T", "values": {"women": 1}}},
        outcomes={"y": {"column": "y", "kind": "share", "persons": "n"}},
    ),
    source(encoding="utf-16"),
    source(format="parquet"),
    source(frequency="month", period={"headings": "{period}"}, carry_down=["q"],
           outcomes={"y": {"column": "value", "kind": "mean"}}),
    source(header=2, last=4, exclude={"u": "B*"}, unit={"column": "u", "pattern": "{code}"}),
    source(format="excel"),
    source(format="stata"),
    source(format="spss"),
]  # fmt: skip
CELL = st.one_of(
    st.sampled_from(["A", "B", "a ", "2000", "2001", "1", "1.5", "", "*", ".", "T", "03/2020"]),
    st.sampled_from(["1e999", "nan", "-inf", "9" * 40, "\x00", '"', "1,5", "٣", "−1", "0000"]),
    st.text(max_size=6),
)


def outcome_of(given_source: Any, data: bytes) -> pl.DataFrame | None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / given_source.file).write_bytes(data)
        try:
            frame = read_table(given_source, Path(folder)).cells
        except UserError as error:
            told = error
        else:
            return checked(frame)
    assert all(problem.message and problem.where for problem in told.problems)
    return None


def checked(frame: pl.DataFrame) -> pl.DataFrame:
    assert frame.schema == pl.Schema(CELLS)
    assert frame.height > 0
    assert frame["value"].is_finite().all()
    assert not frame.select("unit", "period", "group", "outcome").is_duplicated().any()
    return frame


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), which=st.sampled_from(SOURCES))
@example(data=b"\x1f\x8b", which=SOURCES[0])
@example(data=b"PAR1\x00\x00PAR1", which=SOURCES[6])
@example(data=b"\xff\xfe\x00", which=SOURCES[5])
@example(data=b"PK\x03\x04\x00", which=SOURCES[9])
@example(data=b"\xd0\xcf\x11\xe0", which=SOURCES[9])
@example(data=b"<stata_dta><header><release>118</release>", which=SOURCES[10])
@example(data=b"$FL2@(#) IBM SPSS STATISTICS", which=SOURCES[11])
def test_random_bytes(data: bytes, which: Any) -> None:
    outcome_of(which, data)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=5, max_size=5), min_size=1, max_size=6),
    which=st.sampled_from(SOURCES[:9]),
)
def test_random_cells_under_a_right_header(rows: list[list[str]], which: Any) -> None:
    separator = which.separator
    lines = [separator.join("utyqn"), *(separator.join(row) for row in rows)]
    outcome_of(which, "\n".join(lines).encode(which.encoding, errors="replace"))


@settings(max_examples=150, deadline=None)
@given(
    values=st.dictionaries(
        st.tuples(st.sampled_from("ABC"), st.integers(1900, 2100)),
        st.one_of(st.none(), st.floats(-1e12, 1e12)),
        min_size=1,
    ),
    order=st.randoms(),
)
def test_what_was_written_is_read(values: dict[Any, float | None], order: Any) -> None:
    rows = [f"{u},{t},{'' if y is None else repr(y)},1,1" for (u, t), y in values.items()]
    order.shuffle(rows)
    frame = outcome_of(SOURCES[0], "\n".join(["u,t,y,q,n", *rows]).encode())
    assert frame is not None
    found = {(u, t.year): y for u, t, y in frame.select("unit", "period", "value").iter_rows()}
    assert found == values


IN_CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 3000), st.floats(allow_nan=False), CELL, st.dates()
)
LAYOUTS = [
    source(file="t.xlsx"),
    source(file="t.xlsx", header=2, carry_down=["q"], last=5),
    source(
        file="t.xlsx",
        header=2,
        blocks={"title": "k"},
        period={"headings": "{column}{period}"},
        suppressed=["*"],
    ),
]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.lists(IN_CELLS, max_size=6), max_size=6),
    names=st.lists(
        st.sampled_from(["u", "t", "y", "q", "y2000", "y2001", "*", "^.*$", None]), max_size=6
    ),
    which=st.sampled_from(LAYOUTS),
    at=st.integers(0, 3),
)
def test_random_sheets(rows: list[Any], names: list[Any], which: Any, at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clean = [[_storable(cell) for cell in row] for row in rows]
        path = workbook(Path(folder) / "t.xlsx", S=[*clean[:at], names, *clean[at:], names])
        outcome_of(which, path.read_bytes())


def _storable(cell: Any) -> Any:
    """Control characters cannot stand in a workbook; they are left out."""
    return ILLEGAL_CHARACTERS_RE.sub("", cell) if isinstance(cell, str) else cell


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), min_size=1, max_size=8),
    kind=st.sampled_from(["dta", "sav"]),
    at=st.integers(0, 3000),
    byte=st.binary(max_size=3),
)
def test_statistical_files_with_bytes_replaced(
    values: list[float | None], kind: str, at: int, byte: bytes
) -> None:
    frame = pd.DataFrame({"u": ["A"] * len(values), "t": range(2000, 2000 + len(values))})
    frame["y"] = pd.Series(values, dtype="float64")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"w.{kind}"
        store = pyreadstat.write_dta if kind == "dta" else pyreadstat.write_sav
        store(frame, path, variable_value_labels={"y": {1: "one"}})
        data = bytearray(path.read_bytes())
        whole = not byte
        data[at : at + len(byte)] = byte
        read = outcome_of(SOURCES[10 if kind == "dta" else 11], bytes(data))
    if whole and read is not None:
        assert read["value"].to_list() == [None if v is None else v for v in values]
