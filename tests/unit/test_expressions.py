"""The language of outcomes: what it refuses, by name, and what columns it names."""

from __future__ import annotations

import re

import pytest

from reformeval.errors import UserError
from reformeval.register.columns import COLUMNS
from reformeval.register.expressions import parse
from reformeval.register.schema import REGISTER


def test_kinds_are_those_of_the_register() -> None:
    assert set(COLUMNS) == set(REGISTER) - {"person", "period"}
    for name, kind in COLUMNS.items():
        dtype = REGISTER[name]()
        said = "number" if dtype.is_numeric() else str(dtype)
        assert {"String": "text", "Boolean": "boolean"}.get(said, said) == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SUM(earnings)", "the aggregate SUM is not allowed"),
        ("COUNT(*)", "the aggregate COUNT is not allowed"),
        ("MIN(earnings, hours)", "LEAST(a, b)"),
        ("ABS(age) OVER (PARTITION BY unit)", "a window function (OVER)"),
        ("age IN (SELECT age)", "a subquery (SELECT)"),
        ("(SELECT 1)", "a subquery (SELECT)"),
        ("*", "the wildcard *"),
        ("CAST(age AS text)", "a conversion (CAST)"),
        ("age::text", "a conversion (::)"),
        ("x -> x + 1", "a lambda (->)"),
        ("family LIKE 'single%'", "LIKE is not allowed"),
        ("age AS years", "a name (AS)"),
        ("age; age", "a second statement (;)"),
        ("age -- years", "a comment (--)"),
        ("age % 2", "a remainder (%)"),
        ("register.age", "a name of two parts (.)"),
        ("LN(earnings)", "the function LN is not allowed"),
        ("ROUNDD(earnings)", "did you mean 'ROUND'?"),
        ("earnigns + hrs", "did you mean 'earnings'?"),
        ("person", "person and period cannot be named"),
        ("period", "person and period cannot be named"),
        ("employed * 100", "* takes a number, not a boolean"),
        ("age AND employed", "AND takes a boolean, not a number"),
        ("family = 1", "= has a text and a number side by side"),
        ("benefit = NULL", "write x IS NULL"),
        ("1 < age < 3", "two comparisons stand in a row"),
        ("family", "gives text, not a number or true and false"),
        ("CASE WHEN age > 1 THEN NULL END", "gives only NULL"),
        ("1 + 1", "names no column"),
        ("", "the expression is empty"),
        ("age +", "ends too early"),
        ("age age", "does not go on like this: age"),
        ("family = 'single", "a text that is not closed"),
        ("ROUND(age, 1.5)", "ROUND takes a whole number of digits"),
        ("ABS(age, 1)", "ABS takes 1 arguments, not 2"),
        ("1e999 + age", "the number 1e999 is too large"),
        ("age IN (hours)", "the list of IN holds numbers or texts"),
        ("age NOT 3", "NOT stands before IN or BETWEEN"),
        ("CASE age END", "CASE needs WHEN and THEN"),
    ],
)
def test_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        parse(text, COLUMNS)


def test_every_unknown_name_at_once() -> None:
    with pytest.raises(UserError) as error:
        parse("agee + houres * LOG(hours)", COLUMNS)
    assert len(error.value.problems) == 3


def test_columns_and_kind() -> None:
    read = parse("CASE WHEN  employed THEN earnings/hours ELSE 0 END", COLUMNS)
    assert read.columns == ("employed", "earnings", "hours")
    assert read.kind == "number"
    assert read.text == "CASE WHEN employed THEN earnings / hours ELSE 0 END"
    assert parse('"hours" >= 30', COLUMNS).tree == parse("hours>=30", COLUMNS).tree
    assert parse("hours >= 30", COLUMNS).kind == "boolean"
