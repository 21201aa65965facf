"""Intervals of constants for which a placebo is at least as extreme as the reform.

The permutation test of the effect c subtracts c from the treated units' cells and asks how many
placebos are then at least as extreme as the reform. The reform's estimate becomes est_0 - c. Where
the weights do not depend on those cells, placebo a's becomes est_a + k_a c: k_a is the weight of
the reform's treated units among the placebo's donors, less their weight among its treated. Solving
|est_a + k_a c| >= |est_0 - c| once per placebo replaces a search over c (DESIGN rule 3).
"""

from __future__ import annotations

import numpy as np

from reformeval.design import Bools, Floats

_UNIT = 1e-12  # slopes this close to 1 or -1 are that: sums of weights are rounded
_TIE = 1e-10  # estimates that differ by less, relative to their size, are the same


def linear(estimate: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Solve for the interval in closed form.

    |e + k c| >= |e0 - c| is ((1 + k) c - (e0 - e)) ((e0 + e) - (1 - k) c) >= 0. With |k| < 1 the
    solution lies between the two roots, around e0; with |k| = 1 one factor is constant and the
    solution is a half-line, or everything where that constant is zero. With |k| > 1, which takes
    a negative weight elsewhere, it is two half-lines: their hull is everything, which can only
    widen the confidence interval.

    Parameters
    ----------
    estimate
        (series, assignments, estimands); assignment 0 is the reform.
    slope
        k_a, broadcastable to ``estimate``.

    Returns
    -------
    low, high
        Ends of the closed interval, ±inf where unbounded; NaN for assignment 0.
    """
    own = estimate[:, :1, :]
    k = np.broadcast_to(slope, estimate.shape)
    up, down = 1 + k, 1 - k
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (own - estimate) / up, (own + estimate) / down
    low, high = np.fmin(first, second), np.fmax(first, second)
    size = np.abs(own) + np.abs(estimate)
    _half_line(low, high, np.abs(down) < _UNIT, first, own + estimate, size)
    _half_line(low, high, np.abs(up) < _UNIT, second, own - estimate, size)
    steep = np.abs(k) > 1 + _UNIT
    low[steep], high[steep] = -np.inf, np.inf
    missing = np.isnan(estimate + own + k)
    missing[:, 0] = True
    low[missing], high[missing] = np.nan, np.nan
    return low, high


def _half_line(
    low: Floats, high: Floats, where: Bools, root: Floats, direction: Floats, size: Floats
) -> None:
    """Set the half-line from ``root`` upwards where ``direction`` is positive, in place."""
    tie = np.abs(direction) <= _TIE * size
    low[where] = np.where(tie | (direction < 0), -np.inf, root)[where]
    high[where] = np.where(tie | (direction > 0), np.inf, root)[where]
