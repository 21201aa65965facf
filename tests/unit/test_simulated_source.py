"""The model of the simulated source, and the shipped file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from pydantic import ValidationError

from reformeval.register.groups import RegisterGroup
from reformeval.sources.simulated import SimulatedSource

FILE = Path(__file__).parents[2] / "config" / "sources" / "simulated_register.yaml"


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_the_shipped_source(content: dict[str, Any]) -> None:
    source = SimulatedSource.model_validate(content)
    assert len(source.cities) == 25
    assert source.unit_labels()["4601"] == "Bergen"
    assert source.period_range() == (date(2017, 1, 1), date(2022, 8, 1))
    assert source.register_groups()["family"] == RegisterGroup(
        "family",
        {
            "with_children": ("couple_with_children", "single_parent"),
            "without_children": ("single", "couple"),
        },
    )
    assert source.group_values()["origin"] == ("non_western", "other")


def test_it_survives_json(content: dict[str, Any]) -> None:
    source = SimulatedSource.model_validate(content)
    for by_alias in (False, True):
        text = source.model_dump_json(by_alias=by_alias)
        assert SimulatedSource.model_validate_json(text) == source


def test_effects_and_treated_unit_can_be_changed(content: dict[str, Any]) -> None:
    source = SimulatedSource.model_validate(content)
    changed = source.with_effects(unit="0301", employed={})
    assert changed.planted.unit == "0301"
    assert changed.planted.employed == {}
    assert changed.planted.benefit == source.planted.benefit
    assert source.planted.unit == "4601"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("unit", "9999", "not among the cities"),
        ("from", "2030-01", "not between"),
        ("history_until", "2020-03", "before from"),
        ("employed", {"everybody": -1.0}, "with_children_non_western"),
        ("employed", {"with_children_other": -40.0}, "greater than or equal"),
        ("effect", 1, "Extra inputs"),
    ],
)
def test_a_wrong_plan_is_refused(
    content: dict[str, Any], key: str, value: Any, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        SimulatedSource.model_validate(content | {"planted": content["planted"] | {key: value}})


def test_codes_of_groups_are_checked(content: dict[str, Any]) -> None:
    groups = {"family": {"column": "family", "values": {"kids": ["single_mother"]}}}
    with pytest.raises(ValidationError, match="no code of family"):
        SimulatedSource.model_validate(content | {"groups": groups})
    twice = {"family": {"column": "family", "values": {"a": ["single"], "b": ["single"]}}}
    with pytest.raises(ValidationError, match="more than one value"):
        SimulatedSource.model_validate(content | {"groups": twice})


def test_short_burn_in_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 36"):
        SimulatedSource.model_validate(content | {"burn_in": 35})


def test_cities_are_the_largest_with_their_real_populations(
    content: dict[str, Any], data_dir: Path
) -> None:
    source = SimulatedSource.model_validate(content)
    real = (
        pl.scan_parquet(data_dir / "population" / "nor_population_by_age_b2020.parquet")
        .filter(granularity_geo="municip", calyear=2020, sex="total")
        .group_by(pl.col("location_code").str.extract(r"(\d{4})").alias("code"))
        .agg(pl.col("pop_jan1_n").sum().cast(pl.Int64).alias("persons"))
        .sort("persons", descending=True)
        .collect()
    )
    largest = dict(real.head(25).iter_rows())
    shipped = {code: city.population for code, city in source.cities.items()}
    assert largest == shipped


def test_names_of_cities_are_those_of_2020(content: dict[str, Any], data_dir: Path) -> None:
    source = SimulatedSource.model_validate(content)
    known = pl.read_csv(
        data_dir / "klass_131" / "klass_131_graph_vertices.csv", infer_schema_length=0
    ).filter(
        pl.col("validFrom") <= "2020-01-01",
        pl.col("validTo").is_null() | (pl.col("validTo") > "2020-01-01"),
    )
    labels = dict(known.select("code", "label").iter_rows())
    assert source.unit_labels() == {code: labels[code] for code in source.cities}
