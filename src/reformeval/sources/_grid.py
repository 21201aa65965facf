"""A rectangle of cells as a file holds it, before it is known what its columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl
from polars import selectors as cs

# Columns of our own beside the file's; no heading begins with this character.
HIDDEN = "\x00"
LINE = "\x00line"


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells under their headings.

    Attributes
    ----------
    frame
        One column per heading, and `LINE`: the line or row of the file, from 1.
    word
        What the format calls a row: line or row.
    letters
        Letters of a sheet's columns by heading; empty for other formats.
    sheet
        Name of the sheet, where there are sheets.
    """

    frame: pl.DataFrame
    word: str = "row"
    letters: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None

    def place(self, line: int, heading: str | None) -> str:
        """Name a cell, or a row if no heading is given."""
        if heading is None:
            return f"{self.word} {line}"
        if heading in self.letters:
            return f"cell {self.letters[heading]}{line}"
        return f"{self.word} {line}, column '{heading}'"


def visible(frame: pl.DataFrame) -> list[str]:
    """Headings of the file's own columns."""
    return [name for name in frame.columns if not name.startswith(HIDDEN)]


def exactly(*names: str) -> pl.Expr:
    """Columns of these names; to `polars.col` a heading such as ``*`` would mean others."""
    return cs.by_name(*names).as_expr()


def carry_down(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Fill empty cells of some columns with the cell above.

    Rows that hold nothing else than these columns are titles of what follows and are left out.
    """
    known = [name for name in columns if name in frame.columns]
    if not known:
        return frame
    empty = [_is_empty(frame, name) for name in visible(frame) if name not in known]
    filled = [
        pl.when(~_is_empty(frame, name)).then(exactly(name)).forward_fill().alias(name)
        for name in known
    ]
    titles = pl.all_horizontal(empty) if empty else pl.lit(value=False)
    frame = frame.with_columns(*filled, titles.alias("\x00title")).filter(~pl.col("\x00title"))
    strings = [name for name in known if frame.schema[name] == pl.String]
    return frame.drop("\x00title").with_columns(cs.by_name(*strings).fill_null(""))


def _is_empty(frame: pl.DataFrame, name: str) -> pl.Expr:
    column = exactly(name)
    if frame.schema[name] == pl.String:
        return column.fill_null("").str.strip_chars() == ""
    return column.is_null()
