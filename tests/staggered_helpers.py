"""Small staggered designs for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from design_helpers import make_design, panel

from reformeval.design import Design


def staggered(
    y: np.ndarray,
    dates: Sequence[int],
    *,
    anticipation: int = 0,
    dropped: Sequence[int] = (),
) -> Design:
    """Design in which unit i adopts in period ``dates[i]``, -1 for never."""
    first = min(d for d in dates if d >= 0)
    treated = [i for i, d in enumerate(dates) if d >= 0]
    design = make_design(y, first, treated, anticipation=anticipation, dropped=dropped,
                         frequency="year")  # fmt: skip
    return replace(design, adopted=np.array(dates, dtype=np.int64), steps=())


def example(units: int = 12, periods: int = 8, seed: int = 0, series: int = 1) -> Design:
    """Three cohorts of unequal size and a third of the units that never adopt."""
    dates = [(3, 3, 5, 5, 5, 6, 3, 5, -1, -1, -1, -1)[i % 12] for i in range(units)]
    return staggered(panel(units, periods, seed, series), dates)
