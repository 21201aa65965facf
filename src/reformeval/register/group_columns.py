"""Columns of groups that a mapping computes from raw codes, row by row."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from reformeval.register.expression_polars import column
from reformeval.register.groups import RegisterGroup


def computed(groups: Iterable[RegisterGroup]) -> list[pl.Expr]:
    """Give the columns that are not in the register; missing where the codes are unknown."""
    return [
        column(group.tree).alias(group.column) for group in groups if group.computed is not None
    ]
