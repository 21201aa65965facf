from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from person_helpers import People, people

from reformeval.register import person_effects


@st.composite
def panels(draw: st.DrawFn) -> People:
    units, periods = draw(st.integers(2, 5)), draw(st.integers(3, 7))
    return people(
        draw(st.integers(0, 10_000)),
        draw(st.integers(units, 40)),
        units,
        periods,
        absent=draw(st.sampled_from([0.0, 0.3, 0.5])),
        missing=draw(st.sampled_from([0.0, 0.2])),
        moving=draw(st.sampled_from([0.0, 0.4])),
    )


def demeaned(data: People) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and outcome less person means, row by row, and the rows' clusters."""
    rows = data.rows(~np.isnan(data.y))
    x = np.eye(data.periods)[rows.period]
    y = rows.y.copy()
    for person in np.unique(rows.person):
        own = rows.person == person
        x[own] -= x[own].mean(axis=0)
        y[own] -= y[own].mean()
    return x, y, rows.unit


@settings(max_examples=60, deadline=None)
@given(panels())
def test_sums_are_those_of_demeaned_rows(data: People) -> None:
    x, y, unit = demeaned(data)
    sums = data.sums()
    for g in range(data.units):
        own = unit == g
        np.testing.assert_allclose(sums.cross[g], x[own].T @ x[own], atol=1e-9)
        np.testing.assert_allclose(sums.moment[g], x[own].T @ y[own], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(panels(), st.integers(1, 7), st.integers(0, 100))
def test_order_of_persons_and_buckets_does_not_matter(data: People, count: int, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(np.unique(data.person))
    place = np.empty(shuffled.max() + 1, dtype=np.int64)
    place[shuffled] = np.arange(len(shuffled))
    order = np.lexsort((-data.period, place[data.person]))  # within a person too
    other = data.rows(order)
    parts = person_effects.empty(data.units, data.periods)
    for i in range(count):
        parts = parts + other.rows(place[other.person] % count == i).sums()
    whole = data.sums()
    np.testing.assert_allclose(parts.cross, whole.cross, atol=1e-10)
    np.testing.assert_allclose(parts.moment, whole.moment, atol=1e-10)
    np.testing.assert_array_equal(parts.rows, whole.rows)
    assert (parts.persons, parts.movers) == (whole.persons, whole.movers)
