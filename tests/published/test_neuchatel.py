"""Voting rights for foreigners in Neuchâtel, 2002: one treated canton among 26.

Published with month effects only; with canton effects added it is this project's `did`. The
synthetic control's rank (4 of 19, p = .21) beside a clustered t of about 4 is the lesson on one
treated cluster.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from design_helpers import make_design

from reformeval.assignments import in_space
from reformeval.design import Design
from reformeval.estimators import did, synthetic_control

TREATED = "Neuenburg"
NOT_IN_I = [
    "Jura", "Appenzell Ausserrhoden", "Waadt", "Graubünden", "Freiburg", "Basel-Stadt", "Genf",
]  # fmt: skip
II = [
    "Aargau", "Bern", "Luzern", "Schaffhausen", "Solothurn", "St. Gallen", "Thurgau", "Schwyz",
    "Zug",
]  # fmt: skip
HALF_UNIT = 5.1e-5  # the thesis prints four decimals


def _panel(data_dir: Path) -> pl.DataFrame:
    frame = pl.read_csv(data_dir / "neuchatel" / "unemployment_foreigners_canton_month.csv")
    return frame.select(
        "Kanton", "alq", period=pl.date(pl.col("jahr").cast(pl.Int32), pl.col("mon"), 1)
    )


def _members(frame: pl.DataFrame, group: str) -> list[str]:
    cantons = sorted(frame["Kanton"].unique())
    kept = [c for c in cantons if c not in NOT_IN_I] if group == "I" else [TREATED, *II]
    return sorted(kept)


def _design(data_dir: Path, group: str, first: date) -> Design:
    frame = _panel(data_dir)
    units = _members(frame, group)
    wide = (
        frame.filter(pl.col("Kanton").is_in(units), pl.col("period") >= first)
        .sort("period")
        .pivot("period", index="Kanton", values="alq")
        .sort("Kanton")
    )
    assert wide["Kanton"].to_list() == sorted(units)
    return make_design(
        wide.drop("Kanton").to_numpy(),
        adoption=(2002 - first.year) * 12,
        treated=[wide["Kanton"].to_list().index(TREATED)],
        units=wide["Kanton"].to_list(),
        first=first,
    )


@pytest.mark.parametrize(
    ("group", "estimate", "error", "rows"),
    [("II", 0.0064, 0.0016, 1440), ("I", 0.0045, 0.0013, 2736)],
)
def test_did_with_canton_effects(
    data_dir: Path, group: str, estimate: float, error: float, rows: int
) -> None:
    design = _design(data_dir, group, date(1998, 1, 1))
    assert design.y.size == rows
    fit = did.estimate(design, design.adopted[None], {})
    assert fit.estimate[0, 0, 0] == pytest.approx(estimate, abs=HALF_UNIT)
    assert fit.covariance[0, 0, 0] ** 0.5 == pytest.approx(error, abs=HALF_UNIT)


@pytest.mark.parametrize(
    ("group", "post", "pre"),
    [
        ("II", (0.0106, 0.0028), (0.0042, 0.0032)),
        ("I", (0.0143, 0.0031), (0.0098, 0.0037)),
    ],
)
def test_regression_without_canton_effects(
    data_dir: Path, group: str, post: tuple[float, float], pre: tuple[float, float]
) -> None:
    """The thesis's own specification, which no estimator here has: the data are read right."""
    import pyfixest

    frame = _panel(data_dir)
    frame = frame.filter(
        pl.col("Kanton").is_in(_members(frame, group)), pl.col("period") >= date(1998, 1, 1)
    ).with_columns(
        before=((pl.col("Kanton") == TREATED) & (pl.col("period") < date(2002, 1, 1))).cast(float),
        after=((pl.col("Kanton") == TREATED) & (pl.col("period") >= date(2002, 1, 1))).cast(float),
        month=pl.col("period").rank("dense"),
    )
    months, n = frame["month"].n_unique(), frame.height
    model = pyfixest.feols(
        "alq ~ before + after | month",
        data=frame,
        vcov={"CRV1": "Kanton"},
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
    )
    errors = model.se() * ((n - 1) / (n - 2 - months)) ** 0.5
    for name, (estimate, error) in {"after": post, "before": pre}.items():
        assert model.coef()[name] == pytest.approx(estimate, abs=HALF_UNIT)
        assert errors[name] == pytest.approx(error, abs=HALF_UNIT)


@pytest.mark.parametrize(
    ("first", "att", "rank"), [(date(1993, 1, 1), 0.00775, 4), (date(1998, 1, 1), 0.00766, 2)]
)
def test_synthetic_control(data_dir: Path, first: date, att: float, rank: int) -> None:
    design = _design(data_dir, "I", first)
    fit = synthetic_control.estimate(design, in_space(design, 0), {})
    ratio = fit.statistics["rmspe_ratio"][0]
    assert fit.estimate[0, 0, 0] == pytest.approx(att, abs=5.1e-6)
    assert ratio.shape == (19,)
    assert int((ratio >= ratio[0]).sum()) == rank
    assert np.isfinite(ratio).all()
