"""Random expressions against a Python evaluator and against SQLite; refusals are never tracebacks.

SQLite (the ``sqlite3`` of the standard library) is the outside reference: the same text is run by
both. LEAST and GREATEST, which it lacks, are given to it with NULL in, NULL out.
"""

from __future__ import annotations

import math
import operator
import sqlite3
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.errors import UserError
from reformeval.register.columns import COLUMNS
from reformeval.register.expression_polars import column
from reformeval.register.expressions import parse

Row = dict[str, Any]
Part = tuple[str, Callable[[Row], Any]]
FRAME = pl.DataFrame(
    {
        "age": [18, 40, None, 66],
        "earnings": [0.0, 30_000.5, 12_000.0, None],
        "hours": [0.0, 37.5, None, -4.0],
        "employed": [False, True, None, True],
        "recipient": [True, None, False, False],
        "family": ["single", None, "couple", "it's"],
    }
)
_COMPARED = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if any(v is None for v in values) else function(*values)


def _divide(a: float, b: float) -> float | None:
    return None if b == 0 else a / b


def _round(a: float) -> float:
    return math.copysign(math.floor(abs(a) + 0.5), a)


_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide}


def _column(name: str) -> Part:
    return name, lambda row: row[name]


def _constant(value: Any, text: str) -> Part:
    return text, lambda _: value


def _two(text: str, function: Callable[..., Any]) -> Callable[[Part, Part], Part]:
    strict = _strict(function)
    return lambda a, b: (text.format(a[0], b[0]), lambda row: strict(a[1](row), b[1](row)))


def _and(a: Any, b: Any) -> Any:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _or(a: Any, b: Any) -> Any:
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def _logic(sign: str, function: Callable[..., Any]) -> Callable[[Part, Part], Part]:
    return lambda a, b: (
        f"({a[0]} {sign} {b[0]})",
        lambda row: function(a[1](row), b[1](row)),
    )


def _case(condition: Part, value: Part, other: Part | None) -> Part:
    otherwise = "" if other is None else f" ELSE {other[0]}"
    return (
        f"CASE WHEN {condition[0]} THEN {value[0]}{otherwise} END",
        lambda row: (
            value[1](row)
            if condition[1](row) is True
            else (None if other is None else other[1](row))
        ),
    )


def _listed(name: str, wanted: list[str], no: bool) -> Part:
    quoted = ", ".join("'" + word.replace("'", "''") + "'" for word in wanted)

    def found(row: Row) -> Any:
        return None if row[name] is None else (row[name] in wanted) != no

    return f"{name} {'NOT ' if no else ''}IN ({quoted})", found


def _between(a: Part, low: Part, high: Part) -> Part:
    def found(row: Row) -> Any:
        value, least, most = a[1](row), low[1](row), high[1](row)
        return _and(
            _strict(operator.ge)(value, least),
            _strict(operator.le)(value, most),
        )

    return f"({a[0]} BETWEEN {low[0]} AND {high[0]})", found


def _null(a: Part, no: bool) -> Part:
    return f"({a[0]} IS {'NOT ' if no else ''}NULL)", lambda row: (a[1](row) is None) != no


def _truth(a: Part, truth: bool, no: bool) -> Part:
    text = f"({a[0]} IS {'NOT ' if no else ''}{'TRUE' if truth else 'FALSE'})"
    return text, lambda row: (a[1](row) is truth) != no


def _coalesce(a: Part, b: Part) -> Part:
    return (
        f"COALESCE({a[0]}, {b[0]})",
        lambda row: b[1](row) if a[1](row) is None else a[1](row),
    )


def _nullif(a: Part, b: Part) -> Part:
    def found(row: Row) -> Any:
        value, other = a[1](row), b[1](row)
        return None if value is not None and value == other else value

    return f"NULLIF({a[0]}, {b[0]})", found


def _one(name: str, function: Callable[..., Any]) -> Callable[[Part], Part]:
    strict = _strict(function)
    return lambda a: (f"{name}({a[0]})", lambda row: strict(a[1](row)))


_numbers = st.one_of(
    st.sampled_from(["age", "earnings", "hours"]).map(_column),
    st.integers(0, 50).map(lambda n: _constant(n / 4, f"{n / 4}")),
)
_truths = st.sampled_from(["employed", "recipient"]).map(_column)
_bools = st.booleans()


