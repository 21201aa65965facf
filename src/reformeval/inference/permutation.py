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
from reformeval.intervals import Intervals

NAME = "permutation"
POWER = 0.8
# Two estimates closer than this share of their own size, or of the outcome's, are a tie: rounding
# in sums of the outcome is about 1e-15 of it. A tie counts against the reform.
TIE = 1e-12


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
    The pointwise intervals of all estimands and, where there are event times, their simultaneous
    bands: one over the event times from adoption on, one over those before.
    """
    pointwise = _pointwise(design, fit, level)
    if not any(e.kind == "event" for e in fit.estimands):
        return [pointwise]
    return [pointwise, _simultaneous(fit, pointwise, level)]


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


def rank_p(values: Floats) -> Floats:
    """Share of a statistic's rows that are at least as large as row 0, itself included.

    Parameters
    ----------
    values
        (series, assignments), large is extreme and may be infinite; NaN rows are left out.
    """
    own = values[:, :1]
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        least = np.where(np.isfinite(own), own - TIE * np.abs(own), own)
        at_least = known & (values >= least)
        p: Floats = at_least.sum(axis=1) / known.sum(axis=1)
    return np.where(known[:, 0], p, np.nan)


def attained_rank(count: Ints, level: float) -> tuple[Ints, Bools]:
    """Find the number k for which 1 - k/A is the smallest attainable level >= ``level``.

    Returns
    -------
    rank, short
        k, at least 1; and where no level is high enough, so that k = 1 gives the highest.
    """
    rank = np.floor(count * (1 - level) + 1e-9).astype(np.int64)
    return np.clip(rank, 1, np.maximum(count - 1, 1)), rank < 1


def _pointwise(design: Design, fit: Fit, level: float) -> Intervals:
    own, placebos = fit.estimate[:, 0], np.abs(fit.estimate[:, 1:])
    attained = _attain(fit, level)
    able = np.isfinite(own) & (attained.count >= 2)
    known = np.isfinite(placebos)
    slack = _slack(fit)
    extreme = known & (placebos >= (np.abs(own) - slack)[:, None])
    critical = _kth_largest(placebos, attained.rank)
    low, high = own - critical, own + critical
    whole = np.ones(own.shape, dtype=bool)
    accepted = _accepted(fit)
    for e in np.flatnonzero(_inverted(fit)):
        for s in np.flatnonzero(able[:, e]):
            low[s, e], high[s, e], whole[s, e] = _hull(
                accepted[0][s, :, e], accepted[1][s, :, e], int(attained.rank[s, e])
            )
    squares = np.where(known, placebos, 0.0) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        std_error = np.sqrt(squares.sum(axis=1) / known.sum(axis=1))
        p = (1 + extreme.sum(axis=1)) / attained.count
    floor = 1 / np.maximum(attained.count, 1)
    reason = _reasons(design, fit, attained, level, low, high, whole)
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
            able, (critical + _power_margin(placebos)) * _dilution(design)[:, None], np.nan
        ),
        status=status.astype(object),
        reason=reason,
    )


def _simultaneous(fit: Fit, pointwise: Intervals, level: float) -> Intervals:
    """Bands that hold for a whole set of event times at once.

    M_a = max over the set of |est_a(t)| / sd_a(t), with sd_a(t) the root mean square of the
    placebos other than a: a placebo is never scaled by itself, just as the reform is not.
    """
    shape = fit.estimate[:, 0].shape
    half, p = np.full(shape, np.nan), np.full(shape, np.nan)
    times = np.array([np.nan if e.event_time is None else e.event_time for e in fit.estimands])
    attained = _attain(fit, level)
    for chosen in (np.flatnonzero(times >= 0), np.flatnonzero(times < 0)):
        for s in range(shape[0]):
            own = fit.estimate[s, 0, chosen]
            columns = chosen[np.isfinite(own)]
            paths = np.abs(fit.estimate[s][:, columns])
            paths = paths[np.isfinite(paths).all(axis=1)]
            if columns.size and len(paths) >= 4:
                scaled, sd = _scaled(paths)
                largest = scaled[1:].max(axis=1)
                k = min(int(attained.rank[s, columns].max()), len(largest))
                half[s, columns] = np.sort(largest)[::-1][k - 1] * sd
                above = largest[:, None] >= scaled[0] * (1 - TIE)
                p[s, columns] = (1 + above.sum(axis=0)) / len(paths)
    own = fit.estimate[:, 0]
    event = np.isfinite(times)[None, :] & np.isfinite(own)
    able = event & np.isfinite(p)
    status = np.where(able, pointwise.status, np.where(event, "refused", "failed"))
    few = "fewer than 3 placebos: a simultaneous band needs their spread"
    return replace(
        pointwise,
        band="simultaneous",
        low=np.where(able, own - half, np.nan),
        high=np.where(able, own + half, np.nan),
        p_value=p,
        minimum_detectable=np.full(shape, np.nan),
        status=status.astype(object),
        reason=np.where(able, pointwise.reason, np.where(event, few, "")).astype(object),
    )


def _scaled(paths: Floats) -> tuple[Floats, Floats]:
    """Absolute paths (assignments, events) over the placebo sd, and row 0's sd."""
    squares = paths**2
    total = squares[1:].sum(axis=0)
    others = np.sqrt(np.maximum(total - squares, 0.0) / (len(paths) - 2))
    others[0] = np.sqrt(total / (len(paths) - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(paths > 0, paths / others, 0.0)
    return scaled, others[0]


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
    return np.array([e.kind != "event" for e in fit.estimands])


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


def _dilution(design: Design) -> Floats:
    """(series,) what makes up for an effect that placebos share in.

    An effect d on the treated units moves each placebo that uses them as donors by about their
    share of its donors times d, and with it the critical value.
    """
    counts = np.array([design.counts(s)[:2] for s in range(len(design.series))], dtype=np.float64)
    share = counts[:, 0] / np.maximum(counts[:, 1], 1)
    out: Floats = np.where(share < 1, 1 / np.where(share < 1, 1 - share, 1), np.nan)
    return out


def _hull(low: Floats, high: Floats, rank: int) -> tuple[float, float, bool]:
    """Hull of the constants that lie in at least ``rank`` of the closed intervals.

    Returns
    -------
    low, high, whole
        NaN bounds if there are none; ``whole`` says whether the set has no gap.
    """
    real = low <= high
    starts, ends = np.sort(low[real]), np.sort(high[real])
    if len(starts) < rank:
        return np.nan, np.nan, True
    points = np.unique(np.concatenate([starts, ends]))
    at = np.searchsorted(starts, points, "right") - np.searchsorted(ends, points, "left")
    after = np.searchsorted(starts, points, "right") - np.searchsorted(ends, points, "right")
    accepted = np.flatnonzero(at >= rank)
    if not accepted.size:
        return np.nan, np.nan, True
    first, last = accepted[0], accepted[-1]
    whole = bool((at[first : last + 1] >= rank).all() and (after[first:last] >= rank).all())
    return float(points[first]), float(points[last]), whole


def percent(share: float) -> str:
    """Write a level as text, with one decimal only where it says something.

    Examples
    --------
    >>> percent(0.95), percent(13 / 14)
    ('95 %', '92.9 %')
    """
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _reasons(
    design: Design,
    fit: Fit,
    attained: _Attained,
    level: float,
    low: Floats,
    high: Floats,
    whole: Bools,
) -> NDArray[Any]:
    """(series, estimands) why an interval is not plainly as configured, "" where it is."""
    reason = np.full(low.shape, "", dtype=object)
    for s in range(len(low)):
        donors = design.counts(s)[1]
        for e in np.flatnonzero(np.isfinite(fit.estimate[s, 0])):
            count = int(attained.count[s, e])
            said = []
            if count < 2:
                said.append("no placebo could be estimated: the reform cannot be ranked")
            elif attained.short[s, e]:
                said.append(
                    f"{percent(float(attained.level[s, e]))}: {percent(level)} cannot be had "
                    f"with {donors} donors (smallest p is 1/{count})"
                )
            if count >= 2 and np.isinf([low[s, e], high[s, e]]).any():
                said.append("the interval is unbounded: placebos move as much as the reform")
            if not whole[s, e]:
                said.append("the accepted values have gaps: the interval is their hull")
            reason[s, e] = "; ".join(said)
    return reason
