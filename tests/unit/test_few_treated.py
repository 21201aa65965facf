"""Inference for few treated units: formulas by hand, author's code, brute force, size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from design_helpers import make_design
from scipy import integrate, optimize, stats
from scipy.special import ndtr

from reformeval.assignments import in_space
from reformeval.design import Design
from reformeval.estimators import did, synthetic_control
from reformeval.fit import Fit
from reformeval.inference import (
    _changes,
    _family,
    _router,
    _studentised,
    cluster_jackknife,
    conley_taber,
    ferman_pinto,
    hagemann,
    permutation,
    permutation_t,
    t_few,
    wild_bootstrap,
)

OF_CHANGES = (
    permutation_t, conley_taber, ferman_pinto, hagemann, t_few, cluster_jackknife, wild_bootstrap,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _without_regressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster covariance: these methods do not read it, and it takes most of the time."""
    monkeypatch.setattr(did, "_covariance", lambda *_: None)


def made(
    units: int = 20, treated: int = 1, seed: int = 0, effect: float = 0.0, sizes: bool = True,
    series: int = 1, spread: np.ndarray | None = None,
) -> tuple[Design, Fit]:  # fmt: skip
    """Twelve periods of noise, adoption at the ninth, persons that differ by unit."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(series, units, 12))
    if spread is not None:
        y = y * spread[:, None]
    y[:, :treated, 8:] += effect
    d = make_design(y, 8, tuple(range(treated)))
    if sizes:
        persons = np.geomspace(50, 5_000, units)[:, None] * np.ones(12)
        d = replace(d, n=np.broadcast_to(persons, d.y.shape).copy())
    return d, did.estimate(d, in_space(d, 1), {})


def changes_of(d: Design) -> np.ndarray:
    return d.y[0, :, d.in_post].mean(axis=0) - d.y[0, :, d.in_pre].mean(axis=0)


def att(module, d: Design, fit: Fit, level: float = 0.9):
    found = module.infer(d, fit, level)[0]
    keys = ("p_value", "low", "high", "std_error", "floor", "level", "status", "reason")
    return {key: getattr(found, key)[0, 0] for key in keys}


# Formulas


def test_changes_are_found_only_where_they_reproduce_the_estimates() -> None:
    d, fit = made()
    found = _changes.of(d, fit)
    assert found is not None
    np.testing.assert_allclose(found.value[0, :, 0], changes_of(d))
    assert _changes.of(d, replace(fit, estimate=fit.estimate * 1.001)) is None
    other = synthetic_control.estimate(d, fit.assignments, {})
    assert _changes.of(d, other) is None
    assert all(module.infer(d, other, 0.9) == [] for module in OF_CHANGES)


@pytest.mark.parametrize("treated", [1, 2, 6])
def test_t_few_is_the_regression_on_a_dummy(treated: int) -> None:
    d, fit = made(treated=treated, effect=1.0)
    w = changes_of(d)
    own = stats.ttest_ind(w[:treated], w[treated:], equal_var=True)
    row = att(t_few, d, fit, 0.95)
    assert row["p_value"] == pytest.approx(own.pvalue, rel=1e-9)
    interval = own.confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_conley_taber_by_hand() -> None:
    d, fit = made(units=20, effect=1.0)
    w = changes_of(d)
    residual = np.abs(w[1:] - w[1:].mean()) * np.sqrt(20 / 18)
    row = att(conley_taber, d, fit)
    tau = w[0] - w[1:].mean()
    assert row["p_value"] == pytest.approx((1 + (residual >= abs(tau)).sum()) / 20)
    critical = np.sort(residual)[::-1][1]  # 90 % with 20 equally likely values: k = 2
    assert (row["low"], row["high"]) == pytest.approx((tau - critical, tau + critical))
    assert row["level"] == pytest.approx(0.9)
    assert row["floor"] == pytest.approx(1 / 20)


def test_conley_taber_is_never_zero_and_inverts_its_own_p() -> None:
    d, fit = made(units=20, effect=50.0)
    row = att(conley_taber, d, fit)
    assert row["p_value"] == pytest.approx(1 / 20)
    for c, inside in ((row["low"] + 1e-9, True), (row["low"] - 1e-6, False)):
        moved = replace(d, y=np.where(d.treated[:, None] & d.in_post, d.y - c, d.y))
        again = att(conley_taber, moved, did.estimate(moved, fit.assignments, {}))
        assert bool(again["p_value"] > 0.1 + 1e-12) is inside


def test_residuals_of_several_treated_have_the_estimates_variance() -> None:
    """Over draws of the data: the factor makes donors' means as dispersed as the estimate."""
    rng = np.random.default_rng(2)
    own, drawn = [], []
    for _ in range(300):
        d = make_design(rng.normal(size=(12, 4)), 2, (0, 1))
        fit = did.estimate(d, np.where(d.treated, 2, -1)[None], {})
        own.append(fit.estimate[0, 0, 0])
        drawn.append((conley_taber.residuals(d, _changes.of(d, fit))(0)[:, 0] ** 2).mean())
    assert np.mean(drawn) == pytest.approx(np.var(own), rel=0.2)


