"""Two stages (Gardner): unit and period effects from untreated cells, then means of the rest.

The first stage is the regression of `imputation` on untreated cells; the second regresses y_it
less its fitted effects on dummies of what is estimated, so that the points are those of
`imputation` (Gardner 2022). The covariance counts both stages (generalised method of moments), is
clustered by unit, and joint: an average over cohorts or event times has the distance of each cell
from the average in its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.design import Design, Ints
from reformeval.estimators import _library, _options, _staggered, _untreated
from reformeval.fit import Fit

DONORS = ("not_yet_treated",)


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the option ``donors``."""
    return _staggered.check_options(options, {"donors": DONORS})


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate all effects, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date or several.
    assignments
        (assignments, units) adoption indices with the reform's dates; row 0 is the reform.
    options
        ``donors``: not_yet_treated, as the fit uses every untreated cell.

    Returns
    -------
    Fit
        Estimands: att, event times from adoption on, cohorts, cohorts by event time; NaN where no
        unit is untreated. The covariance is clustered by unit and joint.
    """
    _options.refuse(check_options(options))
    return _staggered.estimate(design, assignments, options, METHOD)


def weights(cohorts: _staggered.Cohorts, options: Mapping[str, Any]) -> _staggered.Weights:
    """Weights on cohorts' means of every cell from adoption on."""
    del options
    untreated = _untreated.regress(cohorts)
    cells = _untreated.effects(cohorts, untreated)
    return _staggered.Weights(
        cells,
        left=lambda means: _untreated.left_by_cell(cells, untreated, means),
        pooled=True,
    )


METHOD = _staggered.Method(weights=weights, verify=_library.two_stage, leads=False)
