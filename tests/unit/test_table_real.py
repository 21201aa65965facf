"""The shipped table sources on the real files they describe."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from reformeval.errors import UserError
from reformeval.panel.from_table import build
from reformeval.panel.validate import validate
from reformeval.sources.table import TableSource
from reformeval.sources.table_reader import read_table
from reformeval.spec import Comparison, Group, Outcome, PanelSpec, Population, Step, Timing

SOURCES = Path(__file__).parents[2] / "config" / "sources"


def content(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SOURCES / f"{name}.yaml").read_text("utf-8"))
    return loaded


def shipped(name: str) -> TableSource:
    return TableSource.model_validate(content(name))


def test_nav_is_complete_for_both_sexes(data_dir: Path) -> None:
    reading = read_table(shipped("nav_jobseekers"), data_dir)
    assert reading.rows == 53_685
    everybody = reading.cells.filter(
        pl.col("group") == "all",
        pl.col("outcome") == "unemployed",
        ~pl.col("unit").is_in(["Ukjent", "Svalbard og øvrige områder"]),
    )
    months = everybody.group_by("unit").len()
    assert months.height == 15
    assert set(months["len"]) == {181}
    vestland = everybody.filter(pl.col("unit") == "Vestland")
    counts = dict(vestland.select("period", "value").iter_rows())
    assert counts[date(2020, 2, 1)] == 7324
    assert counts[date(2020, 3, 1)] == 34_274


def test_nav_shares_are_per_cent_and_svalbard_has_none(data_dir: Path) -> None:
    cells = read_table(shipped("nav_jobseekers"), data_dir).cells
    shares = cells.filter(pl.col("outcome") == "unemployed_share")
    without = shares.filter(pl.col("value").is_null())
    assert set(without["unit"]) == {"Svalbard og øvrige områder"}
    of_counties = shares.filter(pl.col("value").is_not_null() & (pl.col("unit") != "Ukjent"))
    assert of_counties["value"].is_between(0.2, 20).all()
    assert set(cells["group"]) == {"all", "sex=women", "sex=men"}


def test_nav_stops_without_the_merge(data_dir: Path) -> None:
    given = content("nav_jobseekers")
    del given["unit"]["merge"]
    with pytest.raises(UserError) as caught:
        read_table(TableSource.model_validate(given), data_dir)
    told = str(caught.value)
    assert "'Troms' (39 rows)" in told
    assert "'Troms ' (504 rows)" in told
    assert "unit.merge" in told


def test_nav_without_its_filter_names_the_column(data_dir: Path) -> None:
    given = content("nav_jobseekers")
    del given["filter"]["Arbeidsmarkedsstatus"]
    with pytest.raises(UserError, match="differ in column 'Arbeidsmarkedsstatus'"):
        read_table(TableSource.model_validate(given), data_dir)


def test_nav_workbook_is_whole(data_dir: Path) -> None:
    given = shipped("nav_workbook_2022")
    reading = read_table(given, data_dir)
    cells = reading.cells
    assert cells["unit"].n_unique() == 356
    assert cells["period"].unique().sort().to_list() == [date(2022, m, 1) for m in range(1, 11)]
    assert cells.height == 356 * 10 * 2
    assert reading.unit_labels["4601"] == "Bergen"
    withheld = cells.filter(pl.col("suppressed"))
    assert withheld["value"].null_count() == withheld.height == 2 * 144
    assert cells["value"].null_count() == withheld.height, "a cell is empty that was not withheld"
    counts = cells.filter(pl.col("outcome") == "unemployed")["value"].drop_nulls()
    assert counts.min() == 4


def test_nav_workbook_agrees_with_the_csv(data_dir: Path) -> None:
    """All 17 x 10 cells that both files have, counts and shares."""
    book = read_table(shipped("nav_workbook_2022"), data_dir)
    names = pl.DataFrame(list(book.unit_labels.items()), schema=["unit", "name"], orient="row")
    of_csv = content("nav_jobseekers")
    del of_csv["unit"]["merge"]
    of_csv["filter"]["Nivå"] = "Telemark kommuner"
    table = read_table(TableSource.model_validate(of_csv), data_dir).cells
    both = (
        book.cells.join(names, on="unit")
        .filter(pl.col("unit").str.starts_with("38"))
        .join(
            table.filter(pl.col("group") == "all"),
            left_on=["name", "period", "outcome"],
            right_on=["unit", "period", "outcome"],
            suffix="_csv",
        )
    )
    counts = both.filter(pl.col("outcome") == "unemployed")
    assert counts.height == 170
    known = counts.filter(~pl.col("suppressed"))
    assert known["value"].equals(known["value_csv"], null_equal=False)
    shares = both.filter(pl.col("outcome") == "unemployed_share")
    shown = shares.filter(~pl.col("suppressed"))
    assert (shown["value"] - shown["value_csv"]).abs().max() <= 0.05 + 1e-9  # one decimal
    # What the workbook withholds stands in the CSV as 0 persons with a share above 0.
    withheld = counts.filter(pl.col("suppressed"))
    assert withheld.height == 5
    assert withheld["value_csv"].to_list() == [0.0] * 5
    assert shares.filter(pl.col("suppressed"))["value_csv"].min() > 0


def test_swiss_cantons(data_dir: Path) -> None:
    cells = read_table(shipped("swiss_unemployment"), data_dir).cells
    assert cells.height == 26 * 204
    assert cells["unit"].n_unique() == 26
    assert (cells["period"].min(), cells["period"].max()) == (date(1993, 1, 1), date(2009, 12, 1))
    first = cells.filter(pl.col("unit") == "Zürich", pl.col("period") == date(1993, 1, 1))
    assert first["value"].to_list() == [0.057999999999999996]


def test_prop99(data_dir: Path) -> None:
    cells = read_table(shipped("california_prop99"), data_dir).cells
    assert cells.height == 39 * 31
    assert cells["value"].null_count() == 0
    alabama = cells.filter(pl.col("unit") == "Alabama", pl.col("period") == date(1970, 1, 1))
    assert alabama["value"].to_list() == [89.80000305]


def finnmark(outcome: str, exclude: tuple[str, ...]) -> PanelSpec:
    adoption = Step("free", date(2023, 8, 1), "Free")
    return PanelSpec(
        reform="finnmark",
        timing=Timing("month", date(2022, 1, 1), date(2026, 1, 1), (), (adoption,), 0),
        treated=("Finnmark",),
        comparison=Comparison(exclude=exclude),
        outcomes=(Outcome(outcome, Population("as_published"), "points", outcome),),
        groups=(Group(), Group((("sex", "women"),)), Group((("sex", "men"),))),
        min_persons=10,
    )


EXCLUDED = ("Troms", "Svalbard og øvrige områder", "Ukjent")


def test_finnmark_has_13_donors(data_dir: Path) -> None:
    given, asked = shipped("nav_jobseekers"), finnmark("unemployed_share", EXCLUDED)
    result = build(given, data_dir, asked)
    assert validate(result, asked, given) == []
    assert result.units["role"].to_list().count("donor") == 13
    assert result.panel.height == 14 * 49 * 3
    assert result.panel["value"].null_count() == 0


def test_finnmark_in_counts_is_refused(data_dir: Path) -> None:
    given, asked = shipped("nav_jobseekers"), finnmark("unemployed", EXCLUDED)
    (problem,) = validate(build(given, data_dir, asked), asked, given)
    assert "`outcomes.unemployed` counts persons in units of different size" in problem.message
    assert "unemployed_share" in problem.fix


def test_finnmark_with_the_trailing_space_in_its_exclusion(data_dir: Path) -> None:
    given = shipped("nav_jobseekers")
    asked = finnmark("unemployed_share", ("Troms ", *EXCLUDED[1:]))
    (problem,) = validate(build(given, data_dir, asked), asked, given)
    assert "there is no unit 'Troms '" in problem.message
    assert problem.fix == "did you mean 'Troms'?"
