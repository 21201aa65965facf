"""The panels of the size study: which are drawn, with which seeds, and with what noise.

A panel is pure noise, drawn anew for every series of one design: a series is one draw. Common
periods and units' levels are left out, as difference in differences takes them away, and a weighted
mean of donors keeps the former.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reformeval.design import Design, Floats
from tests.design_helpers import make_design

DONORS = (9, 19, 39)
RATIOS = (0.5, 1.0, 2.0)
EFFECTS = (2.0, 4.0)  # in standard deviations of a donor's change
BEFORE, AFTER = 24, 12
LONG = (120, 240)  # periods before, for tests whose level is reached as they grow
FEW_BEFORE, FEW_AFTER = 6, 3  # with several treated units, whose tests look at changes alone
AUTOREGRESSION = 0.5
COMMON, SAMPLING = 1.0, 1_000.0  # a and b of the variance a + b / n
SMALL, LARGE = 100.0, 10_000.0  # persons in the smallest and the largest unit

Process = Literal["iid", "ar1"]
Sizes = Literal["equal", "treated_small", "treated_large"]
PROCESSES: tuple[Process, ...] = ("iid", "ar1")
SIZES: tuple[Sizes, ...] = ("equal", "treated_small", "treated_large")


@dataclass(frozen=True)
class Cell:
    """One kind of panel.

    Attributes
    ----------
    sd_ratio
        Standard deviation of the treated units' noise over the donors' root mean square.
    sizes
        Whether all units have as many persons, or the treated unit as many as the smallest or the
        largest of donors whose persons differ; the noise of a period then has variance a + b / n.
    effect
        Added to the treated after adoption, in standard deviations of a donor's change.
    before
        Periods before adoption where they are not the usual ones.
    """

    treated: int
    donors: int
    sd_ratio: float
    process: Process = "iid"
    sizes: Sizes = "equal"
    effect: float = 0.0
    before: int | None = None

    @property
    def seed(self) -> int:
        """The same with and without an effect."""
        digits = (
            f"{self.treated}{self.donors:02d}{PROCESSES.index(self.process)}"
            f"{SIZES.index(self.sizes)}{round(10 * self.sd_ratio):02d}{self.before or ''}"
        )
        return int(digits)

    @property
    def spans(self) -> tuple[int, int]:
        """Periods before and after adoption."""
        if self.treated > 1:
            return FEW_BEFORE, FEW_AFTER
        return self.before or BEFORE, AFTER


def grid() -> Iterator[Cell]:
    """Give every cell of the study."""
    for donors in DONORS:
        for process in PROCESSES:
            yield from (Cell(1, donors, ratio, process) for ratio in RATIOS)
            yield from (Cell(1, donors, 1.0, process, effect=effect) for effect in EFFECTS)
        for sizes in SIZES[1:]:
            yield Cell(1, donors, round(_treated_ratio(donors, sizes), 2), sizes=sizes)
        yield from (Cell(5, donors, ratio) for ratio in RATIOS)
        yield from (Cell(5, donors, 1.0, effect=effect) for effect in EFFECTS)
        if donors > 9:
            yield from (Cell(10, donors, ratio) for ratio in RATIOS)
    yield from (Cell(1, DONORS[0], 1.0, "ar1", before=before) for before in LONG)


def persons(donors: int, sizes: Sizes) -> Floats:
    """Give (units,) persons, the treated unit first."""
    if sizes == "equal":
        return np.full(donors + 1, LARGE)
    own = SMALL if sizes == "treated_small" else LARGE
    return np.concatenate([[own], np.geomspace(SMALL, LARGE, donors)])


def _treated_ratio(donors: int, sizes: Sizes) -> float:
    variance = COMMON + SAMPLING / persons(donors, sizes)
    return float(np.sqrt(variance[0] / variance[1:].mean()))


def sd_of_change(cell: Cell) -> float:
    """Standard deviation of a donor's mean after less its mean before, where sizes are equal."""
    before, after = cell.spans
    weights = np.concatenate([np.full(before, -1 / before), np.full(after, 1 / after)])
    lag = np.abs(np.subtract.outer(np.arange(before + after), np.arange(before + after)))
    correlation = (AUTOREGRESSION if cell.process == "ar1" else 0.0) ** lag
    return float(np.sqrt(weights @ correlation @ weights))


def draw(cell: Cell, draws: int, rng: np.random.Generator) -> Design:
    """Draw as many panels, the series of one design."""
    before, after = cell.spans
    y = rng.normal(size=(draws, cell.treated + cell.donors, before + after))
    if cell.process == "ar1":
        y[:, :, 1:] *= np.sqrt(1 - AUTOREGRESSION**2)
        for t in range(1, before + after):
            y[:, :, t] += AUTOREGRESSION * y[:, :, t - 1]
    counts = np.full(cell.treated + cell.donors, LARGE)
    if cell.sizes == "equal":
        y[:, : cell.treated] *= cell.sd_ratio
    else:
        counts = persons(cell.donors, cell.sizes)
        y *= np.sqrt(COMMON + SAMPLING / counts)[None, :, None]
    y[:, : cell.treated, before:] += cell.effect * sd_of_change(cell)
    design = make_design(y, before, treated=range(cell.treated))
    return replace(design, steps=(), n=np.broadcast_to(counts[None, :, None], y.shape))
