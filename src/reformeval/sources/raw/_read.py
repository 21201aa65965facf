"""What reading any form has in common: part after part of file after file, and double rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.artefacts import Schema
from reformeval.errors import Problem, UserError
from reformeval.register.forms import Reading
from reformeval.sources.raw._findings import ROW
from reformeval.sources.raw._open import RawFile, raw_files
from reformeval.sources.raw._values import Columns
from reformeval.sources.raw.models import RawFiles, named


class Mapped(Protocol):
    """A model of files with a mapping of columns."""

    @property
    def columns(self) -> Any: ...


@dataclass(frozen=True)
class Form:
    """How one form is read.

    Attributes
    ----------
    schema
        Columns and types that come out.
    convert
        Turns the columns of a part of a file into the form's.
    once
        Columns that no two rows of a file may share; none where rows may be alike.
    """

    schema: Schema
    convert: Callable[[Columns, RawFile], dict[str, pl.Series]]
    once: tuple[str, ...] = ()


def read_form(form: Form, files: RawFiles, data: Path) -> Iterator[Reading]:
    """Read all files of a form, one part at a time.

    Yields
    ------
    Reading
        Rows in the file's order. The repairs of a file come with its last part; a file with
        anything wrong raises after all of it has been looked at.

    Raises
    ------
    UserError
        With everything that is wrong in the first bad file.
    """
    for raw in raw_files(files, data):
        held: pl.DataFrame | None = None
        seen = Seen()
        for part in raw.parts(column_names(files)):
            frame = pl.DataFrame(form.convert(Columns(part, files, raw.findings), raw))
            frame = frame.select(pl.col(name).cast(kind) for name, kind in form.schema.items())
            if form.once:
                seen.add(frame, form.once, part[ROW])
            if held is not None:
                yield Reading(held)
            held = frame
        if held is None:
            raise UserError(Problem("the file has no records", str(raw.path), "get it anew"))
        rows = seen.double()
        what = f"a row shares {' and '.join(form.once)} with another"
        raw.findings.bad(rows, pl.repeat(None, len(rows), eager=True), what, _FIX_DOUBLE)
        raw.findings.stop_if_any()
        yield Reading(held, raw.findings.repairs())


_FIX_DOUBLE = "delete the double rows, or correct the keys under columns"


def column_names(files: RawFiles) -> list[str]:
    """Every column of the files that the source names, once."""
    mapping = named(files.columns) if hasattr(files, "columns") else {}
    names: list[str] = []
    for value in mapping.values():
        names += [value] if isinstance(value, str) else list(value)
    return list(dict.fromkeys(names))


@dataclass
class Seen:
    """Remembers the keys of rows by eight bytes each, to find double ones in files of any size."""

    _hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    _rows: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, frame: pl.DataFrame, keys: Sequence[str], rows: pl.Series) -> None:
        """Remember the keys of a part's rows; rows with a missing key are not compared."""
        known = frame.select(pl.all_horizontal(pl.col(keys).is_not_null())).to_series()
        self._hashes.append(frame.filter(known).select(keys).hash_rows(seed=0).to_numpy())
        self._rows.append(rows.filter(known).to_numpy())

    def double(self) -> pl.Series:
        """Give the numbers of all rows whose keys occur more than once."""
        if not self._hashes:
            return pl.Series([], dtype=pl.Int64)
        ordered = np.sort(np.concatenate(self._hashes))
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not twice.size:
            return pl.Series([], dtype=pl.Int64)
        found = [
            rows[np.isin(part, twice)] for part, rows in zip(self._hashes, self._rows, strict=True)
        ]
        return pl.Series(np.concatenate(found), dtype=pl.Int64)
