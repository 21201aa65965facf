"""Unit, period and group of every row of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from reformeval.errors import Problem, did_you_mean
from reformeval.sources import _cells
from reformeval.sources._raw_table import ROW, RawTable
from reformeval.sources._wide import HEADED
from reformeval.sources.table import TableSource

UNIT, PERIOD, GROUP = "\x00unit", "\x00period", "\x00group"
_JOIN = "\x00"


def _rows_with(frame: pl.DataFrame, column: str, value: str) -> list[int]:
    return frame.filter(pl.col(column) == value)[ROW].to_list()


def _empty(raw: RawTable, frame: pl.DataFrame, column: str, key: str) -> list[Problem]:
    """Report rows without a label: they cannot be placed anywhere."""
    rows = frame.filter(pl.col(column).str.strip_chars() == "")[ROW].to_list()
    if not rows:
        return []
    return [
        raw.problem(
            f"column '{column}' is empty in {len(rows)} row{'s' if len(rows) != 1 else ''} "
            f"({', '.join(raw.at(rows))}; "
            f"config key: {key})",
            "leave these rows out with filter, or correct them in the file",
        )
    ]


def units(raw: RawTable, frame: pl.DataFrame) -> tuple[pl.Series, list[Problem]]:
    """Give the unit of every row after merging; near-equal labels are a problem."""
    unit = raw.source.unit
    problems = _empty(raw, frame, unit.column, "unit.column")
    counts: dict[str, int] = dict(frame[unit.column].value_counts().iter_rows())
    problems += [
        raw.problem(
            f"no unit is called '{label}' (config key: unit.merge)", did_you_mean(label, counts)
        )
        for label in unit.merge
        if label not in counts
    ]
    alike: dict[str, list[str]] = {}
    merged: set[str] = {unit.merge.get(label, label) for label in counts}
    for label in sorted(merged):
        alike.setdefault(_cells.folded(label), []).append(label)
    for labels in alike.values():
        # The tidy spelling, or else the more frequent one, is offered as the right one.
        first, *others = sorted(
            labels, key=lambda u: (u != " ".join(u.split()), -counts.get(u, 0), u)
        )
        for other in others:
            rows = " and ".join(_counted(u, counts.get(u, 0)) for u in (first, other))
            problems.append(
                raw.problem(
                    f"{rows} are two units whose labels differ only by white space or case "
                    "(config key: unit.merge)",
                    f'if they are one, write merge: {{"{other}": "{first}"}} under unit in the '
                    "source file",
                )
            )
    named = _mapped(frame[unit.column], unit.merge, pl.String).alias(UNIT)
    if unit.pattern is None or problems:
        return named, problems
    return _codes(raw, frame, named, unit.pattern)


def _codes(
    raw: RawTable, frame: pl.DataFrame, labels: pl.Series, form: str
) -> tuple[pl.Series, list[Problem]]:
    """Take the code out of labels such as ``0301 Oslo``."""
    found = labels.str.extract_groups(unit_pattern(form)).struct.field("code")
    wrong = found.is_null()
    if not wrong.any():
        return found.alias(UNIT), []
    shown = ", ".join(
        f"'{label}' ({raw.at(_rows_with(frame.with_columns(labels), UNIT, label))[0]})"
        for label in labels.filter(wrong).unique().sort().head(3)
    )
    return labels, [
        raw.problem(
            f"{labels.filter(wrong).n_unique()} units are not written as {form}: {shown} "
            "(config key: unit.pattern)",
            "leave these rows out with exclude, or correct the pattern",
        )
    ]


def unit_pattern(form: str) -> str:
    """Regular expression of labels that are written like ``form``."""
    parts = {"{code}": r"(?P<code>\S+)", "{label}": r"(?P<label>.+)"}
    pieces = re.split(r"(\{\w+\})", form)
    return "^" + "".join(parts.get(piece, re.escape(piece)) for piece in pieces) + "$"


def unit_names(raw: RawTable, frame: pl.DataFrame) -> dict[str, str]:
    """Names of units by code where both stand in one cell; the first one of each code."""
    unit = raw.source.unit
    if unit.pattern is None or "{label}" not in unit.pattern:
        return {}
    texts = pl.Series(sorted(set(frame[unit.column]) - set(unit.merge)), dtype=pl.String)
    parts = texts.str.extract_groups(unit_pattern(unit.pattern)).struct.unnest()
    return dict(parts.unique("code", keep="first").select("code", "label").sort("code").iter_rows())


def _counted(unit: str, rows: int) -> str:
    return f"'{unit}' ({rows:,} row{'s' if rows != 1 else ''})"


def _mapped(cells: pl.Series, by: Mapping[str, Any], kind: Any) -> pl.Series:
    """Replace labels; what is not named stays (strings) or becomes null (other types)."""
    if not by:
        return cells if kind == pl.String else pl.Series(cells.name, [None] * len(cells), kind)
    default = cells if kind == pl.String else None
    return cells.replace_strict(
        list(by), pl.Series(list(by.values()), dtype=kind), default=default, return_dtype=kind
    )


def periods(raw: RawTable, frame: pl.DataFrame) -> tuple[pl.Series, list[Problem]]:
    """Give the period of every row."""
    texts, key, column, parse = _period_texts(raw.source, frame)
    read: dict[str, date] = {}
    wrong: dict[str, str] = {}
    for text in texts.unique().to_list():
        try:
            read[text] = parse(text)
        except (ValueError, OverflowError) as error:
            wrong[text] = str(error)
    problems = []
    if wrong:
        is_wrong = texts.is_in(list(wrong))
        first = texts.filter(is_wrong)[0]
        problems.append(
            raw.problem(
                f"column {column} holds {len(wrong)} text{'s' if len(wrong) != 1 else ''} that "
                f"{'are' if len(wrong) != 1 else 'is'} no {raw.source.frequency} "
                f"({', '.join(raw.at(frame.filter(is_wrong)[ROW]))}; config key: {key}): "
                f"{wrong[first]}",
                "give period.format in strptime notation, correct frequency, or leave these "
                "rows out with filter",
            )
        )
    return _mapped(texts, read, pl.Date).alias(PERIOD), problems


def _period_texts(
    source: TableSource, frame: pl.DataFrame
) -> tuple[pl.Series, str, str, Callable[[str], date]]:
    """Texts to read periods from, their config key, their column's name, and how to read one."""
    spec, frequency = source.period, source.frequency
    if spec.headings is not None:
        plain = partial(_cells.period, frequency=frequency)
        return frame[HEADED], "period.headings", "headings", plain
    if spec.column is not None:
        whole = partial(_cells.period, frequency=frequency, form=spec.format)
        return frame[spec.column], "period.column", f"'{spec.column}'", whole
    year, part = str(spec.year), spec.month or spec.quarter
    if part is None:
        of_year = partial(_cells.period_from_parts, part="", frequency=frequency)
        return frame[year], "period.year", f"'{year}'", of_year

    def both(text: str) -> date:
        first, _, second = text.partition(_JOIN)
        return _cells.period_from_parts(first, second, frequency)

    joined = frame[year] + _JOIN + frame[part]
    return joined, f"period.year and period.{frequency}", f"'{year}' with '{part}'", both


