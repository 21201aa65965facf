"""Rates of the simulated register: family changes, spells of assistance, arrivals and leaving.

All are monthly and depend on origin, family and age band; the order of codes is that of
`sources.simulated`. They are round numbers of a plausible size, not estimates.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reformeval.sources.simulated import FAMILIES, ORIGINS

Floats = NDArray[np.float64]

FIRST_AGE, END_AGE = 18 * 12, 67 * 12
AGES = END_AGE - FIRST_AGE
_BAND_STARTS = (18, 25, 35, 45, 55)
BANDS = len(_BAND_STARTS)
BAND_OF_AGE = (
    np.searchsorted(_BAND_STARTS, np.arange(FIRST_AGE, END_AGE) // 12, side="right") - 1
).astype(np.int64)

ORIGIN_SHARES = np.array([0.76, 0.09, 0.15])
# Share who come to a municipality of the register as adults, at an age drawn from 18-49.
ARRIVING = np.array([0.05, 0.75, 0.60])
LAST_ARRIVAL = 50 * 12
LEAVING = np.array([0.0006, 0.0030, 0.0012])
MOVING = np.array([0.006, 0.006, 0.003, 0.002, 0.001])

SINGLE, COUPLE, COUPLE_CHILDREN, SINGLE_PARENT = range(4)
WITH_CHILDREN = np.array([False, False, True, True])
NON_WESTERN = 2
_FAMILY_AT_18 = np.array([0.97, 0.02, 0.005, 0.005])
_FAMILY_RATES: dict[tuple[int, int], tuple[float, ...]] = {
    (SINGLE, COUPLE): (0.004, 0.010, 0.006, 0.003, 0.001),
    (SINGLE, SINGLE_PARENT): (0.0003, 0.0008, 0.0004, 0.0001, 0.0),
    (COUPLE, SINGLE): (0.008, 0.004, 0.003, 0.002, 0.001),
    (COUPLE, COUPLE_CHILDREN): (0.003, 0.012, 0.006, 0.0005, 0.0),
    (COUPLE_CHILDREN, COUPLE): (0.0, 0.0, 0.0005, 0.006, 0.02),
    (COUPLE_CHILDREN, SINGLE_PARENT): (0.003, 0.002, 0.0015, 0.001, 0.0005),
    (SINGLE_PARENT, COUPLE_CHILDREN): (0.006, 0.006, 0.005, 0.002, 0.001),
    (SINGLE_PARENT, SINGLE): (0.0, 0.0005, 0.002, 0.008, 0.02),
}
_MORE_BIRTHS = np.array([1.0, 1.0, 1.4])

# Log-odds of entering assistance in a month.
_ENTRY = -6.35
_ENTRY_ORIGIN = np.array([0.0, 0.1, 1.25])
_ENTRY_FAMILY = np.array([0.6, -0.4, 0.0, 1.2])
_ENTRY_BAND = np.array([0.5, 0.3, 0.0, -0.2, -0.7])
ENTRY_AGAIN = 1.8  # within 12 months of the last month of assistance
AGAIN_MONTHS = 12
# Log-odds of leaving it, by months so far: fewer leave the longer a spell has lasted.
SPELL_CAP = 13
EXIT_BY_MONTH = np.array([0.0, -1.0, -1.2, -1.3, -1.6, -1.7, -1.8,
                          -2.0, -2.0, -2.1, -2.1, -2.1, -2.2, -2.2])  # fmt: skip
_EXIT_ORIGIN = np.array([0.0, 0.0, -0.3])
_EXIT_FAMILY = np.array([0.0, 0.1, -0.2, -0.3])


def entry_log_odds() -> Floats:
    """(origins, families, bands) log-odds of entering assistance for who is long without."""
    by_origin, by_family = _ENTRY_ORIGIN[:, None, None], _ENTRY_FAMILY[None, :, None]
    odds: Floats = _ENTRY + by_origin + by_family + _ENTRY_BAND
    return odds


def exit_log_odds() -> Floats:
    """(origins, families) log-odds of leaving, to be added to `EXIT_BY_MONTH`."""
    exits: Floats = _EXIT_ORIGIN[:, None] + _EXIT_FAMILY[None, :]
    return exits


@lru_cache(maxsize=1)
def family_changes() -> Floats:
    """(origins, bands, families, families) probabilities of next month's family, by row."""
    chances = np.zeros((len(ORIGINS), BANDS, len(FAMILIES), len(FAMILIES)))
    for (old, new), rates in _FAMILY_RATES.items():
        births = _MORE_BIRTHS if (old, new) == (COUPLE, COUPLE_CHILDREN) else np.ones(len(ORIGINS))
        chances[:, :, old, new] = births[:, None] * np.array(rates)
    for family in range(len(FAMILIES)):
        chances[:, :, family, family] = 1.0 - chances[:, :, family].sum(axis=-1)
    return chances


@lru_cache(maxsize=1)
def family_by_age() -> Floats:
    """(origins, ages, families) distribution of families at every month of age from 18 on."""
    changes = family_changes()
    shares = np.empty((len(ORIGINS), AGES, len(FAMILIES)))
    shares[:, 0] = _FAMILY_AT_18
    for age in range(1, AGES):
        shares[:, age] = np.einsum("of,ofg->og", shares[:, age - 1], changes[:, BAND_OF_AGE[age]])
    return shares


def arrivals() -> Floats:
    """(origins, ages) probabilities of the age at which a person enters the register."""
    chances = np.zeros((len(ORIGINS), AGES))
    span = LAST_ARRIVAL - FIRST_AGE
    chances[:, :span] = ARRIVING[:, None] / span
    chances[:, 0] += 1.0 - ARRIVING
    return chances


@lru_cache(maxsize=1)
def presence() -> Floats:
    """(origins,) share of the ages 18-66 that a person spends in the register."""
    inflow, present = arrivals(), np.zeros((len(ORIGINS), AGES))
    present[:, 0] = inflow[:, 0]
    for age in range(1, AGES):
        present[:, age] = present[:, age - 1] * (1.0 - LEAVING) + inflow[:, age]
    return np.asarray(present.mean(axis=1))
