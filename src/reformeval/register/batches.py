"""Reading a register in batches of whole persons, sorted by person and period.

Memory is bounded by a batch, whatever the size of the register. Every batch is checked as it is
read, so that nothing is counted from rows that are not what they should be.

Text columns are read with pyarrow, which hands them over as the codes that the file holds: making
text of them, and codes again, would take several times as long as reading all other columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.register import bucket_names
from reformeval.register._loops import look_up, walk
from reformeval.register.schema import check_columns

Source = Path | pl.LazyFrame
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROWS = 1 << 19
YEARS = (1900, 2199)
_KEYS = ("person", "period", "unit")
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

    rows: pa.RecordBatch
    where: str

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @cached_property
    def person(self) -> Ints:
        """Person of each row."""
        numbers: Ints = self.rows.column("person").to_numpy().astype(np.int64, copy=False)
        return numbers

    @cached_property
    def month(self) -> NDArray[np.int32]:
        """Month of each row, as a number; negative where it is no first day of a month."""
        days = self.rows.column("period").view(pa.int32()).to_numpy()
        found: NDArray[np.int32] = look_up(_MONTH_OF_DAY, days, _FIRST_DAY)
        return found

    @cached_property
    def starts(self) -> Ints:
        """First row of each person."""
        return self.walked[0]

    @cached_property
    def walked(self) -> tuple[Ints, int, int, bool]:
        """What `_loops.walk` finds."""
        found: tuple[Ints, int, int, bool] = walk(self.person, self.month)
        return found

    @cached_property
    def of_person(self) -> NDArray[np.intp]:
        """Index of each row's person among the batch's persons."""
        lengths = np.diff(np.append(self.starts, len(self)))
        return np.repeat(np.arange(len(self.starts)), lengths)

    def values(self, name: str) -> tuple[NDArray[Any], Flags | None]:
        """Values of a column and, if any are missing, which are there; missing ones are 0."""
        column = self.rows.column(name)
        if not column.null_count:
            return column.to_numpy(zero_copy_only=False), None
        there = column.is_valid().to_numpy(zero_copy_only=False)
        return column.fill_null(pa.scalar(0).cast(column.type)).to_numpy(
            zero_copy_only=False
        ), there

    def flags(self, name: str) -> Flags:
        """Rows where a true/false column is true; a missing entry is not."""
        values, there = self.values(name)
        flags: Flags = values.astype(np.bool_, copy=False)
        return flags if there is None else flags & there

    def codes(self, name: str) -> tuple[list[str | None], NDArray[np.int32]]:
        """Distinct values of a text column, None last, and the index of each row's value."""
        column = self.rows.column(name)
        values = [*column.dictionary.to_pylist(), None]
        index = column.indices
        if index.null_count:
            index = index.cast(pa.int32()).fill_null(len(values) - 1)
        return values, index.to_numpy().astype(np.int32, copy=False)

    def frame(self, names: Sequence[str]) -> pl.DataFrame:
        """Return these columns as a polars frame, text as plain text."""
        frame = pl.DataFrame(pl.from_arrow(self.rows.select(list(names))))
        return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))

    def without_ends(self) -> Batch:
        """Return the rows between the first and the last person; what is known of them stays."""
        first, last = int(self.starts[1]), int(self.starts[-1])
        inner = Batch(self.rows.slice(first, last - first), self.where)
        known = {"person": self.person[first:last], "month": self.month[first:last]}
        inner.__dict__.update(known, starts=self.starts[1:-1] - first)
        return inner

    def keep(self, kept: Flags) -> Batch:
        """Return the rows where ``kept`` is true."""
        return Batch(self.rows.filter(pa.array(kept)), self.where)


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
    cut: list[pa.RecordBatch] = []
    before: int | None = None
    done = 0
    bucket = bucket_names.remainder(source) if isinstance(source, Path) else None
    for part in parts:
        if not part.num_rows:
            continue
        batch = Batch(part, f"{place}, rows {done + 1:,} to {done + part.num_rows:,}")
        done += part.num_rows
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
        table = pa.Table.from_batches(cut).unify_dictionaries().combine_chunks()
        for part in table.to_batches():
            batch = Batch(part, place)
            _check(batch, None)
            yield batch


def _copy(rows: pa.RecordBatch, start: np.intp | int, end: np.intp | int) -> pa.RecordBatch:
    """Rows by themselves, so that the rest of the batch can be freed."""
    return rows.take(pa.array(np.arange(start, end)))


def _sorted(source: pl.LazyFrame, names: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    frame = source.select(
        pl.col(name).cast(pl.Categorical)
        if kind.is_(pl.String) or isinstance(kind, pl.Enum)
        else name
        for name, kind in source.collect_schema().items()
        if name in names
    )
    table = frame.sort("person", "period").collect().rechunk().to_arrow()
    yield from table.to_batches(max_chunksize=rows)


def _file(path: Path, names: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Read a file by row groups: text with pyarrow, as codes, and the rest with polars."""
    with _readable(path):
        schema = pq.read_schema(path)
        text = [name for name in names if _is_text(schema.field(name).type)]
        others = pl.scan_parquet(path).select(name for name in names if name not in text)
        with pq.ParquetFile(path, read_dictionary=text) as file:
            start = 0
            for group in range(file.num_row_groups):
                codes = file.read_row_group(group, columns=text, use_threads=False)
                numbers = others.slice(start, codes.num_rows).collect().to_arrow()
                start += codes.num_rows
                columns = [*codes.columns, *numbers.columns]
                table = pa.table(columns, [*codes.column_names, *numbers.column_names])
                yield from table.to_batches(max_chunksize=rows)


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
        empty = pl.DataFrame(pl.from_arrow(pq.read_schema(source).empty_table()))
    check_columns(empty.lazy(), columns, where=str(source))


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


def _is_text(kind: pa.DataType) -> bool:
    kinds = pa.types
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_dictionary(kind))


def _check(batch: Batch, before: int | None) -> None:
    """Stop at rows that would be counted wrongly."""
    for name in _KEYS:
        if missing := batch.rows.column(name).null_count:
            raise UserError(
                Problem(f"{missing:,} rows of the register have no {name}", where=batch.where)
            )
    _, wrong, twice, unsorted = batch.walked
    if wrong:
        days = batch.rows.column("period").filter(pa.array(batch.month < 0))
        raise UserError(
            Problem(
                f"{wrong:,} values of the column period are no first day of a month from "
                f"{YEARS[0]} to {YEARS[1]}, such as {days[0].as_py()}",
                where=batch.where,
                fix="give the first day of the month",
            )
        )
    if twice:
        raise UserError(Problem(*_twice(batch)))
    if unsorted or (before is not None and batch.person[0] < before):
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
    values, index = batch.codes("unit")
    first = rows[0]
    units = [values[index[row]] for row in (first, first + 1)]
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
