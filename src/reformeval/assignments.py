"""Assignments: which unit adopts when, in the reform and in every placebo."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb, prod

import numpy as np

from reformeval.design import Design, Ints

MAX_ENUMERATED = 5_000
SAMPLED = 4_999
SAMPLED_STAGGERED = 999


def in_space(design: Design, seed: int) -> Ints:
    """Every way in which as many units could have adopted on the reform's date or dates.

    Row 0 is the reform. A placebo may treat any unit, the treated ones included, and uses all
    others as donors: under the null of no effect and exchangeable units the rank of row 0 among
    all rows is uniform (Abadie, Diamond & Hainmueller 2010; DESIGN rule 2).

    Parameters
    ----------
    design
        Where units adopt in different periods, placebos have the same number of units per period.
    seed
        Used only where there are more than `MAX_ENUMERATED` assignments and `SAMPLED` placebos
        (`SAMPLED_STAGGERED` where units adopt in different periods) are drawn without replacement
        instead; by the units' names, so that their order does not matter.

    Returns
    -------
    (assignments, units) array of adoption indices, -1 = never.
    """
    if design.staggered:
        return _dated(design, seed)
    total, size = len(design.units), int(design.treated.sum())
    own = tuple(np.flatnonzero(design.treated).tolist())
    if comb(total, size) <= MAX_ENUMERATED:
        chosen: list[tuple[int, ...]] = [
            own,
            *(c for c in combinations(range(total), size) if c != own),
        ]
    else:
        rng = np.random.default_rng(seed)
        drawn: dict[tuple[int, ...], None] = {own: None}
        while len(drawn) <= SAMPLED:
            taken = design.by_name[rng.choice(total, size, replace=False)]
            drawn[tuple(sorted(taken.tolist()))] = None
        chosen = list(drawn)
    rows = np.full((len(chosen), total), -1, dtype=np.int64)
    for row, members in zip(rows, chosen, strict=True):
        row[list(members)] = design.adoption
    return rows


def _dated(design: Design, seed: int) -> Ints:
    """Give the reform's adoption dates to units in every other way, or in ways drawn at random."""
    own, order = design.adopted, design.by_name
    others = ways(own[order], seed, but=own[order])
    rows = np.tile(own, (len(others) + 1, 1))
    rows[1:, order] = others
    return rows


def ways(dates: Ints, seed: int, but: Ints | None = None) -> Ints:
    """Give adoption dates to units in every way, or in `SAMPLED_STAGGERED` ways drawn at random.

    Parameters
    ----------
    dates
        (units,) adoption indices, -1 = never.
    seed
        Used only where there are more than `MAX_ENUMERATED` ways.
    but
        A way that is left out.

    Returns
    -------
    (ways, units) adoption indices, each way once.
    """
    cohorts, sizes = (x.tolist() for x in np.unique(dates[dates >= 0], return_counts=True))
    left = [len(dates) - sum(sizes[:i]) for i in range(len(sizes))]
    drawn: dict[bytes, Ints] = {}
    if prod(comb(rest, size) for rest, size in zip(left, sizes, strict=True)) <= MAX_ENUMERATED:
        for given in _shared(tuple(range(len(dates))), list(zip(cohorts, sizes, strict=True))):
            row = np.array([given.get(u, -1) for u in range(len(dates))], dtype=np.int64)
            if but is None or not np.array_equal(row, but):
                drawn[row.tobytes()] = row
    else:
        rng = np.random.default_rng(seed)
        while len(drawn) < SAMPLED_STAGGERED:
            row = rng.permutation(dates)
            if but is None or not np.array_equal(row, but):
                drawn.setdefault(row.tobytes(), row)
    return np.array(list(drawn.values()), dtype=np.int64).reshape(-1, len(dates))


def _shared(units: tuple[int, ...], cohorts: list[tuple[int, int]]) -> Iterator[dict[int, int]]:
    """Every way of giving each cohort its number of units."""
    if not cohorts:
        yield {}
        return
    (date, size), *rest = cohorts
    for chosen in combinations(units, size):
        others = tuple(unit for unit in units if unit not in chosen)
        for further in _shared(others, rest):
            yield further | dict.fromkeys(chosen, int(date))
