"""From one column per period to one row per unit and period, and from several sheets to one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from polars import selectors as cs

from reformeval import periods
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources import _cells
from reformeval.sources._grid import LINE, Grid, exactly, visible
from reformeval.sources.table import VALUE, TableSource

# The period of each row, as text; and the heading that its number stood under.
HEADED = "\x00headed"
HEADING = "\x00heading"
_NUMBER = "\x00number"
_YEAR = re.compile(r"(?<!\d)(1[89]|20)\d\d(?!\d)")

# Heading to the period it stands for and the column that its numbers go to.
Found = dict[str, tuple[str, str]]


def of(name: str, column: str) -> str:
    """Name of the hidden column that says where the cells of a column of numbers stood."""
    return f"{name} {column}"


def to_long(source: TableSource, path: Path, grids: dict[str, Grid]) -> pl.DataFrame:
    """Give every period a row, and every kind of number a column.

    Parameters
    ----------
    grids
        The sheets by the column that their numbers go to; other formats have one, named "".

    Returns
    -------
    pl.DataFrame
        The columns that are no periods, `HEADED`, the columns of numbers, and for each of these
        the line and heading it came from. A number is null, and so is its line, where one sheet
        has a row that another has not.

    Raises
    ------
    UserError
        If headings are not as declared, or the sheets have different columns.
    """
    pieces = []
    for name, grid in grids.items():
        where = str(path) if grid.sheet is None else f"{path}, sheet '{grid.sheet}'"
        found = _headings(source, where, visible(grid.frame), name or VALUE)
        for column in dict.fromkeys(column for _, column in found.values()):
            chosen = {h: label for h, (label, to) in found.items() if to == column}
            pieces.append((where, _piece(grid.frame, set(found), chosen, column)))
    _same_columns(pieces)
    keys = [name for name in pieces[0][1].columns if name in _keys(pieces[0][1])]
    whole = pieces[0][1]
    for _, piece in pieces[1:]:
        whole = whole.join(piece, on=keys, how="full", coalesce=True, nulls_equal=True)
    return whole.drop(_NUMBER)


def _keys(piece: pl.DataFrame) -> set[str]:
    """Columns of a piece that are neither numbers nor places; the column of numbers is last."""
    return {c for c in piece.columns[:-1] if not c.startswith((f"{LINE} ", f"{HEADING} "))}


def _headings(source: TableSource, where: str, names: list[str], column: str) -> Found:
    """Find the headings that are periods."""
    given = source.period.headings
    if isinstance(given, dict):
        unknown = [heading for heading in given if heading not in names]
        if unknown:
            raise UserError(
                [
                    Problem(
                        f"no column '{heading}' (config key: period.headings)",
                        where,
                        did_you_mean(heading, names),
                    )
                    for heading in unknown
                ]
            )
        found = {heading: (str(label), column) for heading, label in given.items()}
    else:
        found = _matching(source, where, names, str(given), column)
    _one_column_a_period(where, found)
    taken = sorted({to for _, to in found.values()} & (set(names) - set(found)))
    if taken:
        raise UserError(
            Problem(
                f"the numbers would go to a column '{taken[0]}', and there is one already "
                "(config key: period.headings)",
                where,
                "name the columns of numbers otherwise, or rename that column in the file",
            )
        )
    return found


def _matching(source: TableSource, where: str, names: list[str], form: str, column: str) -> Found:
    """Find the headings written like ``form`` whose period is one."""
    pattern = re.escape(form).replace(r"\{period\}", "(?P<period>.+?)")
    compiled = re.compile(pattern.replace(r"\{column\}", "(?P<column>.+?)"), re.DOTALL)
    used = {name for key, name in source.columns() if not key.startswith("outcomes.")}
    found: Found = {}
    wrong = []
    for name in names:
        match = compiled.fullmatch(name)
        if match is None or name in used:
            continue
        # {column} takes as little as it can; where its text holds the mark between both, more.
        splits = _splits(form, name) if "column" in match.groupdict() else [match.groupdict()]
        read = [(part, label) for part in splits if (label := _label(source, part["period"]))]
        if read:
            part, label = read[-1]
            found[name] = (label, part.get("column", column).strip())
        elif _YEAR.search(name):
            wrong.append(name)
    if wrong or not found:
        shown = ", ".join(f"'{name}'" for name in (wrong or names)[:3])
        raise UserError(
            Problem(
                f"no heading of a {source.frequency}: {shown} (config key: period.headings)",
                where,
                "write headings as they stand, with {period} for the period, give format in "
                "strptime notation, or list them as {heading: period}",
            )
        )
    return found


def _splits(form: str, name: str) -> list[dict[str, str]]:
    """Every way to read ``{column}`` and ``{period}`` from a heading."""
    first, middle, last = re.split(r"\{\w+\}", form)
    order = re.findall(r"\{(\w+)\}", form)
    inner = name[len(first) : len(name) - len(last)]
    return [
        dict(zip(order, (inner[:at], inner[at + len(middle) :]), strict=True))
        for at in range(1, len(inner) - len(middle))
        if inner.startswith(middle, at)
    ]


def _label(source: TableSource, text: str) -> str | None:
    try:
        period = _cells.period(text, source.frequency, source.period.format)
    except (ValueError, OverflowError):
        return None
    return periods.label(period, source.frequency)


def _one_column_a_period(where: str, found: Found) -> None:
    seen: dict[tuple[str, str], str] = {}
    for heading, target in found.items():
        if target in seen:
            raise UserError(
                Problem(
                    f"'{seen[target]}' and '{heading}' are headings of the same period, "
                    f"{target[0]} (config key: period.headings)",
                    where,
                    "keep one of them, or tell them apart with {column}",
                )
            )
        seen[target] = heading


def _piece(
    frame: pl.DataFrame, taken: Iterable[str], chosen: dict[str, str], column: str
) -> pl.DataFrame:
    """One column of numbers in long form, with the place of each."""
    ids = [name for name in visible(frame) if name not in set(taken)]
    kinds = {frame.schema[name] for name in chosen}
    if len(kinds) > 1:
        # Of the columns of a Parquet or Stata file some hold whole numbers, some text.
        to = pl.String if pl.String in kinds else pl.Float64
        frame = frame.with_columns(exactly(*chosen).cast(to))
    long = frame.unpivot(
        on=cs.by_name(*chosen),
        index=cs.by_name(*ids, LINE),
        variable_name=HEADING,
        value_name=column,
    )
    keys = [*ids, HEADED]
    placed = long.with_columns(
        pl.col(HEADING).replace_strict(chosen, return_dtype=pl.String).alias(HEADED),
        pl.col(LINE).alias(of(LINE, column)),
        pl.col(HEADING).alias(of(HEADING, column)),
    )
    numbered = placed.with_columns(
        pl.int_range(pl.len()).over([exactly(key) for key in keys]).alias(_NUMBER)
    )
    return numbered[[*keys, _NUMBER, of(LINE, column), of(HEADING, column), column]]


def _same_columns(pieces: list[tuple[str, pl.DataFrame]]) -> None:
    """Sheets that are laid on each other must have the same columns beside the periods."""
    first = _keys(pieces[0][1])
    for where, piece in pieces[1:]:
        if differ := first ^ _keys(piece):
            raise UserError(
                Problem(
                    f"column '{min(differ)}' stands in one sheet and not in the other "
                    "(config key: sheet)",
                    where,
                    "read the sheets as two sources, or give them the same headings",
                )
            )
