from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from design_helpers import make_design
from evidence_helpers import TIMING, assess_spec, evidence, panel, suppress

from reformeval import artefacts, assessment, discovery, noise
from reformeval.diagnostics import noise_ratio, pre_trend, rmspe_rank
from reformeval.register import records
from reformeval.register.records import Record


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return panel()


def _checks(folder: Path, frame: pl.DataFrame, **options: object) -> pl.DataFrame:
    return assessment.checks(evidence(folder, frame, **options))


def _row(table: pl.DataFrame, check: str, **where: object) -> dict:
    given = {"outcome": "employed", "group": "all", **where}
    (row,) = table.filter(pl.col("check") == check).filter(**given).to_dicts()
    return row


def _own(extra: pl.Expr, frame: pl.DataFrame, after: bool = False) -> pl.DataFrame:
    """Change the treated unit's employment before the reform (or in all periods)."""
    here = (pl.col("unit") == "4600") & (pl.col("outcome") == "employed")
    if not after:
        here &= pl.col("period") < TIMING.adoption
    return frame.with_columns(value=pl.when(here).then(pl.col("value") + extra).otherwise("value"))


def test_every_check_speaks_and_keeps_the_contract(frame: pl.DataFrame, tmp_path: Path) -> None:
    table = _checks(tmp_path, frame)
    assert table.schema == pl.Schema(artefacts.CHECKS)
    # No outcome here is in constant prices, no register was linked, all adopt on one date, and
    # no donor follows.
    silent = {"prices", "source_data", "choices", "cohorts", "goodman_bacon", "leaving"}
    assert set(table["check"]) == set(discovery.names("diagnostics")) - silent
    assert set(table["check"]) == {
        "balance", "cell_size", "cell_size_variance", "ci_level", "conformal_joint",
        "convex_hull", "equal_variance", "family", "noise_ratio", "pre_fit", "pre_trend",
        "rmspe_rank", "selection", "survives",
    }  # fmt: skip
    assert set(table["verdict"]) <= {"pass", "warn", "fail", "info"}
    assert table["message"].null_count() == 0
    numbers = table.select(pl.col("value", "p_value", "threshold").is_nan().any())
    assert not any(numbers.row(0))
    good = table.filter(check="balance")
    assert set(good["verdict"]) == {"pass"}
    assert set(good["message"]) == {"Complete: 25 of 25 units, 23 of 23 periods."}
    assert set(good["value"]) == {0.0}


def test_pre_trend(frame: pl.DataFrame, tmp_path: Path) -> None:
    calm = _row(_checks(tmp_path / "a", frame), "pre_trend")
    assert calm["p_value"] > 0.1
    assert (calm["verdict"], calm["estimator"]) == ("pass", "event_study")
    # ten pre-periods, of which one is the reference; anticipation is not a pre-period
    assert calm["statistic"] == "mean_squared_coefficient"
    slope = pl.col("period").dt.month().cast(pl.Float64) * 0.5
    steep = _row(_checks(tmp_path / "b", _own(slope, frame)), "pre_trend")
    assert steep["p_value"] == pytest.approx(1 / 25)
    assert steep["verdict"] == "fail"
    expected = ((np.arange(1, 10) - 10) * 0.5) ** 2
    assert steep["value"] == pytest.approx(expected.mean(), rel=0.4)


def test_pre_trend_leaves_anticipation_out(frame: pl.DataFrame, tmp_path: Path) -> None:
    late = pl.when(pl.col("period").dt.month() > 10).then(50.0).otherwise(0.0)
    one = _row(_checks(tmp_path / "a", frame), "pre_trend")
    other = _row(_checks(tmp_path / "b", _own(late, frame)), "pre_trend")
    assert other["p_value"] == one["p_value"]
    assert other["value"] == pytest.approx(one["value"])


@pytest.mark.parametrize(
    ("p", "count", "verdict"),
    [(0.04, 25, "fail"), (0.08, 25, "warn"), (0.12, 25, "pass"), (1 / 14, 14, "warn"),
     (3 / 14, 14, "info"), (1 / 3, 3, "warn")],
)  # fmt: skip
def test_pre_trend_verdicts(p: float, count: int, verdict: str) -> None:
    assert pre_trend._judge(p, count, 0.05)[0] == verdict


