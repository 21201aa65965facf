"""Exact t test with G - 2 degrees of freedom, for normal changes of equal variance.

With one change W_j per unit (mean after less mean before) and G = G1 + G0 units, the estimate is
the coefficient of a dummy in a regression of W on it and a constant. If the W_j are independent and
normal with one variance,

    t = tau / (s sqrt(1/G1 + 1/G0)),   s^2 = sum of squared deviations from the arm means / (G - 2)

is exactly t(G - 2), however few units are treated (Donald & Lang 2007, for groups' means).
docs/methods/t_few.md has the rest.
"""

from __future__ import annotations

import numpy as np

from reformeval.design import Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _build, _changes, _rules, _student
from reformeval.intervals import Intervals

NAME = "t_few"
SPEAKS_OF = "att and steps of `did` and `event_study`"
FLOOR = "0"
RULES = (
    _rules.ONE_DATE,
    _rules.EQUAL_WEIGHTS,
    _rules.VARIED,
    _rules.Rule(
        "refused",
        "fewer than 3 donors",
        lambda f: f.donors < 3,
        lambda f: f"{_rules.units(f.donors, 'donor')} cannot give a variance: it takes 3",
    ),
    _rules.noisy(", and the test takes variances as equal: it rejects too often"),
)


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """T intervals of the att and the steps; none for a fit that has no changes.

    Parameters
    ----------
    design, fit
        One adoption date, equal weights.
    level
        Confidence level.
    """
    changes = _changes.of(design, fit)
    if changes is None:
        return []
    error, df = _errors(design, fit, changes)
    found = _student.numbers(fit, error, df, level)
    asked = _changes.asked(fit)
    return [_build.intervals(NAME, design, fit, level, RULES, found, asked)]


def equivalence(design: Design, fit: Fit, margin: Floats) -> Floats:
    """Two one-sided t tests against ``margin`` (series,); NaN where there is no standard error."""
    changes = _changes.of(design, fit)
    if changes is None:
        return np.full(fit.estimate[:, 0].shape, np.nan)
    return _student.equivalence(fit, *_errors(design, fit, changes), margin)


def _errors(design: Design, fit: Fit, changes: _changes.Changes) -> tuple[Floats, Floats]:
    """Give standard errors (series, estimands) and degrees of freedom (series,)."""
    error = np.full(fit.estimate[:, 0].shape, np.nan)
    df = np.full(len(error), np.nan)
    for s in range(len(error)):
        arms = changes.arms(design, s)
        sizes = [len(arm) for arm in arms]
        df[s] = sum(sizes) - 2
        if min(sizes) > 0 and df[s] > 0:
            values = [changes.value[s][arm] for arm in arms]
            squares = sum(((v - v.mean(axis=0)) ** 2).sum(axis=0) for v in values)
            error[s] = np.sqrt(squares / df[s] * (1 / sizes[0] + 1 / sizes[1]))
    return error, df
