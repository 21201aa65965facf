"""Files of fixed width, read by a layout: block by block, so that memory does not grow with them.

A block of lines of equal length is a matrix of characters, and a field is a slice of its columns:
no line is ever handled on its own unless its length is wrong.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from reformeval.errors import Problem, UserError
from reformeval.sources._csv import decode
from reformeval.sources.raw._findings import ROW, Findings
from reformeval.sources.raw.layout import Layout, LayoutField
from reformeval.sources.raw.models import RawFiles

BLOCK = 16 * 2**20
_GZIP = b"\x1f\x8b"
# One byte a character and ASCII below 128: positions are bytes, whatever they count.
_ONE_BYTE = ("ascii", "cp125", "cp437", "cp850", "cp865", "iso8859", "latin", "mac")
_FIX_LENGTH = (
    "get the file anew; if another year's layout has this length, name it with the key layout; if "
    "an editor cut trailing blanks off, set pad: true"
)
_FIX_VALUE = "correct these lines, or the positions in the layout file"

_BOM, _END_OF_FILE = b"\xef\xbb\xbf", b"\x1a"
_BLANK = ord(" ")
_MOST_DIGITS = 18  # of a whole number of eight bytes
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)$"

Matrix = NDArray[Any]


def read_fixed_width(
    path: Path, layout: Layout, files: RawFiles, names: Sequence[str], findings: Findings
) -> Iterator[pl.DataFrame]:
    """Read fields of a file, a block of lines at a time.

    Parameters
    ----------
    path
        The file, packed by gzip or not.
    layout
        Where each field stands.
    files
        How the text is written: encoding, pad, positions and decimal are used.
    names
        Fields to read.
    findings
        Collects lines of a wrong length and contents that are not of a field's type or codes.

    Yields
    ------
    pl.DataFrame
        The fields in their types (text without the blanks around it; blank is null), and the
        number of each line, from 0, in column `ROW`. A file of blanks alone gives no frame.

    Raises
    ------
    UserError
        At once, if the file is empty, damaged or in another encoding, or a field has no place in
        the layout.
    """
    fields = layout.pick(names, str(path))
    if "0\n".encode(files.encoding) != b"0\n":
        message = f"a file of fixed width cannot be in {files.encoding} (config key: encoding)"
        raise UserError(Problem(message, str(path), "save it as utf-8, or in a one-byte encoding"))
    for first, block in _blocks(path):
        lines, rows = _matrix(path, block, first, layout.width, files, findings)
        if not rows.size:
            continue
        columns = {
            field.name: _column(lines, field, layout, files, rows, findings) for field in fields
        }
        yield pl.DataFrame({**columns, ROW: pl.Series(rows, dtype=pl.Int64)})


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines without their last break, after the number of lines before."""
    lines, rest = 0, b""
    try:
        with _opened(path) as file:
            while data := file.read(BLOCK):
                block, mark, rest = (rest + data).rpartition(b"\n")
                if mark:
                    yield lines, block.replace(b"\r\n", b"\n").removesuffix(b"\r")
                    lines += block.count(b"\n") + 1
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"the gzip file is damaged ({error})"
        raise UserError(Problem(message, str(path), "get it anew")) from None
    if rest := rest.removesuffix(_END_OF_FILE).removesuffix(b"\r"):
        yield lines, rest
    elif not lines and not path.stat().st_size:
        raise UserError(Problem("the file is empty", str(path), "get it anew"))


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(IO[bytes], gzip.open(path)) if packed else path.open("rb")


def _matrix(
    path: Path, block: bytes, first: int, width: int, files: RawFiles, findings: Findings
) -> tuple[Matrix, NDArray[np.int64]]:
    """Characters of the block's records, one row a record, and the number of each one's line."""
    if first == 0:
        block = block.removeprefix(_BOM)
    chars: Matrix = np.frombuffer(block, dtype=np.uint8)
    if not block.isascii():
        text = decode(path, block, files.encoding, first)
        if files.positions == "characters" and not files.encoding.startswith(_ONE_BYTE):
            chars = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    breaks = np.flatnonzero(chars == ord("\n"))
    starts, ends = np.append(0, breaks + 1), np.append(breaks, chars.size)
    rows = first + np.arange(starts.size, dtype=np.int64)
    _check_control(chars, breaks, rows, findings)
    if bool((ends - starts == width).all()):
        matrix = np.append(chars, chars.dtype.type(0)).reshape(starts.size, width + 1)[:, :width]
    else:
        matrix, kept = _irregular(chars, starts, ends, rows, width, files.pad, findings)
        rows = rows[kept]
    # Lines of blanks hold no record. Few begin with a blank, so few are looked at whole.
    blank = matrix[:, 0] == _BLANK
    blank[blank] = (matrix[blank] == _BLANK).all(axis=1)
    return (matrix[~blank], rows[~blank]) if blank.any() else (matrix, rows)


def _check_control(
    chars: Matrix, breaks: NDArray[np.int64], rows: NDArray[np.int64], findings: Findings
) -> None:
    """Find tabs, nulls and the like: blanks alone may fill a line."""
    at = np.flatnonzero((chars < _BLANK) & (chars != ord("\n")))
    if at.size:
        found, first = np.unique(np.searchsorted(breaks, at), return_index=True)
        values = pl.Series([f"byte 0x{code:02x}" for code in chars[at[first]]])
        fix = "replace what is no blank by a blank, or get the file anew"
        findings.bad(pl.Series(rows[found]), values, "a control character stands", fix)


