"""Synthetic difference in differences (Arkhangelsky, Athey, Hirshberg, Imbens & Wager 2021).

Algorithm 1; equation numbers of the published version, 2.1–2.3 for 4–6 in the working paper.
With donors j = 1..N0, N1 treated units averaged to Y1, T0 pre- and T1 post-periods:

    ω = argmin Σ_{t pre} (ω0 + Σ_j ω_j Y_jt − Y1_t)² + ζ² T0 |ω|²               (eq. 4)
    ζ = (N1 T1)^¼ σ̂,  σ̂ the sd of donors' first differences before the reform    (eq. 5)
    λ = argmin Σ_j (λ0 + Σ_{t pre} λ_t Y_jt − Ȳ_j,post)² + (1e-6 σ̂)² N0 |λ|²     (eq. 6)
    effect = (Ȳ1,post − Σ_t λ_t Y1_t) − Σ_j ω_j (Ȳ_j,post − Σ_t λ_t Y_jt)        (eq. 1)

ω and λ are not negative and sum to one. σ̂ uses differences over adjacent retained pre-periods
only: an excluded period leaves a gap that is not differenced across. In a placebo the treated unit
is a donor like any other. The tiny ridge on λ is the authors'; it makes the weights unique.

Where units adopt at different times (their appendix on staggered adoption; Clarke, Pailañir, Athey
& Imbens 2023, the estimator of Stata's sdid) every cohort a is estimated so against the units that
never adopt, and

    att = Σ_a N1_a T1_a effect_a ÷ Σ_a N1_a T1_a

is their average by treated units and periods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import (
    _blocks,
    _donor_placebos,
    _double_weights,
    _options,
    _refit,
    _shift,
    _staggered,
)
from reformeval.estimators._double_weights import Cohort, Fitted
from reformeval.fit import Estimand, Fit

DONORS = ("never_treated",)


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``zeta`` is a number in the outcome's unit, not negative."""
    problems = _options.unknown(options, ("zeta", "donors"))
    zeta = options.get("zeta")
    number = isinstance(zeta, int | float) and not isinstance(zeta, bool)
    if zeta is not None and not (number and 0 <= zeta < float("inf")):
        problems.append("zeta must be a number, not negative")
    own = {name: value for name, value in options.items() if name == "donors"}
    return problems + _staggered.check_options(own, {"donors": DONORS})


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect for the reform and all placebos.

    Parameters
    ----------
    design
        One adoption date or several; equal weights of units.
    assignments
        (assignments, units) adoption indices with the reform's dates; row 0 is the reform.
    options
        ``zeta``: the penalty on unit weights, in the outcome's unit, instead of the paper's.
        ``donors``: never_treated, the only choice.

    Returns
    -------
    Fit
        Estimands: att; with several adoption dates also each cohort's. With unit weights (donors)
        and period weights (pre-periods), averaged over cohorts as the att is. The acceptance
        intervals take the refit of the weights into account (`_shift`, `_refit`). The placebo
        covariance is that of placebos among donors alone (`_donor_placebos`).

    Raises
    ------
    UnsupportedError
        If units are weighted, a cohort has no two adjacent pre-periods, or a placebo has other
        adoption dates than the reform.
    """
    _options.refuse(check_options(options))
    _blocks.equal_weights_only(design, "synthetic_did")
    wanted = estimands(design)
    fit = partial(_fit, wanted=wanted, zeta=options.get("zeta"))
    if design.staggered:
        _staggered.own_dates(design, assignments)
        return _blocks.by_block_dated(design, assignments, wanted, fit)

    def of(block: Design, members: Bools) -> Fit:
        return fit(block, np.where(members, block.adoption, -1))

    return _blocks.by_block(design, assignments, wanted, of)


def estimands(design: Design) -> tuple[Estimand, ...]:
    """List the att and, where units adopt at different times, each cohort's effect."""
    dates = [design.periods[int(start)] for start in design.cohorts] if design.staggered else []
    return (Estimand("att"), *(Estimand("cohort", cohort=date) for date in dates))


