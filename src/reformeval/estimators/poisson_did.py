"""Difference in differences of counts: Poisson regression with unit and period effects.

E[y_it] = exp(a_i + b_t + δ treated_i post_t), by Poisson maximum likelihood, which asks only that
this mean is right (Wooldridge 2023, section 3; Santos Silva & Tenreyro 2006). On a balanced panel
with one adoption date its first-order conditions fit the four totals of treated and donors before
and after, so that the estimate has a closed form. With N the sum over units and retained periods:

    δ = log N[treated, post] − log N[treated, pre] − log N[donors, post] + log N[donors, pre]

Effects are in log points, 100 δ: the same whatever the size of a unit, and with the sign turned
for the inverse change, which ranks of placebos need. In per cent an effect is 100 (exp(δ) − 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UserError
from reformeval.estimators import _blocks, _options, _regression
from reformeval.fit import Fit

PER = 100.0
_REACH = 50.0  # log units; an effect of exp(50) is no bound any more
_HALVINGS = 64


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: the method has none."""
    return _options.unknown(options)


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units, outcomes that are not negative.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        None are known.

    Returns
    -------
    Fit
        Estimands: att, then one per step, in log points; NaN where one of the four totals is
        zero. ``observed`` and ``counterfactual`` are mean counts. The covariance of row 0 is
        pyfixest's CRV1 by unit, off the diagonal NaN.

    Raises
    ------
    UserError
        If an outcome has negative values.
    UnsupportedError
        If units are weighted.
    """
    _options.refuse(check_options(options))
    _blocks.equal_weights_only(design, "poisson_did")
    negative = (np.nan_to_num(design.y) < 0).any(axis=(1, 2))
    if negative.any():
        names = dict.fromkeys(design.series[s].outcome for s in np.flatnonzero(negative))
        raise UserError([f"poisson_did needs values of at least 0: see {', '.join(names)}"])
    return _blocks.by_block(design, assignments, _blocks.att_and_steps(design), _fit)


def _fit(block: Design, members: Bools) -> Fit:
    windows = _blocks.windows(block)
    retained = np.where(block.excluded, 0.0, block.y)
    treated, everybody = members @ retained, retained.sum(axis=1, keepdims=True)
    donors = everybody - treated
    pre = block.in_pre.astype(np.float64)
    before = treated @ pre, donors @ pre
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(before[1] / before[0])[..., None]
        delta = np.log((treated @ windows.T) / (donors @ windows.T)) + ratio
    delta = np.where(np.isfinite(delta), delta, np.nan)
    low, high = _acceptance(block, members, windows, delta)
    size = members.sum(axis=1)[:, None]
    return Fit(
        estimands=_blocks.att_and_steps(block),
        assignments=np.where(members, block.adoption, -1),
        estimate=PER * delta,
        accept_low=PER * low,
        accept_high=PER * high,
        observed=np.where(block.excluded, np.nan, treated / size),
        counterfactual=_without(block, everybody, before, delta[..., :1]) / size,
        in_fit=np.tile(block.in_pre | block.in_post, (len(block.series), 1)),
        covariance=_covariance(block, windows, delta[:, 0]),
    )


def _without(
    block: Design, everybody: Floats, before: tuple[Floats, Floats], delta: Floats
) -> Floats:
    """(series, assignments, periods) total that the treated would have had: their share of all."""
    treated, donors = before[0][..., None], before[1][..., None]
    grown = np.where(block.in_post, treated * np.exp(delta), treated)
    return np.where(block.in_pre | block.in_post, treated * everybody / (grown + donors), np.nan)


def _acceptance(
    block: Design, members: Bools, windows: Bools, delta: Floats
) -> tuple[Floats, Floats]:
    """For which c a placebo is at least as extreme as the reform, its counts divided by exp(c).

    The reform's estimate becomes δ_0 − c. A placebo whose totals after adoption hold the shares u
    (of its treated) and v (of its donors) of the reform's treated units becomes

        δ(c) = δ + log(1 + u (exp(−c) − 1)) − log(1 + v (exp(−c) − 1)),

    with a slope between −1 and 1. So δ(c) − (δ_0 − c) rises and δ(c) + (δ_0 − c) falls, and
    |δ(c)| ≥ |δ_0 − c| between their roots, which are found by bisection.
    """
    retained = np.where(block.excluded, 0.0, block.y)
    totals = retained @ windows.T  # (series, units, estimands)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = (((arm & block.treated) @ totals) / (arm @ totals) for arm in (members, ~members))
    own = delta[:, :1]

    def root(sign: float) -> Floats:
        """Where δ(c) − sign (δ_0 − c) is zero; ±inf where that is out of reach."""
        low, high = np.full(delta.shape, -_REACH), np.full(delta.shape, _REACH)

        def above(c: Floats) -> Bools:
            less = np.expm1(-c)
            moved = delta + np.log1p(u * less) - np.log1p(v * less)
            return np.asarray(sign * moved - (own - c) > 0)

        with np.errstate(invalid="ignore", divide="ignore"):
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                up = above(middle)
                low, high = np.where(up, low, middle), np.where(up, middle, high)
        middle = (low + high) / 2
        far = np.abs(middle) > _REACH - 1
        return np.asarray(np.where(far, np.sign(middle) * np.inf, middle))

    first, second = root(1.0), root(-1.0)
    low, high = np.minimum(first, second), np.maximum(first, second)
    missing = np.isnan(delta + own + u + v)
    missing[:, 0] = True
    low[missing], high[missing] = np.nan, np.nan
    return low, high


def _covariance(block: Design, windows: Bools, expected: Floats) -> Floats:
    """Cluster variances of the reform's estimates; each must agree with pyfixest's estimate."""
    count = len(windows)
    out = np.full((len(block.series), count, count), np.nan)
    for e, window in enumerate(windows):
        kept = block.in_pre | window
        regressor = np.outer(block.treated, window).astype(np.float64)
        for s in np.flatnonzero(np.isfinite(expected[:, e])):
            variance = _regression.own_row_poisson(block, int(s), regressor, kept, expected[s, e])
            out[s, e, e] = variance * PER**2
    return out
