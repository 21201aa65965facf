"""Compiled active-set solver for many simplex least-squares problems on the same data.

Every placebo of a series is a problem on the same units: its target is one path or an average of
some, its columns are the other units. All of them need only the products of the units' paths with
each other and with the targets, which are computed once as matrices (`estimators._simplex`); the
kernel then solves each problem on its part of them.

It is the primal active-set method (Lawson & Hanson, Solving Least Squares Problems, 1974, chapter
23; Nocedal & Wright, Numerical Optimization, 2006, chapter 16). With C the columns less the target,
H = C'C + 11' and weights that sum to one, |C w|^2 = w'H w - 1, and H is positive definite on
columns of which none is an average of the others, weights of any sign allowed. The passive columns'
Cholesky factor grows by a row when a column enters and is rebuilt from the row of the first that
leaves.
"""

from __future__ import annotations

import numba
import numpy as np

from reformeval.design import Bools, Floats, Ints
from reformeval.estimators import _wide
from reformeval.estimators._simplex import FLOOR, TIE

_GAP = 1e-11  # largest relative gap of a solution that is accepted
_ENTERS = 1e-13  # a column whose gradient is lower by a smaller share does not enter: rounding
_DEPENDENT = 1e-11  # smallest pivot, relative to the diagonal, of an independent column
_LARGE = 1e-6  # from this share of the products on, a ridge keeps the sets of `_wide` in order
_SEEN = 1e-8  # a ridge below this share of the products decides nothing that they can show
_FIRM = 1e-7  # smallest pivot with which weights are exact to about nine digits
_ZERO = 1e-15  # a weight that a step brought to zero, but for rounding


@numba.njit(cache=True)
def solve(
    columns: Floats,
    targets: Floats,
    gram: Floats,
    cross: Floats,
    allowed: Bools,
    ridges: Floats,
    penalties: Floats,
) -> tuple[Floats, Bools]:
    """Solve every problem; say for each whether the solution is certainly the one wanted.

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
    penalties
        (problems,) penalties on the weighted sum of the columns' squared distances to the target.

    Returns
    -------
    weights, certain
        (problems, columns) and (problems,). Not certain are problems that have several solutions
        or columns that depend on each other (unless there is a penalty, or a ridge that is not
        lost in rounding), and those whose solution misses `_GAP`.
    """
    problems, count = allowed.shape
    weights = np.zeros((problems, count))
    certain = np.zeros(problems, dtype=np.bool_)
    factor, product = np.zeros((count, count)), np.zeros((count, count))
    for a in range(problems):
        own = np.flatnonzero(allowed[a])
        solution = np.zeros(len(own))
        certain[a] = _problem(
            columns, targets[a], gram, cross[a], own, ridges[a], penalties[a],
            factor, product, solution,
        )  # fmt: skip
        weights[a, own] = solution
    return weights, certain


@numba.njit(cache=True)
def solve_each(
    data: Floats, which: Ints, targets: Floats, allowed: Bools, kept: Bools, ridges: Floats
) -> tuple[Floats, Bools]:
    """Solve problems that have data or rows of their own, each with a constant.

    Parameters
    ----------
    data
        (sets, columns, rows) data.
    which
        (problems,) the set that a problem is on.
    targets
        (problems, rows) data.
    allowed, kept
        (problems, columns) columns and (problems, rows) rows that a problem may use.
    ridges
        (problems,) penalties on the sum of squared weights.

    Returns
    -------
    As `solve`.
    """
    problems, count = allowed.shape
    weights = np.zeros((problems, count))
    certain = np.zeros(problems, dtype=np.bool_)
    factor, product = np.zeros((count, count)), np.zeros((count, count))
    for a in range(problems):
        own, rows = np.flatnonzero(allowed[a]), np.flatnonzero(kept[a])
        distance = np.empty((len(own), len(rows)))
        for i in range(len(own)):
            for t in range(len(rows)):
                distance[i, t] = data[which[a], own[i], rows[t]] - targets[a, rows[t]]
            distance[i] -= distance[i].mean()
        solution = np.zeros(len(own))
        certain[a] = _problem(
            distance, np.zeros(len(rows)), distance @ distance.T, np.zeros(len(own)),
            np.arange(len(own)), ridges[a], 0.0, factor, product, solution,
        )  # fmt: skip
        weights[a, own] = solution
    return weights, certain


@numba.njit(cache=True)
def _problem(
    columns: Floats,
    target: Floats,
    gram: Floats,
    cross: Floats,
    own: Ints,
    ridge: float,
    penalty: float,
    factor: Floats,
    product: Floats,
    solution: Floats,
) -> bool:
    """Solve one problem in place; the products are those of all columns, ``own`` those it uses."""
    square = np.sum(target**2)
    # distances from the target are scaled by the largest: the weights do not depend on it
    scale = 0.0
    for j in own:
        scale = max(scale, gram[j, j] - 2 * cross[j] + square + ridge)
    if scale <= 0.0:
        return False
    if penalty == 0.0 and ridge > _LARGE * scale and len(own) > len(target):
        distance = columns[own] - target
        if _wide.solve(distance, ridge, solution):
            solution /= solution.sum()
            if _only(columns, target, own, ridge, penalty, factor, product, solution):
                return True
        solution[:] = 0.0
    cost = np.zeros(len(own))
    for i in range(len(own)):
        for k in range(i + 1):
            p, q = own[i], own[k]
            value = gram[p, q] - cross[p] - cross[q] + square
            if i == k:
                cost[i] = 0.5 * penalty * value / scale
                value += ridge
            product[i, k] = product[k, i] = value / scale + 1.0
    if not _minimum(product, cost, factor, solution):
        solution[:] = 0.0
        return False
    solution /= solution.sum()
    if 0.0 < ridge <= _SEEN * scale:
        for k in range(int(np.sum(solution > 0.0))):
            if factor[k, k] ** 2 < _FIRM:
                return False
    return _only(columns, target, own, ridge, penalty, factor, product, solution)


