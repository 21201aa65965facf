"""Donors that adopt after the reform are donors until then, and nothing of them is used after."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from design_helpers import make_design, panel
from evidence_helpers import assess_spec, evidence
from evidence_helpers import panel as evidence_panel
from table_helpers import grid, spec
from table_helpers import panel as built
from test_config_reform import BASE, changed, problems, project

from reformeval.assignments import in_space
from reformeval.config import loader, resolve
from reformeval.design import Design
from reformeval.diagnostics import balance, leaving
from reformeval.estimators import _discover, _leaving
from reformeval.panel.relative import while_untreated
from reformeval.spec import Comparison

LEAVER, LEAVES = 4, 9


def design(seed: int = 0, shock: float = 50.0, dropped: tuple[int, ...] = ()) -> Design:
    """Unit 0 is treated in period 6; unit 4 adopts in period 9, with a shock that must not show."""
    y = panel(7, 12, seed=seed, series=2)
    y[:, LEAVER, LEAVES:] = np.nan if np.isnan(shock) else y[:, LEAVER, LEAVES:] + shock
    return make_design(y, 6, later_steps=[8], dropped=dropped)


def hidden(seed: int = 0, dropped: tuple[int, ...] = ()) -> Design:
    return design(seed, np.nan, dropped)


def run(method: str, given: Design, leaves: tuple[int, ...] = (LEAVES,)):
    estimate = _discover.load(method).estimate
    return _leaving.estimate(estimate, given, in_space(given, 0), {}, leaves)


METHODS = ("did", "event_study", "synthetic_control", "demeaned_sc", "penalised_sc")


@pytest.mark.parametrize("method", METHODS)
def test_by_hand_in_two_parts(method: str) -> None:
    """Three periods with the donor and two of the three later ones (one is dropped) without it."""
    given = hidden(1, dropped=(10,))
    fit = run(method, given)
    estimate = _discover.load(method).estimate
    index = np.arange(12)
    first = replace(given, excluded=given.excluded | (index >= LEAVES))
    stay = np.array([u for u in range(7) if u != LEAVER])
    second = given.select(np.arange(2), stay, given.excluded | ((index >= 6) & (index < LEAVES)))
    early = estimate(first, in_space(first, 0), {}).estimate
    late = estimate(second, in_space(second, 0), {}).estimate
    own = [0, *range(1, 7)]
    rows = [a for a in own if a != LEAVER]
    expected = (3 * early[:, rows, 0] + 2 * late[:, :, 0]) / 5
    np.testing.assert_allclose(fit.estimate[:, rows, 0], expected, atol=1e-10)
    assert np.isnan(fit.estimate[:, LEAVER, 0]).all(), "no placebo over what it has itself"
    if method == "event_study":
        at = [e.event_time for e in fit.estimands]
        np.testing.assert_array_equal(fit.estimate[:, :, at.index(2)], early[:, :, at.index(2)])
        np.testing.assert_array_equal(fit.estimate[:, :, at.index(-3)], early[:, :, at.index(-3)])
        np.testing.assert_array_equal(
            fit.estimate[:, rows][:, :, at.index(3)], late[:, :, at.index(3)]
        )
    else:
        np.testing.assert_allclose(  # the second step: one period with it, two without
            fit.estimate[:, rows, 2], (early[:, rows, 2] + 2 * late[:, :, 2]) / 3, atol=1e-10
        )
    assert fit.covariance is None


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_acceptance_is_that_of_outcomes_less_c(method: str) -> None:
    given = hidden(2)
    fit = run(method, given)
    low, high = fit.accept_low[0, 1:, 0], fit.accept_high[0, 1:, 0]
    for c in np.linspace(-5, 5, 11):
        moved = given.y.copy()
        moved[:, 0, 6:] -= c
        sizes = np.abs(run(method, replace(given, y=moved)).estimate[0, :, 0])
        known = np.isfinite(sizes[1:])
        clear = known & (np.abs(sizes[1:] - sizes[0]) > 1e-8)
        inside = (low <= c) & (c <= high)
        np.testing.assert_array_equal(inside[clear], (sizes[1:] >= sizes[0])[clear])


def test_cutting_where_nobody_leaves_changes_nothing() -> None:
    given = make_design(panel(6, 12, seed=3), 6, later_steps=[8])
    for method in METHODS:
        whole, cut = run(method, given, ()), run(method, given, (9,))
        np.testing.assert_allclose(cut.estimate, whole.estimate, atol=1e-10)
        np.testing.assert_allclose(cut.accept_low[:, 1:, 0], whole.accept_low[:, 1:, 0], atol=1e-7)
        np.testing.assert_allclose(cut.counterfactual, whole.counterfactual, atol=1e-10)


def test_values_of_a_donor_are_taken_out_from_then_on() -> None:
    asked = spec(comparison=Comparison(leaving=(("C", date(2006, 1, 1)),)))
    cells = built(grid(), asked).panel
    kept = while_untreated(cells, asked)
    gone = pl.col("value").is_null()
    assert kept.filter(gone).select("unit", pl.col("period").dt.year()).rows() == [
        ("C", 2006), ("C", 2007),
    ]  # fmt: skip
    assert kept.drop("value").equals(cells.drop("value"))


NAMED = '  largest: 24\n  treated_from: {"1103": 2021-09, "5001": 2023-01, "0301": 2020-06}'


def test_the_check_names_every_donor_that_leaves(tmp_path: Path) -> None:
    base = assess_spec(("did",))
    start = base.timing.steps[1].start
    gone = (pl.col("unit") == "4605") & (pl.col("period") >= start)
    cells = evidence_panel(units=9).with_columns(pl.when(~gone).then("value").alias("value"))
    named = replace(base.estimators[0], leaving=(("4605", start),))
    given = evidence(tmp_path, cells, replace(base, estimators=(named,)))
    (row,) = leaving.check(given)
    assert "Donor 4605 adopts in 2020-06 and is a donor until then" in row["message"]
    assert all("4605" not in row["message"] for row in balance.check(given))


def test_from_the_reform_file(tmp_path: Path) -> None:
    study = loader.load(project(tmp_path, changed(BASE, "  largest: 24", NAMED))).study("x")
    assert resolve.estimate_spec(study, "did").leaving == (("1103", date(2021, 9, 1)),)
    comparison = resolve.panel_spec(study).comparison
    assert comparison.leaving == (("1103", date(2021, 9, 1)),), "0301 is excluded, 5001 is later"
    assert comparison.later == ("1103", "5001", "0301")


def test_refusals(tmp_path: Path) -> None:
    early = changed(BASE, "  largest: 24", '  largest: 24\n  treated_from: {"1103": 2020-03}')
    found = problems(tmp_path / "a", early)
    assert any("donor '1103' adopts in 2020-03, not after the reform" in line for line in found)
    other = changed(BASE, "  largest: 24", NAMED) + "  sdid: {method: synthetic_did}\n"
    found = problems(tmp_path / "b", other)
    assert any("synthetic_did cannot do without a donor from some period on" in f for f in found)
