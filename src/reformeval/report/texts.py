"""Every word that figures, tables and reports show, from ``texts/en.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "texts" / "en.yaml"


@cache
def load(path: Path = FILE) -> dict[str, str]:
    """Read a text file as flat keys: ``{"figure.event_study.title": "…"}``."""
    return dict(_flat(yaml.safe_load(path.read_text(encoding="utf-8")), ""))


def _flat(value: Any, prefix: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        nested = [_flat(v, f"{prefix}.{k}" if prefix else str(k)) for k, v in value.items()]
        return [pair for pairs in nested for pair in pairs]
    return [(prefix, str(value))]


def say(key: str, **values: object) -> str:
    r"""Return the text under a key with its placeholders filled.

    Raises
    ------
    KeyError
        If there is no such text, or a placeholder has no value: a fault in the program.

    Examples
    --------
    >>> say("number.percent", value="95")
    '95\xa0%'
    """
    return load()[key].format_map(values)


def has(key: str) -> bool:
    """Whether there is a text under this key."""
    return key in load()


def say_or(key: str, fallback: str, **values: object) -> str:
    """Return the text under a key, or the fallback: for names that config or plug-ins bring."""
    return say(key, **values) if has(key) else fallback


def listed(items: list[str]) -> str:
    """Join words as a sentence does: ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return say("list.last", items=say("list.between").join(items[:-1]), last=items[-1])