@numba.njit(cache=True)
def _only(
    columns: Floats,
    target: Floats,
    own: Ints,
    ridge: float,
    penalty: float,
    factor: Floats,
    product: Floats,
    solution: Floats,
) -> bool:
    """Check on the data that weights are optimal and that no others are.

    Others might be where further columns could share in them and these depend on each other.
    """
    point = -target
    for i in range(len(own)):
        if solution[i] > 0.0:
            point = point + solution[i] * columns[own[i]]
    size, used, value = ridge, 0, 0.0
    slack = np.empty(len(own))  # half the derivative by each weight, less what the sum costs
    for i in range(len(own)):
        total, distance = 0.0, 0.0
        for t in range(len(target)):
            gap = columns[own[i], t] - target[t]
            total += gap * point[t]
            distance += gap * gap
            size = max(size, gap * gap)
        slack[i] = total + ridge * solution[i] + 0.5 * penalty * distance
        value += solution[i] * slack[i]
        used += solution[i] > 0.0
    slack -= value
    value = max(value, 0.0)  # a perfect fit's may be below by rounding
    floor = FLOOR * len(target) * size * (1.0 + penalty)
    if -slack.min() > _GAP * value + floor:
        return False
    # what a ridge that small decides, it decides in the last digits of the products
    near = TIE * np.sqrt(value * size) + floor + 1e3 * ridge
    if ridge > _SEEN * size or penalty > 0.0:
        return True
    tied = np.flatnonzero((slack <= near) | (solution > 0.0))
    for k in range(len(tied) if len(tied) > used else 0):
        if not _append(product, factor, tied, k) or factor[k, k] ** 2 < _FIRM:
            return False
    return True


@numba.njit(cache=True)
def _minimum(product: Floats, cost: Floats, factor: Floats, solution: Floats) -> bool:
    """Minimise w' H w + 2 cost'w over the simplex in place; H is the leading part of ``product``.

    Without costs it stops with False at a column that is an average of passive ones: there are
    several solutions. With costs the one that is cheapest is gone to.
    """
    size, costly = len(cost), cost.max() > 0.0
    passive = np.empty(size, dtype=np.int64)
    inside = np.zeros(size, dtype=np.bool_)
    trial, spare, ones = np.zeros(size), np.zeros(size), np.ones(size)
    entering, used, least = 0, 0, np.inf
    for i in range(size):
        if product[i, i] + 2 * cost[i] < least:
            entering, least = i, product[i, i] + 2 * cost[i]
    solution[entering] = 1.0
    for _ in range(10 * size + 10):
        passive[used] = entering
        if not _append(product, factor, passive, used):
            if not costly:
                return False
            used = _swap(product, factor, passive, inside, trial, solution, used, entering)
            if used < 0:
                return False
        inside[entering] = True
        used += 1
        while True:
            _passive_solution(factor, passive, used, ones, trial)
            total = trial[:used].sum()
            if costly:
                _passive_solution(factor, passive, used, cost, spare)
                level = (1.0 + spare[:used].sum()) / total
                trial[:used] = level * trial[:used] - spare[:used]
            else:
                trial[:used] /= total
            step = 1.0
            for k in range(used):
                if trial[k] <= 0.0:
                    at = solution[passive[k]]
                    step = min(step, at / (at - trial[k]) if at > 0.0 else 0.0)
            for k in range(used):
                i = passive[k]
                solution[i] += step * (trial[k] - solution[i])
            if step == 1.0:
                break
            used = _remove(product, factor, passive, inside, trial, solution, used)
            if used < 0:
                return False
        level = 0.0
        for i in range(size):
            value = cost[i]
            for k in range(used):
                value += product[i, passive[k]] * solution[passive[k]]
            spare[i] = value
            level += value * solution[i]
        entering, least = -1, level - _ENTERS * (level + cost.max())
        for i in range(size):
            if not inside[i] and spare[i] < least:
                entering, least = i, spare[i]
        if entering < 0:
            return True
    return False


@numba.njit(cache=True)
def _swap(
    product: Floats,
    factor: Floats,
    passive: Ints,
    inside: Bools,
    trial: Floats,
    solution: Floats,
    used: int,
    entering: int,
) -> int:
    """Let a column that depends on the passive ones take their place until one has no weight.

    Along that direction the point does not move, and the costs fall. Returns the number of passive
    columns with the entering one last but not counted, or -1 if that fails.
    """
    _passive_solution(factor, passive, used, -product[entering], trial)
    reach = np.inf
    for k in range(used):
        if trial[k] < 0.0:
            reach = min(reach, -solution[passive[k]] / trial[k])
    if reach == np.inf:
        return -1
    solution[entering] = reach
    for k in range(used):
        move = reach * trial[k]
        trial[k] = solution[passive[k]] + 2 * move  # not above zero where the weight runs out
        solution[passive[k]] += move
    used = _remove(product, factor, passive, inside, trial, solution, used)
    if used < 0:
        return -1
    passive[used] = entering
    return used if _append(product, factor, passive, used) else -1


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
def _passive_solution(
    factor: Floats, passive: Ints, used: int, right: Floats, trial: Floats
) -> None:
    """Solve H w = right on the passive columns."""
    for k in range(used):
        value = right[passive[k]]
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
