"""Difference in differences: two-way fixed effects with one adoption date.

With Ȳ the weighted mean over units and retained periods, the effect of assignment a is

    (Ȳ[treated, post] − Ȳ[treated, pre]) − (Ȳ[donors, post] − Ȳ[donors, pre])

which on a balanced panel with weights fixed per unit equals the coefficient of treated × post in
a weighted regression with unit and period effects (Arkhangelsky et al. 2021, eq. 2).
Anticipation periods are in neither mean. A step is its own regression: its periods against the
pre-periods, the other post-periods left out.

With ``trends: unit`` every unit has a linear trend besides. With g the path of the treated average
less the donors', d the indicator of the post-periods and d~ its residual on a constant and time
over the retained periods, the coefficient is then g'd~ / d~'d~ (Frisch, Waugh & Lovell).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import _acceptance, _blocks, _options, _regression
from reformeval.fit import Fit


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``trends`` is ``unit``."""
    problems = _options.unknown(options, ("trends",))
    if options.get("trends", "unit") != "unit":
        problems.append("trends must be unit, or be left out")
    return problems


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``trends: unit`` adds linear trends of units: a sensitivity, for a trend takes up part of an
        effect that grows (Wolfers 2006).

    Returns
    -------
    Fit
        Estimands: att, then one per step. The covariance of row 0 is pyfixest's CRV1 by unit,
        from one regression per estimand: entries off the diagonal are NaN.
    """
    _options.refuse(check_options(options))
    fit = partial(_fit, trends="trends" in options)
    return _blocks.by_block(design, assignments, _blocks.att_and_steps(design), fit)


def _fit(block: Design, members: Bools, trends: bool) -> Fit:
    windows = _blocks.windows(block)
    treated = _blocks.averages(block, members)
    donors = _blocks.averages(block, ~members)
    gap = treated - donors
    if trends:
        estimate, before = _around_trends(gap, block.in_pre, windows)
    else:
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
        covariance=_covariance(block, windows, estimate[:, 0], trends),
    )


def _around_trends(gap: Floats, in_pre: Bools, windows: Bools) -> tuple[Floats, Floats]:
    """Fit a line to the gap and a step to each window.

    Returns
    -------
    estimate, line
        (series, assignments, windows) the steps, and (series, assignments, periods) the line that
        goes with the first of them.
    """
    time = np.arange(gap.shape[2], dtype=np.float64)
    out, line = np.full((*gap.shape[:2], len(windows)), np.nan), np.full(gap.shape, np.nan)
    for e, window in enumerate(windows):
        kept = in_pre | window
        if not window.any():
            continue
        x = np.column_stack([window, np.ones(len(time)), time - time[kept].mean()])
        solved = gap[:, :, kept] @ np.linalg.pinv(x[kept]).T
        out[:, :, e] = solved[:, :, 0]
        if e == 0:
            line = np.asarray(solved[:, :, 1:] @ x[:, 1:].T)
    return out, line


def _covariance(block: Design, windows: Bools, expected: Floats, trends: bool) -> Floats:
    """Cluster variances of the reform's estimates; each must agree with pyfixest's estimate."""
    count = len(windows)
    out = np.full((len(block.series), count, count), np.nan)
    for e, window in enumerate(windows):
        if window.any():
            regressor = np.outer(block.treated, window).astype(np.float64)
            kept = block.in_pre | window
            variance = _regression.own_row(
                block, regressor[None], kept, expected[:, e, None], trends
            )
            out[:, e, e] = variance[:, 0, 0]
    return out
