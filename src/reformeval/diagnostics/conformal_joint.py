"""Joint conformal test: no effect in any period after the reform.

The mean size of the residuals after adoption, with the counterfactual fitted to all periods, ranked
among the same mean at every other place in time (moving blocks; Chernozhukov, Wüthrich & Zhu 2021,
algorithm 1 with q = 1). It sees effects that change sign, which an average does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.inference import _conformal, conformal

NAME = "conformal_joint"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and estimator that `conformal` speaks of, where its floor allows."""
    alpha = 1 - evidence.spec.ci_level
    rows = []
    for one, fit in _rows.fits(evidence):
        asked = any(which.inference == conformal.NAME for which in one.intervals)
        if not asked or _conformal.is_event_study(fit):
            continue
        for s, series in _rows.able(one.design):
            of = _conformal.path(one.design, fit, s)
            if of is None or len(of.after) < conformal.least_periods(evidence.spec.ci_level):
                continue
            p = _conformal.joint_p(of, _conformal.blocks)
            size = float(np.abs(of.residuals(0.0, of.everything))[of.after].mean())
            found = "stand out from" if p <= alpha + 1e-9 else "are like"
            message = (
                f"Residuals after the reform {found} those at other times (p = {p:.2f}; the "
                f"smallest possible is 1/{len(of.after)})."
            )
            rows.append(
                _rows.row(
                    evidence, NAME, series, "info", message, one.spec.label,
                    statistic="mean_absolute_residual", value=size, p_value=p, threshold=alpha,
                    inference=conformal.NAME,
                )
            )  # fmt: skip
    return rows
