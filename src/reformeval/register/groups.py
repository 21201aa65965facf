"""How a register's raw codes become the groups that a reform names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
    """

    column: str
    values: Mapping[str, tuple[str, ...]]
