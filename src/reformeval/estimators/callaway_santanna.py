"""Callaway and Sant'Anna: each cohort in each period against units that are untreated then.

    ATT(g, t) = (mean_g,t - mean_g,b) - (mean_C,t - mean_C,b)

with C the donors and b the reference of the cohort, its last retained period before anticipation
(Callaway & Sant'Anna 2021, equation 2.8 without covariates). ``donors: never_treated`` compares
with units that never adopt, ``not_yet_treated`` with all that have not adopted by the later of t
and b, anticipation included. Cells are averaged by their number of units; the att is their section
3.1.2's simple average over all treated units and periods. Before adoption ``base_period: varying``
takes the period before t as b instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Design, Floats, Ints
from reformeval.estimators import _library, _options, _staggered
from reformeval.fit import Fit

DONORS = ("never_treated", "not_yet_treated")
BASE = ("universal", "varying")


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options ``donors`` and ``base_period``."""
    return _staggered.check_options(options, {"donors": DONORS, "base_period": BASE})


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate all effects, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date or several.
    assignments
        (assignments, units) adoption indices with the reform's dates; row 0 is the reform.
    options
        ``donors`` (default never_treated) and ``base_period`` (default universal).

    Returns
    -------
    Fit
        Estimands: att, event times, cohorts, cohorts by event time; NaN where there is no donor.
        The covariance is clustered by unit and joint.
    """
    _options.refuse(check_options(options))
    return _staggered.estimate(design, assignments, options, METHOD)


def weights(cohorts: _staggered.Cohorts, options: Mapping[str, Any]) -> _staggered.Weights:
    """Weights on cohorts' means of every cell."""
    donors = options.get("donors", DONORS[0])
    varying = options.get("base_period", BASE[0]) == "varying"
    cells = differences(cohorts, donors, varying=varying)
    return _staggered.Weights(cells, left=lambda means: apart(cells, means), chance=True)


def differences(cohorts: _staggered.Cohorts, donors: str, *, varying: bool = False) -> Floats:
    """Difference in differences of every cell against its reference and its donors."""
    count, length = len(cohorts.starts), len(cohorts.kept)
    out = np.full((count, length, count + 1, length), np.nan)
    kept = np.flatnonzero(cohorts.kept)
    late = np.append(cohorts.starts - cohorts.anticipation, length + 1)
    for g in range(count):
        reference = cohorts.base(g)
        for t in kept if reference >= 0 else ():
            base = reference
            if varying and t < cohorts.starts[g] - cohorts.anticipation:
                earlier = kept[kept < t]
                base = int(earlier[-1]) if earlier.size else -1
            if t == reference and not varying:
                continue
            against = np.arange(count + 1) == count
            if donors == "not_yet_treated":
                against = late > max(t, base)
                against[g] = False
            size = (cohorts.sizes * against).sum()
            if base < 0 or size == 0:
                continue
            share = -cohorts.sizes * against / size
            share[g] += 1.0
            out[g, t] = 0.0
            out[g, t, :, t] += share
            out[g, t, :, base] -= share
    return out


def apart(cells: Floats, means: Floats) -> Floats:
    """Distance of each donor cohort's change from that of all donors, times its weight.

    (cohorts, periods, cohorts + 1), zero for the cohort itself.
    """
    parts = np.einsum("gtck,ck->gtc", np.nan_to_num(cells), means)
    share = np.maximum(-np.nan_to_num(cells), 0.0).max(axis=3)
    out: Floats = np.zeros_like(parts)
    for g in range(len(cells)):
        others = np.arange(cells.shape[2]) != g
        # their parts add up to minus the donors' common change
        out[g][:, others] = parts[g][:, others] - share[g][:, others] * parts[g][:, others].sum(
            axis=1, keepdims=True
        )
    return out


METHOD = _staggered.Method(weights=weights, verify=_library.callaway_santanna)
