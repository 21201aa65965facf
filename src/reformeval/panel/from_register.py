"""Panels from a register of person-months, and the truth from two simulated ones.

A register is one or more buckets. Each is read in batches and summed to finest cells (unit ×
period × values of the group variables, see `panel.counts`); the sums of all buckets add up, and
groups, crosses and outcomes follow from those. The panel is the same to the last byte for any
number of buckets and any order of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from reformeval import periods
from reformeval.artefacts import TRUTH
from reformeval.errors import Problem, UserError
from reformeval.panel import counts, findings, outcomes, populations, spells
from reformeval.panel.counts import Counts, Progress
from reformeval.panel.group_sums import GroupSums, grid
from reformeval.panel.holdings import Holdings
from reformeval.panel.outcomes import Measure
from reformeval.panel.populations import Extract
from reformeval.panel.prices import Prices
from reformeval.panel.relative import relative
from reformeval.panel.result import PanelResult
from reformeval.panel.sample_flow import sample_flow
from reformeval.panel.units import assign_roles, members
from reformeval.register.batches import Batch, Source, check_source, read
from reformeval.register.groups import RegisterGroup, mapped
from reformeval.register.records import Record
from reformeval.register.summary import summarise, together
from reformeval.spec import Outcome, PanelSpec

Groups = Mapping[str, RegisterGroup]
_KEY = ("unit", "period", "group", "outcome", "population")


def build(
    register: Source | Sequence[Source],
    groups: Groups,
    spec: PanelSpec,
    labels: Mapping[str, str] | None = None,
    prices: Prices | None = None,
    held: Holdings | None = None,
) -> PanelResult:
    """Build a reform's panel from person-months.

    Parameters
    ----------
    register
        One row per person and period of residence; columns as `register.schema.REGISTER`. A
        frame may be in any order; buckets hold whole persons, sorted by person and period.
    groups
        Group variables by name.
    spec
        What the reform asks.
    labels
        Names of units by code.
    prices
        Price index, where an outcome is deflated.
    held
        What the register holds, where its units are put on another geography; default: units
        are taken as they are.

    Raises
    ------
    UserError
        If columns, groups or populations that the reform needs are not in the register, or rows
        of it cannot be counted.
    """
    sources = _sources(register)
    groups = _with_mappings(groups, spec)
    check(groups, spec, sources)
    held = held or Holdings(together(summarise(source) for source in sources))
    return assemble(held, [count(sources, held, groups, spec)], groups, spec, labels, prices)


def count(
    register: Source | Sequence[Source],
    held: Holdings,
    groups: Groups,
    spec: PanelSpec,
    progress: Progress = lambda _: None,
) -> Counts:
    """Count buckets of a register.

    Parameters
    ----------
    register
        One bucket, or several one after the other.
    held
        What the whole register holds: which units are kept hangs on it.
    progress
        Called with a line per batch.
    """
    part = extract(held, groups, spec)
    names = counts.columns(part.groups, spec.outcomes)
    batches = chain.from_iterable(read(source, names) for source in _sources(register))
    return counts.count(batches, part, spec.outcomes, progress)


def extract(held: Holdings, groups: Groups, spec: PanelSpec) -> Extract:
    """Say which part of a register is counted: treated units and donors."""
    return _extract(held, _with_mappings(groups, spec), spec, members(assign(held, spec)))


def assemble(
    held: Holdings,
    counted: Iterable[Counts],
    groups: Groups,
    spec: PanelSpec,
    labels: Mapping[str, str] | None = None,
    prices: Prices | None = None,
) -> PanelResult:
    """Make the panel from what was counted in the buckets.

    Cells with fewer than ``spec.min_persons`` persons have no value and no count, and are marked
    as suppressed.
    """
    groups = _with_mappings(groups, spec)
    units = assign(held, spec, {**held.labels, **(labels or {})})
    kept = members(units)
    extract = _extract(held, groups, spec, kept)
    total = Counts.together(counted, extract)
    panel = _panel(total.cells, extract, spec, prices)
    flow = sample_flow(total.flow, counts.populations(spec.outcomes), spec.timing)
    found = (*held.notes(kept), *_records(total.cells, extract, spec))
    return PanelResult(panel, units, flow, (held.first, held.last), found)


def assign(
    held: Holdings, spec: PanelSpec, labels: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Give every unit of a register its role; sizes are persons of working age."""
    sizes = held.summary.group_by("unit").agg(
        pl.col("persons").filter(pl.col("period") == spec.timing.pre_end).sum().cast(pl.Float64)
    )
    return assign_roles(sizes["unit"].to_list(), spec, dict(sizes.iter_rows()), labels)


