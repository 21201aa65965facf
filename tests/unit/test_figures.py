"""Figures: every kind draws for every shape of reform, and says what it shows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from PIL import Image
from report_fixture import CASES, OUTCOMES, SMALL, Case, make

from reformeval.artefacts import EFFECTS, WEIGHTS, write_table
from reformeval.figures import _layout, draw, gaps, placebos, style
from reformeval.figures.plan import WITH_WEIGHTS, Planned, planned, title_of
from reformeval.report.results import Cells, Results, Row, events, read
from reformeval.tables import weights


def _draw(results: Results, kind: str, label: str = "") -> Figure:
    outcome = "" if kind == "calendar" else "employed"
    return draw.KINDS[kind](results, Planned(kind, outcome, label, kind))


def _texts(figure):
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_kind_draws(tmp_path: Path, name: str) -> None:
    spec = make(tmp_path / "made_up", CASES[name])
    results = read(tmp_path / "made_up", spec)
    for figure in planned(spec):
        with style.context():
            drawn = draw.KINDS[figure.kind](results, figure)
            drawn.canvas.draw()
        assert drawn.get_figwidth() == style.WIDTH
        assert drawn.axes, figure.name


def test_files_are_written_for_every_outcome_and_kind(tmp_path: Path) -> None:
    spec = make(tmp_path / "made_up", SMALL)
    draw.draw_figures(tmp_path / "made_up", spec)
    names = {path.stem for path in (tmp_path / "made_up" / "figures").glob("*.png")}
    assert names == {path.stem for path in (tmp_path / "made_up" / "figures").glob("*.pdf")}
    assert names == {
        "calendar", "effects_employed", "raw_means_employed", "event_study_employed",
        "synthetic_control_employed", "gaps_employed", "placebos_employed",
    }  # fmt: skip
    with Image.open(tmp_path / "made_up" / "figures" / "calendar.png") as image:
        assert image.width == round(style.WIDTH * style.DPI)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_one_panel_a_group_and_the_refused_one_says_why(tmp_path: Path) -> None:
    case = CASES["four_groups"]
    spec = make(tmp_path, case)
    results = read(tmp_path, spec)
    with style.context():
        figure = _draw(results, "event_study", "event_study")
    assert len(figure.axes) == len(case.groups)
    assert any("missing or suppressed" in text.replace("\n", " ") for text in _texts(figure))


def test_suppressed_cells_are_gaps(tmp_path: Path) -> None:
    spec = make(tmp_path, CASES["four_groups"])
    with style.context():
        figure = _draw(read(tmp_path, spec), "raw_means")
    treated = figure.axes[-1].lines[1].get_ydata()
    assert np.isnan(treated[5:9]).all()
    assert np.isfinite(treated[9:]).all()


def test_lines_are_the_panels_numbers(tmp_path: Path) -> None:
    spec = make(tmp_path, SMALL)
    results = read(tmp_path, spec)
    with style.context():
        figure = _draw(results, "raw_means")
    own = results.panel.filter(pl.col("unit") == "4600").sort("period")["value"]
    assert figure.axes[0].lines[1].get_ydata().tolist() == own.to_list()
    rest = results.panel.filter(pl.col("unit") != "4600").group_by("period", maintain_order=True)
    means = rest.agg(pl.col("value").mean()).sort("period")["value"].to_list()
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(means)


def test_donors_of_the_mean_are_those_that_estimators_use() -> None:
    gap = float("nan")
    cells = Cells(np.array([[1, gap, 3, 4]]), np.array([[1, gap, 3, 4], [1, gap, gap, 4]]))
    kept = np.array([True, True, True, True])
    # nobody has the second period: it costs no donor
    assert cells.complete_donors(kept).tolist() == [True, False]
    kept[2] = False
    assert cells.complete_donors(kept).tolist() == [True, True]


def test_events_are_those_of_the_most_valid_method() -> None:
    def rows(method: str, low: float | None) -> list[Row]:
        common = {"band": "pointwise", "inference": method, "ci_low": low}
        return [{**common, "event_time": time} for time in (1, -1, 0)]

    both = events(rows("cluster", 0.0) + rows("permutation", 0.0), "pointwise")
    assert [(row["inference"], row["event_time"]) for row in both] == [
        ("permutation", -1), ("permutation", 0), ("permutation", 1),
    ]  # fmt: skip
    other = events(rows("cluster", 0.0) + rows("permutation", None), "pointwise")
    assert {row["inference"] for row in other} == {"cluster"}
    assert events(rows("cluster", 0.0), "simultaneous") == []


def test_gaps_are_observed_minus_counterfactual(tmp_path: Path) -> None:
    spec = make(tmp_path, SMALL)
    results = read(tmp_path, spec)
    with style.context():
        figure = _draw(results, "gaps", "synthetic_control")
    paths = results.estimates["synthetic_control"].paths.filter(pl.col("assignment") == 0)
    expected = (paths["observed"] - paths["counterfactual"]).to_list()
    drawn = max(figure.axes[0].lines, key=lambda line: len(line.get_xdata()))
    assert drawn.get_ydata().tolist() == pytest.approx(expected)
    assert len(figure.axes[0].collections[0].get_segments()) == SMALL.n_donors


def test_infinite_ends_become_arrows_and_keep_the_axis_finite(tmp_path: Path) -> None:
    spec = make(tmp_path, SMALL)
    results = read(tmp_path, spec)
    assert math.isinf(results.att("employed", "all", "did")["ci_low"])
    with style.context():
        figure = _draw(results, "effects")
    low, high = figure.axes[0].get_xlim()
    assert math.isfinite(low)
    assert high - low < 1_000
    assert "<" in {line.get_marker() for line in figure.axes[0].lines}


def test_refused_interval_is_hollow_and_missing_estimate_a_cross(tmp_path: Path) -> None:
    spec = make(tmp_path, CASES["four_groups"])
    path = tmp_path / "effects.parquet"
    frame = pl.read_parquet(path)
    did = (pl.col("estimator") == "did") & (pl.col("group") == "all")
    silent = [
        pl.when(did).then(None).otherwise(pl.col(c)).alias(c)
        for c in ("ci_low", "ci_high", "p_value")
    ]
    said = pl.when(did).then(pl.lit("refused")).otherwise(pl.col("status")).alias("status")
    write_table(frame.with_columns(*silent, said), path, EFFECTS)
    with style.context():
        figure = _draw(read(tmp_path, spec), "effects")
    lines = figure.axes[0].lines
    assert any(line.get_marker() == "o" and line.get_markerfacecolor() == "white" for line in lines)
    assert sum(line.get_marker() == "x" for line in lines) == len(spec.estimators)


def test_placebos_show_the_p_of_both_directions(tmp_path: Path) -> None:
    spec = make(tmp_path, SMALL)
    results = read(tmp_path, spec)
    own = results.effects.filter(estimand="att", inference="permutation")
    one_sided = own.with_columns(alternative=pl.lit("greater"), p_value=pl.lit(0.77))
    changed = replace(results, effects=pl.concat([one_sided, results.effects]))
    with style.context():
        assert "p = 0.77" not in _texts(_draw(changed, "placebos"))


def test_placebos_show_every_assignment_and_the_p_of_the_table(tmp_path: Path) -> None:
    spec = make(tmp_path, SMALL)
    results = read(tmp_path, spec)
    with style.context():
        figure = _draw(results, "placebos")
    strips = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [len(strip.get_xdata()) for strip in strips] == [SMALL.n_donors] * len(spec.estimators)
    p = results.att("employed", "all", "did")["p_value"]
    assert f"p = {p:.2f}" in _texts(figure)


def test_many_assignments_become_a_histogram_and_fewer_lines(tmp_path: Path) -> None:
    spec = make(tmp_path, replace(SMALL, n_donors=230, methods=("synthetic_control",)))
    results = read(tmp_path, spec)
    with style.context():
        strip = _draw(results, "placebos")
        lines = _draw(results, "gaps", "synthetic_control")
        folded = _draw(results, "calendar")
    assert len(strip.axes[0].patches) == placebos.BINS
    assert len(lines.axes[0].collections[0].get_segments()) == gaps.MOST_LINES
    assert any("230 donors" in text for text in _texts(folded))


def test_simulated_truth_is_marked_and_only_then(tmp_path: Path) -> None:
    for simulated in (True, False):
        spec = make(tmp_path / str(simulated), replace(SMALL, simulated=simulated))
        with style.context():
            figure = _draw(read(tmp_path / str(simulated), spec), "effects")
        assert any("True effect" in text for text in _texts(figure)) is simulated


def test_two_labels_of_one_method_get_two_figures() -> None:
    from report_fixture import make_spec

    from reformeval.report.spec import Estimator

    spec = make_spec("x", SMALL)
    spec = replace(spec, estimators=(*spec.estimators, Estimator("sc_long", "synthetic_control")))
    names = [figure.name for figure in planned(spec)]
    assert "gaps_employed" in names
    assert "gaps_sc_long_employed" in names
    assert len(names) == len(set(names))


def test_figures_of_other_weights_say_which(tmp_path: Path) -> None:
    spec = make(tmp_path, replace(SMALL, methods=WITH_WEIGHTS))
    results = read(tmp_path, spec)
    chosen = {f.label: f for f in planned(spec) if f.kind == "synthetic_control"}
    assert set(chosen) == set(WITH_WEIGHTS)
    assert len({title_of(results, one) for one in chosen.values()}) == len(WITH_WEIGHTS)
    with style.context():
        said = {
            label: " ".join(_texts(draw.KINDS["synthetic_control"](results, one)))
            for label, one in chosen.items()
        }
    for label in WITH_WEIGHTS:
        assert ("may be negative" in said[label]) == (label == "augmented_sc")
        assert ("shifted by a constant" in said[label]) == (label == "demeaned_sc")


def test_a_donor_that_is_subtracted_is_in_the_table_of_weights(tmp_path: Path) -> None:
    spec = make(tmp_path, replace(SMALL, methods=("synthetic_control",)))
    path = tmp_path / "estimates" / "synthetic_control" / "weights.parquet"
    frame = pl.read_parquet(path)
    donor = frame["key"].max()
    value = pl.when(pl.col("key") == donor).then(-0.4).otherwise(0.0)
    write_table(frame.with_columns(value=value), path, WEIGHTS)
    results = read(tmp_path, spec)
    table = weights.build(results, "synthetic_control")
    assert table is not None
    shown = [line.cells["unit"] for _, lines in table.sections for line in lines]
    assert set(shown) == {results.unit_labels[donor]}


def test_panels_share_a_scale_unless_it_would_flatten_them() -> None:
    view = _layout.page("t", "s", ["a", "b", "c"], ["n"])
    for ax, top in zip(view.panels, (1.0, 1.5, 2.0), strict=True):
        ax.set_ylim(0, top)
    assert _layout.share_y(view)
    assert {ax.get_ylim() for ax in view.panels} == {(0.0, 2.0)}
    view.panels[2].set_ylim(0, 40.0)
    assert not _layout.share_y(view)


def test_user_settings_of_matplotlib_do_not_reach_the_figures(tmp_path: Path) -> None:
    import matplotlib as mpl

    spec = make(tmp_path, SMALL)
    results = read(tmp_path, spec)
    before = mpl.rcParams["lines.linewidth"]
    try:
        mpl.rcParams["lines.linewidth"] = 9
        with style.context():
            assert mpl.rcParams["lines.linewidth"] == mpl.rcParamsDefault["lines.linewidth"]
            _draw(results, "calendar")
    finally:
        mpl.rcParams["lines.linewidth"] = before


def test_outcome_without_any_estimate_still_draws(tmp_path: Path) -> None:
    spec = make(tmp_path, replace(SMALL, outcomes=OUTCOMES[:1]))
    for name in ("paths", "draws", "weights"):
        for label in ("did", "event_study", "synthetic_control", "synthetic_did"):
            (tmp_path / "estimates" / label / f"{name}.parquet").unlink()
    frame = pl.read_parquet(tmp_path / "effects.parquet")
    write_table(frame.clear(), tmp_path / "effects.parquet", EFFECTS)
    draw.draw_figures(tmp_path, spec)
    assert (tmp_path / "figures" / "placebos_employed.png").exists()


def test_case_fixture_has_the_wrinkles_that_these_tests_rely_on(tmp_path: Path) -> None:
    spec = make(tmp_path, Case(outcomes=OUTCOMES[:1]))
    results = read(tmp_path, spec)
    assert results.panel["suppressed"].any()
    assert {"ok", "warn", "refused"} <= set(results.effects["status"])
