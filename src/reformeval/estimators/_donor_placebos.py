"""Placebos among donors alone: the placebo variance of synthetic DiD.

Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021), Algorithm 4: as many donors as there are
treated units are given the reform's dates, the treated units are left out altogether, and the
variance is that of the estimates,

    V = (1/B) sum_b (tau_b - mean of tau)^2.

Every way of choosing the donors counts where there are few enough, otherwise ways drawn at random.
Chance goes by how far the donors' outcomes are from their mean and not by names or places, so that
V does not depend on what units are called, nor on the outcome's unit of measurement and its sign.
"""

from __future__ import annotations

import numpy as np

from reformeval.assignments import ways
from reformeval.design import Design, Floats, Ints

LEFT_OUT = -2  # neither treated nor a donor
SEED = 20_211_201


def rows(block: Design, s: int) -> Ints:
    """(placebos, units) adoption indices, treated units `LEFT_OUT`.

    None where fewer than two donors would be left to compare with.
    """
    donors = np.flatnonzero(~block.treated)
    own = np.sort(block.adopted[block.treated])
    if len(donors) < len(own) + 2:
        return np.empty((0, len(block.units)), dtype=np.int64)
    order = donors[_by_distance(block.y[s][donors][:, ~block.excluded])]
    dates = np.concatenate([own, np.full(len(donors) - len(own), -1, dtype=np.int64)])
    given = ways(dates, SEED)
    out = np.full((len(given), len(block.units)), LEFT_OUT, dtype=np.int64)
    out[:, order] = given
    return out


def _by_distance(outcomes: Floats) -> Ints:
    """Order units by how far they are from the mean of all in the first period, then the next."""
    apart = np.abs(outcomes - outcomes.mean(axis=0))
    rounded = np.round(apart / (apart.max() or 1.0), 9)  # the same whatever is added to all
    return np.lexsort(rounded.T[::-1])


def covariance(estimates: Floats) -> Floats:
    """(estimands, estimands) covariance of placebos' estimates; NaN where there are none."""
    if not len(estimates):
        return np.full((estimates.shape[1],) * 2, np.nan)
    apart = estimates - estimates.mean(axis=0)
    return np.asarray(apart.T @ apart / len(estimates))
