"""A small part of the placebo study: `make validation` runs the whole."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl
import pytest

from reformeval.assignments import in_space
from reformeval.estimators import _discover, _library
from tests.validation import placebo, placebo_summary, registers


def test_every_estimator_is_run_or_left_out_with_a_reason() -> None:
    run = {one.method for one in placebo.METHODS.values()}
    assert not run & set(placebo.LEFT_OUT)
    assert run | set(placebo.LEFT_OUT) == set(_discover.methods())


@pytest.mark.parametrize(
    ("method", "same_as"),
    [(m, reason.split()[-1]) for m, reason in placebo.LEFT_OUT.items() if "one date" in reason],
)
def test_estimators_of_staggered_reforms_are_those_of_one_date(method: str, same_as: str) -> None:
    states = _made_up()
    built = placebo.design(states, 2, np.array([0, 5]), ("unemployment",))
    rows = in_space(built, 0)
    with registers.without_pyfixest(), mock.patch.object(_library, "_compare"):
        one, other = (_discover.load(m).estimate(built, rows, {}) for m in (method, same_as))
    np.testing.assert_allclose(one.estimate[..., 0], other.estimate[..., 0], atol=1e-9)


def test_levels_and_rates() -> None:
    """Ten draws: two rejected at the level nearest to 5 % that there is, one of them warned of."""
    raw = pl.DataFrame(
        {
            "estimator": "did", "inference": "permutation", "alternative": "two-sided",
            "code_hash": "c", "draw": range(10), "start": range(10),
            "pandemic": [True] + 9 * [False],
            "estimate": [3.0, -1.0] * 5, "status": ["warn"] + 9 * ["ok"],
            "p_value": [1 / 53, 3 / 53, 4 / 53] + 7 * [0.5], "floor": 1 / 53, "level": 51 / 53,
            "low": [-1.0] * 9 + [0.5], "high": 1.0,
        }
    )  # fmt: skip
    found = placebo_summary.summary(raw)
    (row,) = found.filter(dates="all").iter_rows(named=True)
    assert (row["level_5"], row["level_10"]) == pytest.approx((3 / 53, 5 / 53))
    assert (row["reject_5"], row["reject_10"]) == pytest.approx((0.2, 0.3))
    assert (row["reject_5_ok"], row["reject_5_warned"]) == pytest.approx((1 / 9, 1.0))
    assert (row["mean"], row["rmse"]) == pytest.approx((1.0, 5**0.5))
    assert (row["coverage"], row["half_width"]) == pytest.approx((0.9, 1.0))
    assert found.filter(dates="with months of 2020")["draws"].to_list() == [1]


def test_what_is_committed_has_every_estimator_and_draws_enough() -> None:
    table = pl.read_csv(placebo.TABLE).filter(dates="all")
    assert set(table["estimator"]) == set(placebo.METHODS)
    assert table.filter(inference="permutation")["draws"].min() >= 1_000
    offered = table.filter(pl.col("inference") != "cluster", pl.col("tested") > 0.95)
    unlike = offered.filter(~(pl.col("holds_5") & pl.col("holds_10")))
    assert set(unlike.select("estimator", "inference").iter_rows()) == {("did", "conformal")}
    assert (table.filter(inference="cluster")["reject_5"] > 0.5).all()


@pytest.mark.slow
def test_tests_that_rank_are_exact_for_a_random_unit_and_the_clustered_one_is_not(
    data_dir: Path,
) -> None:
    """Every unit in turn as treated at two dates: k of 53 are rejected at level k/53."""
    states = placebo.load(data_dir)
    starts = np.array([100, 400])
    rows = [
        row
        for label in ("did", "event_study", "synthetic_control", "demeaned_sc", "synthetic_did")
        for unit in range(len(states.units))
        for row in placebo.tests(states, label, np.array([(s, unit, s) for s in starts]))
    ]
    raw = pl.DataFrame(rows, infer_schema_length=None)
    ranks = raw.filter(pl.col("inference").is_in(["permutation", "permutation_t"]))
    for _, one in ranks.group_by("estimator", "inference", "alternative", "start"):
        assert one.height == 53
        p = one["p_value"].sort().to_numpy()
        np.testing.assert_allclose(p, np.arange(1, 54) / 53, atol=1e-12)
        if one["alternative"][0] == "two-sided":
            out = one.filter((pl.col("low") > 0) | (pl.col("high") < 0))
            assert out.height == 2  # level 51/53
    clustered = raw.filter(inference="cluster").group_by("estimator", "start")
    assert (clustered.agg((pl.col("p_value") <= 0.05).mean())["p_value"] > 0.4).all()


@pytest.mark.slow
@pytest.mark.parametrize("label", ["did", "event_study"])
def test_the_closed_form_of_the_clustered_variance(data_dir: Path, label: str) -> None:
    states = placebo.load(data_dir)
    built = placebo.design(states, 11, np.array([300]), ("unemployment",))
    found = _discover.load(label).estimate(built, built.adopted[None], {})
    assert found.covariance is not None
    closed = placebo.clustered_errors(built, found)
    assert closed is not None
    assert closed[0] == pytest.approx(found.covariance[0, 0, 0] ** 0.5, rel=1e-8)


def _made_up() -> placebo.States:
    rng = np.random.default_rng(0)
    names = ("unemployment", "employment", "unemployed")
    values = {name: 50 + rng.normal(size=(6, 60)).cumsum(axis=1) for name in names}
    years = np.repeat(np.arange(2016, 2021), 12)
    return placebo.States(tuple("abcdef"), years, values, np.full((6, 60), 1e5))
