"""Inverting tests of t ratios: where |t_b(c)| >= |t_0(c)| for draws b of a statistic.

Take c off the treated units' changes, and write x = c - tau. The estimate becomes -x, with a
variance V_0 that does not depend on x; a draw's becomes f + k x, with a variance that is quadratic
in x. So a draw is at least as extreme as the estimate where

    (f + k x)^2 V_0 >= x^2 (q_0 + q_1 x + q_2 x^2),

a polynomial of degree four whose real roots are the ends of the set: no search over c.
"""

from __future__ import annotations

import numpy as np

from reformeval.design import Floats

_REAL = 1e-7  # imaginary parts below this share of a root's size are rounding


def accepted(f: Floats, k: Floats, own: float, quadratic: Floats) -> tuple[Floats, Floats]:
    """Intervals of x in which draws are at least as extreme as the estimate.

    Parameters
    ----------
    f, k
        (draws,) the draw's value at x = 0 and its slope.
    own
        V_0, positive.
    quadratic
        (draws, 3) q_0, q_1 and q_2 of the draw's variance.

    Returns
    -------
    low, high
        Ends of closed intervals of all draws together: a draw may have two, apart from each other.
    """
    scale = float(np.sqrt(own))
    f, q = f / scale, quadratic * scale ** np.arange(3) / own  # x in standard errors
    terms = np.stack([f**2, 2 * f * k, k**2 - q[:, 0], -q[:, 1], -q[:, 2]], axis=1)
    roots = _real_roots(terms)
    outside = np.full((len(roots), 1), np.inf)
    low, high = np.hstack([-outside, roots]), np.hstack([roots, outside])
    inside = _value(terms, _between(low, high)) >= 0
    for i in range(1, inside.shape[1]):  # a segment without length goes with the one before
        inside[:, i] = np.where(low[:, i] < high[:, i], inside[:, i], inside[:, i - 1])
    edge = np.zeros((len(roots), 1), dtype=bool)
    starts = inside & ~np.hstack([edge, inside[:, :-1]])
    ends = inside & ~np.hstack([inside[:, 1:], edge])
    return low[starts] * scale, high[ends] * scale


def _real_roots(terms: Floats) -> Floats:
    """(draws, 4) real roots in order, padded with infinity; lowest power first in ``terms``."""
    size = np.abs(terms).max(axis=1, keepdims=True)
    terms = terms / np.where(size > 0, size, 1.0)
    lead = np.where(np.abs(terms[:, 4]) > 1e-14, terms[:, 4], -1e-14)
    companion = np.zeros((len(terms), 4, 4))
    companion[:, [1, 2, 3], [0, 1, 2]] = 1.0
    companion[:, :, 3] = -terms[:, :4] / lead[:, None]
    roots = np.linalg.eigvals(companion)
    real = np.abs(roots.imag) <= _REAL * np.abs(roots)
    ordered: Floats = np.sort(np.where(real, roots.real, np.inf), axis=1)
    return ordered


def _between(low: Floats, high: Floats) -> Floats:
    """Find a point inside each segment, which may have no end."""
    open_low, open_high = np.isinf(low), np.isinf(high)
    first = np.where(open_low, 0.0, low)
    last = np.where(open_high, 0.0, high)
    middle = (first + last) / 2
    middle = np.where(open_low & ~open_high, last - 1 - np.abs(last), middle)
    middle = np.where(open_high & ~open_low, first + 1 + np.abs(first), middle)
    return np.asarray(middle)


def _value(terms: Floats, x: Floats) -> Floats:
    value = np.zeros_like(x)
    for power in range(4, -1, -1):
        value = value * x + terms[:, power, None]
    return value
