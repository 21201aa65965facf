"""Permutation of the t ratio (RI-t): every assignment's estimate over its own standard error.

    t_a = tau_a / s_a,   p = #{a >= 0 : |t_a| >= |t_0|} / A

with s_a the cluster-robust standard error of assignment a (MacKinnon & Webb 2020, section 3: their
RI-t beside RI-beta, `permutation`; exhaustive, so that the smallest p with one treated unit is
1/(N0 + 1)). On a balanced panel s_a depends on the units' changes alone, so that all assignments
are one product of matrices. docs/methods/permutation_t.md has the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformeval.design import Bools, Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _build, _changes, _rules, _studentised
from reformeval.inference._ranks import TIE, attained_rank, cannot_be_had, gaps_in_words, hull
from reformeval.intervals import Intervals

NAME = "permutation_t"
SPEAKS_OF = "att and steps of `did` and `event_study`"
FLOOR = "1 ÷ assignments"
RULES = (
    _rules.ONE_DATE,
    _rules.VARIED,
    _rules.Rule(
        "refused",
        "fewer than 3 donors",
        lambda f: f.donors < 3,
        lambda f: f"{_rules.units(f.donors, 'donor')}: a t ratio needs a variance, which takes 3",
    ),
)


@dataclass(frozen=True, eq=False)
class _Ratios:
    """One series and estimand: estimates and variances of its assignments, the reform's first.

    Attributes
    ----------
    estimate, slope
        (assignments,) tau_a, and what one unit taken off the treated units adds to it.
    quadratic
        (assignments, 3) s_a^2 once c is taken off, as q_0 + q_1 x + q_2 x^2 with x = c - tau.
    std_error
        Of the reform's estimate; NaN with one unit in an arm, which adds nothing to s_0.
    """

    estimate: Floats
    slope: Floats
    quadratic: Floats
    std_error: float


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Ranks of t ratios, for the att and the steps; none for a fit that has no changes.

    Parameters
    ----------
    design, fit
        One adoption date; units may be weighted.
    level
        The configured confidence level; the attained one stands in ``Intervals.level``.
    """
    changes = _changes.of(design, fit)
    if changes is None:
        return []
    found = _build.empty(fit, level)
    for s in range(len(design.series)):
        for e in np.flatnonzero(_changes.asked(fit)):
            ratios = _ratios(design, fit, changes, s, int(e))
            if ratios is not None:
                _fill(found, ratios, s, int(e), level)
    asked = _changes.asked(fit)
    return [_build.intervals(NAME, design, fit, level, RULES, found, asked)]


def _fill(found: _build.Numbers, ratios: _Ratios, s: int, e: int, level: float) -> None:
    own, variance = ratios.estimate[0], ratios.quadratic[0, 0]
    if not variance > 0:
        return
    # variances at c = 0, that is x = -tau
    at_zero = ratios.quadratic @ np.array([1.0, -own, own**2])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(ratios.estimate) / np.sqrt(np.maximum(at_zero, 0.0))
    t = np.where(np.isnan(t), 0.0, t)
    count = len(t)
    rank, short = (x[0] for x in attained_rank(np.array([count]), level))
    low, high = _studentised.accepted(
        ratios.estimate[1:] + ratios.slope[1:] * own, ratios.slope[1:], variance,
        ratios.quadratic[1:],
    )  # fmt: skip
    ends = hull(low + own, high + own, int(rank))
    found.std_error[s, e] = ratios.std_error
    found.low[s, e], found.high[s, e] = ends.low, ends.high
    found.p_value[s, e] = (t >= t[0] * (1 - TIE)).sum() / count
    found.floor[s, e], found.level[s, e] = 1 / count, 1 - rank / count
    said = []
    if short:
        said.append(cannot_be_had(level, 1 - rank / count, f"{count} assignments", count))
    if not np.isfinite([ends.low, ends.high]).all():
        said.append("the interval is unbounded: placebos move as much as the reform")
    said += gaps_in_words(ends)
    found.note[s, e] = "; ".join(said)


def _ratios(design: Design, fit: Fit, changes: _changes.Changes, s: int, e: int) -> _Ratios | None:
    value = changes.value[s, :, e]
    used = np.isfinite(value)
    rows = np.isfinite(fit.estimate[s, :, e]) & ~(fit.assignments[:, ~used] >= 0).any(axis=1)
    if not rows[0] or rows.sum() < 2:
        return None
    members = fit.assignments[np.ix_(rows, used)] >= 0
    weights, treated = design.unit_weights[s][used], design.treated[used].astype(np.float64)
    own, value = fit.estimate[s, 0, e], value[used]
    # the variance is quadratic in x: three points give it exactly
    step = float(np.ptp(value)) or 1.0
    below, at, above = (
        _variance(members, weights, value - (own + x) * treated) for x in (-step, 0.0, step)
    )
    curve = (above + below - 2 * at) / (2 * step**2)
    quadratic = np.stack([at, (above - below) / (2 * step), curve], axis=1)
    slope = -(_mean(members, weights, treated) - _mean(~members, weights, treated))
    units = members.shape[1]
    several = 1 < members[0].sum() < units - 1
    error = float(np.sqrt(at[0] * units / (units - 2))) if several else float("nan")
    return _Ratios(fit.estimate[s, rows, e], slope, quadratic, error)


def _mean(members: Bools, weights: Floats, value: Floats) -> Floats:
    """Take the weighted mean of each assignment's members."""
    share = members * weights
    mean: Floats = share @ value / share.sum(axis=1)
    return mean


def _variance(members: Bools, weights: Floats, value: Floats) -> Floats:
    """Give the CRV1 variance (assignments,), up to a factor that all share.

    Per arm the sum of squared weights times squared deviations from the arm's mean, over the
    squared sum of weights.
    """
    total = np.zeros(len(members))
    for arm in (members, ~members):
        mean = _mean(arm, weights, value)
        square = weights**2
        first, second = arm * square @ value, arm * square @ value**2
        squares = second - 2 * mean * first + mean**2 * (arm @ square)
        total += np.maximum(squares, 0.0) / (arm @ weights) ** 2
    return total
