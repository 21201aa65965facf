"""Ferman and Pinto's test: donors' residuals rescaled to the treated unit's variance.

A unit's change is an average over its persons, so its variance is part common shock, part sampling:
Var(W_j) = A + B / n_j, n_j the mean number of persons before the reform. A and B are the least
squares fit of the donors' squared residuals on 1 and 1/n_j with both coefficients not negative; the
residual of donor j is brought from its own variance to that of the estimate before the estimate is
ranked among them (Ferman & Pinto 2019, who multiply by sqrt(v_1 / v_j): with few donors the
variance of their mean counts as well). Without the rescaling it is `conley_taber`, whose rows
stand beside these; the check `cell_size_variance` shows the fit. The page is
docs/methods/ferman_pinto.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reformeval.design import Bools, Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _build, _changes, _ranked, _rules, conley_taber
from reformeval.intervals import Intervals

NAME = "ferman_pinto"
SPEAKS_OF = conley_taber.SPEAKS_OF
FLOOR = conley_taber.FLOOR
FEWER = 1.25


def _who_has(treated: int) -> str:
    return "the treated unit has" if treated == 1 else f"the {treated} treated units have"


RULES = (
    *(rule for rule in conley_taber.RULES if rule.status == "refused"),
    _rules.Rule(
        "refused",
        "the persons behind a unit are not known, or none",
        lambda f: not f.sizes,
        lambda _: (
            "the persons behind the units before the reform are not known: the variance cannot be "
            "related to them"
        ),
    ),
    _rules.Rule(
        "refused",
        "fewer than 5 donors",
        lambda f: f.donors < 5,
        lambda f: (
            f"{_rules.units(f.donors, 'donor')} cannot show how the variance falls with size: it "
            "takes 5"
        ),
    ),
    _rules.Rule(
        "warn",
        f"the treated unit has more than {FEWER:g} times fewer persons than donors (harmonic mean)",
        lambda f: bool(f.fewer > FEWER),
        lambda f: (
            f"{_who_has(f.treated)} {f.fewer:.1f} times fewer persons than donors (harmonic "
            "mean): how much noisier that is rests on few squared residuals, and the test rejects "
            "too often (measured for 2 times fewer: 22 % of true nulls at 10 % with 9 donors, 8 % "
            "at 4 % with 24)"
        ),
    ),
)


@dataclass(frozen=True, eq=False)
class Variance:
    """The fit of squared residuals on 1 and 1/n, per estimand.

    Attributes
    ----------
    common, sampling
        (estimands,) A and B, not negative.
    treated, donors
        (treated units, estimands) and (donors, estimands) predicted variances.
    r2
        (estimands,) share of the squared residuals' variation that the fit explains.
    """

    common: Floats
    sampling: Floats
    treated: Floats
    donors: Floats
    r2: Floats


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Ranks among rescaled residuals, for the att and steps; none for a fit without changes.

    Parameters
    ----------
    design, fit
        One adoption date, equal weights, with persons per cell.
    level
        The configured confidence level; the attained one stands in ``Intervals.level``.
    """
    changes = _changes.of(design, fit)
    if changes is None:
        return []
    found = _ranked.numbers(design, fit, level, _rescaled(design, fit, changes))
    asked = _changes.asked(fit)
    return [_build.intervals(NAME, design, fit, level, RULES, found, asked)]


def equivalence(design: Design, fit: Fit, margin: Floats) -> Floats:
    """p-value of an effect of at least ``margin`` (series,) in size."""
    changes = _changes.of(design, fit)
    if changes is None:
        return np.full(fit.estimate[:, 0].shape, np.nan)
    return _ranked.equivalence(design, fit, margin, _rescaled(design, fit, changes))


def variance(design: Design, fit: Fit, s: int) -> Variance | None:
    """Fit the donors' squared residuals of a series; None where that cannot be done."""
    changes = _changes.of(design, fit)
    if changes is None or design.n is None:
        return None
    treated, donors = changes.arms(design, s)
    before = design.usable(s)[1] & design.in_pre
    persons = design.n[s][:, before]
    known = np.concatenate([treated, donors])
    if len(donors) < 3 or not (len(treated) and before.any() and (persons[known] > 0).all()):
        return None
    return _fitted(
        changes.value[s][donors],
        1 / persons[donors].mean(axis=1),
        1 / persons[treated].mean(axis=1),
        _changes.asked(fit),
    )


def _fitted(value: Floats, inverse: Floats, inverse_treated: Floats, asked: Bools) -> Variance:
    from scipy.optimize import nnls

    squares = (value - value.mean(axis=0)) ** 2
    count = squares.shape[1]
    coefficients = np.full((2, count), np.nan)
    scale = inverse.mean()
    system = np.column_stack([np.ones(len(inverse)), inverse / scale])
    for e in np.flatnonzero(asked):
        size = squares[:, e].max()
        if np.isfinite(size) and size > 0:
            coefficients[:, e] = nnls(system, squares[:, e] / size)[0] * size
    common, sampling = coefficients[0], coefficients[1] / scale
    donors = common + np.outer(inverse, sampling)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = ((squares - donors) ** 2).sum(axis=0)
        r2 = 1 - left / ((squares - squares.mean(axis=0)) ** 2).sum(axis=0)
    return Variance(common, sampling, common + np.outer(inverse_treated, sampling), donors, r2)


def _rescaled(design: Design, fit: Fit, changes: _changes.Changes) -> Callable[[int], Floats]:
    """Give the function from a series to its draws (draws, estimands)."""

    def of_series(s: int) -> Floats:
        treated, donors = changes.arms(design, s)
        found = variance(design, fit, s)
        if found is None or not 0 < len(treated) < len(donors):
            return np.empty((0, 0))
        value = changes.value[s][donors]
        chosen = _ranked.tuples(len(donors), len(treated), ordered=len(treated) > 1)
        roots, count = np.sqrt(found.treated), len(donors)
        mean = found.donors.sum(axis=0) / count**2  # variance of the donors' mean
        with np.errstate(invalid="ignore", divide="ignore"):
            unit = (value - value.mean(axis=0)) / np.sqrt(found.donors * (1 - 2 / count) + mean)
            # residuals of two donors are correlated by -1 / (N0 - 1) where donors are alike
            cross = (roots.sum(axis=0) ** 2 - found.treated.sum(axis=0)) / (count - 1)
            own = found.treated.sum(axis=0) + len(treated) ** 2 * mean
            stretch = np.sqrt(own / (found.treated.sum(axis=0) - cross))
        drawn: Floats = (unit[chosen] * roots).mean(axis=1) * stretch
        return drawn

    return of_series
