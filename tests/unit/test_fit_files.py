from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tiny_did

from reformeval import artefacts, assignments, fit_files
from reformeval.design import Design
from reformeval.errors import UserError
from reformeval.estimators import did, event_study, synthetic_control, synthetic_did
from reformeval.fit import Fit


def _same(one: Fit, other: Fit) -> None:
    for field in fields(Fit):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.shape == b.shape, field.name
            assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), field.name
        elif field.name == "statistics":
            assert a.keys() == b.keys()
            assert all(np.array_equal(a[key], b[key], equal_nan=True) for key in a)
        else:
            assert a == b, field.name


def _full(d: Design) -> Fit:
    """A fit with every optional part, missing values and infinities in it."""
    fit = tiny_did.fit(d, events=True)
    rng = np.random.default_rng(0)
    S, A, E = fit.estimate.shape
    fit.estimate[:, :, 3] = np.nan  # an excluded period
    fit.estimate[1, 4] = np.nan
    fit.accept_low[0, 2, 0], fit.accept_high[0, 3, 0] = -np.inf, np.inf
    fit.observed[:, :, 2] = np.nan
    weights = rng.random((S, A, len(d.units)))
    weights[1, 4] = np.nan
    periods = rng.random((S, A, len(d.periods)))
    root = rng.random((S, E - 1, E - 1))
    covariance = np.full((S, E, E), np.nan)
    covariance[:, 1:, 1:] = root @ np.swapaxes(root, 1, 2)
    covariance[:, 0, 0] = 3.0
    covariance[:, 3], covariance[:, :, 3] = np.nan, np.nan
    statistics = {"rmspe_ratio": rng.random((S, A)), "nothing": np.full((S, A), np.nan)}
    statistics["rmspe_ratio"][0, 1] = np.inf
    return replace(
        fit, unit_weights=weights, period_weights=periods, statistics=statistics,
        covariance=covariance,
    )  # fmt: skip


def test_round_trip_is_exact(tmp_path: Path) -> None:
    d = tiny_did.design(units=8, series=3)
    fit = _full(d)
    fit_files.write(fit, d, tmp_path)
    _same(fit, fit_files.read(tmp_path, d))


def test_round_trip_without_optional_parts(tmp_path: Path) -> None:
    d = tiny_did.design(units=8)
    fit = tiny_did.fit(d)
    fit_files.write(fit, d, tmp_path)
    _same(fit, fit_files.read(tmp_path, d))
    assert pl.read_parquet(tmp_path / "weights.parquet").is_empty()


@pytest.mark.parametrize("method", [did, event_study, synthetic_control, synthetic_did])
def test_round_trip_of_every_estimator(method, tmp_path: Path) -> None:
    d = tiny_did.design(units=7, series=3, window=16, adoption=10)
    y = d.y.copy()
    y[1, 3, 5] = np.nan  # a donor drops out of one series
    y[2, 0, 5] = np.nan  # one series cannot be estimated
    excluded = d.excluded.copy()
    excluded[11] = True
    d = replace(d, y=y, excluded=excluded)
    fit = method.estimate(d, assignments.in_space(d, 1), {})
    fit_files.write(fit, d, tmp_path)
    if method is event_study:  # of an average only the variance is kept
        assert fit.covariance is not None
        fit.covariance[:, 0, 1:], fit.covariance[:, 1:, 0] = np.nan, np.nan
    _same(fit, fit_files.read(tmp_path, d))


def test_several_treated_units(tmp_path: Path) -> None:
    d = tiny_did.design(units=6, series=1, treated=2, window=16, adoption=10)
    d = replace(d, units=("a", "a+b", "b", "c", "c+a", "d"))
    fit = did.estimate(d, assignments.in_space(d, 1), {})
    fit_files.write(fit, d, tmp_path)
    back = fit_files.read(tmp_path, d)
    assert np.array_equal(back.assignments, fit.assignments)
    names = pl.read_parquet(tmp_path / "paths.parquet").filter(assignment=0)["unit"].unique()
    assert names.to_list() == ["a+a+b"]


def test_files_keep_the_contract(tmp_path: Path) -> None:
    d = tiny_did.design(units=8, series=2)
    fit = _full(d)
    fit_files.write(fit, d, tmp_path)
    for name, schema in (
        ("paths", artefacts.PATHS),
        ("draws", artefacts.DRAWS),
        ("weights", artefacts.WEIGHTS),
        ("covariance", artefacts.COVARIANCE),
    ):
        assert pl.read_parquet_schema(tmp_path / f"{name}.parquet") == dict(schema)
    draws = pl.read_parquet(tmp_path / "draws.parquet")
    own = draws.filter(statistic="estimate", assignment=0, outcome="outcome_1", estimand="att")
    assert own["value"].item() == fit.estimate[1, 0, 0]
    paths = pl.read_parquet(tmp_path / "paths.parquet")
    one = paths.filter(outcome="outcome_1", assignment=2, event_time=1)
    assert one["unit"].item() == d.units[2]
    assert one["observed"].item() == fit.observed[1, 2, 9]
    assert not paths.select(pl.col("observed").is_nan().any()).item()


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    d = tiny_did.design(units=8)
    for folder in ("one", "two"):
        fit_files.write(_full(d), d, tmp_path / folder)
    for name in ("paths", "draws", "weights", "covariance"):
        one, two = (tmp_path / f / f"{name}.parquet" for f in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_covariance_of_placebo_paths() -> None:
    d = tiny_did.design(units=9, series=2)
    fit = _full(d)
    frame = fit_files.covariance(fit, d)
    placebo = frame.filter(source="placebo", event_i=1, event_j=2, outcome="outcome_0")[
        "value"
    ].item()
    columns = [i for i, e in enumerate(fit.estimands) if e.event_time in (1, 2)]
    first, second = fit.estimate[0, 1:, columns]
    assert placebo == pytest.approx((first * second).mean())
    cluster = frame.filter(source="cluster", event_i=1, event_j=2, outcome="outcome_0")[
        "value"
    ].item()
    assert fit.covariance is not None
    assert cluster == fit.covariance[0, columns[0], columns[1]]
    assert frame.filter(source="cluster")["event_i"].null_count() == 0


def test_covariance_of_did_is_one_row_a_series() -> None:
    d = tiny_did.design(units=9, series=2)
    fit = replace(tiny_did.fit(d), covariance=np.tile(np.diag([1.0, 2.0, 3.0]), (2, 1, 1)))
    frame = fit_files.covariance(fit, d)
    assert (
        frame.select("source", "event_i", "event_j", "value").rows()
        == [("cluster", None, None, 1.0)] * 2
    )


def test_files_of_another_design_are_refused(tmp_path: Path) -> None:
    d = tiny_did.design(units=8, series=2)
    fit_files.write(tiny_did.fit(d), d, tmp_path)
    other = d.select(np.array([1, 0]), np.arange(8))
    with pytest.raises(UserError, match="other outcomes"):
        fit_files.read(tmp_path, other)
