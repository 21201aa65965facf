"""Contrasts between groups: one saturated regression, and a row with both groups' effects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import evidence_helpers as helpers
import numpy as np
import polars as pl
import pyfixest
import pytest
from evidence_helpers import TIMING, assess_spec, evidence, panel, suppress, truth_of, units_of
from test_config_reform import BASE, changed, problems, project

from reformeval.assignments import in_space
from reformeval.config import loader, resolve
from reformeval.design import from_panel
from reformeval.effects import assemble
from reformeval.estimators import did, event_study
from reformeval.spec import Contrast, Headline

PAIR = Contrast("family=with_children", "all")


def frame(seed: int = 0) -> pl.DataFrame:
    """Both groups share their unit's shocks; the reform moves one of them by 2."""
    base = panel(units=9, effect=0.0, seed=seed)
    rng = np.random.default_rng(seed)
    cells = base.select("unit", "period").unique().sort("unit", "period")
    shocks = cells.with_columns(shock=pl.Series(rng.normal(0, 5, cells.height).cumsum()))
    mine = (pl.col("unit") == "4600") & (pl.col("group") == PAIR.group)
    moved = pl.when(mine & (pl.col("period") >= TIMING.adoption)).then(2.0).otherwise(0.0)
    joined = base.join(shocks, on=["unit", "period"], maintain_order="left")
    return joined.with_columns(value=pl.col("value") + pl.col("shock") + moved).drop("shock")


def design(cells: pl.DataFrame, weights: str = "equal"):
    return from_panel(cells, units_of(cells), TIMING, ["employed"], helpers.GROUPS, weights, [PAIR])


def test_a_contrast_is_the_difference_of_its_groups_and_follows_them() -> None:
    made = design(frame())
    assert [s.group for s in made.series] == ["all", PAIR.group, PAIR.name]
    np.testing.assert_array_equal(made.y[2], made.y[1] - made.y[0])
    np.testing.assert_array_equal(made.n[2], np.minimum(made.n[0], made.n[1]))
    gone = (
        (pl.col("group") == "all") & (pl.col("unit") == "4603") & (pl.col("period") == TIMING.first)
    )
    hidden = design(suppress(frame(), gone))
    assert np.isnan(hidden.y[2, 3, 0])
    assert not np.isnan(hidden.y[1, 3, 0])


def test_triple_difference_is_pyfixests() -> None:
    """y ~ treated x post x group | group^unit + group^period + unit^period, to 1e-8."""
    cells = frame()
    made = design(cells)
    fit = did.estimate(made, in_space(made, 0), {})
    kept = [p for p, ok in zip(made.periods, made.in_pre | made.in_post, strict=True) if ok]
    rows = cells.filter(pl.col("outcome") == "employed", pl.col("period").is_in(kept)).with_columns(
        post=(pl.col("period") >= TIMING.adoption).cast(pl.Float64),
        group=(pl.col("group") == PAIR.group).cast(pl.Int64),
        month=pl.col("period").rank("dense"),
    )
    for a, unit in ((0, "4600"), (3, made.units[np.flatnonzero(fit.assignments[3] >= 0)[0]])):
        given = rows.with_columns(
            d=(pl.col("unit") == unit).cast(pl.Float64) * pl.col("post") * pl.col("group")
        )
        model = pyfixest.feols("value ~ d | group^unit + group^month + unit^month", data=given)
        assert fit.estimate[2, a, 0] == pytest.approx(float(model.coef().iloc[0]), abs=1e-8)
    both = event_study.estimate(made, in_space(made, 0), {})
    for one in (fit, both):
        np.testing.assert_allclose(
            one.estimate[2], one.estimate[1] - one.estimate[0], atol=1e-10, equal_nan=True
        )


def test_shocks_of_a_unit_cancel() -> None:
    fit = did.estimate(made := design(frame(3)), in_space(made, 0), {})
    assert abs(fit.estimate[2, 0, 0] - 2) < 1
    assert np.abs(fit.estimate[2, 1:, 0]).max() < np.abs(fit.estimate[:2, 1:, 0]).max() / 3


