"""Persons of a simulated register: age, origin, family, residence and spells of assistance.

None of it depends on the planted effect, which is on work alone and follows in
`sources.simulated_work`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from reformeval.sources import simulated_rates as rates
from reformeval.sources.simulated import ORIGINS
from reformeval.sources.simulated_shares import cell_of, expected_stock, memory_for
from reformeval.sources.simulated_world import World

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Singles = NDArray[np.float32]

NEVER = 255  # months since the last month of assistance: none that counts


@dataclass(frozen=True, eq=False)
class People:
    """Some persons over the months of the register; arrays by month are (months, persons).

    Attributes
    ----------
    male, origin
        (persons,) traits that do not change.
    age
        Months of age.
    resident, unit, family, recipient
        Whether in the register, where, in which family, and with assistance or not.
    since
        Months since the last month of assistance: 0 with assistance, `NEVER` if long ago.
    hit
        (persons,) lived in the treated unit and had a history of assistance when that was taken.
    cell
        (persons,) index into the cells of the planted effect at that time.
    """

    male: Bools
    origin: Ints
    age: NDArray[np.int16]
    resident: Bools
    unit: Bytes
    family: Bytes
    recipient: Bools
    since: Bytes
    hit: Bools
    cell: Ints


@dataclass(eq=False)
class _State:
    """Where each person stands in the month that is being simulated."""

    unit: Ints
    family: Ints
    spell: Ints
    since: Ints


def draw_people(count: int, world: World, history: int, rng: np.random.Generator) -> People:
    """Draw persons and follow them through burn-in and register.

    Parameters
    ----------
    count
        Persons to draw; some of them are in the register for no month.
    history
        Months up to ``world.history`` in which assistance makes a person one who is hit.
    """
    weights = rates.ORIGIN_SHARES / rates.presence()
    origin = rng.choice(len(ORIGINS), count, p=weights / weights.sum())
    male = rng.random(count) < 0.5
    first, total = world.burn_in, len(world.months)
    # Ages in the first month that reach 18 to 66 in some month of the register.
    born = rng.integers(rates.FIRST_AGE - (total - first) + 1, rates.END_AGE, count) - first
    enters = _entry_ages(origin, rng)
    leaves = np.minimum(enters + rng.geometric(rates.LEAVING[origin]), rates.END_AGE)
    memory = memory_for(history)
    state = _first_state(origin, born, enters, memory, world, rng)
    shape = (total - first, count)
    resident, recipient = np.empty((2, *shape), dtype=np.bool_)
    unit, family, since = np.empty((3, *shape), dtype=np.uint8)
    hit, cell = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.int64)
    for month in range(total):
        age = born + month
        here = (age >= enters) & (age < leaves)
        _step(state, origin, age, here, here & (age > enters), month, memory, world, rng)
        if month == world.history:
            hit = here & (state.unit == world.treated) & (state.since < history)
            cell = cell_of(rates.WITH_CHILDREN[state.family], origin == rates.NON_WESTERN)
        if month >= first:
            row = month - first
            resident[row], recipient[row] = here, state.spell > 0
            unit[row], family[row], since[row] = state.unit, state.family, state.since
    ages = (born + np.arange(first, total)[:, None]).astype(np.int16)
    return People(male, origin, ages, resident, unit, family, recipient, since, hit, cell)


def _entry_ages(origin: Ints, rng: np.random.Generator) -> Ints:
    """Months of age at which each person comes into the register."""
    arriving = rng.random(origin.size) < rates.ARRIVING[origin]
    at = rng.integers(rates.FIRST_AGE, rates.LAST_ARRIVAL, origin.size)
    return np.where(arriving, at, rates.FIRST_AGE)


def _first_state(
    origin: Ints, born: Ints, enters: Ints, memory: int, world: World, rng: np.random.Generator
) -> _State:
    """Family, residence and assistance on the first day of the burn-in.

    Assistance begins near its equilibrium, or the slow end of long spells would need many more
    months of burn-in; who comes later begins without.
    """
    age = np.maximum(born, enters).clip(rates.FIRST_AGE, rates.END_AGE - 1)
    upto = rates.family_by_age().cumsum(axis=2)[origin, age - rates.FIRST_AGE, :-1]
    family = np.asarray((rng.random(origin.size)[:, None] > upto).sum(axis=1))
    stock = expected_stock(memory).cumsum(axis=2)
    upto = (stock / stock[..., -1:])[origin, family, :-1]
    drawn = (rng.random(origin.size)[:, None] > upto).sum(axis=1)
    drawn = np.where(born >= enters, drawn, 0)
    spell = (drawn - memory).clip(0)
    return _State(
        unit=rng.choice(world.sizes.size, origin.size, p=world.sizes),
        family=family,
        spell=spell,
        since=np.where(spell > 0, 0, np.where(drawn > 0, drawn, NEVER)),
    )


def _step(
    state: _State,
    origin: Ints,
    age: Ints,
    here: Bools,
    stayed: Bools,
    month: int,
    memory: int,
    world: World,
    rng: np.random.Generator,
) -> None:
    """Move everybody one month on: family, then residence, then assistance."""
    band = rates.BAND_OF_AGE[age.clip(rates.FIRST_AGE, rates.END_AGE - 1) - rates.FIRST_AGE]
    draws = rng.random((3, origin.size), dtype=np.float32)
    _change_family(state, origin, band, draws[0], stayed)
    moving = np.flatnonzero((draws[1] < rates.MOVING[band]) & stayed)
    # The share of the draw below the rate is itself uniform: no further draw is needed.
    target = draws[1][moving] / rates.MOVING[band[moving]]
    state.unit[moving] = np.searchsorted(world.sizes.cumsum()[:-1], target, side="right")
    _change_assistance(state, origin, band, draws[2], here, month, memory, world)


def _change_family(state: _State, origin: Ints, band: Ints, draw: Singles, stayed: Bools) -> None:
    stays = _staying()[origin, band, state.family]
    changing = np.flatnonzero((draw >= stays) & stayed)
    old = state.family[changing]
    chances = rates.family_changes()[origin[changing], band[changing]].copy()
    chances = chances[np.arange(old.size), old]
    chances[np.arange(old.size), old] = 0.0
    upto = chances.cumsum(axis=1) / chances.sum(axis=1, keepdims=True)
    rest = (draw[changing] - stays[changing]) / (1.0 - stays[changing])
    state.family[changing] = (rest[:, None] > upto[:, :-1]).sum(axis=1)


def _staying() -> NDArray[np.float64]:
    """(origins, bands, families) chances that a family stays what it is."""
    stays: NDArray[np.float64] = np.einsum("obff->obf", rates.family_changes())
    return stays


def _change_assistance(
    state: _State,
    origin: Ints,
    band: Ints,
    draw: Singles,
    here: Bools,
    month: int,
    memory: int,
    world: World,
) -> None:
    on = state.spell > 0
    enter = rates.entry_log_odds()[origin, state.family, band]
    enter += rates.ENTRY_AGAIN * (state.since <= rates.AGAIN_MONTHS)
    enter += world.shifts["entry"][month, state.unit]
    leave = rates.exit_log_odds()[origin, state.family]
    leave += rates.EXIT_BY_MONTH[state.spell]
    leave += world.shifts["exit"][month, state.unit]
    changes = draw < expit(np.where(on, leave, enter))
    now = here & (on ^ changes)
    since = np.where(state.since < memory, state.since + 1, NEVER)
    state.since = np.where(now, 0, np.where(here, since, NEVER))
    state.spell = np.where(now, np.minimum(state.spell + 1, rates.SPELL_CAP), 0)
