"""The columns of a register of person-months, and opening one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from reformeval.artefacts import Schema
from reformeval.errors import Problem, UserError

REGISTER: Schema = {
    "person": pl.Int64,
    "period": pl.Date,
    "unit": pl.String,
    "age": pl.Int16,
    "sex": pl.String,
    "family": pl.String,
    "origin": pl.String,
    "recipient": pl.Boolean,
    "benefit": pl.Float64,
    "employed": pl.Boolean,
    "earnings": pl.Float64,
    "hours": pl.Float64,
}
_TEXT = (pl.String, pl.Categorical, pl.Enum)


def scan(path: Path) -> pl.LazyFrame:
    """Open a register file without reading its rows, after checking its columns.

    Raises
    ------
    UserError
        If the file is not there, or lacks columns, or has them in another type.
    """
    if not path.is_file():
        raise UserError(
            Problem("the register is not there", where=str(path), fix="run snakemake to make it")
        )
    register = pl.scan_parquet(path)
    check_columns(register, REGISTER, where=str(path))
    return register


def check_columns(register: pl.LazyFrame, columns: Iterable[str], where: str = "") -> None:
    """Check that a register has columns in their types; integers and text of any kind will do.

    Columns beyond `REGISTER` may be of any type here.

    Raises
    ------
    UserError
        Naming every column that is missing or of another type.
    """
    found = register.collect_schema()
    problems = []
    for name in columns:
        wanted = REGISTER.get(name)
        if name not in found:
            problems.append(f"the register has no column {name}")
        elif wanted is not None and not _fits(found[name], wanted):
            problems.append(f"column {name} of the register is {found[name]}, not {wanted}")
    if problems:
        fix = "give person-months with the columns " + ", ".join(REGISTER)
        raise UserError([Problem(text, where=where, fix=fix) for text in problems])


def _fits(found: pl.DataType, wanted: type[pl.DataType]) -> bool:
    if wanted is pl.String:
        return isinstance(found, _TEXT)
    if wanted().is_integer():
        return found.is_integer()
    if wanted().is_float():
        return found.is_numeric()
    return found == wanted
