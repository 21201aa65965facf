"""Rows of the size table: rejection rates of every test in every cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from reformeval.inference._sizes import Size
from tests.validation.size_assumptions import ASSUMPTIONS
from tests.validation.size_cells import Cell
from tests.validation.size_tests import TARGETS, Tests
from tests.validation.summaries import BOUND

_SLACK = 1e-9


def of(cell: Cell, tests: Tests) -> list[dict[str, Any]]:
    """Give a row per attainable level nearest to a target."""
    rows: dict[float, dict[str, Any]] = {}
    for target, refused in zip(TARGETS, tests.refused, strict=True):
        level = nearest(target, tests.step)
        if level not in rows:
            rows[level] = _row(cell, tests, level, refused)
    return list(rows.values())


def nearest(target: float, step: float) -> float:
    """Attainable level nearest to a target, where p-values are multiples of ``step`` (0: any).

    Examples
    --------
    >>> nearest(0.05, 0.0), nearest(0.05, 0.1), nearest(0.1, 0.25)
    (0.05, 0.1, 0.25)
    """
    return max(round(target / step), 1) * step if step > 0 else target


def _row(cell: Cell, tests: Tests, level: float, refused: Any) -> dict[str, Any]:
    known = np.isfinite(tests.p_value)
    given = known & ~refused
    rejects = tests.p_value <= level + _SLACK
    rejected = float(rejects[given].mean()) if given.any() else None
    rate = level if cell.effect == 0 else rejected
    draws = int(given.sum())
    error = None if rate is None or not draws else (rate * (1 - rate) / draws) ** 0.5
    assumption = ASSUMPTIONS[tests.method]
    holds = assumption.holds(cell)
    within = None
    if cell.effect == 0 and rejected is not None and error is not None:
        within = rejected <= level + BOUND * error
    said = [] if holds else [f"assumes: {assumption.words}"]
    if refused.any():
        said.append(f"refused: {tests.why}")
    return {
        "method": tests.method,
        "estimator": tests.estimator,
        "alternative": tests.alternative,
        "treated": cell.treated,
        "donors": cell.donors,
        "periods_before": cell.spans[0],
        "sd_ratio": cell.sd_ratio,
        "process": cell.process,
        "cell_sizes": cell.sizes,
        "effect": cell.effect,
        "level": level,
        "rejected": rejected,
        "mc_error": error,
        "draws": draws,
        "refused": float(refused.mean()),
        "rejected_without_rules": float(rejects[known].mean()) if known.any() else None,
        "assumption_holds": holds,
        "exact": assumption.exact(cell),
        "within": within,
        "reason": "; ".join(said) or None,
        "seed": cell.seed,
    }


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Put rows together."""
    return pl.DataFrame(rows, infer_schema_length=None)


def csv(found: pl.DataFrame) -> str:
    """Write the table with as many digits as can be told apart by the draws."""
    return found.write_csv(float_precision=5)


# Statistics that the package quotes: (name there, method, estimator).
QUOTED = (
    ("permutation", "permutation", "did"),
    ("permutation_t", "permutation_t", "did"),
    ("conley_taber", "conley_taber", "did"),
    ("t_few", "t_few", "did"),
    ("hagemann", "hagemann", "did"),
    ("conformal", "conformal", "did"),
    ("weighted", "permutation", "synthetic_control"),
    ("rmspe_ratio", "rmspe_ratio", "synthetic_control"),
    ("rmspe_ratio_heldout", "rmspe_ratio_heldout", "synthetic_control"),
)


def quoted(found: pl.DataFrame) -> list[Size]:
    """Give the rows of `reformeval.inference._sizes`: independent noise, levels nearest to 5 %."""
    rows = found.filter(
        pl.col("rejected").is_not_null(),
        treated=1, effect=0.0, process="iid", cell_sizes="equal", alternative="two-sided",
    )  # fmt: skip
    sizes = []
    for name, method, estimator in QUOTED:
        one = rows.filter(method=method, estimator=estimator).sort("donors", "sd_ratio", "level")
        for row in one.unique(("donors", "sd_ratio"), keep="first", maintain_order=True).to_dicts():
            level, rate = round(row["level"], 4), round(row["rejected"], 4)
            sizes.append(Size(name, row["donors"], row["sd_ratio"], level, rate, row["draws"]))
    return sizes
