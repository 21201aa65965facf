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
