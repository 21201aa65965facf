"""Group mappings: the shipped lists, faults in a project's own, and groups made by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import yaml
from register_helpers import GROUPS, RESIDENTS, people, person, series, spec, timing
from test_defined_outcomes import define, project

from reformeval import workflow
from reformeval.config import loader, mappings, resolve
from reformeval.errors import UserError
from reformeval.panel.from_register import build
from reformeval.register.groups import mapped
from reformeval.sources.simulated_background import COUNTRIES
from reformeval.sources.simulated_register import simulate_frames
from reformeval.spec import Group, GroupCases

ROOT = Path(__file__).parents[2]
EEA, OLD = "origin_eea_2008", "origin_world_region_pre2008"
ORIGIN = GroupCases(
    "mine",
    "1",
    "origin",
    "origin is by the mapping mine.",
    (
        ("rest", (("immigrant_category", ("A", "F")),)),
        ("near", (("country", ("101", "106")), ("immigrant_category", ("B", "C")))),
        ("far", (("country", ("346",)), ("immigrant_category", ("B", "C")))),
    ),
)


def countries(name: str, value: str) -> set[str]:
    conditions = mappings.shipped()[name].content.values[value]
    return {code for condition in conditions for code in condition.get("country", ())}


def test_shipped_lists_hold_every_country_once() -> None:
    old = countries(OLD, "western"), countries(OLD, "non_western")
    new = countries(EEA, "eea_plus"), countries(EEA, "rest_of_world")
    assert old[0] | old[1] == new[0] | new[1]
    assert len(old[0] | old[1]) == len(old[0]) + len(old[1]) == 247
    assert set(COUNTRIES) <= old[0] | old[1]


@pytest.mark.parametrize(
    ("code", "country", "western", "eea"),
    [
        ("101", "Denmark", True, True),
        ("106", "Sweden", True, True),
        ("139", "United Kingdom", True, True),
        ("684", "USA", True, True),
        ("612", "Canada", True, True),
        ("805", "Australia", True, True),
        ("820", "New Zealand", True, True),
        ("811", "Fiji", True, False),
        ("131", "Poland", False, True),
        ("136", "Lithuania", False, True),
        ("133", "Romania", False, True),
        ("122", "Croatia", False, True),
        ("143", "Turkey", False, False),
        ("140", "Russia", False, False),
        ("155", "Bosnia and Herzegovina", False, False),
        ("161", "Kosovo", False, False),
        ("464", "Japan", False, False),
        ("346", "Somalia", False, False),
        ("534", "Pakistan", False, False),
        ("725", "Chile", False, False),
    ],
)
def test_where_countries_stand(code: str, country: str, western: bool, eea: bool) -> None:
    """Statistics Norway, Samfunnsspeilet 2008/4: what each division names."""
    assert (code in countries(OLD, "western")) == western, country
    assert (code in countries(EEA, "eea_plus")) == eea, country


def with_codes(frame: pl.DataFrame, category: str | None, country: str | None) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(category, pl.String).alias("immigrant_category"),
        pl.lit(country, pl.String).alias("country"),
    )


def test_groups_by_a_mapping_and_unknown_codes() -> None:
    register = people(
        with_codes(person(1, "0000", work="1111"), "B", "106"),
        with_codes(person(2, "0000", work="1111"), "C", "346"),
        with_codes(person(3, "0000"), "A", "999"),
        with_codes(person(4, "0000"), "B", "999"),
        with_codes(person(5, "0000", work="1100"), None, "101"),
        with_codes(person(90, "0000", unit="B"), "A", "000"),
    )
    values = [(("origin", value),) for value in ORIGIN.values]
    groups = (Group(), *(Group(terms) for terms in values))
    asks = replace(spec({"employed": RESIDENTS}, timing(3, 2), groups), mappings=(ORIGIN,))
    found = build(register, GROUPS, asks)
    assert series(found.panel, "employed") == [60, 60, 40, 40]
    assert series(found.panel, "employed", group="origin=near") == [100] * 4
    assert series(found.panel, "employed", group="origin=far") == [100] * 4
    assert series(found.panel, "employed", group="origin=rest") == [0] * 4
    by_rule = {record.rule: record for record in found.found}
    assert (by_rule["unknown_codes"].count, by_rule["unknown_codes"].of) == (8, 24)
    assert "immigrant_category" in by_rule["unknown_codes"].message
    assert by_rule["mapping"].message == "origin is by the mapping mine."


def test_a_register_without_the_columns() -> None:
    register = people(person(1, "0000"), person(90, "0000", unit="B"))
    groups = (Group((("origin", "near"),)),)
    asks = replace(spec({"employed": RESIDENTS}, timing(3, 2), groups), mappings=(ORIGIN,))
    with pytest.raises(UserError, match="no column immigrant_category"):
        build(register, GROUPS, asks)


def test_cut_values_are_counted() -> None:
    rich = person(1, "0000", work="1111").with_columns(earnings=900_000.0)
    register = people(rich, person(2, "0000", work="1111"), person(90, "0000", unit="B"))
    asks = spec({"mine": RESIDENTS}, timing(3, 2))
    own = replace(asks.outcomes[0], definition=define("earnings", upper=60_000.0))
    (record,) = build(register, GROUPS, replace(asks, outcomes=(own,))).found
    assert (record.rule, record.count, record.of) == ("winsorised", 4, 12)
    assert record.message == "Cut off at 60,000."


def test_the_simulated_register_has_codes_that_refine_origin() -> None:
    config = loader.load(ROOT)
    source = config.sources["simulated_register"].model_copy(update={"persons": 3_000})
    register, _ = simulate_frames(source, 1)  # type: ignore[arg-type]
    from reformeval.register.group_columns import computed

    found = register.with_columns(
        computed(mapped(one.cases()) for one in mappings.shipped().values())
    )
    by_old = found.group_by("origin", f"origin by {OLD}").len()
    assert set(by_old.drop("len").rows()) == {
        ("norwegian", "rest_of_population"),
        ("western", "western"),
        ("non_western", "non_western"),
    }
    by_new = set(found.select("origin", f"origin by {EEA}").unique().rows())
    assert ("non_western", "eea_plus") in by_new
    assert ("non_western", "rest_of_world") in by_new
    people_ = register.group_by("person").agg(pl.col("country", "immigrant_category").n_unique())
    assert people_.select((pl.col("country") == 1).all()).item()


OWN = """# one of a project's own
title: Neighbours
version: "1"
variable: background
source: by hand
value_labels: {neighbour: From next door}
values:
  neighbour:
    - {country: ["101", "106"]}
  other:
    - {country: ["346"]}
