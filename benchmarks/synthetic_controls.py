"""All placebo estimates in one batch against the alternatives, side by side in one run.

    python benchmarks/synthetic_controls.py [PART ...]

Parts: fits, periods, cohorts, assignments, municipalities; all of them without a name. Prints CPU
seconds, ratios and differences. Needs nothing but the environment.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TypeVar
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval import assignments, periods
from reformeval.design import Design, Series
from reformeval.estimators import _refit, _simplex, did, synthetic_control, synthetic_did
from reformeval.spec import Step

T = TypeVar("T")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PERIODS, ADOPTION = 68, 38
DONORS, SERIES, SAMPLED_FITS = (9, 24, 50), 54, 40
ASSIGNMENTS, SAMPLED_REFITS = 10_000, 200


def main(parts: list[str]) -> None:
    """Run the parts that are named, or all."""
    # compiling the solver and importing pyfixest are not what is compared
    warm = design(random_walks(4, 1))
    synthetic_control.estimate(warm, assignments.in_space(warm, 0), {})
    did.estimate(warm, warm.adopted[None], {})
    synthetic_did.estimate(warm, assignments.in_space(warm, 0), {})
    for part in (
        fits, periods_of_synthetic_did, cohorts_of_synthetic_did, assignments_of_did, municipalities
    ):  # fmt: skip
        if not parts or part.__name__.split("_", maxsplit=1)[0] in parts:
            part()


def fits() -> None:
    """Every unit × series against pysyncon, and how far each is from the optimum."""
    for donors in DONORS:
        _fits(donors)


def _fits(donors: int) -> None:
    from pysyncon import Synth

    y = random_walks(donors + 1, SERIES)
    pre = y[:, :, :ADOPTION]
    others = ~np.eye(donors + 1, dtype=bool)
    seconds, found = timed(lambda: [_simplex.solve_all(one, one, others) for one in pre], 5)
    each = seconds / (SERIES * (donors + 1))
    gaps = [
        gap(pre[s][others[u]], pre[s, u], found[s][u, others[u]])
        for s in range(SERIES)
        for u in range(donors + 1)
    ]
    rng = np.random.default_rng(1)
    chosen = [(rng.integers(SERIES), rng.integers(donors + 1)) for _ in range(SAMPLED_FITS)]
    equal = np.eye(ADOPTION)
    theirs, slow = timed(
        lambda: [Synth.w_optimize(equal, pre[s][others[u]].T, pre[s, u])[0] for s, u in chosen]
    )
    theirs /= SAMPLED_FITS
    slow_gaps = [
        gap(pre[s][others[u]], pre[s, u], w) for (s, u), w in zip(chosen, slow, strict=True)
    ]
    built = design(y)
    whole, _ = timed(
        lambda: synthetic_control.estimate(built, assignments.in_space(built, 0), {}), 3
    )
    print(
        f"{donors} donors, {SERIES} series: {each:.2e} s per fit, pysyncon {theirs:.2e} s per fit "
        f"(of {SAMPLED_FITS}), ratio {theirs / each:,.0f}; largest relative gap {max(gaps):.1e}, "
        f"pysyncon {max(slow_gaps):.1e}; the whole estimate {whole:.2f} s"
    )


def periods_of_synthetic_did() -> None:
    """Period weights of every unit × series in one batch against one solve each."""
    donors = 24
    y = random_walks(donors + 1, SERIES)
    pre, post = y[:, :, :ADOPTION], y[:, :, ADOPTION:].mean(axis=2)
    others = ~np.eye(donors + 1, dtype=bool)
    ridge = (1e-6 * np.diff(pre, axis=2).std(axis=(1, 2))) ** 2 * donors
    which = np.zeros(donors + 1, dtype=np.int64)
    every = np.ones((donors + 1, ADOPTION), dtype=bool)
    seconds, batch = timed(
        lambda: [
            _simplex.solve_each(
                pre[s].T[None], which, np.tile(post[s], (donors + 1, 1)), every, others,
                np.full(donors + 1, ridge[s]),
            )
            for s in range(SERIES)
        ],
        5,
    )  # fmt: skip
    slow, single = timed(
        lambda: [
            [
                _simplex.solve(pre[s][own], post[s][own], ridge=float(ridge[s]), intercept=True)
                for own in others
            ]
            for s in range(SERIES)
        ]
    )
    built = design(y)
    whole, _ = timed(lambda: synthetic_did.estimate(built, assignments.in_space(built, 0), {}))
    count = SERIES * (donors + 1)
    print(
        f"period weights, {donors} donors, {SERIES} series: {seconds / count:.2e} s per fit, one "
        f"by one {slow / count:.2e} s, ratio {slow / seconds:.1f}, largest difference "
        f"{np.abs(np.array(batch) - np.array(single)).max():.1e}; the whole estimate {whole:.2f} s"
    )


def cohorts_of_synthetic_did() -> None:
    """Time a staggered reform of three cohorts and 999 placebos, with and without their ends."""
    built = design(random_walks(40, 1))
    dates = np.full(40, -1)
    dates[:6] = [30, 30, 38, 38, 46, 46]
    built = replace(built, adopted=dates, steps=())
    rows = assignments.in_space(built, 0)
    seconds, _ = timed(lambda: synthetic_did.estimate(built, rows, {}))
    nothing = np.full((2, len(rows)), np.nan)
    with mock.patch.object(_refit, "acceptance", return_value=nothing):
        points, _ = timed(lambda: synthetic_did.estimate(built, rows, {}), 3)
    print(
        f"synthetic_did, 40 units × {PERIODS} months, 3 cohorts, {len(rows):,} assignments: "
        f"{points:.2f} s for the estimates and the placebo variance, {seconds:.1f} s with the ends "
        "of acceptance intervals"
    )


def assignments_of_did() -> None:
    """10,000 random assignments of 5 treated units among 30 against refitting pyfixest."""
    y = random_walks(30, 1)
    built = design(y, treated=5)
    rows = random_rows(built, 5)
    seconds, fit = timed(lambda: did.estimate(built, rows, {}))
    sample = np.linspace(0, ASSIGNMENTS - 1, SAMPLED_REFITS).astype(int)
    refit, expected = timed(lambda: refitted(y[0], rows[sample] >= 0))
    each = refit / SAMPLED_REFITS
    difference = np.abs(fit.estimate[0, sample, 0] - expected).max()
    print(
        f"did, {ASSIGNMENTS:,} assignments: {seconds:.3f} s, pyfixest {each:.2e} s per refit (of "
        f"{SAMPLED_REFITS}), ratio {each * ASSIGNMENTS / seconds:,.0f}, largest difference "
        f"{difference:.1e}"
    )


def municipalities() -> None:
    """Every one of 356 municipalities in 48 series, held-out refits and statistics included."""
    built = design(random_walks(356, 48))
    rows = assignments.in_space(built, 0)
    seconds, _ = timed(lambda: synthetic_control.estimate(built, rows, {}))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"synthetic_control, 356 units × 68 months × 48 series: {seconds:.1f} s, {memory:.2f} GiB"
    )


def timed(call: Callable[[], T], repeats: int = 1) -> tuple[float, T]:
    """CPU seconds of one call, and what it returned."""
    start = time.process_time()
    for _ in range(repeats):
        found = call()
    return (time.process_time() - start) / repeats, found


def gap(donors: Floats, target: Floats, weights: Floats) -> float:
    """How much better weights could do at most (duality gap), as a share of the squared error."""
    distance = donors - target
    point = weights @ distance
    square = float(point @ point)
    return (square - float((distance @ point).min())) / square


def random_walks(units: int, series: int) -> Floats:
    """Outcomes (series, units, periods): a level, a common walk and one of the unit's own."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=(series, 1, PERIODS)).cumsum(axis=2)
    own = rng.normal(size=(series, units, PERIODS)).cumsum(axis=2)
    return np.asarray(rng.normal(50, 5, (series, units, 1)) + common + own)