def test_ferman_pinto_by_hand() -> None:
    d, fit = made(units=20, effect=1.0, seed=3)
    w, persons = changes_of(d), d.n[0, :, 0]
    residual = w[1:] - w[1:].mean()
    system = np.column_stack([np.ones(19), 1 / persons[1:]])
    a, b = optimize.lsq_linear(system * [1, 1e3], residual**2, (0, np.inf), tol=1e-14).x * [1, 1e3]
    v = a + b / persons
    of_mean = v[1:].sum() / 19**2
    scale = np.sqrt((v[0] + of_mean) / (v[1:] * (1 - 2 / 19) + of_mean))
    draws = np.abs(residual * scale)
    row, found = att(ferman_pinto, d, fit), ferman_pinto.variance(d, fit, 0)
    assert (found.common[0], found.sampling[0]) == pytest.approx((a, b), rel=1e-4, abs=1e-6)
    assert row["p_value"] == (1 + (draws >= abs(w[0] - w[1:].mean())).sum()) / 20
    critical = np.sort(draws)[::-1][1]
    assert row["high"] - row["low"] == pytest.approx(2 * critical, rel=1e-4)


@pytest.mark.parametrize("treated", [1, 2])
def test_ferman_pinto_of_a_treated_unit_much_larger_than_donors(treated: int) -> None:
    """Its own variance is next to nothing: the estimate varies as the donors' mean does."""
    rng, draws = np.random.default_rng(6), 300
    persons = np.concatenate([np.full(treated, 1e5), np.geomspace(50, 5_000, 9)])
    y = rng.normal(size=(draws, len(persons), 4)) / np.sqrt(persons)[:, None]
    d = make_design(y, 2, range(treated))
    d = replace(d, n=np.broadcast_to(persons[:, None], d.y.shape).copy())
    fit = did.estimate(d, np.where(d.treated, 2, -1)[None], {})
    found = ferman_pinto.infer(d, fit, 0.9)[0]
    assert (found.p_value[:, 0] <= 0.1 + 1e-9).mean() <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / draws)


def test_a_treated_unit_with_fewer_persons_than_donors_is_warned_of() -> None:
    d, _ = made(units=20)
    for own, status in ((50.0, "warn"), (5_000.0, "ok")):
        n = d.n.copy()
        n[:, 0], n[:, 1:] = own, 100.0
        sized = replace(d, n=n)
        row = att(ferman_pinto, sized, did.estimate(sized, in_space(sized, 1), {}))
        assert row["status"] == status
        assert ("2.0 times fewer persons" in row["reason"]) == (status == "warn")


@pytest.mark.parametrize("treated", [1, 2])
def test_ferman_pinto_without_a_slope_is_conley_taber(treated: int) -> None:
    """Where small units vary less than large ones the fit has no slope, and nothing is rescaled."""
    spread = np.geomspace(0.2, 2.0, 20)
    d, fit = made(units=20, treated=treated, effect=1.0, spread=spread, seed=4)
    assert ferman_pinto.variance(d, fit, 0).sampling[0] == 0
    one, other = att(ferman_pinto, d, fit), att(conley_taber, d, fit)
    keys = ("low", "high", "std_error", "p_value")
    keys = keys if treated == 1 else keys[:3]  # p counts ordered pairs, each of them twice
    assert [one[k] for k in keys] == pytest.approx([other[k] for k in keys])


