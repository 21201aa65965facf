"""Reading a register in batches of whole persons, sorted by person and period.

Memory is bounded by a batch, whatever the size of the register. Every batch is checked as it is
read, so that nothing is counted from rows that are not what they should be.

Text is not looked at row by row: a column of text has 16 bytes per row that say which text it is
(https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout): rows of a
batch with the same 16 bytes have the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.register import bucket_names
from reformeval.register._loops import runs, walk
from reformeval.register.schema import check_columns

Source = Path | pl.LazyFrame
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROWS = 1 << 19
YEARS = (1900, 2199)
_KEYS = ("person", "period", "unit")
_MOST = 2_048  # texts of a column that are looked for at first
_BAD_MONTH = -1


def _months() -> tuple[int, NDArray[np.int32]]:
    """First day of the calendar, and the number of the month that begins on each day.

    The first and the last day begin none: they stand for all days before and after.
    """
    first = np.datetime64(f"{YEARS[0]}-01-01", "D") - 1
    last = np.datetime64(f"{YEARS[1] + 1}-01-01", "D")
    numbers = np.full(int((last - first).astype(np.int64)) + 1, _BAD_MONTH, dtype=np.int32)
    starts = np.arange(f"{YEARS[0]}-01", f"{YEARS[1] + 1}-01", dtype="datetime64[M]")
    days = (starts.astype("datetime64[D]") - first).astype(np.int64)
    numbers[days] = starts.astype(np.int64) + 1970 * 12
    return int(first.astype(np.int64)), numbers


_FIRST_DAY, _MONTH_OF_DAY = _months()


def month_start(number: int) -> date:
    """First day of a month that is given by its number (`periods.number`)."""
    return date(number // 12, number % 12 + 1, 1)


class Walked(NamedTuple):
    """What going through the rows of a batch finds (`_loops.walk`)."""

    month: NDArray[np.int32]
    follows: Flags
    starts: Ints
    wrong: int
    twice: int
    unsorted: bool


class Texts(NamedTuple):
    """A text column, as runs of rows with the same text.

    Attributes
    ----------
    values
        Its distinct texts.
    start, length, entry
        Of each run, its first row, the number of its rows, and the index of its text.
    """

    values: list[str | None]
    start: Ints
    length: Ints
    entry: Ints

    def rows(self, of_values: NDArray[Any]) -> NDArray[Any]:
        """Give each row what its text has."""
        return np.repeat(of_values[self.entry], self.length)


@dataclass(frozen=True, eq=False)
class Batch:
    """Whole persons: rows sorted by person and month, no person-month twice.

    Attributes
    ----------
    rows
        The columns that were asked for.
    where
        File and rows, for messages.
    """

    rows: pl.DataFrame
    where: str

    def __len__(self) -> int:
        return self.rows.height

    @cached_property
    def person(self) -> Ints:
        """Person of each row."""
        return self.rows["person"].to_numpy().astype(np.int64, copy=False)

    @cached_property
    def walked(self) -> Walked:
        """What `_loops.walk` finds."""
        days = self.rows["period"].cast(pl.Int32).to_numpy()
        return Walked(*walk(self.person, days, _MONTH_OF_DAY, _FIRST_DAY))

    @property
    def month(self) -> NDArray[np.int32]:
        """Month of each row, as a number; negative where it is no first day of a month."""
        return self.walked.month

    @property
    def follows(self) -> Flags:
        """Rows whose person is in the register in the month before, too."""
        return self.walked.follows

    @property
    def starts(self) -> Ints:
        """First row of each person."""
        return self.walked.starts

    @cached_property
    def lengths(self) -> Ints:
        """Number of rows of each person."""
        return np.diff(self.starts, append=len(self))

    @cached_property
    def of_person(self) -> NDArray[np.intp]:
        """Index of each row's person among the batch's persons."""
        return np.repeat(np.arange(len(self.starts)), self.lengths)

    def values(self, name: str) -> tuple[NDArray[Any], Flags | None]:
        """Values of a column and, if any are missing, which are there; missing ones are 0."""
        column, there = self.rows[name], None
        if column.null_count():
            there = _unpacked(column.is_not_null())
            column = column.fill_null(False if column.dtype == pl.Boolean else 0)
        return _unpacked(column) if column.dtype == pl.Boolean else column.to_numpy(), there

    def flags(self, name: str) -> Flags:
        """Rows where a true/false column is true; a missing entry is not."""
        return self.values(name)[0].astype(np.bool_, copy=False)

    def texts(self, name: str) -> Texts:
        """Look up what a text column holds; a missing entry is None."""
        if name not in self._known_texts:
            self._known_texts[name] = _texts(self.rows[name])
        return self._known_texts[name]

    @cached_property
    def _known_texts(self) -> dict[str, Texts]:
        return {}

    def without_ends(self) -> Batch:
        """Return the rows between the first and the last person; what is known of them stays."""
        first, last = int(self.starts[1]), int(self.starts[-1])
        inner = Batch(self.rows[first:last], self.where)
        walked = self.walked._replace(
            month=self.month[first:last],
            follows=self.follows[first:last],
            starts=self.starts[1:-1] - first,
        )
        inner.__dict__.update(person=self.person[first:last], walked=walked)
        return inner

    def keep(self, kept: Flags) -> Batch:
        """Return the rows where ``kept`` is true."""
        return Batch(self.rows.filter(kept), self.where)


def _texts(column: pl.Series) -> Texts:
    """Find the runs of a text column."""
    missing = column.is_null() if column.null_count() else None
    texts = column if missing is None else column.fill_null("")
    views, most, whole = _views(texts, missing), _MOST, False
    while not whole:
        start, entry, first, whole = runs(views, most)
        most *= 2
    found = column[first].to_list()
    values = list(dict.fromkeys(found))
    if len(values) < len(found):  # a long text that lies in the file more than once
        index = {text: i for i, text in enumerate(values)}
        entry = np.array([index[text] for text in found])[entry]
    return Texts(values, start, np.diff(start, append=len(column)), entry)


def _unpacked(column: pl.Series) -> Flags:
    """Turn a true/false column without missing entries from a bit each to a byte each."""
    bits = column.to_arrow()
    first, end = bits.offset, bits.offset + len(bits)
    packed = np.frombuffer(bits.buffers()[1], dtype=np.uint8, count=(end + 7) // 8)
    return np.unpackbits(packed, bitorder="little")[first:end].view(np.bool_)


def _views(column: pl.Series, missing: pl.Series | None) -> NDArray[np.uint64]:
    """Two words for each row of a text column: those of its view, or ones of no text."""
    texts = column.to_arrow(compat_level=pl.CompatLevel.newest())
    words = np.frombuffer(texts.buffers()[1], dtype=np.uint64)
    views = words.reshape(-1, 2)[texts.offset : texts.offset + len(texts)]
    if missing is None:
        return views
    return np.where(missing.to_numpy()[:, None], np.iinfo(np.uint64).max, views)


def read(source: Source, columns: Iterable[str], rows: int | None = None) -> Iterator[Batch]:
    """Read a register batch by batch.

    Parameters
    ----------
    source
        A bucket's file, sorted by person and period; or person-months in any order, which are
        sorted in memory.
    columns
        Columns to read beside person, period and unit.
    rows
        Rows that are read at a time; default: `ROWS`.

    Raises
    ------
    UserError
        If columns are missing or of another type, the file is damaged, keys are missing, periods
        are no months, rows are not sorted, or a person-month is there twice.
    """
    rows = rows or ROWS
    names = list(dict.fromkeys((*_KEYS, *columns)))
    check_source(source, names)
    if isinstance(source, pl.LazyFrame):
        place, parts = "the register", _sorted(source, names, rows)
    else:
        place, parts = str(source), _file(source, names, rows)
    cut: list[pl.DataFrame] = []
    before: int | None = None
    done = 0
    bucket = bucket_names.remainder(source) if isinstance(source, Path) else None
    for part in parts:
        batch = Batch(part, f"{place}, rows {done + 1:,} to {done + len(part):,}")
        done += len(part)
        _check(batch, before)
        if bucket:
            _check_bucket(batch, *bucket)
        before = int(batch.person[-1])
        # The first and the last person may go on in the batches beside; they are read at the end.
        if len(batch.starts) == 1:
            cut.append(part)
            continue
        cut += [_copy(part, 0, batch.starts[1]), _copy(part, batch.starts[-1], len(batch))]
        if len(batch.starts) > 2:
            yield batch.without_ends()
    if cut:
        batch = Batch(pl.concat(cut, rechunk=True), place)
        _check(batch, None)
        yield batch


def _copy(rows: pl.DataFrame, start: np.intp | int, end: np.intp | int) -> pl.DataFrame:
    """Rows by themselves, so that the rest of the batch can be freed."""
    return rows[np.arange(start, end)]


def _sorted(source: pl.LazyFrame, names: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
    frame = source.select(_columns(source.collect_schema(), names)).sort("person", "period")
    yield from frame.collect().rechunk().iter_slices(rows)


def _file(path: Path, names: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
    """Read a file by row groups."""
    with _readable(path):
        file, start = pq.read_metadata(path), 0
        register = pl.scan_parquet(path)
        register = register.select(_columns(register.collect_schema(), names))
        for group in range(file.num_row_groups):
            count = file.row_group(group).num_rows
            yield from register.slice(start, count).collect().rechunk().iter_slices(rows)
            start += count


def _columns(schema: pl.Schema, names: Sequence[str]) -> list[pl.Expr]:
    """Give columns of a register, text as text where it lies as codes."""
    coded = (pl.Categorical, pl.Enum)
    return [
        pl.col(name).cast(pl.String) if isinstance(schema[name], coded) else pl.col(name)
        for name in names
    ]


def check_source(source: Source, columns: Iterable[str]) -> None:
    """Check that a register can be opened and has columns in their types.

    Raises
    ------
    UserError
        If the file is not there or damaged, or naming every column that is missing or of another
        type.
    """
    if isinstance(source, pl.LazyFrame):
        check_columns(source, columns)
        return
    if not source.is_file():
        raise UserError(
            Problem("the register is not there", where=str(source), fix="run snakemake to make it")
        )
    with _readable(source):
        schema = pl.scan_parquet(source).collect_schema()
    check_columns(schema.to_frame().lazy(), columns, where=str(source))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a damaged file that it is one."""
    try:
        yield
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        why = " ".join(str(error).split())
        raise UserError(
            Problem(f"the file is damaged or cut off: {why}", str(path), "make or fetch it again")
        ) from error


