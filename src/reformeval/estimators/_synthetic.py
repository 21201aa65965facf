"""What the synthetic control methods share: they differ in how donors are weighted.

A method weighs the donors of every assignment on a window of pre-periods; the counterfactual is
their weighted sum, shifted by a constant where the method fits one. The effect is the mean over
the post-periods of the treated average less that.

Statistics: ``pre_rmspe``, ``post_rmspe``, ``rmspe_ratio`` = post / pre, and
``rmspe_ratio_heldout``, the same ratio with weights fitted without the last pre-periods and the
denominator computed on those. A ratio over a perfect fit is infinite; 0 / 0 is NaN. Methods with a
penalty add it as ``penalty``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _acceptance, _blocks
from reformeval.fit import Fit

_PERFECT = 1e-9  # a root mean squared error below this share of the data's size is rounding


@dataclass(frozen=True, eq=False)
class Mix:
    """How donors make up the counterfactual of every assignment.

    Attributes
    ----------
    weights
        (series, assignments, units), summing to one over units.
    level
        (series, assignments) constant added to the weighted sum.
    chosen
        What the method chose for each assignment, by name: further statistics of the fit.
    """

    weights: Floats
    level: Floats | float = 0.0
    chosen: Mapping[str, Floats] = field(default_factory=dict)


# (block, members (assignments, units), treated averages (series, assignments, periods), window)
Weigh = Callable[[Design, Bools, Floats, Bools], Mix]


def check_holdout(options: Mapping[str, Any]) -> list[str]:
    """Problems with the option ``holdout``, the pre-periods held out for a ratio."""
    holdout = options.get("holdout")
    if holdout is not None and (type(holdout) is not int or holdout < 1):
        return ["holdout must be a whole number of pre-periods, at least 1"]
    return []


def estimate(
    design: Design, assignments: Ints, method: str, weigh: Weigh, options: Mapping[str, Any]
) -> Fit:
    """Estimate the average effect and each step's with one way of weighing donors.

    Raises
    ------
    UnsupportedError
        If units are weighted, or ``holdout`` leaves no pre-period to fit.
    """
    _blocks.equal_weights_only(design, method)
    fit = partial(_fit, weigh=weigh, holdout=options.get("holdout"))
    return _blocks.by_block(design, assignments, _blocks.att_and_steps(design), fit)


def level_gap(block: Design, treated: Floats, weights: Floats, window: Bools) -> Floats:
    """(series, assignments) mean over a window of the treated average less the weighted sum."""
    return np.asarray((treated - _weighted(block, weights))[:, :, window].mean(axis=2))


def _fit(block: Design, members: Bools, weigh: Weigh, holdout: int | None) -> Fit:
    treated = _blocks.averages(block, members)
    mix = weigh(block, members, treated, block.in_pre)
    synthetic = _counterfactual(block, mix)
    estimate = _blocks.mean_over(treated - synthetic, _blocks.windows(block))
    slopes = (mix.weights - _blocks.unit_shares(block, members))[:, :, block.treated].sum(axis=2)
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
        unit_weights=mix.weights,
        statistics=_statistics(block, members, treated, synthetic, weigh, holdout)
        | dict(mix.chosen),
    )


def _weighted(block: Design, weights: Floats) -> Floats:
    """(series, assignments, periods) weighted sum of the donors; NaN where excluded."""
    retained = np.where(block.excluded, 0.0, block.y)
    return np.where(block.excluded, np.nan, weights @ retained)


def _counterfactual(block: Design, mix: Mix) -> Floats:
    return np.asarray(_weighted(block, mix.weights) + np.asarray(mix.level)[..., None])


def _statistics(
    block: Design,
    members: Bools,
    treated: Floats,
    synthetic: Floats,
    weigh: Weigh,
    holdout: int | None,
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
    gap = treated - _counterfactual(block, weigh(block, members, treated, fitted))
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
