"""What counting persons found that a reader of results should know: cut values, unknown codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from reformeval.panel import outcomes
from reformeval.register.groups import RegisterGroup
from reformeval.register.records import Record
from reformeval.spec import GroupCases, Outcome


def findings(
    cells: pl.DataFrame,
    wanted: Sequence[Outcome],
    groups: Mapping[str, RegisterGroup],
    mappings: Sequence[GroupCases],
) -> Iterator[Record]:
    """Give what the finest cells of one population say.

    Parameters
    ----------
    cells
        Sums by finest cell.
    wanted
        Outcomes that were summed.
    groups
        Group variables that split the cells, by name.
    mappings
        Those of the reform.
    """
    for outcome in wanted:
        measure = outcomes.measure(outcome)
        if f"cut:{measure.column}" in cells.columns:
            cut, of = (int(cells[f"{part}:{measure.column}"].sum()) for part in ("cut", "n"))
            bounds = " and ".join(
                f"{bound:,g}" for bound in (measure.lower, measure.upper) if bound is not None
            )
            yield Record(
                "count", "winsorised", f"outcome {outcome.name}", cut, of, "values",
                f"Cut off at {bounds}.",
            )  # fmt: skip
    persons = cells.select(pl.max_horizontal(pl.col("^n:.*$")).fill_null(0)).to_series()
    of_mapping = {mapping.variable: mapping for mapping in mappings}
    for variable, group in groups.items():
        unknown = cells[variable].is_null()
        by = of_mapping[variable].name if variable in of_mapping else "the source file"
        yield Record(
            "repair", "unknown_codes", f"group {variable}",
            int(persons.filter(unknown).sum()), int(persons.sum()), "person-months",
            f"Codes of {', '.join(group.needs)} that {by} puts into no value; these persons count "
            "in no group of it, but in all.",
        )  # fmt: skip


def used(mappings: Sequence[GroupCases]) -> Iterator[Record]:
    """Name the mappings that groups are made by."""
    for one in mappings:
        yield Record("rule", "mapping", f"group {one.variable}", 0, None, "", one.note)
