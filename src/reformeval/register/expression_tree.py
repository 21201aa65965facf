"""The tree of an expression over register columns, and which kinds of value its parts take.

A tree is built by `register.expressions.parse` and turned into a column by
`register.expression_polars`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reformeval.register.columns import Kind

ARITHMETIC = ("+", "-", "*", "/")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
# Functions of numbers: name -> fewest and most arguments.
NUMERIC_FUNCTIONS: dict[str, tuple[int, int]] = {
    "ABS": (1, 1),
    "CEIL": (1, 1),
    "FLOOR": (1, 1),
    "GREATEST": (2, 20),
    "LEAST": (2, 20),
    "ROUND": (1, 2),
    "SIGN": (1, 1),
    "SQRT": (1, 1),
}
# Functions of values of one kind, whichever it is.
ANY_FUNCTIONS: dict[str, tuple[int, int]] = {"COALESCE": (2, 20), "NULLIF": (2, 2)}
FUNCTIONS = {**NUMERIC_FUNCTIONS, **ANY_FUNCTIONS}


@dataclass(frozen=True)
class Literal:
    """A number, text or truth value; None is NULL, and takes the kind of what stands beside it."""

    value: float | str | bool | None

    @property
    def kind(self) -> Kind | None:
        """Kind of the value; None for NULL."""
        if self.value is None:
            return None
        if isinstance(self.value, bool):
            return "boolean"
        return "text" if isinstance(self.value, str) else "number"


@dataclass(frozen=True)
class Column:
    """A column of the register."""

    name: str
    kind: Kind | None


@dataclass(frozen=True)
class Apply:
    """An operator, a function or CASE with what it is applied to.

    Attributes
    ----------
    name
        ``+ - * /``, a comparison, ``AND``, ``OR``, ``NOT``, ``IN`` (the value, then the list),
        ``IS NULL``, ``CASE`` (condition, value, …, otherwise) or a function.
    parts
        Arguments in the order written.
    kind
        Kind of the result.
    """

    name: str
    parts: tuple[Node, ...]
    kind: Kind | None


Node = Literal | Column | Apply


def columns(node: Node) -> tuple[str, ...]:
    """Columns that a tree reads, each once, in the order in which they stand."""
    return tuple(dict.fromkeys(one.name for one in _walk(node) if isinstance(one, Column)))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Apply):
        for part in node.parts:
            yield from _walk(part)


def kind_of(name: str, parts: tuple[Node, ...]) -> tuple[Kind | None, str]:
    """Kind of what an operator or function gives, and what is wrong with its parts, if anything.

    Returns
    -------
    kind, problem
        The problem is empty where the parts fit.
    """
    kinds = [part.kind for part in parts]
    if name in ARITHMETIC or name in NUMERIC_FUNCTIONS:
        return "number", _all_are(name, kinds, "number")
    if name in ("AND", "OR", "NOT"):
        return "boolean", _all_are(name, kinds, "boolean")
    if name == "IS NULL":
        return "boolean", ""
    if name in COMPARISONS or name == "IN":
        return "boolean", _alike(name, kinds)
    if name == "CASE":
        problem = _all_are("WHEN", kinds[:-1:2], "boolean")
        results = [*kinds[1:-1:2], kinds[-1]]
        return _first(results), problem or _alike("CASE", results)
    return _first(kinds), _alike(name, kinds)


def _first(kinds: list[Kind | None]) -> Kind | None:
    return next((kind for kind in kinds if kind is not None), None)


def _all_are(name: str, kinds: list[Kind | None], wanted: Kind) -> str:
    wrong = next((kind for kind in kinds if kind not in (wanted, None)), None)
    return f"{name} takes a {wanted}, not a {wrong}" if wrong else ""


def _alike(name: str, kinds: list[Kind | None]) -> str:
    found = list(dict.fromkeys(kind for kind in kinds if kind is not None))
    return f"{name} has a {found[0]} and a {found[1]} side by side" if len(found) > 1 else ""
