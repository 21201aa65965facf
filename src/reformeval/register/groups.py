"""How a register's raw codes become the groups that a reform names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reformeval.register.expression_tree import Apply, Column, Literal, Node
from reformeval.spec import GroupCases


@dataclass(frozen=True)
class RegisterGroup:
    """One group variable: the column that holds its codes, and the codes of each value.

    Attributes
    ----------
    column
        Column of the register.
    values
        Value of the group → raw codes that it collects. Codes that no value collects belong to
        no group of this variable; the persons still count in ``all``.
    computed
        How the column is computed from others, where a mapping says so; None: it is there.
    """

    column: str
    values: Mapping[str, tuple[str, ...]]
    computed: GroupCases | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of the register that it is made from."""
        return (self.column,) if self.computed is None else self.computed.columns

    @property
    def tree(self) -> Node:
        """Value of a row by the mapping; NULL where its codes are unknown."""
        assert self.computed is not None
        parts: list[Node] = []
        for value, condition in self.computed.cases:
            first, *others = (_among(column, codes) for column, codes in condition)
            for other in others:
                first = Apply("AND", (first, other), "boolean")
            parts += [first, Literal(value)]
        return Apply("CASE", (*parts, Literal(None)), "text")


def _among(column: str, codes: Iterable[str]) -> Apply:
    listed: tuple[Node, ...] = (Column(column, "text"), *(Literal(code) for code in codes))
    return Apply("IN", listed, "boolean")


def mapped(mapping: GroupCases) -> RegisterGroup:
    """Make the group variable that a mapping says."""
    values = {value: (value,) for value in mapping.values}
    return RegisterGroup(f"{mapping.variable} by {mapping.name}", values, mapping)