def test_noise_ratio_says_which_way_it_leans(frame: pl.DataFrame, tmp_path: Path) -> None:
    found = evidence(tmp_path, frame)
    assert _row(assessment.checks(found), "noise_ratio")["verdict"] == "pass"
    rng = np.random.default_rng(0)
    for scale, verdict, text in (
        (4.0, "warn", "the permutation of estimates rejects too often"),
        (0.0, "info", "the permutation of estimates rejects too seldom"),
    ):
        y = found.design.y.copy()
        others = y[0, 1:].mean(axis=0)
        y[0, 0] = others + scale * rng.normal(0, 0.5, y.shape[2])
        changed = replace(found, design=replace(found.design, y=y))
        row = next(r for r in noise_ratio.check(changed) if r["outcome"] == "employed")
        assert row["verdict"] == verdict
        assert text in row["message"]
        assert row["value"] == pytest.approx(scale, rel=0.5, abs=0.05)


@pytest.mark.parametrize("weighted", [False, True])
def test_several_treated_units_alike_are_neither_quiet_nor_noisy(weighted: bool) -> None:
    y = np.random.default_rng(0).normal(size=(400, 24, 12))
    weights = np.ones((400, 24))
    weights[:, 0] = 5.0 if weighted else 1.0
    design = make_design(y, 10, (0, 1, 2, 3), unit_weights=weights)
    ratios = np.array([noise.before_reform(design, s) for s in range(400)])
    assert np.abs(ratios.mean(axis=0) - 1).max() < 0.05


def test_noise_ratio_uses_adjacent_periods_only(frame: pl.DataFrame, tmp_path: Path) -> None:
    design = evidence(tmp_path, frame).design
    units = np.ones(25, dtype=bool)
    before = np.zeros(24, dtype=bool)
    before[[0, 2, 4, 6, 8]] = True
    assert np.isnan(noise.noise(design, 0, units, before)[0])
    before[:5] = True
    assert np.isfinite(noise.noise(design, 0, units, before)[0])


def test_pre_fit(frame: pl.DataFrame, tmp_path: Path) -> None:
    inside = frame.with_columns(  # the treated unit amid the donors
        value=pl.when(pl.col("unit") == "4600")
        .then(pl.col("value") - pl.col("value").mean().over("outcome", "group", "unit") + 60)
        .otherwise("value")
    )
    good = _row(_checks(tmp_path / "a", inside), "pre_fit", estimator="synthetic_control")
    assert good["verdict"] == "pass"
    far = _row(_checks(tmp_path / "b", _own(pl.lit(40.0), frame, after=True)), "pre_fit")
    assert far["verdict"] == "warn"
    assert far["value"] > 5
    assert "100 % of these periods the treated unit lies outside" in far["message"]
    spec = assess_spec(methods=("did", "demeaned_sc", "augmented_sc", "synthetic_did"))
    other = assessment.checks(evidence(tmp_path / "c", _own(pl.lit(40.0), frame, after=True), spec))
    messages = other.filter(check="pre_fit")["message"]
    assert len(messages) > 0
    assert not messages.str.contains("without an intercept").any()


def test_rmspe_rank(tmp_path: Path) -> None:
    found = evidence(tmp_path, panel(effect=20.0))
    rows = [r for r in rmspe_rank.check(found) if (r["outcome"], r["group"]) == ("employed", "all")]
    assert [r["statistic"] for r in rows] == ["rmspe_ratio", "rmspe_ratio_heldout"]
    fit = found.estimated[2].fit
    assert fit is not None
    for row in rows:
        values = fit.statistics[row["statistic"]][0]
        assert row["value"] == values[0]
        assert row["p_value"] == pytest.approx((values >= values[0]).mean())
    assert "rank" in rows[0]["message"]


def test_rmspe_rank_warns_of_an_extreme_ratio_of_a_quiet_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evidence(tmp_path, panel(effect=20.0))
    for ratio, verdict in ((0.5, "warn"), (1.0, "info"), (2.0, "info"), (float("nan"), "info")):
        monkeypatch.setattr(rmspe_rank, "before_reform", lambda *_, r=ratio: (r, r))
        rows = [r for r in rmspe_rank.check(found) if r["outcome"] == "employed"]
        extreme = [r for r in rows if r["p_value"] <= 1 / 25 + 1e-9]
        assert extreme
        assert {r["verdict"] for r in extreme} == {verdict}
        assert {r["verdict"] for r in rows if r not in extreme} <= {"info"}


def test_balance_names_dropped_donors_and_periods(frame: pl.DataFrame, tmp_path: Path) -> None:
    may = pl.col("period") == TIMING.periods[4]
    hit = may | ((pl.col("unit") == "4607") & (pl.col("period") == TIMING.periods[8]))
    hit &= pl.col("outcome") == "employed"
    table = _checks(tmp_path, frame.with_columns(value=pl.when(~hit).then("value")))
    row = _row(table, "balance")
    assert row["verdict"] == "warn"
    assert "1 donor with missing cells left out (4607)" in row["message"]
    assert "1 period without data left out" in row["message"]
    assert "Used: 24 of 25 units, 22 of 23 periods." in row["message"]
    assert _row(table, "balance", outcome="benefit")["verdict"] == "pass"


