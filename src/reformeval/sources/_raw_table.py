"""The file of a table source as text columns, with the rows that its filter keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources import _cells
from reformeval.sources._csv import read_csv, read_text, walk
from reformeval.sources.table import TableSource

EXAMPLES = 3
# Added to the file's own columns; no header holds this character.
ROW = "\x00row"


@dataclass(frozen=True, eq=False)
class RawTable:
    """The file as it is, and how to name its lines in a message."""

    source: TableSource
    path: Path
    frame: pl.DataFrame
    lines: Callable[[], list[int]] | None

    def problem(self, message: str, fix: str = "") -> Problem:
        """Report a problem of this file."""
        return Problem(message, where=str(self.path), fix=fix)

    def at(self, rows: Iterable[int]) -> list[str]:
        """Name the first rows: lines of a text file, rows of a Parquet file."""
        first = sorted(rows)[:EXAMPLES]
        if self.lines is None:
            return [f"row {row + 1}" for row in first]
        ends = self.lines()
        return [f"line {ends[row + 1]}" for row in first]


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
    if source.file_format == "parquet":
        try:
            frame = pl.read_parquet(path)
        except Exception as error:  # a damaged file can fail in any layer below
            message = f"cannot be read as Parquet: {(str(error).splitlines() or ['damaged'])[0]}"
            raise UserError(
                Problem(message, where=str(path), fix="get it anew, or correct the key format")
            ) from None
        if frame.is_empty():
            raise UserError(Problem("the file has no rows", where=str(path), fix="get it anew"))
        return RawTable(source, path, frame.with_row_index(ROW), None)
    text = read_text(path, source.encoding)
    frame = read_csv(path, text, source.separator)
    return RawTable(
        source,
        path,
        frame.with_row_index(ROW),
        lambda: [line for line, _ in walk(text, source.separator)],
    )


def check_columns(raw: RawTable) -> None:
    """Stop if the source names columns that the file does not have."""
    names = [name for name in raw.frame.columns if name != ROW]
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
    """Keep the rows that the source's filter names; every value it names must occur."""
    problems = []
    keep = pl.lit(value=True)
    for column, wanted in raw.source.filter.items():
        codes = [str(code) for code in (wanted if isinstance(wanted, tuple) else (wanted,))]
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
                "no row passes all conditions of the filter at once (config key: filter)",
                "drop a condition",
            )
        )
    if problems:
        raise UserError(problems)
    return kept
