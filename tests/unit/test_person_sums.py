from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from register_helpers import GROUPS, RESIDENTS, month, people, person, prior, spec, timing

from reformeval import person_files
from reformeval.artefacts import PERSON_SUMS, write_table
from reformeval.assignments import in_space
from reformeval.design import Design, from_panel
from reformeval.errors import UserError
from reformeval.estimators import person_event_study
from reformeval.panel import person_sums
from reformeval.panel.from_register import build
from reformeval.panel.holdings import Holdings
from reformeval.panel.outcomes import MEASURES
from reformeval.register.person_effects import Sums
from reformeval.register.summary import summarise, together
from reformeval.sources._register_keys import FROM_HISTORY
from reformeval.spec import Group, PanelSpec

ALL, MOTHERS = Group(), Group((("family", "with_children"),))
MONTHS, ADOPTION = 12, 8
UNITS = ("A", "B", "C", "D")


def register(seed: int = 0, persons: int = 200) -> pl.LazyFrame:
    """Persons in four units who receive assistance before the reform, come, go and move."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(persons):
        present = rng.random(MONTHS) > 0.15
        present[ADOPTION - 1] = True
        assistance = ["1" if on else "." for on in present]
        home, other = rng.choice(UNITS, 2)
        units = [home if index < ADOPTION else other for index in range(MONTHS)]
        work = "".join("1" if draw < 0.4 else "0" for draw in rng.random(MONTHS))
        family = "single_parent" if rng.random() < 0.5 else "single"
        traits = {"unit": units, "work": work, "family": family}
        frames.append(person(number, "".join(assistance), **traits))
    earnings = pl.when(pl.col("person") % 7 == 3).then(None).otherwise(pl.col("earnings"))
    return people(*frames).with_columns(earnings.alias("earnings"))


def asked(groups: tuple[Group, ...] = (ALL, MOTHERS)) -> PanelSpec:
    outcomes = {"employed": prior(6), "earnings": prior(6), "recipients_per_1000": RESIDENTS}
    return spec(outcomes, timing(MONTHS - 1, ADOPTION), groups)


def summed(
    rows: pl.LazyFrame, which: PanelSpec, whole: pl.LazyFrame | None = None
) -> tuple[tuple[str, ...], dict[tuple[str, str], Sums]]:
    """Sums of a bucket; the register is the bucket unless another is given."""
    held = Holdings(together([summarise(rows if whole is None else whole)]))
    return person_sums.build(rows, held, GROUPS, which)


def designed(rows: pl.LazyFrame, which: PanelSpec, outcomes: Sequence[str]) -> Design:
    built = build(rows, GROUPS, which)
    names = [group.name for group in which.groups]
    return from_panel(built.panel, built.units, which.timing, outcomes, names)


def by_hand(rows: pl.LazyFrame, outcome: str, scale: float, group: Group) -> pl.DataFrame:
    """Rows of prior recipients with the unit they lived in before the reform."""
    frozen = rows.filter(pl.col("period") == month(ADOPTION - 1)).select("person", home="unit")
    if group is MOTHERS:
        frozen = frozen.join(
            rows.filter(
                pl.col("period") == month(ADOPTION - 1), pl.col("family") == "single_parent"
            ).select("person"),
            on="person",
        )
    value = scale * pl.col(outcome).cast(pl.Float64)
    return rows.join(frozen, on="person").select("person", "home", "period", y=value).collect()


@pytest.mark.parametrize("group", [ALL, MOTHERS])
@pytest.mark.parametrize(("outcome", "scale"), [("employed", 100.0), ("earnings", 1.0)])
def test_sums_are_those_of_the_panels_persons(outcome: str, scale: float, group: Group) -> None:
    rows = register()
    found = summed(rows, asked())[1][outcome, group.name]
    hand = by_hand(rows, outcome, scale, group).drop_nulls("y")
    window = list(asked().timing.periods)
    hand = hand.with_columns(
        t=pl.col("period").replace_strict(window, range(MONTHS)),
        within=pl.col("y") - pl.col("y").mean().over("person"),
        several=pl.len().over("person") > 1,
    ).filter("several")
    for u, unit in enumerate(UNITS):
        for t in (0, ADOPTION, MONTHS - 1):
            cell = hand.filter(pl.col("home") == unit, pl.col("t") == t)
            assert found.rows[u, t] == cell.height
            assert found.moment[u, t] == pytest.approx(cell["within"].sum(), abs=1e-7)


def test_the_estimate_is_that_of_a_dummy_regression_on_the_panels_persons() -> None:
    rows, which = register(1), asked((ALL,))
    design = designed(rows, which, ["earnings"])
    sums = summed(rows, which)[1]["earnings", "all"]
    design = replace(design, persons=(sums,))
    fit = person_event_study.estimate(design, in_space(design, 0)[:1], {})
    hand = by_hand(rows, "earnings", 1.0, ALL).drop_nulls("y").sort("person", "period")
    assert design.n is not None
    before = dict(zip(design.units, design.n[0][:, :ADOPTION].mean(axis=1), strict=True))
    root = np.array([before[unit] ** -0.5 for unit in hand["home"]])
    terms = [k for k in range(MONTHS) if k != ADOPTION - 1]
    at = [hand["period"].to_numpy() == np.datetime64(month(k)) for k in terms]
    treated = (hand["home"] == "A").to_numpy()
    numbers = hand["person"].to_numpy()
    dummies = numbers[:, None] == np.unique(numbers)
    x = np.column_stack([*(treated & own for own in at), *at, dummies]).astype(float)
    found = np.linalg.lstsq(x * root[:, None], hand["y"].to_numpy() * root, rcond=None)[0]
    np.testing.assert_allclose(fit.estimate[0, 0, 1:], found[: len(terms)], rtol=1e-8, atol=1e-6)


def test_files_of_buckets_add_up_to_the_whole(tmp_path: Path) -> None:
    rows, which = register(2), asked()
    design = designed(rows, which, ["employed", "earnings", "recipients_per_1000"])
    fits = []
    for count in (1, 7):
        paths = []
        for index in range(count):
            bucket = rows.filter(pl.col("person") % count == index)
            _, sums = summed(bucket, which, rows)
            path = tmp_path / f"{index + 1}-of-{count}.parquet"
            write_table(person_files.table(sums, design.units), path, PERSON_SUMS)
            paths.append(path)
        read = person_files.read(paths, design)
        assert not read[-1].rows.any(), "residents are not followed"
        followed = replace(design, persons=read)
        fits.append(person_event_study.estimate(followed, in_space(design, 0), {}))
    one, seven = fits
    assert np.isfinite(one.estimate[:4]).all()
    assert np.isnan(one.estimate[4:]).all()
    for name in ("estimate", "covariance", "accept_low"):
        np.testing.assert_allclose(
            getattr(seven, name)[:4], getattr(one, name)[:4], rtol=1e-9, atol=1e-7
        )


def test_order_of_rows_does_not_matter() -> None:
    rows = register(3)
    shuffled = rows.collect().sample(fraction=1.0, shuffle=True, seed=1).lazy()
    one, other = (summed(r, asked())[1] for r in (rows, shuffled))
    for key, sums in one.items():
        np.testing.assert_allclose(other[key].cross, sums.cross, atol=1e-9)
        np.testing.assert_allclose(other[key].moment, sums.moment, atol=1e-6)


def test_dropped_periods_have_no_rows() -> None:
    which = asked()
    which = replace(which, timing=replace(which.timing, dropped=(month(3), month(10))))
    sums = summed(register(), which)[1]["employed", "all"]
    assert (sums.rows.sum(axis=0) == 0).nonzero()[0].tolist() == [3, 10]


def test_files_for_other_units_are_refused(tmp_path: Path) -> None:
    rows, which = register(), asked()
    design = designed(rows, which, ["employed"])
    units, sums = summed(rows.filter(pl.col("unit") != "D"), which)
    path = tmp_path / "1-of-1.parquet"
    write_table(person_files.table(sums, units), path, PERSON_SUMS)
    with pytest.raises(UserError, match="other units or periods"):
        person_files.read([path], design)


def test_outcomes_made_of_cells_or_histories_are_not_followed() -> None:
    """In kroner where the panel has an index, the estimate would be wrong without a word."""
    (employed, *_) = asked().outcomes
    assert person_sums.follows_persons(employed)
    assert not person_sums.follows_persons(replace(employed, indexed=True))
    assert not person_sums.follows_persons(replace(employed, per="recipients"))
    current = replace(employed.population, movers="current")
    assert not person_sums.follows_persons(replace(employed, population=current))
    assert not person_sums.follows_persons(replace(employed, name="months_received"))
    histories = {name for name, measure in MEASURES.items() if measure.history}
    assert histories == set(FROM_HISTORY)


def test_frozen_residents_are_followed_too() -> None:
    rows = register(4)
    frozen = replace(RESIDENTS, groups="frozen", movers="before")
    which = spec({"employed": frozen}, timing(MONTHS - 1, ADOPTION), (ALL,))
    units, sums = summed(rows, which)
    panel = build(rows, GROUPS, which).panel.sort("unit", "period")
    counts = panel["n_persons"].to_numpy().reshape(len(units), MONTHS)
    single = 1 - sums["employed", "all"].rows / counts
    assert (single >= 0).all()
    assert (single < 0.02).all(), "only persons who are seen once are in no sum"
