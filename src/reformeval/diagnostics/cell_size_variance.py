"""Cell size and variance: the fit behind `ferman_pinto`, and what its correction changes.

Donors' squared residuals are fitted on 1 and 1/n (n the persons before the reform). Shown are the
two coefficients, how much they explain, the treated unit's predicted standard deviation as a
multiple of the donors', and the p-values with and without the correction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Estimated, Evidence
from reformeval.inference import ferman_pinto

NAME = "cell_size_variance"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and estimator that has changes and counts of persons."""
    rows = []
    for one, fit in _rows.fits(evidence):
        for s, series in _rows.able(one.design):
            found = ferman_pinto.variance(one.design, fit, s)
            if found is None or not np.isfinite(found.r2[0]):
                continue
            donors = float(np.sqrt(found.donors[:, 0].mean()))
            ratio = float(np.sqrt(found.treated[:, 0].mean())) / donors if donors > 0 else np.nan
            message = (
                f"Variance of a change = {found.common[0]:.3g} + {found.sampling[0]:.3g} / persons "
                f"(explains {100 * max(found.r2[0], 0.0):.0f} % of the donors' squared residuals): "
                f"the treated unit's standard deviation would be {ratio:.2f} times the donors'."
            )
            message += _both(one, s)
            rows.append(
                _rows.row(
                    evidence, NAME, series, "info", message, one.spec.label,
                    statistic="predicted_sd_ratio", value=ratio, inference="ferman_pinto",
                )
            )  # fmt: skip
    return rows


def _both(one: Estimated, s: int) -> str:
    found = {
        which.inference: which.p_value[s, 0]
        for which in one.intervals
        if which.inference in ("ferman_pinto", "conley_taber")
    }
    if len(found) < 2 or not np.isfinite(list(found.values())).all():
        return ""
    return (
        f" p with the correction {found['ferman_pinto']:.3f}, without it "
        f"{found['conley_taber']:.3f}."
    )
