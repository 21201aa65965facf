"""What the draws of the placebo study say: rejections, coverage, errors, widths."""

from __future__ import annotations

from datetime import date

import polars as pl

BOUND = 3.5  # Monte-Carlo standard errors
FIRST = date(2000, 1, 1)  # windows share their labels: months since their own beginning
NOMINAL = {5: 0.05, 10: 0.10}
DATES = {
    "all": pl.lit(True),
    "with months of 2020": pl.col("pandemic"),
    "without": ~pl.col("pandemic"),
}


def attainable(floor: float, nominal: float) -> float:
    """Give the level nearest to the nominal one that a test with a smallest p can have.

    Examples
    --------
    >>> round(attainable(1 / 53, 0.05) * 53), attainable(0.0, 0.05)
    (3, 0.05)
    """
    return max(round(nominal / floor), 1) * floor if floor > 0 else nominal


def summary(raw: pl.DataFrame) -> pl.DataFrame:
    """One row per estimator, inference, alternative and set of dates."""
    parts = [
        _of_dates(raw.filter(chosen)).with_columns(dates=pl.lit(name))
        for name, chosen in DATES.items()
    ]
    keys = ["estimator", "inference", "alternative", "dates"]
    table = pl.concat(parts)
    return table.select(*keys, pl.exclude(keys)).sort(keys)


def _of_dates(raw: pl.DataFrame) -> pl.DataFrame:
    levels = {
        f"level_{name}": pl.col("floor").map_elements(
            lambda floor, nominal=nominal: attainable(floor, nominal), return_dtype=pl.Float64
        )
        for name, nominal in NOMINAL.items()
    }
    tested = pl.col("p_value").is_not_nan()
    rejects = {n: pl.col("p_value") <= pl.col(f"level_{n}") + 1e-9 for n in NOMINAL}
    both = pl.col("alternative") == "two-sided"
    half = pl.when(both).then((pl.col("high") - pl.col("low")) / 2)
    found = raw.with_columns(pl.col("p_value").fill_null(float("nan"))).with_columns(**levels)
    return (
        found.group_by("estimator", "inference", "alternative")
        .agg(
            code_hash=pl.col("code_hash").unique().sort().str.join(" "),
            draws=pl.len(),
            starts=pl.col("start").n_unique(),
            tested=tested.mean(),
            refused=(pl.col("status") == "refused").mean(),
            warned=(pl.col("status") == "warn").mean(),
            mean=pl.col("estimate").mean(),
            rmse=(pl.col("estimate") ** 2).mean().sqrt(),
            **{f"level_{n}": pl.col(f"level_{n}").filter(tested).mean() for n in NOMINAL},
            **{f"reject_{n}": rejects[n].filter(tested).mean() for n in NOMINAL},
            reject_5_ok=rejects[5].filter(pl.col("status") == "ok").mean(),
            reject_5_warned=rejects[5].filter(pl.col("status") == "warn").mean(),
            ci_level=pl.col("level").filter(tested).mean(),
            coverage=((pl.col("low") <= 0) & (pl.col("high") >= 0)).filter(tested).mean(),
            half_width=half.filter(tested).median(),
            unbounded=half.is_infinite().filter(tested).mean(),
        )
        .with_columns(_error(n) for n in NOMINAL)
        .with_columns(
            (pl.col(f"reject_{n}") <= pl.col(f"level_{n}") + BOUND * _spread(n)).alias(f"holds_{n}")
            for n in NOMINAL
        )
    )


def _error(n: int) -> pl.Expr:
    share = pl.col(f"reject_{n}")
    tested = pl.col("draws") * pl.col("tested")
    return (share * (1 - share) / tested).sqrt().alias(f"mc_error_{n}")


def _spread(n: int) -> pl.Expr:
    """Monte-Carlo standard error of the rate if the test holds its level."""
    level = pl.col(f"level_{n}")
    return (level * (1 - level) / (pl.col("draws") * pl.col("tested"))).sqrt()
