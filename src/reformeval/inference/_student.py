"""Intervals, p-values and equivalence tests from a standard error and Student's t."""

from __future__ import annotations

import numpy as np

from reformeval.design import Floats
from reformeval.fit import Fit
from reformeval.inference._build import Numbers, empty

POWER = 0.8


def numbers(fit: Fit, error: Floats, df: Floats, level: float) -> Numbers:
    """Everything from standard errors (series, estimands) and degrees of freedom (series,)."""
    from scipy import stats

    found = empty(fit, level)
    own, degrees = fit.estimate[:, 0], np.maximum(df, 1)[:, None]
    usable = (error > 0) & np.isfinite(error)
    error = np.where(usable, error, np.nan)
    half = stats.t.ppf(0.5 + level / 2, degrees) * error
    found.std_error[:], found.floor[:] = error, 0.0
    found.low[:], found.high[:] = own - half, own + half
    found.p_value[:] = 2 * stats.t.sf(np.abs(own / error), degrees)
    found.minimum_detectable[:] = half + stats.t.ppf(POWER, degrees) * error
    return found


def equivalence(fit: Fit, error: Floats, df: Floats, margin: Floats) -> Floats:
    """Two one-sided t tests of an effect of at least ``margin`` (series,): (series, estimands)."""
    from scipy import stats

    own, degrees = fit.estimate[:, 0], np.maximum(df, 1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        below = stats.t.sf((own + margin[:, None]) / error, degrees)
        above = stats.t.sf((margin[:, None] - own) / error, degrees)
    larger: Floats = np.maximum(below, above)
    return larger
