"""Staggered reforms: which units adopt inside the window, and why others are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.spec import PanelSpec


def with_adopted(spec: PanelSpec, adopted: Mapping[str, date | None]) -> PanelSpec:
    """Give a staggered reform the dates on which its units adopt.

    Parameters
    ----------
    adopted
        Period of adoption by unit, None for units that never adopt; a unit that is not here is
        left out of the reform.

    Raises
    ------
    UserError
        If no unit adopts at a time when its effect can be estimated.
    """
    known = replace(spec, adopted=adopted)
    excluded = spec.comparison.exclude
    used = {
        unit: when for unit, when in adopted.items()
        if when is not None and unit not in excluded
        and when <= spec.timing.last and left_out(unit, known) is None
    }  # fmt: skip
    if not used:
        first, last = (periods.label(p, spec.timing.frequency) for p in
                       (spec.timing.first, spec.timing.last))  # fmt: skip
        later = sum(when is not None for when in adopted.values())
        raise UserError(
            Problem(
                f"`treatment.adoption`: no unit adopts inside the window {first} to {last} with a "
                f"period before it ({later} of {len(adopted)} units adopt at some time)",
                where=f"config/reforms/{spec.reform}.yaml",
                fix="move the window, or shorten treatment.anticipation and window.drop",
            )
        )
    return replace(
        known,
        treated=tuple(sorted(used)),
        timing=replace(spec.timing, adoptions=tuple(sorted(set(used.values())))),
    )


def left_out(unit: str, spec: PanelSpec) -> str | None:
    """Say why a unit can be neither treated nor a donor; None where it can."""
    timing = spec.timing
    if unit not in spec.adopted:
        return "nothing says whether it adopts (treatment.adoption)"
    when = spec.adopted[unit]
    if when is None:
        return None
    at = periods.label(when, timing.frequency)
    affected = periods.shift(when, -timing.anticipation, timing.frequency)
    waiting = " and its anticipation" if timing.anticipation else ""
    if when > timing.last:
        if spec.comparison.donors == "never_treated":
            return f"adopts in {at}, after the window: not never treated"
        if affected <= timing.last:
            return f"adopts in {at}, and its anticipation begins inside the window"
        return None
    if not any(p < affected for p in timing.periods if p not in timing.dropped):
        return f"always treated: adopts in {at}, and the window has no period before that{waiting}"
    return None
