"""Checks of the options that a reform file gives an estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reformeval.errors import UserError


def unknown(options: Mapping[str, Any], known: Sequence[str] = ()) -> list[str]:
    """One problem for every option that the method does not have."""
    takes = f"the options are: {', '.join(known)}" if known else "this method has no options"
    return [f"unknown option '{name}'; {takes}" for name in options if name not in known]


def refuse(problems: Sequence[str]) -> None:
    """Raise all problems at once, if there are any."""
    if problems:
        raise UserError(problems)


def above_zero(options: Mapping[str, Any], name: str, unit: str) -> list[str]:
    """One problem if an option is given and is no number above zero; ``unit`` ends the message."""
    value = options.get(name)
    if value is not None and (type(value) not in (int, float) or not 0 < value < float("inf")):
        return [f"{name} must be a number above 0{unit}"]
    return []
