"""Permutation inference over all assignments: p-values, inverted intervals, bands.

Row 0 of a fit is the reform, the other rows give the same date to other units. If the reform had
no effect and units are exchangeable, the rank of row 0 is uniform:

    p = #{a >= 0 : |est_a| >= |est_0|} / A                              (A finite assignments)

so p is never below 1/A, the floor (Abadie, Diamond & Hainmueller 2010, section 2.4; MacKinnon &
Webb 2020, their P value that counts the reform itself). The interval holds every constant c that
the test does not reject once c is taken off the treated units (Firpo & Possebom 2018, equations
14-16, with the estimate in place of the RMSPE ratio): ``Fit.accept_low`` and ``accept_high`` say
for which c each placebo is at least as extreme as the reform. docs/methods/permutation.md has the
rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.fit import Fit
from reformeval.inference import _bands, _one_sided, _rules
from reformeval.inference._ranks import (
    TIE,
    attained_rank,
    cannot_be_had,
    gaps_in_words,
    hull,
)
from reformeval.intervals import Alternative, Intervals

NAME = "permutation"
SPEAKS_OF = "everything that every estimator gives; one-sided too for att and steps"
FLOOR = "1 ÷ assignments"
POWER = 0.8
SIDES: tuple[Alternative, ...] = ("greater", "less")
RULES = (
    _rules.Rule(
        "refused",
        "no placebo could be estimated",
        lambda f: f.assignments < 2,
        lambda _: "no placebo could be estimated: the reform cannot be ranked",
    ),
    _rules.Rule(
        "warn",
        "the configured level cannot be had: 1 ÷ assignments is above 1 − level",
        lambda f: 2 <= f.assignments < np.ceil(1 / (1 - f.level) - 1e-9),
        lambda f: cannot_be_had(
            f.level, 1 - 1 / f.assignments, f"{f.donors} donors", f.assignments
        ),
    ),
    _rules.Rule(
        "warn",
        "donors do not differ in their change (`did`, `event_study`)",
        lambda f: not f.varied,
        lambda _: (
            "all donors change by the same amount: the interval shows nothing of what a unit may "
            "move by itself"
        ),
    ),
    _rules.noisy(": ranked among them the estimate comes out extreme too often"),
)


@dataclass(frozen=True)
class _Attained:
    """Which of the attainable levels is used, (series, estimands)."""

    count: Ints
    rank: Ints
    level: Floats
    short: Bools


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Permutation p-values, intervals and bands of a fit.

    Parameters
    ----------
    design
        The design of the fit.
    fit
        Estimates for the reform and all placebos.
    level
        The configured confidence level; the attained one stands in ``Intervals.level``.

    Returns
    -------
    The pointwise intervals of all estimands; where there are event times, their simultaneous
    bands: one over the event times from adoption on, one over those before; and for all other
    estimands the one-sided tests, ``greater`` and ``less``.
    """
    pointwise = _pointwise(design, fit, level)
    found = [pointwise]
    if any(e.kind == "event" for e in fit.estimands):
        found.append(_bands.simultaneous(fit, pointwise, _attain(fit, level).rank))
    return [*found, *(_on_one_side(design, fit, pointwise, level, side) for side in SIDES)]


def equivalence(design: Design, fit: Fit, margin: Floats) -> Floats:
    """p-value of the hypothesis that the effect is at least ``margin`` in size.

    The larger of the two-sided p-values of c = margin and c = -margin where the estimate lies
    between them, otherwise 1: two one-sided tests that each use a two-sided p, so conservative.

    Parameters
    ----------
    margin
        (series,) smallest effect of interest; NaN where none is named.

    Returns
    -------
    (series, estimands); NaN for event times and where there is no margin or no estimate.
    """
    del design
    own = fit.estimate[:, 0]
    bound = np.broadcast_to(margin[:, None], own.shape)
    both = np.maximum(p_at(fit, bound), p_at(fit, -bound))
    inside = np.where(np.abs(own) < bound, both, 1.0)
    asked = _inverted(fit)[None, :] & np.isfinite(bound) & np.isfinite(own) & np.isfinite(both)
    return np.where(asked, inside, np.nan)


