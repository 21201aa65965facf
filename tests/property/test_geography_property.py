"""What holds of territories in every history of mergers, splits and changes of code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.geography.classification import OPEN, Change, Classification, Version, classify
from reformeval.geography.territories import correspondence, onto
from reformeval.geography.unit_map import unit_map
from reformeval.spec import Geography
from tests.geography_helpers import PLACE, day

YEARS = range(2000, 2006)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Version], list[Change], Mapping[int, dict[str, str]]]:
    """Versions, changes, and per year the unit that each of twelve parishes lies in.

    Parishes are the truth that a real classification does not tell: units are made of them.
    """
    parishes = [f"p{i:02d}" for i in range(draw(st.integers(2, 12)))]
    unit_of = {p: f"{draw(st.integers(0, 5)):02d}" for p in parishes}
    by_year = {YEARS[0]: unit_of}
    for year in YEARS[1:]:
        unit_of = dict(unit_of)
        for parish in draw(st.lists(st.sampled_from(parishes), max_size=2)):
            unit_of[parish] = f"{draw(st.integers(0, 8)):02d}"
        by_year[year] = unit_of
    versions: list[Version] = []
    changes: set[Change] = set()
    current: dict[str, tuple[int, frozenset[str]]] = {}
    ended: dict[tuple[str, int], Version] = {}
    for year in (*YEARS, 0):
        members: dict[str, set[str]] = {}
        for parish, unit in by_year.get(year, {}).items():
            members.setdefault(unit, set()).add(parish)
        for unit, (first, inside) in list(current.items()):
            if not year or frozenset(members.get(unit, ())) != inside:
                version = Version(unit, day(first), day(year) if year else OPEN, unit)
                versions.append(version)
                ended[unit, year] = version
                del current[unit]
        for unit, inside_ in members.items():
            if unit not in current:
                current[unit] = (year, frozenset(inside_))
    for version in versions:
        year = version.first.year
        if year == YEARS[0]:
            continue
        for parish, unit in by_year[year].items():
            if unit == version.code:
                before = ended[by_year[year - 1][parish], year]
                changes.add((before, version))
    return versions, sorted(changes), by_year


def data(by_year: Mapping[int, dict[str, str]], sizes: Mapping[str, int]) -> pl.DataFrame:
    """Persons by unit and year, in codes of the year."""
    rows = [(u, day(y), sizes[p]) for y, found in by_year.items() for p, u in found.items()]
    schema = {"unit": pl.String, "period": pl.Date, "rows": pl.Int64}
    return (
        pl.DataFrame(rows, schema, orient="row")
        .group_by("unit", "period")
        .agg(pl.col("rows").sum())
        .sort("unit", "period")
    )


def world(versions: list[Version], changes: list[Change]) -> Classification:
    return classify(versions, changes)


@settings(max_examples=60, deadline=None)
@given(histories(), st.sampled_from(YEARS))
def test_common_territories_are_constant_and_keep_every_person(
    history: tuple[list[Version], list[Change], Mapping[int, dict[str, str]]], year: int
) -> None:
    versions, changes, by_year = history
    sizes = {p: 1 + 3**i for i, p in enumerate(sorted(by_year[YEARS[0]]))}
    counts = data(by_year, sizes)
    mapped = unit_map(counts, Geography(year, None, "common"), world(versions, changes), PLACE)
    assert mapped.rows.height == counts.height  # total
    moved = counts.with_columns(mapped.target()).group_by("unit", "period")
    totals = moved.agg(pl.col("rows").sum()).sort("unit", "period")
    # Each parish has its own digit to base 3, so that equal sums are the same parishes: every
    # territory holds the same ones in every year.
    assert set(totals.group_by("unit").agg(pl.col("rows").n_unique())["rows"]) == {1}
    assert totals.group_by("period").agg(pl.col("rows").sum())["rows"].n_unique() == 1
    assert set(totals.group_by("unit").len()["len"]) == {len(YEARS)}


@settings(max_examples=60, deadline=None)
@given(histories(), st.sampled_from(YEARS), st.randoms(use_true_random=False))
def test_the_order_of_versions_and_changes_does_not_matter(
    history: tuple[list[Version], list[Change], Mapping[int, dict[str, str]]],
    year: int,
    random: object,
) -> None:
    versions, changes, _ = history
    first = onto(world(versions, changes), year, day(2000), day(2005), "common")
    random.shuffle(versions)  # type: ignore[attr-defined]
    random.shuffle(changes)  # type: ignore[attr-defined]
    again = onto(world(versions, changes), year, day(2000), day(2005), "common")
    assert list(again.target.items()) == list(first.target.items())
    assert list(again.blocks.items()) == list(first.blocks.items())


@settings(max_examples=60, deadline=None)
@given(histories())
def test_steps_compose_to_the_direct_map_where_nothing_is_divided(
    history: tuple[list[Version], list[Change], Mapping[int, dict[str, str]]],
) -> None:
    versions, changes, _ = history
    klass = world(versions, changes)
    start, middle = date(2000, 1, 1), date(2003, 1, 1)
    to_middle = correspondence(klass, start, 2003)
    onward = correspondence(klass, middle, 2005)
    direct = correspondence(klass, start, 2005)
    for code, steps in to_middle.items():
        composed = {target for step in steps for target in onward[step]}
        assert composed == set(direct[code])
        if len(steps) == 1 and len(onward[steps[0]]) == 1:
            assert direct[code] == onward[steps[0]]


@settings(max_examples=60, deadline=None)
@given(histories(), st.sampled_from(YEARS))
def test_a_unit_with_one_image_lies_wholly_in_it(
    history: tuple[list[Version], list[Change], Mapping[int, dict[str, str]]], year: int
) -> None:
    versions, changes, by_year = history
    klass = world(versions, changes)
    for other, units in by_year.items():
        images = correspondence(klass, day(other), year)
        for parish, unit in units.items():
            assert by_year[year][parish] in images[unit]
