"""Intervals: what an inference method returns for every estimate of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from reformeval.design import Floats

Status = Literal["ok", "warn", "refused", "failed"]
Alternative = Literal["two-sided", "greater", "less"]
Band = Literal["pointwise", "simultaneous"]


@dataclass(frozen=True, eq=False)
class Intervals:
    """Uncertainty of a fit's row 0; every array is (series, estimands).

    Attributes
    ----------
    inference
        Name of the method: its module's file stem.
    std_error, low, high, p_value, minimum_detectable
        NaN where the method gives none; ``low`` and ``high`` may be infinite.
    floor
        The smallest p-value that the method can return here; 0 for t and normal.
    level
        The confidence level of the interval, which may differ from the configured one.
    status, reason
        Validity of each entry (`Status`; "" where the method says nothing about it), and why it is
        not ``ok`` ("" when it is).
    """

    inference: str
    alternative: Alternative
    band: Band
    std_error: Floats
    low: Floats
    high: Floats
    p_value: Floats
    floor: Floats
    level: Floats
    minimum_detectable: Floats
    status: NDArray[Any]
    reason: NDArray[Any]
