"""Equal variance: what the time before the reform says of an assumption of `t_few`.

The exact t test takes the treated units' changes to vary as the donors' do. The treated average's
gap to the others before the reform gives one standard deviation of first differences, each donor's
another; the treated's place among them, counted from the nearer end, is a two-sided permutation
p-value. The change over the reform itself is one draw per treated unit, so its variance cannot be
tested, and the message says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval import noise
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "equal_variance"
CANNOT = (
    " This is about the time before only: the variance of the treated unit's change over the "
    "reform rests on a single draw and cannot be tested."
)


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series with at least three differences before the reform."""
    alpha = 1 - evidence.spec.ci_level
    rows = []
    for s, series in _rows.able(evidence.design):
        units, kept = evidence.design.usable(s)
        before = kept & evidence.design.in_pre
        adjacent = before[1:] & before[:-1]
        if adjacent.sum() < 3:
            continue
        spread = np.diff(noise.gaps(evidence.design, s, units))[:, adjacent].std(axis=1, ddof=1)
        own, count = spread[0], len(spread)
        above, below = int((spread >= own).sum()), int((spread <= own).sum())
        p = min(2 * min(above, below) / count, 1.0)
        unlike = p <= alpha + 1e-9
        place = f"{above} of {count} from the noisiest, p = {p:.2f}"
        message = (
            f"The treated unit's period-to-period noise before the reform is unlike the donors' "
            f"({place}): tests that take variances as equal do not hold."
            if unlike
            else f"The treated unit's noise before the reform is like the donors' ({place})."
        )
        rows.append(
            _rows.row(
                evidence, NAME, series, "warn" if unlike else "pass", message + CANNOT,
                statistic="rank_of_pre_period_sd", value=float(above), p_value=p, threshold=alpha,
                inference="t_few",
            )
        )  # fmt: skip
    return rows
