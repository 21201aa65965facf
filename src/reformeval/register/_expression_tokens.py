"""Words and signs of an expression: those that the language has, and those refused by name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reformeval.register.expression_tree import FUNCTIONS

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"[^"]+")'
    r"|(?P<sign>--|/\*|->|::|\|\||<=|>=|<>|!=|==|[-+*/=<>(),.;%:?&|^~$@#\[\]{}!\\'\"`])"
    r"|(?P<other>\S))"
)
KEYWORDS = frozenset(
    {
        *("AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL", "TRUE", "FALSE"),
        *("CASE", "WHEN", "THEN", "ELSE", "END"),
    }
)
AGGREGATES = frozenset(
    {
        *("SUM", "AVG", "MEAN", "COUNT", "MIN", "MAX", "MEDIAN", "FIRST", "LAST"),
        *("STDDEV", "STDEV", "VAR", "VARIANCE", "CORR", "COVAR"),
        *("QUANTILE", "QUANTILE_CONT", "QUANTILE_DISC"),
    }
)
CLAUSES = {
    "SELECT": "a subquery (SELECT)",
    "EXISTS": "a subquery (EXISTS)",
    "OVER": "a window function (OVER)",
    "FILTER": "FILTER",
    "DISTINCT": "DISTINCT",
    "CAST": "a conversion (CAST)",
    "TRY_CAST": "a conversion (TRY_CAST)",
    "LIKE": "LIKE",
    "ILIKE": "ILIKE",
    "RLIKE": "RLIKE",
    "REGEXP": "REGEXP",
    "LAMBDA": "a lambda",
    "AS": "a name (AS)",
    "FROM": "FROM",
    "WHERE": "WHERE",
    "INTERVAL": "INTERVAL",
    "EXTRACT": "EXTRACT",
    "DATE": "DATE",
}
SIGNS = {
    "->": "a lambda (->)",
    "::": "a conversion (::)",
    "||": "joining text (||)",
    "%": "a remainder (%)",
    ";": "a second statement (;)",
    "--": "a comment (--)",
    "/*": "a comment (/*)",
    ".": "a name of two parts (.)",
    "!": "! (write NOT)",
    "^": "a power (^)",
}
CHOICE = (
    "columns, + - * /, comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL, CASE, and "
    + ", ".join(FUNCTIONS)
)


@dataclass(frozen=True)
class Token:
    """A word, number, text or sign; ``form`` says which."""

    form: str
    text: str

    @property
    def word(self) -> str:
        """The word in capitals; empty where it is none."""
        return self.text.upper() if self.form == "word" else ""


END = Token("end", "")


def tokens_of(text: str) -> list[Token]:
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            break
        form = match.lastgroup or "other"
        found.append(Token(form, match[form]))
        at = match.end()
    return found
