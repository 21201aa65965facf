"""Roles of units: who is treated, who may serve as a donor, who is left out and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.artefacts import UNITS, table
from reformeval.panel.adoption import left_out
from reformeval.spec import PanelSpec

TREATED, DONOR, LEFT_OUT = "treated", "donor", "left_out"


def assign_roles(
    present: Collection[str],
    spec: PanelSpec,
    persons: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Give every unit of the source its role in a reform.

    Parameters
    ----------
    present
        Units of the source. Units that the reform names and that are not here get no row:
        `panel.validate` reports them.
    spec
        The reform's treated units and its comparison.
    persons
        Persons by unit in the last period before anticipation; needed for ``largest``, by which
        units without persons are left out.
    labels
        Names of units by code; the code stands where there is none.

    Returns
    -------
    pl.DataFrame
        The artefact `artefacts.UNITS`, sorted by unit. ``weight`` is 1 for treated units and
        donors and 0 for units left out; ``reason`` says why a unit is left out.
    """
    reasons = _left_out(present, spec, persons or {})
    rows: list[dict[str, Any]] = []
    for unit in sorted(present):
        treated = unit in spec.treated
        reason = None if treated else reasons.get(unit)
        rows.append(
            {
                "unit": unit,
                "label": (labels or {}).get(unit, unit),
                "role": TREATED if treated else LEFT_OUT if reason else DONOR,
                "adopted": (spec.adopted.get(unit) or spec.timing.adoption) if treated else None,
                "weight": 0.0 if reason else 1.0,
                "reason": reason,
            }
        )
    return table(rows, UNITS)


def members(units: pl.DataFrame) -> list[str]:
    """Treated units and donors."""
    return units.filter(pl.col("role") != LEFT_OUT)["unit"].to_list()


def _left_out(
    present: Collection[str], spec: PanelSpec, persons: Mapping[str, float]
) -> dict[str, str]:
    """Units that may not serve as donors, with the reason."""
    comparison, timing = spec.comparison, spec.timing
    reasons = dict.fromkeys(comparison.exclude, "excluded in the reform file")
    if spec.geography is not None:
        reasons |= {code: f"no unit: {words}" for code, words in spec.geography.special.items()}
    if spec.adoption is not None:
        told = {unit: left_out(unit, spec) for unit in present if unit not in reasons}
        reasons |= {unit: reason for unit, reason in told.items() if reason}
    candidates = [u for u in present if u not in reasons and u not in spec.treated]
    if comparison.units is not None:
        named = set(comparison.units)
        reasons |= {u: "not named in comparison.units" for u in candidates if u not in named}
    elif comparison.largest is not None:
        # Equal sizes are ordered by code, so that the choice does not hang on row order.
        ranked = sorted((-persons[u], u) for u in candidates if persons.get(u, 0) > 0)
        kept = {unit for _, unit in ranked[: comparison.largest]}
        at = periods.label(timing.pre_end, timing.frequency)
        why = f"not among the {comparison.largest} largest by persons in {at}"
        reasons |= {u: why for u in candidates if u not in kept}
    return reasons
