"""Two-way fixed effects of untreated cells, on cohorts' means: what imputation rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformeval.design import Bools, Floats
from reformeval.estimators._staggered import Cohorts

_TINY = 1e-8


@dataclass(frozen=True, eq=False)
class Untreated:
    """The regression of untreated cells on cohort and period effects, weighted by units.

    On a complete panel it gives the same period effects, and per cohort the same mean of unit
    effects, as the regression of units' cells on unit and period effects.

    Attributes
    ----------
    fitted
        (cohorts + 1, periods, cohorts + 1, periods) weights on cohorts' means of what a cell would
        have been; NaN where the untreated cells do not tell.
    used
        (cohorts + 1, periods) untreated cells, retained and with units in them.
    """

    fitted: Floats
    used: Bools

    def left(self, means: Floats) -> Floats:
        """(cohorts + 1, periods) what the regression leaves over of the untreated cells."""
        fitted = np.einsum("gtck,ck->gt", np.nan_to_num(self.fitted), means)
        return np.where(self.used, means - fitted, 0.0)


def regress(cohorts: Cohorts) -> Untreated:
    """Weights of the regression, and where it tells what a cell would have been."""
    count, length = cohorts.before.shape
    used = cohorts.before & (cohorts.sizes > 0)[:, None]
    rows = np.zeros((count, length, count + length))
    rows[np.arange(count), :, np.arange(count)] = 1.0
    rows[:, np.arange(length), count + np.arange(length)] = 1.0
    flat, cells = rows.reshape(count * length, -1), used.ravel()
    size = np.repeat(cohorts.sizes, length)[cells].astype(np.float64)
    X = flat[cells]
    inverse = np.linalg.pinv((X * size[:, None]).T @ X, hermitian=True)
    known = np.abs(flat - flat @ inverse @ ((X * size[:, None]).T @ X)).max(axis=1) < _TINY
    out = np.zeros((count * length, count * length))
    out[:, cells] = flat @ inverse @ (X * size[:, None]).T
    out[~known] = np.nan
    return Untreated(out.reshape(count, length, count, length), used)


def effects(cohorts: Cohorts, untreated: Untreated) -> Floats:
    """(cohorts, periods, cohorts + 1, periods) weights of treated cells less what is fitted."""
    out = -untreated.fitted[:-1]
    g, t = np.indices(out.shape[:2])
    out[g, t, g, t] += 1.0
    out[~cohorts.after[:-1]] = np.nan
    return out


def left_by_cell(cells: Floats, untreated: Untreated, means: Floats) -> Floats:
    """(cohorts, periods, cohorts + 1) what the regression leaves over, by cell and cohort."""
    out: Floats = np.einsum("gtck,ck->gtc", np.nan_to_num(cells), untreated.left(means))
    return out
