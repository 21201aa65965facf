"""Hagemann's rearrangement test for one treated cluster that may be noisier than the others.

With X the treated unit's change less the donors' mean, and x_j the donors' deviations from it, the
one-sided test rejects if (1 - w) X >= max_j x_j. Its weight w in [0, 1] is the smallest for which

    2^-(q+1) + int_0^inf Phi((1-w) rho y)^(q-1) phi(y) dy
             + min_{0<=b<=2} { Phi(w sqrt(q-1) b)^(q-1) + 2 Phi(-q b) }  <=  alpha,

an upper bound of the size when the treated unit's standard deviation is at most rho times that of
all donors but one (Hagemann 2025, algorithm 3.3; the author's own code is the
reference of the tests). Two-sided tests use alpha / 2. Turned round: a finding survives up to the
largest rho for which some w <= 1 - max_j x_j / X keeps the bound. docs/methods/hagemann.md.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from reformeval.design import Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _build, _changes, _rules
from reformeval.intervals import Intervals

NAME = "hagemann"
SPEAKS_OF = "att and steps of `did` and `event_study`"
FLOOR = "the bound at the best w"
_GRID = 2_000  # weights w are multiples of 1 / _GRID


def assumed_ratio(noise: float) -> float:
    """Assume a treated sd at most this many times the donors': as measured, at least as large."""
    return max(1.0, noise) if np.isfinite(noise) else 1.0


def _infeasible(facts: _rules.Facts) -> bool:
    if facts.treated != 1 or facts.donors < 2:
        return False
    return feasible_ratio(facts.donors, facts.alpha / 2) < assumed_ratio(facts.noise)


def _infeasible_reason(facts: _rules.Facts) -> str:
    largest = feasible_ratio(facts.donors, facts.alpha / 2)
    needed = assumed_ratio(facts.noise)
    if largest < 0:
        return (
            f"with {facts.donors} donors no two-sided test at {100 * facts.alpha:g} % is feasible, "
            "however quiet the treated unit is"
        )
    return (
        f"with {facts.donors} donors a two-sided test at {100 * facts.alpha:g} % is feasible only "
        f"if the treated unit's standard deviation is at most {_down(largest):.1f} times the "
        f"donors'; {needed:.1f} times is to be allowed for"
    )


RULES = (
    _rules.ONE_DATE,
    _rules.EQUAL_WEIGHTS,
    _rules.VARIED,
    _rules.Rule(
        "refused",
        "not exactly one treated unit",
        lambda f: f.treated != 1,
        lambda f: f"{_rules.units(f.treated, 'treated unit')}: the test is for one",
    ),
    _rules.Rule(
        "refused",
        "no two-sided test at the configured level is feasible for a treated unit as noisy as "
        "it was before the reform, or as donors if it was quieter",
        _infeasible,
        _infeasible_reason,
    ),
)


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """p-values and intervals at `assumed_ratio`, for the att and steps; none without changes.

    Parameters
    ----------
    design, fit
        One treated unit, equal weights.
    level
        Confidence level.
    """
    changes = _changes.of(design, fit)
    if changes is None:
        return []
    found = _build.empty(fit, level)
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        if facts is None or facts.treated != 1 or facts.donors < 2:
            continue
        ratio = assumed_ratio(facts.noise)
        found.floor[s] = 2 * smallest_p(facts.donors, ratio, 1.0)
        if _rules.judge(RULES, facts)[0] != "refused":
            for e in np.flatnonzero(_changes.asked(fit)):
                _fill(found, design, changes, ratio, s, int(e))
    asked = _changes.asked(fit)
    return [_build.intervals(NAME, design, fit, level, RULES, found, asked)]


def largest_ratio(design: Design, fit: Fit, s: int, e: int, alpha: float) -> float | None:
    """Largest sd ratio at which a one-sided test towards the estimate's sign rejects at ``alpha``.

    Returns
    -------
    None where it rejects at no ratio, or the method does not apply; infinite where it rejects at
    every one.
    """
    changes = _changes.of(design, fit)
    if changes is None or design.treated.sum() != 1 or not np.isfinite(fit.estimate[s, 0, e]):
        return None
    estimate, above, below = _sides(design, changes, s, e)
    weight = _most_weight(estimate, above if estimate > 0 else below)
    if not len(changes.arms(design, s)[1]) > 1 or weight is None:
        return None
    ratios = _ratios(len(changes.arms(design, s)[1]), round(alpha, 12))
    found = float(ratios[: int(weight * _GRID + 1e-9) + 1].max())
    return found if found >= 0 else None


