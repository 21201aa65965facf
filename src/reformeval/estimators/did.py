"""Difference in differences: two-way fixed effects with one adoption date.

With Ȳ the weighted mean over units and retained periods, the effect of assignment a is

    (Ȳ[treated, post] − Ȳ[treated, pre]) − (Ȳ[donors, post] − Ȳ[donors, pre])

which on a balanced panel with weights fixed per unit equals the coefficient of treated × post in
a weighted regression with unit and period effects (Arkhangelsky et al. 2021, eq. 2).
Anticipation periods are in neither mean. A step is its own regression: its periods against the
pre-periods, the other post-periods left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import _acceptance, _blocks, _options, _regression
from reformeval.fit import Fit


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: the method has none."""
    return _options.unknown(options)


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        None are known.

    Returns
    -------
    Fit
        Estimands: att, then one per step. The covariance of row 0 is pyfixest's CRV1 by unit,
        from one regression per estimand: entries off the diagonal are NaN.
    """
    _options.refuse(check_options(options))
    return _blocks.by_block(design, assignments, _blocks.att_and_steps(design), _fit)


def _fit(block: Design, members: Bools) -> Fit:
    windows = _blocks.windows(block)
    treated = _blocks.averages(block, members)
    donors = _blocks.averages(block, ~members)
    gap = treated - donors
    before = _blocks.mean_over(gap, block.in_pre[None])
    estimate = _blocks.mean_over(gap, windows) - before
    low, high = _acceptance.linear(estimate, _blocks.slopes(block, members)[..., None])
    return Fit(
        estimands=_blocks.att_and_steps(block),
        assignments=np.where(members, block.adoption, -1),
        estimate=estimate,
        accept_low=low,
        accept_high=high,
        observed=treated,
        counterfactual=donors + before,
        in_fit=np.tile(block.in_pre | block.in_post, (len(block.series), 1)),
        covariance=_covariance(block, windows, estimate[:, 0]),
    )


def _covariance(block: Design, windows: Bools, expected: Floats) -> Floats:
    """Cluster variances of the reform's estimates; each must agree with pyfixest's estimate."""
    count = len(windows)
    out = np.full((len(block.series), count, count), np.nan)
    for e, window in enumerate(windows):
        if window.any():
            regressor = np.outer(block.treated, window).astype(np.float64)
            kept = block.in_pre | window
            variance = _regression.own_row(block, regressor[None], kept, expected[:, e, None])
            out[:, e, e] = variance[:, 0, 0]
    return out
