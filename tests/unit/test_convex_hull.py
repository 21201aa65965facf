"""The treated unit among its donors, and panels that give nothing to weigh donors by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from design_helpers import make_design, panel
from evidence_helpers import assess_spec, evidence
from evidence_helpers import panel as frame_of

from reformeval.assignments import in_space
from reformeval.diagnostics import convex_hull
from reformeval.diagnostics.convex_hull import extrapolation
from reformeval.estimators import _discover

WEIGHTED = (
    "synthetic_control", "demeaned_sc", "augmented_sc", "penalised_sc", "common_sc",
    "synthetic_did",
)  # fmt: skip


def test_share_by_hand() -> None:
    """Two donors at 0 and 2 in the first of two periods, 0 in the second."""
    donors = np.array([[0.0, 0.0], [2.0, 0.0]])
    assert extrapolation(donors, np.array([1.5, 0.0])) == 0
    assert extrapolation(donors, np.array([1.0, 3.0])) == pytest.approx(1)
    assert extrapolation(donors, np.array([5.0, 0.0])) == pytest.approx(3 / 4)
    assert extrapolation(donors, np.array([4.0, 4.0])) == pytest.approx((20 / 25) ** 0.5)
    for scale, shift in ((1000.0, -7.0), (1e-6, 1.0)):
        moved = extrapolation(donors * scale + shift, np.array([4.0, 4.0]) * scale + shift)
        assert moved == pytest.approx((20 / 25) ** 0.5, rel=1e-6)


def test_verdicts(tmp_path: Path) -> None:
    found = evidence(tmp_path, frame_of(), assess_spec(methods=("did", "synthetic_control")))
    design = found.estimated[1].design

    def row(change) -> dict:
        y = design.y.copy()
        change(y[0])
        one = replace(found.estimated[1], design=replace(design, y=y))
        rows = convex_hull.check(replace(found, estimated=(one,)))
        assert len(rows) == len(design.series)
        return rows[0]

    def far(y: np.ndarray) -> None:
        y[0] += 500

    def inside(y: np.ndarray) -> None:
        y[0] = 0.4 * y[1] + 0.6 * y[2]

    def twin(y: np.ndarray) -> None:
        y[7] = y[0]

    def still(y: np.ndarray) -> None:
        y[:, design.in_pre] = np.arange(25.0)[:, None]

    def still_treated(y: np.ndarray) -> None:
        y[0, design.in_pre] = 61.0

    assert row(far)["verdict"] == "warn"
    assert row(far)["value"] > 0.9
    assert "extrapolates that part" in row(far)["message"]
    assert (row(inside)["verdict"], row(inside)["value"]) == ("pass", 0.0)
    assert "Donor 4607 has the very values" in row(twin)["message"]
    assert "does not change in any unit" in row(still)["message"]
    assert "treated unit's outcome does not change" in row(still_treated)["message"]
    assert {row(one)["verdict"] for one in (twin, still, still_treated)} == {"warn"}


def test_silent_where_nobody_weights_donors(tmp_path: Path) -> None:
    found = evidence(tmp_path, frame_of(), assess_spec(methods=("did",)))
    assert convex_hull.check(found) == []


@pytest.mark.parametrize("method", WEIGHTED)
def test_an_outcome_that_does_not_change_before_gives_finite_weights(method: str) -> None:
    y = panel(6, 20, seed=1)[0]
    y[:, :14] = np.arange(6.0)[:, None]
    design = make_design(y, 14, treated=[2])
    flat = make_design(np.where(np.arange(20) < 14, 3.0, y), 14)
    for one in (design, flat):
        fit = _discover.load(method).estimate(one, in_space(one, 0), {})
        assert np.isfinite(fit.estimate).all()
        np.testing.assert_allclose(fit.unit_weights.sum(axis=2), 1, atol=1e-9)


@pytest.mark.parametrize("method", WEIGHTED[:-1])
def test_a_donor_identical_to_the_treated_unit_takes_all_weight(method: str) -> None:
    y = panel(6, 20, seed=2)[0]
    y[3] = y[0]
    design = make_design(y, 14)
    fit = _discover.load(method).estimate(design, design.adopted[None], {})
    np.testing.assert_allclose(fit.unit_weights[0, 0], np.arange(6) == 3, atol=1e-6)
    np.testing.assert_allclose(fit.estimate, 0, atol=1e-6)