def _hagemann_reference(q: int, alpha: float, rho: float, steps: int = 400) -> float:
    """Smallest weight by the author's program (hagemann_rea.R, function stc.weight)."""

    b, y = np.linspace(0, 2, 4_001), np.linspace(0, 9, 9_001)

    def bound(w: float) -> float:
        f = ndtr(w * np.sqrt(q - 1) * b) ** (q - 1) + 2 * ndtr(-b * q)
        g = ndtr((1 - w) * rho * y) ** (q - 1) * np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi)
        return 2.0 ** (-q - 1) + integrate.simpson(g, x=y) + f.min()

    return next((i for i in range(steps) if bound(i / steps) <= alpha), steps) / steps


@pytest.mark.parametrize(("q", "alpha", "rho"), [(14, 0.025, 2.0), (24, 0.025, 1.0), (9, 0.1, 1.0)])
def test_hagemann_weight_is_the_authors(q: int, alpha: float, rho: float) -> None:
    expected = _hagemann_reference(q, alpha, rho)
    assert hagemann._smallest_weight(q, rho, alpha) == pytest.approx(expected, abs=1 / 400)


@pytest.mark.parametrize(("donors", "ratio"), [(9, 0.4), (14, 2.4)])
def test_hagemann_is_feasible_up_to_the_known_ratio(donors: int, ratio: float) -> None:
    assert ratio <= hagemann.feasible_ratio(donors, 0.025) < ratio + 0.1


def test_hagemann_largest_ratio_is_where_the_test_stops_rejecting() -> None:
    d, fit = made(units=25, effect=4.0, seed=1)
    w = changes_of(d)
    x, deviation = w[0] - w[1:].mean(), (w[1:] - w[1:].mean()).max()
    largest = hagemann.largest_ratio(d, fit, 0, 0, 0.05)
    for rho, rejects in ((largest * 0.99, True), (largest * 1.01, False)):
        weight = hagemann._smallest_weight(24, rho, 0.05)
        assert bool((1 - weight) * x >= deviation) is rejects
    assert hagemann.largest_ratio(d, fit, 0, 0, 0.025) < largest


def test_hagemann_interval_and_p_agree() -> None:
    for effect in (0.0, 1.0, 2.0, 3.0):
        d, fit = made(units=25, effect=effect, seed=5)
        row = att(hagemann, d, fit, 0.95)
        outside = not row["low"] <= 0 <= row["high"]
        assert outside == (row["p_value"] <= 0.05)
        assert row["p_value"] >= row["floor"]


def test_hagemann_says_when_no_test_is_feasible() -> None:
    d, fit = made(units=10, effect=3.0)
    row = att(hagemann, d, fit, 0.95)
    assert row["status"] == "refused"
    assert "with 9 donors a two-sided test at 5 % is feasible only if" in row["reason"]
    assert "at most 0.4 times" in row["reason"]
    d, fit = made(units=6, effect=3.0)
    assert "no two-sided test at 5 % is feasible" in att(hagemann, d, fit, 0.95)["reason"]


def test_cluster_jackknife_equals_pyfixest() -> None:
    import polars as pl
    import pyfixest

    d, fit = made(units=16, treated=6, effect=1.0)
    frame = pl.DataFrame({
        "w": changes_of(d), "d": d.treated.astype(float), "unit": np.arange(16),
    }).to_pandas()  # fmt: skip
    model = pyfixest.feols(
        "w ~ d", data=frame, vcov={"CRV3": "unit"}, ssc=pyfixest.ssc(k_adj=False, G_adj=False)
    )
    row = att(cluster_jackknife, d, fit, 0.95)
    factor = np.sqrt(15 / 16)  # (G - 1)/G of CV3, which pyfixest applies as part of ssc or not
    ratio = row["std_error"] / model.se()["d"]
    assert min(abs(ratio - 1), abs(ratio - factor)) < 1e-8