def groups(raw: RawTable, frame: pl.DataFrame) -> tuple[pl.Series, list[Problem]]:
    """Name the group of every row: its terms in the source's order, or "all"."""
    problems: list[Problem] = []
    terms: list[pl.Series] = []
    for name, group in raw.source.groups.items():
        codes = {str(code): f"{name}={value}" for value, code in group.values.items()}
        if group.all is not None:
            codes[str(group.all)] = ""
        found = frame[group.column].unique().to_list()
        for code in sorted(set(found) - set(codes)):
            problems.append(
                raw.problem(
                    f"'{code}' in column '{group.column}' "
                    f"({raw.at(_rows_with(frame, group.column, code))[0]}) stands for no value of "
                    f"the group variable {name} (config key: groups.{name}.values)",
                    f"declare it there or as the total (groups.{name}.all), or leave its rows "
                    f"out with filter; {did_you_mean(code, set(codes) - set(found))}".rstrip("; "),
                )
            )
        terms.append(_mapped(frame[group.column], codes, pl.String))
    named = pl.select(
        pl.concat_list([pl.when(t != "").then(t) for t in terms]).list.drop_nulls().list.join(" & ")
        if terms
        else pl.repeat("", frame.height)
    ).to_series()
    return named.replace("", "all").alias(GROUP), problems
