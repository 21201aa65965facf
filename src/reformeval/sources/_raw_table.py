"""The file of a table source as text columns, with the rows that its filter keeps."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources import _cells, _wide
from reformeval.sources._csv import read_csv, read_text
from reformeval.sources._grid import LINE, Grid, carry_down, visible
from reformeval.sources.table import Code, TableSource

EXAMPLES = 3
# Added to the file's own columns; no header holds this character.
ROW = "\x00row"


@dataclass(frozen=True, eq=False)
class RawTable:
    """The file as it is, and how to name its lines in a message.

    Attributes
    ----------
    frame
        The file's columns, a number for every row, `ROW`, and hidden columns with its place.
    grids
        What the frame was made of: sheets by the column of numbers that they fill, or one, "".
    """

    source: TableSource
    path: Path
    frame: pl.DataFrame
    grids: dict[str, Grid]

    def problem(self, message: str, fix: str = "") -> Problem:
        """Report a problem of this file, and of this sheet where only one is read."""
        sheets = [grid.sheet for grid in self.grids.values() if grid.sheet is not None]
        sheet = f", sheet '{sheets[0]}'" if len(sheets) == 1 else ""
        return Problem(message, where=f"{self.path}{sheet}", fix=fix)

    def at(self, rows: Iterable[int], column: str | None = None) -> list[str]:
        """Name the places of the first rows: lines, rows or cells of the file.

        Parameters
        ----------
        column
            The column of numbers that is spoken of, for tables with periods in their headings.
        """
        first = sorted(rows)[:EXAMPLES]
        if LINE in self.frame.columns:
            (grid,) = self.grids.values()
            return [grid.place(line, None) for line in self.frame[LINE].gather(first)]
        columns = [c.removeprefix(f"{LINE} ") for c in self.frame.columns if c.startswith(LINE)]
        places = []
        for row in first:
            here = [c for c in columns if self.frame[_wide.of(LINE, c)][row] is not None]
            places.append(self._place(row, column if column in here else here[0]))
        return places

    def _place(self, row: int, column: str) -> str:
        grid = self.grids.get(column, next(iter(self.grids.values())))
        line, heading = (self.frame[_wide.of(kind, column)][row] for kind in (LINE, _wide.HEADING))
        sheet = f" of sheet '{grid.sheet}'" if len(self.grids) > 1 else ""
        return grid.place(line, heading) + sheet


def open_table(source: TableSource, data: Path) -> RawTable:
    """Read the whole file; ``data`` is the file or the folder that ``source.file`` is in."""
    path = data / source.file if data.is_dir() else data
    if not path.is_file():
        raise UserError(
            Problem(
                "the file is not there (config key: file)",
                where=str(path),
                fix=f"get it from: {source.obtain}; or set data_dir to the folder that holds "
                f"{source.file}",
            )
        )
    grids = _grids(source, path)
    if source.period.headings is not None:
        frame = _wide.to_long(source, path, grids)
    else:
        (grid,) = grids.values()
        frame = grid.frame
    return RawTable(source, path, frame.with_row_index(ROW), grids)


def _grids(source: TableSource, path: Path) -> dict[str, Grid]:
    """Read the file by its format."""
    if source.file_format == "excel":
        from reformeval.sources._excel import read_sheets

        return read_sheets(source, path)
    if source.file_format == "csv":
        return {"": _text_grid(source, path)}
    if source.file_format == "parquet":
        frame = _parquet(path)
    else:
        from reformeval.sources._labelled import read_labelled

        kind = source.file_format or "stata"
        frame = read_labelled(path, kind, source.labels, source.decimal)
    numbered = frame.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE))
    return {"": Grid(carry_down(numbered, source.carry_down))}


def _parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except Exception as error:  # a damaged file can fail in any layer below
        message = f"cannot be read as Parquet: {(str(error).splitlines() or ['damaged'])[0]}"
        raise UserError(
            Problem(message, where=str(path), fix="get it anew, or correct the key format")
        ) from None
    if frame.is_empty():
        raise UserError(Problem("the file has no rows", where=str(path), fix="get it anew"))
    return frame


def _text_grid(source: TableSource, path: Path) -> Grid:
    text = read_text(path, source.encoding)
    if source.header > 1 or source.last is not None:
        lines = list(io.StringIO(text, newline=""))
        text = "".join(lines[source.header - 1 : source.last])
        if not text.strip():
            message = f"there is no line {source.header} (config key: header)"
            raise UserError(Problem(message, str(path), "give the line with the headings"))
    frame, ends = read_csv(path, text, source.separator, before=source.header - 1)
    return Grid(
        carry_down(frame.with_columns(pl.Series(LINE, ends)), source.carry_down), word="line"
    )


def check_columns(raw: RawTable) -> None:
    """Stop if the source names columns that the file does not have."""
    names = visible(raw.frame)
    problems = [
        raw.problem(f"no column '{column}' (config key: {key})", did_you_mean(column, names))
        for key, column in raw.source.columns()
        if column not in names
    ]
    if problems:
        raise UserError(problems)


def as_texts(raw: RawTable) -> pl.DataFrame:
    """Turn columns of labels, codes and dates to strings; a text file's are strings already."""
    numeric = {o.column for o in raw.source.outcomes.values()}
    numeric |= {o.persons for o in raw.source.outcomes.values() if o.persons is not None}
    problems, columns = [], {}
    for key, column in raw.source.columns():
        if key.startswith("outcomes."):
            kind = raw.frame[column].dtype
            if not (kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Null)):
                message = f"column '{column}' holds {kind}, not numbers (config key: {key})"
                problems.append(raw.problem(message, "name another column"))
            continue
        texts = _cells.as_text(raw.frame[column])
        if texts is None or column in numeric:
            why = "is also an outcome or its persons" if texts is not None else "holds no labels"
            problems.append(
                raw.problem(f"column '{column}' {why} (config key: {key})", "name another column")
            )
        else:
            columns[column] = texts
    if problems:
        raise UserError(problems)
    return raw.frame.with_columns(**columns)