"""


def own(folder: Path, text: str, reform: str = "", offered: str = "neighbours") -> Path:
    """A project with a mapping of its own that the source offers and the reform names."""
    project(folder, "outcomes: {}\n", "outcomes:\n")
    path = folder / "config/mappings/neighbours.yaml"
    path.parent.mkdir()
    path.write_text(text)
    source = folder / "config/sources/simulated_register.yaml"
    source.write_text(
        source.read_text().replace(f"mappings: [{EEA}, {OLD}]", f"mappings: [{EEA}, {offered}]")
    )
    file = folder / "config/reforms/bergen_2020.yaml"
    said = file.read_text().replace("groups: [family, origin, [family, origin]]", reform)
    file.write_text(said)
    return folder


NAMED = "groups: [background, origin]\nmappings: {background: neighbours, origin: origin_eea_2008}"


def test_a_projects_own_mapping(tmp_path: Path) -> None:
    study = loader.load(own(tmp_path, OWN, NAMED)).study("bergen_2020")
    asked = resolve.panel_spec(study)
    assert [group.name for group in asked.groups] == [
        "all",
        "background=neighbour",
        "background=other",
        "origin=rest_of_population",
        "origin=eea_plus",
        "origin=rest_of_world",
    ]
    assert [one.name for one in asked.mappings] == ["neighbours", EEA]
    assert asked.mappings[0].note.startswith(
        "background is by the mapping neighbours, version 1: Neighbours."
    )
    report = resolve.report_spec(study)
    assert report.value_labels["neighbour"] == "From next door"
    assert yaml.safe_load(report.config)["mappings"]["neighbours"]["version"] == "1"
    plan = workflow.load(tmp_path)
    wild = SimpleNamespace(reform="bergen_2020", source="simulated_register")
    before = plan.panel(wild), plan.register(wild)
    path = tmp_path / "config/mappings/neighbours.yaml"
    path.write_text(OWN.replace('"346"', '"241"'))
    plan = workflow.load(tmp_path)
    assert plan.panel(wild) != before[0]
    assert plan.register(wild) == before[1]


@pytest.mark.parametrize(
    ("text", "reform", "said"),
    [
        (OWN.replace('["346"]', '["346", "101"]'), NAMED, "can both hold for one person"),
        (OWN.replace("country: [\"346\"]", "sex: [female]"), NAMED, "such as of everybody"),
        (OWN.replace('"346"', '"346", "346"'), NAMED, "lists '346' twice"),
        (OWN.replace('"346"', "346"), NAMED, "must be text"),
        (OWN.replace("neighbour: From", "nabo: From"), NAMED, "there is no value 'nabo'"),
        (OWN.replace("version", "versjon"), NAMED, "`version` is missing"),
        (OWN.replace("country:", "land:"), NAMED, "reads land, which"),
        (OWN, NAMED.replace("background: neigh", "origin2: neigh"), "is a mapping of background"),
        (OWN, NAMED.replace("neighbours", "neighbors"), "did you mean 'neighbours'?"),
        (OWN, NAMED.replace(EEA, OLD), "list it under mappings in the source file"),
        (OWN, "groups: [background]", "no group variable 'background'"),
    ],
)  # fmt: skip
def test_faults_are_told_with_file_and_line(
    tmp_path: Path, text: str, reform: str, said: str
) -> None:
    with pytest.raises(UserError) as error:
        loader.load(own(tmp_path, text, reform))
    assert said in str(error.value)
    assert all(":" in problem.where for problem in error.value.problems)


def test_the_programs_mappings_keep_their_meaning(tmp_path: Path) -> None:
    own(tmp_path, OWN, NAMED)
    (tmp_path / "config/mappings/neighbours.yaml").rename(tmp_path / f"config/mappings/{EEA}.yaml")
    with pytest.raises(UserError, match="the program has a mapping"):
        loader.load(tmp_path)
