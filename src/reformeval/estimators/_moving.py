"""Compiled: weights of a simplex least-squares problem, and how they move with its target."""

from __future__ import annotations

import numba
import numpy as np

from reformeval.design import Floats
from reformeval.estimators._active_set import _problem


@numba.njit(cache=True)
def solve(
    columns: Floats, target: Floats, direction: Floats, ridge: float
) -> tuple[Floats, Floats, bool]:
    """Solve at a target, and differentiate along a direction while the active set holds.

    On the active set the weights solve H w = C'y + m 1 with H = C'C + ridge I and sum(w) = 1, m a
    multiplier; along the direction d their change solves H x = C'd + n 1 with sum(x) = 0, for
    which H + 11' does as well and is not singular.

    Parameters
    ----------
    columns
        (columns, rows) data without their row means.
    target, direction
        (rows,) likewise.

    Returns
    -------
    weights, change, certain
        (columns,) twice, and whether they are certainly right, as in `_active_set.solve`.
    """
    count = len(columns)
    weights, change = np.zeros(count), np.zeros(count)
    factor, product = np.zeros((count, count)), np.zeros((count, count))
    distance = columns - target
    certain = _problem(
        distance, np.zeros(len(target)), distance @ distance.T, np.zeros(count),
        np.arange(count), ridge, 0.0, factor, product, weights,
    )  # fmt: skip
    used = np.flatnonzero(weights > 0.0)
    if not certain or len(used) == 1:
        return weights, change, certain
    active = columns[used]
    matrix = active @ active.T
    scale = np.trace(matrix) / len(used)
    if scale <= 0.0:
        return weights, change, False
    matrix = matrix / scale + 1.0
    right = np.ones((len(used), 2))
    right[:, 0] = active @ direction / scale
    for k in range(len(used)):
        matrix[k, k] += ridge / scale
    solved = np.linalg.solve(matrix, right)
    level = solved[:, 0].sum() / solved[:, 1].sum()
    change[used] = solved[:, 0] - level * solved[:, 1]
    return weights, change, True


@numba.njit(cache=True)
def reach(
    columns: Floats,
    target: Floats,
    direction: Floats,
    ridge: float,
    weights: Floats,
    change: Floats,
) -> float:
    """How far against the direction the active set holds, at most 0; -inf where for ever.

    Weights in use must stay at 0 or above, and so must the others' gradient less what the sum
    costs.
    """
    left = weights @ columns - target
    turned = change @ columns - direction
    gradient, drift = columns @ left, columns @ turned
    used, level, tilt = 0, 0.0, 0.0
    for i in range(len(weights)):
        gradient[i] += ridge * weights[i]
        drift[i] += ridge * change[i]
        if weights[i] > 0.0:
            used, level, tilt = used + 1, level + gradient[i], tilt + drift[i]
    nearest = -np.inf
    for i in range(len(weights)):
        inside = weights[i] > 0.0
        rate = change[i] if inside else drift[i] - tilt / used
        if rate > 0.0:
            distance = weights[i] if inside else gradient[i] - level / used
            nearest = max(nearest, -distance / rate)
    return nearest
