"""Normal intervals with the placebo variance of synthetic DiD.

Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021), Algorithm 4 and section IV: tau +- z sqrt(V),
V the variance of placebos among the donors (`estimators._donor_placebos`). V takes the treated
units to vary as the donors do, and z that their mean is normal. docs/methods/placebo_variance.md
has the rest.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from reformeval.design import Design, Floats
from reformeval.evidence import behind
from reformeval.fit import Fit
from reformeval.inference import _build, _rules, _student
from reformeval.intervals import Intervals

NAME = "placebo_variance"
SPEAKS_OF = "`synthetic_did`: att, and cohorts of staggered reforms"
FLOOR = "0"
MANY = 10
# Measured at a nominal 5 % with one treated unit and noise alike in all units: below the first a
# test rejects twice as often as it says, from the second on 1.25 times (docs, and a test).
LEAST, ENOUGH = 15, 40


def false_rejection(treated: int, donors: int, alpha: float) -> float:
    """Share of true nulls that the test rejects at the least, by the number of donors alone.

    Fitted weights add to it. With equal weights and normal changes alike in all units, V over all
    choices of donors is s^2 (1/N1 + 1/(N0 - N1)), s^2 the donors' sample variance, while the
    estimate's variance is sigma^2 (1/N1 + 1/N0): the ratio of the two is a t with N0 - 1 degrees
    of freedom, rescaled.

    Examples
    --------
    >>> [round(false_rejection(1, donors, 0.05), 3) for donors in (6, 9, 24, 99)]
    [0.104, 0.084, 0.062, 0.053]
    """
    ratio = (1 / treated + 1 / (donors - treated)) / (1 / treated + 1 / donors)
    critical = stats.norm.isf(alpha / 2) * ratio**0.5
    return float(2 * stats.t.sf(critical, donors - 1))


def _why(f: _rules.Facts) -> str:
    rate = false_rejection(f.treated, f.donors, f.alpha)
    return (
        f"with {_rules.units(f.donors, 'donor')} a z test at {100 * f.alpha:g} % rejects at least "
        f"{100 * rate:.1f} % of true nulls, even where noise is normal and alike in all units"
    )


def _few(treated: int) -> str:
    return (
        f"{_rules.units(treated, 'treated unit')}: the interval takes their noise to be normal and "
        "like the donors', which so few cannot show"
    )


RULES = (
    _rules.Rule(
        "refused",
        "fewer than two donors more than treated units",
        lambda f: f.donors < f.treated + 2,
        lambda f: (
            f"{_rules.units(f.treated, 'treated unit')} and {_rules.units(f.donors, 'donor')}: as "
            "many donors as treated units play their part, and two must be left to compare with"
        ),
    ),
    _rules.Rule(
        "refused", f"fewer than {LEAST} donors", lambda f: f.treated + 2 <= f.donors < LEAST, _why
    ),
    _rules.Rule(
        "warn", f"fewer than {ENOUGH} donors", lambda f: f.treated + 2 <= f.donors < ENOUGH, _why
    ),
    _rules.Rule(
        "warn",
        f"fewer than {MANY} treated units",
        lambda f: f.treated < MANY,
        lambda f: _few(f.treated),
    ),
    _rules.noisy(": the interval is too narrow"),
)


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Give normal intervals; none for a fit without placebos among donors alone.

    Parameters
    ----------
    design, fit
        One adoption date or several.
    level
        Confidence level.
    """
    if fit.placebo_covariance is None:
        return []
    error = _errors(fit)
    found = _student.numbers(fit, error, np.full(len(error), np.inf), level)
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        for e, estimand in enumerate(fit.estimands if facts is not None else ()):
            units = int(behind(design, fit, s, estimand).any(axis=1).sum())
            if facts is not None and units < min(facts.treated, MANY):
                found.note[s, e] = _few(units)
    speaks = np.ones(len(fit.estimands), dtype=bool)
    return [_build.intervals(NAME, design, fit, level, RULES, found, speaks)]


def equivalence(design: Design, fit: Fit, margin: Floats) -> Floats:
    """Two one-sided z tests against ``margin`` (series,); NaN where there is no variance."""
    del design
    error = _errors(fit)
    return _student.equivalence(fit, error, np.full(len(error), np.inf), margin)


def _errors(fit: Fit) -> Floats:
    """(series, estimands) standard errors; NaN where there is no variance."""
    if fit.placebo_covariance is None:
        return np.full(fit.estimate[:, 0].shape, np.nan)
    variance = np.diagonal(fit.placebo_covariance, axis1=1, axis2=2)
    return np.sqrt(np.where(variance > 0, variance, np.nan))
