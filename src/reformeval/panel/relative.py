"""Outcomes relative to something: counts per something, and values indexed to their pre-mean.

A count of a large unit and one of a small unit do not move alike in numbers of persons. Divided
by another count of the same unit, period and group, or by the unit's own mean before the reform,
they can be compared.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from reformeval.artefacts import PANEL
from reformeval.spec import PER_PERSONS, Outcome, PanelSpec

INDEX = 100.0  # the mean before the reform on an indexed scale


def with_denominators(spec: PanelSpec) -> PanelSpec:
    """Add the outcomes that others are counted per, so that their cells are built.

    `relative` takes them out again, of this spec and of the one that it was made from.
    """
    return replace(spec, outcomes=(*spec.outcomes, *spec.denominators))


def relative(panel: pl.DataFrame, spec: PanelSpec) -> pl.DataFrame:
    """Put every outcome on the scale that the reform asks for.

    Parameters
    ----------
    panel
        Cells of the outcomes and of `PanelSpec.denominators`; without a column ``suppressed``
        none is withheld.
    spec
        ``per``: the value is divided by the other outcome's in the same cell, or by the cell's
        persons, and multiplied by ``times``. ``indexed``: it is then divided by the unit's mean
        over the retained periods before anticipation, and multiplied by 100.

    Returns
    -------
    pl.DataFrame
        The same columns without the denominators. A value is missing where its denominator is
        missing or not above zero; withheld where either is.
    """
    parts = []
    if "suppressed" not in panel.columns:
        panel = panel.with_columns(suppressed=pl.lit(False))
    below = {outcome.name for outcome in spec.denominators}
    for outcome in spec.outcomes:
        if outcome.name in below:
            continue
        cells = panel.filter(pl.col("outcome") == outcome.name)
        if outcome.per is not None:
            cells = _divided(cells, panel, outcome)
        cells = _indexed(cells, spec) if outcome.indexed else cells
        parts.append(cells.select(list(PANEL)))
    return pl.concat(parts).sort("outcome", "group", "unit", "period")


def while_untreated(panel: pl.DataFrame, spec: PanelSpec) -> pl.DataFrame:
    """Take out the values of donors from the period on in which they adopt themselves."""
    adopted = pl.any_horizontal(
        pl.lit(False),
        *(
            (pl.col("unit") == unit) & (pl.col("period") >= start)
            for unit, start in spec.comparison.leaving
        ),
    )
    return panel.with_columns(pl.when(~adopted).then("value").alias("value"))


def _divided(cells: pl.DataFrame, panel: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
    if outcome.per == PER_PERSONS:
        below = cells.with_columns(below=pl.col("n_persons").cast(pl.Float64), hidden=False)
    else:
        keys = ["unit", "period", "group"]
        other = panel.filter(pl.col("outcome") == outcome.per)
        other = other.select(*keys, below="value", hidden="suppressed")
        # a group that only the source of the outcome itself has is not there
        cells = cells.filter(pl.col("group").is_in(other["group"].unique().implode()))
        below = cells.join(other, on=keys, how="left", maintain_order="left")
    withheld = pl.col("suppressed") | pl.col("hidden").fill_null(False)
    ratio = pl.col("value") / pl.col("below") * outcome.times
    return below.with_columns(
        pl.when((pl.col("below") > 0) & ~withheld).then(ratio).alias("value"),
        pl.when(~withheld).then("n_persons").alias("n_persons"),
        withheld.alias("suppressed"),
    )


def _indexed(cells: pl.DataFrame, spec: PanelSpec) -> pl.DataFrame:
    timing = spec.timing
    before = pl.col("period").le(timing.pre_end) & ~pl.col("period").is_in(list(timing.dropped))
    mean = pl.col("value").filter(before).mean().over("unit", "group")
    return cells.with_columns(
        pl.when(mean > 0).then(pl.col("value") / mean * INDEX).alias("value"),
    )
