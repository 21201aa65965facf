"""Ridge-augmented synthetic control: synthetic control whose remaining misfit a ridge corrects.

With X the donors' and X1 the treated unit's pre-outcomes, both less the donors' mean in each
period, and w the weights of `synthetic_control` (Ben-Michael, Feller & Rothstein 2021, section 3):

    w_aug = w + X (X'X + λI)^-1 (X1 − X'w)

The weights sum to one and may be negative: the estimate extrapolates from the donors' hull by as
little as the fit asks for (section 4). λ is chosen by leaving out one pre-period at a time: the
largest of a grid whose mean squared error is within one standard error of the smallest (section
5.3, the rule of the authors' package augsynth).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _options, _simplex, _synthetic
from reformeval.fit import Fit

# augsynth's grid: 20 steps down from the largest eigenvalue of X'X, by 1e-8 in all
_STEPS, _RANGE = 20, 1e-8


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``holdout``, and ``penalty``, a number above zero."""
    return [
        *_options.unknown(options, ("holdout", "penalty")),
        *_options.above_zero(options, "penalty", ", in squared units of the outcome"),
        *_synthetic.check_holdout(options),
    ]


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``penalty``: λ in squared units of the outcome, instead of the one that is chosen for
        each assignment; ``holdout`` as in `synthetic_control`.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights and the statistics of
        `estimators._synthetic`, among them ``penalty``, the λ of each assignment.

    Raises
    ------
    UnsupportedError
        If units are weighted, ``holdout`` leaves no pre-period to fit, or there are fewer than 3
        pre-periods and no ``penalty``.
    """
    _options.refuse(check_options(options))
    weigh_ = partial(weigh, penalty=options.get("penalty"))
    return _synthetic.estimate(design, assignments, "augmented_sc", weigh_, options)


def weigh(
    block: Design, members: Bools, treated: Floats, window: Bools, penalty: float | None = None
) -> _synthetic.Mix:
    """Weights of the synthetic control, corrected for what it misses in the window."""
    weights = np.empty((len(block.series), *members.shape))
    chosen = np.full(weights.shape[:2], np.nan if penalty is None else float(penalty))
    for s, y in enumerate(block.y):
        paths, targets = y[:, window], treated[s][:, window]
        weights[s] = _simplex.solve_all(paths, targets, ~members)
        if penalty is None:
            chosen[s] = _penalties(paths, targets, ~members)
        for a, own in enumerate(members):
            X, aim = _centred(paths[~own], targets[a])
            miss = aim - weights[s, a, ~own] @ X
            weights[s, a, ~own] += _correction(X, miss, chosen[s, a : a + 1])[0]
    return _synthetic.Mix(weights, chosen={"penalty": chosen})


def _centred(donors: Floats, target: Floats) -> tuple[Floats, Floats]:
    mean = donors.mean(axis=0)
    return donors - mean, target - mean


def _correction(X: Floats, miss: Floats, penalties: Floats) -> Floats:
    """(penalties, donors) X (X'X + λI)^-1 miss, for every λ at once.

    By singular values: products of X would lose the digits that a small λ needs.
    """
    left, sizes, right = np.linalg.svd(X, full_matrices=False)
    shrunk = sizes / (sizes**2 + penalties[:, None])
    change = (shrunk * (right @ miss)) @ left.T
    # zero in sum but for rounding, which would count as often as the outcome's level is large
    return np.asarray(change - change.mean(axis=1, keepdims=True))


def _penalties(paths: Floats, targets: Floats, allowed: Bools) -> Floats:
    """(targets,) the λ of each target by leaving out one period at a time."""
    periods = paths.shape[1]
    if periods < 3:
        raise UnsupportedError(
            f"augmented_sc chooses its penalty over pre-periods and {periods} are too few; "
            "give the option penalty"
        )
    grids = np.array([_grid(paths[own]) for own in allowed])
    weights = np.empty((periods, *allowed.shape))
    for t in range(periods):
        kept = np.arange(periods) != t
        weights[t] = _simplex.solve_all(paths[:, kept], targets[:, kept], allowed)
    squares = np.empty((periods, *grids.shape))
    for a, own in enumerate(allowed):
        X, aim = _centred(paths[own], targets[a])
        squares[:, a] = _left_out(X, aim - weights[:, a, own] @ X, grids[a]) ** 2
    error = squares.mean(axis=0)
    spread = squares.std(axis=0, ddof=1) / np.sqrt(periods)
    best = error.argmin(axis=1)[:, None]
    bound = np.take_along_axis(error, best, 1) + np.take_along_axis(spread, best, 1)
    # grids fall, so the first within the bound is the largest
    first = (error <= bound).argmax(axis=1)[:, None]
    return np.asarray(np.take_along_axis(grids, first, 1)[:, 0])


def _left_out(X: Floats, misses: Floats, penalties: Floats) -> Floats:
    """(periods, penalties) what the correction misses in a period that it is fitted without.

    Row t of ``misses`` is what the synthetic control fitted without t misses. The correction is a
    ridge regression of it on the donors, whose error in t without t is (m − H m)_t / (1 − H_tt)
    with H of all periods; I − H = V diag(λ / (s² + λ)) V' from the singular values of X.
    """
    donors, periods = X.shape
    _, sizes, right = np.linalg.svd(X, full_matrices=donors < periods)
    squares = np.zeros(periods)
    squares[: len(sizes)] = sizes**2
    rest = penalties / (squares[:, None] + penalties)
    return np.asarray(((misses @ right.T) * right.T) @ rest / (right.T**2 @ rest))


def _grid(donors: Floats) -> Floats:
    """Penalties from the largest eigenvalue of X'X downwards; ones where donors are alike."""
    X = donors - donors.mean(axis=0)
    largest = float(np.linalg.norm(X, 2)) ** 2
    grid = (largest or 1.0) * _RANGE ** (np.arange(_STEPS + 1) / _STEPS)
    return np.asarray(grid)
