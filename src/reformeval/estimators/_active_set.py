"""Compiled active-set solver for many simplex least-squares problems on the same data.

Every placebo of a series is a problem on the same units: its target is one path or an average of
some, its columns are the other units. All of them need only the products of the units' paths with
each other and with the targets, which are computed once as matrices (`estimators._simplex`); the
kernel then solves each problem on its part of them.

It is Lawson & Hanson's algorithm (Solving Least Squares Problems, 1974, chapter 23) for
min |(C; 1') w - (0; 1)|^2 over w >= 0, on products: the passive columns' Cholesky factor grows by
a row when a column enters and is rebuilt from the row of the first that leaves.
"""

from __future__ import annotations

import numba
import numpy as np

from reformeval.design import Bools, Floats, Ints
from reformeval.estimators._simplex import FLOOR, TIE

_GAP = 1e-11  # largest relative gap of a solution that is accepted
_ENTERS = 1e-13  # a column whose gradient is below this does not enter: rounding
_DEPENDENT = 1e-11  # smallest pivot, relative to the diagonal, of an independent column
_ZERO = 1e-15  # a weight that a step brought to zero, but for rounding


@numba.njit(cache=True)
def solve(
    columns: Floats, targets: Floats, gram: Floats, cross: Floats, allowed: Bools, ridges: Floats
) -> tuple[Floats, Bools]:
    """Solve every problem; say for each whether the solution is certainly the only one.

    Parameters
    ----------
    columns, targets
        (columns, rows) and (problems, rows) data.
    gram, cross
        (columns, columns) and (problems, columns) their products.
    allowed
        (problems, columns) columns that a problem may use.
    ridges
        (problems,) penalties on the sum of squared weights.

    Returns
    -------
    weights, certain
        (problems, columns) and (problems,). Not certain are problems that have several solutions
        or columns that depend on each other, and those whose solution misses `_GAP`.
    """
    problems, count = allowed.shape
    weights = np.zeros((problems, count))
    certain = np.zeros(problems, dtype=np.bool_)
    factor, product = np.zeros((count, count)), np.zeros((count, count))
    for a in range(problems):
        own = np.flatnonzero(allowed[a])
        square = np.sum(targets[a] ** 2)
        # distances from the target are scaled by the largest: the weights do not depend on it
        scale = 0.0
        for j in own:
            scale = max(scale, gram[j, j] - 2 * cross[a, j] + square + ridges[a])
        if scale <= 0.0:
            continue
        for i in range(len(own)):
            for k in range(i + 1):
                p, q = own[i], own[k]
                value = gram[p, q] - cross[a, p] - cross[a, q] + square
                if i == k:
                    value += ridges[a]
                product[i, k] = product[k, i] = value / scale + 1.0
        solution = np.zeros(len(own))
        if _nonnegative(product, len(own), factor, solution):
            solution /= solution.sum()
            certain[a] = _only(columns, targets[a], own, ridges[a], solution)
            weights[a, own] = solution
    return weights, certain


@numba.njit(cache=True)
def _only(columns: Floats, target: Floats, own: Ints, ridge: float, solution: Floats) -> bool:
    """Check on the data that weights are optimal and that no other column might share in them."""
    point = -target
    for i in range(len(own)):
        if solution[i] > 0.0:
            point = point + solution[i] * columns[own[i]]
    size, used = ridge, 0
    square = np.sum(point**2) + ridge * np.sum(solution**2)
    slack = np.empty(len(own))
    for i in range(len(own)):
        total = ridge * solution[i] - square
        for t in range(len(target)):
            distance = columns[own[i], t] - target[t]
            total += distance * point[t]
            size = max(size, distance * distance)
        slack[i] = total
        used += solution[i] > 0.0
    floor = FLOOR * len(target) * size
    if -slack.min() > _GAP * square + floor:
        return False
    near = TIE * np.sqrt(square * size) + floor
    return ridge > 0.0 or np.sum(slack <= near) <= used


@numba.njit(cache=True)
def _nonnegative(product: Floats, size: int, factor: Floats, solution: Floats) -> bool:
    """Minimise w' H w - 2 sum(w) over w >= 0 in place; H is the leading part of ``product``."""
    passive = np.empty(size, dtype=np.int64)
    inside = np.zeros(size, dtype=np.bool_)
    gradient, trial = np.ones(size), np.zeros(size)
    used = 0
    for _ in range(10 * size + 10):
        best, entering = _ENTERS, -1
        for i in range(size):
            if not inside[i] and gradient[i] > best:
                best, entering = gradient[i], i
        if entering < 0:
            return True
        passive[used] = entering
        if not _append(product, factor, passive, used):
            return False
        inside[entering] = True
        used += 1
        while True:
            _passive_solution(factor, used, trial)
            step = 1.0
            for k in range(used):
                if trial[k] <= 0.0:
                    at = solution[passive[k]]
                    step = min(step, at / (at - trial[k]))
            for k in range(used):
                i = passive[k]
                solution[i] += step * (trial[k] - solution[i])
            if step == 1.0:
                break
            used = _remove(product, factor, passive, inside, trial, solution, used)
            if used < 0:
                return False
        for i in range(size):
            total = 1.0
            for k in range(used):
                total -= product[i, passive[k]] * solution[passive[k]]
            gradient[i] = total
    return False


@numba.njit(cache=True)
def _append(product: Floats, factor: Floats, passive: Ints, used: int) -> bool:
    """Add the row of passive column ``used`` to the Cholesky factor; False if it depends."""
    new = passive[used]
    rest = product[new, new]
    for k in range(used):
        value = product[new, passive[k]]
        for m in range(k):
            value -= factor[used, m] * factor[k, m]
        value /= factor[k, k]
        factor[used, k] = value
        rest -= value * value
    if rest <= _DEPENDENT * product[new, new]:
        return False
    factor[used, used] = np.sqrt(rest)
    return True


@numba.njit(cache=True)
def _passive_solution(factor: Floats, used: int, trial: Floats) -> None:
    """Solve H w = 1 on the passive columns."""
    for k in range(used):
        value = 1.0
        for m in range(k):
            value -= factor[k, m] * trial[m]
        trial[k] = value / factor[k, k]
    for k in range(used - 1, -1, -1):
        value = trial[k]
        for m in range(k + 1, used):
            value -= factor[m, k] * trial[m]
        trial[k] = value / factor[k, k]


@numba.njit(cache=True)
def _remove(
    product: Floats,
    factor: Floats,
    passive: Ints,
    inside: Bools,
    trial: Floats,
    solution: Floats,
    used: int,
) -> int:
    """Take out the columns that reached zero and factorise again from the first one's row.

    Returns the number of passive columns, or -1 if one of them depends on the others.
    """
    kept, first = 0, used
    for k in range(used):
        i = passive[k]
        if trial[k] <= 0.0 and solution[i] <= _ZERO:
            solution[i] = 0.0
            inside[i] = False
            first = min(first, k)
        else:
            passive[kept] = i
            kept += 1
    for k in range(first, kept):
        if not _append(product, factor, passive, k):
            return -1
    return kept
