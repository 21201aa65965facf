"""The same numbers from other people's software."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from design_helpers import make_design, panel

from reformeval.design import Design
from reformeval.estimators import did, event_study, synthetic_control, synthetic_did


def _long(design: Design) -> pl.DataFrame:
    units, periods = design.y.shape[1:]
    return pl.DataFrame(
        {
            "unit": np.repeat(design.units, periods),
            "t": np.tile(np.arange(periods), units),
            "y": design.y[0].ravel(),
            "ever": np.repeat(design.treated.astype(int), periods),
            "w": np.repeat(design.unit_weights[0], periods),
        }
    ).with_columns(D=pl.col("ever") * (pl.col("t") >= design.adoption).cast(pl.Int64))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_synthetic_control_is_diff_diffs(seed: int, scale: float) -> None:
    from diff_diff import SyntheticControl

    design = make_design(panel(9, 18, seed) * scale, 13)
    other = SyntheticControl(
        v_method="custom", custom_v=np.ones(13), standardize="none", seed=1
    ).fit(_long(design).to_pandas(), outcome="y", treatment="D", unit="unit", time="t")
    fit = synthetic_control.estimate(design, design.adopted[None], {})
    assert fit.estimate[0, 0, 0] == pytest.approx(other.att, rel=1e-4, abs=1e-4 * scale)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("treated", [(0,), (2, 5)])
def test_synthetic_did_is_diff_diffs(seed: int, treated: tuple[int, ...]) -> None:
    from diff_diff import SyntheticDiD

    design = make_design(panel(10, 16, seed), 11, treated=treated)
    other = SyntheticDiD(variance_method="placebo", n_bootstrap=2, seed=1).fit(
        _long(design).to_pandas(),
        outcome="y",
        treatment="ever",
        unit="unit",
        time="t",
        post_periods=list(range(11, 16)),
    )
    fit = synthetic_did.estimate(design, design.adopted[None], {})
    # its Frank-Wolfe steps stop early, which moves the estimate in the third decimal ...
    assert fit.estimate[0, 0, 0] == pytest.approx(other.att, abs=5e-3)
    # ... and ours fit the same two objectives better, by a little
    sigma = other.zeta_lambda / 1e-6
    assert other.zeta_omega == pytest.approx((len(treated) * 5) ** 0.25 * sigma)
    omega = np.array([other.unit_weights.get(unit, 0.0) for unit in design.units])
    lam = np.array([other.time_weights.get(t, 0.0) for t in range(16)])
    theirs = _objectives(design, omega, lam, other.zeta_omega)
    ours = _objectives(design, fit.unit_weights[0, 0], fit.period_weights[0, 0], other.zeta_omega)
    for own, reference in zip(ours, theirs, strict=True):
        assert own <= reference * (1 + 1e-9)
        assert own == pytest.approx(reference, rel=1e-3)


def _objectives(
    design: Design, omega: np.ndarray, lam: np.ndarray, zeta: float
) -> tuple[float, float]:
    """What the unit and the period weights minimise (the latter without its tiny ridge)."""
    y, treated = design.y[0], design.treated
    units = (omega @ y - y[treated].mean(axis=0))[design.in_pre]
    times = (y @ lam - y[:, design.in_post].mean(axis=1))[~treated]
    penalty = zeta**2 * design.in_pre.sum() * omega @ omega
    return units.var() * units.size + penalty, times.var() * times.size


def test_weighted_did_and_event_study_are_pyfixests() -> None:
    import pyfixest

    weights = np.random.default_rng(1).uniform(0.3, 3, (1, 8))
    design = make_design(panel(8, 12, 3), 8, treated=[1, 6], unit_weights=weights)
    frame = _long(design)
    simple = pyfixest.feols("y ~ D | unit + t", data=frame, weights="w", vcov={"CRV1": "unit"})
    fit = did.estimate(design, design.adopted[None], {})
    assert fit.estimate[0, 0, 0] == pytest.approx(simple.coef()["D"], abs=1e-9)
    # pyfixest's own factor counts one of two sets of fixed effects, by PYTHONHASHSEED
    ours, n = fit.covariance[0, 0, 0] ** 0.5, frame.height
    nested = [(n - 1) / (n - 1 - k) for k in (12, 8)]
    options = [ours * (f / nested[0]) ** 0.5 for f in nested]
    assert min(abs(simple.se()["D"] / o - 1) for o in options) < 1e-6

    events = pyfixest.feols("y ~ i(t, ever, ref=7) | unit + t", data=frame, weights="w")
    shown = event_study.estimate(design, design.adopted[None], {}).estimate[0, 0, 1:]
    np.testing.assert_allclose(shown, events.coef().to_numpy(), atol=1e-9)
