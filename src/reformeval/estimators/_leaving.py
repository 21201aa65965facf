"""Donors that adopt after the reform: donors until then, and none of them from then on.

The periods after adoption are cut where a donor leaves. In each part the estimator is run as if
the window had no other periods after adoption, so that all donors of the part, and no others, are
in its averages or among its weights. An effect over several parts is the mean of theirs, each
weighted by its periods, as the average over all periods is where nobody leaves.

A unit that leaves has no estimate as a placebo over periods in which it has itself adopted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import _acceptance
from reformeval.fit import Estimand, Fit

Estimate = Callable[[Design, Ints, Mapping[str, Any]], Fit]


def estimate(
    method: Estimate,
    design: Design,
    assignments: Ints,
    options: Mapping[str, Any],
    leaves: Sequence[int],
) -> Fit:
    """Estimate with donors that leave.

    Parameters
    ----------
    method
        `estimate` of an estimator of `_discover.LETS_DONORS_LEAVE`: its effect over some periods is
        the mean of those of each, and linear in the outcomes after adoption.
    design
        One adoption date; without values of donors in and after the period in which they leave.
    leaves
        Indices of the periods in which donors leave, all after adoption.

    Returns
    -------
    Fit
        Without covariance, weights and statistics, which every part has its own of. An event time
        has the estimate of its part, one before adoption that of the first.
    """
    if not leaves:
        return method(design, assignments, options)
    parts = _parts(design, leaves)
    runs = [method(part, assignments, options) for part in parts]
    shares = _shares(design, parts, runs[0].estimands)
    found = _mean([run.estimate for run in runs], shares)
    scale = _scale(design)
    moved = replace(design, y=_less(design, scale))
    again = [method(part, assignments, options) for part in _parts(moved, leaves)]
    slope = (_mean([run.estimate for run in again], shares) - found) / scale[:, None, None]
    low, high = _acceptance.linear(found, slope)
    events = np.array([e.kind == "event" for e in runs[0].estimands])
    low[:, :, events], high[:, :, events] = np.nan, np.nan
    return replace(
        runs[0],
        estimate=found,
        accept_low=low,
        accept_high=high,
        observed=_joined(parts, [run.observed for run in runs]),
        counterfactual=_joined(parts, [run.counterfactual for run in runs]),
        in_fit=np.any([run.in_fit for run in runs], axis=0),
        unit_weights=None,
        statistics={},
        covariance=None,
    )


def _parts(design: Design, leaves: Sequence[int]) -> list[Design]:
    """Designs with the periods after adoption of one part each."""
    index = np.arange(len(design.periods))
    bounds = [design.adoption, *sorted(set(leaves)), len(index)]
    inside = [(index >= a) & (index < b) for a, b in pairwise(bounds)]
    after = index >= design.adoption
    return [
        replace(design, excluded=design.excluded | (after & ~own))
        for own in inside
        if (own & ~design.excluded).any()
    ]


def _shares(design: Design, parts: Sequence[Design], estimands: Sequence[Estimand]) -> Floats:
    """(parts, series, estimands) share of each part in an estimand, by periods with data."""
    counts = np.zeros((len(parts), len(design.series), len(estimands)))
    for p, part in enumerate(parts):
        for s in range(len(design.series)):
            kept = part.usable(s)[1]
            for e, estimand in enumerate(estimands):
                counts[p, s, e] = (kept & _periods(part, estimand)).sum()
    before = [e.event_time is not None and e.event_time < 0 for e in estimands]
    counts[1:, :, before] = 0
    total = counts.sum(axis=0)
    return np.asarray(counts / np.where(total == 0, np.nan, total))


def _periods(part: Design, estimand: Estimand) -> Bools:
    if estimand.event_time is not None:
        at: Bools = part.event_times == estimand.event_time
        return at
    if estimand.step is not None:
        return part.step_windows[estimand.step]
    return part.in_post


def _mean(estimates: Sequence[Floats], shares: Floats) -> Floats:
    """Weighted mean over parts: a part without a share may lack an estimate."""
    weight = shares[:, :, None, :]
    used = np.where(weight == 0, 0.0, np.array(estimates))
    return np.asarray((used * weight).sum(axis=0))


def _scale(design: Design) -> Floats:
    """(series,) size of the outcome's movements, 1 where it does not move."""
    known = np.isfinite(design.y)
    count = np.maximum(known.sum(axis=(1, 2)), 1)
    mean = np.where(known, design.y, 0.0).sum(axis=(1, 2)) / count
    squares = np.where(known, design.y - mean[:, None, None], 0.0) ** 2
    size = np.sqrt(squares.sum(axis=(1, 2)) / count)
    return np.where(size > 0, size, 1.0)


def _less(design: Design, amount: Floats) -> Floats:
    """Outcomes with an amount per series taken off the treated units from adoption on."""
    after = np.arange(len(design.periods)) >= design.adoption
    cells = design.treated[:, None] & after
    return np.where(cells, design.y - amount[:, None, None], design.y)


def _joined(parts: Sequence[Design], paths: Sequence[Floats]) -> Floats:
    """Paths of every part's own periods; those before adoption from the first."""
    out = paths[0].copy()
    for part, path in zip(parts[1:], paths[1:], strict=True):
        out[:, :, part.in_post] = path[:, :, part.in_post]
    return out
