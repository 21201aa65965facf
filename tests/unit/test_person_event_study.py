from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from design_helpers import make_design
from person_helpers import People, people, person_design

from reformeval.assignments import in_space
from reformeval.errors import UnsupportedError, UserError
from reformeval.estimators import event_study, person_event_study

TREATED, ADOPTION = (0, 1, 2, 3, 4), 6


def dense(data: People, design, members: np.ndarray) -> np.ndarray:
    """Coefficients of a weighted regression with a dummy for every person."""
    rows = data.rows(~np.isnan(data.y))
    weights = (design.unit_weights[0] / design.n[0][:, : design.adoption].mean(axis=1))[rows.unit]
    base = design.adoption - 1
    terms = [k for k in range(data.periods) if k != base]
    treated = members[rows.unit] >= 0
    x = [(treated & (rows.period == k)).astype(float) for k in terms]
    x += [(rows.period == k).astype(float) for k in terms]
    x += [(rows.person == p).astype(float) for p in np.unique(rows.person)]
    root = np.sqrt(weights)
    found = np.linalg.lstsq(np.column_stack(x) * root[:, None], rows.y * root, rcond=None)[0]
    return found[: len(terms)]


@pytest.mark.parametrize("by_persons", [False, True])
def test_every_assignment_is_its_own_dummy_regression(by_persons: bool) -> None:
    data = people(1, persons=120, units=6)
    design = person_design(data, ADOPTION, (0, 3), by_persons=by_persons)
    rows = in_space(design, 0)[:7]
    fit = person_event_study.estimate(design, rows, {})
    for a, members in enumerate(rows):
        expected = dense(data, design, members)
        np.testing.assert_allclose(fit.estimate[0, a, 1:], expected, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(fit.estimate[0, a, 0], expected[ADOPTION - 1 :].mean())


def test_balanced_persons_give_the_event_study() -> None:
    data = people(2, absent=0.0, missing=0.0)
    for by_persons in (False, True):
        design = person_design(data, ADOPTION, (2,), anticipation=1, by_persons=by_persons)
        rows = in_space(design, 0)
        own = person_event_study.estimate(design, rows, {})
        cells = event_study.estimate(design, rows, {})
        for name in ("estimate", "accept_low", "accept_high", "counterfactual"):
            np.testing.assert_allclose(getattr(own, name), getattr(cells, name), atol=1e-10)


def test_acceptance_intervals_are_those_of_refitting() -> None:
    data = people(3)
    design = person_design(data, ADOPTION, (0, 1))
    rows = in_space(design, 0)
    fit = person_event_study.estimate(design, rows, {})
    for c in (-1.0, 0.4):
        shifted = data.y - c * (np.isin(data.unit, (0, 1)) & (data.period >= ADOPTION))
        moved = person_design(replace(data, y=shifted), ADOPTION, (0, 1))
        again = np.abs(person_event_study.estimate(moved, rows, {}).estimate[0, :, 0])
        inside = (fit.accept_low[0, 1:, 0] <= c) & (c <= fit.accept_high[0, 1:, 0])
        np.testing.assert_array_equal(inside, again[1:] >= again[0])


@pytest.mark.parametrize("by_persons", [False, True])
def test_coefficients_and_covariance_are_pyfixests(by_persons: bool) -> None:
    import pyfixest

    data = people(4, persons=600, units=14)
    design = person_design(data, ADOPTION, TREATED, by_persons=by_persons)
    fit = person_event_study.estimate(design, in_space(design, 0)[:1], {})
    terms = [k for k in range(data.periods) if k != ADOPTION - 1]
    frame = data.frame()
    treated = frame["unit"].is_in(TREATED)
    weight = design.unit_weights[0] / design.n[0][:, :ADOPTION].mean(axis=1)
    frame = frame.with_columns(
        pl.Series("weight", weight[frame["unit"].to_numpy()]),
        *((treated & (frame["period"] == k)).cast(pl.Float64).alias(f"x{k}") for k in terms),
    )
    model = pyfixest.feols(
        f"y ~ {' + '.join(f'x{k}' for k in terms)} | person + period",
        frame,
        vcov={"CRV1": "unit"},
        weights="weight",
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        demeaner=pyfixest.MapDemeaner(fixef_tol=1e-13),
    )
    n, k = model._N, len(terms) + data.periods
    covariance = np.asarray(model._vcov) * (n - 1) / (n - k)
    np.testing.assert_allclose(fit.estimate[0, 0, 1:], model.coef(), rtol=1e-8)
    np.testing.assert_allclose(fit.covariance[0, 1:, 1:], covariance, rtol=1e-7, atol=1e-12)
    post = np.array(terms) >= ADOPTION
    combine = post / post.sum()
    assert fit.covariance[0, 0, 0] == pytest.approx(combine @ covariance @ combine, rel=1e-8)


def test_planted_effect_is_found_where_cell_means_lose_it() -> None:
    """Absence that depends on the level moves the cells' means, not the persons' own changes."""
    data = people(5, persons=6000, units=20, absent=0.0, missing=0.0)
    rng = np.random.default_rng(5)
    level = np.repeat(rng.normal(size=6000), data.periods)
    hit = (data.unit < 5) & (data.period >= ADOPTION)
    y = 3 * level + 0.1 * rng.normal(size=len(level)) + 0.5 * hit
    leaves = hit & (level > 0.5) & (data.person >= 20)
    thinned = replace(data, y=y).rows(~leaves)
    design = person_design(thinned, ADOPTION, TREATED)
    rows = in_space(design, 0)[:1]
    assert person_event_study.estimate(design, rows, {}).estimate[0, 0, 0] == pytest.approx(
        0.5, abs=0.02
    )
    assert event_study.estimate(design, rows, {}).estimate[0, 0, 0] < 0


def test_one_treated_unit_has_no_residuals_of_its_own() -> None:
    design = person_design(people(6), ADOPTION, (0,))
    fit = person_event_study.estimate(design, in_space(design, 0), {})
    assert np.isfinite(fit.estimate).all()
    assert (np.linalg.eigvalsh(fit.covariance[0, 1:, 1:]) > -1e-12).all()


def test_periods_that_no_person_links_to_the_reference_have_no_coefficient() -> None:
    """In one treated unit other persons are seen from period 8 on than before."""
    data = people(7, persons=400, absent=0.0, missing=0.0)
    early = data.person % 2 == 0
    lost = (data.unit == 0) & (early == (data.period >= 8))
    design = person_design(data.rows(~lost), ADOPTION, (0,))
    fit = person_event_study.estimate(design, in_space(design, 0), {})
    times = np.array([e.event_time for e in fit.estimands[1:]])
    np.testing.assert_array_equal(np.isnan(fit.estimate[0, 0, 1:]), times >= 2)
    assert np.isnan(fit.estimate[0, 0, 0]), "the att would be over other periods than named"
    assert np.isfinite(fit.estimate[0, 1:]).all(), "placebos pool it with other donors"


def test_needs_persons_and_takes_no_options() -> None:
    design = make_design(np.eye(4), 2)
    with pytest.raises(UnsupportedError, match="register of persons"):
        person_event_study.estimate(design, in_space(design, 0), {})
    with pytest.raises(UserError, match="unknown option 'bins'"):
        person_event_study.estimate(design, in_space(design, 0), {"bins": 3})


def test_series_without_the_reference_is_nan() -> None:
    data = people(8)
    nothing = replace(data, y=np.where(data.period == ADOPTION - 1, np.nan, data.y))
    design = person_design(nothing, ADOPTION)
    fit = person_event_study.estimate(design, in_space(design, 0), {})
    assert np.isnan(fit.estimate).all()


@pytest.mark.parametrize("seed", ["0", "3"])
def test_same_bytes_under_any_hash_seed(seed: str) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from person_helpers import people, person_design\n"
        "from reformeval.assignments import in_space\n"
        "from reformeval.estimators import person_event_study as own\n"
        "d = person_design(people(9), 6, (0, 1, 2))\n"
        "f = own.estimate(d, in_space(d, 0)[:3], {})\n"
        "print(f.estimate.tobytes().hex(), f.covariance.tobytes().hex())\n"
    )
    here = str(Path(__file__).parents[1])
    env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
    out = subprocess.run(
        [sys.executable, "-c", code, here], env=env, capture_output=True, text=True, check=True
    )
    design = person_design(people(9), 6, (0, 1, 2))
    fit = person_event_study.estimate(design, in_space(design, 0)[:3], {})
    assert out.stdout.split() == [fit.estimate.tobytes().hex(), fit.covariance.tobytes().hex()]
