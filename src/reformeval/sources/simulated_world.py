"""What all persons of a simulated register share: the calendar, and shocks to municipalities.

Levels, serially correlated shocks and the local strength of the pandemic are drawn per seed and
have mean zero over the municipalities, so that which of them is treated says nothing about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reformeval import periods
from reformeval.sources.simulated import SimulatedSource

Floats = NDArray[np.float64]

PERSISTENCE = 0.9
_PANDEMIC = 2020 * 12 + 2  # March 2020 as a number of months


@dataclass(frozen=True)
class Size:
    """How much one quantity differs between municipalities, and the pandemic's part in it."""

    level: float
    shock: float
    covid: float
    country: float


# employed: probability; entry, exit: log-odds; earnings, benefit: logarithm.
SIZES = {
    "employed": Size(0.020, 0.006, 0.010, -0.035),
    "entry": Size(0.12, 0.05, 0.06, 0.20),
    "exit": Size(0.08, 0.03, 0.04, -0.10),
    "earnings": Size(0.030, 0.006, 0.004, -0.010),
    "benefit": Size(0.050, 0.015, 0.0, 0.0),
}


@dataclass(frozen=True, eq=False)
class World:
    """The calendar and the municipalities of one seed.

    Attributes
    ----------
    months
        Numbers of all months, burn-in included; a month's number is year × 12 + month − 1.
    burn_in
        How many of them come before the register.
    start, history
        Indices into ``months`` of the first month with an effect, and of the month up to which
        assistance makes a person one who is hit.
    treated
        Index of the treated municipality.
    sizes
        (cities,) shares of the population.
    shifts
        By quantity (months, cities): what is added in a municipality and a month.
    """

    months: NDArray[np.int64]
    burn_in: int
    start: int
    history: int
    treated: int
    sizes: Floats
    shifts: dict[str, Floats]


def draw_world(source: SimulatedSource, seed: np.random.SeedSequence) -> World:
    """Draw levels, shocks and exposures of all municipalities, ordered as `source.cities`."""
    rng = np.random.default_rng(seed)
    first, last = (periods.number(p, "month") for p in source.period_range())
    months = np.arange(first - source.burn_in, last + 1)
    populations = np.array([c.population for c in source.cities.values()], dtype=np.float64)
    pandemic = pandemic_course(months)
    return World(
        months=months,
        burn_in=source.burn_in,
        start=_index(months, source.planted.start),
        history=_index(months, source.planted.history_until),
        treated=list(source.cities).index(source.planted.unit),
        sizes=populations / populations.sum(),
        shifts={
            name: _shifts(size, pandemic, len(populations), source, rng)
            for name, size in SIZES.items()
        },
    )


def _index(months: NDArray[np.int64], month: str) -> int:
    return periods.number(periods.parse(month, "month"), "month") - int(months[0])


def pandemic_course(months: NDArray[np.int64]) -> Floats:
    """Strength of the pandemic by month: 1 in its first, fading, with a second winter."""
    since = months - _PANDEMIC
    course = np.exp(-since.clip(0) / 9.0) + 0.35 * np.exp(-(((since - 11) / 3.0) ** 2))
    strength: Floats = np.where(since >= 0, course, 0.0)
    return strength


def _shifts(
    size: Size,
    pandemic: Floats,
    cities: int,
    source: SimulatedSource,
    rng: np.random.Generator,
) -> Floats:
    level, exposure = rng.standard_normal((2, cities))
    paths = rng.standard_normal((len(pandemic), cities))
    for month in range(1, len(pandemic)):
        paths[month] *= np.sqrt(1.0 - PERSISTENCE**2)
        paths[month] += PERSISTENCE * paths[month - 1]
    local: Floats = size.level * _centred(level) + size.shock * _centred(paths)
    local += size.covid * pandemic[:, None] * _centred(exposure)
    return source.city_variation * local + source.covid * size.country * pandemic[:, None]


def _centred(draws: Floats) -> Floats:
    """Take out the mean over cities, the last axis."""
    centred: Floats = draws - draws.mean(axis=-1, keepdims=True)
    return centred
