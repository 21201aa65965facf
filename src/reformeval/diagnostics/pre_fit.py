"""Fit before the reform: whether the weighted comparison follows the treated unit.

The root mean squared gap between the treated average and its counterfactual over the periods of
the fit before adoption, as a share of the donors' spread (their standard deviation across units,
averaged over the same periods). A treated unit outside the donors' range in a period cannot be
matched there by any weights without an intercept: it lies outside their convex hull.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.design import Bools, Floats
from reformeval.diagnostics import _rows
from reformeval.evidence import Estimated, Evidence
from reformeval.fit import Fit

NAME = "pre_fit"
LIMIT = 0.25
OUTSIDE = 0.1
_ROUNDING = 1e-9


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and estimator that weights donors."""
    return [
        _one(evidence, one, fit, s)
        for one, fit in _rows.fits(evidence)
        if fit.unit_weights is not None
        for s, _ in _rows.able(one.design)
        if np.isfinite(fit.estimate[s, 0]).any()
    ]


def _one(evidence: Evidence, one: Estimated, fit: Fit, s: int) -> dict[str, Any]:
    design = one.design
    units, kept = design.usable(s)
    before = kept & design.in_pre
    own = fit.observed[s, 0, before]
    donors = design.y[s][units & ~design.treated][:, before]
    rmspe = float(np.sqrt(np.mean((own - fit.counterfactual[s, 0, before]) ** 2)))
    spread = float(donors.std(axis=0, ddof=1).mean())
    share = rmspe / spread if spread > 0 else float("nan")
    outside = float(((own < donors.min(axis=0)) | (own > donors.max(axis=0))).mean())
    poor = not share <= LIMIT
    beyond = outside > OUTSIDE and _bound(fit, s, design.y[s][:, before], before)
    message = (
        f"Before the reform the comparison misses the treated unit by {rmspe:.3g} (root mean "
        "square), "
    )
    message += (
        f"{100 * share:.0f} % of the spread among donors"
        if spread > 0
        else "and the donors do not differ at all"
    )
    message += ": too much to trust as its path without the reform." if poor else "."
    if beyond:
        message += (
            f" In {100 * outside:.0f} % of these periods the treated unit lies outside the range "
            "of all donors, where no weighted average without an intercept can follow it."
        )
    return _rows.row(
        evidence, NAME, design.series[s], "warn" if poor or beyond else "pass", message,
        one.spec.label, statistic="rmspe_over_donor_sd", value=share, threshold=LIMIT,
    )  # fmt: skip


def _bound(fit: Fit, s: int, y: Floats, before: Bools) -> bool:
    """Whether the counterfactual is a mix of donors: no weight below zero and no constant."""
    assert fit.unit_weights is not None
    weights = np.nan_to_num(fit.unit_weights[s, 0])
    mix = weights[weights != 0] @ y[weights != 0]
    shift = float(np.abs(fit.counterfactual[s, 0, before] - mix).max())
    size = float(np.abs(mix).max())
    return bool(weights.min() >= -_ROUNDING and shift <= _ROUNDING * size)
