"""Dose: difference-in-differences in how much of a reform a unit had.

With D_it the dose of unit i in period t and D~ its residual on unit and period effects,

    β = Σ D~_it y_it / Σ D~_it²

is the coefficient of D in a regression with unit and period effects: the effect of one unit of
dose, if effects are linear in it and the same everywhere (Callaway, Goodman-Bacon & Sant'Anna 2024
say what it weighs together otherwise). The dose may rise in steps, fall again, and differ between
groups and between donors. Anticipation and excluded periods are left out.

In a placebo another unit has the reform's path of doses and the treated unit has that one's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UserError
from reformeval.estimators import _acceptance, _blocks, _options, _regression
from reformeval.fit import Estimand, Fit

_FLAT = 1e-12  # of the dose's own sum of squares: below it units and periods explain the dose


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: the method has none."""
    return _options.unknown(options)


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the effect of one unit of dose, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units, with `Design.dose`.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        None are known.

    Returns
    -------
    Fit
        Estimand: att, per unit of dose; NaN for series without a dose, or whose dose only differs
        between units and between periods. ``counterfactual`` is what would have been had the dose
        stayed at its mean before. The covariance of row 0 is pyfixest's CRV1 by unit.

    Raises
    ------
    UserError
        If the design has no dose.
    UnsupportedError
        If units are weighted.
    """
    _options.refuse(check_options(options))
    if design.dose is None:
        raise UserError(["dose needs doses: name their file under treatment.dose"])
    _blocks.equal_weights_only(design, "dose")
    return _blocks.by_block(design, assignments, (Estimand("att"),), _fit)


def _fit(block: Design, members: Bools) -> Fit:
    assert block.dose is not None
    kept = block.in_pre | block.in_post
    y, dose = block.y[:, :, kept], block.dose[:, :, kept]
    residual = dose - dose.mean(axis=2, keepdims=True)
    residual -= residual.mean(axis=1, keepdims=True)
    squares = (residual**2).sum(axis=(1, 2))
    flat = ~(squares > _FLAT * (dose**2).sum(axis=(1, 2)))
    squares = np.where(flat, np.nan, squares)[:, None]
    takes = _paths_taken(block.treated, members, block.by_name)
    place = np.arange(len(block.units))
    estimate, shift = (
        (residual @ np.swapaxes(of, 1, 2))[:, takes, place].sum(axis=2) / squares
        for of in (y, dose)
    )
    low, high = _acceptance.linear(estimate[..., None], -shift[..., None])
    observed = _blocks.averages(block, members)
    return Fit(
        estimands=(Estimand("att"),),
        assignments=np.where(members, block.adoption, -1),
        estimate=estimate[..., None],
        accept_low=low,
        accept_high=high,
        observed=observed,
        counterfactual=observed - estimate[..., None] * _above_before(block, members, takes),
        in_fit=np.tile(kept, (len(block.series), 1)),
        covariance=_covariance(block, kept, estimate[:, 0]),
    )


def _paths_taken(treated: Bools, members: Bools, order: Ints) -> Ints:
    """Say whose path of doses each unit has: (assignments, units).

    Members that are not treated change places with treated units that are not members, one by one
    in the order of names.
    """
    takes = np.tile(np.arange(len(treated)), (len(members), 1))
    for row, own in zip(takes, members, strict=True):
        given, taken = (order[some[order]] for some in (treated & ~own, own & ~treated))
        row[taken], row[given] = given, taken
    return takes


def _above_before(block: Design, members: Bools, takes: Ints) -> Floats:
    """(series, assignments, periods) the members' mean dose, less its mean before the reform."""
    assert block.dose is not None
    shares = _blocks.unit_shares(block, members)
    out = np.empty((*shares.shape[:2], len(block.periods)))
    for a, row in enumerate(takes):
        out[:, a] = (shares[:, a, None, :] @ block.dose[:, row])[:, 0]
    return np.asarray(out - out[:, :, block.in_pre].mean(axis=2, keepdims=True))


def _covariance(block: Design, kept: Bools, expected: Floats) -> Floats:
    """Cluster variance of the reform's estimate, which must agree with pyfixest's."""
    assert block.dose is not None
    out = np.full((len(block.series), 1, 1), np.nan)
    everybody = np.arange(len(block.units))
    for s in np.flatnonzero(np.isfinite(expected)):
        one = block.select(np.array([s]), everybody)
        out[s] = _regression.own_row(one, block.dose[s][None], kept, expected[s, None, None])[0]
    return out
