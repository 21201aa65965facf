"""Imputation (Borusyak, Jaravel and Spiess): treated cells less what they would have been.

What a cell would have been is fitted on untreated cells alone, of all units,

    y_it = unit_i + period_t + u_it        for t before i adopts and anticipates,

and effects are means of y_it less the fitted value over treated cells (Borusyak, Jaravel & Spiess
2024, theorem 2). The covariance is theirs (equation 8), clustered by unit, with effects averaged
by cohort and period. There are no effects before adoption: those cells are in the fit.
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
        cells, left=lambda means: _untreated.left_by_cell(cells, untreated, means)
    )


METHOD = _staggered.Method(weights=weights, verify=_library.imputation, leads=False)
