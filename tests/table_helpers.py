"""Small tables and reforms for tests of the table source and the panel."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reformeval import periods
from reformeval.artefacts import PANEL, SAMPLE_FLOW, UNITS
from reformeval.errors import UserError
from reformeval.panel.result import PanelResult
from reformeval.panel.units import assign_roles
from reformeval.sources.table import TableSource
from reformeval.sources.table_reader import read_table
from reformeval.spec import Comparison, Group, Outcome, PanelSpec, Population, Step, Timing


def source(**keys: Any) -> TableSource:
    """A yearly source ``t.csv`` with unit ``u``, year ``t`` and a share ``y``; keys replace."""
    content: dict[str, Any] = {
        "kind": "table",
        "title": "A table",
        "obtain": "the town hall",
        "frequency": "year",
        "file": "t.csv",
        "unit": {"column": "u"},
        "period": {"column": "t"},
        "outcomes": {"y": {"column": "y", "kind": "share"}},
    }
    return TableSource.model_validate(content | keys)


def cells_of(given: TableSource, data: Path) -> pl.DataFrame:
    """The tidy cells of a table."""
    return read_table(given, data).cells


def read_text(folder: Path, text: str | bytes, **keys: Any) -> pl.DataFrame:
    """Write the table's file and read it."""
    given = source(**keys)
    (folder / given.file).write_bytes(text if isinstance(text, bytes) else text.encode())
    return cells_of(given, folder)


def message_of(folder: Path, text: str | bytes, **keys: Any) -> str:
    """What the user is told about this file."""
    with pytest.raises(UserError) as caught:
        read_text(folder, text, **keys)
    told = str(caught.value)
    assert str(folder / "t.") in told, "the file must be named"
    assert all(problem.fix for problem in caught.value.problems), "a fix must be given"
    return told


def spec(
    treated: tuple[str, ...] = ("A",),
    comparison: Comparison | None = None,
    groups: tuple[Group, ...] = (Group(),),
    outcomes: tuple[str, ...] = ("y",),
    window: tuple[int, int] = (2000, 2007),
    dropped: tuple[int, ...] = (),
    adoption: int = 2005,
    anticipation: int = 0,
) -> PanelSpec:
    """A yearly reform."""
    timing = Timing(
        "year",
        date(window[0], 1, 1),
        date(window[1], 1, 1),
        tuple(date(year, 1, 1) for year in dropped),
        (Step("start", date(adoption, 1, 1), "Start"),),
        anticipation,
    )
    counted = Population("as_published")
    return PanelSpec(
        reform="r",
        timing=timing,
        treated=treated,
        comparison=comparison or Comparison(),
        outcomes=tuple(Outcome(name, counted, "points", name) for name in outcomes),
        groups=groups,
        min_persons=10,
    )


def cell(unit: str, year: int, value: float | None, **keys: Any) -> dict[str, Any]:
    """One cell of a panel."""
    return {
        "unit": unit,
        "period": date(year, 1, 1),
        "group": "all",
        "outcome": "y",
        "population": "as_published",
        "value": value,
        "n_persons": None,
        "suppressed": False,
    } | keys


def grid(units: str = "ABCD", window: tuple[int, int] = (2000, 2007), **keys: Any) -> list[Any]:
    """Cells of every unit and year, all different."""
    years = range(window[0], window[1] + 1)
    return [
        cell(unit, year, 10.0 + i + (year * (i + 2)) % 7, **keys)
        for i, unit in enumerate(units)
        for year in years
    ]


def panel(cells: list[dict[str, Any]], asked: PanelSpec) -> PanelResult:
    """The result that building a panel from these cells would give."""
    frame = pl.DataFrame(cells, schema=dict(PANEL))
    units = assign_roles(frame["unit"].unique().to_list(), asked)
    assert units.schema == pl.Schema(UNITS)
    members = units.filter(pl.col("role") != "left_out")["unit"].implode()
    available = (frame["period"].min(), frame["period"].max())
    first, last = asked.timing.first, asked.timing.last
    inside = frame.filter(pl.col("unit").is_in(members), pl.col("period").is_between(first, last))
    return PanelResult(inside, units, pl.DataFrame(schema=dict(SAMPLE_FLOW)), available)


def years(frame: pl.DataFrame) -> list[str]:
    """Periods of a frame as years."""
    return [periods.label(p, "year") for p in frame["period"]]


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    """Write an Excel workbook; a list is a row, None an empty cell."""
    from openpyxl import Workbook

    book = Workbook()
    del book["Sheet"]
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def excel_message(folder: Path, sheets: dict[str, list[list[Any]]], **keys: Any) -> str:
    """What the user is told about a workbook."""
    given = source(file="t.xlsx", **keys)
    workbook(folder / "t.xlsx", **sheets)
    with pytest.raises(UserError) as caught:
        read_table(given, folder)
    assert all(problem.fix and "t.xlsx" in problem.where for problem in caught.value.problems)
    return str(caught.value)
