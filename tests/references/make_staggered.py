"""Numbers of other packages for staggered reforms, kept in ``staggered.json``.

    pip install synthdid-py==0.1.0 moderndid==0.2.0
    python tests/references/make_staggered.py DATA_FOLDER

in an environment of its own: the packages are not needed to run the tests. Takes some minutes.
Their versions and the made-up data stand in the file; mpdta, the Medicaid data and those of
Proposition 99 are read from the folder.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import moderndid
import numpy as np
import pandas as pd
import polars as pl
from synthdid import synthdid_estimate
from synthdid.staggered import staggered_panel_matrices, staggered_synthdid_estimate

DATES = {
    "three cohorts": [6, 6, 8, 8, 8, 11, *[-1] * 9],
    "single adopters": [5, 7, 9, 10, *[-1] * 8],
}
# its steps stop where the objective falls by less: well below its default, so that its estimate is
# nearly that of the optimum
CLOSE = {"sparsify": None, "min_decrease": 1e-6, "max_iter": 100_000}


def main(data: Path) -> None:
    """Write the numbers beside this script."""
    found = {
        "versions": {name: version(name) for name in ("synthdid-py", "moderndid", "numpy")},
        "synthdid": [made_up(name, seed) for seed, name in enumerate(DATES, start=1)],
        "synthdid prop99": proposition_99(data / "prop99" / "california_prop99.csv"),
        "moderndid": {
            f"{name}, {control}": group_times(frame, control)
            for name, frame in (("mpdta", mpdta(data)), ("medicaid", medicaid(data)))
            for control in ("nevertreated", "notyettreated")
        },
    }
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
    text = "{\n" + lines + "\n}\n"
    Path(__file__).with_name("staggered.json").write_text(text, encoding="utf-8")


def made_up(name: str, seed: int) -> dict[str, Any]:
    """Staggered synthetic DiD of factors and noise."""
    rng = np.random.default_rng(seed)
    dates = DATES[name]
    units, periods = len(dates), 14
    y = rng.normal(size=(units, 2)) @ rng.normal(size=(2, periods)).cumsum(axis=1)
    y = np.round(y + rng.normal(size=(units, periods)), 3)
    frame = pd.DataFrame(
        {
            "unit": np.repeat([f"u{i:02d}" for i in range(units)], periods),
            "time": np.tile(np.arange(periods), units),
            "y": y.ravel(),
        }
    )
    start = np.repeat(dates, periods)
    frame["treated"] = ((frame["time"] >= start) & (start >= 0)).astype(int)
    fit = staggered_synthdid_estimate(staggered_panel_matrices(frame), **CLOSE)
    return {
        "name": name,
        "y": y.tolist(),
        "dates": dates,
        "att": fit.att,
        "cohorts": fit.by_cohort["tau"].tolist(),
    }


def proposition_99(file: Path) -> dict[str, float]:
    """Estimate of California, and the spread of all 38 placebos among donors alone."""
    wide = pd.read_csv(file, sep=";").pivot(index="State", columns="Year", values="PacksPerCapita")
    donors = wide.drop(index="California").to_numpy()
    own = np.vstack([donors, wide.loc[["California"]].to_numpy()])
    placebos = [
        float(
            synthdid_estimate(np.vstack([np.delete(donors, i, axis=0), donors[i : i + 1]]), 37, 19,
                              **CLOSE)
        )
        for i in range(len(donors))
    ]  # fmt: skip
    return {
        "att": float(synthdid_estimate(own, 38, 19, **CLOSE)),
        "placebo_sd": float(np.std(placebos)),
    }


def mpdta(data: Path) -> pl.DataFrame:
    """Counties and years, adoption 0 for never."""
    frame = pl.read_csv(data / "mpdta" / "mpdta.csv")
    return frame.select(
        unit="countyreal", time="year", y="lemp", start=pl.col("first.treat").cast(pl.Float64)
    )


def medicaid(data: Path) -> pl.DataFrame:
    """States and years; those that had not expanded by 2019 never do."""
    frame = pl.read_csv(
        data / "ehec_medicaid" / "ehec_data.csv",
        schema_overrides={"year": pl.Int64, "yexp2": pl.Int64},
    )
    number = pl.col("stfips").rank("dense").cast(pl.Int64)
    start = pl.when(pl.col("yexp2") <= 2019).then(pl.col("yexp2")).otherwise(0)
    return frame.select(unit=number, time="year", y="dins", start=start.cast(pl.Float64))


def group_times(frame: pl.DataFrame, control: str) -> dict[str, Any]:
    """ATT(g, t) with a universal base period, and the simple average; standard errors analytic."""
    fit = moderndid.att_gt(
        frame, yname="y", tname="time", idname="unit", gname="start", est_method="reg",
        control_group=control, base_period="universal", boot=False, cband=False,
    )  # fmt: skip
    simple = moderndid.aggte(fit, type="simple", boot=False, cband=False)
    return {
        "cells": [
            [int(g), int(t), float(att), None if np.isnan(se) else float(se)]
            for g, t, att, se in zip(fit.groups, fit.times, fit.att_gt, fit.se_gt, strict=True)
        ],
        "att": float(simple.overall_att),
        "att_se": float(simple.overall_se),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