def apply_filter(raw: RawTable, frame: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows that filter and exclude leave; every value they name must occur."""
    problems, leave = _excluded(raw, frame)
    keep = ~leave
    for column, wanted in raw.source.filter.items():
        codes = _codes(wanted)
        found = frame[column].unique().to_list()
        problems += [
            raw.problem(
                f"no row has '{code}' in column '{column}' (config key: filter.{column})",
                did_you_mean(code, found),
            )
            for code in codes
            if code not in found
        ]
        keep &= pl.col(column).is_in(codes)
    kept = frame.filter(keep)
    if not problems and kept.is_empty():
        problems.append(
            raw.problem(
                "no row passes all conditions at once (config keys: filter, exclude)",
                "drop a condition",
            )
        )
    if problems:
        raise UserError(problems)
    return kept


def _codes(wanted: Code | tuple[Code, ...]) -> list[str]:
    return [str(code) for code in (wanted if isinstance(wanted, tuple) else (wanted,))]


def _excluded(raw: RawTable, frame: pl.DataFrame) -> tuple[list[Problem], pl.Expr]:
    """Find the rows to leave out; ``*`` in a value stands for any text."""
    problems = []
    leave = pl.lit(value=False)
    for column, unwanted in raw.source.exclude.items():
        for code in _codes(unwanted):
            pattern = "^(?s:" + re.escape(code).replace(r"\*", ".*") + ")$"
            if not frame[column].str.contains(pattern).any():
                problems.append(
                    raw.problem(
                        f"no row has '{code}' in column '{column}' (config key: exclude.{column})",
                        did_you_mean(code, frame[column].unique().to_list()),
                    )
                )
            leave |= pl.col(column).str.contains(pattern)
    return problems, leave


def unmatched(raw: RawTable, frame: pl.DataFrame) -> list[Problem]:
    """Report rows that stand on one sheet and not on another."""
    places = [name for name in frame.columns if name.startswith(f"{LINE} ")]
    problems = []
    for name in places if len(raw.grids) > 1 else []:
        lone = frame.filter(pl.col(name).is_null())[ROW]
        if len(lone):
            sheet = raw.grids[name.removeprefix(f"{LINE} ")].sheet
            problems.append(
                raw.problem(
                    f"sheet '{sheet}' has nothing for {len(lone)} cells that stand on another: "
                    f"{', '.join(raw.at(lone))} (config key: sheet)",
                    "leave these rows out with filter or exclude, or correct them in the file",
                )
            )
    return problems
