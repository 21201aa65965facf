"""Least squares with weights that are not negative and sum to one, solved exactly.

min over w of |A w - b|^2 + ridge |w|^2, subject to w >= 0 and sum(w) = 1. As the weights sum to
one, A w - b = C w with C = A - b 1', and the problem is to find the point of a convex hull nearest
to the origin. Non-negative least squares of (C; s 1') on (0; s) has that solution up to its scale,
for every s > 0 (write w as a total times a point of the simplex and minimise over the total), so
one active-set solve is exact whatever the units of the data.

Where many weights fit equally well (more donors than periods and a perfect fit, identical donors)
the one with the smallest sum of squares is returned: it depends neither on the order of the
columns nor on the scale, and identical columns share their weight equally.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from reformeval.design import Bools, Floats, Ints

_OPTIMAL = 1e-8  # relative gap above which the solution is refused
FLOOR = 1e-13  # rounding in products of the scaled data: a perfect fit has no relative gap
TIE = 1e-9  # columns with a smaller slack might share the weight
_SMALL = 1e-7  # square root of the ridge that picks the shortest of several solutions


def solve(
    columns: Floats, target: Floats, *, ridge: float = 0.0, intercept: bool = False
) -> Floats:
    """Weights of the columns that come nearest to the target.

    Parameters
    ----------
    columns
        (rows, columns) data.
    target
        (rows,) data.
    ridge
        Penalty on the sum of squared weights, in squared units of the data.
    intercept
        Whether a constant is fitted beside the columns.

    Returns
    -------
    (columns,) weights, not negative, with sum 1.

    Raises
    ------
    RuntimeError
        If the solution fails the optimality conditions.
    """
    distance = columns - target[:, None]
    if intercept:
        distance = distance - distance.mean(axis=0)
    scale = max(float(np.abs(distance).max()), ridge**0.5)
    if scale == 0.0:
        return np.full(columns.shape[1], 1.0 / columns.shape[1])
    distance = distance / scale
    if ridge:
        root = ridge**0.5 / scale
        return _nearest(np.vstack([distance, root * np.eye(columns.shape[1])]))
    weights = _nearest(distance)
    return _shortest(distance, weights)


def solve_all(
    paths: Floats,
    targets: Floats,
    allowed: Bools,
    *,
    ridges: Floats | None = None,
    penalties: Floats | None = None,
    intercept: bool = False,
) -> Floats:
    """Weights for many targets on the same paths: `solve` for each, in one batch.

    The products of the paths with each other are computed once, and a compiled active-set solver
    (`estimators._active_set`) works on them. Its solutions are checked on the paths themselves;
    where one is not plainly the only optimal one (more donors than periods and a perfect fit,
    identical paths), `solve` gives it instead.

    Parameters
    ----------
    paths
        (units, periods) data: the columns are the units.
    targets
        (targets, periods) data.
    allowed
        (targets, units) units that may have weight.
    ridges
        (targets,) penalties on the sum of squared weights; none by default.
    penalties
        (targets,) penalties on the weighted sum of the units' squared distances to the target,
        positive; none by default. Units with the same path share their weight equally.
    intercept
        Whether a constant is fitted beside the units.

    Returns
    -------
    (targets, units) weights, zero where not allowed, each row with sum 1.

    Raises
    ------
    RuntimeError
        If a solution fails the optimality conditions.
    """
    from reformeval.estimators import _active_set  # compiled code: imported where it is used

    none = np.zeros(len(targets))
    centre = paths.mean(axis=0)  # taken off everywhere: products lose fewer digits
    columns, aims = paths - centre, targets - centre
    if intercept:
        columns = columns - columns.mean(axis=1, keepdims=True)
        aims = aims - aims.mean(axis=1, keepdims=True)
    # one memory layout: the kernel is compiled for each that it meets
    columns, aims = np.ascontiguousarray(columns), np.ascontiguousarray(aims)
    weights, certain = _active_set.solve(
        columns,
        aims,
        columns @ columns.T,
        aims @ columns.T,
        np.ascontiguousarray(allowed),
        none if ridges is None else ridges,
        none if penalties is None else penalties,
    )
    if penalties is not None:
        return _shared(columns, aims, allowed, weights, certain)
    for a in np.flatnonzero(~certain):
        own = allowed[a]
        weights[a] = 0.0
        weights[a, own] = solve(
            paths[own].T,
            targets[a],
            ridge=0.0 if ridges is None else float(ridges[a]),
            intercept=intercept,
        )
    return np.asarray(weights)


def solve_each(
    data: Floats, which: Ints, targets: Floats, allowed: Bools, kept: Bools, ridges: Floats
) -> Floats:
    """Weights for problems that have data or rows of their own, each with a constant: one batch.

    Parameters
    ----------
    data
        (sets, columns, rows) data.
    which
        (problems,) the set that a problem is on.
    targets
        (problems, rows) data.
    allowed, kept
        (problems, columns) columns that may have weight, (problems, rows) rows that are fitted.
    ridges
        (problems,) penalties on the sum of squared weights.

    Returns
    -------
    (problems, columns) weights, zero where not allowed, each row with sum 1.

    Raises
    ------
    RuntimeError
        If a solution fails the optimality conditions.
    """
    from reformeval.estimators import _active_set  # compiled code: imported where it is used

    weights, certain = _active_set.solve_each(
        np.ascontiguousarray(data), which, np.ascontiguousarray(targets),
        np.ascontiguousarray(allowed), np.ascontiguousarray(kept), ridges,
    )  # fmt: skip
    for a in np.flatnonzero(~certain):
        own, rows = allowed[a], kept[a]
        weights[a] = 0.0
        weights[a, own] = solve(
            data[which[a]][np.ix_(own, rows)].T,
            targets[a, rows],
            ridge=float(ridges[a]),
            intercept=True,
        )
    return np.asarray(weights)


def _shared(
    columns: Floats, aims: Floats, allowed: Bools, weights: Floats, certain: Bools
) -> Floats:
    """Weights of a penalised problem, shared equally by units that are the same."""
    same = np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)
    alike = same[:, None] == same
    for a in np.flatnonzero(~certain):
        own = allowed[a]
        if (columns[own] != aims[a]).any():
            raise RuntimeError("simplex least squares: a penalised problem has no solution")
        weights[a, own] = 1.0 / own.sum()
    total, count = weights @ alike, allowed.astype(np.float64) @ alike
    return np.asarray(np.where(allowed, total / np.maximum(count, 1.0), 0.0))


def _nearest(distance: Floats) -> Floats:
    """Weights of the point of the columns' hull that is nearest to the origin."""
    count = distance.shape[1]
    system = np.vstack([distance, np.ones(count)])
    right = np.zeros(len(system))
    right[-1] = 1.0
    weights, _ = nnls(system, right, maxiter=100 * count)
    weights = weights / weights.sum()
    point = distance @ weights
    square = float(point @ point)
    gap = square - float((point @ distance).min())
    if not gap <= _OPTIMAL * square + FLOOR * len(distance):
        raise RuntimeError(f"simplex least squares: relative gap {gap / max(square, 1e-300):.1e}")
    return np.asarray(weights)


def _shortest(distance: Floats, weights: Floats) -> Floats:
    """Among the weights that give the same point, those with the smallest sum of squares."""
    point = distance @ weights
    square = float(point @ point)
    slack = point @ distance - square
    used = weights > 0
    # A floor tells ties from rounding where the fit is perfect. Where it is merely very good,
    # columns with a real slack lie below it, and weights on them fit worse: then without it.
    for floor in (FLOOR * len(distance), 0.0):
        tied = used | (slack <= TIE * square**0.5 + floor)
        if tied.sum() == used.sum():
            return weights  # the solver's columns are independent, so the weights are unique
        near = np.vstack([distance[:, tied] - point[:, None], np.ones(int(tied.sum()))])
        if np.linalg.matrix_rank(near, tol=1e-9) == near.shape[1]:
            return weights
        out = np.zeros_like(weights)
        out[tied] = _nearest(np.vstack([near[:-1], _SMALL * np.eye(near.shape[1])]))
        moved = distance @ out
        if float(moved @ moved) <= square * (1 + 1e-9) + 1e-18 * len(distance):
            return out
    raise RuntimeError("simplex least squares: the shortest solution fits worse")
