"""Small raw forms, written row by row, and linking them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from reformeval.register import forms
from reformeval.register.bucket_forms import FORMS
from reformeval.register.link import link
from reformeval.register.link_rules import LinkRules
from reformeval.register.records import Record

FIRST, LAST = date(2020, 1, 1), date(2021, 12, 1)
COVERED = (FIRST, LAST)
Row = Mapping[str, Any]


def month(text: str) -> date:
    """``2020-03`` as its first day."""
    return date(int(text[:4]), int(text[5:]), 1)


def form(name: str, rows: list[Row], ids: bool = False) -> pl.DataFrame:
    """Rows of a form; columns not given are missing, texts that look like months are dates."""
    schema = dict(FORMS[name]) if ids else {**FORMS[name], "person": pl.Int64}
    dates = {column for column, kind in schema.items() if kind == pl.Date}
    filled = [
        {
            column: month(row[column])
            if column in dates and isinstance(row.get(column), str)
            else row.get(column)
            for column in schema
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def snapshot(person: Any, year: int, unit: str = "A", **others: Any) -> Row:
    return {"person": person, "year": year, "unit": unit, "age": 30, "sex": "female",
            "family": "single", "country": "norwegian"} | others  # fmt: skip


def case(person: Any, period: str, grant: float | None = 5000.0, **others: Any) -> Row:
    return {"person": person, "period": period, "journal": "j", "unit": "A", "recipient": True,
            "grant": grant} | others  # fmt: skip


def job(person: Any, period: str, earnings: float | None = 30000.0, **others: Any) -> Row:
    return {"person": person, "period": period, "employer": "e", "earnings": earnings,
            "hours": 37.5, "on_16th": True, "occupation": "1111"} | others  # fmt: skip


def linked(
    rules: LinkRules | None = None, **rows: list[Row]
) -> tuple[pl.DataFrame, dict[tuple[str, str], Record]]:
    """Link forms given as rows; records by source and rule."""
    rules = rules or LinkRules(FIRST, LAST, "january", "on_16th", COVERED, COVERED)
    names = ["person_months"] if "person_months" in rows else ["population", "exits"]
    frames = {name: form(name, rows.get(name, [])) for name in {*names, *rows}}
    register, records = link(frames, rules)
    return register, {(record.source, record.rule): record for record in records}


def cells(register: pl.DataFrame, column: str, person: int = 1) -> dict[str, Any]:
    """One column of a person by month."""
    mine = register.filter(pl.col("person") == person)
    return {f"{day:%Y-%m}": value for day, value in mine.select("period", column).iter_rows()}


__all__ = ["case", "cells", "form", "forms", "job", "linked", "month", "snapshot"]
