"""CSV as text: decoding, splitting and counting lines, strictly."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from reformeval.errors import Problem, UserError

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


def read_text(path: Path, encoding: str) -> str:
    """Read a text file, packed by gzip or not.

    Raises
    ------
    UserError
        If the file is damaged, empty or not in this encoding.
    """
    data = path.read_bytes()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(path, f"the gzip file is damaged ({error})", "get it anew") from None
    if data.startswith(_ZIP):
        raise _unreadable(
            path, "this is a zip or Excel file, not CSV", "save the table as CSV or Parquet"
        )
    if not data.strip():
        raise _unreadable(path, "the file is empty", "get it anew, or correct the key file")
    return decode(path, data, encoding)


def decode(path: Path, data: bytes, encoding: str, first_line: int = 0) -> str:
    """Decode a file, or a part of it that begins after ``first_line`` lines.

    Raises
    ------
    UserError
        If the bytes are not in this encoding, or are UTF-8 although another is declared.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start) + 1
        other = next((e for e in ("utf-8", "cp1252") if e != encoding and _fits(data, e)), None)
        raise _unreadable(
            path,
            f"line {line} is not {encoding} (byte 0x{data[error.start]:02x}; config key: encoding)",
            f"set encoding: {other}" if other else "set encoding to what the file is written in",
        ) from None
    except ValueError as error:
        raise _unreadable(
            path, f"cannot be read as {encoding}: {error}", "correct the key encoding"
        ) from None
    # Decoding UTF-8 as a one-byte code never fails, it only spoils every letter outside ASCII.
    if not encoding.startswith("utf") and not data.isascii() and _fits(data, "utf-8"):
        raise _unreadable(
            path,
            f"the file is utf-8, but is declared {encoding} (config key: encoding)",
            "set encoding: utf-8",
        )
    return text.removeprefix("\ufeff")


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _unreadable(path: Path, message: str, fix: str) -> UserError:
    return UserError(Problem(message, where=str(path), fix=fix))


def walk(text: str, separator: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record ends and its fields; records without text are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for fields in reader:
        if any(fields):
            yield before + reader.line_num, fields


def read_csv(
    path: Path, text: str, separator: str, before: int = 0
) -> tuple[pl.DataFrame, list[int]]:
    """Split text into columns of strings; an empty cell is "". Also give the line of each row.

    ``before`` is how many lines of the file stand before the text.

    polars splits; Python's csv module, stricter, walks along to see that both agree and that
    every line has as many fields as the header, because polars fills short lines without a word.

    Raises
    ------
    UserError
        If lines have too few or too many fields, quotes do not match, or there are no rows.
    """
    header, lines = _check_shape(path, text, separator, before)
    try:
        frame = pl.read_csv(
            text.encode(), separator=separator, infer_schema=False, has_header=False
        )
    except (pl.exceptions.PolarsError, UnicodeError, ValueError) as error:
        raise _unreadable(
            path, f"cannot be read as CSV: {str(error).splitlines()[0]}", _FIX_SHAPE
        ) from None
    frame = frame.filter(~pl.all_horizontal(pl.all().fill_null("") == "")).fill_null("")
    if frame.width != len(header) or frame.height != len(lines) + 1:
        raise _unreadable(path, "quotation marks do not match", _FIX_SHAPE)
    frame.columns = header
    return frame.slice(1), lines


_FIX_SHAPE = "correct these lines in the file, or the key separator"


def _check_separator(path: Path, header: list[str], separator: str) -> None:
    """Refuse a header in one piece: a table has two columns, so the mark is wrong."""
    if len(header) == 1:
        other = max(";,\t|", key=header[0].count)
        found = header[0].count(other) > 0
        named = {"\t": '"\\t"'}.get(other, f'"{other}"')
        raise _unreadable(
            path,
            f"separator '{separator}' does not occur in the header (config key: separator)",
            f"set separator: {named}" if found else "set separator to what the file uses",
        )


def _check_shape(path: Path, text: str, separator: str, before: int) -> tuple[list[str], list[int]]:
    """Header, and the line on which each record ends; records must be as wide as the header."""
    header: list[str] = []
    ragged: list[tuple[int, int]] = []
    records: list[int] = []
    try:
        for line, fields in walk(text, separator, before):
            if not header:
                header = fields
                _check_separator(path, header, separator)
            else:
                records.append(line)
                if len(fields) != len(header):
                    ragged.append((line, len(fields)))
    except csv.Error as error:
        raise _unreadable(path, f"cannot be read as CSV: {error}", _FIX_SHAPE) from None
    if ragged:
        examples = ", ".join(f"line {line} has {count}" for line, count in ragged[:3])
        more = f" and {len(ragged) - 3} more lines" if len(ragged) > 3 else ""
        message = f"the header has {len(header)} fields, but {examples}{more}"
        raise _unreadable(path, message, _FIX_SHAPE)
    if not records:
        raise _unreadable(path, "the file has no rows under its header", "get it anew")
    header = [name or f"(column {i})" for i, name in enumerate(header, start=1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise _unreadable(
            path, f"the header has '{twice[0]}' more than once", "give every column its own name"
        )
    return header, records
