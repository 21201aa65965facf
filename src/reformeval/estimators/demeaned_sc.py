"""Demeaned synthetic control: donors follow the treated unit's changes, not its level.

Weights and a constant are fitted together,

    (a, w) = argmin Σ_{t pre} (Y1_t − a − Σ_j w_j Y0_jt)²,   w ≥ 0,  Σ_j w_j = 1

so that each unit is taken less its own pre-mean (Doudchenko & Imbens 2016, section 4; Ferman &
Pinto 2021, section 4, "demeaned SC"). The effect is the mean gap after adoption less that before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import _options, _simplex, _synthetic
from reformeval.fit import Fit


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``holdout`` is a positive number of pre-periods."""
    return [*_options.unknown(options, ("holdout",)), *_synthetic.check_holdout(options)]


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``holdout`` as in `synthetic_control`.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights and the statistics of
        `estimators._synthetic`.

    Raises
    ------
    UnsupportedError
        If units are weighted, or ``holdout`` leaves no pre-period to fit.
    """
    _options.refuse(check_options(options))
    return _synthetic.estimate(design, assignments, "demeaned_sc", weigh, options)


def weigh(block: Design, members: Bools, treated: Floats, window: Bools) -> _synthetic.Mix:
    """Weights and constant that bring the donors nearest to the treated average."""
    solved = [
        _simplex.solve_all(y[:, window], treated[s][:, window], ~members, intercept=True)
        for s, y in enumerate(block.y)
    ]
    weights = np.array(solved)
    return _synthetic.Mix(weights, _synthetic.level_gap(block, treated, weights, window))