def feasible_ratio(donors: int, alpha: float) -> float:
    """Largest sd ratio for which a one-sided test at ``alpha`` exists; -1 where there is none.

    Examples
    --------
    >>> [round(feasible_ratio(donors, 0.025), 2) for donors in (9, 14)]
    [0.41, 2.48]
    """
    return float(_ratios(donors, round(alpha, 12)).max())


def smallest_p(donors: int, ratio: float, weight: float) -> float:
    """Smallest alpha at which the bound allows some w up to ``weight``, at an sd ratio."""
    return float(_least_bound(donors, ratio)[int(weight * _GRID + 1e-9)])


@lru_cache(maxsize=1_024)
def _least_bound(donors: int, ratio: float) -> Floats:
    """(weights,) least bound of the size over all weights up to each, at an sd ratio."""
    weights = np.arange(_GRID + 1) / _GRID
    bound = 2.0 ** (-donors - 1) + _integral((1 - weights) * ratio, donors) + _excess(donors)
    least: Floats = np.minimum.accumulate(np.minimum(bound, 1.0))
    return least


def _sides(design: Design, changes: _changes.Changes, s: int, e: int) -> tuple[float, float, float]:
    """Estimate, and the largest deviation of a donor above and below the donors' mean."""
    treated, donors = changes.arms(design, s)
    value = changes.value[s][donors, e]
    mean = value.mean()
    own = float(changes.value[s][treated, e].mean() - mean)
    return own, float((value - mean).max()), float((mean - value).max())


def _most_weight(estimate: float, furthest: float) -> float | None:
    """Largest w with (1 - w) |estimate| >= furthest; None if there is none."""
    size = abs(estimate)
    return 1 - furthest / size if size > 0 and furthest <= size else None


def _fill(
    found: _build.Numbers, design: Design, changes: _changes.Changes, ratio: float, s: int, e: int
) -> None:
    estimate, above, below = _sides(design, changes, s, e)
    donors = len(changes.arms(design, s)[1])
    if not np.isfinite(estimate):
        return
    weight = _most_weight(estimate, above if estimate > 0 else below)
    found.p_value[s, e] = 1.0 if weight is None else min(2 * smallest_p(donors, ratio, weight), 1.0)
    used = _smallest_weight(donors, ratio, round((1 - found.level[s, e]) / 2, 12))
    found.low[s, e] = estimate - above / (1 - used)
    found.high[s, e] = estimate + below / (1 - used)


def _smallest_weight(donors: int, ratio: float, alpha: float) -> float:
    """Smallest w that keeps the size at an sd ratio; 1 where none does."""
    allowed = np.flatnonzero(_ratios(donors, alpha) >= ratio)
    return float(allowed[0] / _GRID) if allowed.size else 1.0


@lru_cache(maxsize=64)
def _ratios(donors: int, alpha: float) -> Floats:
    """(weights,) largest sd ratio that each w allows at ``alpha``; -1 where it allows none."""
    ratio = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 3_000)])
    weights = np.arange(_GRID) / _GRID
    left = alpha - 2.0 ** (-donors - 1) - _excess(donors)[:_GRID]
    values = _integral(ratio, donors)
    allowed = np.interp(left, values, ratio, left=-1.0, right=np.inf)
    return np.where(allowed >= 0, allowed / (1 - weights), -1.0)


@lru_cache(maxsize=64)
def _excess(donors: int) -> Floats:
    """(weights,) the part of the bound that does not depend on the sd ratio, least over b."""
    from scipy.special import ndtr

    b = np.linspace(0, 2, 2_001)
    weights = np.arange(_GRID + 1) / _GRID
    grown = ndtr(np.outer(weights, np.sqrt(donors - 1) * b)) ** (donors - 1)
    least: Floats = (grown + 2 * ndtr(-b * donors)).min(axis=1)
    return least


def _integral(ratio: Floats, donors: int) -> Floats:
    """Integrate Phi(ratio y)^(q-1) phi(y) over y > 0, by Gauss-Legendre with y = 9 t^3."""
    from scipy.special import ndtr

    nodes, weights = _gauss_legendre()
    t = (nodes + 1) / 2
    y = 9 * t**3
    density = np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi) * 27 * t**2 * weights / 2
    area: Floats = ndtr(np.multiply.outer(ratio, y)) ** (donors - 1) @ density
    return area


@lru_cache(maxsize=1)
def _gauss_legendre() -> tuple[Floats, Floats]:
    """Nodes and weights on [-1, 1]: finding them takes longer than using them."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights


def _down(value: float) -> float:
    """Round down to one decimal, so that a limit is never overstated."""
    return float(np.floor(10 * value + 1e-9) / 10)
