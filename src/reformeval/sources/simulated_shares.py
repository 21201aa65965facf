"""Expected sizes of the four cells that an effect is planted on, and the effect of the fourth.

The process of families and assistance is run forward as a distribution from the age of 18,
with the rates of `sources.simulated_rates` and all cities alike. Births are spread evenly, so the
sum over ages is the expected stock of residents in any month.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from reformeval.sources import simulated_rates as rates
from reformeval.sources.simulated import CELLS, ORIGINS, REMAINDER, Planted

Floats = NDArray[np.float64]


def cell_of(with_children: NDArray[np.bool_], non_western: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index into `CELLS` of persons with these traits."""
    return np.where(with_children, 0, 2) + np.where(non_western, 0, 1)


@lru_cache(maxsize=8)
def expected_shares(history_months: int) -> tuple[float, ...]:
    """Shares of the cells among residents who had assistance in the last months, as `CELLS`.

    Parameters
    ----------
    history_months
        Assistance in at least one of this many months, the current one included.
    """
    stock = expected_stock(memory_for(history_months))
    spells, off = stock[:, :, -rates.SPELL_CAP :], stock[:, :, 1:history_months]
    mass = spells.sum(axis=2) + off.sum(axis=2)
    mass *= (rates.ORIGIN_SHARES / rates.presence())[:, None]
    cells = cell_of(
        np.broadcast_to(rates.WITH_CHILDREN, mass.shape),
        np.broadcast_to((np.arange(len(ORIGINS)) == rates.NON_WESTERN)[:, None], mass.shape),
    )
    totals = np.bincount(cells.ravel(), weights=mass.ravel(), minlength=len(CELLS))
    return tuple((totals / totals.sum()).tolist())


def employment_effects(planted: Planted) -> Floats:
    """Effects on the chance of being employed by cell, as `CELLS`; 0.01 is one point.

    The remaining cell gets -Σ share·effect / share of the remainder over the other cells, so
    that the expected effect on all who are hit is zero.
    """
    effects = np.array([planted.employed.get(cell, 0.0) for cell in CELLS]) / 100  # type: ignore[call-overload]
    shares = np.array(expected_shares(planted.history_months))
    rest = CELLS.index(REMAINDER)
    effects[rest] = -(shares @ effects) / shares[rest]
    return effects


def memory_for(history_months: int) -> int:
    """Months since the last month of assistance that must be told apart."""
    return max(rates.AGAIN_MONTHS, history_months)


@lru_cache(maxsize=8)
def expected_stock(memory: int) -> Floats:
    """Compute expected residents per birth, (origins, families, states), summed over ages.

    States are: long without assistance, 1..memory months since the last month of it, and 1..13
    months into a spell (the last: 13 or more).
    """
    states = 1 + memory + rates.SPELL_CAP
    now = np.zeros((len(ORIGINS), len(rates.WITH_CHILDREN), states))
    total = np.zeros_like(now)
    inflow, families = rates.arrivals(), rates.family_by_age()
    changes, stay = rates.family_changes(), (1.0 - rates.LEAVING)[:, None, None]
    again = np.zeros(1 + memory)
    again[1 : rates.AGAIN_MONTHS + 1] = rates.ENTRY_AGAIN
    enter = expit(rates.entry_log_odds()[..., None] + again)
    leave = expit(rates.exit_log_odds()[..., None] + rates.EXIT_BY_MONTH[1:])
    for age in range(rates.AGES):
        band = rates.BAND_OF_AGE[age]
        now = np.einsum("ofs,ofg->ogs", now * stay, changes[:, band])
        now[:, :, 0] += inflow[:, age, None] * families[:, age]
        now = _month(now, enter[:, :, band], leave, memory)
        total += now
    return total


def _month(now: Floats, enter: Floats, leave: Floats, memory: int) -> Floats:
    """Move the distribution over states one month on."""
    off, spells = now[..., : 1 + memory], now[..., 1 + memory :]
    out = np.zeros_like(now)
    still_off = off * (1.0 - enter)
    out[..., 0] = still_off[..., 0] + still_off[..., memory]
    out[..., 1] = (spells * leave).sum(axis=-1)
    out[..., 2 : 1 + memory] = still_off[..., 1:memory]
    out[..., 1 + memory] = (off * enter).sum(axis=-1)
    on = spells * (1.0 - leave)
    out[..., 2 + memory :] = on[..., :-1]
    out[..., -1] += on[..., -1]
    return out
