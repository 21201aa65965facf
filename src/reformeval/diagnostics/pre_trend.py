"""Pre-trend: whether treated and donors were already moving apart before the reform.

The mean squared event-study coefficient before the anticipation periods, ranked among the same
statistic of every placebo: with few treated units there is no valid Wald test. The reference, whose
coefficient is zero by construction, is not in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.inference._ranks import rank_p

NAME = "pre_trend"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and estimator with event times."""
    alpha = 1 - evidence.spec.ci_level
    rows = []
    for one, fit in _rows.fits(evidence):
        limit = -one.design.anticipation
        before = [
            i for i, e in enumerate(fit.estimands)
            if e.kind == "event" and e.event_time is not None and e.event_time < limit
        ]  # fmt: skip
        for s, series in _rows.able(one.design):
            paths = fit.estimate[s][:, before]
            paths = paths[:, np.isfinite(paths[0])]
            if not paths.size:
                continue
            squares = (paths**2).mean(axis=1)
            p = float(rank_p(squares[None])[0])
            count = int(np.isfinite(squares).sum())
            verdict, message = _judge(p, count, alpha)
            rows.append(
                _rows.row(
                    evidence, NAME, series, verdict, message, one.spec.label,
                    statistic="mean_squared_coefficient", value=float(squares[0]), p_value=p,
                    threshold=alpha, inference="permutation",
                )
            )  # fmt: skip
    return rows


def _judge(p: float, count: int, alpha: float) -> tuple[_rows.Verdict, str]:
    rank = f"{_rows.ordinal_of(p, count)}, p = {p:.2f}"
    if p <= alpha + 1e-9:
        return "fail", (
            f"The treated and the comparison moved apart before the reform more than placebos do "
            f"({rank}): the estimate may continue that trend."
        )
    if p <= 2 * alpha + 1e-9 or round(p * count) == 1:
        return "warn", (
            f"The treated and the comparison moved apart before the reform about as much as the "
            f"most extreme placebos ({rank})."
        )
    if 1 / count > alpha + 1e-9:
        return "info", (
            f"No more movement before the reform than in placebos ({rank}), but with {count} "
            f"assignments this test can never reject at {100 * alpha:g} %."
        )
    return "pass", (
        f"No more movement before the reform than in placebos ({rank}). This does not prove that "
        "trends would have stayed parallel."
    )
