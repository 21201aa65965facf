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
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _blocks, _options, _shift, _simplex
from reformeval.fit import Estimand, Fit

_ATT = (Estimand("att"),)
_RIDGE = 1e-6


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``zeta`` is a number in the outcome's unit, not negative."""
    problems = _options.unknown(options, ("zeta",))
    zeta = options.get("zeta")
    number = isinstance(zeta, int | float) and not isinstance(zeta, bool)
    if zeta is not None and not (number and 0 <= zeta < float("inf")):
        problems.append("zeta must be a number, not negative")
    return problems


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect for the reform and all placebos.

    Parameters
    ----------
    design
        One adoption date, equal weights of units.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``zeta``: the penalty on unit weights, in the outcome's unit, instead of the paper's.

    Returns
    -------
    Fit
        Estimand: att. With unit weights (donors) and period weights (pre-periods). The
        acceptance intervals take the refit of the period weights into account (`_shift`).

    Raises
    ------
    UnsupportedError
        If units are weighted, or no two adjacent pre-periods are retained.
    """
    _options.refuse(check_options(options))
    _blocks.equal_weights_only(design, "synthetic_did")
    zeta = options.get("zeta")
    return _blocks.by_block(design, assignments, _ATT, partial(_fit, zeta=zeta))


def _fit(block: Design, members: Bools, zeta: float | None) -> Fit:
    treated = _blocks.averages(block, members)
    units, times, ridges = _weights(block, members, treated, zeta)
    retained = np.where(block.excluded, 0.0, block.y)
    gap = treated - np.where(block.excluded, np.nan, units @ retained)
    before = (np.where(block.in_pre, gap, 0.0) * times).sum(axis=2, keepdims=True)
    estimate = _blocks.mean_over(gap, block.in_post[None]) - before
    low, high = _shift.acceptance(block, members, estimate[..., 0], units, times, ridges)
    return Fit(
        estimands=_ATT,
        assignments=np.where(members, block.adoption, -1),
        estimate=estimate,
        accept_low=low[..., None],
        accept_high=high[..., None],
        observed=treated,
        counterfactual=treated - gap + before,
        in_fit=np.tile(block.in_pre | block.in_post, (len(block.series), 1)),
        unit_weights=units,
        period_weights=times,
    )


def _weights(
    block: Design, members: Bools, treated: Floats, zeta: float | None
) -> tuple[Floats, Floats, Floats]:
    """Fit unit and period weights; return them and the ridge of the latter."""
    pre, post = block.in_pre, block.in_post
    shape = (len(block.series), len(members))
    units = np.zeros((*shape, len(block.units)))
    times = np.zeros((*shape, len(block.periods)))
    ridges = np.zeros(shape)
    for s, y in enumerate(block.y):
        moments = _difference_moments(y, pre)
        before, after = y[:, pre], y[:, post].mean(axis=1)
        sigmas = np.array([_sigma(moments, ~own) for own in members])
        penalties = (members.sum(axis=1) * post.sum()) ** 0.25 * sigmas
        if zeta is not None:
            penalties = np.full(len(members), zeta)
        units[s] = _simplex.solve_all(
            before, treated[s][:, pre], ~members, ridges=penalties**2 * pre.sum(), intercept=True
        )
        ridges[s] = (_RIDGE * sigmas) ** 2 * (~members).sum(axis=1)
        times[s][:, pre] = _simplex.solve_each(
            before.T[None], np.zeros(len(members), dtype=np.int64),
            np.tile(after, (len(members), 1)), np.ones((len(members), int(pre.sum())), dtype=bool),
            ~members, ridges[s],
        )  # fmt: skip
    return units, times, ridges


def _difference_moments(y: Floats, in_pre: Bools) -> Floats:
    """(units, 3) count, mean and sum of squared deviations of each unit's first differences."""
    adjacent = in_pre[1:] & in_pre[:-1]
    if not adjacent.any():
        raise UnsupportedError("synthetic_did needs two adjacent pre-periods that are not dropped")
    steps = np.diff(np.where(in_pre, y, 0.0), axis=1)[:, adjacent]
    count = np.full(len(y), float(steps.shape[1]))
    mean = steps.mean(axis=1)
    return np.stack([count, mean, ((steps - mean[:, None]) ** 2).sum(axis=1)], axis=1)


def _sigma(moments: Floats, donors: Bools) -> float:
    """Pooled standard deviation (n − 1) of the donors' first differences."""
    count, mean, squares = moments[donors].T
    total = squares.sum() + (count * (mean - mean.mean()) ** 2).sum()
    return float(np.sqrt(total / (count.sum() - 1)))