def test_cluster_jackknife_by_leaving_units_out() -> None:
    d, fit = made(units=16, treated=6, effect=1.0)
    d = replace(d, unit_weights=np.linspace(1, 3, 16)[None])
    fit = did.estimate(d, fit.assignments, {})
    left = []
    for unit in range(16):
        keep = np.delete(np.arange(16), unit)
        part = d.select(np.array([0]), keep)
        left.append(did.estimate(part, part.adopted[None], {}).estimate[0, 0, 0])
    squares = ((np.array(left) - fit.estimate[0, 0, 0]) ** 2).sum()
    assert att(cluster_jackknife, d, fit)["std_error"] == pytest.approx(np.sqrt(15 / 16 * squares))


# Tests of t ratios


def test_permutation_t_equals_regressions_of_every_assignment() -> None:
    d, fit = made(units=12, treated=2, effect=1.5)
    w = changes_of(d)

    def t_of(value: np.ndarray, members: np.ndarray) -> float:
        arms = (value[members], value[~members])
        variance = sum(((a - a.mean()) ** 2).sum() / len(a) ** 2 for a in arms)
        return abs(arms[0].mean() - arms[1].mean()) / np.sqrt(variance)

    members = fit.assignments >= 0

    def p(c: float) -> float:
        t = np.array([t_of(w - c * d.treated, m) for m in members])
        return float((t >= t[0] - 1e-12).mean())

    row = att(permutation_t, d, fit)
    assert row["p_value"] == pytest.approx(p(0.0))
    alpha = 1 - row["level"]
    for end, inwards in ((row["low"], 1e-6), (row["high"], -1e-6)):
        assert p(end + inwards) > alpha >= p(end - inwards)


def test_with_one_treated_unit_t_ratios_rank_as_estimates() -> None:
    """The t ratio is then a rising function of the estimate's distance (MacKinnon & Webb 2020)."""
    d, fit = made(units=20, effect=1.0, seed=6)
    one, other = att(permutation_t, d, fit), att(permutation, d, fit)
    assert [one[k] for k in ("p_value", "low", "high")] == pytest.approx(
        [other[k] for k in ("p_value", "low", "high")]
    )


def test_a_standard_error_that_leaves_the_treated_unit_out_is_not_shown() -> None:
    assert np.isnan(att(permutation_t, *made(units=20, treated=1))["std_error"])
    d, fit = made(units=20, treated=3)
    w = changes_of(d)
    ols = ((w[:3] - w[:3].mean()) ** 2).sum() / 9 + ((w[3:] - w[3:].mean()) ** 2).sum() / 17**2
    assert att(permutation_t, d, fit)["std_error"] == pytest.approx(np.sqrt(ols * 20 / 18))


def test_accepted_sets_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    f, k = rng.normal(size=30), rng.uniform(-0.4, 0.4, 30)
    a, b = rng.uniform(0.5, 2, 30), rng.normal(size=30) * 0.2
    quadratic = np.stack([a, b, b**2 / (2 * a) + 0.05], axis=1)
    low, high = _studentised.accepted(f, k, 1.3, quadratic)
    for x in rng.uniform(-6, 6, 200):
        count = ((low <= x) & (x <= high)).sum()
        extreme = (f + k * x) ** 2 * 1.3 >= x**2 * (quadratic @ np.array([1, x, x**2]))
        assert count == extreme.sum()


def test_wild_bootstrap_equals_wildboottest() -> None:
    package = pytest.importorskip("wildboottest.wildboottest")
    d, fit = made(units=11, treated=5, effect=1.0)  # 2^11 sign vectors: every one is used
    w, treated = changes_of(d), d.treated.astype(float)
    theirs = package.WildboottestCL(
        X=np.column_stack([np.ones(11), treated]), Y=w, cluster=np.arange(11),
        R=np.array([0.0, 1.0]), B=9_999, seed=1, parallel=False,
    )  # fmt: skip
    theirs.get_scores(bootstrap_type="11", impose_null=True)
    theirs.get_weights(weights_type="rademacher")
    theirs.get_numer()
    theirs.get_denom()
    theirs.get_tboot()
    order = np.concatenate([np.flatnonzero(d.treated), np.flatnonzero(~d.treated)])
    estimate, variance = wild_bootstrap.ratios(w[order], treated[order])
    ours = estimate / np.sqrt(variance * 11 / 9)  # G/(G-1) (N-1)/(N-k), the package's default
    np.testing.assert_allclose(np.sort(ours), np.sort(theirs.t_boot), rtol=1e-8)
    row = att(wild_bootstrap, d, fit)
    assert row["p_value"] >= row["floor"] == 2 / 2**11


