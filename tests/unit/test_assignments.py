from __future__ import annotations

from math import comb

import numpy as np
from design_helpers import make_design
from staggered_helpers import staggered

from reformeval.assignments import MAX_ENUMERATED, SAMPLED, in_space


def _sets(rows: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(np.flatnonzero(row >= 0).tolist()) for row in rows]


def test_every_assignment_once_and_the_reform_first() -> None:
    design = make_design(np.zeros((6, 5)), 3, treated=[1, 4])
    rows = in_space(design, 0)
    assert np.array_equal(rows[0], design.adopted)
    assert len(set(_sets(rows))) == len(rows) == comb(6, 2)
    assert set(np.unique(rows)) == {-1, 3}


def test_too_many_are_drawn_without_replacement_by_seed() -> None:
    assert comb(33, 3) > MAX_ENUMERATED
    design = make_design(np.zeros((33, 4)), 2, treated=[0, 7, 9])
    rows = in_space(design, 5)
    found = _sets(rows)
    assert found[0] == (0, 7, 9)
    assert len(found) == len(set(found)) == SAMPLED + 1
    assert {len(members) for members in found} == {3}
    assert {unit for members in found for unit in members} == set(range(33))
    assert np.array_equal(rows, in_space(design, 5))
    assert not np.array_equal(rows, in_space(design, 6))


def test_what_is_drawn_does_not_depend_on_the_order_of_units() -> None:
    order = np.random.default_rng(0).permutation(33)
    one_date = make_design(np.zeros((33, 8)), 4, treated=[0, 7, 9])
    dated = staggered(np.zeros((33, 8)), [3, 5] * 5 + [-1] * 23)
    for design in (one_date, dated):
        rows = in_space(design, 5)
        shuffled = in_space(design.select(np.array([0]), order), 5)
        assert {row.tobytes() for row in rows[:, order]} == {row.tobytes() for row in shuffled}
