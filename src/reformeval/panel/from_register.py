"""Panels from a register of person-months, and the truth from two simulated ones.

The register is read by streaming, never as a whole: it is summed to finest cells (unit × period
× raw codes), and groups, crosses and outcomes follow from those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from reformeval.artefacts import PANEL, TRUTH
from reformeval.errors import UserError
from reformeval.panel import findings, outcomes, populations
from reformeval.panel.outcomes import SPELL
from reformeval.panel.populations import Extract
from reformeval.panel.prices import Prices
from reformeval.panel.result import PanelResult
from reformeval.panel.sample_flow import sample_flow
from reformeval.panel.units import LEFT_OUT, assign_roles
from reformeval.register.group_columns import computed
from reformeval.register.groups import RegisterGroup, mapped
from reformeval.register.records import Record
from reformeval.register.schema import check_columns
from reformeval.spec import Group, Outcome, PanelSpec, Population

Groups = Mapping[str, RegisterGroup]
# Outcomes, and the finest cells with their sums.
Counted = tuple[list[Outcome], pl.DataFrame]
_KEY = ("unit", "period", "group", "outcome", "population")


def build(
    register: pl.LazyFrame,
    groups: Groups,
    spec: PanelSpec,
    labels: Mapping[str, str] | None = None,
    prices: Prices | None = None,
) -> PanelResult:
    """Build a reform's panel from person-months.

    Parameters
    ----------
    register
        One row per person and period of residence, in any order; columns as
        `register.schema.REGISTER`.
    groups
        Group variables by name.
    spec
        What the reform asks. Cells with fewer than ``spec.min_persons`` persons have no value
        and no count, and are marked as suppressed.
    labels
        Names of units by code.
    prices
        Price index, where an outcome is deflated.

    Raises
    ------
    UserError
        If columns, groups or populations that the reform needs are not in the register.
    """
    groups = _with_mappings(groups, spec)
    _check(register, groups, spec)
    register = register.with_columns(computed(_used(groups, spec)))
    first, last, present, persons = _facts(register, spec)
    units = assign_roles(present, spec, persons, labels)
    kept = units.filter(pl.col("role") != LEFT_OUT)["unit"].to_list()
    extract = _extract(register, groups, spec, kept, first)
    small = pl.col("n_persons").is_between(1, spec.min_persons - 1)
    counted = _count(extract, spec)
    panel = _panel(counted, extract, groups, spec, prices).with_columns(
        pl.when(~small).then("value").alias("value"),
        pl.when(~small).then("n_persons").alias("n_persons"),
        small.alias("suppressed"),
    )
    flow = sample_flow(extract, _populations(spec.outcomes))
    found = _records(counted, groups, spec)
    return PanelResult(panel.select(list(PANEL)), units, flow, (first, last), found)


def truth(
    register: pl.LazyFrame,
    untreated: pl.LazyFrame,
    groups: Groups,
    spec: PanelSpec,
    prices: Prices | None = None,
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
        planted in.

    Returns
    -------
    pl.DataFrame
        The artefact `artefacts.TRUTH`; null where a cell has no persons or no known value.
    """
    groups = _with_mappings(groups, spec)
    _check(register, groups, spec)
    columns = [*_needed(groups, spec)]
    changed = untreated.select("person").unique()
    unchanged = register.select(columns).join(changed, on="person", how="anti")
    without = pl.concat([unchanged, untreated.select(columns)], how="vertical_relaxed")
    first = register.select(pl.col("period").min()).collect(engine="streaming").item()
    treated, other = (
        _panel(_count(extract, spec), extract, groups, spec, prices)
        for extract in (
            _extract(
                rows.with_columns(computed(_used(groups, spec))), groups, spec, spec.treated, first
            )
            for rows in (register, without)
        )
    )
    both = treated.join(other, on=_KEY, how="left", suffix="_without", maintain_order="left")
    effect = (pl.col("value") - pl.col("value_without")).alias("effect")
    return both.with_columns(effect).select(list(TRUTH))


def _check(register: pl.LazyFrame, groups: Groups, spec: PanelSpec) -> None:
    outcomes.check_outcomes(spec.outcomes)
    unknown = [
        f"group {group.name}: the source has no {variable}={value}"
        for group in spec.groups
        for variable, value in group.terms
        if variable not in groups or value not in groups[variable].values
    ]
    if unknown:
        raise UserError(unknown)
    check_columns(register, _needed(groups, spec))


def _needed(groups: Groups, spec: PanelSpec) -> tuple[str, ...]:
    """Columns of the register that this panel is made from."""
    always = ("person", "period", "unit", "age", "recipient")
    codes = (name for group in _used(groups, spec) for name in group.needs)
    return tuple(dict.fromkeys((*always, *codes, *outcomes.columns(spec.outcomes))))


def _with_mappings(groups: Groups, spec: PanelSpec) -> Groups:
    """Group variables of the source, those that a mapping makes in the place of its own."""
    return {**groups, **{one.variable: mapped(one) for one in spec.mappings}}


def _used(groups: Groups, spec: PanelSpec) -> list[RegisterGroup]:
    """Group variables that the reform's groups are made from."""
    names = sorted({variable for group in spec.groups for variable, _ in group.terms})
    return [groups[name] for name in names]


