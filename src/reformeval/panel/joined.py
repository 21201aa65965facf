"""One panel from several sources: units, window and comparison are those of the reform's own.

The cells of each further source are those of its outcomes for the treated units and the donors.
What a source does not have is not there, and said: a unit has no value, an outcome no such group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from reformeval import periods
from reformeval.artefacts import SAMPLE_FLOW
from reformeval.errors import Problem
from reformeval.panel.result import PanelResult
from reformeval.panel.units import DONOR, TREATED, members
from reformeval.register.records import UNITS, Record
from reformeval.spec import Comparison, PanelSpec

ABSENT, IGNORED, GROUPS = "units_absent", "units_ignored", "groups_absent"
_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Part:
    """What one further source gives: its name, what was asked of it, and its panel."""

    name: str
    spec: PanelSpec
    result: PanelResult


def for_members(spec: PanelSpec, own: PanelResult) -> PanelSpec:
    """Ask a further source for the units that the reform's own has made treated and donors.

    Parameters
    ----------
    spec
        What is asked of the source (`parts.of_source`).
    own
        The panel of the reform's own source.
    """
    roles = dict(own.units.select("unit", "role").iter_rows())
    donors = tuple(unit for unit, role in roles.items() if role == DONOR)
    return replace(
        spec,
        treated=tuple(unit for unit, role in roles.items() if role == TREATED),
        comparison=Comparison(units=donors),
        adoption=None,
        any_groups=True,
    )


def joined(own: PanelResult, parts: Sequence[Part]) -> PanelResult:
    """Put the cells of further sources beside those of the reform's own.

    Parameters
    ----------
    own
        The panel of the reform's own source.
    parts
        Those of the others.

    Returns
    -------
    PanelResult
        ``problems`` names sources that have none of the units, or do not cover the window.
    """
    kept = members(own.units)
    return replace(
        own,
        panel=pl.concat([own.panel, *(part.result.panel for part in parts)]),
        flow=pl.concat([own.flow, *(_flow(part) for part in parts)]),
        found=(
            *own.found,
            *(record for part in parts for record in part.result.found),
            *(record for part in parts for record in _units(part, kept, own.units["unit"])),
        ),
        problems=tuple(problem for part in parts for problem in _unfit(part, kept)),
    )


def with_groups_told(result: PanelResult, spec: PanelSpec) -> PanelResult:
    """Note the groups that outcomes do not have, once all are on the scale that is asked for.

    Parameters
    ----------
    result
        The panel of several sources.
    spec
        What the reform asks.
    """
    here = set(result.panel.select("outcome", "group").unique().iter_rows())
    lacking: list[tuple[str, str]] = []
    found = []
    for outcome in spec.outcomes:
        names = [g.name for g in spec.groups if g.terms and (outcome.name, g.name) not in here]
        lacking += [(outcome.name, name) for name in names]
        if names:
            text = f"Outcome {outcome.name} is not there for {'; '.join(names)}: its source"
            if outcome.per_source != outcome.source:
                text += ", or that of what it is counted per,"
            text += " does not have this division of persons."
            found.append(Record("rule", GROUPS, f"outcome {outcome.name}", 0, None, "", text))
    return replace(result, found=(*result.found, *found), lacking=frozenset(lacking))


def _unfit(part: Part, kept: Collection[str]) -> Iterator[Problem]:
    """Report a source without the units or the window."""
    key = _key(part)
    panel, timing = part.result.panel, part.spec.timing
    if not set(panel["unit"]) & set(kept):
        theirs, ours = (
            ", ".join(f"'{unit}'" for unit in sorted(some)[:4])
            for some in (part.result.units["unit"], kept)
        )
        yield Problem(
            f"`{key}`: the source {part.name} has none of the reform's units in the window: its "
            f"units are {theirs or 'none'}, and the reform's {ours}",
            fix="let its file write units as the reform's own source does (unit.merge or "
            "unit.pattern in the source file)",
        )
        return
    has_data = pl.col("value").is_not_null() | pl.col("suppressed")
    present = panel.filter(has_data)["period"]
    for at, edge, side in (
        (timing.first, present.min(), "begins"),
        (timing.last, present.max(), "ends"),
    ):
        if at in timing.dropped or at == edge:
            continue
        said = periods.label(edge, timing.frequency) if edge is not None else "no period"  # type: ignore[arg-type]
        yield Problem(
            f"`{key}`: the window {side} in {periods.label(at, timing.frequency)}, and the "
            f"source {part.name} {side} for the reform's units in {said}",
            fix="shorten the window, or name a source that covers it",
        )


def _key(part: Part) -> str:
    """Name the first key of the reform that asks for this source."""
    outcomes = part.spec.outcomes
    return f"outcomes.{outcomes[0].name}.source" if outcomes else "outcomes"


def _units(part: Part, kept: Sequence[str], known: pl.Series) -> Iterator[Record]:
    """Count units that a source lacks, and those that the reform's own source does not have."""
    source = f"source {part.name}"
    asked = ", ".join(one.label for one in (*part.spec.outcomes, *part.spec.denominators))
    here = set(part.result.panel["unit"])
    absent = [unit for unit in kept if unit not in here]
    if absent:
        text = (
            f"Treated units and donors without rows in it, whose cells of {asked} are missing: "
            f"{_listed(absent)}."
        )
        yield Record("unlinked", ABSENT, source, len(absent), len(kept), UNITS, text)
    theirs = part.result.units["unit"]
    beyond = sorted(set(theirs) - set(known))
    if beyond:
        text = "Units that the reform's own source does not have, and that are ignored: "
        text += f"{_listed(beyond)}."
        yield Record("count", IGNORED, source, len(beyond), len(theirs), UNITS, text)


def _listed(units: Sequence[str]) -> str:
    more = f" and {len(units) - _SHOWN} more" if len(units) > _SHOWN else ""
    return ", ".join(units[:_SHOWN]) + more


def _flow(part: Part) -> pl.DataFrame:
    """Sample flow of a further source, under its name."""
    flow = part.result.flow.with_columns(pl.lit(f"source {part.name}").alias("population"))
    return flow.select(list(SAMPLE_FLOW))
