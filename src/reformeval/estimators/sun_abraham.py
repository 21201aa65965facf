"""Sun and Abraham: cohorts by event time in one regression, against units that never adopt.

    y_it = unit_i + period_t + sum_g sum_e d(g, e) 1{i adopts in g} 1{t - g = e} + u_it

without e = -(anticipation + 1), the reference (Sun & Abraham 2021, equation 26). On a complete
panel d(g, e) is the difference in differences of cohort g against never-treated units. Event times
average the cohorts by their number of units, the att averages all treated units and periods. The
covariance is CRV1 by unit, the cohorts' shares taken as given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.design import Design, Ints
from reformeval.estimators import _library, _options, _staggered
from reformeval.estimators.callaway_santanna import differences
from reformeval.fit import Fit

DONORS = ("never_treated",)


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the option ``donors``."""
    return _staggered.check_options(options, {"donors": DONORS})


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate all effects, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date or several, and units that never adopt.
    assignments
        (assignments, units) adoption indices with the reform's dates; row 0 is the reform.
    options
        ``donors``: never_treated.

    Returns
    -------
    Fit
        Estimands: att, event times, cohorts, cohorts by event time. The covariance is clustered by
        unit and joint.
    """
    _options.refuse(check_options(options))
    return _staggered.estimate(design, assignments, options, METHOD)


def weights(cohorts: _staggered.Cohorts, options: Mapping[str, Any]) -> _staggered.Weights:
    """Weights on cohorts' means of every cell, and the regression's small-sample factor."""
    del options
    periods = int(cohorts.kept.sum())
    used = sum(cohorts.base(g) >= 0 for g in range(len(cohorts.starts)))
    factor = _staggered.small_sample(cohorts, used * (periods - 1) + periods)
    return _staggered.Weights(differences(cohorts, "never_treated"), factor=factor)


METHOD = _staggered.Method(weights=weights, verify=_library.sun_abraham)
