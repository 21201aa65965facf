"""The tables of keys in ``docs/configuration.md``, made from the models.

``python -m reformeval.config.reference docs/configuration.md`` puts them between the page's
marks; a test keeps them in step.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reformeval.config.models import Reform, Settings

_MARKS = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(model: type[BaseModel]) -> str:
    """Give a Markdown table of every key of a model, those of nested models included."""
    rows = [
        f"| `{key}` | {_default(info)} | {info.description} |" for key, info in _keys(model, "")
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows]) + "\n"


def fill(page: str) -> str:
    """Put the tables between the marks of a page."""
    models: dict[str, type[BaseModel]] = {"reform": Reform, "settings": Settings}
    return _MARKS.sub(lambda m: f"{m[1]}{table(models[m[2]])}{m[3]}", page)


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        yield key, info
        inner, suffix = _inner(info.annotation)
        # A population may stand in two places; its keys are listed once.
        if inner is not None and key != "outcomes.<name>.population":
            yield from _keys(inner, f"{key}{suffix}.")


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """Return the model inside a field, and how the key of one of its entries is written."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin, args = get_origin(annotation), get_args(annotation)
    suffix = ".<name>" if origin is dict else "[]" if origin is tuple else ""
    for arg in args:
        inner, more = _inner(arg)
        if inner is not None:
            return inner, suffix + more
    return None, ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True)
    if value is None or value == () or value == {} or isinstance(value, BaseModel):
        return "–"
    return f"`{value}`"


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/configuration.md")
    target.write_text(fill(target.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
