"""From a table to a reform's panel, units and sample flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from table_helpers import source, spec, years

from reformeval.artefacts import PANEL, SAMPLE_FLOW, UNITS
from reformeval.errors import UserError
from reformeval.panel.from_table import build
from reformeval.panel.result import PanelResult
from reformeval.sources.table import TableSource
from reformeval.spec import Comparison, Group, PanelSpec

SEX = {"column": "s", "all": "T", "values": {"women": "F", "men": "M"}}
AGE = {"column": "o", "all": "T", "values": {"old": "1", "young": "0"}}
OUTCOMES = {"y": {"column": "y", "kind": "share", "persons": "n"}}
WOMEN_OLD = (("sex", "women"), ("age", "old"))


def table(folder: Path, sexes: str = "TFM", ages: str = "T01", **keys: Any) -> TableSource:
    """Units A to D, 1999 to 2008, every sex × age; persons grow from A to D."""
    rows = [
        f"{unit},{year},{i + year / 1000},{100 * (i + 1)},{s},{o}"
        for i, unit in enumerate("ABCD")
        for year in range(1999, 2009)
        for s in sexes
        for o in ages
    ]
    (folder / "t.csv").write_text("\n".join(["u,t,y,n,s,o", *rows]))
    content = {"groups": {"sex": SEX, "age": AGE}, "outcomes": OUTCOMES} | keys
    return source(**content)


def roles(result: PanelResult) -> dict[str, str]:
    return dict(result.units.select("unit", "role").iter_rows())


def told(given: TableSource, folder: Path, asked: PanelSpec) -> str:
    with pytest.raises(UserError) as caught:
        build(given, folder, asked)
    assert all(p.where == "config/reforms/r.yaml" and p.fix for p in caught.value.problems)
    return str(caught.value)


def test_panel_units_and_flow_are_artefacts(tmp_path: Path) -> None:
    result = build(table(tmp_path), tmp_path, spec())
    assert result.panel.schema == pl.Schema(PANEL)
    assert result.units.schema == pl.Schema(UNITS)
    assert result.flow.schema == pl.Schema(SAMPLE_FLOW)
    assert result.available is not None
    assert [p.year for p in result.available] == [1999, 2008]


def test_window_and_values(tmp_path: Path) -> None:
    result = build(table(tmp_path), tmp_path, spec())
    of_b = result.panel.filter(pl.col("unit") == "B")
    assert years(of_b) == [str(year) for year in range(2000, 2008)]
    assert of_b["value"].to_list() == [1 + year / 1000 for year in range(2000, 2008)]
    assert set(of_b["n_persons"]) == {200}
    assert set(result.panel["population"]) == {"as_published"}


def test_groups_take_the_reforms_names(tmp_path: Path) -> None:
    turned = Group(tuple(reversed(WOMEN_OLD)))
    result = build(table(tmp_path), tmp_path, spec(groups=(Group(), turned)))
    assert set(result.panel["group"]) == {"all", "age=old & sex=women"}
    assert result.panel.height == 2 * 4 * 8


def test_cross_that_the_table_does_not_have(tmp_path: Path) -> None:
    given = table(tmp_path, sexes="TFM", ages="T")
    message = told(given, tmp_path, spec(groups=(Group(), Group(WOMEN_OLD))))
    assert "`groups`: the table has no rows for sex=women & age=old" in message


def test_a_total_is_never_summed(tmp_path: Path) -> None:
    sex = {"column": "s", "values": SEX["values"]}
    given = table(tmp_path, sexes="FM", ages="T", groups={"sex": sex, "age": AGE})
    message = told(given, tmp_path, spec(groups=(Group(), Group((("age", "old"),)))))
    assert "no total over sex for the group all" in message
    assert "no total over sex for the group age=old" in message
    assert "groups.sex.all" in message
    result = build(given, tmp_path, spec(groups=(Group((("sex", "men"),)),)))
    assert set(result.panel["group"]) == {"sex=men"}


def test_group_variable_that_the_source_does_not_have(tmp_path: Path) -> None:
    message = told(table(tmp_path), tmp_path, spec(groups=(Group((("origin", "x"),)),)))
    assert "no group variable origin" in message
    assert "sex, age" in message


def test_roles_and_reasons(tmp_path: Path) -> None:
    given = table(tmp_path, unit={"column": "u", "labels": {"A": "Alta"}})
    result = build(given, tmp_path, spec(comparison=Comparison(exclude=("C",))))
    assert roles(result) == {"A": "treated", "B": "donor", "C": "left_out", "D": "donor"}
    rows = {row["unit"]: row for row in result.units.iter_rows(named=True)}
    assert rows["C"]["reason"] == "excluded in the reform file"
    assert rows["A"]["label"] == "Alta"
    assert rows["A"]["adopted"].year == 2005
    assert rows["B"]["adopted"] is None
    assert rows["B"]["reason"] is None
    assert (rows["A"]["weight"], rows["C"]["weight"]) == (1.0, 0.0)
    assert set(result.panel["unit"]) == {"A", "B", "D"}


def test_named_donors(tmp_path: Path) -> None:
    result = build(table(tmp_path), tmp_path, spec(comparison=Comparison(units=("B", "D"))))
    assert roles(result) == {"A": "treated", "B": "donor", "C": "left_out", "D": "donor"}


def test_largest_by_persons_after_exclusions(tmp_path: Path) -> None:
    asked = spec(comparison=Comparison(largest=1, exclude=("D",)))
    result = build(table(tmp_path), tmp_path, asked)
    assert roles(result) == {"A": "treated", "B": "left_out", "C": "donor", "D": "left_out"}
    reasons = dict(result.units.select("unit", "reason").iter_rows())
    assert reasons["B"] == "not among the 1 largest by persons in 2004"


def test_largest_counts_before_anticipation(tmp_path: Path) -> None:
    asked = spec(comparison=Comparison(largest=1), anticipation=2)
    reasons = build(table(tmp_path), tmp_path, asked).units["reason"].drop_nulls().to_list()
    assert reasons == ["not among the 1 largest by persons in 2002"] * 2


def test_largest_needs_persons(tmp_path: Path) -> None:
    given = table(tmp_path, outcomes={"y": {"column": "y", "kind": "share"}})
    message = told(given, tmp_path, spec(comparison=Comparison(largest=2)))
    assert "`comparison.largest` needs persons by unit in 2004" in message
    assert "outcomes.<name>.persons" in message


def test_flow_adds_up(tmp_path: Path) -> None:
    given = table(tmp_path, filter={"u": ["A", "B", "C"]})
    flow = build(given, tmp_path, spec(comparison=Comparison(exclude=("C",)))).flow
    kept, lost = flow["person_periods"].to_list(), flow["person_periods_lost"].to_list()
    # 4 units x 10 years x 9 groups; without D; group all; 8 years; without C; all with a value
    assert kept == [360, 270, 30, 24, 16, 16]
    assert lost == [0, 90, 240, 6, 8, 0]
    assert flow["reason"].to_list() == [
        "",
        "all but rows where u is A or B or C",
        "other groups than all",
        "outside 2000 to 2007",
        "units left out, see units",
        "",
    ]
    assert flow["persons"].null_count() == flow.height


def test_suppressed_and_missing_cells_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("u,t,y\nA,2000,*\nA,2001,.\nB,2000,1\n")
    given = source(missing=["."], suppressed=["*"])
    result = build(given, tmp_path, spec())
    cells = {(r["unit"], r["period"].year): r for r in result.panel.iter_rows(named=True)}
    assert cells[("A", 2000)]["suppressed"]
    assert not cells[("A", 2001)]["suppressed"]
    assert cells[("A", 2000)]["value"] is None
    assert result.flow["person_periods"][-1] == 1
    assert result.flow["reason"][-1] == "missing or suppressed in every outcome"
