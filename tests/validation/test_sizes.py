"""The size table: what is committed agrees, holds where it must, and is measured anew in part."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from reformeval.assignments import in_space
from reformeval.estimators import did
from reformeval.inference import _router, _sizes
from tests.validation import crv1, page, size_cells, size_rows, size_tests, studies
from tests.validation.size_assumptions import ASSUMPTIONS
from tests.validation.size_cells import Cell
from tests.validation.summaries import BOUND

DRAWS = 250


def committed() -> pl.DataFrame:
    return pl.read_csv(studies.FOLDER / "sizes.csv")


def test_page_table_and_package_say_the_same() -> None:
    assert page.text() == page.PAGE.read_text(encoding="utf-8")
    assert tuple(size_rows.quoted(committed())) == _sizes.SIZES


def test_the_table_has_every_cell_and_every_method() -> None:
    rows = committed()
    assert set(rows["seed"]) == {cell.seed for cell in size_cells.grid()}
    left_out = {"placebo_variance"}  # of synthetic_did alone, which takes too long
    assert {name.split(",")[0] for name in rows["method"]} >= set(_router.names()) - left_out
    assert set(rows["method"]) == set(ASSUMPTIONS)
    assert studies.facts("sizes")["draws"] >= 2_000


def test_no_level_is_exceeded_where_the_assumption_holds() -> None:
    rows = committed().filter(pl.col("assumption_holds"), pl.col("rejected").is_not_null())
    null = rows.filter(effect=0.0)
    exact = null.filter("exact")
    assert exact.height > 200
    over = exact.filter(pl.col("rejected") > pl.col("level") + BOUND * pl.col("mc_error"))
    assert over.is_empty(), over
    assert exact["within"].all()


def test_limits_that_are_not_reached_are_those_that_the_page_explains() -> None:
    null = committed().filter(pl.col("assumption_holds"), ~pl.col("exact"), effect=0.0)
    over = null.filter(~pl.col("within"))
    assert set(over["method"]) == {"conformal", "ferman_pinto", "cluster"}
    assert set(over.filter(method="conformal")["periods_before"]) == {size_cells.BEFORE}
    assert set(over.filter(method="conformal")["process"]) == {"ar1"}
    assert "equal" not in set(over.filter(method="ferman_pinto")["cell_sizes"])
    assert set(over.filter(method="cluster")["treated"]) == {10}


def test_the_clustered_test_is_refused_for_what_it_would_reject() -> None:
    rows = committed().filter(method="cluster", treated=1, effect=0.0, sd_ratio=1.0)
    assert rows["rejected"].is_null().all()
    assert rows["rejected_without_rules"].min() > 0.4  # type: ignore[operator]


def test_the_noise_of_a_panel_is_as_its_cell_says() -> None:
    cell = Cell(1, 9, 2.0, "ar1", effect=2.0)
    d = size_cells.draw(cell, 4_000, np.random.default_rng(1))
    change = d.y[:, :, size_cells.BEFORE :].mean(axis=2) - d.y[:, :, : size_cells.BEFORE].mean(
        axis=2
    )
    sd = size_cells.sd_of_change(cell)
    assert change[:, 1:].std() == pytest.approx(sd, rel=0.03)
    assert change[:, 0].std() == pytest.approx(2 * sd, rel=0.05)
    assert change[:, 0].mean() == pytest.approx(2 * sd, rel=0.1)
    lagged = np.corrcoef(d.y[:, 1, 0], d.y[:, 1, 1])[0, 1]
    assert lagged == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow  # pyfixest
def test_the_clustered_variance_in_closed_form_is_that_of_pyfixest() -> None:
    for cell in (Cell(1, 9, 2.0, "ar1"), Cell(5, 9, 1.0)):
        d = size_cells.draw(cell, 3, np.random.default_rng(0))
        rows = in_space(d, 1)[:5]
        with crv1.in_closed_form():
            closed = did.estimate(d, rows, {}).covariance
        np.testing.assert_allclose(closed[:, 0, 0], did.estimate(d, rows, {}).covariance[:, 0, 0])


@pytest.mark.slow
def test_a_small_part_is_measured_anew() -> None:
    rows = committed()
    for cell in (Cell(1, 9, 2.0), Cell(1, 19, 1.0, "ar1"), Cell(5, 9, 1.0)):
        found = [row for one in size_tests.of_cell(cell, DRAWS) for row in size_rows.of(cell, one)]
        known = rows.filter(seed=cell.seed, effect=0.0)
        for row in found:
            if row["assumption_holds"] and row["exact"] and row["rejected"] is not None:
                assert row["rejected"] <= row["level"] + BOUND * row["mc_error"], row
            same = known.filter(
                pl.col("level").is_close(row["level"], abs_tol=1e-4),
                **{key: row[key] for key in ("method", "estimator", "alternative")},
            ).row(0, named=True)
            rate, now = same["rejected_without_rules"], row["rejected_without_rules"]
            assert (rate is None) == (now is None)
            # of 2,500 draws and of a tenth of them
            if rate is not None:
                assert abs(now - rate) <= 4 * (max(rate * (1 - rate), 0.004) / DRAWS) ** 0.5, row
        if cell.treated == 1:
            crv1_rows = [row for row in found if row["method"] == "cluster"]
            assert all(row["rejected_without_rules"] > 0.3 for row in crv1_rows)
            assert all(row["rejected"] is None for row in crv1_rows)