def test_wild_bootstrap_interval_is_its_own_test_inverted() -> None:
    d, fit = made(units=10, treated=5, effect=1.0)
    row = att(wild_bootstrap, d, fit)
    for end, inwards in ((row["low"], 1e-6), (row["high"], -1e-6)):
        for c, inside in ((end + inwards, True), (end - inwards, False)):
            y = np.where(d.treated[:, None] & d.in_post, d.y - c, d.y)
            moved = replace(d, y=y)
            again = att(wild_bootstrap, moved, did.estimate(moved, fit.assignments, {}))
            assert bool(again["p_value"] > 1 - row["level"] + 1e-12) is inside


def test_wild_bootstrap_interval_does_not_depend_on_the_unit_of_measurement() -> None:
    """The draw with all signs turned accepts everything: rounding must not decide on it."""
    d, fit = made(units=12, treated=5, effect=1.0, seed=11)
    row = att(wild_bootstrap, d, fit)
    for scale in (1e9, 1e-7):
        other = replace(d, y=d.y * scale)
        again = att(wild_bootstrap, other, did.estimate(other, fit.assignments, {}))
        ends = (again["low"] / scale, again["high"] / scale)
        assert ends == pytest.approx((row["low"], row["high"]), rel=1e-7)


def test_one_sided_permutation_by_brute_force() -> None:
    d, fit = made(units=20, effect=0.8, seed=2)
    _, greater, less = permutation.infer(d, fit, 0.9)
    assert [x.alternative for x in (greater, less)] == ["greater", "less"]

    def p(c: float, sign: int) -> float:
        moved = replace(d, y=np.where(d.treated[:, None] & d.in_post, d.y - c, d.y))
        values = sign * did.estimate(moved, fit.assignments, {}).estimate[0, :, 0]
        return float((values >= values[0] - 1e-12).mean())

    assert greater.p_value[0, 0] == pytest.approx(p(0.0, 1))
    assert less.p_value[0, 0] == pytest.approx(p(0.0, -1))
    assert greater.high[0, 0] == np.inf
    assert less.low[0, 0] == -np.inf
    for end, sign, inwards in ((greater.low[0, 0], 1, 1e-6), (less.high[0, 0], -1, -1e-6)):
        assert p(end + inwards, sign) > 0.1 + 1e-9 >= p(end - inwards, sign)


# Size where the assumption holds


@pytest.mark.slow
@pytest.mark.parametrize("treated", [1, 2])
def test_methods_hold_their_level_when_units_are_alike(treated: int) -> None:
    """300 series of normal changes in one call: no method rejects more than its level allows."""
    draws, level = 300, 0.9
    d, fit = made(units=20, treated=treated, seed=11, series=draws)
    modules = [m for m in OF_CHANGES if m not in (cluster_jackknife, wild_bootstrap)]
    for module in (permutation, *(m for m in modules if treated == 1 or m is not hagemann)):
        found = module.infer(d, fit, level)[0]
        rejected = (found.p_value[:, 0] <= 1 - level + 1e-9).mean()
        assert rejected <= 0.1 + 3.5 * np.sqrt(0.1 * 0.9 / draws), module.NAME
        outside = (found.low[:, 0] > 0) | (found.high[:, 0] < 0)
        assert (outside == (found.p_value[:, 0] <= 1 - found.level[:, 0] + 1e-9)).mean() > 0.97


@pytest.mark.slow
def test_jackknife_and_bootstrap_hold_their_level_with_five_in_each_arm() -> None:
    draws = 200
    d, fit = made(units=10, treated=5, seed=12, series=draws)
    for module in (cluster_jackknife, wild_bootstrap):
        rejected = (module.infer(d, fit, 0.9)[0].p_value[:, 0] <= 0.1 + 1e-9).mean()
        assert 0.02 < rejected <= 0.1 + 3.5 * np.sqrt(0.1 * 0.9 / draws), module.NAME


# Refusals and bad input


