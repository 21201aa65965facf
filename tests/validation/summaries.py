"""What the raw rows of the simulation study say: bias, size, coverage."""

from __future__ import annotations

import polars as pl

BOUND = 3.5  # Monte-Carlo standard errors
_LEVELS = {f"reject_{k}_25": k / 25 for k in (1, 2, 5)}

# Where an estimator's assumption fails by construction: listed before the study is run.
# (outcome, estimator or "*"): reason
ASSUMPTION_FAILS: dict[tuple[str, str], str] = {}


def bias(planted: pl.DataFrame) -> pl.DataFrame:
    """Mean error of each estimator by outcome and group, with its Monte-Carlo standard error."""
    error = pl.col("estimate") - pl.col("truth")
    return (
        planted.filter(error.is_finite())
        .group_by("estimator", "outcome", "group", maintain_order=True)
        .agg(
            registers=pl.len(),
            truth=pl.col("truth").mean(),
            bias=error.mean(),
            mc_error=error.std() / pl.len().sqrt(),
            rmse=(error**2).mean().sqrt(),
        )
        .with_columns(ratio=pl.col("bias") / pl.col("mc_error"))
        .with_columns(within=pl.col("ratio").abs() <= BOUND)
        .sort("estimator", "outcome", "group")
    )


def size(null: pl.DataFrame, by: tuple[str, ...] = ("treated", "estimator")) -> pl.DataFrame:
    """Rejection rates at 1, 2 and 5 of 25, coverage, and the clustered t-test at 5 %.

    The Monte-Carlo error counts registers, not series: series of a register are dependent.
    """
    rates = [
        (pl.col("p_value") <= level + 1e-9).mean().alias(name) for name, level in _LEVELS.items()
    ]
    rows = null.group_by(*by, maintain_order=True).agg(
        pl.col("seed").n_unique().alias("registers"),
        *rates,
        coverage=pl.col("covers").mean(),
        level=pl.col("level").mean(),
        reject_crv1_5=(pl.col("crv1_p") <= 0.05).mean(),
    )
    return _judged(rows).sort(by)


def over_outcomes(by_outcome: pl.DataFrame) -> pl.DataFrame:
    """Average the rows of `size` by outcome over outcomes: all have the same registers."""
    means = ["coverage", "level", "reject_crv1_5"]
    rows = by_outcome.group_by("treated", "estimator", maintain_order=True).agg(
        pl.col("registers").max(), pl.col(*_LEVELS, *means).mean()
    )
    return _judged(rows).sort("treated", "estimator")


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        (pl.col(name) <= level + BOUND * (level * (1 - level) / pl.col("registers")).sqrt()).alias(
            f"{name}_holds"
        )
        for name, level in _LEVELS.items()
    )
