"""Synthetic control: a weighted average of donors that follows the treated unit before the reform.

For assignment a with treated average Y1 and donors Y0 the weights are

    w = argmin Σ_{t pre} (Y1_t − Σ_j w_j Y0_jt)²,   w ≥ 0,  Σ_j w_j = 1

and the effect is the mean over the post-periods of Y1_t − Σ_j w_j Y0_jt (Abadie, Diamond &
Hainmueller 2010, eq. 2 and section 2.3, with every pre-period outcome as predictor, equally
weighted, no intercept, no covariates). Several treated units are averaged first. In a placebo the
treated unit is a donor like any other, so that all assignments are treated alike.

Statistics: ``pre_rmspe``, ``post_rmspe``, ``rmspe_ratio`` = post / pre, and
``rmspe_ratio_heldout``, the same ratio with weights fitted without the last pre-periods and the
denominator computed on those. A ratio over a perfect fit is infinite; 0 / 0 is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _acceptance, _blocks, _options, _simplex
from reformeval.fit import Fit

_PERFECT = 1e-9  # a root mean squared error below this share of the data's size is rounding


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``holdout`` is a positive number of pre-periods."""
    problems = _options.unknown(options, ("holdout",))
    holdout = options.get("holdout")
    if holdout is not None and (type(holdout) is not int or holdout < 1):
        problems.append("holdout must be a whole number of pre-periods, at least 1")
    return problems


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``holdout``: pre-periods held out for ``rmspe_ratio_heldout``; a quarter of them, at
        least one, by default.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights and the statistics above.

    Raises
    ------
    UnsupportedError
        If units are weighted, or ``holdout`` leaves no pre-period to fit.
    """
    _options.refuse(check_options(options))
    _blocks.equal_weights_only(design, "synthetic_control")
    fit = partial(_fit, holdout=options.get("holdout"))
    return _blocks.by_block(design, assignments, _blocks.att_and_steps(design), fit)


def _fit(block: Design, members: Bools, holdout: int | None) -> Fit:
    treated = _blocks.averages(block, members)
    weights = donor_weights(block, members, treated, block.in_pre)
    synthetic = _synthetic(block, weights)
    estimate = _blocks.mean_over(treated - synthetic, _blocks.windows(block))
    slopes = (weights - _blocks.unit_shares(block, members))[:, :, block.treated].sum(axis=2)
    low, high = _acceptance.linear(estimate, slopes[..., None])
    return Fit(
        estimands=_blocks.att_and_steps(block),
        assignments=np.where(members, block.adoption, -1),
        estimate=estimate,
        accept_low=low,
        accept_high=high,
        observed=treated,
        counterfactual=synthetic,
        in_fit=np.tile(block.in_pre, (len(block.series), 1)),
        unit_weights=weights,
        statistics=_statistics(block, members, treated, synthetic, holdout),
    )


def donor_weights(block: Design, members: Bools, treated: Floats, window: Bools) -> Floats:
    """(series, assignments, units) weights that fit the treated average over a window."""
    solved = (
        _simplex.solve_all(y[:, window], treated[s][:, window], ~members)
        for s, y in enumerate(block.y)
    )
    return np.array(list(solved))


def _synthetic(block: Design, weights: Floats) -> Floats:
    """(series, assignments, periods) weighted average of the donors; NaN where excluded."""
    retained = np.where(block.excluded, 0.0, block.y)
    return np.where(block.excluded, np.nan, weights @ retained)


def _statistics(
    block: Design, members: Bools, treated: Floats, synthetic: Floats, holdout: int | None
) -> dict[str, Floats]:
    size = np.abs(np.where(block.excluded, 0.0, block.y)).max(axis=(1, 2))[:, None]
    pre = _rmspe(treated - synthetic, block.in_pre, size)
    post = _rmspe(treated - synthetic, block.in_post, size)

    before = np.flatnonzero(block.in_pre)
    held = max(1, len(before) // 4) if holdout is None else holdout
    if held >= len(before):
        raise UnsupportedError(
            f"holdout: {held} leaves none of the {len(before)} pre-periods to fit the weights on"
        )
    fitted, tested = np.zeros_like(block.in_pre), np.zeros_like(block.in_pre)
    fitted[before[:-held]], tested[before[-held:]] = True, True
    gap = treated - _synthetic(block, donor_weights(block, members, treated, fitted))
    return {
        "pre_rmspe": pre,
        "post_rmspe": post,
        "rmspe_ratio": _ratio(post, pre),
        "rmspe_ratio_heldout": _ratio(_rmspe(gap, block.in_post, size), _rmspe(gap, tested, size)),
    }


def _rmspe(gap: Floats, window: Bools, size: Floats) -> Floats:
    """(series, assignments) root mean squared gap over a window, rounding set to zero."""
    root = np.sqrt((gap[:, :, window] ** 2).mean(axis=2))
    return np.where(root <= _PERFECT * size, 0.0, root)


def _ratio(post: Floats, pre: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(post / pre)
