"""Tiny registers, written month by month, and panel specs over them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.register import bucket_names, buckets
from reformeval.register.groups import RegisterGroup
from reformeval.register.schema import REGISTER
from reformeval.spec import Comparison, Group, Outcome, PanelSpec, Population, Step, Timing

FIRST = date(2020, 1, 1)
RESIDENTS, CURRENT = Population("residents"), Population("current_recipients")
GROUPS = {
    "family": RegisterGroup(
        "family",
        {
            "with_children": ("couple_with_children", "single_parent"),
            "without_children": ("single", "couple"),
        },
    ),
    "origin": RegisterGroup(
        "origin", {"non_western": ("non_western",), "other": ("norwegian", "western")}
    ),
}


def month(index: int) -> date:
    """The month ``index`` months after the register's first."""
    return periods.shift(FIRST, index, "month")


def prior(months: int) -> Population:
    return Population("prior_recipients", months)


def person(number: int, assistance: str, **traits: Any) -> pl.DataFrame:
    """One person's rows: ``"1.0"`` has assistance, is away a month, and has none.

    A trait is one value, or a list with one value per month; ``work`` is text like
    ``assistance``.
    """
    work = traits.pop("work", "0" * len(assistance))
    rows = []
    for index, letter in enumerate(assistance):
        if letter == ".":
            continue
        row = {"sex": "female", "family": "single", "origin": "norwegian", "age": 40, "unit": "A"}
        row |= {k: v[index] if isinstance(v, list) else v for k, v in traits.items()}
        employed, recipient = work[index] == "1", letter == "1"
        row |= {"person": number, "period": month(index), "recipient": recipient}
        row |= {"benefit": 8_000.0 * recipient, "employed": employed}
        row |= {"earnings": 30_000.0 * employed, "hours": 37.5 * employed}
        rows.append(row)
    return pl.DataFrame(rows, schema=dict(REGISTER))


def people(*frames: pl.DataFrame) -> pl.LazyFrame:
    return pl.concat(frames).lazy()


def in_buckets(rows: pl.DataFrame, folder: Path, count: int) -> list[Path]:
    """Write person-months as a register of so many buckets."""
    paths = [folder / f"{name}.parquet" for name in bucket_names.names(count)]
    table = rows.sort("person", "period").to_arrow()
    with buckets.writing(paths, table.schema) as writer:
        writer.write(table)
    return paths


def timing(last: int, adoption: int, anticipation: int = 0, first: int = 0) -> Timing:
    steps = (Step("start", month(adoption), "Start"),)
    return Timing("month", month(first), month(last), (), steps, anticipation)


def spec(
    outcomes: dict[str, Population],
    when: Timing,
    groups: tuple[Group, ...] = (Group(),),
    **others: Any,
) -> PanelSpec:
    """Spec with unit A treated and no suppression unless ``others`` say so."""
    max_months, months = others.pop("max_months", None), others.pop("months", None)
    chosen = tuple(
        Outcome(name, population, "x", name, max_months=max_months, months=months)
        for name, population in outcomes.items()
    )
    given: dict[str, Any] = {"treated": ("A",), "comparison": Comparison(), "min_persons": 1}
    return PanelSpec("tiny", when, outcomes=chosen, groups=groups, **(given | others))


def series(
    panel: pl.DataFrame,
    outcome: str,
    unit: str = "A",
    group: str = "all",
    column: str = "value",
) -> list[Any]:
    """One column of one unit over the window."""
    chosen = panel.filter(
        pl.col("outcome") == outcome, pl.col("unit") == unit, pl.col("group") == group
    )
    return chosen.sort("period")[column].to_list()