def _fit(block: Design, dates: Ints, wanted: Sequence[Estimand], zeta: float | None) -> Fit:
    S, A, T = len(block.series), len(dates), len(block.periods)
    estimate, low, high = (np.full((S, A, len(wanted)), np.nan) for _ in range(3))
    paths = np.full((2, S, A, T), np.nan)
    variance = np.full((S, len(wanted), len(wanted)), np.nan)
    units, times = np.full((S, A, len(block.units)), np.nan), np.full((S, A, T), np.nan)
    cohorts = _double_weights.cohorts(block) if (dates[0] == -1).any() else ()
    shares = _shares(block, cohorts, wanted)
    for s, y in enumerate(block.y) if cohorts else ():
        retained = np.where(block.excluded, 0.0, y)
        which = np.zeros(A, dtype=np.int64)
        fitted = [_double_weights.fit(retained[None], which, dates, c, zeta) for c in cohorts]
        estimate[s] = np.stack([one.effect for one in fitted], axis=1) @ shares.T
        paths[:, s] = np.where(block.excluded, np.nan, _paths(retained, dates, fitted, cohorts))
        units[s] = _double_weights.average([one.units for one in fitted], cohorts)
        times[s] = _double_weights.average([one.times for one in fitted], cohorts)
        donors = _donor_placebos.rows(block, s)
        variance[s] = _donor_placebos.covariance(_effects(retained, donors, cohorts, zeta, shares))
        low[s], high[s] = _acceptance(block, s, dates, cohorts, shares, fitted, estimate[s], zeta)
    used = [one.pre | one.post for one in cohorts]
    return Fit(
        estimands=tuple(wanted),
        assignments=dates,
        estimate=estimate,
        accept_low=low,
        accept_high=high,
        observed=paths[0],
        counterfactual=paths[1],
        in_fit=np.tile(np.any(used, axis=0) if used else ~block.excluded, (S, 1)),
        unit_weights=units,
        period_weights=times,
        placebo_covariance=variance,
    )


def _effects(
    retained: Floats, dates: Ints, cohorts: Sequence[Cohort], zeta: float | None, shares: Floats
) -> Floats:
    """Estimate assignments of one series and nothing else of them, (assignments, estimands)."""
    if not len(dates):
        return np.empty((0, len(shares)))
    which = np.zeros(len(dates), dtype=np.int64)
    found = [_double_weights.fit(retained[None], which, dates, c, zeta).effect for c in cohorts]
    return np.asarray(np.stack(found, axis=1) @ shares.T)


def _shares(block: Design, cohorts: Sequence[Cohort], wanted: Sequence[Estimand]) -> Floats:
    """(estimands, cohorts) weights of cohorts' effects; NaN where an estimand has no cohort."""
    out = np.zeros((len(wanted), len(cohorts)))
    for e, estimand in enumerate(wanted):
        for c, cohort in enumerate(cohorts):
            own = estimand.cohort == block.periods[cohort.start]
            out[e, c] = cohort.share if estimand.cohort is None else float(own)
    return np.where(out.any(axis=1, keepdims=True), out, np.nan)


def _paths(
    retained: Floats, dates: Ints, fitted: Sequence[Fitted], cohorts: Sequence[Cohort]
) -> Floats:
    """Mean of all adopters by period, and what it would have been: (2, assignments, periods)."""
    adopters = dates >= 0
    observed = adopters / adopters.sum(axis=1, keepdims=True) @ retained
    effect = np.zeros_like(observed)
    for one, cohort in zip(fitted, cohorts, strict=True):
        gap = (one.treated - one.units) @ retained
        before = (gap * one.times).sum(axis=1, keepdims=True)
        members = (dates == cohort.start).sum(axis=1, keepdims=True)
        effect += members / adopters.sum(axis=1, keepdims=True) * (gap - before)
    return np.array([observed, observed - effect])


def _acceptance(
    block: Design,
    s: int,
    dates: Ints,
    cohorts: Sequence[Cohort],
    shares: Floats,
    fitted: Sequence[Fitted],
    estimate: Floats,
    zeta: float | None,
) -> tuple[Floats, Floats]:
    """Find the ends of one series' acceptance intervals, (assignments, estimands)."""
    if not block.staggered:
        low, high = _shift.acceptance(block, s, dates >= 0, estimate[:, 0], fitted[0])
        return low[:, None], high[:, None]
    ends = np.full((2, *estimate.shape), np.nan)
    for e in np.flatnonzero(np.isfinite(shares).all(axis=1)):
        parts = [
            (share, cohort, one)
            for share, cohort, one in zip(shares[e], cohorts, fitted, strict=True)
            if share > 0
        ]
        ends[:, :, e] = _refitted(block, s, dates, parts, estimate[:, e], zeta)
    return ends[0], ends[1]


def _refitted(
    block: Design,
    s: int,
    dates: Ints,
    parts: Sequence[tuple[float, Cohort, Fitted]],
    estimate: Floats,
    zeta: float | None,
) -> Floats:
    """Find the ends for one estimand, (2, assignments), from its share, cohort and fit by part."""
    retained = np.where(block.excluded, 0.0, block.y[s])
    starts = [cohort.start for _, cohort, _ in parts]
    taken = block.post_cells & np.isin(block.adopted, starts)[:, None]
    slope = np.zeros(len(dates))
    for share, cohort, one in parts:
        moved = (one.units - one.treated) @ taken.astype(np.float64)
        slope += share * (moved * (cohort.post / cohort.post.sum() - one.times)).sum(axis=1)

    def again(c: Floats, rows: Ints) -> Floats:
        data = retained - c[:, None, None] * taken
        which = np.arange(len(rows))
        effects = [
            share * _double_weights.fit(data, which, dates[rows], cohort, zeta).effect
            for share, cohort, _ in parts
        ]
        return np.asarray(np.sum(effects, axis=0))

    return np.array(_refit.acceptance(again, estimate, slope))
