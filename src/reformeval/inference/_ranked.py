"""Tests that rank the estimate among draws which stand for it when there is no effect.

p(c) = (1 + #{b : |draw_b| >= |tau - c|}) / (1 + B): never 0, as the estimate itself is one of the
equally likely values. The interval is every c that is not rejected: tau plus and minus the k-th
largest draw, 1 - k/(1 + B) the attained level.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from math import comb, perm

import numpy as np

from reformeval.design import Design, Floats, Ints
from reformeval.fit import Fit
from reformeval.inference import _build, _changes
from reformeval.inference._ranks import TIE, attained_rank, cannot_be_had

MAX_ENUMERATED = 5_000
SAMPLED = 4_999
POWER = 0.8
SEED = 20_200_301

Draws = Callable[[int], Floats]  # series -> (draws, estimands)


def tuples(donors: int, treated: int, *, ordered: bool) -> Ints:
    """(draws, treated) positions of donors that take the treated units' places.

    All of them where there are at most `MAX_ENUMERATED`; otherwise `SAMPLED`, always the same ones.
    """
    count = perm(donors, treated) if ordered else comb(donors, treated)
    if count <= MAX_ENUMERATED:
        every = permutations if ordered else combinations
        return np.array(list(every(range(donors), treated)), dtype=np.int64).reshape(-1, treated)
    rng = np.random.default_rng(SEED)
    return np.array([rng.choice(donors, treated, replace=False) for _ in range(SAMPLED)])


def inflation(treated: int, donors: int) -> float:
    """Find what makes draws of donors' residuals as dispersed as the estimate.

    The mean of ``treated`` donors less the mean of all of them has variance s^2 (1/N1 - 1/N0); the
    estimate, when all units are alike, s^2 (1/N1 + 1/N0). With one treated unit the root of their
    ratio is sqrt((N0 + 1) / (N0 - 1)).
    """
    return float(np.sqrt((donors + treated) / (donors - treated)))


def numbers(design: Design, fit: Fit, level: float, draws: Draws) -> _build.Numbers:
    """Rank every estimate among its draws."""
    found = _build.empty(fit, level)
    asked = np.flatnonzero(_changes.asked(fit))
    for s in range(len(design.series)):
        values = draws(s)
        if not values.size:
            continue
        count = len(values) + 1
        rank, short = (x[0] for x in attained_rank(np.array([count]), level))
        found.floor[s], found.level[s] = 1 / count, 1 - rank / count
        treated = design.counts(s)[0]
        behind = f"{count - 1} donors" if treated == 1 else f"{count - 1} sets of {treated} donors"
        for e in asked:
            own, sizes = fit.estimate[s, 0, e], np.sort(np.abs(values[:, e]))[::-1]
            if not np.isfinite(own) or not np.isfinite(sizes).all():
                continue
            critical = sizes[min(rank, len(sizes)) - 1]
            found.std_error[s, e] = np.sqrt((sizes**2).mean())
            found.low[s, e], found.high[s, e] = own - critical, own + critical
            found.p_value[s, e] = _p(sizes, own, _slack(design, s, own))
            margin = sizes[int(len(sizes) * (1 - (2 * POWER - 1)))]
            found.minimum_detectable[s, e] = critical + margin
            if short:
                found.note[s, e] = cannot_be_had(level, 1 - rank / count, behind, count)
    return found


def equivalence(design: Design, fit: Fit, margin: Floats, draws: Draws) -> Floats:
    """Take the larger p of c = margin and c = -margin where the estimate is between, else 1."""
    out = np.full(fit.estimate[:, 0].shape, np.nan)
    for s in np.flatnonzero(np.isfinite(margin)).tolist():
        values = draws(s)
        for e in np.flatnonzero(_changes.asked(fit)):
            own = fit.estimate[s, 0, e]
            if values.size and np.isfinite(own) and np.isfinite(values[:, e]).all():
                sizes, slack = np.abs(values[:, e]), _slack(design, s, own)
                both = [_p(sizes, own - c, slack) for c in (margin[s], -margin[s])]
                out[s, e] = max(both) if abs(own) < margin[s] else 1.0
    return out


def _p(sizes: Floats, distance: float, slack: float) -> float:
    return float((1 + (sizes >= abs(distance) - slack).sum()) / (1 + len(sizes)))


def _slack(design: Design, s: int, own: float) -> float:
    """By how much two values may differ through rounding and still be tied."""
    return float(TIE * max(abs(own), np.abs(np.nan_to_num(design.y[s])).max()))
