"""Make the register of the source `simulated`, in buckets or as two frames, of the same persons.

Persons are drawn in chunks of fixed size, each with its own generators spawned from the seed, and
written to their buckets: memory does not grow with the register, and a chunk is the same whatever
is drawn before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from reformeval.register import buckets
from reformeval.register.schema import REGISTER
from reformeval.sources import simulated_rates as rates
from reformeval.sources.simulated import FAMILIES, ORIGINS, SEXES, SimulatedSource
from reformeval.sources.simulated_background import CATEGORIES, COUNTRIES, draw_background
from reformeval.sources.simulated_people import draw_people
from reformeval.sources.simulated_work import draw_work
from reformeval.sources.simulated_world import World, draw_world

CHUNK = 20_000
_TEXT = pa.dictionary(pa.int8(), pa.string())
_SCHEMA = pa.schema(
    {
        "person": pa.int64(),
        "period": pa.date32(),
        "unit": _TEXT,
        "age": pa.int16(),
        "sex": _TEXT,
        "family": _TEXT,
        "origin": _TEXT,
        "recipient": pa.bool_(),
        "benefit": pa.float64(),
        "employed": pa.bool_(),
        "earnings": pa.float64(),
        "hours": pa.float64(),
        "immigrant_category": _TEXT,
        "country": _TEXT,
    }
)
_COLUMNS = {**REGISTER, "immigrant_category": pl.String, "country": pl.String}


@dataclass(frozen=True, eq=False)
class Simulation:
    """A source and a seed: all that a chunk is made from."""

    source: SimulatedSource
    seed: int

    @cached_property
    def world(self) -> World:
        """The calendar and the municipalities of this seed."""
        return draw_world(self.source, np.random.SeedSequence(self.seed, spawn_key=(0,)))

    @property
    def persons(self) -> int:
        """How many persons are drawn so that ``source.persons`` live here in an average month."""
        months = len(self.world.months) - self.world.burn_in
        stay = 1.0 / float((rates.ORIGIN_SHARES / rates.presence()).sum())
        return ceil(self.source.persons * (rates.AGES + months - 1) / rates.AGES / stay)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return ceil(self.persons / CHUNK)

    def chunk(self, index: int) -> tuple[pa.Table, pa.Table]:
        """Draw one chunk: its rows of the register, and those of the untreated register."""
        first = index * CHUNK
        count = min(CHUNK, self.persons - first)
        seeds = [
            np.random.SeedSequence(self.seed, spawn_key=(1, index, part)) for part in (0, 1, 2)
        ]
        planted, world = self.source.planted, self.world
        generators = [np.random.Generator(np.random.SFC64(s)) for s in seeds]
        people = draw_people(count, world, planted.history_months, generators[0])
        work = draw_work(people, world, planted, generators[1])
        category, country = draw_background(people.origin, generators[2])
        lived = (people.resident & (people.unit == world.treated)).any(axis=0)
        columns: dict[str, NDArray[Any]] = {
            "person": np.broadcast_to(np.arange(first, first + count) + 1, people.resident.shape),
            "unit": people.unit,
            "age": people.age // 12,
            "sex": np.broadcast_to(people.male.astype(np.int8), people.resident.shape),
            "family": people.family,
            "origin": np.broadcast_to(people.origin.astype(np.int8), people.resident.shape),
            "recipient": people.recipient,
            "hours": work.hours,
            "earnings": work.pay,
            "immigrant_category": np.broadcast_to(category, people.resident.shape),
            "country": np.broadcast_to(country, people.resident.shape),
        }
        treated = columns | {"employed": work.employed, "benefit": work.benefit}
        untreated = columns | {
            "employed": work.employed_untreated,
            "benefit": work.benefit_untreated,
        }
        return (
            self._table(treated, people.resident),
            self._table(untreated, people.resident & lived),
        )

    def _table(self, columns: dict[str, NDArray[Any]], keep: NDArray[np.bool_]) -> pa.Table:
        """Rows sorted by person and period; arrays are (months, persons)."""
        chosen = np.ascontiguousarray(keep.T)
        flat = {name: np.ascontiguousarray(values.T)[chosen] for name, values in columns.items()}
        for name in ("earnings", "hours"):
            flat[name] = np.where(flat["employed"], flat[name], 0.0)
        days = self._days()
        flat["period"] = np.broadcast_to(days, chosen.shape)[chosen]
        codes = {
            "unit": tuple(self.source.cities),
            "sex": SEXES,
            "family": FAMILIES,
            "origin": ORIGINS,
            "immigrant_category": CATEGORIES,
            "country": COUNTRIES,
        }
        arrays = []
        for field in _SCHEMA:
            values = flat[field.name]
            if field.name in codes:
                index = pa.array(values.astype(np.int8))
                arrays.append(pa.DictionaryArray.from_arrays(index, pa.array(codes[field.name])))
            elif field.name == "period":
                arrays.append(pa.array(values, type=pa.int32()).cast(pa.date32()))
            else:
                arrays.append(pa.array(values, type=field.type))
        return pa.Table.from_arrays(arrays, schema=_SCHEMA)

    def _days(self) -> NDArray[np.int32]:
        """First days of the register's months, as days since 1970."""
        months = self.world.months[self.world.burn_in :] - 1970 * 12
        days = months.astype("datetime64[M]").astype("datetime64[D]")
        return days.astype(np.int64).astype(np.int32)


def simulate(
    source: SimulatedSource,
    seed: int,
    register: Sequence[Path],
    untreated: Sequence[Path],
    progress: Callable[[str], None],
) -> None:
    """Write the register, and the untreated register of all who ever live in the treated unit.

    Parameters
    ----------
    source, seed
        Together with the number of buckets they fix every byte of all files.
    register, untreated
        The buckets (`register.buckets`) of either; put in place only when all are complete.
    progress
        Called with one line per chunk.
    """
    simulation = Simulation(source, seed)
    rows = 0
    with buckets.writing(register, _SCHEMA) as first, buckets.writing(untreated, _SCHEMA) as second:
        for index in range(simulation.chunks):
            with_effect, without = simulation.chunk(index)
            first.write(with_effect)
            second.write(without)
            rows += with_effect.num_rows
            progress(f"chunk {index + 1} of {simulation.chunks}: {rows:,} person-months")


def simulate_frames(source: SimulatedSource, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the register and the untreated register in memory, for simulation studies."""
    simulation = Simulation(source, seed)
    chunks = [simulation.chunk(index) for index in range(simulation.chunks)]
    return _frame(first for first, _ in chunks), _frame(second for _, second in chunks)


def _frame(tables: Iterator[pa.Table]) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(pa.concat_tables(tables).unify_dictionaries()))
    return frame.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
