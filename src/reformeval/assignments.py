"""Assignments: which unit adopts when, in the reform and in every placebo."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from reformeval.design import Design, Ints

MAX_ENUMERATED = 5_000
SAMPLED = 4_999


def in_space(design: Design, seed: int) -> Ints:
    """Every way in which as many units could have adopted on the reform's date.

    Row 0 is the reform. A placebo may treat any unit, the treated ones included, and uses all
    others as donors: under the null of no effect and exchangeable units the rank of row 0 among
    all rows is uniform (Abadie, Diamond & Hainmueller 2010; DESIGN rule 2).

    Parameters
    ----------
    design
        One adoption date.
    seed
        Used only where there are more than `MAX_ENUMERATED` assignments and `SAMPLED` placebos
        are drawn without replacement instead.

    Returns
    -------
    (assignments, units) array of adoption indices, -1 = never.
    """
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
            drawn[tuple(sorted(rng.choice(total, size, replace=False).tolist()))] = None
        chosen = list(drawn)
    rows = np.full((len(chosen), total), -1, dtype=np.int64)
    for row, members in zip(rows, chosen, strict=True):
        row[list(members)] = design.adoption
    return rows
