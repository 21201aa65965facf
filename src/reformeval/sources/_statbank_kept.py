"""What `reformeval fetch` left in the data folder: the data, and beside it its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reformeval.errors import Problem, UserError
from reformeval.provenance import sha256
from reformeval.sources.statbank import StatBankSource


def description(target: Path) -> Path:
    """File with the description of a kept answer."""
    return target.with_suffix(".json")


def labels_of(source: StatBankSource, target: Path) -> Mapping[str, str]:
    """Names of units by code, from the description of a kept answer.

    Raises
    ------
    UserError
        If the description is not there, or the data is not what it describes.
    """
    try:
        facts = json.loads(description(target).read_text(encoding="utf-8"))
        kept, labels = facts["sha256"], facts["labels"].get(source.unit.column, {})
    except (OSError, ValueError, KeyError, AttributeError):
        raise _not_as_fetched(target, "its description beside it is not there") from None
    if kept != sha256(target):
        raise _not_as_fetched(target, "it is not what was fetched")
    return {str(code): str(label) for code, label in labels.items()}


def _not_as_fetched(target: Path, told: str) -> UserError:
    return UserError(
        Problem(
            f"{told}: {description(target).name}",
            where=str(target),
            fix="fetch it anew: reformeval fetch --again with the name of the source",
        )
    )
