"""Conley and Taber's test: the estimate among the donors' residuals.

When treated units are few and donors many, the estimate less the effect behaves as a change of a
donor does: W_j less the donors' mean (Conley & Taber 2011, proposition 2). Residuals
of N0 donors around their own mean are a little too small to stand for the estimate and are
multiplied by sqrt((N0 + 1)/(N0 - 1)), or its like with several treated units (`_ranked.inflation`).

    p = (1 + #{j : |r_j| >= |tau|}) / (1 + N0)

docs/methods/conley_taber.md has the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reformeval.design import Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _build, _changes, _ranked, _rules
from reformeval.intervals import Intervals

NAME = "conley_taber"
SPEAKS_OF = "att and steps of `did` and `event_study`"
FLOOR = "1 ÷ (1 + donors); with several treated units 1 ÷ (1 + sets of as many donors)"
RULES = (
    _rules.ONE_DATE,
    _rules.EQUAL_WEIGHTS,
    _rules.VARIED,
    _rules.Rule(
        "refused",
        "no more donors than treated units",
        lambda f: f.donors <= f.treated,
        lambda f: (
            f"{_rules.units(f.donors, 'donor')} for {_rules.units(f.treated, 'treated unit')}: the "
            "residuals of donors stand for the treated, so there must be more of them"
        ),
    ),
    _rules.noisy(", whose residuals stand for the treated: the test rejects too often"),
)


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Ranks among residuals, for the att and the steps; none for a fit that has no changes.

    Parameters
    ----------
    design, fit
        One adoption date, equal weights.
    level
        The configured confidence level; the attained one stands in ``Intervals.level``.
    """
    changes = _changes.of(design, fit)
    if changes is None:
        return []
    found = _ranked.numbers(design, fit, level, residuals(design, changes))
    asked = _changes.asked(fit)
    return [_build.intervals(NAME, design, fit, level, RULES, found, asked)]


def equivalence(design: Design, fit: Fit, margin: Floats) -> Floats:
    """p-value of an effect of at least ``margin`` (series,) in size."""
    changes = _changes.of(design, fit)
    if changes is None:
        return np.full(fit.estimate[:, 0].shape, np.nan)
    return _ranked.equivalence(design, fit, margin, residuals(design, changes))


def residuals(design: Design, changes: _changes.Changes) -> Callable[[int], Floats]:
    """Give the function from a series to its draws (draws, estimands)."""

    def of_series(s: int) -> Floats:
        treated, donors = changes.arms(design, s)
        if not 0 < len(treated) < len(donors):
            return np.empty((0, 0))
        value = changes.value[s][donors]
        chosen = _ranked.tuples(len(donors), len(treated), ordered=False)
        around = (value - value.mean(axis=0))[chosen].mean(axis=1)
        drawn: Floats = around * _ranked.inflation(len(treated), len(donors))
        return drawn

    return of_series
