"""From the tree of an expression to a polars column; every part works row by row."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from reformeval.register.expression_tree import Apply, Column, Literal, Node

_TYPES: dict[str | None, type[pl.DataType]] = {
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "text": pl.String,
}


def column(node: Node) -> pl.Expr:
    """Return the column that an expression says; numbers are 64-bit floating point.

    Parameters
    ----------
    node
        Tree from `register.expressions.parse`.
    """
    if isinstance(node, Literal):
        return pl.lit(node.value)
    if isinstance(node, Column):
        return pl.col(node.name).cast(_TYPES[node.kind])
    if node.name == "IN":
        values = [part.value for part in node.parts[1:] if isinstance(part, Literal)]
        return column(node.parts[0]).is_in(values)
    if node.name == "CASE":
        return _case(node)
    return _APPLIED[node.name](*(column(part) for part in node.parts))


def _case(node: Apply) -> pl.Expr:
    kind = _TYPES[node.kind]
    *pairs, otherwise = (column(part) for part in node.parts)
    found = otherwise.cast(kind)
    # From the last WHEN to the first: an earlier one wins.
    for condition, value in reversed(list(zip(pairs[::2], pairs[1::2], strict=True))):
        found = pl.when(condition).then(value.cast(kind)).otherwise(found)
    return found


def _divided(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    return pl.when(below != 0).then(above / below)


def _rounded(value: pl.Expr, digits: pl.Expr | None = None) -> pl.Expr:
    places = 0 if digits is None else int(pl.select(digits).item())
    return value.round(places, mode="half_away_from_zero")


def _strict(extreme: Callable[..., pl.Expr]) -> Callable[..., pl.Expr]:
    """Make NULL of the smallest or largest of values of which one is NULL."""

    def found(*values: pl.Expr) -> pl.Expr:
        return pl.when(pl.all_horizontal(v.is_not_null() for v in values)).then(extreme(*values))

    return found


_APPLIED: dict[str, Callable[..., pl.Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "AND": lambda a, b: a & b,
    "OR": lambda a, b: a | b,
    "NOT": lambda a: ~a,
    "IS NULL": lambda a: a.is_null(),
    "ABS": lambda a: a.abs(),
    "CEIL": lambda a: a.ceil(),
    "FLOOR": lambda a: a.floor(),
    "ROUND": _rounded,
    "SIGN": lambda a: a.sign(),
    # The root of a negative number is missing, not NaN.
    "SQRT": lambda a: pl.when(a >= 0).then(a.sqrt()),
    "LEAST": _strict(pl.min_horizontal),
    "GREATEST": _strict(pl.max_horizontal),
    "COALESCE": lambda *values: pl.coalesce(*values),
    "NULLIF": lambda a, b: pl.when((a == b).fill_null(False)).then(None).otherwise(a),
}
