"""Bad input is told before any estimation: one clear problem each, with file, key and fix."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from table_helpers import cell, grid, panel, source, spec

from reformeval.errors import Problem
from reformeval.panel.validate import Dropped, _design, dropped_donors, validate
from reformeval.sources.table import TableSource
from reformeval.spec import Comparison, Group, PanelSpec

WOMEN = Group((("sex", "women"),))


def problems(
    cells: list[dict[str, Any]], asked: PanelSpec | None = None, given: TableSource | None = None
) -> list[Problem]:
    asked = asked or spec()
    found = validate(panel(cells, asked), asked, given or source())
    assert all(p.where == "config/reforms/r.yaml" and p.fix for p in found)
    return found


def only(*args: Any, **keys: Any) -> Problem:
    (problem,) = problems(*args, **keys)
    return problem


def without(cells: list[dict[str, Any]], unit: str, *years: int) -> list[dict[str, Any]]:
    return [c for c in cells if not (c["unit"] == unit and c["period"].year in years)]


def changed(cells: list[dict[str, Any]], unit: str, *years: int, **keys: Any) -> list[Any]:
    return [c | keys if c["unit"] == unit and c["period"].year in years else c for c in cells]


def test_a_good_panel_has_no_problem() -> None:
    assert problems(grid()) == []


def test_where_can_be_given() -> None:
    asked = spec(treated=("Z",))
    (problem,) = validate(panel(grid(), asked), asked, source(), "other.yaml")
    assert problem.where == "other.yaml"


@pytest.mark.parametrize(
    ("asked", "key", "unit"),
    [
        (spec(treated=("a",)), "treatment.units", "a"),
        (spec(comparison=Comparison(units=("B", "c"))), "comparison.units", "c"),
        (spec(comparison=Comparison(exclude=("d",))), "comparison.exclude", "d"),
        (spec(comparison=Comparison(later=("d",))), "comparison.treated_from", "d"),
    ],
)
def test_a_named_unit_that_is_not_in_the_data(asked: PanelSpec, key: str, unit: str) -> None:
    problem = only(grid(), asked)
    assert problem.message == f"`{key}`: there is no unit '{unit}' in the data"
    assert problem.fix == f"did you mean '{unit.upper()}'?"


def test_a_label_in_place_of_a_code() -> None:
    asked = spec(treated=("Alta",))
    result = panel(grid(), asked)
    result.units[0, "label"] = "Alta"
    (problem,) = validate(result, asked, source())
    assert problem.fix == "write the unit's code: 'A'"


def test_window_without_data() -> None:
    problem = only(grid(), spec(window=(1980, 1990), adoption=1985))
    assert "`window`: no treated unit or donor has data in 1980 to 1990" in problem.message
    assert "the data runs from 2000 to 2007" in problem.message


def test_window_that_begins_before_and_ends_after_the_data() -> None:
    first, last = problems(grid(), spec(window=(1990, 2020)))
    assert "`window.from`: 1990 is before the data" in first.message
    assert first.fix == "write from: 2000"
    assert "`window.to`: 2020 is after the data" in last.message
    assert last.fix == "write to: 2007"


def test_adoption_outside_the_window() -> None:
    assert "adoption in 2020 is outside 2000 to 2007" in only(grid(), spec(adoption=2020)).message


def test_donors_that_are_all_excluded() -> None:
    problem = only(grid(), spec(comparison=Comparison(exclude=("B", "C", "D"))))
    assert "the list of donors is empty of 3 other units" in problem.message
    assert "3 excluded in the reform file" in problem.message
    assert "comparison.exclude" in problem.fix


def test_one_donor_is_not_enough() -> None:
    problem = only(grid(), spec(comparison=Comparison(units=("B",))))
    assert "only 1 donor is left" in problem.message
    assert "comparison.units" in problem.fix


def test_a_donor_with_missing_periods_is_dropped_without_a_problem() -> None:
    asked = spec()
    cells = without(grid(), "B", 2001, 2003)
    assert problems(cells, asked) == []
    assert dropped_donors(_design(panel(cells, asked), asked)) == [
        Dropped("y", "all", "B", (date(2001, 1, 1), date(2003, 1, 1)))
    ]


def test_missing_periods_that_leave_one_donor() -> None:
    cells = changed(without(grid(), "B", 2001), "C", 2002, value=None)
    problem = only(cells)
    assert "1 of 3 donors have all periods of y for all" in problem.message
    assert "'B' misses 2001; 'C' misses 2002" in problem.message
    assert "window.drop" in problem.fix


def test_dropped_periods_of_the_window_may_be_missing() -> None:
    cells = without(without(without(grid(), "A", 2001), "B", 2001), "C", 2001)
    assert problems(cells, spec(dropped=(2001,))) == []


def test_a_period_that_no_unit_has_is_no_problem() -> None:
    cells = [c for c in grid() if c["period"].year != 2002]
    assert problems(cells) == []


def test_suppressed_cells_are_refused_later_not_here() -> None:
    cells = grid()
    for unit in "ABC":
        cells = changed(cells, unit, 2001, value=None, suppressed=True)
    assert problems(cells) == []


def test_treated_unit_with_missing_periods() -> None:
    problem = only(without(grid(), "A", 2003, 2006))
    assert "everybody has no value for y in the treated unit 'A'" in problem.message
    assert "in 2 of 8 periods of the window (2003, 2006)" in problem.message


def test_group_without_values_in_the_treated_unit() -> None:
    women = grid("BCD", group="sex=women")
    problem = only(grid() + women, spec(groups=(Group(), WOMEN)))
    assert "`groups`: the group sex=women has no value for y in the treated unit 'A'" in (
        problem.message
    )
    assert "in any period of the window" in problem.message


def test_group_without_persons_in_the_treated_unit() -> None:
    women = changed(grid(group="sex=women"), "A", 2004, value=None, suppressed=True, n_persons=0)
    problem = only(grid() + women, spec(groups=(Group(), WOMEN)))
    assert "sex=women has no persons for y in the treated unit 'A' in 1 of 8" in problem.message


def test_group_without_values_anywhere() -> None:
    women = [c | {"value": None} for c in grid(group="sex=women")]
    problem = only(grid() + women, spec(groups=(Group(), WOMEN)))
    assert "no unit has a value for sex=women" in problem.message


@pytest.mark.parametrize("values", [lambda _: 3.0, ord], ids=["one value", "one per unit"])
def test_constant_outcome(values: Any) -> None:
    problem = only([c | {"value": float(values(c["unit"]))} for c in grid()])
    assert "`outcomes.y`: the value for all is constant" in problem.message
    assert "outcomes.y.column" in problem.fix


def test_constant_in_most_units_is_no_problem() -> None:
    cells = [c | {"value": 3.0} for c in grid("BCD")] + grid("A")
    assert problems(cells) == []


def test_duplicates() -> None:
    problem = only([*grid(), cell("B", 2003, 1.0)])
    assert "2 cells of the panel are there more than once, such as y for all in 'B', 2003" in (
        problem.message
    )


def test_too_few_periods_on_either_side() -> None:
    problem = only(grid(), spec(adoption=2001))
    assert "1 periods before and 7 after adoption in 2001" in problem.message
    assert (
        "2 periods before and 0 after"
        in only(grid(), spec(window=(2000, 2002), adoption=2002, dropped=(2002,))).message
    )


def counts(sizes: dict[str, float]) -> list[dict[str, Any]]:
    return [
        cell(unit, year, size * (1 + 0.01 * ((year * (i + 2)) % 3)))
        for i, (unit, size) in enumerate(sizes.items())
        for year in range(2000, 2008)
    ]


COUNTS = source(
    outcomes={
        "y": {"column": "y", "kind": "count"},
        "y_rate": {"column": "z", "kind": "rate"},
    }
)


def test_counts_in_units_of_different_size() -> None:
    problem = only(counts({"A": 100, "B": 100, "C": 150}), given=COUNTS)
    assert "`outcomes.y` counts persons in units of different size" in problem.message
    assert "use a share or a rate (y_rate)" in problem.fix
    assert "scale: pre_mean" in problem.fix


def test_counts_in_units_of_much_the_same_size() -> None:
    assert problems(counts({"A": 100, "B": 101, "C": 105}), given=COUNTS) == []


def test_counts_where_persons_tell_the_size() -> None:
    equal = [c | {"n_persons": 500} for c in counts({"A": 100, "B": 100, "C": 150})]
    assert problems(equal, given=COUNTS) == []


def test_shares_in_units_of_different_size() -> None:
    assert problems(counts({"A": 100, "B": 100, "C": 150})) == []


def test_weights_by_persons_need_persons_in_every_unit() -> None:
    asked = replace(spec(), weighted_by_persons=True)
    assert problems([c | {"n_persons": 100} for c in grid()], asked) == []
    cells = [c | {"n_persons": None if c["unit"] == "B" else 100} for c in grid()]
    problem = only(cells, asked)
    assert "no persons before the reform in B" in problem.message
    assert problems(cells) == []  # equal weights do not need them
