"""Each unit's change from before to after: all that a difference of arm means depends on.

``did`` and ``event_study`` estimate every estimand as the treated units' weighted mean of W less
the donors', where W_j is unit j's mean over the estimand's periods less its mean before (the
pre-periods for ``did``, the reference for ``event_study``). Most methods for few treated units are
stated for W. Whether a fit is of this kind is found by computing its estimates from W: an estimator
whose weights depend on the data does not agree, and has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.fit import Estimand, Fit

_AGREEMENT = 1e-8  # of the outcome's largest value
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Changes:
    """W of every unit.

    Attributes
    ----------
    value
        (series, units, estimands); NaN for units left out of a series, for event times, and where
        an estimand has no period.
    """

    value: Floats

    def arms(self, design: Design, s: int) -> tuple[Ints, Ints]:
        """Treated units and donors of a series that have changes, each in the order of names."""
        known = np.isfinite(self.value[s]).any(axis=1)
        order = design.by_name
        treated, donors = (order[(known & arm)[order]] for arm in (design.treated, ~design.treated))
        return treated, donors

    def varied(self, design: Design, s: int) -> bool:
        """Whether donors differ in their change under the first estimand."""
        values = self.value[s, self.arms(design, s)[1], 0]
        size = np.abs(np.nan_to_num(design.y[s])).max()
        return bool(values.size > 1 and np.ptp(values) > _SAME * size)


@lru_cache(maxsize=4)
def of(design: Design, fit: Fit) -> Changes | None:
    """Find the changes behind a fit's att and step estimates; None for a fit of another kind."""
    if fit.unit_weights is not None or np.unique(design.adopted[design.treated]).size != 1:
        return None
    shape = (len(design.series), len(design.units), len(fit.estimands))
    value = np.full(shape, np.nan)
    for s in range(shape[0]):
        if design.problem(s) is None:
            used, kept = design.usable(s)
            before = kept & _base(design, fit)
            for e, estimand in enumerate(fit.estimands):
                window = kept & _window(design, estimand)
                if window.any() and before.any():
                    y = design.y[s][used]
                    value[s, used, e] = y[:, window].mean(axis=1) - y[:, before].mean(axis=1)
    found = Changes(value)
    return found if _agrees(design, fit, found) else None


def asked(fit: Fit) -> Bools:
    """(estimands,) the averages after adoption: the att and the steps."""
    return np.array([e.kind in ("att", "step") for e in fit.estimands])


def _window(design: Design, estimand: Estimand) -> Bools:
    if estimand.kind == "att":
        return design.in_post
    if estimand.kind == "step" and estimand.step is not None:
        return design.step_windows[estimand.step] & design.in_post
    return np.zeros(len(design.periods), dtype=bool)


def _base(design: Design, fit: Fit) -> Bools:
    """Periods of the mean before: with event times, the one that has no coefficient."""
    times = [e.event_time for e in fit.estimands if e.event_time is not None]
    if not times:
        return design.in_pre
    return design.in_pre & ~np.isin(design.event_times, times)


def _agrees(design: Design, fit: Fit, found: Changes) -> bool:
    members = fit.assignments >= 0
    for s in range(len(design.series)):
        used = np.isfinite(found.value[s]).any(axis=1)
        weights = np.where(used, design.unit_weights[s], 0.0)
        value = np.nan_to_num(found.value[s])
        treated, donors = weights * members, weights * ~members
        with np.errstate(invalid="ignore", divide="ignore"):
            means = [arm @ value / arm.sum(axis=1, keepdims=True) for arm in (treated, donors)]
        asked_for = np.isfinite(found.value[s]).any(axis=0) & np.isfinite(fit.estimate[s])
        gap = np.abs(means[0] - means[1] - fit.estimate[s])[asked_for]
        if gap.size and not gap.max() <= _AGREEMENT * np.abs(np.nan_to_num(design.y[s])).max():
            return False
    return bool(np.isfinite(found.value).any())
