"""Survives: how much noisier than donors the treated unit may be before the finding goes.

The largest ratio of the treated unit's standard deviation to the donors' at which `hagemann`'s test
still rejects, towards the side of the estimate (one-sided) and for both sides, at 1 - level; beside
it the ratio measured before the reform.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.inference import hagemann
from reformeval.noise import before_reform

NAME = "survives"
MOST = 100.0


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and estimator with one treated unit and an att from changes."""
    alpha = round(1 - evidence.spec.ci_level, 9)
    rows = []
    for one, fit in _rows.fits(evidence):
        if not any(which.inference == hagemann.NAME for which in one.intervals):
            continue
        for s, series in _rows.able(one.design):
            treated, donors, *_ = one.design.counts(s)
            if treated != 1 or not np.isfinite(fit.estimate[s, 0, 0]):
                continue
            sides = [hagemann.largest_ratio(one.design, fit, s, 0, a) for a in (alpha, alpha / 2)]
            measured = before_reform(one.design, s)[0]
            found = (
                f"{_said(sides[0], 'one-sided')}, {_said(sides[1], 'two-sided')}"
                if sides[0] is not None
                else _said(None, "on either side")
            )
            message = (
                f"At {100 * alpha:g} % {found}. With {donors} donors "
                f"{_exists(hagemann.feasible_ratio(donors, alpha / 2))}."
            )
            if np.isfinite(measured):
                message += f" Before the reform the ratio was {measured:.2f}."
            rows.append(
                _rows.row(
                    evidence, NAME, series, "info", message, one.spec.label,
                    statistic="largest_sd_ratio",
                    value=min(sides[1], MOST) if sides[1] is not None else float("nan"),
                    threshold=measured, inference=hagemann.NAME,
                )
            )  # fmt: skip
    return rows


def _said(ratio: float | None, side: str) -> str:
    if ratio is None:
        return f"no effect is found {side}, however quiet the treated unit is"
    return (
        f"an effect is found {side} as long as the treated unit's standard deviation is at most "
        f"{_ratio(ratio)} times the donors'"
    )


def _exists(ratio: float) -> str:
    if ratio < 0:
        return "no two-sided test exists"
    return f"a two-sided test exists up to a ratio of {_ratio(ratio)}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < MOST else f"more than {MOST:g}"
