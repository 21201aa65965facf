"""One-sided permutation tests, and the bounds they give.

    p(greater) = #{a >= 0 : tau_a >= tau_0} / A,     p(less) = #{a >= 0 : tau_a <= tau_0} / A

A constant c is taken off the treated units as in the two-sided test. tau_a(c) >= tau_0 - c from one
end on of the interval on which placebo a is as extreme as the reform on either side (the other end
is where it is so with the other sign), so that one number per placebo gives the bound.
"""

from __future__ import annotations

import numpy as np

from reformeval.design import Floats, Ints
from reformeval.fit import Fit


def crossings(fit: Fit) -> Floats:
    """(series, placebos, estimands) c from which on tau_a(c) >= tau_0 - c; NaN where not known.

    With tau_a(c) = tau_a + k c and f = tau_a + k tau_0, this is tau_0 - f/(1 + k) and the other end
    tau_0 + f/(1 - k). The stored ends give k and |f| up to the sign of f; it is the one that
    reproduces tau_a. Where one end is infinite (|k| = 1) the crossing is the other.
    """
    own, placebo = fit.estimate[:, :1], fit.estimate[:, 1:]
    low, high = fit.accept_low[:, 1:], fit.accept_high[:, 1:]
    below, above = own - low, high - own
    with np.errstate(invalid="ignore", divide="ignore"):
        k = (above - below) / (above + below)
        f = 2 * above * below / (above + below)
        as_positive = np.abs(placebo + k * own - f)
        as_negative = np.abs(placebo - k * own + f)
    degenerate = (above + below) == 0
    first = np.where(np.isfinite(k), as_positive <= as_negative, np.isfinite(low)) | degenerate
    return np.where(first, low, high)


def p_values(fit: Fit, greater: bool, slack: Floats) -> Floats:
    """(series, estimands) share of assignments at least as far on one side as the reform."""
    sign = 1.0 if greater else -1.0
    values = sign * fit.estimate
    known = np.isfinite(values)
    own = values[:, :1]
    further = known & (values >= own - slack[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        p: Floats = further.sum(axis=1) / known.sum(axis=1)
    return np.where(known[:, 0], p, np.nan)


def bounds(fit: Fit, greater: bool, rank: Ints) -> tuple[Floats, Floats]:
    """Find the ends of the one-sided intervals, (series, estimands): one of them is infinite.

    ``greater`` has a lower bound, the rank-th smallest crossing: below it fewer than rank placebos
    are as far as the reform. ``less`` has an upper bound, likewise. A bound is never beyond the
    estimate: where no placebo is on the other side of it the interval is widened to it.
    """
    sign = 1.0 if greater else -1.0
    own, found = fit.estimate[:, 0], np.sort(sign * crossings(fit), axis=1)
    if found.shape[1] == 0:
        return np.full(own.shape, np.nan), np.full(own.shape, np.nan)
    at = np.minimum(rank, found.shape[1])[:, None] - 1
    bound = sign * np.fmin(np.take_along_axis(found, at, axis=1)[:, 0], sign * own)
    bound = np.where(np.isfinite(found).any(axis=1), bound, -sign * np.inf)
    far = np.full(own.shape, sign * np.inf)
    return (bound, far) if greater else (far, bound)