def _irregular(
    chars: Matrix,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    rows: NDArray[np.int64],
    width: int,
    pad: bool,
    findings: Findings,
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Lines of which some are too short or too long; those that cannot be used are found bad."""
    lengths = ends - starts
    good = lengths == width
    matrix = np.full((starts.size, width), _BLANK, dtype=chars.dtype)
    matrix[good] = chars[starts[good][:, None] + np.arange(width)]
    padded = 0
    for index in np.flatnonzero(~good):
        line = chars[starts[index] : ends[index]]
        empty = bool((line == _BLANK).all())
        good[index] = empty or (pad and line.size < width)
        if good[index] and not empty:
            matrix[index, : line.size] = line
            padded += 1
    bad = pl.Series(lengths[~good]).cast(pl.String) + " characters"
    what = f"a line has not the layout's {width} characters"
    findings.bad(pl.Series(rows[~good]), bad, what, _FIX_LENGTH)
    message = f"lines shorter than {width} characters were filled up with blanks"
    findings.repaired("short_lines_padded", padded, message)
    return matrix[good], good


def _column(
    lines: Matrix,
    field: LayoutField,
    layout: Layout,
    files: RawFiles,
    rows: NDArray[np.int64],
    findings: Findings,
) -> pl.Series:
    """One field in its type; what is not of it, or not among its codes, is found bad."""
    chars = lines[:, field.first - 1 : field.last]
    if field.type == "integer" and (read := _digits(chars)) is not None:
        return read
    stripped = _text(chars, files.encoding).str.strip_chars(" ").to_frame("text")
    text, codes = pl.col("text"), list(field.codes)
    blank = text == ""
    if layout.zeros_are_blank and (codes or field.type == "date"):
        blank |= (text.str.strip_chars("0") == "") & ~text.is_in(codes)
    values, wanted = _typed(text, field, files.decimal)
    read_all = stripped.select(
        text,
        pl.when(~blank).then(values).alias("value"),
        (pl.lit(False) if field.type == "text" else values.is_null() & ~blank).alias("wrong"),
        (~text.is_in(codes) & ~blank if codes else pl.lit(False)).alias("unknown"),
    )
    where = f"field {field.name} ({field.place})"
    for mask, what in (
        ("wrong", f"{where} holds {wanted}"),
        ("unknown", f"{where} holds none of the codes {', '.join(codes)}"),
    ):
        bad = read_all[mask]
        if bad.any():
            findings.bad(
                pl.Series(rows).filter(bad), read_all["text"].filter(bad), what, _FIX_VALUE
            )
    return read_all["value"]


def _digits(chars: Matrix) -> pl.Series | None:
    """Whole numbers of digits after blanks; None where anything else stands in any line."""
    if chars.shape[1] > _MOST_DIGITS:
        return None
    columns = np.array(chars.T, order="C")  # a copy: one place after the other, each in a piece
    blank = columns == _BLANK
    if not bool((blank | ((columns >= ord("0")) & (columns <= ord("9")))).all()):
        return None
    if bool((blank[1:] & ~blank[:-1]).any()):
        return None
    columns[blank] = ord("0")
    value = np.zeros(chars.shape[0], dtype=np.int64)
    for column in columns:
        value = value * 10 + (column & 0x0F)
    read = pl.Series(value)
    if not bool(blank[-1].any()):
        return read
    return pl.select(pl.when(~pl.Series(blank[-1])).then(read)).to_series()


def _typed(text: pl.Expr, field: LayoutField, mark: str) -> tuple[pl.Expr, str]:
    """Values of a field's texts, and what to say of texts that have none."""
    if field.type == "integer":
        return text.cast(pl.Int64, strict=False), "no whole number"
    if field.type == "decimal":
        return _decimals(text, field.decimals, mark), "no number"
    if field.type == "date":
        return text.str.to_date(field.format, strict=False), f"no date written as {field.format}"
    return text, "text"


def _text(chars: Matrix, encoding: str) -> pl.Series:
    """Columns of characters as strings of their width."""
    count, width = chars.shape
    flat = np.ascontiguousarray(chars)
    if chars.dtype == np.uint32:
        if bool((flat < 128).all()):
            flat = flat.astype(np.uint8)
        else:
            return pl.Series(flat.view(f"<U{width}").ravel().tolist(), dtype=pl.String)
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(flat)]
    ascii_only = not bool((flat & 0x80).any())
    kind = pa.string() if ascii_only else pa.binary()
    texts = cast(pl.Series, pl.from_arrow(pa.Array.from_buffers(kind, count, buffers)))
    if ascii_only:
        return texts
    distinct = texts.unique()
    # A character cut in two by positions that count bytes shows as the mark of replacement.
    words = [cell.decode(encoding, errors="replace") for cell in distinct]
    return texts.replace_strict(distinct, pl.Series(words, dtype=pl.String))


def _decimals(text: pl.Expr, implied: int, mark: str) -> pl.Expr:
    """Numbers, with digits after an implied decimal mark where none is written."""
    read = text.str.replace(mark, ".", literal=True)
    number = pl.when(read.str.contains(NUMBER)).then(read.cast(pl.Float64, strict=False))
    scale = pl.when(~read.str.contains(".", literal=True)).then(10.0**implied).otherwise(1.0)
    return number / scale
