"""Event study: one coefficient per period, against the last period before anticipation.

With Ȳ the weighted mean over units, the coefficient of event time k in assignment a is

    (Ȳ[treated, k] − Ȳ[treated, r]) − (Ȳ[donors, k] − Ȳ[donors, r])

with r the reference. It equals the coefficient of treated × period k in the saturated regression
with unit and period effects (Freyaldenhoven, Hansen, Pérez & Shapiro 2021). Anticipation periods
have coefficients; the att is the mean of the coefficients from adoption on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import _acceptance, _blocks, _options, _regression
from reformeval.fit import Estimand, Fit


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: the method has none."""
    return _options.unknown(options)


def reference(design: Design) -> int:
    """Event time of the reference: the last retained period before anticipation.

    It is -(anticipation + 1) unless that period is dropped from the window.
    """
    before = design.event_times[design.in_pre]
    return int(before[-1]) if before.size else -design.anticipation - 1


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the att and every event time's effect, for the reform and all placebos at once.

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
        Estimands: att, then all event times of the window but the reference; NaN where a period
        is excluded, and for series that lack the reference. The covariance of row 0 is
        pyfixest's CRV1 by unit, joint over event times; that of the att is its linear
        combination. Events have no acceptance intervals.
    """
    _options.refuse(check_options(options))
    base = reference(design)
    times = [int(k) for k in design.event_times if k != base]
    estimands = (Estimand("att"), *(Estimand("event", event_time=k) for k in times))
    return _blocks.by_block(
        design, assignments, estimands, lambda block, members: _fit(block, members, base, estimands)
    )


def _fit(block: Design, members: Bools, base: int, estimands: tuple[Estimand, ...]) -> Fit:
    at_base = block.event_times == base
    treated = _blocks.averages(block, members)
    donors = _blocks.averages(block, ~members)
    before = (treated - donors)[:, :, at_base]
    events = (treated - donors - before)[:, :, ~at_base]
    att = _blocks.mean_over(treated - donors, block.in_post[None]) - before
    estimate = np.concatenate([att, events], axis=2)
    low, high = np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    slopes = _blocks.slopes(block, members)[..., None]
    low[:, :, :1], high[:, :, :1] = _acceptance.linear(att, slopes)
    return Fit(
        estimands=estimands,
        assignments=np.where(members, block.adoption, -1),
        estimate=estimate,
        accept_low=low,
        accept_high=high,
        observed=treated,
        counterfactual=donors + before,
        in_fit=np.tile(~block.excluded, (len(block.series), 1)),
        covariance=_covariance(block, at_base, events[:, 0]),
    )


def _covariance(block: Design, at_base: Bools, expected: Floats) -> Floats:
    """(series, estimands, estimands) joint cluster covariance, the att's first."""
    shown = (~block.excluded)[~at_base]
    count = len(shown) + 1
    out = np.full((len(block.series), count, count), np.nan)
    if block.excluded[at_base].any():
        return out
    columns = np.flatnonzero(~at_base)[shown]
    regressors = np.zeros((len(columns), *block.y.shape[1:]))
    for i, period in enumerate(columns):
        regressors[i, block.treated, period] = 1.0
    covariance = _regression.own_row(block, regressors, ~block.excluded, expected[:, shown])
    post = block.in_post[columns]
    combine = np.vstack([post / post.sum(), np.eye(len(columns))])
    place = np.concatenate([[0], 1 + np.flatnonzero(shown)])
    out[:, place[:, None], place] = combine @ covariance @ combine.T
    return out
