"""Work, earnings and benefits of simulated persons, with and without the planted effect.

A person is employed when a persistent standing R, uniform over people and independent of
assistance, lies below the chance p of someone in that situation. The effect moves p by δ for those
who are hit, so with the same R both potential outcomes are known, and the expected effect is δ in
whatever way the persons are selected on assistance, family or origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from reformeval.sources import simulated_rates as rates
from reformeval.sources.simulated import CELLS, Planted
from reformeval.sources.simulated_people import Bools, Ints, People
from reformeval.sources.simulated_shares import employment_effects
from reformeval.sources.simulated_world import World

Floats = NDArray[np.float64]

# Chance of being employed: by age band, then what each trait adds.
_EMPLOYED = np.array([0.66, 0.84, 0.86, 0.85, 0.70])
_EMPLOYED_ORIGIN = np.array([0.0, -0.03, -0.14])
_EMPLOYED_FAMILY = np.array([-0.05, 0.0, 0.02, -0.06])
_EMPLOYED_FEMALE = -0.03
_ON_ASSISTANCE, _AFTER_ASSISTANCE = -0.34, -0.18
_BOUNDS = (0.06, 0.94)
# Persistence of a person's standing: a fixed part, and a part with this monthly correlation.
_FIXED, _MONTHLY = 0.6, 0.98

_SEASON_EMPLOYED = {6: 0.010, 0: -0.005}
_SEASON_EARNINGS = {6: 0.94, 11: 1.07}
_SEASON_BENEFIT = {11: 1.12}
_FULL_TIME_PAY = 42_000.0
_PAY_BAND = np.array([-0.35, -0.08, 0.05, 0.10, 0.08])
_PAY_ORIGIN = np.array([0.0, -0.05, -0.18])
_PAY_MALE = 0.10
_FULL_TIME_HOURS = 37.5
_PART_TIME = np.array([0.12, 0.32])  # men, women
_BENEFIT = np.array([7_000.0, 8_500.0, 11_500.0, 10_000.0])
_GROWTH = {"pay": 0.03, "benefit": 0.02}


@dataclass(frozen=True, eq=False)
class Work:
    """Outcomes (months, persons) as they happen, and the same without the effect."""

    employed: Bools
    employed_untreated: Bools
    pay: Floats
    hours: Floats
    benefit: Floats
    benefit_untreated: Floats


def draw_work(people: People, world: World, planted: Planted, rng: np.random.Generator) -> Work:
    """Draw both potential outcomes of some persons in all months of the register."""
    shape = months, count = people.resident.shape
    effects = employment_effects(planted)[people.cell]
    extra = np.array([planted.benefit.get(cell, 0.0) for cell in CELLS])[people.cell]  # type: ignore[call-overload]
    fixed = {name: rng.standard_normal(size=(count,)) for name in ("standing", "pay", "benefit")}
    hours = _hours(people.male, rng)
    standing = rng.standard_normal(count)
    employed, without = np.empty((2, *shape), dtype=np.bool_)
    pay, benefit, benefit_without = np.empty((3, *shape))
    for row in range(months):
        month = world.burn_in + row
        band = rates.BAND_OF_AGE[_within(people.age[row])]
        hit = people.hit & (month >= world.start)
        standing *= _MONTHLY
        standing += np.sqrt(1.0 - _MONTHLY**2) * rng.standard_normal(count)
        rank = ndtr(np.sqrt(_FIXED) * fixed["standing"] + np.sqrt(1.0 - _FIXED) * standing)
        chance = _chance(people, row, band, world)
        without[row] = rank < chance
        employed[row] = rank < chance + effects * hit
        pay[row] = _pay(people, row, band, world, fixed["pay"], hours, rng)
        benefit_without[row] = _benefit(people, row, world, fixed["benefit"], rng)
        benefit[row] = (benefit_without[row] + extra * (hit & people.recipient[row])).clip(0)
    return Work(employed, without, pay, np.broadcast_to(hours, shape), benefit, benefit_without)


def _within(age: NDArray[np.int16]) -> Ints:
    """Months of age as an index into tables that begin at 18."""
    return np.asarray(age.clip(rates.FIRST_AGE, rates.END_AGE - 1) - rates.FIRST_AGE)


def _chance(people: People, row: int, band: Ints, world: World) -> Floats:
    """Chance of being employed without the effect."""
    since, month = people.since[row].astype(np.float64), world.burn_in + row
    fading = _AFTER_ASSISTANCE * (1.0 - (since - 1.0) / rates.AGAIN_MONTHS).clip(0.0)
    chance = _EMPLOYED[band] + _EMPLOYED_ORIGIN[people.origin]
    chance += _EMPLOYED_FAMILY[people.family[row]] + _EMPLOYED_FEMALE * ~people.male
    chance += np.where(people.recipient[row], _ON_ASSISTANCE, fading)
    chance += world.shifts["employed"][month, people.unit[row]]
    chance += _season(_SEASON_EMPLOYED, 0.0, month, world)
    return np.asarray(chance.clip(*_BOUNDS))


def _hours(male: Bools, rng: np.random.Generator) -> Floats:
    """Weekly hours that each person works when employed."""
    part = rng.random(male.size) < np.where(male, _PART_TIME[0], _PART_TIME[1])
    hours: Floats = np.where(part, rng.integers(8, 33, male.size), _FULL_TIME_HOURS)
    return hours


def _pay(
    people: People,
    row: int,
    band: Ints,
    world: World,
    person: Floats,
    hours: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Monthly pay of each person when employed, in whole hundreds."""
    month = world.burn_in + row
    log = _PAY_BAND[band] + _PAY_ORIGIN[people.origin] + _PAY_MALE * people.male
    log += world.shifts["earnings"][month, people.unit[row]]
    log += 0.25 * person + 0.06 * rng.standard_normal(person.size)
    scale = _FULL_TIME_PAY * _season(_SEASON_EARNINGS, 1.0, month, world) * _grown("pay", row)
    pay: Floats = np.rint(np.exp(log) * scale * hours / _FULL_TIME_HOURS / 100) * 100
    return pay


def _benefit(
    people: People, row: int, world: World, person: Floats, rng: np.random.Generator
) -> Floats:
    """Assistance of each person in the month, in whole tens; zero without."""
    month = world.burn_in + row
    log = world.shifts["benefit"][month, people.unit[row]]
    log = log + 0.20 * person + 0.20 * rng.standard_normal(person.size)
    scale = _season(_SEASON_BENEFIT, 1.0, month, world) * _grown("benefit", row)
    amount = np.exp(log) * _BENEFIT[people.family[row]] * scale
    benefit: Floats = np.rint(amount / 10) * 10 * people.recipient[row]
    return benefit


def _season(table: dict[int, float], otherwise: float, month: int, world: World) -> float:
    return table.get(int(world.months[month]) % 12, otherwise)


def _grown(name: str, row: int) -> float:
    return float(np.exp(_GROWTH[name] * row / 12))
