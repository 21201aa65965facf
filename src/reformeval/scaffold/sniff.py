"""How a data file is written: format, encoding, separator, marks; and its cells as text."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.periods import Frequency
from reformeval.scaffold import shapes
from reformeval.sources import _cells
from reformeval.sources._csv import read_csv, read_text
from reformeval.sources._labelled import read_labelled
from reformeval.sources.table import VALUE, Format

SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 200
_MISSING = (".", "..", ":", "-", "–", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "x")
_SUPPRESSED = ("*", "**", "<5", "< 5", "<4", "c")
_SPACES = " \u00a0\u202f"
_NUMBER_LIKE = re.compile(rf"[-+]?[\d.,{_SPACES}]*\d[\d.,{_SPACES}]*(?:[eE][-+]?\d+)?")
# Cells that leave no doubt about the decimal mark: not three digits behind it, or more before it.
_SURE = {
    mark: re.compile(
        rf"[-+]?(?:[\d{other}{_SPACES}]*{mark}(?:\d{{1,2}}|\d{{4,}})|0{mark}\d+|\d{{4,}}{mark}\d+"
        rf"|\d{{1,3}}(?:[{other}{_SPACES}]\d{{3}})+{mark}\d+)(?:[eE][-+]?\d+)?"
    )
    for mark, other in ((",", "."), (r"\.", ","))
}
_SURE["."] = _SURE.pop(r"\.")


@dataclass(frozen=True, eq=False)
class Table:
    """A data file as text.

    Attributes
    ----------
    frame
        Every cell a string; empty cells are "". Periods that stand in headings are a column here.
    numeric
        Columns whose cells are numbers, missing marks aside.
    missing, suppressed
        Marks found in them.
    sheet, header, last
        Where the table stands in a workbook.
    wide
        Frequency of the periods in the headings; None for a long table.
    """

    path: Path
    format: Format
    frame: pl.DataFrame
    numeric: frozenset[str]
    encoding: str = "utf-8"
    separator: str = ","
    decimal: Literal[".", ","] = "."
    thousands: str | None = None
    missing: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()
    sheet: str | None = None
    header: int = 1
    last: int | None = None
    wide: Frequency | None = None

    def numbers(self, column: str) -> pl.Series:
        """Cells of a numeric column as floats, nulls where there is none."""
        texts = self.frame[column].str.strip_chars()
        return _cells.as_floats(texts, self.decimal, self.thousands)


def open_file(path: Path) -> Table:
    """Read a file in any format that tables may have, guessing how it is written.

    Raises
    ------
    UserError
        If the file is not there, or has none of the formats.
    """
    return _lengthened(_open(path))


def _open(path: Path) -> Table:
    if not path.is_file():
        raise UserError(Problem("there is no such file", str(path), "correct --data"))
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        return _parquet(path)
    if start == b"PK\x03\x04":
        found = shapes.on_sheets(path)
        table = _described(path, found.frame, "utf-8", ",")
        return replace(
            table, format="excel", sheet=found.sheet, header=found.header, last=found.last
        )
    if path.suffix == ".dta" or start == b"<sta":
        return _typed(path, "stata", read_labelled(path, "stata", labels=True, decimal="."))
    if start in (b"$FL2", b"$FL3"):
        return _typed(path, "spss", read_labelled(path, "spss", labels=True, decimal="."))
    encoding = _encoding(path, start)
    text = read_text(path, encoding)
    separator = _separator(text)
    return _described(path, read_csv(path, text, separator)[0], encoding, separator)


def _parquet(path: Path) -> Table:
    try:
        raw = pl.read_parquet(path)
    except Exception as error:  # a damaged file can fail in any layer below
        told = (str(error).splitlines() or ["damaged"])[0]
        raise UserError(Problem(f"cannot be read as Parquet: {told}", str(path))) from None
    if raw.is_empty():
        raise UserError(Problem("the file has no rows", str(path), "choose another file"))
    return _typed(path, "parquet", raw)


def _lengthened(table: Table) -> Table:
    """Give a wide table the long form that its source will have."""
    found = shapes.periods_in(table.frame.columns)
    if found is None or VALUE in table.frame.columns:
        return table
    frequency, headings = found
    others = table.numeric - set(headings)
    numeric = others | {VALUE} if set(headings) <= table.numeric else others
    long = shapes.to_long(table.frame, headings)
    return replace(table, frame=long, numeric=frozenset(numeric), wide=frequency)


def _typed(path: Path, form: Format, raw: pl.DataFrame) -> Table:
    """Turn columns with types to text."""
    numeric, columns = [], {}
    for name in raw.columns:
        texts = _cells.as_text(raw[name])
        if texts is None and raw[name].dtype.is_numeric():
            texts = raw[name].cast(pl.String).fill_null("")
        if texts is None and raw[name].dtype == pl.Boolean:
            texts = raw[name].cast(pl.Int8).cast(pl.String).fill_null("")
        if texts is not None:
            columns[name] = texts
            if raw[name].dtype.is_numeric() or raw[name].dtype == pl.Boolean:
                numeric.append(name)
    return Table(path, form, pl.DataFrame(columns), frozenset(numeric))


def _encoding(path: Path, start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    data = path.read_bytes()
    if start[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except Exception:  # read_text says what is wrong with it
            return "utf-8"
    for encoding in ("utf-8", "cp1252"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _separator(text: str) -> str:
    """Find the mark that splits most lines into the same number of fields, more than one."""
    lines = [line for line in text.splitlines()[: _SAMPLE_LINES + 1] if line.strip()]

    def score(separator: str) -> tuple[float, int]:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
        except csv.Error:
            return (0.0, 0)
        width = len(rows[0]) if rows else 0
        same = sum(len(row) == width for row in rows) / max(len(rows), 1)
        return (same, width) if width > 1 else (0.0, 0)

    return max(SEPARATORS, key=score)


def _described(path: Path, frame: pl.DataFrame, encoding: str, separator: str) -> Table:
    cells = {name: frame[name].str.strip_chars().unique().to_list() for name in frame.columns}
    marks = {*_MISSING, *_SUPPRESSED, ""}
    values = {name: [cell for cell in texts if cell not in marks] for name, texts in cells.items()}
    like = {name: v for name, v in values.items() if v and all(map(_NUMBER_LIKE.fullmatch, v))}
    every = [text for texts in like.values() for text in texts]
    decimal = _decimal(every, separator)
    thousands = next((mark for mark in " .," if _grouped(every, mark, decimal)), None)
    number = re.compile(_cells.number_pattern(decimal, thousands))
    numeric = [name for name, texts in like.items() if all(map(number.fullmatch, texts))]
    found = {cell for name in numeric for cell in cells[name] if cell in marks}
    return Table(
        path,
        "csv",
        frame,
        frozenset(numeric),
        encoding,
        separator,
        decimal,
        thousands,
        tuple(mark for mark in _MISSING if mark in found),
        tuple(mark for mark in _SUPPRESSED if mark in found),
    )


def _decimal(texts: Sequence[str], separator: str) -> Literal[".", ","]:
    """Find the decimal mark; three digits after one mark may as well be thousands."""
    if any(_SURE[","].fullmatch(text) for text in texts):
        return ","
    if any(_SURE["."].fullmatch(text) for text in texts):
        return "."
    return "," if separator != "," and any("," in text for text in texts) else "."


def _grouped(texts: Sequence[str], mark: str, decimal: str) -> bool:
    spaces = _SPACES if mark == " " else re.escape(mark)
    group = re.compile(rf"[-+]?\d{{1,3}}(?:[{spaces}]\d{{3}})+(?:[.,]\d+)?")
    return mark != decimal and any(group.fullmatch(text) for text in texts)
