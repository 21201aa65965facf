from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_did

from reformeval.inference import permutation


def _relabelled(d, unit: int):
    adopted = np.full(len(d.units), -1, dtype=np.int64)
    adopted[unit] = d.adoption
    return replace(d, adopted=adopted)


@pytest.mark.parametrize("seed", range(5))
def test_p_is_uniform_over_which_unit_is_treated(seed: int) -> None:
    d = tiny_did.design(seed, units=11, series=1)
    designs = [_relabelled(d, u) for u in range(11)]
    found = [permutation.infer(one, tiny_did.fit(one), 0.9)[0] for one in designs]
    p = np.sort([f.p_value[0, 0] for f in found])
    assert p == pytest.approx(np.arange(1, 12) / 11)
    # hence the interval leaves out the true zero in exactly k of A relabellings
    out = sum(not f.low[0, 0] <= 0 <= f.high[0, 0] for f in found)
    assert out == round((1 - found[0].level[0, 0]) * 11)


@pytest.mark.parametrize("seed", range(20))
def test_bounds_hold_for_any_data(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = tiny_did.design(seed, units=int(rng.integers(3, 40)), effect=float(rng.normal(0, 4)))
    fit = tiny_did.fit(d, events=bool(seed % 2))
    level = float(rng.uniform(0.5, 0.99))
    for found in permutation.infer(d, fit, level):
        used = np.isfinite(found.p_value)
        own = fit.estimate[:, 0]
        assert (found.p_value[used] >= found.floor[used] - 1e-12).all()
        assert (found.p_value[used] <= 1).all()
        assert (found.low[used] <= own[used]).all()
        assert (found.high[used] >= own[used]).all()
        attainable = 1 - np.arange(1, len(d.units)) / len(d.units)
        best = attainable[attainable >= level - 1e-9].min(initial=np.inf)
        expected = best if np.isfinite(best) else attainable.max()
        assert found.level == pytest.approx(np.full(own.shape, expected))


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_rescaling_the_outcome_rescales_the_answer(factor: float) -> None:
    d = tiny_did.design(7, units=17, effect=1.0)
    big = replace(d, y=d.y * factor)
    for events in (False, True):
        pairs = zip(
            permutation.infer(d, tiny_did.fit(d, events), 0.9),
            permutation.infer(big, tiny_did.fit(big, events), 0.9),
            strict=True,
        )
        for one, other in pairs:
            assert np.allclose(one.p_value, other.p_value, equal_nan=True)
            for name in ("low", "high", "std_error", "minimum_detectable"):
                scaled = getattr(one, name) * factor
                assert np.allclose(scaled, getattr(other, name), rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_subtracting_an_effect_moves_the_interval_by_it(seed: int) -> None:
    d = tiny_did.design(seed, units=15, series=1)
    y = d.y.copy()
    y[:, 0, d.in_post] += 4.0
    moved = replace(d, y=y)
    one = permutation.infer(d, tiny_did.fit(d), 0.9)[0]
    other = permutation.infer(moved, tiny_did.fit(moved), 0.9)[0]
    assert other.low[0, 0] == pytest.approx(one.low[0, 0] + 4.0)
    assert other.high[0, 0] == pytest.approx(one.high[0, 0] + 4.0)
