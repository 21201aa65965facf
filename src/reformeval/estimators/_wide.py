"""Compiled: simplex least squares with a ridge and more columns than rows.

With D the columns' distances from the target and a ridge p, weights of an active set S are

    w = v (D_S'D_S + p I)^-1 1,   sum(w) = 1,

which takes a system of as many equations as there are rows (Woodbury). Many columns have weight
where the ridge is large, so that letting them in one at a time is slow. Here the whole set is
exchanged in each step: columns with a weight below zero leave, those outside whose gradient is
below v enter (block principal pivoting, as Kim & Park 2011, SIAM Journal on Scientific Computing
33(6), for non-negative least squares). It can cycle; then the caller does without.
"""

from __future__ import annotations

import numba
import numpy as np

from reformeval.design import Floats

_STEPS = 50


@numba.njit(cache=True)
def solve(distance: Floats, ridge: float, solution: Floats) -> bool:
    """Solve in place; False where the sets do not settle.

    Parameters
    ----------
    distance
        (columns, rows) columns less the target.
    """
    count, rows = distance.shape
    inside = np.ones(count, dtype=np.bool_)
    for _ in range(_STEPS):
        active = np.flatnonzero(inside)
        part = distance[active]
        matrix = part.T @ part
        for t in range(rows):
            matrix[t, t] += ridge
        total = part.sum(axis=0)
        bent = np.linalg.solve(matrix, total)
        raw = 1.0 - part @ bent
        size = raw.sum()
        if size <= 0.0:
            return False
        solution[:] = 0.0
        solution[active] = raw / size
        level = ridge / size
        point = solution @ distance
        gradient = distance @ point
        changed, left = False, 0
        for i in range(count):
            stays = solution[i] > 0.0 if inside[i] else gradient[i] < level
            changed = changed or stays != inside[i]
            inside[i] = stays
            left += stays
        if not changed:
            return True
        if left == 0:
            return False
    return False
