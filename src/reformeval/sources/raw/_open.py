"""The files of a form, whatever format they have, as parts with the columns that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources._csv import read_csv, read_text
from reformeval.sources.raw._findings import ROW, Findings, Places
from reformeval.sources.raw.fixed_width import read_fixed_width
from reformeval.sources.raw.layout import Layout, layout_for, load_layout
from reformeval.sources.raw.models import RawFiles

PART = 1_000_000  # rows of a Parquet file at a time


@dataclass(frozen=True)
class RawFile:
    """One file of a form, the year in its name, and what is found in it."""

    files: RawFiles
    path: Path
    year: int | None
    data: Path
    findings: Findings

    def parts(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read columns, with the number of each row in column `ROW`, in parts of bounded size.

        A CSV file is one part: quotes can run over lines, so it is read whole.

        Raises
        ------
        UserError
            If the file cannot be read, has no rows, or lacks columns.
        """
        if self.files.file_format == "fixed_width":
            yield from self._fixed_width(names)
        elif self.files.file_format == "parquet":
            yield from _parquet(self.path, names)
        else:
            text = read_text(self.path, self.files.encoding)
            frame, lines = read_csv(self.path, text, self.files.separator)
            _check_names(self.path, names, frame.columns)
            yield frame.select(names).with_columns(pl.Series(ROW, lines, dtype=pl.Int64) - 1)

    def _fixed_width(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        layout = self.layout()
        yield from read_fixed_width(self.path, layout, self.files, names, self.findings)

    def layout(self) -> Layout:
        """Load the layout that the source names, or the one that ships for the file's year."""
        if self.files.layout is not None:
            return load_layout(self.files.layout, self.data)
        return layout_for(str(self.files.form), self.year, str(self.path))


def raw_files(files: RawFiles, data: Path) -> list[RawFile]:
    """List the files of a form, in the order of their years and names.

    Parameters
    ----------
    files
        What the source says of them.
    data
        Folder that their paths are relative to.

    Raises
    ------
    UserError
        Naming every year without a file.
    """
    found, problems = [], []
    for year, name in files.names():
        paths = sorted(data.glob(name)) if "*" in name else [data / name]
        if not paths or not all(path.is_file() for path in paths):
            years = "" if year is None else f" for {year}"
            fix = "get it, or correct the key file" + (" or years" if year is not None else "")
            problems.append(
                Problem(f"there is no file{years} (config key: file)", str(data / name), fix)
            )
        found += [
            RawFile(files, path, year, data, Findings(path, _places(files, path))) for path in paths
        ]
    if problems:
        raise UserError(problems)
    return found


def _places(files: RawFiles, path: Path) -> Places:
    """How rows of a file are named in messages."""
    if files.file_format == "parquet":
        return lambda rows: _row_groups(path, rows)
    return lambda rows: [f"line {row + 1}" for row in rows]


def _row_groups(path: Path, rows: Sequence[int]) -> list[str]:
    metadata = pq.ParquetFile(path).metadata
    ends, end = [], 0
    for group in range(metadata.num_row_groups):
        end += metadata.row_group(group).num_rows
        ends.append(end)
    groups = [sum(end <= row for end in ends) for row in rows]
    return [f"row {row + 1}, row group {at + 1}" for row, at in zip(rows, groups, strict=True)]


def _check_names(path: Path, names: Sequence[str], there: Sequence[str]) -> None:
    problems = [
        Problem(f"no column '{name}' (config key: columns)", str(path), did_you_mean(name, there))
        for name in names
        if name not in there
    ]
    if problems:
        raise UserError(problems)


def _parquet(path: Path, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            _check_names(path, names, file.schema_arrow.names)
            if file.metadata.num_rows == 0:
                raise UserError(Problem("the file has no rows", str(path), "get it anew"))
            row = 0
            for batch in file.iter_batches(PART, columns=list(dict.fromkeys(names))):
                part = pl.DataFrame(pl.from_arrow(batch))
                yield part.with_columns((pl.int_range(pl.len()) + row).alias(ROW))
                row += part.height
    except UserError:
        raise
    except Exception as error:  # a damaged file can fail in any layer below
        message = f"cannot be read as Parquet: {(str(error).splitlines() or ['damaged'])[0]}"
        raise UserError(
            Problem(message, str(path), "get it anew, or correct the key format")
        ) from None
