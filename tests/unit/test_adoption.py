"""When units adopt: reading it, whom it leaves out, and what config may say about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from reformeval.config import loader, resolve
from reformeval.config.study import Study
from reformeval.errors import UserError
from reformeval.jobs._source import PanelJob, SourceSlice, with_adopted
from reformeval.jobs.check_data import build
from reformeval.panel.validate import validate
from reformeval.sources import adoption_reader
from reformeval.spec import Adoption, Comparison, PanelSpec, Timing, from_json, to_json
from tests.unit.test_config_reform import changed, problems

FILE = "config/reforms/x.yaml"
SOURCE = """\
kind: table
title: Rates of six towns
frequency: year
obtain: made by the tests
file: towns.csv
unit: {column: town}
period: {column: year}
outcomes:
  rate: {column: rate, kind: rate}
"""
REFORM = """\
title: Towns adopt one after another
source: towns
window: {from: 2001, to: 2006}
treatment:
  adoption: {file: dates.csv, unit: town, from: start}
comparison: never_treated
outcomes:
  rate: {measured_in: per cent}
headline: {outcome: rate, estimator: callaway_santanna}
estimators:
  callaway_santanna: {}
"""
DATES = "town,start\nAsh,2003\nBeech,2005\nCedar,\nElm,\nFir,2001\nOak,2009\n"


def study(folder: Path, reform: str = REFORM, dates: str = DATES) -> Study:
    (folder / "config/reforms").mkdir(parents=True)
    (folder / "config/sources").mkdir()
    (folder / "data").mkdir()
    (folder / "config/config.yaml").write_text("reforms: all\n")
    (folder / "config/sources/towns.yaml").write_text(SOURCE)
    (folder / "config/reforms/x.yaml").write_text(reform)
    (folder / "data/dates.csv").write_text(dates)
    rows = [
        f"{town},{year},{number + year % 3 + number * year % 7},{first or 0}"
        for number, (town, first) in enumerate(
            [("Ash", 2003), ("Beech", 2005), ("Cedar", 0), ("Elm", 0), ("Fir", 2001), ("Oak", 2009)]
        )
        for year in range(2001, 2007)
    ]
    (folder / "data/towns.csv").write_text("\n".join(["town,year,rate,first", *rows]) + "\n")
    return loader.load(folder).study("x")


def resolved(folder: Path, reform: str = REFORM, dates: str = DATES) -> tuple[PanelJob, list[Path]]:
    one = study(folder, reform, dates)
    slice_ = SourceSlice("table", one.source.model_dump(mode="json", by_alias=True))
    job = PanelJob(slice_, resolve.panel_spec(one))
    job = from_json(PanelJob, to_json(job))
    inputs = [folder / "data/towns.csv", folder / "data/dates.csv"]
    return replace(job, panel=with_adopted(job, inputs)), inputs


@pytest.fixture(autouse=True)
def _data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)


def roles(folder: Path, reform: str = REFORM, dates: str = DATES) -> dict[str, tuple[object, ...]]:
    job, inputs = resolved(folder, reform, dates)
    units = build(job, *inputs).units
    return {
        row[0]: row[1:] for row in units.select("unit", "role", "adopted", "reason").iter_rows()
    }


def test_roles_from_a_file(tmp_path: Path) -> None:
    found = roles(tmp_path)
    assert found["Ash"] == ("treated", date(2003, 1, 1), None)
    assert found["Beech"] == ("treated", date(2005, 1, 1), None)
    assert found["Cedar"] == found["Elm"] == ("donor", None, None)
    assert found["Fir"][0] == "left_out"
    assert "always treated: adopts in 2001" in str(found["Fir"][2])
    assert found["Oak"][2] == "adopts in 2009, after the window: not never treated"


def test_later_adopters_are_donors_where_not_yet_treated_ones_are(tmp_path: Path) -> None:
    found = roles(tmp_path, REFORM.replace("never_treated", "not_yet_treated", 1))
    assert found["Oak"] == ("donor", None, None)


def test_anticipation_reaches_into_the_window(tmp_path: Path) -> None:
    reform = REFORM.replace("never_treated", "not_yet_treated", 1)
    reform = reform.replace("start}\n", "start}\n  anticipation: 3\n")
    found = roles(tmp_path, reform)
    assert found["Oak"][2] == "adopts in 2009, and its anticipation begins inside the window"
    assert "no period before that and its anticipation" in str(found["Ash"][2])


def test_a_column_says_the_same_as_a_file(tmp_path: Path) -> None:
    column = REFORM.replace(
        "{file: dates.csv, unit: town, from: start}", '{column: first, never: ["0"]}'
    )
    assert roles(tmp_path / "a") == roles(tmp_path / "b", column)


def test_a_unit_without_a_row_is_left_out(tmp_path: Path) -> None:
    found = roles(tmp_path, dates=DATES.replace("Elm,\n", ""))
    assert found["Elm"][2] == "nothing says whether it adopts (treatment.adoption)"


def test_the_first_adoption_is_the_reforms(tmp_path: Path) -> None:
    job, _ = resolved(tmp_path)
    assert job.panel.timing.adoption == date(2003, 1, 1)
    assert job.panel.treated == ("Ash", "Beech")


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (DATES.replace("2003", "soon"), "dates.csv:2: unit 'Ash': 'soon' is not a year"),
        (DATES + "Ash,2004\n", "dates.csv:8: unit 'Ash' is there twice"),
        (DATES.replace("Elm,", ",2003"), "dates.csv:5: a row names no unit"),
        (
            DATES.replace("start", "begin"),
            "no column 'start' (config key: treatment.adoption.from)",
        ),
        ("town,start\nCedar,\nElm,\nFir,2001\n", "no unit adopts inside the window 2001 to 2006"),
    ],
)
def test_bad_dates(tmp_path: Path, dates: str, expected: str) -> None:
    with pytest.raises(UserError, match=r"(?s).") as error:
        resolved(tmp_path, dates=dates)
    assert expected in str(error.value)


def test_rows_of_a_unit_that_disagree(tmp_path: Path) -> None:
    one = study(tmp_path)
    table = tmp_path / "data/towns.csv"
    table.write_text(table.read_text().replace("Ash,2002,1,2003", "Ash,2002,1,2004", 1).replace(
        "Ash,2001,0,2003", "Ash,2001,0,2004", 1))  # fmt: skip
    text = table.read_text()
    assert "2004" in text
    with pytest.raises(UserError, match="'Ash' has rows with different periods of adoption"):
        adoption_reader.from_table(one.source, table, Adoption("first", never=("0",)))  # type: ignore[arg-type]


def told(folder: Path, reform: str = REFORM, dates: str = DATES) -> str:
    job, inputs = resolved(folder, reform, dates)
    result = build(job, *inputs)
    return "\n".join(map(str, validate(result, job.panel, job.source.model())))


def test_a_fit_panel_has_no_problem(tmp_path: Path) -> None:
    assert told(tmp_path) == ""


def test_all_units_treated_is_refused_and_not_switched(tmp_path: Path) -> None:
    dates = "town,start\nAsh,2003\nBeech,2005\nCedar,2003\nElm,2004\nFir,2004\nOak,2005\n"
    said = told(tmp_path / "a", dates=dates)
    assert "`comparison: never_treated`: no units of 6 never adopt" in said
    assert "write comparison: not_yet_treated" in said
    other = REFORM.replace("never_treated", "not_yet_treated", 1)
    assert told(tmp_path / "b", other, dates) == ""
    one = "town,start\n" + "".join(f"{t},2003\n" for t in ("Ash", "Beech", "Cedar", "Elm"))
    assert "all units adopt in the same period" in told(tmp_path / "c", other, one)


def test_an_unknown_adopter_is_reported(tmp_path: Path) -> None:
    said = told(tmp_path, dates=DATES + "Ashh,2004\n")
    assert "`treatment.adoption`: there is no unit 'Ashh' in the data" in said


CASES = {
    "no donors": ("comparison: never_treated\n", "", "`comparison` does not say which units"),
    "all": ("comparison: never_treated", "comparison: all", "`comparison` does not say which"),
    "units too": ("  adoption:", "  units: [Ash]\n  adoption:", "`treatment.units` and `treat"),
    "half a file": (", from: start", "", "give file with unit and from, or column"),
    "both": ("from: start", "from: start, column: first", "column is in the source's own table"),
    "one date": (
        "  callaway_santanna: {}",
        "  callaway_santanna: {}\n  did: {}",
        "`estimators.did`: did needs one adoption date, and the reform is staggered",
    ),
    "later adopters as donors": (
        "  callaway_santanna: {}",
        "  callaway_santanna: {}\n  synthetic_did: {donors: not_yet_treated}",
        "`estimators.synthetic_did`: synthetic_did cannot compare with not_yet_treated units alone",
    ),
    "neither": (
        "  adoption: {file: dates.csv, unit: town, from: start}",
        "  anticipation: 1",
        "`treatment.units` is missing",
    ),
    "later": (
        "comparison: never_treated",
        "comparison: {donors: never_treated, treated_from: {Oak: 2009}}",
        "`comparison.treated_from` repeats treatment.adoption",
    ),
    "donors": (
        "callaway_santanna: {}",
        "callaway_santanna: {donors: others}",
        "`estimators.callaway_santanna.donors`: 'others' is no choice of donors",
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_bad_config(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in REFORM
    with pytest.raises(UserError) as error:
        study(tmp_path, REFORM.replace(old, new, 1))
    assert expected in str(error.value)


def test_donors_are_for_staggered_reforms(tmp_path: Path) -> None:
    from tests.unit.test_config_reform import BASE

    reform = changed(
        BASE, 'comparison:\n  largest: 24\n  exclude: ["0301"]', "comparison: never_treated"
    )
    assert any("is for reforms with treatment.adoption" in p for p in problems(tmp_path, reform))


def test_a_timing_that_was_not_read() -> None:
    timing = Timing("year", date(2000, 1, 1), date(2005, 1, 1), (), (), 0)
    assert timing.staggered
    with pytest.raises(ValueError, match="has not been read"):
        _ = timing.adoption
    spec = PanelSpec("x", timing, (), Comparison(), (), (), 10)
    assert from_json(PanelSpec, to_json(spec)) == spec
