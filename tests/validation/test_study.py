"""A small part of the simulation study: `make validation` runs the whole."""

from __future__ import annotations

import polars as pl
import pytest

from tests.validation import registers, summaries

PERSONS = 20_000


def test_a_biased_estimator_and_a_liberal_test_would_be_seen() -> None:
    # the summaries themselves: 20 registers that are off by 1 +- 0.5, and that always reject
    rows = pl.DataFrame(
        {
            "seed": range(20),
            "estimator": "did",
            "outcome": "employed",
            "group": "all",
            "estimate": [1.5, 0.5] * 10,
            "truth": 0.0,
        }
    )
    (found,) = summaries.bias(rows).iter_rows(named=True)
    assert found["bias"] == 1.0
    assert not found["within"]

    tests = rows.select("seed", "estimator").with_columns(
        treated=pl.lit("Bergen"), p_value=0.04, covers=False, level=0.96, crv1_p=0.5
    )
    (size,) = summaries.size(tests).iter_rows(named=True)
    assert (size["reject_1_25"], size["coverage"], size["reject_crv1_5"]) == (1.0, 0.0, 0.0)
    assert not size["reject_1_25_holds"]


@pytest.mark.slow
def test_no_estimator_is_biased() -> None:
    given = registers.setting(PERSONS, planted=True)
    rows = [row for seed in range(100, 124) for row in registers.planted_rows(given, seed)]
    bias = summaries.bias(pl.DataFrame(rows, infer_schema_length=None)).filter(group="all")
    assert set(bias["estimator"]) == {"did", "event_study", "synthetic_control", "synthetic_did"}
    assert bias.height == 4 * len(given.spec.outcomes)
    assert bias["registers"].min() == 24
    assert bias.filter(~pl.col("within")).is_empty(), bias.filter(~pl.col("within"))


@pytest.mark.slow
def test_the_permutation_test_holds_its_level_and_the_clustered_one_does_not() -> None:
    given = registers.setting(PERSONS, planted=False)
    rows = [
        row
        for seed in range(200, 260)
        for row in registers.null_rows(given, seed, [registers.DRAWN])
    ]
    null = pl.DataFrame(rows, infer_schema_length=None).filter(group="all")
    drawn = summaries.size(null, ("treated", "estimator", "outcome"))
    assert drawn.height == 4 * len(given.spec.outcomes)
    for k in (1, 2, 5):
        assert drawn[f"reject_{k}_25_holds"].all(), drawn
    assert drawn["coverage"].mean() > 0.9
    clustered = drawn.filter(estimator="did")["reject_crv1_5"]
    assert clustered.min() > 0.3  # type: ignore[operator]