def _check(batch: Batch, before: int | None) -> None:
    """Stop at rows that would be counted wrongly."""
    for name in _KEYS:
        if missing := batch.rows[name].null_count():
            raise UserError(
                Problem(f"{missing:,} rows of the register have no {name}", where=batch.where)
            )
    walked = batch.walked
    if walked.wrong:
        days = batch.rows["period"].filter(batch.month < 0)
        raise UserError(
            Problem(
                f"{walked.wrong:,} values of the column period are no first day of a month from "
                f"{YEARS[0]} to {YEARS[1]}, such as {days[0]}",
                where=batch.where,
                fix="give the first day of the month",
            )
        )
    if walked.twice:
        raise UserError(Problem(*_twice(batch)))
    if walked.unsorted or (before is not None and batch.person[0] < before):
        raise UserError(
            Problem(
                "the rows are not sorted by person and period",
                where=batch.where,
                fix="sort the register by person, period",
            )
        )


def _twice(batch: Batch) -> tuple[str, str, str]:
    """Message, place and fix for person-months that are there more than once."""
    again = (np.diff(batch.person) == 0) & (np.diff(batch.month) == 0)
    rows = np.flatnonzero(again)
    texts = batch.texts("unit")
    index = texts.rows(np.arange(len(texts.values)))
    first = rows[0]
    units = [texts.values[index[row]] for row in (first, first + 1)]
    where = f"in {units[0]} and in {units[1]}" if units[0] != units[1] else f"both in {units[0]}"
    month = periods.label(month_start(int(batch.month[first])), "month")
    apart = int((index[rows] != index[rows + 1]).sum())
    return (
        f"{len(rows):,} person-months are there more than once, {apart:,} of them in two units: "
        f"the register has more than one row for person {batch.person[first]} in {month}, {where}",
        batch.where,
        "give one row per person and period",
    )


def _check_bucket(batch: Batch, wanted: int, count: int) -> None:
    found = batch.person[batch.starts] % count
    if (found != wanted).any():
        wrong = batch.person[batch.starts][found != wanted]
        belongs = bucket_names.names(count)[int(wrong[0] % count)]
        raise UserError(
            Problem(
                f"{len(wrong):,} persons are in the wrong bucket: person {wrong[0]} belongs in "
                f"{belongs}",
                where=batch.where,
                fix="make the register again with the present number of buckets",
            )
        )