def test_fewer_units_than_a_method_needs_are_refused_with_a_reason() -> None:
    d, fit = made(units=20, treated=1)
    for module in (cluster_jackknife, wild_bootstrap):
        row = att(module, d, fit)
        assert (row["status"], np.isnan(row["p_value"])) == ("refused", True)
        assert "1 treated unit and 19 donors" in row["reason"]
    assert att(hagemann, *made(treated=2))["reason"] == "2 treated units: the test is for one"
    few = made(units=3, treated=1)
    assert att(t_few, *few)["reason"] == "2 donors cannot give a variance: it takes 3"
    assert "2 donors" in att(permutation_t, *few)["reason"]
    many = made(units=6, treated=3)
    assert "3 donors for 3 treated units" in att(conley_taber, *many)["reason"]


def test_where_nothing_can_be_tested_the_floor_is_one() -> None:
    d, fit = made(units=10, sizes=False)
    for module in (ferman_pinto, wild_bootstrap):
        row = att(module, d, fit, 0.95)
        assert (row["status"], row["floor"]) == ("refused", 1.0)
    row = att(hagemann, d, fit, 0.95)
    assert row["status"] == "refused"
    assert row["floor"] > 0.05  # no test is feasible: the floor says so
    assert att(t_few, d, fit, 0.95)["floor"] == 0.0


@pytest.mark.parametrize(("treated", "what"), [(1, "9 donors"), (4, "15 sets of 4 donors")])
def test_a_level_out_of_reach_names_what_it_is_counted_in(treated: int, what: str) -> None:
    row = att(conley_taber, *made(units=10, treated=treated), 0.95)
    assert f"95 % cannot be had with {what}" in row["reason"]


def test_ferman_pinto_without_persons_is_refused() -> None:
    row = att(ferman_pinto, *made(sizes=False))
    assert row["status"] == "refused"
    assert "persons behind the units before the reform are not known" in row["reason"]


def test_unequal_weights_are_refused_by_name() -> None:
    d, fit = made()
    d = replace(d, unit_weights=np.linspace(1, 2, 20)[None])
    fit = did.estimate(d, fit.assignments, {})
    for module in (conley_taber, ferman_pinto, hagemann, t_few):
        assert "use weights: equal" in att(module, d, fit)["reason"]
    assert att(permutation_t, d, fit)["status"] != "refused"


def test_donors_that_do_not_move_are_refused() -> None:
    y = np.tile(np.arange(12.0) * 0, (20, 1)) + np.arange(20.0)[:, None]
    d = make_design(y, 8)
    d = replace(d, n=np.full(d.y.shape, 100.0))
    fit = did.estimate(d, in_space(d, 1), {})
    for module in OF_CHANGES[:5]:
        row = att(module, d, fit)
        assert row["status"] == "refused"
        assert np.isnan([row["p_value"], row["low"]]).all()
    row = att(permutation, d, fit)
    assert row["status"] == "warn"
    assert "all donors change by the same amount" in row["reason"]


def test_a_donor_like_the_treated_unit_is_a_tie_against_the_reform() -> None:
    d, fit = made(units=20, effect=2.0)
    y = d.y.copy()
    y[:, 7] = y[:, 0]
    d = replace(d, y=y)
    fit = did.estimate(d, fit.assignments, {})
    assert att(permutation, d, fit)["p_value"] >= 2 / 20
    assert att(permutation_t, d, fit)["p_value"] >= 2 / 20
    assert all(np.isfinite(att(m, d, fit)["p_value"]) for m in OF_CHANGES[:5])


def test_missing_cells_take_the_unit_out() -> None:
    d, fit = made(units=20, effect=1.0)
    y = d.y.copy()
    y[0, 9, 2] = np.nan
    gap = replace(d, y=y)
    one = gap.select(np.array([0]), np.delete(np.arange(20), 9))
    for module in OF_CHANGES[:5]:
        with_gap = att(module, gap, did.estimate(gap, fit.assignments, {}))
        without = att(module, one, did.estimate(one, in_space(one, 1), {}))
        assert with_gap["p_value"] == pytest.approx(without["p_value"])
        assert (with_gap["low"], with_gap["high"]) == pytest.approx(
            (without["low"], without["high"])
        )