def design(y: Floats, treated: int = 1) -> Design:
    """Series whose first units adopt."""
    months = tuple(periods.span(date(2017, 1, 1), date(2022, 8, 1), "month"))
    series, units, _ = y.shape
    return Design(
        y=y,
        n=None,
        units=tuple(f"u{i:03d}" for i in range(units)),
        series=tuple(Series(f"y{s}", "all", "residents") for s in range(series)),
        periods=months,
        frequency="month",
        adopted=np.where(np.arange(units) < treated, ADOPTION, -1),
        anticipation=0,
        excluded=np.zeros(PERIODS, dtype=bool),
        unit_weights=np.ones((series, units)),
        steps=(Step("adoption", months[ADOPTION], ""),),
    )


def random_rows(built: Design, treated: int) -> Ints:
    """Draw the reform and random other assignments of as many units."""
    rng = np.random.default_rng(1)
    rows = np.full((ASSIGNMENTS, len(built.units)), -1)
    for row in rows:
        row[rng.choice(len(built.units), treated, replace=False)] = ADOPTION
    rows[0] = built.adopted
    return rows


def refitted(y: Floats, members: NDArray[np.bool_]) -> Floats:
    """One two-way fixed-effects regression per assignment."""
    import pyfixest

    frame = pl.DataFrame(
        {
            "y": y.ravel(),
            "unit": np.repeat(np.arange(len(y)), PERIODS),
            "period": np.tile(np.arange(PERIODS), len(y)),
        }
    )
    after = np.arange(PERIODS) >= ADOPTION
    out = []
    for own in members:
        treated = pl.Series("d", np.outer(own, after).ravel().astype(np.float64))
        model = pyfixest.feols("y ~ d | unit + period", frame.with_columns(treated), vcov="iid")
        out.append(float(model.coef()["d"]))
    return np.array(out)


if __name__ == "__main__":
    main(sys.argv[1:])
