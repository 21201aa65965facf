"""Two stages (Gardner): unit and period effects from untreated cells, then means of the rest.

The first stage is the regression of `imputation` on untreated cells; the second regresses y_it
less its fitted effects on dummies of what is estimated, so that the points are those of
`imputation` (Gardner 2022). The covariance counts both stages (generalised method of moments), is
clustered by unit, and joint: an average over cohorts or event times has the distance of each cell
from the average in its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reformeval.design import Design, Ints
from reformeval.estimators import _library, _options, _staggered, imputation
from reformeval.fit import Fit

DONORS = ("not_yet_treated",)


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the option ``donors``: that of `imputation`."""
    return imputation.check_options(options)


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate all effects, for the reform and all placebos at once; as `imputation.estimate`."""
    _options.refuse(check_options(options))
    return _staggered.estimate(design, assignments, options, METHOD)


def weights(cohorts: _staggered.Cohorts, options: Mapping[str, Any]) -> _staggered.Weights:
    """Weights of `imputation`; averages over cells are coefficients of their own."""
    return replace(imputation.weights(cohorts, options), pooled=True)


METHOD = _staggered.Method(weights=weights, verify=_library.two_stage, leads=False)
