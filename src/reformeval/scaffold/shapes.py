"""Where the table stands on a sheet, and whether its periods stand in the headings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.periods import Frequency
from reformeval.sources import _cells, _excel
from reformeval.sources.table import VALUE

# The column of periods that a wide table gets here; no heading of a file is called so.
HEADINGS = "(headings)"
_FEWEST = 3


@dataclass(frozen=True, eq=False)
class Found:
    """A table on a sheet: the row of its headings and, where notes follow, its last row."""

    sheet: str
    header: int
    last: int | None
    frame: pl.DataFrame


def on_sheets(path: Path) -> Found:
    """Find the one sheet of a workbook that holds a plain table.

    Raises
    ------
    UserError
        If there is none, or more than one.
    """
    book = _excel.open_book(path)
    try:
        tables = [
            found
            for name in book.sheetnames
            if (found := _table(name, _excel.rows_of(book, path, name, ".")))
        ]
    finally:
        book.close()
    if len(tables) == 1:
        return tables[0]
    listed = ", ".join(f"'{table.sheet}'" for table in tables)
    told = f"{len(tables)} sheets hold tables: {listed}" if tables else "no sheet holds a table"
    raise UserError(
        Problem(
            f"{told}; a sheet with one table is needed: a row of headings, all different, and "
            "rows of cells below it",
            str(path),
            "save the sheet as a file of its own, or write the source file by hand: "
            "docs/adding-a-source.md shows how sheets and blocks are read",
        )
    )


def _table(name: str, rows: _excel.Rows) -> Found | None:
    """Take the first row of different texts, with as many filled cells below, for headings."""
    filled = [sum(bool(cell.strip()) for cell in cells) for _, cells in rows]
    for at, (number, cells) in enumerate(rows[:-1]):
        headings = [cell.strip() for cell in cells if cell.strip()]
        below = [count for count in filled[at + 1 :] if count]
        if len(headings) < 2 or len(set(headings)) < len(headings) or len(below) < 2:
            continue
        if below[0] < len(headings) or filled[at + 1] == 0:
            continue
        last = max(i for i, count in enumerate(filled) if count > 1)
        body = rows[at + 1 : last + 1]
        if any(cells == other for _, other in body):
            return None  # blocks, each under its own headings
        names = _excel.name_columns(cells)
        frame = pl.DataFrame(
            [row for _, row in body if any(cell.strip() for cell in row)],
            schema=dict.fromkeys(names, pl.String),
            orient="row",
        )
        bare = [n for n, cell in zip(names, cells, strict=True) if not cell.strip()]
        frame = frame.drop([n for n in bare if (frame[n] == "").all()])
        notes = any(filled[last + 1 :])
        return Found(name, number, rows[last][0] if notes else None, frame)
    return None


def periods_in(names: list[str]) -> tuple[Frequency, dict[str, str]] | None:
    """Headings that are periods of one frequency, with the period of each; None if too few."""
    for frequency in periods.FREQUENCIES:
        found = {}
        for name in names:
            try:
                day = _cells.period(name, frequency)
            except (ValueError, OverflowError):
                continue
            if 1800 <= day.year <= 2100:
                found[name] = periods.label(day, frequency)
        if len(found) >= _FEWEST and len(set(found.values())) == len(found):
            return frequency, found
    return None


def to_long(frame: pl.DataFrame, found: dict[str, str]) -> pl.DataFrame:
    """Give every period a row: the period in `HEADINGS`, the number in ``value``."""
    ids = [name for name in frame.columns if name not in found]
    long = frame.unpivot(on=list(found), index=ids, variable_name=HEADINGS, value_name=VALUE)
    return long.with_columns(pl.col(HEADINGS).replace_strict(found, return_dtype=pl.String))
