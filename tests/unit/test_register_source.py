"""What a source of kind `register` may say, and what it answers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reformeval.config import loader
from reformeval.errors import UserError
from reformeval.register.groups import RegisterGroup
from reformeval.sources._register_keys import OUTCOMES
from reformeval.sources.register import RegisterSource

BASE: dict[str, Any] = {
    "kind": "register",
    "title": "A register",
    "obtain": "the statistics office",
    "period": {"from": "2019-07", "to": "2021-06"},
    "population": {},
    "assistance": {},
    "earnings": {"file": "jobs.csv"},
}
SPELLS = {"columns": {"registered": "reported"}}


def source(**changes: Any) -> RegisterSource:
    given = {key: value for key, value in (BASE | changes).items() if value is not None}
    return RegisterSource.model_validate_json(json.dumps(given), strict=True)


def test_files_by_year_are_those_of_the_registers_years() -> None:
    assert list(source().files()) == [
        "population/snapshot_2019.csv",
        "population/snapshot_2020.csv",
        "population/snapshot_2021.csv",
        "kostra/11f_2019.dat",
        "kostra/11f_2020.dat",
        "kostra/11f_2021.dat",
        "jobs.csv",
    ]


def test_years_that_a_form_covers_bound_what_is_known() -> None:
    given = source(assistance={"years": {"from": 2020, "to": 2021}})
    assert "kostra/11f_2019.dat" not in given.files()
    rules = given.link_rules()
    assert rules.assistance == (date(2020, 1, 1), date(2021, 6, 1))
    assert rules.jobs == (date(2019, 7, 1), date(2021, 6, 1))
    assert source(earnings=None).link_rules().jobs is None


def test_spells_are_read_only_where_the_rule_needs_them() -> None:
    spells = {"residence_spells": SPELLS}
    assert "population/residence.csv" not in source(**spells).files()
    assert "population/residence.csv" in source(residence="formal", **spells).files()


def test_files_of_households_are_files_of_the_source() -> None:
    given = source(assistance={"households": {"file": "households.parquet"}})
    assert "households.parquet" in given.files()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"population": None}, "give population, or person_months"),
        ({"residence": "monthly"}, "residence: monthly needs residence_spells"),
        ({"residence": "formal", "residence_spells": {}}, "columns.registered"),
        ({"person_months": {}}, "person_months is linked already and stands alone: take out pop"),
        ({"period": {"from": "2020-01", "to": "2019-12"}}, "ends in 2019-12, before it begins"),
        ({"period": {"from": "2020", "to": "2021"}}, "'2020' is not a month"),
        ({"groups": {"all": {"column": "sex", "values": {"x": ["1"]}}}}, "cannot be called 'all'"),
        (
            {"groups": {"g": {"column": "sex", "values": {"x": ["1"], "y": ["1"]}}}},
            "the code '1' stands in more than one value",
        ),
        ({"groups": {"g": {"column": "sex", "values": {"x": []}}}}, "at least one code"),
        ({"residence": "july"}, "january"),
        ({"other_units": "drop"}, "stop"),
        ({"max_unlinked": 2.0}, "less than or equal to 1"),
        ({"frequency": "year"}, "month"),
    ],
)
def test_what_cannot_be_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        source(**changes)


def test_outcomes_are_those_that_the_files_can_give() -> None:
    work = {"employed", "earnings", "earnings_real", "hours"}
    cpi = {"file": "cpi.csv", "period": "month", "value": "index", "base": "2020"}
    assert source(cpi=cpi).outcome_names() == set(OUTCOMES)
    assert source(cpi=cpi, earnings=None).outcome_names() == set(OUTCOMES) - work
    assert source(cpi=cpi, assistance=None).outcome_names() == work
    ready = {"population": None, "assistance": None, "earnings": None, "cpi": cpi}
    assert source(person_months={}, **ready).outcome_names() == set(OUTCOMES)
    without = {"columns": {"hours": None, "benefit": None}}
    absent = set(OUTCOMES) - source(person_months=without, **ready).outcome_names()
    assert absent == {"hours", "benefit", "benefit_real"}


def test_only_residents_are_known_without_assistance() -> None:
    assert "prior_recipients" in source().populations()
    assert source(assistance=None).populations() == {"residents"}


def test_expressions_may_name_what_linking_adds() -> None:
    assert source().columns()["loan"] == "number"
    ready = {"person_months": {}, "population": None, "assistance": None, "earnings": None}
    assert "loan" not in source(**ready).columns()


def test_units_groups_and_labels() -> None:
    given = source(
        units={"0301": "Oslo"}, groups={"sex": {"column": "sex", "values": {"women": ["2"]}}}
    )
    assert given.unit_labels() == {"0301": "Oslo"}
    assert given.known_units() == {"0301"}
    assert source(units={"0301": "Oslo"}, other_units="keep").known_units() is None
    assert source().known_units() is None
    assert source().unit_labels() is None
    assert given.register_groups() == {"sex": RegisterGroup("sex", {"women": ("2",)})}


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(loader.DATA_VARIABLE, raising=False)


def _project(folder: Path, text: str) -> loader.Config:
    (folder / "config/sources").mkdir(parents=True)
    (folder / "config/config.yaml").write_text("seed: 1\n")
    (folder / "config/sources/people.yaml").write_text(text)
    return loader.load(folder)


YAML = """\
kind: register
title: A register
obtain: the statistics office
period: {from: 2019-07, to: 2020-06}
population: {file: "people_{year}.csv"}
person_months:
"""


def test_a_source_file_is_read_with_its_lines(tmp_path: Path) -> None:
    text = YAML.replace("person_months:\n", "residence: monthlyy\nassistance: {fil: x}\n")
    with pytest.raises(UserError) as error:
        _project(tmp_path, text)
    told = str(error.value)
    assert "config/sources/people.yaml:6: `residence` is 'monthlyy'" in told
    assert "config/sources/people.yaml:7: unknown key `assistance.fil`" in told
    assert "did you mean 'file'?" in told


def test_files_that_are_absent_are_named_and_counted(tmp_path: Path) -> None:
    config = _project(tmp_path, YAML.replace("person_months:\n", ""))
    people = config.sources["people"]
    (tmp_path / "data").mkdir()
    told = loader.absent(people, config.settings, tmp_path)
    assert told == f"{tmp_path}/data/people_2019.csv is not there nor are 1 others"
    (tmp_path / "data/people_2019.csv").touch()
    told = loader.absent(people, config.settings, tmp_path)
    assert told == f"{tmp_path}/data/people_2020.csv is not there"
    (tmp_path / "data/people_2020.csv").touch()
    assert not loader.absent(people, config.settings, tmp_path)


def test_a_pattern_stands_for_the_files_it_finds(tmp_path: Path) -> None:
    text = YAML.replace("person_months:\n", "").replace("people_{year}", "{year}/part-*")
    config = _project(tmp_path, text)
    (tmp_path / "data/2019").mkdir(parents=True)
    for name in ("part-2.csv", "part-1.csv", "other.csv"):
        (tmp_path / "data/2019" / name).touch()
    found = loader.data_files(config.sources["people"], config.settings, tmp_path)
    names = [path.relative_to(tmp_path / "data").as_posix() for path in found]
    assert names == ["2019/part-1.csv", "2019/part-2.csv", "2020/part-*.csv"]
