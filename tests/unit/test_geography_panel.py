"""Panels on one territory year: what is added up, refused, left out and noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reformeval.errors import UserError
from reformeval.geography.moved import moved
from reformeval.geography.unit_map import Place
from reformeval.panel import from_register
from reformeval.panel.from_table import build
from reformeval.panel.result import PanelResult
from reformeval.panel.units import members
from reformeval.panel.validate import validate
from reformeval.spec import Comparison, Geography, PanelSpec
from tests.geography_helpers import write_csv
from tests.register_helpers import GROUPS, RESIDENTS, people, person, series, timing
from tests.register_helpers import spec as register_spec
from tests.table_helpers import source, spec

OWN_TIME = Geography(2020, None, "stop", {"9999": "unknown"})
COMMON = replace(OWN_TIME, splits="common")
BEFORE, AFTER = ("A", "B", "C", "N"), ("A", "D", "N")


def table(folder: Path, rows: dict[tuple[str, int], tuple[float | None, int | None]]) -> None:
    """Write ``t.csv`` with a value and persons by unit and year."""
    lines = ["u,t,y,n"]
    for (unit, year), (value, persons) in rows.items():
        cells = ["" if x is None else str(x) for x in (value, persons)]
        lines.append(f"{unit},{year},{','.join(cells)}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def world(years: range = range(2017, 2023)) -> dict[tuple[str, int], tuple[float, int]]:
    """Every unit of its time in every year, values and persons all different."""
    return {
        (unit, year): (10.0 * i + year - 2017, 100 * (i + 1) + year - 2017)
        for year in years
        for i, unit in enumerate(BEFORE if year < 2020 else AFTER)
    }


def asked(geography: Geography | None = OWN_TIME, **keys: Any) -> PanelSpec:
    given = spec(treated=("A",), window=(2017, 2022), adoption=2021, **keys)
    return replace(given, geography=geography)


def built(folder: Path, kind: str, given: PanelSpec, persons: str | None = "n") -> PanelResult:
    column = {"column": "y", "kind": kind} | ({"persons": persons} if persons else {})
    return build(source(outcomes={"y": column}), folder, given, write_csv(folder))


def cells(result: PanelResult, unit: str) -> dict[int, tuple[float | None, int | None]]:
    rows = result.panel.filter(unit=unit).select("period", "value", "n_persons").iter_rows()
    return {period.year: (value, persons) for period, value, persons in rows}


def test_counts_are_summed_and_codes_mapped(tmp_path: Path) -> None:
    rows = world()
    table(tmp_path, rows)
    result = built(tmp_path, "count", asked())
    merged, alone = cells(result, "A"), cells(result, "D")
    for year in range(2017, 2020):
        (a, n), (b, m) = rows["A", year], rows["B", year]
        assert merged[year] == (a + b, n + m)
        assert alone[year] == rows["C", year]
    for year in range(2020, 2023):
        assert merged[year] == rows["A", year]
        assert alone[year] == rows["D", year]
    assert result.units.select("unit", "label").rows() == [
        ("A", "Town A"), ("D", "Town D"), ("N", "Town N"),
    ]  # fmt: skip
    assert not validate(result, asked(), source())
    lost = dict(result.flow.select("step", "person_periods_lost").iter_rows())
    assert lost["rows on the geography of 2020"] == 3


def test_shares_are_weighted_by_persons(tmp_path: Path) -> None:
    rows = world()
    table(tmp_path, rows)
    merged = cells(built(tmp_path, "share", asked()), "A")
    (a, n), (b, m) = rows["A", 2018], rows["B", 2018]
    value, persons = merged[2018]
    assert value == pytest.approx((a * n + b * m) / (n + m), rel=1e-15)
    assert persons == n + m
    assert merged[2021] == rows["A", 2021]


def test_shares_without_persons_are_refused_by_name(tmp_path: Path) -> None:
    table(tmp_path, world())
    with pytest.raises(UserError) as caught:
        built(tmp_path, "share", asked(), persons=None)
    (problem,) = caught.value.problems
    assert "`outcomes.y` is a share" in problem.message
    assert "the territory of A is made of several units" in problem.message
    assert "outcomes.y.persons" in problem.fix
    # Only units that are used are refused for: without A nothing is averaged.
    away = asked(comparison=Comparison(exclude=("A",)))
    result = built(tmp_path, "share", replace(away, treated=("N",)), persons=None)
    assert cells(result, "D")[2018][0] == world()["C", 2018][0]


@pytest.mark.parametrize("kind", ["count", "share"])
def test_a_sum_with_an_unknown_part_is_unknown(tmp_path: Path, kind: str) -> None:
    rows: dict[tuple[str, int], tuple[float | None, int | None]] = dict(world())
    del rows["B", 2017]
    rows["B", 2018] = (None, 50)
    rows["B", 2019] = (None, 0)
    table(tmp_path, rows)
    result = built(tmp_path, kind, asked())
    merged = cells(result, "A")
    assert merged[2017] == (None, None)
    assert merged[2018][0] is None
    assert merged[2019] == rows["A", 2019]  # nobody lives in B: it counts nothing
    (note,) = (r for r in result.found if r.rule == "territory_incomplete")
    assert (note.count, note.message[:21]) == (1, "Town A (A) lacks B, p")


def test_a_suppressed_part_suppresses_the_sum(tmp_path: Path) -> None:
    table(tmp_path, world())
    path = tmp_path / "t.csv"
    path.write_text(path.read_text().replace("B,2018,11.0", "B,2018,*"), encoding="utf-8")
    given = source(
        outcomes={"y": {"column": "y", "kind": "count", "persons": "n"}}, suppressed=["*"]
    )
    result = build(given, tmp_path, asked(), write_csv(tmp_path))
    (cell,) = result.panel.filter(unit="A", period=date(2018, 1, 1)).to_dicts()
    assert cell["suppressed"]
    assert cell["value"] is None


def test_splits_stop_or_give_a_common_territory(tmp_path: Path) -> None:
    rows = world() | {("E", y): (1.0, 10) for y in range(2017, 2023)}
    rows |= {("F", y): (2.0, 20) for y in range(2020, 2023)}
    table(tmp_path, rows)
    with pytest.raises(UserError) as caught:
        built(tmp_path, "count", asked())
    (problem,) = caught.value.problems
    assert "column 'u' holds E (3 cells, 2017 to 2019)" in problem.message
    assert problem.where == str(tmp_path / "t.csv")
    assert "splits: common" in problem.fix
    common = built(tmp_path, "count", asked(COMMON))
    assert {y: v for y, (v, _) in cells(common, "E+F").items()} == {
        2017: 1.0, 2018: 1.0, 2019: 1.0, 2020: 3.0, 2021: 3.0, 2022: 3.0,
    }  # fmt: skip
    assert common.units.filter(unit="E+F")["label"].item() == "Town E and Town F"
    told = validate(common, replace(asked(COMMON), treated=("F",)), source())
    assert told[0].fix == "it is part of a common territory: write 'E+F'"


def test_special_codes_are_kept_apart(tmp_path: Path) -> None:
    table(tmp_path, world() | {("9999", y): (500.0, 5) for y in range(2017, 2023)})
    result = built(tmp_path, "count", asked())
    row = result.units.filter(unit="9999").select("label", "role", "reason").row(0)
    assert row == ("unknown", "left_out", "no unit: unknown")
    assert "9999" not in set(result.panel["unit"])
    (note,) = (r for r in result.found if r.rule == "special_code")
    assert note.count == 6


def test_notes_say_what_was_done(tmp_path: Path) -> None:
    table(tmp_path, world())
    told = {r.rule: r.message for r in built(tmp_path, "count", asked()).found}
    assert told["territory_merged"] == (
        "Town A (A) is A (2017 to 2022), B (2017 to 2019). "
        "The code A meant another territory while the others existed."
    )
    assert "C as Town D (D)" in told["territory_code_change"]
    assert "Units on the geography of 2020" in told["territory_file"]


def test_codes_of_one_year_are_mapped_too(tmp_path: Path) -> None:
    rows = {(u, y): (1.0, 10) for u in BEFORE for y in range(2017, 2023)}
    table(tmp_path, rows)
    result = built(tmp_path, "count", asked(replace(OWN_TIME, as_of=2019)))
    assert {y: v for y, (v, _) in cells(result, "A").items()} == dict.fromkeys(
        range(2017, 2023), 2.0
    )
    same = built(tmp_path, "count", asked(replace(OWN_TIME, as_of=2020)))
    assert cells(same, "C")[2021] == (1.0, 10)
    assert not same.found


def test_the_largest_are_chosen_by_the_persons_of_their_territory(tmp_path: Path) -> None:
    rows: dict[tuple[str, int], tuple[float, int]] = dict(world())
    rows |= {("H", y): (1.0, 10_000) for y in range(2017, 2023)}
    table(tmp_path, rows)
    given = asked(comparison=Comparison(largest=2))
    result = built(tmp_path, "count", replace(given, treated=("D",)))
    donors = result.units.filter(role="donor")["unit"].to_list()
    assert donors == ["H", "N"]


def test_a_register_is_mapped_before_cells_are_counted(tmp_path: Path) -> None:
    # From 2021 on, the towns A and B are one with the code A; person 2 lived in B.
    path = write_csv(
        tmp_path,
        [("A", 2000, 2021), ("B", 2000, 2021), ("A", 2021, None), ("C", 2000, None)],
        [("A", "A", 2021), ("B", "A", 2021)],
    )
    months = 14
    register = people(
        person(1, "0" * months, unit="A"),
        person(2, "1" * months, unit=["B"] * 12 + ["A"] * 2, work="1" * months),
        person(3, "0" * months, unit="C"),
    )
    given = register_spec({"employed": RESIDENTS, "recipients": RESIDENTS}, timing(13, 12))
    place = Place("register.parquet", "unit", "person-months", "r", "month")
    geography = Geography(2021)
    onto = moved(register, geography, path, place)
    assert onto is not None
    result = from_register.build(onto.frame, GROUPS, given, onto.labels)
    assert series(result.panel, "employed") == [50.0] * months
    assert series(result.panel, "recipients") == [1.0] * months
    assert result.units.select("unit", "label").rows() == [("A", "Town A"), ("C", "Town C")]
    notes = {r.rule: r for r in onto.notes(members(result.units))}
    assert notes["territory_merged"].count == 2 * months
    assert moved(register, replace(geography, as_of=2021), path, place) is None
    with pytest.raises(UserError, match="column 'unit' holds B"):
        moved(register.with_columns(pl.lit("B").alias("unit")), geography, path, place)


def test_a_categorical_unit_is_mapped(tmp_path: Path) -> None:
    rows = pl.LazyFrame(
        {"unit": ["A", "B"], "period": [date(2019, 1, 1)] * 2},
        schema={"unit": pl.Categorical, "period": pl.Date},
    )
    place = Place("register.parquet", "unit", "person-months", "r", "month")
    onto = moved(rows, OWN_TIME, write_csv(tmp_path), place)
    assert onto is not None
    assert onto.frame.collect()["unit"].to_list() == ["A", "A"]