def truth(
    register: Source | Sequence[Source],
    untreated: Source | Sequence[Source],
    groups: Groups,
    spec: PanelSpec,
    prices: Prices | None = None,
    progress: Progress = lambda _: None,
) -> pl.DataFrame:
    """Compute the true effect on every cell of the treated units, from both potential outcomes.

    The panel of the treated units is built twice by the same code, without suppression: from the
    register, and from the same register in which everybody in ``untreated`` has the outcomes
    without the effect. The effect is the difference of the two. Where the population does not
    depend on the effect, that is the average effect on its persons; for ``current_recipients``
    it is the difference of two cell means and, should the effect move who receives, includes
    that selection.

    Parameters
    ----------
    register
        Person-months with the effect.
    untreated
        The same rows without the effect, of all persons who ever live in the unit that it was
        planted in; in the same buckets.

    Returns
    -------
    pl.DataFrame
        The artefact `artefacts.TRUTH`; null where a cell has no persons or no known value.
    """
    sources, others = _sources(register), _sources(untreated)
    groups = _with_mappings(groups, spec)
    check(groups, spec, sources)
    held = Holdings(together(summarise(source) for source in sources))
    extract = _extract(held, groups, spec, spec.treated)
    names = counts.columns(extract.groups, spec.outcomes)
    shown = replace(spec, min_persons=1)
    with_effect: list[Counts] = []
    without: list[Counts] = []
    for source, other in zip(sources, others, strict=True):
        changed = np.unique(np.concatenate([[-1], *(b.person for b in read(other, ["recipient"]))]))
        for found, batches in (
            (with_effect, read(source, names)),
            (without, _unchanged(read(source, names), changed)),
            (without, read(other, names)),
        ):
            found.append(counts.count(batches, extract, spec.outcomes, progress))
    treated, control = (
        _panel(Counts.together(parts, extract).cells, extract, shown, prices)
        for parts in (with_effect, without)
    )
    treated, control = relative(treated, spec), relative(control, spec)
    both = treated.join(control, on=_KEY, how="left", suffix="_without", maintain_order="left")
    effect = (pl.col("value") - pl.col("value_without")).alias("effect")
    return both.with_columns(effect).select(list(TRUTH))


def _unchanged(batches: Iterable[Batch], changed: np.ndarray) -> Iterator[Batch]:
    """Rows of the persons that the untreated register does not have."""
    for batch in batches:
        kept = ~np.isin(batch.person[batch.starts], changed)
        if kept.any():
            yield batch.keep(kept[batch.of_person])


def _sources(register: Source | Sequence[Source]) -> list[Source]:
    return [register] if isinstance(register, Path | pl.LazyFrame) else list(register)


def check(groups: Groups, spec: PanelSpec, sources: Sequence[Source] = ()) -> None:
    """Check that outcomes, groups and columns are ones that the register has.

    Raises
    ------
    UserError
        Naming every one that it has not.
    """
    outcomes.check_outcomes(spec.outcomes)
    problems = [
        Problem(f"group {group.name}: the source has no {variable}={value}")
        for group in spec.groups
        for variable, value in group.terms
        if variable not in groups or value not in groups[variable].values
    ]
    for name, variable in groups.items():
        codes = [code for values in variable.values.values() for code in values]
        problems += [
            Problem(f"group {name}: the code '{code}' stands in more than one value")
            for code in sorted({code for code in codes if codes.count(code) > 1})
        ]
    if problems:
        raise UserError(problems)
    for source in sources:
        check_source(source, counts.columns(_used(groups, spec), spec.outcomes))


