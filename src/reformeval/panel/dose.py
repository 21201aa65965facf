"""Dose: how much of the reform each unit had in each period, from a file of dated values.

A row says from when a value holds, for a unit and, if wanted, a value of group variables. It holds
until the next row of the same unit and group. Where nothing is said nothing is supposed: a unit
that the file has no value for stops the run, unless rows without a unit speak for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from reformeval import periods
from reformeval.artefacts import DOSE
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.periods import Frequency
from reformeval.sources import _cells
from reformeval.sources._csv import read_csv, read_text
from reformeval.spec import Dose, Group, Timing

_SHOWN = 10
_KEYS = ["unit", "key"]
OTHERS = ""  # stands for all units, or all values of a group variable, without rows of their own


def read(
    path: Path, dose: Dose, timing: Timing, units: Sequence[str], groups: Sequence[Group]
) -> pl.DataFrame:
    """Read a file of doses and give one value per unit, group and period.

    Parameters
    ----------
    path
        CSV file.
    dose
        Its columns.
    timing
        The window: every period of it needs a value.
    units, groups
        Those of the reform. A group has the rows of its own values of the file's variables; where
        a unit has none, the rows that leave the variables empty. A group that no unit has a row
        for has no dose.

    Returns
    -------
    pl.DataFrame
        `artefacts.DOSE`, in the file's unit of measurement.

    Raises
    ------
    UserError
        With line, if the file cannot be used; with unit, where a value is lacking.
    """
    rates = _rates(path, dose, timing.frequency)
    held = rates.select(_KEYS).unique()
    asked = _asked(dose, units, groups).with_row_index("place")
    known = set(rates["unit"])
    asked = asked.with_columns(
        pl.when(pl.col("unit").is_in(list(known))).then("unit").otherwise(pl.lit(OTHERS))
        .alias("rows_of"),
    )  # fmt: skip
    found = pl.concat(
        asked.join(held, left_on=["rows_of", column], right_on=_KEYS).with_columns(
            key=pl.col(column), rank=pl.lit(rank)
        )
        for rank, column in enumerate(("own", "common"))
    )
    found = found.sort("place", "rank").unique("place", keep="first", maintain_order=True)
    _check_whole(path, asked, found)
    window = pl.DataFrame({"period": timing.periods}, schema={"period": pl.Date})
    grid = found.select("unit", "group", "rows_of", "key").join(window, how="cross")
    values = grid.sort("period").join_asof(
        rates.rename({"unit": "rows_of"}).sort("from"),
        left_on="period",
        right_on="from",
        by=["rows_of", "key"],
        strategy="backward",
        check_sortedness=False,
    )
    _check_early(path, values, timing)
    return values.select(list(DOSE)).sort("unit", "group", "period")


def _rates(path: Path, dose: Dose, frequency: Frequency) -> pl.DataFrame:
    """Rows of the file: unit, key of the groups, from, value."""
    frame, lines = read_csv(path, read_text(path, "utf-8-sig"), dose.separator)
    columns = {"unit": dose.unit, "from": dose.start, "value": dose.value}
    columns |= {f"groups.{variable}": column for variable, column in dose.groups}
    lacking = [
        Problem(
            f"no column '{column}' (config key: treatment.dose.{key})",
            str(path),
            did_you_mean(column, frame.columns),
        )
        for key, column in columns.items()
        if column not in frame.columns
    ]
    if lacking:
        raise UserError(lacking)
    texts = frame.select(pl.col(column).str.strip_chars().alias(k) for k, column in columns.items())
    values = _cells.as_floats(texts["value"], dose.decimal, None)
    starts, problems = _starts(path, lines, texts["from"], frequency)
    for line, text, value in zip(lines, texts["value"], values, strict=True):
        if value is None or value != value:
            where, fix = f"{path}:{line}", "give a number, 0 for none, or delete the row"
            problems.append(Problem(f"'{text}' is not a value of the dose", where, fix))
    rates = texts.select(
        "unit",
        key=pl.concat_list([pl.lit(OTHERS), *(f"groups.{v}" for v, _ in dose.groups)]),
        value=values,
        line=pl.Series(lines),
    ).with_columns(starts.alias("from"))
    doubled = rates.filter(pl.struct("unit", "key", "from").is_duplicated())
    for unit, line in doubled.select("unit", "line").iter_rows():
        message = f"unit '{unit}' has two values of the dose from the same period"
        problems.append(Problem(message, f"{path}:{line}", "keep one"))
    if problems:
        raise UserError(problems[:_SHOWN])
    return rates.drop("line")


def _starts(
    path: Path, lines: Sequence[int], texts: pl.Series, frequency: Frequency
) -> tuple[pl.Series, list[Problem]]:
    starts: list[date | None] = []
    problems = []
    for line, text in zip(lines, texts, strict=True):
        try:
            starts.append(_cells.period(text, frequency))
        except ValueError:
            starts.append(None)
            fix = f"write it like {periods.EXAMPLES[frequency]}"
            problems.append(Problem(f"'{text}' is not a {frequency}", f"{path}:{line}", fix))
    return pl.Series("from", starts, dtype=pl.Date), problems


def _asked(dose: Dose, units: Sequence[str], groups: Sequence[Group]) -> pl.DataFrame:
    """Units and groups, with the key of their own rows and that of rows for everybody."""
    variables = [variable for variable, _ in dose.groups]
    keys = [
        [OTHERS, *(dict(group.terms).get(variable, OTHERS) for variable in variables)]
        for group in groups
    ]
    table = pl.DataFrame(
        {
            "group": [g.name for g in groups],
            "own": keys,
            "common": [[OTHERS] * len(keys[0])] * len(keys),
        }
    )
    return pl.DataFrame({"unit": list(units)}, schema={"unit": pl.String}).join(table, how="cross")


def _check_whole(path: Path, asked: pl.DataFrame, found: pl.DataFrame) -> None:
    """Ask that a group that one unit has a dose for has one in all units."""
    if found.is_empty():
        fix = "give rows for the units; rows without a unit hold for all that have none"
        raise UserError(Problem("no unit of the reform has a value of the dose", str(path), fix))
    lacking = asked.filter(pl.col("group").is_in(found["group"].unique().to_list())).join(
        found, on="place", how="anti"
    )
    problems = [
        Problem(
            f"unit '{unit}' has no value of the dose for {group}",
            str(path),
            "give it rows, or give rows without a unit, which hold for all that have none",
        )
        for unit, group in lacking.select("unit", "group").iter_rows()
    ]
    if problems:
        raise UserError(problems[:_SHOWN])


def _check_early(path: Path, values: pl.DataFrame, timing: Timing) -> None:
    early = values.filter(pl.col("value").is_null()).unique(["unit", "group"], maintain_order=True)
    first = periods.label(timing.first, timing.frequency)
    problems = [
        Problem(
            f"unit '{unit}' has no value of the dose for {group} at the start of the window",
            str(path),
            f"say what held in {first}",
        )
        for unit, group in early.select("unit", "group").sort("unit", "group").iter_rows()
    ]
    if problems:
        raise UserError(problems[:_SHOWN])
