"""Cells of a table on territories: what can be added up is, and nothing is averaged by a guess."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.geography.unit_map import Place, UnitMap
from reformeval.sources._model import OutcomeKind

_KEYS = ("unit", "period", "group", "outcome")


def add_up(
    cells: pl.DataFrame, mapped: UnitMap, kinds: Mapping[str, OutcomeKind], place: Place
) -> pl.DataFrame:
    """Add up the cells of units that share a territory.

    Counts are summed; shares, means and rates are averaged with their persons as weights, which
    gives the territory's own share exactly. A sum over parts of which one is absent, missing or
    suppressed is not known, so the cell has no value (a part without persons counts nothing).

    Parameters
    ----------
    cells
        Columns ``unit, period, group, outcome, value, n_persons, suppressed`` with ``unit`` the
        territory already (`UnitMap.target`): one row per unit of the data that is a part of it.
    mapped
        How the units were put on territories.
    kinds
        Kind of each outcome.
    place
        Where the data stands, for messages.

    Returns
    -------
    pl.DataFrame
        The same columns, one row per territory, period, group and outcome.

    Raises
    ------
    UserError
        For every share, mean or rate that would have to be averaged without persons.
    """
    parts = mapped.parts.group_by(pl.col("target").alias("unit"), "period").agg(
        pl.len().alias("parts")
    )
    counted = [name for name, kind in kinds.items() if kind == "count"]
    empty = (pl.col("n_persons") == 0) & pl.col("value").is_null() & ~pl.col("suppressed")
    unknown = pl.col("value").is_null() & ~empty.fill_null(value=False)
    with_parts = cells.join(parts, on=("unit", "period"), how="left", maintain_order="left")
    added = with_parts.group_by(_KEYS, maintain_order=True).agg(
        pl.len().alias("here"),
        pl.col("parts").first().fill_null(1),
        pl.col("value").first().alias("one"),
        pl.col("value").sum().alias("sum"),
        (pl.col("value") * pl.col("n_persons")).sum().alias("weighted"),
        pl.col("n_persons").sum(),
        pl.col("n_persons").is_null().any().alias("no_persons"),
        unknown.any().alias("unknown"),
        pl.col("suppressed").any(),
    )
    count = pl.col("outcome").is_in(counted)
    alone = (pl.col("here") == 1) & (pl.col("parts") == 1)
    _refuse_unweighted(added.filter(~count, ~alone, "no_persons"), with_parts, place)
    whole = (pl.col("here") == pl.col("parts")) & ~pl.col("unknown")
    mean = pl.when(pl.col("n_persons") > 0).then(pl.col("weighted") / pl.col("n_persons"))
    value = pl.when(alone).then("one").when(whole & count).then("sum").when(whole).then(mean)
    persons = pl.when(~pl.col("no_persons"), pl.col("here") == pl.col("parts")).then("n_persons")
    return added.select(*_KEYS, value.alias("value"), persons.alias("n_persons"), "suppressed")


def _refuse_unweighted(unweighted: pl.DataFrame, cells: pl.DataFrame, place: Place) -> None:
    """Stop where persons are absent altogether; a single cell without them has no value."""
    with_persons = cells.filter(pl.col("n_persons").is_not_null())["outcome"].unique()
    refused = unweighted.filter(~pl.col("outcome").is_in(with_persons.implode()))
    if refused.is_empty():
        return
    problems = []
    for outcome in refused["outcome"].unique().sort():
        units = refused.filter(pl.col("outcome") == outcome)["unit"].unique().sort()
        shown = ", ".join(units[:4]) + (f" and {len(units) - 4} more" if len(units) > 4 else "")
        problems.append(
            Problem(
                f"`outcomes.{outcome}` is a share, mean or rate without persons, and the "
                f"territory of {shown} is made of several units: their values cannot be averaged",
                f"config/reforms/{place.reform}.yaml",
                f"name the column with persons (outcomes.{outcome}.persons) in "
                "the source file, use a count, or choose a `geography` on "
                "which these units are whole",
            )
        )
    raise UserError(problems)
