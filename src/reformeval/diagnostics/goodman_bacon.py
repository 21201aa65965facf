"""What two-way fixed effects would have said, and what from (Goodman-Bacon).

The coefficient of "has adopted" in a regression with unit and period effects is a weighted mean of
differences in differences between pairs of cohorts (Goodman-Bacon 2021, theorem 1). Where units
that adopt late are compared with units already treated, effects that grow enter with the wrong
sign. It stands beside the estimates as a warning, and is none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reformeval.design import Design, Floats
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "goodman_bacon"
MUCH = 0.1


@dataclass(frozen=True)
class Pair:
    """A difference in differences of one cohort against another.

    ``against`` is -1 for units that never adopt; ``forbidden`` where they are treated already.
    """

    cohort: int
    against: int
    weight: float
    estimate: float
    forbidden: bool


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series with the coefficient and its error, and one with the forbidden weight."""
    rows = []
    for s, series in _rows.able(evidence.design) if evidence.design.staggered else ():
        value, error = coefficient(evidence.design, s)
        pairs = decompose(evidence.design, s)
        forbidden = [pair for pair in pairs if pair.forbidden]
        weight = sum(pair.weight for pair in forbidden)
        mean = sum(p.weight * p.estimate for p in forbidden) / weight if weight else float("nan")
        rows.append(
            _rows.row(
                evidence, NAME, series, "info",
                f"Two-way fixed effects, which assume that all effects are equal, give {value:.4g} "
                f"(standard error {error:.2g}, clustered by unit).",
                statistic="two_way_fixed_effects", value=value,
            )
        )  # fmt: skip
        verdict: _rows.Verdict = "warn" if weight > MUCH else "info"
        rows.append(
            _rows.row(
                evidence, NAME, series, verdict,
                f"{100 * weight:.0f} % of that comes from comparing units that adopt later with "
                f"units already treated"
                + (f" (on average {mean:.4g})" if weight else "")
                + ". None of the estimators of staggered reforms does.",
                statistic="forbidden_weight", value=weight, threshold=MUCH,
            )
        )  # fmt: skip
    return rows


def coefficient(design: Design, series: int) -> tuple[float, float]:
    """Coefficient of "has adopted" and its CRV1 error, K = 1 + periods."""
    units, kept = design.usable(series)
    y = design.y[series][units][:, kept]
    treated = design.post_cells[units][:, kept].astype(np.float64)
    rest, outcome = _within(treated), _within(y)
    value = float((rest * outcome).sum() / (rest**2).sum())
    score = (rest * (outcome - value * rest)).sum(axis=1)
    count, length = y.shape
    rows = count * length
    factor = count / (count - 1) * (rows - 1) / (rows - 1 - length)
    return value, float(np.sqrt(factor * (score**2).sum()) / (rest**2).sum())


def decompose(design: Design, series: int) -> list[Pair]:
    """Every pair of cohorts with its weight; the weights add up to one."""
    units, kept = design.usable(series)
    y, adopted = design.y[series][units][:, kept], design.adopted[units]
    index = np.flatnonzero(kept)
    starts = [int(c) for c in design.cohorts if (adopted == c).any()]
    mean = {c: y[adopted == c].mean(axis=0) for c in (*starts, -1) if (adopted == c).any()}
    size = {c: int((adopted == c).sum()) for c in mean}
    late = {c: float((index >= c).mean()) for c in starts}
    found = []
    for i, k in enumerate(starts):
        if -1 in mean:
            weight = size[k] * size[-1] * late[k] * (1 - late[k])
            gap = mean[k] - mean[-1]
            found.append((k, -1, weight, gap, index >= k, index < k, False))
        for later in starts[i + 1 :]:
            pair, between = size[k] * size[later], late[k] - late[later]
            middle = (index >= k) & (index < later)
            gap = mean[k] - mean[later]
            found.append((k, later, pair * between * (1 - late[k]), gap, middle, index < k, False))
            found.append(
                (later, k, pair * between * late[later], -gap, index >= later, middle, True)
            )
    used = [one for one in found if one[4].any() and one[5].any()]
    total = sum(one[2] for one in used)
    return [
        Pair(k, other, weight / total, float(gap[after].mean() - gap[before].mean()), forbidden)
        for k, other, weight, gap, after, before, forbidden in used
    ]


def _within(values: Floats) -> Floats:
    """Values less their unit and period means, plus the overall mean."""
    by_unit = values.mean(axis=1, keepdims=True)
    by_period = values.mean(axis=0, keepdims=True)
    return np.asarray(values - by_unit - by_period + values.mean())