def test_staggered_designs_are_refused_by_name() -> None:
    d, fit = made(treated=2)
    staggered = replace(d, adopted=np.where(np.arange(20) == 1, 9, d.adopted))
    for module in OF_CHANGES:
        status, reason = _router._rules.judge(
            module.RULES, _router._rules.facts(staggered, fit, 0.9)[0]
        )
        assert status == "refused"
        assert reason.startswith("staggered adoption: the method needs one adoption date")


def test_units_in_another_order_give_the_same() -> None:
    d, fit = made(units=12, treated=2, effect=1.0)
    order = np.random.default_rng(0).permutation(12)
    other = d.select(np.array([0]), order)
    again = did.estimate(other, in_space(other, 1), {})
    for module in (*OF_CHANGES[:3], t_few):
        one, two = att(module, d, fit), att(module, other, again)
        assert one["p_value"] == pytest.approx(two["p_value"])
        assert (one["low"], one["high"]) == pytest.approx((two["low"], two["high"]))


# The router


def test_the_headline_follows_from_counts() -> None:
    cases = ((1, 20, "permutation"), (5, 20, "permutation"), (10, 24, "cluster_jackknife"))
    for treated, units, expected in cases:
        d, fit = made(units=units, treated=treated)
        assert _router.headline(d, fit, ("auto",), 0.95) == (expected,)
        moved = replace(d, y=np.where(d.treated[:, None] & d.in_post, d.y + 9, d.y))
        again = did.estimate(moved, fit.assignments, {})
        assert _router.headline(moved, again, ("auto",), 0.95) == (expected,)


def test_a_list_is_taken_in_its_order() -> None:
    d, fit = made(units=20)
    asked = ("cluster", "hagemann", "permutation")
    assert list(_router.chosen(asked)) == list(asked)
    assert _router.headline(d, fit, asked, 0.9) == ("hagemann",)
    assert _router.headline(d, fit, ("cluster",), 0.9) == ("cluster",)


def test_every_method_declares_itself() -> None:
    for name, module in _router.chosen(("auto",)).items():
        assert name == module.NAME
        assert module.SPEAKS_OF
        assert module.FLOOR
        assert any(rule.status == "refused" for rule in module.RULES)
    assert set(_router.names()) <= set(_router.ORDER)


# Families


def test_step_down_by_hand() -> None:
    rng = np.random.default_rng(3)
    estimate = rng.normal(size=(4, 25))
    estimate[1, 0], estimate[3, 0] = 4.0, 2.5
    members = np.array([True, True, False, True])
    found = _family.step_down(estimate, members)
    t = np.abs(estimate) / np.sqrt((estimate**2).mean(axis=1, keepdims=True))
    order = sorted([0, 1, 3], key=lambda s: -t[s, 0])
    p, expected = 0.0, {}
    for i, s in enumerate(order):
        p = max(p, (t[order[i:]].max(axis=0) >= t[s, 0] - 1e-12).mean())
        expected[s] = p
    assert np.isnan(found.adjusted[2])
    assert {s: found.adjusted[s] for s in order} == pytest.approx(expected)
    assert (found.joint, found.count) == (pytest.approx(min(expected.values())), 25)


def test_step_down_uses_assignments_that_all_members_have() -> None:
    estimate = np.random.default_rng(0).normal(size=(3, 12))
    estimate[1, 5], estimate[2] = np.nan, np.nan
    found = _family.step_down(estimate, np.ones(3, dtype=bool))
    assert found.count == 11
    assert found.members.tolist() == [True, True, False]
    none = _family.step_down(estimate[2:], np.ones(1, dtype=bool))
    assert none.count == 0
    assert np.isnan(none.joint)


def test_family_wise_error_is_held() -> None:
    rng, hits, draws = np.random.default_rng(4), 0, 2_000
    for _ in range(draws):  # six series that share half of their noise
        estimate = rng.normal(size=(1, 20)) + rng.normal(size=(6, 20))
        hits += bool((_family.step_down(estimate, np.ones(6, dtype=bool)).adjusted <= 0.1).any())
    assert 0.06 < hits / draws <= 0.1 + 3.5 * np.sqrt(0.09 / draws)
