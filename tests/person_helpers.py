"""Small person panels for the tests of estimators with person effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from design_helpers import make_design

from reformeval.design import Design
from reformeval.register import person_effects
from reformeval.register.person_effects import Sums


@dataclass(frozen=True, eq=False)
class People:
    """Rows of persons, sorted by person and period."""

    person: np.ndarray
    unit: np.ndarray
    period: np.ndarray
    y: np.ndarray
    units: int
    periods: int

    def rows(self, chosen: np.ndarray) -> People:
        """Some of the rows."""
        parts = (part[chosen] for part in (self.person, self.unit, self.period, self.y))
        return People(*parts, self.units, self.periods)

    def sums(self) -> Sums:
        """All rows in one bucket."""
        return person_effects.accumulate(
            self.person, self.unit, self.period, self.y, self.units, self.periods
        )

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean outcome and persons by unit and period."""
        cell = self.unit * self.periods + self.period
        known = ~np.isnan(self.y)
        size = self.units * self.periods
        n = np.bincount(cell[known], minlength=size).astype(float)
        total = np.bincount(cell[known], self.y[known], size)
        with np.errstate(invalid="ignore"):
            return (total / n).reshape(self.units, -1), n.reshape(self.units, -1)

    def frame(self) -> pl.DataFrame:
        """Rows with a known outcome."""
        columns = {"person": self.person, "unit": self.unit, "period": self.period, "y": self.y}
        return pl.DataFrame(columns).filter(pl.col("y").is_not_nan())


def people(
    seed: int,
    persons: int = 300,
    units: int = 12,
    periods: int = 10,
    *,
    absent: float = 0.2,
    missing: float = 0.05,
    moving: float = 0.0,
) -> People:
    """Draw persons who are absent by chance, some often, and move to another unit by chance."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(persons), periods)
    period = np.tile(np.arange(periods), persons)
    home = np.concatenate([np.arange(units), rng.integers(0, units, persons - units)])
    elsewhere = rng.integers(0, units, persons)
    moves = np.where(rng.random(persons) < moving, rng.integers(1, periods, persons), periods)
    unit = np.where(period < np.repeat(moves, periods), home[person], elsewhere[person])
    level = 3 * rng.normal(size=persons)[person] + rng.normal(size=units)[unit]
    trend = 0.3 * rng.normal(size=(units, periods)).cumsum(axis=1)[unit, period]
    y = level + trend + rng.normal(size=len(person))
    y[rng.random(len(y)) < missing] = np.nan
    often = absent * 2 * rng.random(persons)
    # the first person of every unit is always there, so that no cell is empty
    present = (rng.random(len(y)) >= often[person]) | (person < units)
    y[person < units] = np.nan_to_num(y[person < units])
    return People(person, unit, period, y, units, periods).rows(present)


def person_design(
    data: People,
    adoption: int,
    treated: Sequence[int] = (0,),
    *,
    anticipation: int = 0,
    by_persons: bool = False,
) -> Design:
    """Design of the cell means, with the sums over persons."""
    y, n = data.means()
    weights = n[None, :, : adoption - anticipation].mean(axis=2) if by_persons else None
    design = make_design(y, adoption, treated, anticipation=anticipation, unit_weights=weights)
    return replace(design, n=n[None], persons=(data.sums(),))
