"""Measure how tests for one treated unit lean with its noise: rows of `inference._sizes`.

``python -m tests.validation.sizes`` writes them (about a minute). Every test is the package's own,
on many series of one design at once; a series is one draw.
"""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import numpy as np

from reformeval.assignments import in_space
from reformeval.design import Design, Floats
from reformeval.estimators import did, synthetic_control
from reformeval.inference import _ranks, _router, _sizes
from reformeval.inference._sizes import Size
from tests.design_helpers import make_design

DONORS = (9, 24, 39)
RATIOS = (0.5, 1.0, 2.0)
DRAWS, RATIO_DRAWS = 4_000, 1_000
BEFORE, AFTER = 24, 12  # periods of the RMSPE ratio
OF_CHANGES = ("permutation", "conley_taber", "t_few", "hagemann")
_ROWS = re.compile(r"(# rows\n).*?(# end\n)", re.DOTALL)


def level_of(statistic: str, donors: int) -> float:
    """Give the attainable level nearest to 5 % in a test that ranks; 5 % in the others."""
    if statistic in ("t_few", "hagemann"):
        return 0.05
    return max(round(0.05 * (donors + 1)), 1) / (donors + 1)


def of_changes(donors: int, ratio: float, draws: int = DRAWS) -> list[Size]:
    """Measure the tests of a unit's change: it alone is drawn, as they depend on nothing else."""
    rng = np.random.default_rng([donors, int(10 * ratio)])
    y = np.zeros((draws, donors + 1, 3))
    y[:, :, 2] = rng.normal(size=(draws, donors + 1))
    y[:, 0] *= ratio
    d = make_design(y, 2)
    with mock.patch.object(did, "_covariance", return_value=None):
        fit = did.estimate(d, in_space(d, 1), {})
    found = []
    for name, module in _router.chosen(OF_CHANGES).items():
        level = level_of(name, donors)
        p = module.infer(d, fit, 0.95)[0].p_value[:, 0]
        if np.isfinite(p).any():
            found.append(Size(name, donors, ratio, round(level, 4), _rate(p, level), draws))
    return found


def of_rmspe(donors: int, ratio: float, draws: int = RATIO_DRAWS) -> Size:
    """Measure the rank of the RMSPE ratio of synthetic controls."""
    d = _noise(donors, ratio, draws)
    fit = synthetic_control.estimate(d, in_space(d, 1), {})
    p = _ranks.rank_p(fit.statistics["rmspe_ratio"])
    level = level_of("rmspe_ratio", donors)
    return Size("rmspe_ratio", donors, ratio, round(level, 4), _rate(p, level), draws)


def _noise(donors: int, ratio: float, draws: int) -> Design:
    rng = np.random.default_rng([donors, int(10 * ratio), 1])
    y = rng.normal(size=(draws, donors + 1, BEFORE + AFTER))
    y[:, 0] *= ratio
    return make_design(y, BEFORE)


def _rate(p: Floats, level: float) -> float:
    return round(float((p <= level + 1e-9).mean()), 4)


def main() -> None:
    """Write the rows into the module."""
    sizes = [size for donors in DONORS for ratio in RATIOS for size in of_changes(donors, ratio)]
    sizes += [of_rmspe(24, ratio) for ratio in RATIOS]
    sizes.sort(
        key=lambda s: ((*OF_CHANGES, "rmspe_ratio").index(s.statistic), s.donors, s.sd_ratio)
    )
    rows = "".join(
        f'    Size("{s.statistic}", {s.donors}, {s.sd_ratio}, {s.level}, {s.rate}, {s.draws}),\n'
        for s in sizes
    )
    path = Path(str(_sizes.__file__))
    text = path.read_text(encoding="utf-8")
    filled = _ROWS.sub(lambda m: f"{m[1]}SIZES: tuple[Size, ...] = (\n{rows})\n{m[2]}", text)
    path.write_text(filled, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
