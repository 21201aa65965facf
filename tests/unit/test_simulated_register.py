"""The simulated register: determinism, equilibrium, shocks and the planted effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from register_helpers import GROUPS, prior

from reformeval.panel.from_register import build, truth
from reformeval.register import bucket_names
from reformeval.register.schema import REGISTER, scan
from reformeval.sources import simulated_rates as rates
from reformeval.sources.simulated import CELLS, SimulatedSource
from reformeval.sources.simulated_people import draw_people
from reformeval.sources.simulated_register import CHUNK, Simulation, simulate, simulate_frames
from reformeval.sources.simulated_shares import (
    employment_effects,
    expected_shares,
    expected_stock,
)
from reformeval.sources.simulated_world import SIZES, draw_world
from reformeval.spec import Comparison, Group, Outcome, PanelSpec, Population, Step, Timing

FILE = Path(__file__).parents[2] / "config" / "sources" / "simulated_register.yaml"
SHIPPED = SimulatedSource.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
SMALL = SHIPPED.model_copy(update={"persons": 15_000})
START, REFERENCE = date(2020, 3, 1), date(2019, 11, 1)
TIMING = Timing(
    "month", date(2017, 1, 1), date(2022, 8, 1), (), (Step("start", START, "Start"),), 3
)
CROSSES = tuple(
    Group((("family", family), ("origin", origin)))
    for family in ("with_children", "without_children")
    for origin in ("non_western", "other")
)
EVERY_POPULATION = {
    "employed": prior(12),
    "earnings": prior(12),
    "hours": prior(12),
    "benefit": prior(12),
    "recipients_per_1000": Population("residents"),
    "spell_months": Population("current_recipients"),
}


def mostly(unit: str, persons: int) -> SimulatedSource:
    """The shipped source with nine in ten persons in one municipality, which is treated."""
    cities = {
        code: city.model_copy(update={"population": 9_000 if code == unit else 500})
        for code, city in list(SHIPPED.cities.items())[:2]
    }
    changed = SHIPPED.model_dump() | {"persons": persons, "cities": cities}
    changed["planted"]["unit"] = unit
    return SimulatedSource.model_validate(changed)


def spec(outcomes: dict[str, Population], treated: str, min_persons: int = 1) -> PanelSpec:
    chosen = tuple(Outcome(name, population, "x", name) for name, population in outcomes.items())
    return PanelSpec(
        "test", TIMING, (treated,), Comparison(), chosen, (Group(), *CROSSES), min_persons
    )


@cache
def small() -> tuple[pl.DataFrame, pl.DataFrame]:
    return simulate_frames(SMALL, seed=1)


def test_rows_follow_the_schema_sorted_and_once_each() -> None:
    register, untreated = small()
    for frame in (register, untreated):
        assert list(frame.schema.items())[: len(REGISTER)] == list(pl.Schema(REGISTER).items())
        assert frame.columns[len(REGISTER) :] == ["immigrant_category", "country"]
        assert frame.null_count().sum_horizontal().item() == 0
        assert frame.equals(frame.sort("person", "period"))
        assert frame.select("person", "period").is_duplicated().sum() == 0
    assert register["age"].is_between(18, 66).all()
    assert set(register["unit"]) == set(SHIPPED.cities)
    assert register.filter(~pl.col("employed")).select("earnings", "hours").sum().row(0) == (0, 0)
    assert (register.filter("employed")["earnings"] > 0).all()
    assert ((register["benefit"] > 0) == register["recipient"]).all()


def test_the_scale_is_residents_in_an_average_month() -> None:
    per_month = small()[0].group_by("period").len()["len"]
    assert per_month.mean() == pytest.approx(SMALL.persons, rel=0.02)
    sizes = small()[0]["unit"].value_counts(normalize=True)
    shares = dict(sizes.iter_rows())
    total = sum(city.population for city in SMALL.cities.values())
    for code, city in SMALL.cities.items():
        expected = city.population / total
        # Moves are few, so persons in a municipality are nearly one binomial draw.
        assert shares[code] == pytest.approx(
            expected, abs=4.5 * (expected / SMALL.persons) ** 0.5 + 0.002
        )


def test_people_move_change_family_come_and_leave() -> None:
    register = small()[0]
    persons = register.group_by("person").agg(
        pl.col("unit").n_unique().alias("units"),
        pl.col("family").n_unique().alias("families"),
        pl.col("origin").n_unique().alias("origins"),
        pl.col("period").min().alias("first"),
        pl.col("period").max().alias("last"),
        pl.len(),
    )
    assert 0.05 < (persons["units"] > 1).mean() < 0.4
    assert 0.05 < (persons["families"] > 1).mean() < 0.6
    assert (persons["origins"] == 1).all()
    assert 0.03 < (persons["first"] > date(2017, 1, 1)).mean() < 0.4
    assert 0.03 < (persons["last"] < date(2022, 8, 1)).mean() < 0.4


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    source = SHIPPED.model_copy(update={"persons": 2_000})
    lines: list[str] = []
    contents = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        register, untreated = _paths(tmp_path / name, 3), _paths(tmp_path / f"{name}0", 3)
        simulate(source, seed, register, untreated, lines.append)
        contents[name] = [path.read_bytes() for path in (*register, *untreated)]
    assert contents["a"] == contents["b"]
    assert all(one != other for one, other in zip(contents["a"], contents["c"], strict=True))
    assert len(lines) == 3
    register = pl.concat(scan(path) for path in _paths(tmp_path / "a", 3)).collect()
    assert register.sort("person", "period").equals(simulate_frames(source, 1)[0])
    assert len(list(tmp_path.rglob("*"))) == 6 + 18


def _paths(folder: Path, count: int) -> list[Path]:
    return [folder / f"{name}.parquet" for name in bucket_names.names(count)]


def test_a_chunk_does_not_depend_on_those_before_it() -> None:
    source = SHIPPED.model_copy(update={"persons": 20_000})
    alone = Simulation(source, 3).chunk(1)[0]
    simulation = Simulation(source, 3)
    assert simulation.chunks == 2
    simulation.chunk(0)
    assert simulation.chunk(1)[0].equals(alone)
    assert alone["person"][0].as_py() > CHUNK


def test_levels_shocks_and_the_pandemic_have_mean_zero_over_cities() -> None:
    calm = SHIPPED.model_copy(update={"city_variation": 0.0})
    for seed in range(3):
        world, country = (
            draw_world(source, np.random.SeedSequence(seed)) for source in (SHIPPED, calm)
        )
        for name in SIZES:
            local = world.shifts[name] - country.shifts[name]
            np.testing.assert_allclose(local.mean(axis=1), 0, atol=1e-12)
            assert local.std() > 0.005
    before, after = np.split(country.shifts["employed"], [world.start])
    assert (before == 0).all()
    assert (after < 0).all()


def test_shocks_are_serially_correlated_and_exposure_unequal() -> None:
    world = draw_world(SHIPPED, np.random.SeedSequence(5))
    path = world.shifts["employed"][: world.start]
    path = path - path.mean(axis=0)
    assert 0.6 < np.corrcoef(path[1:].ravel(), path[:-1].ravel())[0, 1] < 0.97
    drop = world.shifts["employed"][world.start + 1] - world.shifts["employed"][world.start - 1]
    assert drop.std() > 0.004
    assert drop.mean() < -0.02


def test_recipients_are_in_equilibrium_after_the_shortest_burn_in() -> None:
    changes = {"city_variation": 0.0, "covid": 0.0, "burn_in": 36}
    world = draw_world(SHIPPED.model_copy(update=changes), np.random.SeedSequence(1))
    first = replace(world, months=world.months[: 36 + 3])
    people = draw_people(400_000, first, 12, np.random.default_rng(1))
    stock = expected_stock(12) * (rates.ORIGIN_SHARES / rates.presence())[:, None, None]
    expected = stock[..., -rates.SPELL_CAP :].sum() / stock.sum()
    assert expected == pytest.approx(0.032, abs=0.001)
    # Begun without recipients the share would be 0.0027 lower; its standard error is 0.0003.
    found = (people.recipient & people.resident).sum() / people.resident.sum()
    assert found == pytest.approx(expected, abs=0.0012)


@pytest.mark.slow
def test_the_share_of_recipients_has_no_trend_without_shocks() -> None:
    changes = {"persons": 100_000, "city_variation": 0.0, "covid": 0.0}
    before = simulate_frames(SHIPPED.model_copy(update=changes), 7)[0].filter(
        pl.col("period") < date(2020, 1, 1)
    )
    years = before.group_by(pl.col("period").dt.year()).agg(pl.col("recipient").mean())
    shares = dict(years.iter_rows())
    # The same persons stay for years: a difference has a standard error of about 0.0009.
    assert shares[2019] - shares[2017] == pytest.approx(0, abs=0.003)
    assert shares[2018] - shares[2017] == pytest.approx(0, abs=0.003)


def test_expected_shares_are_those_of_prior_recipients() -> None:
    source = SHIPPED.model_copy(update={"persons": 60_000, "city_variation": 0.0})
    register = simulate_frames(source, 11)[0]
    window = pl.col("period").is_between(date(2018, 12, 1), REFERENCE)
    received = register.filter(window, "recipient").select("person").unique()
    members = register.filter(period=REFERENCE).join(received, on="person", how="semi")
    families = pl.col("family").is_in(["couple_with_children", "single_parent"])
    cells = members.group_by(families, pl.col("origin") == "non_western").len()
    counts = {(f, o): n for f, o, n in cells.iter_rows()}
    order = [(True, True), (True, False), (False, True), (False, False)]
    found = np.array([counts[key] for key in order]) / members.height
    np.testing.assert_allclose(found, expected_shares(12), atol=3.5 * 0.5 / members.height**0.5)
    assert members.height / 60_000 == pytest.approx(0.071, abs=0.006)


def test_the_remaining_cell_makes_the_expected_effect_zero() -> None:
    effects = employment_effects(SHIPPED.planted)
    assert effects[:3] == pytest.approx([-0.04, -0.025, -0.015])
    assert effects[3] > 0.02
    assert np.dot(effects, expected_shares(12)) == pytest.approx(0, abs=1e-12)
    assert not employment_effects(SHIPPED.with_effects(employed={}).planted).any()


def test_families_and_immigrants_have_longer_spells() -> None:
    leave = rates.exit_log_odds()
    assert (leave[2] < leave[0]).all()
    assert (leave[:, 2:].max(axis=1) < leave[:, :2].min(axis=1)).all()
    assert (np.diff(rates.EXIT_BY_MONTH[1:]) <= 0).all()


def test_both_files_share_all_but_the_effect_on_those_who_are_hit() -> None:
    register, untreated = small()
    both = register.join(untreated, on=["person", "period"], suffix="_0")
    assert both.height == untreated.height
    lived = register.filter(unit="4601")["person"].unique()
    assert set(untreated["person"]) == set(lived)
    same = ["unit", "age", "sex", "family", "origin", "recipient"]
    assert all((both[name] == both[f"{name}_0"]).all() for name in same)
    changed = both.filter(
        (pl.col("employed") != pl.col("employed_0")) | (pl.col("benefit") != pl.col("benefit_0"))
    )
    assert changed.height > 0
    assert changed["period"].min() >= START
    received = register.filter(
        pl.col("period").is_between(date(2018, 12, 1), REFERENCE), "recipient"
    )
    there = register.filter(period=REFERENCE, unit="4601")["person"]
    assert set(changed["person"]) <= set(received["person"]) & set(there)


def test_without_effects_both_files_are_equal() -> None:
    register, untreated = simulate_frames(SMALL.with_effects(employed={}, benefit={}), seed=1)
    assert register.filter(pl.col("person").is_in(untreated["person"].implode())).equals(untreated)
    # Effects and the treated unit change nothing else: the draws are the same.
    assert (
        small()[0]
        .drop("employed", "earnings", "hours", "benefit")
        .equals(register.drop("employed", "earnings", "hours", "benefit"))
    )


@pytest.mark.slow
def test_truth_is_near_what_was_planted() -> None:
    source = mostly("0301", 60_000)
    register, untreated = simulate_frames(source, 3)
    given = spec(EVERY_POPULATION, "0301")
    found = truth(register.lazy(), untreated.lazy(), GROUPS, given)
    after = found.filter(pl.col("period") >= START)
    effects = {
        (outcome, group): effect
        for outcome, group, effect in after.group_by("outcome", "group")
        .agg(pl.col("effect").mean())
        .iter_rows()
    }
    planted = dict(zip(CELLS, 100 * employment_effects(source.planted), strict=True))
    # 500 to 1,500 persons in a cell, effects of few per cent each: errors of about 0.3 points.
    for group, cell in zip(CROSSES, CELLS, strict=True):
        assert effects["employed", group.name] == pytest.approx(planted[cell], abs=1.2)
    assert effects["employed", "all"] == pytest.approx(0, abs=0.6)
    assert effects["earnings", CROSSES[0].name] < -800
    assert effects["hours", CROSSES[0].name] < -0.6
    assert effects["benefit", CROSSES[0].name] > 50
    for outcome in ("recipients_per_1000", "spell_months"):
        assert all(effects[outcome, group.name] == 0 for group in CROSSES)
    before = found.filter(pl.col("period") < START)["effect"].drop_nulls()
    assert (before == 0).all()


@pytest.mark.slow
def test_residents_barely_show_the_effect() -> None:
    source = mostly("0301", 30_000)
    register, untreated = simulate_frames(source, 3)
    given = spec({"employed": Population("residents")}, "0301")
    found = truth(register.lazy(), untreated.lazy(), GROUPS, given)
    everybody = found.filter(pl.col("group") == "all", pl.col("period") >= START)["effect"]
    assert everybody.abs().max() < 0.15


@pytest.mark.slow
def test_every_shown_cell_of_the_shipped_source_is_large_enough(tmp_path: Path) -> None:
    register = _paths(tmp_path / "register", 2)
    simulate(SHIPPED, 20200301, register, _paths(tmp_path / "untreated", 2), lambda _: None)
    found = build(register, GROUPS, spec({"employed": prior(12)}, "4601", min_persons=10))
    cells = found.panel
    assert cells.height == 25 * 68 * 5
    assert not cells["suppressed"].any()
    # With a margin: twice the smallest cell that may be shown.
    assert cells["n_persons"].min() >= 20
    residents = found.flow.filter(step="register")["persons"].item()
    assert residents > 250_000
