"""The placebo study in `docs/validation.md`, from its committed table."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.validation import studies
from tests.validation.markdown import markdown

TABLE = studies.FOLDER / "placebo.csv"
WITH, WITHOUT = "with months of 2020", "without"


def section() -> str:
    """Write the study's section."""
    table = pl.read_csv(TABLE)
    text = (Path(__file__).parent / "placebo_page.md").read_text(encoding="utf-8")
    for key, value in _facts(table).items():
        text = text.replace("{{" + key + "}}", value)
    return text.rstrip()


def _facts(table: pl.DataFrame) -> dict[str, str]:
    facts = studies.facts("placebo")
    every = table.filter(dates="all", alternative="two-sided")
    tested = every.filter(pl.col("refused") < 1)
    valid = tested.filter(pl.col("inference") != "cluster")
    spoken = every.filter(pl.col("tested") > 0)["inference"]
    never = every.filter(~pl.col("inference").is_in(spoken.implode()))
    ranks = table.filter(dates="all", inference="permutation")
    clustered = every.filter(inference="cluster")
    fewer = every.filter(pl.col("draws") < every["draws"].max())["estimator"].unique()
    return {
        "units": str(facts["units"]),
        "pairs": f"{facts['pairs']:,}",
        "draws": f"{every['draws'].max():,}",
        "starts": str(every["starts"].max()),
        "fewer": ", ".join(f"`{name}` {_draws(every, name):,}" for name in sorted(fewer)) or "none",
        "pandemic": f"{_draws(table.filter(dates=WITH), 'did'):,}",
        "seed": str(facts["seed"]),
        "code": _code(facts["code"], facts["again"]),
        "never": ", ".join(f"`{name}`" for name in sorted(set(never["inference"]))),
        "points": markdown(_points(table)),
        "tests": markdown(_tests(valid)),
        "splits": markdown(_splits(table)),
        "permutation": f"{_between(ranks, 'reject_5')} at {ranks['level_5'].max():.1%}",
        "held": f"{int(valid['holds_5'].sum())} of {valid.height}",
        "broken": _broken(valid),
        "wanders": f"{_one(every, 'did', 'conformal', 'warned'):.0%}",
        "let_through": f"{1 - _one(every, 'did', 'conformal_iid', 'refused'):.1%}",
        "clustered": _between(clustered, "reject_5"),
        "clustered_width": _of(clustered, "half_width"),
        "permutation_width": _of(every.filter(inference="permutation"), "half_width"),
        "quiet": _between(ranks.filter(alternative="two-sided"), "reject_5_ok"),
        "noisy": _between(ranks.filter(alternative="two-sided"), "reject_5_warned"),
    }


def _draws(table: pl.DataFrame, estimator: str) -> int:
    return int(table.filter(estimator=estimator)["draws"].max())  # type: ignore[arg-type]


def _code(code: dict[str, str], again: dict[str, str] | None) -> str:
    text = ", ".join(f"`{label}` `{hashed}`" for label, hashed in code.items())
    if again is None or again == code:
        return text
    return f"{text}; of later code two units were run again, with the same rows"


def _one(table: pl.DataFrame, estimator: str, inference: str, column: str) -> float:
    return float(table.filter(estimator=estimator, inference=inference)[column].item())


def _between(table: pl.DataFrame, column: str) -> str:
    return f"{table[column].min():.1%} to {table[column].max():.1%}"


def _of(table: pl.DataFrame, column: str) -> str:
    found = table.filter(estimator="did")[column].item()
    return f"{found:.2f}"


def _broken(valid: pl.DataFrame) -> str:
    rows = valid.filter(~(pl.col("holds_5") & pl.col("holds_10")))
    return "; ".join(
        f"`{row['inference']}` with `{row['estimator']}`, {row['reject_5']:.0%} of "
        f"{round(row['draws'] * row['tested']):,} draws at {row['level_5']:.1%}"
        for row in rows.iter_rows(named=True)
    )


def _points(table: pl.DataFrame) -> pl.DataFrame:
    """Mean and root mean square of the estimates, by whether 2020 is in the window."""
    points = table.filter(inference="permutation", alternative="two-sided")
    parts = [
        points.filter(dates=dates).select(
            "estimator",
            pl.col("mean").alias(f"mean{suffix}"),
            pl.col("rmse").alias(f"rmse{suffix}"),
        )
        for dates, suffix in (("all", ""), (WITH, f", {WITH}"), (WITHOUT, f", {WITHOUT}"))
    ]
    joined = parts[0].join(parts[1], on="estimator").join(parts[2], on="estimator")
    unit = pl.when(pl.col("estimator") == "poisson_did").then(pl.lit("log points"))
    joined = joined.with_columns(unit.otherwise(pl.lit("percentage points")).alias("measured in"))
    first = ["estimator", "measured in"]
    return joined.select(*first, pl.exclude(first)).sort(
        "measured in", "rmse", descending=[True, False]
    )


def _tests(valid: pl.DataFrame) -> pl.DataFrame:
    def rate(n: int) -> pl.Expr:
        within = pl.when(f"holds_{n}").then(pl.lit("")).otherwise(pl.lit("**"))
        text = pl.format(
            "{}{} ± {}{}",
            within,
            (100 * pl.col(f"reject_{n}")).round(1),
            (100 * pl.col(f"mc_error_{n}")).round(1),
            within,
        )
        return text.alias(f"rejected at {n}")

    def percent(name: str, shown: str) -> pl.Expr:
        return (100 * pl.col(name)).round(1).alias(shown)

    return valid.select(
        "estimator",
        "inference",
        percent("refused", "refused"),
        percent("level_5", "level"),
        rate(5).alias("rejected"),
        percent("level_10", "level "),
        rate(10).alias("rejected "),
        percent("ci_level", "interval"),
        percent("coverage", "covers 0"),
        pl.col("half_width").round(2).alias("half-width"),
    )


def _splits(table: pl.DataFrame) -> pl.DataFrame:
    """Rejections at the level nearest to 5 %, by dates and by whether the test warned."""
    both = table.filter(pl.col("alternative") == "two-sided", pl.col("tested") > 0)
    keys = ["estimator", "inference"]
    parts = [
        both.filter(dates=dates).select(*keys, (100 * pl.col("reject_5")).round(1).alias(dates))
        for dates in (WITH, WITHOUT)
    ]
    every = both.filter(dates="all").select(
        *keys,
        (100 * pl.col("level_5")).round(1).alias("level"),
        *(
            (100 * pl.col(name)).round(1).alias(shown)
            for name, shown in (
                ("reject_5", "all"),
                ("warned", "warned of"),
                ("reject_5_warned", "rejected, warned of"),
                ("reject_5_ok", "rejected, the others"),
            )
        ),
    )
    return every.join(parts[0], on=keys, how="left").join(parts[1], on=keys, how="left").sort(keys)
