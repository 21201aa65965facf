from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from evidence_helpers import (
    OUTCOMES,
    TIMING,
    assess_spec,
    evidence,
    panel,
    suppress,
    truth_of,
    units_of,
)

from reformeval import artefacts, assessment, effects
from reformeval.evidence import Estimated, Evidence

CONTRACT = """reform, outcome, group, estimator, estimand, step, event_time, estimate, std_error,
ci_low, ci_high, ci_level, p_value, inference, p_value_floor, n_treated, n_donors, n_pre, n_post,
n_persons, baseline, truth, status, reason, population, versus, cohort, alternative, band, weights,
measured_in, min_cell, p_adjusted, p_equivalence, minimum_detectable, verdict, is_headline"""


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return panel()


@pytest.fixture(scope="module")
def table(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("fits")
    return effects.assemble(evidence(folder, frame, truth=truth_of(frame, 3.0)))


def _row(table: pl.DataFrame, **where: object) -> dict:
    given = {"outcome": "employed", "group": "all", "estimator": "did", "estimand": "att",
             "inference": "permutation", "band": "pointwise", "alternative": "two-sided",
             **where}  # fmt: skip
    (row,) = table.filter(**given).to_dicts()
    return row


def test_columns_are_the_contract(table: pl.DataFrame) -> None:
    assert table.columns == [name.strip() for name in CONTRACT.split(",")]
    kinds = {"event_time": pl.Int32, "n_treated": pl.Int32, "n_persons": pl.Int64,
             "min_cell": pl.Int64, "cohort": pl.Date, "is_headline": pl.Boolean,
             "estimate": pl.Float64, "verdict": pl.String}  # fmt: skip
    assert all(table.schema[name] == kind for name, kind in kinds.items())


def test_every_estimate_has_its_rows(table: pl.DataFrame) -> None:
    both = table.filter(pl.col("alternative") == "two-sided")
    counts = both.group_by("estimator", "estimand", "inference", "band").len()
    found = {tuple(row[:4]): row[4] for row in counts.iter_rows()}
    of_changes = ("permutation_t", "conley_taber", "ferman_pinto", "hagemann", "t_few",
                  "cluster_jackknife", "wild_bootstrap", "cluster")  # fmt: skip
    events = len(TIMING.periods) - 1  # all but the reference
    shown = events - 1  # one period is dropped: it has one failed row
    assert found == {
        ("did", "att", "permutation", "pointwise"): 4,
        ("did", "step", "permutation", "pointwise"): 8,
        **{("did", "att", name, "pointwise"): 4 for name in of_changes},
        **{("did", "step", name, "pointwise"): 8 for name in of_changes},
        ("event_study", "att", "permutation", "pointwise"): 4,
        **{("event_study", "att", name, "pointwise"): 4 for name in of_changes},
        **{
            (label, "att", name, "pointwise"): 4
            for label in ("did", "synthetic_control")
            for name in ("conformal", "conformal_iid")
        },
        ("event_study", "event", "conformal", "pointwise"): 4 * 11,  # from adoption on
        ("event_study", "event", "permutation", "pointwise"): 4 * events,
        ("event_study", "event", "permutation", "simultaneous"): 4 * shown,
        ("event_study", "event", "cluster", "pointwise"): 4 * shown,
        ("synthetic_control", "att", "permutation", "pointwise"): 4,
        ("synthetic_control", "step", "permutation", "pointwise"): 8,
    }


def test_estimate_and_facts(table: pl.DataFrame, frame: pl.DataFrame) -> None:
    row = _row(table)
    own = frame.filter(outcome="employed", group="all").pivot(
        "unit", index="period", values="value"
    ).sort("period")  # fmt: skip
    months = own["period"].to_numpy()
    values = own.drop("period").to_numpy().T
    dates = np.array([np.datetime64(m) for m in TIMING.periods])
    assert (months == dates).all()
    event = np.arange(24) - 12
    pre, post = event < -2, (event >= 0) & (event != 6)
    change = values[:, post].mean(axis=1) - values[:, pre].mean(axis=1)
    assert row["estimate"] == pytest.approx(change[0] - change[1:].mean())
    assert row["baseline"] == pytest.approx(values[0, pre].mean())
    assert (row["n_treated"], row["n_donors"], row["n_pre"], row["n_post"]) == (1, 24, 10, 11)
    assert row["n_persons"] == round(200 + np.arange(24)[post].mean())
    assert row["min_cell"] == 200
    assert row["p_value_floor"] == pytest.approx(1 / 25)
    assert row["ci_level"] == pytest.approx(0.96)
    assert (row["status"], row["reason"]) == ("ok", None)
    assert (row["population"], row["measured_in"]) == ("prior_recipients", "points")
    assert row["ci_low"] < 3.0 < row["ci_high"]


def test_truth_is_averaged_as_the_estimand_is(table: pl.DataFrame) -> None:
    months = [m for m in range(1, 13) if m != 7]
    assert _row(table)["truth"] == pytest.approx(3.0 + 0.1 * np.mean(months))
    second = _row(table, estimand="step", step="second")
    assert second["truth"] == pytest.approx(3.0 + 0.1 * np.mean([6, 8, 9, 10, 11, 12]))
    event = _row(table, estimator="event_study", estimand="event", event_time=4)
    assert event["truth"] == pytest.approx(3.5)
    assert event["n_persons"] == 216
    before = _row(table, estimator="event_study", estimand="event", event_time=-5)
    assert before["truth"] is None


def test_cluster_with_one_treated_unit_is_refused(table: pl.DataFrame) -> None:
    rows = table.filter(inference="cluster")
    assert rows["status"].unique().to_list() == ["refused"]
    assert rows["std_error"].null_count() == 0
    assert rows.select(pl.col("ci_low", "ci_high", "p_value").is_null().all()).row(0) == (True,) * 3
    assert rows["reason"].str.contains("68 % of true nulls").all()
    assert (rows["p_value_floor"] == 0).all()
    assert rows["verdict"].is_null().all()


def test_excluded_event_time_has_a_refused_row(table: pl.DataFrame) -> None:
    row = _row(table, estimator="event_study", estimand="event", event_time=6)
    assert (row["status"], row["estimate"]) == ("refused", None)
    assert "no retained period" in row["reason"]


def test_one_headline(table: pl.DataFrame) -> None:
    row = table.filter("is_headline").to_dicts()
    assert len(row) == 1
    names = ("outcome", "group", "estimator", "estimand", "inference")
    assert [row[0][name] for name in names] == ["employed", "all", "did", "att", "permutation"]


def test_verdicts(table: pl.DataFrame, tmp_path: Path) -> None:
    assert _row(table)["verdict"] == "effect"
    assert _row(table, estimand="step", step="first")["verdict"] is None
    null = effects.assemble(evidence(tmp_path / "a", panel(effect=0.0, seed=3)))
    row = _row(null)
    assert row["p_value"] > 0.05
    assert row["p_equivalence"] <= 0.05
    assert row["verdict"] == "no_effect_beyond_smallest"
    assert _row(null, outcome="benefit")["verdict"] == "inconclusive"  # no smallest effect named
    few = effects.assemble(evidence(tmp_path / "b", panel(units=14, effect=30.0)))
    row = _row(few)
    assert row["p_value"] == pytest.approx(1 / 14)
    assert row["verdict"] == "inconclusive"
    assert (row["status"], row["reason"][:6]) == ("warn", "92.9 %")


def test_suppressed_treated_cells_are_refused(frame: pl.DataFrame, tmp_path: Path) -> None:
    hit = (pl.col("unit") == "4600") & (pl.col("outcome") == "employed")
    hit &= (pl.col("group") != "all") & (pl.col("period").dt.month() == 3)
    table = effects.assemble(evidence(tmp_path, suppress(frame, hit)))
    rows = table.filter(outcome="employed", group="family=with_children")
    assert rows["status"].unique().to_list() == ["refused"]
    assert rows["estimate"].null_count() == rows.height
    assert rows["reason"].str.contains("2 cells of treated unit 4600 have fewer").all()
    assert rows["reason"].str.contains("min_persons = 10").all()
    assert rows["n_persons"].null_count() == rows.height
    assert set(rows["estimator"]) == {"did", "event_study", "synthetic_control"}
    assert {"att", "step", "event"} == set(rows["estimand"])
    assert _row(table)["status"] == "ok"


def test_missing_treated_cells_are_failed(frame: pl.DataFrame, tmp_path: Path) -> None:
    hit = (pl.col("unit") == "4600") & (pl.col("outcome") == "benefit")
    hit &= pl.col("period").dt.month() == 3
    gone = frame.with_columns(value=pl.when(~hit).then("value"))
    table = effects.assemble(evidence(tmp_path, gone))
    row = _row(table, outcome="benefit")
    assert (row["status"], row["estimate"]) == ("failed", None)
    assert "treated unit 4600 has 2 missing" in row["reason"]
    assert row["baseline"] is None


def test_suppression_in_a_dropped_period_is_not_the_reason(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    own = (pl.col("unit") == "4600") & (pl.col("outcome") == "benefit")
    dropped = suppress(frame, own & (pl.col("period") == TIMING.dropped[0]))
    assert (
        _row(effects.assemble(evidence(tmp_path / "a", dropped)), outcome="benefit")["status"]
        == "ok"
    )
    gone = dropped.with_columns(
        value=pl.when(~(own & (pl.col("period") == TIMING.periods[3]))).then("value")
    )
    row = _row(effects.assemble(evidence(tmp_path / "b", gone)), outcome="benefit")
    assert (row["status"], row["reason"]) == (
        "failed", "treated unit 4600 has 1 missing or suppressed cells",
    )  # fmt: skip


def test_suppressed_donors_leave_too_few(frame: pl.DataFrame, tmp_path: Path) -> None:
    hit = (pl.col("unit") > "4601") & (pl.col("group") != "all")
    hit &= pl.col("period").dt.month() == 3
    table = effects.assemble(evidence(tmp_path, suppress(frame, hit)))
    row = _row(table, group="family=with_children")
    assert row["status"] == "refused"
    assert "at least 2 are needed; 23 donors have cells with fewer" in row["reason"]


def test_dropped_donors_lower_the_count_and_raise_the_floor(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    hit = pl.col("unit").is_in(["4605", "4606"]) & (pl.col("group") != "all")
    table = effects.assemble(evidence(tmp_path, suppress(frame, hit)))
    row = _row(table, group="family=with_children")
    assert row["n_donors"] == 22
    assert row["p_value_floor"] == pytest.approx(1 / 23)
    assert _row(table)["n_donors"] == 24
    assert row["min_cell"] == 200  # of the units that are used


def test_tables_without_counts_have_no_persons(frame: pl.DataFrame, tmp_path: Path) -> None:
    bare = frame.with_columns(n_persons=pl.lit(None, dtype=pl.Int64))
    row = _row(effects.assemble(evidence(tmp_path, bare)))
    assert (row["n_persons"], row["min_cell"], row["truth"]) == (None, None, None)


def test_several_treated_units_and_cluster(tmp_path: Path) -> None:
    frame = panel(units=25, treated=10)
    spec = replace(assess_spec(("did",)), estimators=assess_spec(("did",)).estimators)
    table = effects.assemble(evidence(tmp_path, frame, spec, truth_of(frame, 3.0, 10), treated=10))
    row = _row(table, inference="cluster")
    assert (row["status"], row["n_treated"], row["n_donors"]) == ("ok", 10, 15)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["p_equivalence"] is not None
    assert row["truth"] == pytest.approx(_row(table)["truth"])
    assert _row(table)["n_persons"] == pytest.approx(10 * (200 + 4.5) + 10 * 17.9, abs=5)


def test_no_fit_at_all_still_has_rows(frame: pl.DataFrame, tmp_path: Path) -> None:
    known = evidence(tmp_path, frame, assess_spec(("did",)))
    one = known.estimated[0]
    bare = Evidence(known.spec, known.design, (Estimated(one.spec, one.design, None),), known.panel)
    table = effects.assemble(bare)
    assert table["status"].to_list() == ["failed"] * 4
    assert table.filter("is_headline").height == 1


def test_assess_is_deterministic(frame: pl.DataFrame, tmp_path: Path) -> None:
    spec = assess_spec()
    evidence(tmp_path, frame, spec)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    members = units_of(frame)
    one = assessment.assess(spec, frame, members, None, tmp_path)
    two = assessment.assess(spec, shuffled, members.reverse(), None, tmp_path)
    assert one[0].equals(two[0])
    assert one[1].equals(two[1])


def test_order_is_the_key(table: pl.DataFrame) -> None:
    assert table.equals(table.sort(artefacts.EFFECTS_KEY))
    assert set(table["outcome"]) == {outcome.name for outcome in OUTCOMES}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": pl.lit("fine")}, "unknown status"),
        ({"reason": pl.lit("why")}, "reason is null"),
        ({"reason": pl.lit(None, dtype=pl.String)}, "reason is null"),
        ({"p_value": pl.lit(0.5)}, "refused or failed row has"),
        ({"p_value": pl.col("p_value") / 100}, "below its floor"),
        ({"p_value": pl.col("p_value").is_null().cast(pl.Float64)}, "refused or failed"),
        ({"ci_low": pl.col("ci_low") + 1000}, "leaves out its estimate"),
        ({"ci_high": pl.lit(None, dtype=pl.Float64)}, "one end"),
        ({"estimate": pl.lit(float("nan"))}, "NaN"),
        ({"std_error": pl.lit(float("inf"))}, "infinite"),
        ({"event_time": pl.lit(None, dtype=pl.Int32)}, "event row names no event time"),
        ({"step": pl.lit("first")}, "step row names no step"),
        ({"is_headline": pl.lit(True)}, "more than one headline"),
        ({"group": pl.lit("all")}, "key is not unique"),
        ({"verdict": pl.lit("good")}, "unknown verdict"),
        ({"measured_in": pl.lit(None, dtype=pl.String)}, "never null"),
        ({"n_pre": pl.col("n_pre").cast(pl.Int64)}, "columns or types"),
    ],
)
def test_validate_refuses(table: pl.DataFrame, change: dict[str, pl.Expr], message: str) -> None:
    effects.validate(table)
    with pytest.raises(ValueError, match=message):
        effects.validate(table.with_columns(**change))


def test_an_outcome_without_common_weights_is_refused(frame: pl.DataFrame, tmp_path: Path) -> None:
    """One donor's cell is missing for one of two outcomes: it would need other weights."""
    names = [outcome.name for outcome in assess_spec().outcomes]
    donor = frame["unit"].unique().sort()[5]
    hit = (pl.col("unit") == donor) & (pl.col("outcome") == names[1])
    spec = assess_spec(methods=("did", "common_sc"))
    rows = effects.assemble(evidence(tmp_path, suppress(frame, hit), spec)).filter(
        pl.col("estimator") == "common_sc"
    )
    refused = rows.filter(pl.col("outcome") == names[1])
    assert set(refused["status"]) == {"refused"}
    assert f"{names[0]} are weighed together" in refused["reason"][0]
    assert rows.filter(pl.col("outcome") == names[0])["estimate"].is_not_null().all()
