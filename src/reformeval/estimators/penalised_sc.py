"""Penalised synthetic control: a mix of donors that are each like the treated unit.

With Y1 the treated unit's and Y0_j a donor's pre-outcomes (Abadie & L'Hour 2021, eq. 5)

    w = argmin |Y1 − Σ_j w_j Y0_j|² + λ Σ_j w_j |Y1 − Y0_j|²,   w ≥ 0,  Σ_j w_j = 1

so that among mixes which fit alike the one of nearer donors is taken: λ towards 0 gives a synthetic
control whose weights are unique, λ towards infinity the nearest donor. λ has no unit. Each
assignment chooses its own on the pre-periods alone (section 4, validation on pre-intervention
outcomes): fitted without the last quarter of them, the λ that predicts these best, the smallest
among equals.
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

GRID = tuple(float(penalty) for penalty in np.logspace(-4, 1, 16))
_SAME = 1e-9  # relative difference of two errors that is rounding


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``holdout``, and ``penalty``, a number above zero."""
    return [
        *_options.unknown(options, ("holdout", "penalty")),
        *_options.above_zero(options, "penalty", "; it has no unit"),
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
        ``penalty``: λ, instead of the one that is chosen for each assignment; ``holdout`` as in
        `synthetic_control`.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights and the statistics of
        `estimators._synthetic`, among them ``penalty``, the λ of each assignment.

    Raises
    ------
    UnsupportedError
        If units are weighted, ``holdout`` leaves no pre-period to fit, or there are fewer than 2
        pre-periods to choose the penalty on.
    """
    _options.refuse(check_options(options))
    weigh_ = partial(weigh, penalty=options.get("penalty"))
    return _synthetic.estimate(design, assignments, "penalised_sc", weigh_, options)


def weigh(
    block: Design, members: Bools, treated: Floats, window: Bools, penalty: float | None = None
) -> _synthetic.Mix:
    """Weights of donors near the treated average over a window, in sum and one by one."""
    weights = np.empty((len(block.series), *members.shape))
    chosen = np.full(weights.shape[:2], np.nan if penalty is None else float(penalty))
    for s, y in enumerate(block.y):
        paths, targets = y[:, window], treated[s][:, window]
        if penalty is None:
            chosen[s] = _penalties(paths, targets, ~members)
        weights[s] = _simplex.solve_all(paths, targets, ~members, penalties=chosen[s])
    return _synthetic.Mix(weights, chosen={"penalty": chosen})


def _penalties(paths: Floats, targets: Floats, allowed: Bools) -> Floats:
    """(targets,) the λ of each target that predicts the last quarter of the periods best."""
    periods = paths.shape[1]
    if periods < 2:
        raise UnsupportedError(
            "penalised_sc chooses its penalty over pre-periods and 1 is too few; give the option "
            "penalty"
        )
    split = periods - max(1, periods // 4)
    errors = []
    for penalty in GRID:
        weights = _simplex.solve_all(
            paths[:, :split],
            targets[:, :split],
            allowed,
            penalties=np.full(len(targets), penalty),
        )
        gap = targets[:, split:] - weights @ paths[:, split:]
        errors.append((gap**2).sum(axis=1))
    error = np.array(errors)
    near = error <= error.min(axis=0) * (1 + _SAME) + _SAME**2 * paths[:, split:].var(axis=0).sum()
    return np.asarray(np.array(GRID)[near.argmax(axis=0)])