def test_balance_fails_where_a_series_is_impossible(frame: pl.DataFrame, tmp_path: Path) -> None:
    hit = (pl.col("unit") == "4600") & (pl.col("period") == TIMING.periods[8])
    table = _checks(tmp_path, frame.with_columns(value=pl.when(~hit).then("value")))
    row = _row(table, "balance")
    assert row["verdict"] == "fail"
    assert "treated unit 4600 has 1 missing" in row["message"]


@pytest.mark.parametrize(("unit", "verdict"), [("4600", "fail"), ("4609", "warn")])
def test_cell_size_of_suppressed_cells(
    frame: pl.DataFrame, tmp_path: Path, unit: str, verdict: str
) -> None:
    hit = (pl.col("unit") == unit) & (pl.col("period") == TIMING.periods[8])
    table = _checks(tmp_path, suppress(frame, hit & (pl.col("outcome") == "employed")))
    row = _row(table, "cell_size")
    assert row["verdict"] == verdict
    assert "fewer than 10 persons" in row["message"]
    assert _row(table, "cell_size", outcome="benefit")["verdict"] == "pass"
    assert _row(table, "cell_size", outcome="benefit")["value"] == 200


def test_cell_size_without_counts(frame: pl.DataFrame, tmp_path: Path) -> None:
    bare = frame.with_columns(n_persons=pl.lit(None, dtype=pl.Int64))
    row = _row(_checks(tmp_path, bare), "cell_size")
    assert (row["verdict"], row["value"]) == ("info", None)


def test_selection(frame: pl.DataFrame, tmp_path: Path) -> None:
    rows = _checks(tmp_path, frame).filter(check="selection").to_dicts()
    assert [(r["outcome"], r["statistic"], r["verdict"]) for r in rows] == [
        ("employed", "prior_recipients", "info"),
        ("benefit", "current_recipients", "warn"),
    ]
    assert "12 periods" in rows[0]["message"]
    assert "falls afterwards by construction" in rows[0]["message"]


def test_ci_level(frame: pl.DataFrame, tmp_path: Path) -> None:
    row = _row(_checks(tmp_path / "a", frame), "ci_level", estimator="did")
    assert (row["verdict"], row["statistic"]) == ("pass", "attained_level")
    assert row["value"] == pytest.approx(0.96)
    spec = assess_spec(("did",))
    few = _row(_checks(tmp_path / "b", panel(units=10), spec=spec), "ci_level")
    assert few["verdict"] == "warn"
    assert "1/10 and intervals hold at 90 %; 95 % cannot be had" in few["message"]


def test_source_data_says_what_was_mended_and_lost(frame: pl.DataFrame, tmp_path: Path) -> None:
    found = [
        Record("repair", "same_row_twice", "population", 0, 500, "rows", "Twice."),
        Record("repair", "overlapping_spells", "residence_spells", 20, 500, "months", "Cut."),
        Record("repair", "bad_total", "11f_2020.dat", 12, None, "rows", "Kept as they are."),
        Record("unlinked", "no_id", "assistance", 3, 2000, "rows", "Left out."),
        Record("unlinked", "not_resident", "earnings", 400, 4000, "job-months", "Not here."),
        Record("rule", "residence", "population", 0, None, "", "Where a person lives: there."),
    ]
    shown = records.published(records.frame(found), 10)
    given = replace(evidence(tmp_path, frame), source_data=shown)
    table = assessment.checks(given).filter(pl.col("check") == "source_data")
    rows = {row["statistic"]: row for row in table.to_dicts()}
    assert "population.same_row_twice" not in rows
    cut = rows["residence_spells.overlapping_spells"]
    assert (cut["verdict"], cut["value"], cut["threshold"]) == ("warn", 20.0, 5.0)
    assert cut["message"] == "residence_spells: 20 of 500 months (4.0%). Cut."
    assert rows["11f_2020.dat.bad_total"]["message"] == "11f_2020.dat: 12 rows. Kept as they are."
    assert rows["11f_2020.dat.bad_total"]["verdict"] == "info"
    few = rows["assistance.no_id"]
    assert (few["verdict"], few["value"]) == ("pass", None)
    assert few["message"] == "assistance: fewer than 10 of 2,000 rows. Left out."
    assert rows["earnings.not_resident"]["verdict"] == "warn"
    assert rows[None]["message"] == "Where a person lives: there."
    assert (rows[None]["verdict"], rows[None]["value"]) == ("info", None)
