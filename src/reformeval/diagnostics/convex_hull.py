"""Place of the treated unit among its donors: within reach of a mix of them before the reform.

The extrapolation share is the distance from the treated average's path before the reform to the
nearest path that non-negative weights summing to one can make of the donors', as a share of its
distance to the donors' mean path: 0 in the donors' convex hull, 1 where no mix is nearer than the
mean (Abadie, Diamond & Hainmueller 2010, section 2.3). The same with every path less its own mean
is what methods with a constant face.

Where it is not a matter of distance the row says so: donors with the treated unit's very values,
and outcomes that do not change before the reform, which give nothing to weigh donors by.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.design import Design, Floats
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "convex_hull"
LIMIT = 0.5
_SAME = 1e-9  # a difference below this share of the data's size is rounding


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series, where an estimator weights donors."""
    weighted = [one.design for one, fit in _rows.fits(evidence) if fit.unit_weights is not None]
    if not weighted:
        return []
    design, rows = weighted[0], []
    for s, series in _rows.able(design):
        share, verdict, message = _judge(design, s)
        rows.append(
            _rows.row(
                evidence, NAME, series, verdict, message,
                statistic="extrapolation_share", value=share, threshold=LIMIT,
            )
        )  # fmt: skip
    return rows


def _judge(design: Design, s: int) -> tuple[float, _rows.Verdict, str]:
    units, kept = design.usable(s)
    before = design.y[s][:, kept & design.in_pre]
    own = before[units & design.treated].mean(axis=0)
    donors = before[units & ~design.treated]
    names = [u for u, ok in zip(design.units, units & ~design.treated, strict=True) if ok]
    size = _SAME * float(np.abs(before[units]).max())

    share = extrapolation(donors, own)
    if (np.ptp(before[units], axis=1) <= size).all():
        return share, "warn", (
            "The outcome does not change in any unit before the reform: how units move together "
            "cannot be seen, and weights rest on levels alone."
        )  # fmt: skip
    twins = [n for n, y in zip(names, donors, strict=True) if float(np.abs(y - own).max()) <= size]
    if twins:
        return share, "warn", (
            f"Donor {', '.join(twins)} has the very values of the treated unit in every period "
            "before the reform: one of them may be a copy. Weights go to it alone."
        )  # fmt: skip
    if np.ptp(own) <= size:
        return share, "warn", (
            "The treated unit's outcome does not change before the reform, while donors' do: "
            f"no mix of donors comes nearer than {_percent(share)} of its distance to their mean."
        )  # fmt: skip
    shifted = extrapolation(donors - donors.mean(axis=1, keepdims=True), own - own.mean())
    if share == 0.0:
        return share, "pass", (
            "The treated unit lies in the convex hull of its donors: a mix of them is exactly like "
            "it before the reform."
        )  # fmt: skip
    message = (
        "The treated unit lies outside the convex hull of its donors: the nearest mix of them "
        f"leaves {_percent(share)} of its distance to their mean ({_percent(shifted)} where a "
        "constant takes up the level)."
    )
    if share > LIMIT:
        return share, "warn", (
            f"{message} A synthetic control without a constant extrapolates that part."
        )  # fmt: skip
    return share, "info", message


def extrapolation(donors: Floats, own: Floats) -> float:
    """Share of a path's distance to the donors' mean that no mix of them can take away.

    Parameters
    ----------
    donors, own
        (donors, periods) and (periods,) paths.

    Returns
    -------
    Between 0 and 1; 0 where the path is the donors' mean.
    """
    from reformeval.estimators import _simplex  # its solver is not needed to read the checks

    size = _SAME * float(max(np.abs(donors).max(), np.abs(own).max())) * len(own) ** 0.5
    reached = _simplex.solve(donors.T, own) @ donors
    nearest, mean = (float(np.linalg.norm(own - path)) for path in (reached, donors.mean(axis=0)))
    return 0.0 if nearest <= size else nearest / mean


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
