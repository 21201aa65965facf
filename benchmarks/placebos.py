"""All placebo estimates in one batch against the alternatives, side by side in one run.

    python benchmarks/placebos.py

Prints CPU seconds, ratios and the largest difference. Needs nothing but the environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import polars as pl
import pyfixest
from numpy.typing import NDArray
from scipy import optimize

from reformeval import assignments, periods
from reformeval.design import Design, Series
from reformeval.estimators import _simplex, did, synthetic_control
from reformeval.spec import Step

Floats = NDArray[np.float64]
UNITS, PERIODS, ADOPTION = 25, 68, 38
REPEATS = 20


def main() -> None:
    """Compare difference-in-differences and synthetic control for every unit in turn."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=PERIODS).cumsum()
    y = rng.normal(50, 5, (UNITS, 1)) + common + rng.normal(size=(UNITS, PERIODS)).cumsum(axis=1)
    report("did, 25 assignments", y, estimator_did, refitted_did)
    report("synthetic_control, 25 assignments", y, estimator_synthetic_control, slsqp_controls)
    report("synthetic control solver alone", y, exact_controls, slsqp_controls)


def report(
    name: str, y: Floats, ours: Callable[[Floats], Floats], other: Callable[[Floats], Floats]
) -> None:
    """Time both on the same data and print the ratio."""
    seconds = {}
    for call, repeats in ((ours, REPEATS), (other, 1)):
        found = call(y)  # imports and caches are not what is compared
        start = time.process_time()
        for _ in range(repeats):
            found = call(y)
        seconds[call] = (time.process_time() - start) / repeats, found
    gap = float(np.abs(seconds[ours][1] - seconds[other][1]).max())
    print(
        f"{name}: {ours.__name__} {seconds[ours][0]:.2e} s, {other.__name__} "
        f"{seconds[other][0]:.2e} s, ratio {seconds[other][0] / seconds[ours][0]:,.0f}, "
        f"largest difference {gap:.1e}"
    )


def estimator_did(y: Floats) -> Floats:
    """Estimate every unit with `did` in one batch; pyfixest fits the first as a check."""
    built = design(y)
    return did.estimate(built, assignments.in_space(built, 0), {}).estimate[0, :, 0]


def estimator_synthetic_control(y: Floats) -> Floats:
    """Estimate every unit with `synthetic_control`, its held-out refits left in."""
    built = design(y)
    return synthetic_control.estimate(built, assignments.in_space(built, 0), {}).estimate[0, :, 0]


def design(y: Floats) -> Design:
    """One series whose first unit adopts."""
    months = tuple(periods.span(date(2017, 1, 1), date(2022, 8, 1), "month"))
    return Design(
        y=y[None],
        n=None,
        units=tuple(f"u{i:02d}" for i in range(UNITS)),
        series=(Series("y", "all", "residents"),),
        periods=months,
        frequency="month",
        adopted=np.array([ADOPTION] + [-1] * (UNITS - 1)),
        anticipation=0,
        excluded=np.zeros(PERIODS, dtype=bool),
        unit_weights=np.ones((1, UNITS)),
        steps=(Step("adoption", months[ADOPTION], ""),),
    )


def refitted_did(y: Floats) -> Floats:
    """One two-way fixed-effects regression per unit."""
    frame = pl.DataFrame(
        {
            "y": y.ravel(),
            "unit": np.repeat(np.arange(UNITS), PERIODS),
            "period": np.tile(np.arange(PERIODS), UNITS),
        }
    )
    out = []
    for unit in range(UNITS):
        treated = ((pl.col("unit") == unit) & (pl.col("period") >= ADOPTION)).cast(pl.Float64)
        model = pyfixest.feols("y ~ d | unit + period", frame.with_columns(d=treated), vcov="iid")
        out.append(float(model.coef()["d"]))
    return np.array(out)


def exact_controls(y: Floats) -> Floats:
    """Synthetic-control effects with the package's solver."""
    return _controls(y, lambda columns, target: _simplex.solve(columns, target))


def slsqp_controls(y: Floats) -> Floats:
    """Do the same with scipy's SLSQP and its gradient."""
    return _controls(y, _slsqp)


def _controls(y: Floats, solve: Callable[[Floats, Floats], Floats]) -> Floats:
    out = []
    for unit in range(UNITS):
        donors = np.delete(y, unit, axis=0)
        weights = solve(donors[:, :ADOPTION].T, y[unit, :ADOPTION])
        out.append(float((y[unit] - weights @ donors)[ADOPTION:].mean()))
    return np.array(out)


def _slsqp(columns: Floats, target: Floats) -> Floats:
    count = columns.shape[1]
    found = optimize.minimize(
        lambda w: float(((columns @ w - target) ** 2).sum()),
        np.full(count, 1 / count),
        jac=lambda w: 2 * columns.T @ (columns @ w - target),
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-10, "maxiter": 300},
    )
    return np.asarray(found.x)


if __name__ == "__main__":
    main()
