"""Wild cluster bootstrap-t with the null imposed (WCR), by unit.

Changes W are fitted under the null, tau = c, by their overall mean; each unit's residual is given a
random sign; the t ratio with CRV1 is computed anew, and the own one is ranked among them (Cameron,
Gelbach & Miller 2008, section III.B; "11" in MacKinnon, Nielsen & Webb 2023). On a balanced panel
the regression on W, one row per unit, gives the same as the one on all periods. All draws are one
product of matrices, equal to those of the package wildboottest (a test), and are inverted for the
interval without a search (`_studentised`). docs/methods/wild_bootstrap.md has the rest.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from reformeval.design import Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _build, _changes, _rules, _studentised
from reformeval.inference._ranks import TIE, Hull, attained_rank, gaps_in_words, hull
from reformeval.intervals import Intervals

NAME = "wild_bootstrap"
LEAST = 5
DRAWS = 4_999
SEED = 20_200_301
SPEAKS_OF = "att and steps of `did` and `event_study`"
FLOOR = f"1 ÷ (1 + draws), draws = {DRAWS:,}, or 2 ÷ 2^units where that is fewer"
RULES = (
    _rules.ONE_DATE,
    _rules.EQUAL_WEIGHTS,
    _rules.enough_in_each_arm(
        LEAST, "signs of residuals drawn for so few units reject almost never or far too often"
    ),
    _rules.VARIED,
)


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Bootstrap p-values and intervals of the att and the steps; none for a fit without changes.

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
    found = _build.empty(fit, level)
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        if facts is None or _rules.judge(RULES, facts)[0] == "refused":
            continue
        units = np.concatenate(changes.arms(design, s))
        treated = design.treated[units].astype(np.float64)
        for e in np.flatnonzero(_changes.asked(fit)):
            value = changes.value[s, units, e]
            if np.isfinite(value).all():
                _fill(found, value, treated, s, int(e), level)
    asked = _changes.asked(fit)
    return [_build.intervals(NAME, design, fit, level, RULES, found, asked)]


@lru_cache(maxsize=8)
def signs(units: int) -> Floats:
    """(draws, units) of -1 and 1; all of them where they are no more than `DRAWS`.

    The first row is the sample itself.
    """
    if 2**units <= DRAWS:
        return np.array(list(product((1.0, -1.0), repeat=units)))
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, 2, (DRAWS, units)) * 2.0 - 1.0
    return np.vstack([np.ones(units), drawn])


def ratios(value: Floats, treated: Floats) -> tuple[Floats, Floats]:
    """Give estimates and CRV1 variances (draws,) under every row of `signs`, null tau = 0."""
    moved = signs(len(value)) * (value - value.mean())
    return _estimate(moved, treated), _variance(moved, treated)


def _fill(
    found: _build.Numbers, value: Floats, treated: Floats, s: int, e: int, level: float
) -> None:
    own, own_variance = (f(value[None], treated)[0] for f in (_estimate, _variance))
    if not own_variance > 0:
        return
    estimate, variance = ratios(value, treated)
    t, own_t = np.abs(estimate) / np.sqrt(np.maximum(variance, 1e-300)), abs(own)
    count = len(t)
    rank = int(attained_rank(np.array([count]), level)[0][0])
    # at c = tau + x the residuals are those of value - (tau + x) treated
    v, step = signs(len(value))[1:], float(np.ptp(value))
    # all signs alike: the same t ratio whatever c, of which rounding would leave noise
    alike = np.abs(v.sum(axis=1)) == len(value)
    v = v[~alike]
    at = [value - (own + x) * treated for x in (-step, 0.0, step)]
    moved = [v * (one - one.mean()) for one in at]
    below, base, above = (_variance(one, treated) for one in moved)
    first, last = (_estimate(one, treated) for one in (moved[1], moved[2]))
    quadratic = np.stack(
        [base, (above - below) / (2 * step), (above + below - 2 * base) / (2 * step**2)], axis=1
    )
    low, high = _studentised.accepted(first, (last - first) / step, own_variance, quadratic)
    # each such draw accepts every c, so that as many fewer of the others have to
    left = rank - int(alike.sum())
    everything = Hull(-np.inf, np.inf, ((-np.inf, np.inf),))
    ends = hull(low + own, high + own, left) if left > 0 else everything
    found.std_error[s, e] = np.sqrt(own_variance * len(value) / (len(value) - 2))
    found.low[s, e], found.high[s, e] = ends.low, ends.high
    least = own_t / np.sqrt(own_variance) * (1 - TIE)
    found.p_value[s, e] = (1 + (t[1:] >= least).sum()) / count
    found.floor[s, e] = (1 if count > DRAWS else 2) / count
    found.level[s, e] = 1 - rank / count
    found.note[s, e] = "; ".join(gaps_in_words(ends))


def _estimate(value: Floats, treated: Floats) -> Floats:
    """(draws,) mean of the treated less that of the donors; ``value`` is (draws, units)."""
    mean: Floats = value @ (treated / treated.sum() - (1 - treated) / (1 - treated).sum())
    return mean


def _variance(value: Floats, treated: Floats) -> Floats:
    """(draws,) CRV1 variance up to the small-sample factor, which is the same in every draw."""
    total = np.zeros(len(value))
    for arm in (treated > 0, treated == 0):
        part = value[:, arm]
        total += ((part - part.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / part.shape[1] ** 2
    return total