def _with_mappings(groups: Groups, spec: PanelSpec) -> Groups:
    """Group variables of the source, those that a mapping makes in the place of its own."""
    return {**groups, **{one.variable: mapped(one) for one in spec.mappings}}


def _used(groups: Groups, spec: PanelSpec) -> dict[str, RegisterGroup]:
    """Group variables that the reform's groups are made of."""
    used = sorted({variable for group in spec.groups for variable, _ in group.terms})
    return {variable: groups[variable] for variable in used}


def _extract(held: Holdings, groups: Groups, spec: PanelSpec, units: Sequence[str]) -> Extract:
    extract = Extract(spec.timing, tuple(units), _used(groups, spec), held)
    for population in counts.populations(spec.outcomes):
        populations.check_coverage(extract, population)
    return extract


def _records(cells: pl.DataFrame, extract: Extract, spec: PanelSpec) -> tuple[Record, ...]:
    """Say what was found; unknown codes are counted in the reform's first population."""
    found = [*findings.used(spec.mappings)]
    for index, population in enumerate(counts.populations(spec.outcomes)):
        mine = [outcome for outcome in spec.outcomes if outcome.population == population]
        groups = {} if index else extract.groups
        told = cells.select("population", *groups, pl.col("^(n|cut):.*$"))
        counted = told.filter(pl.col("population") == index)
        found += findings.findings(counted, mine, groups, spec.mappings)
    return tuple(found)


def _panel(
    cells: pl.DataFrame, extract: Extract, spec: PanelSpec, prices: Prices | None
) -> pl.DataFrame:
    """Every cell of the panel, sorted by outcome, group, unit and period."""
    keys = grid(extract, spec.groups)
    parts: dict[str, pl.DataFrame] = {}
    for index, population in enumerate(counts.populations(spec.outcomes)):
        mine = [outcome for outcome in spec.outcomes if outcome.population == population]
        sums = GroupSums(cells, index, extract, spec.groups)
        for measure in outcomes.measures(mine):
            filled = keys.hstack(sums.of(measure.column))
            for outcome in mine:
                if outcomes.measure(outcome).column == measure.column:
                    parts[outcome.name] = _outcome(filled, outcome, extract, prices)
    return pl.concat(_suppressed(parts[name], spec.min_persons) for name in sorted(parts))


def _outcome(
    filled: pl.DataFrame, outcome: Outcome, extract: Extract, prices: Prices | None
) -> pl.DataFrame:
    """All cells of one outcome, with value and persons."""
    known = _known(outcomes.measure(outcome), extract)
    return filled.select(
        "unit",
        "period",
        "group",
        pl.lit(outcome.name).alias("outcome"),
        pl.lit(outcome.population.kind).alias("population"),
        pl.when(known).then(outcomes.value(outcome, prices)).alias("value"),
        outcomes.persons(outcome).alias("n_persons"),
    )


def _suppressed(cells: pl.DataFrame, min_persons: int) -> pl.DataFrame:
    """Withhold values and counts of cells with fewer persons, but some."""
    small = pl.col("n_persons").is_between(1, min_persons - 1)
    return cells.with_columns(
        pl.when(~small).then("value").alias("value"),
        pl.when(~small).then("n_persons").alias("n_persons"),
        small.alias("suppressed"),
    )


def _known(measure: Measure, extract: Extract) -> pl.Expr:
    """Periods with enough of the register before and after them for a value without bias.

    Near the ends of the register some persons' values would be known and others' not, and those
    that are known are not like the others: then the value is missing for everybody.
    """
    if measure.history is None and not measure.later:
        return pl.lit(True)
    before, after = spells.reach(measure.history, measure.months) if measure.history else (0, 0)
    after += measure.later
    frequency = extract.timing.frequency
    first = periods.shift(extract.held.first, before, frequency)
    last = periods.shift(extract.held.last, -after, frequency)
    return pl.col("period").is_between(first, last)
