"""Sheets of an Excel workbook: headings, blocks and rows, with the cells as Excel stores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources._grid import LINE, Grid, carry_down
from reformeval.sources.table import TableSource

# Each row with its number in the sheet, from 1; an empty cell is "".
Rows = list[tuple[int, list[str]]]


def read_sheets(source: TableSource, path: Path) -> dict[str, Grid]:
    """Read the sheets that a source names, by the column that their numbers go to.

    Raises
    ------
    UserError
        If the file is no workbook, a sheet is not there or is not laid out as declared.
    """
    book = open_book(path)
    try:
        wanted = _wanted(source, path, book.sheetnames)
        return {
            column: _grid(source, path, name, rows_of(book, path, name, source.decimal))
            for column, name in wanted.items()
        }
    finally:
        book.close()


def open_book(path: Path) -> Any:
    """Open a workbook for reading its values.

    Raises
    ------
    UserError
        If the file cannot be read as a workbook.
    """
    from openpyxl import load_workbook  # only where a workbook is read

    try:
        return load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # a damaged file can fail in any layer below
        old = path.open("rb").read(4) == b"\xd0\xcf\x11\xe0"
        told = "it is in the format of Excel 2003 or protected" if old else _first_line(error)
        raise UserError(
            Problem(
                f"cannot be read as an Excel workbook: {told}",
                where=str(path),
                fix="save it as .xlsx without a password"
                if old
                else "get it anew, or correct the key format",
            )
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _wanted(source: TableSource, path: Path, names: Sequence[str]) -> dict[str, str]:
    """Name the sheet behind each column of numbers; "" where the only sheet is meant."""
    if source.sheet is None:
        if len(names) != 1:
            listed = ", ".join(f"'{name}'" for name in names)
            raise UserError(
                Problem(
                    f"the workbook has {len(names)} sheets: {listed} (config key: sheet)",
                    where=str(path),
                    fix="name the one to read",
                )
            )
        return {"": names[0]}
    wanted = source.sheet if isinstance(source.sheet, dict) else {"": source.sheet}
    problems = [
        Problem(
            f"there is no sheet '{name}' (config key: sheet)",
            where=str(path),
            fix=did_you_mean(name, names),
        )
        for name in wanted.values()
        if name not in names
    ]
    if problems:
        raise UserError(problems)
    return dict(wanted)


def rows_of(book: Any, path: Path, sheet: str, decimal: str) -> Rows:
    """Every row of a sheet as texts, all equally wide; numbers with this decimal mark."""
    try:
        page = book[sheet]
        page.reset_dimensions()  # what the file says of its size may be wrong
        rows = [[_text(cell, decimal) for cell in row] for row in page.iter_rows(values_only=True)]
    except Exception as error:  # a damaged file can fail in any layer below
        raise UserError(
            Problem(
                f"sheet '{sheet}' cannot be read: {_first_line(error)}",
                where=str(path),
                fix="get the file anew, or name a sheet with cells under sheet",
            )
        ) from None
    width = max((len(row) for row in rows), default=0)
    return [(i, row + [""] * (width - len(row))) for i, row in enumerate(rows, start=1)]


def _text(cell: object, decimal: str) -> str:
    """Write a cell as text, numbers to the last digit that the file holds."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell).replace(".", decimal)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def letter(index: int) -> str:
    """Letter of a column by its position from 0, as Excel shows it.

    Examples
    --------
    >>> letter(0), letter(27)
    ('A', 'AB')
    """
    index, rest = divmod(index, 26)
    return (letter(index - 1) if index else "") + chr(ord("A") + rest)


def name_columns(cells: Sequence[str]) -> list[str]:
    """Name every column by its heading, or by its letter where there is none."""
    return [cell if cell.strip() else f"(column {letter(i)})" for i, cell in enumerate(cells)]


def _grid(source: TableSource, path: Path, sheet: str, rows: Rows) -> Grid:
    where = f"{path}, sheet '{sheet}'"
    rows = rows[: source.last] if source.last is not None else rows
    headings = rows[source.header - 1][1] if len(rows) >= source.header else []
    if not any(cell.strip() for cell in headings):
        raise UserError(
            Problem(
                f"row {source.header} has no headings (config key: header)",
                where=where,
                fix="give the row in which the headings stand",
            )
        )
    names = name_columns(headings)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            Problem(
                f"row {source.header} has the heading '{twice[0]}' more than once",
                where=where,
                fix="give every column its own heading, or correct the key header",
            )
        )
    parts = []
    for title, block in _blocks(source, where, headings, rows):
        frame = pl.DataFrame(
            [[*cells, number] for number, cells in block if any(cell.strip() for cell in cells)],
            schema={**dict.fromkeys(names, pl.String), LINE: pl.Int64},
            orient="row",
        )
        if source.blocks is not None:
            frame = frame.with_columns(pl.lit(title).alias(source.blocks.title))
        parts.append(carry_down(frame, source.carry_down))
    whole = pl.concat(parts)
    if whole.is_empty():
        raise UserError(Problem("there are no rows under the headings", where, "get it anew"))
    _refuse_notes(source, where, whole[[*names, LINE]])
    letters = {name: letter(i) for i, name in enumerate(names)}
    # A margin, or columns that were only ever coloured.
    bare = [n for n in names if n == f"(column {letters[n]})" and (whole[n] == "").all()]
    return Grid(whole.drop(bare), letters=letters, sheet=sheet)


def _blocks(
    source: TableSource, where: str, headings: list[str], rows: Rows
) -> Iterator[tuple[str, Rows]]:
    """Yield title and rows of each block; without blocks the whole table, without a title."""
    body = rows[source.header :]
    if source.blocks is None:
        yield "", body
        return
    if source.blocks.title in name_columns(headings):
        raise UserError(
            Problem(
                f"there is a column '{source.blocks.title}' already (config key: blocks.title)",
                where=where,
                fix="choose another name",
            )
        )
    starts = [
        i for i, (_, cells) in enumerate(rows) if cells == headings and i + 1 >= source.header
    ]
    for start, end in zip(starts, [*starts[1:], len(rows) + 1], strict=True):
        number, cells = rows[start - 1]
        texts = [cell.strip() for cell in cells if cell.strip()]
        if len(texts) != 1:
            raise UserError(
                Problem(
                    f"row {number}, above the headings of a block, holds {len(texts)} cells with "
                    "text instead of the block's title (config key: blocks)",
                    where=where,
                    fix="correct header, or drop blocks if the sheet has but one",
                )
            )
        yield texts[0], rows[start + 1 : end - 1]


def _refuse_notes(source: TableSource, where: str, frame: pl.DataFrame) -> None:
    """Stop at texts that stand alone below the table: read as rows they would be units."""
    if frame.width < 4:
        return
    filled = pl.sum_horizontal(pl.all().str.strip_chars() != "")
    counts = frame.drop(LINE).select(filled).to_series().to_list()
    alone = 0
    while alone < len(counts) and counts[-1 - alone] == 1:
        alone += 1
    if not alone:
        return
    first = frame[LINE][-alone]
    before = frame[LINE][-alone - 1] if alone < len(counts) else source.header
    raise UserError(
        Problem(
            f"from row {first} on, only one cell of each row is filled, as in notes under a table",
            where=where,
            fix=f"end the table above them: last: {before}",
        )
    )
