"""Synthetic control: a weighted average of donors that follows the treated unit before the reform.

For assignment a with treated average Y1 and donors Y0 the weights are

    w = argmin Σ_{t pre} (Y1_t − Σ_j w_j Y0_jt)²,   w ≥ 0,  Σ_j w_j = 1

and the effect is the mean over the post-periods of Y1_t − Σ_j w_j Y0_jt (Abadie, Diamond &
Hainmueller 2010, eq. 2 and section 2.3, with every pre-period outcome as predictor, equally
weighted, no intercept, no covariates). Several treated units are averaged first. In a placebo the
treated unit is a donor like any other, so that all assignments are treated alike.

Statistics as in `estimators._synthetic`.
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
        ``holdout``: pre-periods held out for ``rmspe_ratio_heldout``; a quarter of them, at
        least one, by default.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights and the statistics above.

    Raises
    ------
    UnsupportedError
        If units are weighted, or ``holdout`` leaves no pre-period to fit.
    """
    _options.refuse(check_options(options))
    return _synthetic.estimate(design, assignments, "synthetic_control", weigh, options)


def weigh(block: Design, members: Bools, treated: Floats, window: Bools) -> _synthetic.Mix:
    """Weights that bring the donors nearest to the treated average over a window."""
    solved = [
        _simplex.solve_all(y[:, window], treated[s][:, window], ~members)
        for s, y in enumerate(block.y)
    ]
    return _synthetic.Mix(np.array(solved))
