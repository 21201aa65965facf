"""Acceptance intervals of placebos whose weights move with the effect that is taken off.

Where units adopt at different times a treated unit of the reform can be a donor of a placebo in
periods before the placebo's adoption, so that taking the effect c off it moves the weights that
are fitted there, and the placebo's estimate est_a(c) is no simple function of c. The reform's own
is est_0 - c all the same: its donors never adopt. The ends of {c : |est_a(c)| >= |est_0 - c|} are
roots of |est_a(est_0 +- d)| - d in d >= 0, found by estimating anew (Chandrupatla's bracketing,
`scipy.optimize.elementwise`), all placebos at once. The search comes from outside, beyond where the
end would be if the weights did not move; should the set have holes, one inside its outer end can in
principle be taken for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import elementwise

from reformeval.design import Floats, Ints
from reformeval.estimators import _acceptance

_DOUBLINGS = 20
_TOLERANCE = 1e-9  # of an end, relative to the sizes of the two estimates
_TOGETHER = 500  # placebos that are estimated anew in one call: each has data of its own

# Estimates of placebos (rows) with constants taken off: (constants, rows), both (n,) -> (n,)
Evaluate = Callable[[Floats, Ints], Floats]


def acceptance(evaluate: Evaluate, estimate: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Find the ends of each placebo's acceptance interval.

    Parameters
    ----------
    evaluate
        Gives placebos' estimates once a constant of their own is taken off.
    estimate
        (assignments,) estimates with nothing taken off; row 0 is the reform's.
    slope
        (assignments,) what one unit taken off would add if the weights did not move.

    Returns
    -------
    low, high
        (assignments,), infinite where no end is found; NaN for row 0.
    """
    low, high = (x[0, :, 0] for x in _acceptance.linear(estimate[None, :, None], slope[:, None]))
    own = float(estimate[0])
    known = np.flatnonzero(~np.isnan(low))
    for rows in np.split(known, range(_TOGETHER, len(known), _TOGETHER)):
        size = np.abs(own) + np.abs(estimate[rows])
        size = np.where(size > 0, size, 1.0)
        for sign, end in ((1.0, high), (-1.0, low)):
            guess = np.abs(end[rows] - own)
            outer = np.where(np.isfinite(guess), 1.5 * guess, size) + 1e-3 * size
            end[rows] = own + sign * _distance(evaluate, own, sign, rows, outer, size)
    return low, high


def _distance(
    evaluate: Evaluate, own: float, sign: float, rows: Ints, outer: Floats, size: Floats
) -> Floats:
    """(rows,) how far out placebos are as extreme as the reform, on one side of its estimate."""

    def margin(d: Floats, scale: Floats, row: Ints) -> Floats:
        value = np.abs(evaluate(own + sign * d * scale, row.astype(np.int64)))
        return np.asarray(value / scale - d)

    beyond = outer / size
    outside = margin(beyond, size, rows) < 0
    for _ in range(_DOUBLINGS):
        if outside.all():
            break
        inside = ~outside
        beyond[inside] *= 2
        outside[inside] = margin(beyond[inside], size[inside], rows[inside]) < 0
    found = np.full(len(rows), np.inf)
    if outside.any():
        solved = elementwise.find_root(
            margin,
            (np.zeros(int(outside.sum())), beyond[outside]),
            args=(size[outside], rows[outside]),
            tolerances={"xatol": _TOLERANCE, "xrtol": 0.0, "fatol": 0.0, "frtol": 0.0},
        )
        found[outside] = solved.x * size[outside]
    return found