def p_at(fit: Fit, value: Floats) -> Floats:
    """Two-sided p-value of the hypothesis that each estimand equals ``value``.

    Parameters
    ----------
    value
        (series, estimands).

    Returns
    -------
    (series, estimands); NaN where the fit cannot be inverted.
    """
    low, high = _accepted(fit)
    slack = _slack(fit)
    known = np.isfinite(fit.estimate[:, 1:])
    within = known & (low - slack[:, None] <= value[:, None])
    within &= value[:, None] <= high + slack[:, None]
    p: Floats = (1 + within.sum(axis=1)) / (1 + known.sum(axis=1))
    usable = np.isfinite(fit.estimate[:, 0]) & known.any(axis=1) & _inverted(fit)[None, :]
    return np.where(usable, p, np.nan)


def _pointwise(design: Design, fit: Fit, level: float) -> Intervals:
    own, placebos = fit.estimate[:, 0], np.abs(fit.estimate[:, 1:])
    attained = _attain(fit, level)
    able = np.isfinite(own) & (attained.count >= 2)
    known = np.isfinite(placebos)
    slack = _slack(fit)
    extreme = known & (placebos >= (np.abs(own) - slack)[:, None])
    critical = _kth_largest(placebos, attained.rank)
    low, high = own - critical, own + critical
    gaps = np.full(own.shape, "", dtype=object)
    accepted = _accepted(fit)
    for e in np.flatnonzero(_inverted(fit)):
        for s in np.flatnonzero(able[:, e]):
            found = hull(accepted[0][s, :, e], accepted[1][s, :, e], int(attained.rank[s, e]))
            low[s, e], high[s, e] = found.low, found.high
            gaps[s, e] = "; ".join(gaps_in_words(found))
    squares = np.where(known, placebos, 0.0) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        std_error = np.sqrt(squares.sum(axis=1) / known.sum(axis=1))
        p = (1 + extreme.sum(axis=1)) / attained.count
    floor = 1 / np.maximum(attained.count, 1)
    reason = _reasons(design, fit, attained, level, np.isinf(low) | np.isinf(high), gaps)
    status = np.where(np.isfinite(own), np.where(reason == "", "ok", "warn"), "failed")
    status = np.where(np.isfinite(own) & ~able, "refused", status)
    return Intervals(
        inference=NAME,
        alternative="two-sided",
        band="pointwise",
        std_error=np.where(able, std_error, np.nan),
        low=np.where(able, low, np.nan),
        high=np.where(able, high, np.nan),
        p_value=np.where(able, p, np.nan),
        floor=floor,
        level=attained.level,
        minimum_detectable=np.where(
            able, _detectable(design, critical, _power_margin(placebos), std_error), np.nan
        ),
        status=status.astype(object),
        reason=reason,
    )


def _attain(fit: Fit, level: float) -> _Attained:
    count = np.isfinite(fit.estimate).sum(axis=1)
    rank, short = attained_rank(count, level)
    value = np.where(count > 1, 1 - rank / np.maximum(count, 1), level)
    return _Attained(count, rank, value, short & (count > 1))


def _accepted(fit: Fit) -> tuple[Floats, Floats]:
    """Bounds of what placebos accept; one without bounds accepts every c (conservative)."""
    low, high = fit.accept_low[:, 1:], fit.accept_high[:, 1:]
    unknown = np.isfinite(fit.estimate[:, 1:]) & (np.isnan(low) | np.isnan(high))
    return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)


def _inverted(fit: Fit) -> Bools:
    """(estimands,) those with an interval by inversion; event times have bands instead."""
    return np.array([e.event_time is None for e in fit.estimands])


def _slack(fit: Fit) -> Floats:
    """(series, estimands) by how much two estimates may differ and still be tied."""
    own = np.abs(fit.estimate[:, 0])
    seen = np.abs(np.nan_to_num(fit.observed[:, 0]))
    scale = seen.max(axis=1, initial=0.0)
    slack: Floats = TIE * np.maximum(np.nan_to_num(own), scale[:, None])
    return slack


def _kth_largest(placebos: Floats, rank: Ints) -> Floats:
    """(series, estimands) the k-th largest of the placebos' sizes."""
    if placebos.shape[1] == 0:
        return np.full(rank.shape, np.nan)
    ordered = -np.sort(-np.where(np.isfinite(placebos), placebos, -np.inf), axis=1)
    at = np.minimum(rank, placebos.shape[1])[:, None] - 1
    values: Floats = np.take_along_axis(ordered, at, axis=1)[:, 0]
    return values


