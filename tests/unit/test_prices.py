"""Price indices: reading them, deflating cells, and what is said beside the results."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import yaml
from evidence_helpers import assess_spec
from register_helpers import GROUPS, RESIDENTS, month, people, person, series, spec, timing
from test_defined_outcomes import define, project

from reformeval import workflow
from reformeval.config import loader, resolve
from reformeval.diagnostics import prices as check_prices
from reformeval.errors import UserError
from reformeval.panel import prices
from reformeval.panel.from_register import build, truth
from reformeval.panel.prices import Prices
from reformeval.spec import Cpi

CPI = Cpi("cpi.csv", "month", "index", "2020")
WINDOW = [month(i) for i in range(4)]


def index(path: Path, rows: dict[str, str], header: str = "month,index") -> Path:
    path.write_text("\n".join([header, *(f"{k},{v}" for k, v in rows.items())]) + "\n")
    return path


def full(**changed: str) -> dict[str, str]:
    rows = {f"2020-{m:02d}": f"{100 + m}" for m in range(1, 13)}
    return rows | {key.replace("_", "-"): value for key, value in changed.items()}


def test_base_of_a_year_and_of_a_month(tmp_path: Path) -> None:
    path = index(tmp_path / "cpi.csv", full())
    found = prices.read(path, CPI, WINDOW)
    assert found.factors == pytest.approx({m: 106.5 / (101 + i) for i, m in enumerate(WINDOW)})
    found = prices.read(path, replace(CPI, base="2020-03"), WINDOW)
    assert found.factors[date(2020, 3, 1)] == 1
    assert found.factors[date(2020, 1, 1)] == pytest.approx(103 / 101)


def test_separators_and_other_ways_to_write_months(tmp_path: Path) -> None:
    path = tmp_path / "cpi.csv"
    path.write_text("month;index\n2020M01;100,5\n2020-02-01;101,0\n", encoding="utf-8-sig")
    cpi = replace(CPI, base="2020-01", separator=";", decimal=",")
    assert prices.read(path, cpi, WINDOW[:2]).factors == pytest.approx(
        {WINDOW[0]: 1.0, WINDOW[1]: 100.5 / 101}
    )


def test_missing_months_are_named_and_never_made_up(tmp_path: Path) -> None:
    rows = full()
    del rows["2020-03"], rows["2020-11"]
    path = index(tmp_path / "cpi.csv", rows)
    with pytest.raises(UserError, match="no value for 2020-03, 2020-11") as error:
        prices.read(path, CPI, WINDOW)
    assert "never extrapolated" in str(error.value)
    with pytest.raises(UserError, match="no value for 2019-12"):
        prices.read(path, replace(CPI, base="2020-01"), [date(2019, 12, 1)])


def test_every_bad_row_is_named_with_its_line(tmp_path: Path) -> None:
    rows = full(**{"2020_02": "-1", "2020_13": "3", "2020_04": "abc", "2020_05": "inf"})
    path = index(tmp_path / "cpi.csv", rows)
    path.write_text(path.read_text() + "2020-01,3\n")
    with pytest.raises(UserError) as error:
        prices.read(path, CPI, WINDOW)
    assert sorted(p.where.rpartition(":")[2] for p in error.value.problems) == [
        "14", "15", "3", "5", "6"
    ]  # fmt: skip
    with pytest.raises(UserError, match="did you mean 'index'"):
        prices.read(index(path, full()), replace(CPI, value="indx"), WINDOW)
    with pytest.raises(UserError, match="cannot be read"):
        prices.read(tmp_path / "none.csv", CPI, WINDOW)


FACTORS = Prices({m: 1.0 + i / 10 for i, m in enumerate(WINDOW)})


def test_cells_and_truth_are_deflated() -> None:
    register = people(
        person(1, "1111", work="1111"), person(2, "0000", work="0000"), person(90, "0000", unit="B")
    )
    asks = spec({"earnings_real": RESIDENTS, "earnings": RESIDENTS}, timing(3, 2))
    real, nominal = asks.outcomes
    asks = replace(asks, outcomes=(replace(real, prices_of="2020"), nominal))
    found = build(register, GROUPS, asks, prices=FACTORS).panel
    assert series(found, "earnings") == [15_000] * 4
    assert series(found, "earnings_real") == pytest.approx([15_000, 16_500, 18_000, 19_500])
    untreated = people(person(1, "1111", work="1100"), person(2, "0000"))
    effects = truth(register, untreated, GROUPS, asks, FACTORS)
    deflated = effects.filter(pl.col("outcome") == "earnings_real").sort("period")
    assert deflated["effect"].to_list() == pytest.approx([0, 0, 18_000, 19_500])
    with pytest.raises(UserError, match="no price index"):
        build(register, GROUPS, asks)


def test_a_defined_outcome_is_deflated() -> None:
    register = people(person(1, "1111", work="1111"), person(90, "0000", unit="B"))
    asks = spec({"mine": RESIDENTS}, timing(3, 2))
    own = replace(asks.outcomes[0], definition=define("earnings + benefit"), prices_of="2020")
    found = build(register, GROUPS, replace(asks, outcomes=(own,)), prices=FACTORS).panel
    assert series(found, "mine") == pytest.approx([38_000, 41_800, 45_600, 49_400])


REAL = "outcomes:\n  earnings_real: {measured_in: NOK of 2020}\n"
SOURCE = """outcomes:
  total:
    expression: earnings + benefit
    kind: mean
    label: Income
    deflate: true
cpi: {file: cpi.csv, period: month, value: index, base: 2020}
"""


def test_config_names_the_file_and_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFORMEVAL_DATA", str(tmp_path))
    plan = workflow.load(project(tmp_path, SOURCE, REAL))
    assert "cpi.csv is not there; it is the price index" in plan.left_out["bergen_2020"]
    (tmp_path / "cpi.csv").touch()
    plan = workflow.load(tmp_path)
    assert not plan.left_out
    wild = SimpleNamespace(reform="bergen_2020")
    assert plan.cpi(wild) == [str(tmp_path / "cpi.csv")]
    asked = resolve.panel_spec(plan.studies["bergen_2020"])
    assert asked.cpi == CPI
    assert {o.name: o.prices_of for o in asked.outcomes} == {
        "earnings_real": "2020",
        "employed": None,
        "earnings": None,
        "recipients_per_1000": None,
        "spell_months": None,
    }


def test_without_a_price_index(tmp_path: Path) -> None:
    source = SOURCE.partition("cpi:")[0]
    with pytest.raises(UserError) as error:
        loader.load(project(tmp_path, source, REAL))
    said = str(error.value)
    assert "`outcomes.total.deflate`: the source has no price index" in said
    plain = "outcomes: {}\n"
    with pytest.raises(UserError) as error:
        loader.load(project(tmp_path, plain, REAL))
    assert "fix: give the source file a price index" in str(error.value)
    assert yaml.safe_load(source)["outcomes"]["total"]["deflate"] is True


def test_the_base_stands_beside_the_results() -> None:
    given = assess_spec()
    one, two = given.outcomes
    spec = replace(
        given,
        outcomes=(
            replace(one, prices_of="2020", measured_in="NOK of 2020"),
            replace(two, prices_of="2015-01", measured_in="NOK"),
        ),
    )
    rows = check_prices.check(SimpleNamespace(spec=spec))  # type: ignore[arg-type]
    assert [row["verdict"] for row in rows] == ["info", "warn"]
    assert "In prices of 2015-01" in rows[1]["message"]
    assert not check_prices.check(SimpleNamespace(spec=given))  # type: ignore[arg-type]
