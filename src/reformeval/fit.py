"""Fit: what an estimator returns for the reform and all its placebos at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints

EstimandKind = Literal["att", "step", "event", "cohort", "catt"]


@dataclass(frozen=True)
class Estimand:
    """What is estimated.

    ``att`` is the average over the post-periods, ``step`` over a step, ``event`` over units at one
    event time, ``cohort`` over the post-periods of the units that adopt together, ``catt`` over
    one such cohort at one event time.
    """

    kind: EstimandKind
    step: str | None = None
    event_time: int | None = None
    cohort: date | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """Point estimates of one estimator; NaN where a series or an assignment has none.

    Attributes
    ----------
    estimands
        Labels of the last axis of ``estimate``.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    estimate
        (series, assignments, estimands), in units of the outcome.
    accept_low, accept_high
        Same shape. For assignment a > 0 the interval of constants c for which the placebo is at
        least as extreme as the reform once c is subtracted from the treated units' cells under
        the estimand: all that an inversion of the permutation test needs. NaN for row 0 and for
        estimands that are not inverted.
    observed, counterfactual
        (series, assignments, periods): mean outcome of the assignment's treated units, and what
        the estimator says it would have been.
    in_fit
        (series, periods) periods the estimator was fitted on.
    unit_weights, period_weights
        (series, assignments, units) and (series, assignments, periods), or None.
    statistics
        Further statistics by name, each (series, assignments), e.g. ``rmspe_ratio``.
    covariance
        (series, estimands, estimands) cluster covariance of row 0, or None.
    placebo_covariance
        Same shape: covariance of estimates of placebos among donors alone, or None.
    """

    estimands: tuple[Estimand, ...]
    assignments: Ints
    estimate: Floats
    accept_low: Floats
    accept_high: Floats
    observed: Floats
    counterfactual: Floats
    in_fit: Bools
    unit_weights: Floats | None = None
    period_weights: Floats | None = None
    statistics: Mapping[str, Floats] = field(default_factory=dict)
    covariance: Floats | None = None
    placebo_covariance: Floats | None = None


def gather(design: Design, assignments: Ints, parts: Iterable[tuple[Ints, Ints, Ints, Fit]]) -> Fit:
    """Put the fits of a design's blocks together into one.

    Parameters
    ----------
    parts
        Per block the indices of its series, of its units and of its assignments, and its fit.

    Raises
    ------
    ValueError
        If there are no blocks, or blocks with different estimands.
    """
    blocks = list(parts)
    if not blocks:
        raise ValueError("no series can be estimated")
    first = blocks[0][3]
    S, U, T = design.y.shape
    A, E = len(assignments), len(first.estimands)
    if any(fit.estimands != first.estimands for *_, fit in blocks):
        raise ValueError("blocks with different estimands")

    def spread(name: str, shape: tuple[int, ...], axes: str) -> Floats | None:
        if getattr(first, name) is None:
            return None
        return _spread(((b, getattr(b[3], name)) for b in blocks), shape, axes)

    def filled(name: str, shape: tuple[int, ...]) -> Floats:
        return _spread(((b, getattr(b[3], name)) for b in blocks), shape, "sa")

    in_fit = np.zeros((S, T), dtype=bool)
    for series, _, _, fit in blocks:
        in_fit[series] = fit.in_fit
    return Fit(
        estimands=first.estimands,
        assignments=assignments,
        estimate=filled("estimate", (S, A, E)),
        accept_low=filled("accept_low", (S, A, E)),
        accept_high=filled("accept_high", (S, A, E)),
        observed=filled("observed", (S, A, T)),
        counterfactual=filled("counterfactual", (S, A, T)),
        in_fit=in_fit,
        unit_weights=spread("unit_weights", (S, A, U), "sau"),
        period_weights=spread("period_weights", (S, A, T), "sa"),
        statistics={
            key: _spread(((b, b[3].statistics[key]) for b in blocks), (S, A), "sa")
            for key in first.statistics
        },
        covariance=spread("covariance", (S, E, E), "s"),
        placebo_covariance=spread("placebo_covariance", (S, E, E), "s"),
    )


def _spread(
    parts: Iterable[tuple[tuple[Ints, Ints, Ints, Fit], Floats]],
    shape: tuple[int, ...],
    axes: str,
) -> Floats:
    """Place block arrays in a NaN array; ``axes`` says which leading axes are indexed."""
    out = np.full(shape, np.nan)
    for (series, units, rows, _), values in parts:
        index = {"s": series, "a": rows, "u": units}
        out[np.ix_(*(index[axis] for axis in axes))] = values
    return out
