"""JSON-stat 2.0, the form in which PxWebApi gives tables and their descriptions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl


class MalformedError(ValueError):
    """What was received is not JSON-stat, or not all of it."""


def parse(text: bytes) -> dict[str, Any]:
    """Read a JSON object; numbers stay text, so that no digit is lost.

    Raises
    ------
    MalformedError
        If it is no JSON object.
    """
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"no whole JSON: {error}") from None
    if not isinstance(found, dict):
        raise MalformedError("no JSON object")
    return found


def codes(dataset: Mapping[str, Any], dimension: str) -> dict[str, str]:
    """Labels of a dimension by code, in the dataset's order.

    Raises
    ------
    MalformedError
        If the dimension is not described.
    """
    try:
        category = dataset["dimension"][dimension]["category"]
        labels = {str(code): str(text) for code, text in category.get("label", {}).items()}
        index = category.get("index", list(labels))
        order = index if isinstance(index, list) else sorted(index, key=lambda c: int(index[c]))
        return {str(code): labels.get(str(code), str(code)) for code in order}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"dimension {dimension} is not described: {error!r}") from None


def role(dataset: Mapping[str, Any], name: str) -> list[str]:
    """Dimensions that play a role: time, metric or geo."""
    return [str(one) for one in (dataset.get("role") or {}).get(name, [])]


def to_frame(dataset: Mapping[str, Any]) -> pl.DataFrame:
    """One row per cell: the code in every dimension, ``value`` and ``status`` as text.

    A value that is not there is null; its status symbol, if any, says why.

    Raises
    ------
    MalformedError
        If the number of values is not that of the cells.
    """
    try:
        names = [str(name) for name in dataset["id"]]
        sizes = [int(size) for size in dataset["size"]]
        values, status = dataset["value"], dataset.get("status")
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"no JSON-stat dataset: {error!r}") from None
    known = [list(codes(dataset, name)) for name in names]
    if [len(one) for one in known] != sizes:
        raise MalformedError("the sizes of the dimensions are not those of their codes")
    cells = math.prod(sizes)
    at = np.arange(cells)
    columns = {}
    stride = cells
    for name, size, listed in zip(names, sizes, known, strict=True):
        stride //= max(size, 1)
        columns[name] = pl.Series(listed, dtype=pl.String).gather(
            at // max(stride, 1) % max(size, 1)
        )
    return pl.DataFrame(columns).with_columns(
        pl.Series("value", _spread(values, cells, "value"), pl.String),
        pl.Series("status", _spread(status, cells, "status"), pl.String),
    )


def _spread(given: Any, cells: int, what: str) -> Sequence[str | None]:
    """One entry per cell, of a list, a mapping from positions, or one for all."""
    if given is None:
        return [None] * cells
    if isinstance(given, str):
        return [given] * cells
    if isinstance(given, dict):
        out: list[str | None] = [None] * cells
        for position, entry in given.items():
            if not (str(position).isdecimal() and int(position) < cells):
                raise MalformedError(f"there is no cell {position} for its {what}")
            out[int(position)] = None if entry is None else str(entry)
        return out
    if not isinstance(given, list):
        raise MalformedError(f"{what} is neither a list nor a mapping")
    if len(given) != cells:
        raise MalformedError(f"{len(given)} entries of {what} for {cells} cells")
    return [None if entry is None else str(entry) for entry in given]