def _codes(groups: Groups, spec: PanelSpec) -> tuple[str, ...]:
    return tuple(sorted({group.column for group in _used(groups, spec)}))


def _extract(
    register: pl.LazyFrame, groups: Groups, spec: PanelSpec, units: Sequence[str], start: date
) -> Extract:
    return Extract(register, spec.timing, tuple(units), _codes(groups, spec), start)


def _facts(
    register: pl.LazyFrame, spec: PanelSpec
) -> tuple[date, date, list[str], dict[str, float]]:
    """First and last period, the units, and their persons of working age before anticipation."""
    counted = (pl.col("period") == spec.timing.pre_end) & populations.of_age()
    found = (
        register.group_by("unit")
        .agg(
            pl.col("period").min().alias("first"),
            pl.col("period").max().alias("last"),
            counted.sum().alias("persons"),
        )
        .collect(engine="streaming")
        .with_columns(pl.col("unit").cast(pl.String))
    )
    if found["unit"].null_count() or not found.height:
        raise UserError("the register has no rows, or rows without a unit")
    sizes = dict(found.select("unit", pl.col("persons").cast(pl.Float64)).iter_rows())
    first, last = found.select(pl.col("first").min(), pl.col("last").max()).row(0)
    return first, last, found["unit"].to_list(), sizes


def _populations(wanted: Sequence[Outcome]) -> list[Population]:
    return list(dict.fromkeys(outcome.population for outcome in wanted))


def _count(extract: Extract, spec: PanelSpec) -> list[Counted]:
    """Finest cells of each population, with the outcomes that they hold the sums of."""
    found: list[Counted] = []
    for population in _populations(spec.outcomes):
        mine = [o for o in spec.outcomes if o.population == population]
        spells = [o for o in mine if outcomes.measure(o).column == SPELL]
        others = [o for o in mine if o not in spells]
        if others:
            cells = populations.cells(extract, population, outcomes.measures(others))
            found.append((others, cells))
        found += [([o], populations.spell_cells(extract, outcomes.max_months(o))) for o in spells]
    return found


def _records(counted: Sequence[Counted], groups: Groups, spec: PanelSpec) -> tuple[Record, ...]:
    """Say what was found; unknown codes are counted in the reform's first population."""
    names = {variable for group in spec.groups for variable, _ in group.terms}
    split = {name: groups[name] for name in sorted(names)}
    found = [*findings.used(spec.mappings)]
    for i, (wanted, cells) in enumerate(counted):
        found += findings.findings(cells, wanted, {} if i else split, spec.mappings)
    return tuple(found)


def _panel(
    counted: Sequence[Counted],
    extract: Extract,
    groups: Groups,
    spec: PanelSpec,
    prices: Prices | None,
) -> pl.DataFrame:
    """Every cell of the panel without suppression, sorted."""
    grid = _grid(extract, spec)
    parts = []
    for wanted, cells in counted:
        sums = _by_group(cells, groups, spec)
        parts += [_outcome(grid, sums, outcome, prices) for outcome in wanted]
    return pl.concat(parts).sort("outcome", "group", "unit", "period")


def _grid(extract: Extract, spec: PanelSpec) -> pl.DataFrame:
    """Every group, unit and period of the window, whether or not anybody is in it."""
    axes = {
        "group": pl.Series([group.name for group in spec.groups], dtype=pl.String),
        "unit": pl.Series(extract.units, dtype=pl.String),
        "period": pl.Series(spec.timing.periods, dtype=pl.Date),
    }
    grid, *others = (pl.DataFrame({name: values}) for name, values in axes.items())
    for other in others:
        grid = grid.join(other, how="cross")
    return grid


def _by_group(finest: pl.DataFrame, groups: Groups, spec: PanelSpec) -> pl.DataFrame:
    """Sum finest cells to the groups that the reform names."""
    sums = [name for name in finest.columns if ":" in name]
    return pl.concat(
        [
            finest.filter(_belongs(group, groups))
            .group_by("unit", "period")
            # A sum that is missing for everybody stays missing: it is not zero.
            .agg(pl.when(pl.col(s).count() > 0).then(pl.col(s).sum()) for s in sums)
            .with_columns(pl.lit(group.name).alias("group"))
            for group in spec.groups
        ]
    )


def _belongs(group: Group, groups: Groups) -> pl.Expr:
    belongs = pl.lit(True)
    for variable, value in group.terms:
        codes = list(groups[variable].values[value])
        belongs = belongs & pl.col(groups[variable].column).is_in(codes)
    return belongs


def _outcome(
    grid: pl.DataFrame, sums: pl.DataFrame, outcome: Outcome, prices: Prices | None
) -> pl.DataFrame:
    """All cells of one outcome, with value and persons."""
    return grid.join(sums, on=["group", "unit", "period"], how="left").select(
        "unit",
        "period",
        "group",
        pl.lit(outcome.name).alias("outcome"),
        pl.lit(outcome.population.kind).alias("population"),
        outcomes.value(outcome, prices).alias("value"),
        outcomes.persons(outcome).alias("n_persons"),
    )
