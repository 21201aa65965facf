"""Local projections (LP-DiD): one regression of a long difference per event time.

    y_i,g+e - y_i,b = period effect + d(e) 1{i adopts in g} + u,     donors untreated up to g + e

with b the reference of cohort g (Dube, Girardi, Jordà & Taylor 2025, equation 9). ``weighting:
equal`` is their reweighted form, in which every treated unit counts alike; ``variance`` is least
squares, in which a cohort g counts by n_g n_C / (n_g + n_C), n_C its donors. The att averages all
event times from adoption on by their treated units. There are no effects by cohort: that would be
`callaway_santanna` with the same donors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Design, Floats, Ints
from reformeval.estimators import _library, _options, _staggered
from reformeval.estimators.callaway_santanna import apart, differences
from reformeval.fit import Fit

DONORS = ("not_yet_treated", "never_treated")
WEIGHTING = ("equal", "variance")


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options ``donors`` and ``weighting``."""
    return _staggered.check_options(options, {"donors": DONORS, "weighting": WEIGHTING})


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the att and all event times, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date or several.
    assignments
        (assignments, units) adoption indices with the reform's dates; row 0 is the reform.
    options
        ``donors`` (default not_yet_treated) and ``weighting`` (default equal).

    Returns
    -------
    Fit
        Estimands: att and event times. The covariance is clustered by unit and joint.
    """
    _options.refuse(check_options(options))
    return _staggered.estimate(design, assignments, options, METHOD)


def weights(cohorts: _staggered.Cohorts, options: Mapping[str, Any]) -> _staggered.Weights:
    """Weights on cohorts' means of every cell, and of cells in averages."""
    cells = differences(cohorts, options.get("donors", DONORS[0]))
    average = None
    if options.get("weighting", WEIGHTING[0]) == "variance":
        average = _variance(cohorts, cells)
    return _staggered.Weights(
        cells, average=average, left=lambda means: apart(cells, means), pooled=True
    )


def _variance(cohorts: _staggered.Cohorts, cells: Floats) -> Floats:
    """(cohorts, periods) n_g n_C / (n_g + n_C): the variance of treatment, times the units."""
    donors = (np.nan_to_num(cells).min(axis=3) < 0) * cohorts.sizes
    for g in range(len(cells)):
        donors[g, :, g] = 0
    others = donors.sum(axis=2)
    own = cohorts.sizes[:-1, None]
    return np.asarray(own * others / (own + others))


METHOD = _staggered.Method(weights=weights, verify=_library.local_projections, cohorts=False)
