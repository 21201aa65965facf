"""Confidence level: whether the configured one can be had with the assignments there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.inference._ranks import attained_rank, percent

NAME = "ci_level"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and estimator."""
    level = evidence.spec.ci_level
    rows = []
    for one, fit in _rows.fits(evidence):
        for s, series in _rows.able(one.design):
            count = int(np.isfinite(fit.estimate[s]).sum(axis=0).max(initial=0))
            if count < 2:
                continue
            rank, short = attained_rank(np.array([count]), level)
            attained = 1 - float(rank[0]) / count
            message = (
                f"{count} assignments: the smallest p is 1/{count} and intervals hold at "
                f"{percent(attained)}"
            )
            message += f"; {percent(level)} cannot be had." if short[0] else "."
            rows.append(
                _rows.row(
                    evidence, NAME, series, "warn" if short[0] else "pass", message,
                    one.spec.label, statistic="attained_level", value=attained, threshold=level,
                    inference="permutation",
                )
            )  # fmt: skip
    return rows