def test_rows_checks_and_headline(tmp_path: Path) -> None:
    base = assess_spec(("did", "event_study"))
    spec = replace(
        base,
        estimators=tuple(replace(e, contrasts=(PAIR,)) for e in base.estimators),
        headline=Headline("employed", PAIR.name, "did"),
        inference=("permutation",),
    )
    cells = frame()
    truth = truth_of(cells, 2.0).with_columns(
        effect=pl.when(pl.col("group") == PAIR.group).then("effect").otherwise(0.0)
    )
    table = assemble(evidence(tmp_path, cells, spec, truth))
    (head,) = table.filter("is_headline").iter_rows(named=True)
    assert (head["group"], head["versus"], head["estimand"]) == (PAIR.group, "all", "contrast")
    assert head["p_value"] == pytest.approx(1 / 9)
    assert head["verdict"] == "inconclusive", "the floor of nine assignments is above 5 %"
    assert head["truth"] == pytest.approx(2 + 0.1 * np.mean([m for m in range(1, 13) if m != 7]))
    att = table.filter(estimand="att", outcome="employed", estimator="did", inference="permutation")
    both = {row["group"]: row["estimate"] for row in att.iter_rows(named=True)}
    assert head["estimate"] == pytest.approx(both[PAIR.group] - both["all"], abs=1e-9)
    assert set(table.filter(pl.col("versus").is_not_null())["estimand"]) == {
        "contrast", "event", "step",
    }  # fmt: skip
    assert table.filter(estimand="contrast")["status"].is_in(["ok", "warn", "refused"]).all()


WITHIN = "  largest: 24\n  within: {group: family=with_children, against: family=without_children}"


def test_from_the_reform_file(tmp_path: Path) -> None:
    study = loader.load(project(tmp_path, changed(BASE, "  largest: 24", WITHIN))).study("x")
    pair = Contrast("family=with_children", "family=without_children")
    assert resolve.contrasts(study, "synthetic_control") == (pair,)
    assert resolve.contrasts(study, "did") == (pair,), "the same pair only once"
    assert resolve.contrasts(study, "poisson_did") == ()
    assert resolve.report_spec(study).contrasts == (pair,)


def test_every_value_is_compared_with_the_first(tmp_path: Path) -> None:
    study = loader.load(project(tmp_path, BASE)).study("x")
    pair = Contrast("family=without_children", "family=with_children")
    assert resolve.contrasts(study, "event_study") == (pair,)
    assert resolve.contrasts(study, "synthetic_control") == ()


CASES = {
    "no group": (
        WITHIN.replace("family=without", "family=wthout"),
        "`comparison.within.against`: 'family=wthout_children' is not one of groups",
    ),
    "overlap": (
        WITHIN.replace("family=without_children", "all"),
        "`comparison.within`: persons can be in family=with_children and in all",
    ),
    "lacks a side": (
        WITHIN.replace(", against: family=without_children", ""),
        "`comparison.within.against` is missing",
    ),
}


@pytest.mark.parametrize(("new", "expected"), CASES.values(), ids=CASES)
def test_bad_within(tmp_path: Path, new: str, expected: str) -> None:
    found = problems(tmp_path, changed(BASE, "  largest: 24", new))
    assert any(expected in line for line in found), found


def test_headline_may_be_the_triple_difference(tmp_path: Path) -> None:
    named = changed(BASE, "  largest: 24", WITHIN)
    pair = "family=with_children versus family=without_children"
    named = changed(named, "group: all,", f"group: {pair},")
    assert loader.load(project(tmp_path / "a", named)).study("x").reform.headline.group == pair
    other = changed(BASE, "group: all,", f"group: {pair},")
    assert any("is not one of groups" in line for line in problems(tmp_path / "b", other))
