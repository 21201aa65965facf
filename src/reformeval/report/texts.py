"""Every word that figures, tables and reports show, from ``texts/<language>.yaml``.

A new language is one more file: nothing else names the languages there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "texts"
DEFAULT = "en"  # also the language of reasons and messages in the files of results

_spoken: ContextVar[str] = ContextVar("spoken", default=DEFAULT)


def languages() -> tuple[str, ...]:
    """Codes of the languages there are, sorted: names of the files with their words."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def path(language: str) -> Path:
    """Give the file with the words of a language."""
    return FOLDER / f"{language}.yaml"


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say everything inside in this language.

    Whoever makes a figure, a table or a page sets it once, so that no function in between has to
    hand it on. Numbers on the axes of a figure are only written when it is saved: that must
    happen inside, too.

    Examples
    --------
    >>> with speaking("nb"):
    ...     say("group.all")
    'Alle'
    """
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def spoken() -> str:
    """Code of the language that is spoken now, for ``lang`` in HTML."""
    return _spoken.get()


@cache
def load(language: str = DEFAULT) -> dict[str, str]:
    """Read a language as flat keys: ``{"figure.event_study.title": "…"}``."""
    text = path(language).read_text(encoding="utf-8")
    return dict(_flat(yaml.safe_load(text), ""))


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
    return load(spoken())[key].format_map(values)


def has(key: str) -> bool:
    """Whether there is a text under this key."""
    return key in load(spoken())


def say_or(key: str, fallback: str, **values: object) -> str:
    """Return the text under a key, or the fallback: for names that config or plug-ins bring."""
    return say(key, **values) if has(key) else fallback


def listed(items: list[str]) -> str:
    """Join words as a sentence does: ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return say("list.last", items=say("list.between").join(items[:-1]), last=items[-1])