def _number(inner: st.SearchStrategy[tuple[Part, Part]]) -> st.SearchStrategy[Part]:
    number, truth = inner.map(lambda pair: pair[0]), inner.map(lambda pair: pair[1])
    arithmetic = st.one_of(
        *(st.builds(_two(f"({{}} {sign} {{}})", f), number, number)
          for sign, f in _ARITHMETIC.items())
    )  # fmt: skip
    return st.one_of(
        arithmetic,
        st.builds(_case, truth, number, st.none() | number),
        st.builds(_two("LEAST({}, {})", min), number, number),
        st.builds(_two("GREATEST({}, {})", max), number, number),
        st.builds(_coalesce, number, number),
        st.builds(_nullif, number, number),
        st.builds(_one("ABS", abs), number),
        st.builds(_one("- ", operator.neg), number),
        st.builds(_one("ROUND", _round), _numbers),
    )


def _truth_of(inner: st.SearchStrategy[tuple[Part, Part]]) -> st.SearchStrategy[Part]:
    number, truth = inner.map(lambda pair: pair[0]), inner.map(lambda pair: pair[1])
    compared = st.one_of(
        *(st.builds(_two(f"({{}} {sign} {{}})", f), number, number)
          for sign, f in _COMPARED.items())
    )  # fmt: skip
    words = st.lists(st.sampled_from(["single", "couple", "it's", "x"]), min_size=1)
    return st.one_of(
        compared,
        st.builds(_logic("AND", _and), truth, truth),
        st.builds(_logic("OR", _or), truth, truth),
        st.builds(_one("NOT ", operator.not_), truth),
        st.builds(_listed, st.just("family"), words, _bools),
        st.builds(_between, number, number, number),
        st.builds(_null, number, _bools),
        st.builds(_truth, truth, _bools, _bools),
    )


_pairs = st.recursive(
    st.tuples(_numbers, _truths),
    lambda inner: st.tuples(_number(inner), _truth_of(inner)),
    max_leaves=8,
)
EXPRESSIONS = st.one_of(_pairs.map(lambda p: p[0]), _pairs.map(lambda p: p[1]))


def _database() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.create_function("LEAST", -1, _strict(min), deterministic=True)
    database.create_function("GREATEST", -1, _strict(max), deterministic=True)
    database.execute(
        "CREATE TABLE register (age REAL, earnings REAL, hours REAL, employed, recipient, family)"
    )
    database.executemany("INSERT INTO register VALUES (?, ?, ?, ?, ?, ?)", FRAME.rows())
    return database


DATABASE = _database()


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS)
def test_random_expressions(part: Part) -> None:
    text, evaluate = part
    if not any(name in text for name in FRAME.columns):
        with pytest.raises(UserError, match="names no column"):
            parse(text, COLUMNS)
        return
    read = parse(text, COLUMNS)
    found = FRAME.lazy().with_columns(column(read.tree).cast(pl.Float64).alias("x")).collect()["x"]
    expected = [evaluate(row) for row in FRAME.iter_rows(named=True)]
    outside = [row[0] for row in DATABASE.execute(f"SELECT {text} FROM register ORDER BY rowid")]
    assert parse(read.text, COLUMNS) == read
    for ours, python, sqlite in zip(found, expected, outside, strict=True):
        assert (ours is None) == (python is None) == (sqlite is None)
        if ours is not None:
            # Only the order of operations on floats could differ, and it does not.
            assert ours == pytest.approx(float(python), rel=1e-12, abs=1e-12)
            assert ours == pytest.approx(float(sqlite), rel=1e-12, abs=1e-12)


WORDS = st.sampled_from(
    [
        *("age", "hours", "employed", "family", "person", "æ", "1", "2.5", "1e999", "'x'", "'"),
        *("SELECT", "SUM", "OVER", "LIKE", "CAST", "AS", "LN", "COALESCE", "ROUND", "NULL", "TRUE"),
        *("CASE", "WHEN", "THEN", "ELSE", "END", "AND", "OR", "NOT", "IN", "BETWEEN", "IS"),
        *("(", ")", ",", "*", "/", "+", "-", "=", "<>", "<=", "->", "::", ";", "--", ".", "%"),
        *('"', "?", "\x00", "\n"),
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map(" ".join)))
def test_any_text_is_read_or_refused_with_words(text: str) -> None:
    try:
        read = parse(text, COLUMNS)
    except UserError as error:
        said = [problem.message for problem in error.problems]
    else:
        said = []
        FRAME.lazy().with_columns(
            benefit=pl.lit(1.0), unit=pl.lit("A"), sex=pl.lit("f"), origin=pl.lit("n")
        ).select(column(read.tree)).collect()
    assert all(said)


def test_depth_and_length_are_limited() -> None:
    for text in ("(" * 5_000 + "age", "age" + " + 1" * 50_000, "NOT " * 5_000 + "employed"):
        with pytest.raises(UserError):
            parse(text, COLUMNS)
    deep = "(" * 30 + "age" + ")" * 30 + " + 1" * 150
    FRAME.lazy().select(column(parse(deep, COLUMNS).tree)).collect()