def _power_margin(placebos: Floats) -> Floats:
    """Find what an effect needs above the critical value to be found with probability `POWER`.

    The `POWER` quantile of the placebos with both signs: the (2 x power - 1) quantile of sizes.
    """
    rank = np.isfinite(placebos).sum(axis=1)
    above = rank - np.ceil(rank * (2 * POWER - 1) - 1e-9).astype(np.int64) + 1
    return _kth_largest(placebos, np.maximum(above, 1))


def _detectable(design: Design, critical: Floats, margin: Floats, spread: Floats) -> Floats:
    """(series, estimands) effect that is found with probability `POWER`.

    An effect d on the treated units moves placebo a by k_a d, with k_a their share of its donors
    less their share of its treated, and with it the critical value. With one treated unit all k_a
    are 1 / donors, and d = (critical + margin) / (1 - k). With several they differ, and the
    critical value grows as the placebos' spread does: by sqrt(1 + k^2 d^2 / spread^2), k the root
    mean square of k_a. NaN where units adopt on several dates, as k_a then differs by period.
    """
    out = np.full(critical.shape, np.nan)
    for s in range(len(out)) if not design.staggered else ():
        treated, donors = design.counts(s)[:2]
        if treated == 1:
            out[s] = (critical[s] + margin[s]) / (1 - 1 / donors) if donors > 1 else np.nan
        elif treated and donors:
            with np.errstate(invalid="ignore", divide="ignore"):
                q = critical[s] * _shared(treated, donors) / spread[s]
                root = np.sqrt(margin[s] ** 2 - (1 - q**2) * (margin[s] ** 2 - critical[s] ** 2))
                out[s] = np.where(q < 1, (margin[s] + root) / (1 - q**2), np.nan)
    return out


def _shared(treated: int, donors: int) -> float:
    """Root mean square over placebos of k_a, where j of the placebo's units are treated ones."""
    from scipy import stats

    j = np.arange(treated)  # all of them would be the reform itself
    count = stats.hypergeom.pmf(j, treated + donors, treated, treated)
    k = (treated - j) / donors - j / treated
    return float(np.sqrt(count @ k**2 / count.sum()))


def _on_one_side(
    design: Design, fit: Fit, pointwise: Intervals, level: float, alternative: Alternative
) -> Intervals:
    """One-sided tests of the estimands that are inverted; nothing of the event times."""
    greater = alternative == "greater"
    attained = _attain(fit, level)
    low, high = _one_sided.bounds(fit, greater, attained.rank)
    able = np.isin(pointwise.status, ("ok", "warn")) & _inverted(fit)[None, :]
    gaps = np.full(low.shape, "", dtype=object)
    unbounded = np.isinf(low) & np.isinf(high)
    reason = _reasons(design, fit, attained, level, unbounded, gaps)
    status = np.where(able, np.where(reason == "", "ok", "warn"), pointwise.status)
    return replace(
        pointwise,
        alternative=alternative,
        low=np.where(able, low, np.nan),
        high=np.where(able, high, np.nan),
        p_value=np.where(able, _one_sided.p_values(fit, greater, _slack(fit)), np.nan),
        minimum_detectable=np.full(low.shape, np.nan),
        status=np.where(_inverted(fit)[None, :], status, "").astype(object),
        reason=reason,
    )


def _reasons(
    design: Design,
    fit: Fit,
    attained: _Attained,
    level: float,
    unbounded: Bools,
    gaps: NDArray[Any],
) -> NDArray[Any]:
    """(series, estimands) why an interval is not plainly as configured, "" where it is."""
    reason = np.full(unbounded.shape, "", dtype=object)
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        for e in np.flatnonzero(np.isfinite(fit.estimate[s, 0])):
            if facts is None:
                continue
            # an estimand may have fewer placebos than the att
            here = replace(facts, assignments=int(attained.count[s, e]))
            said = [rule.reason(here) for rule in RULES if rule.holds(here)]
            if here.assignments >= 2 and unbounded[s, e]:
                said.append("the interval is unbounded: placebos move as much as the reform")
            reason[s, e] = "; ".join([*said, *([gaps[s, e]] if gaps[s, e] else [])])
    return reason
