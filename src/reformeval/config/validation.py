"""From plain data to models, with every problem on its line and as much kept as possible.

Pydantic stops at the first model that fails, so a wrong step would hide a wrong headline. Here
wrong parts are reported, cut out, and the rest is validated again: what remains is checked on.
"""

from __future__ import annotations

import copy
import json
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean

M = TypeVar("M", bound=BaseModel)
_ABSENT = object()
_ROUNDS = 20


def whole(model: type[M], document: Document) -> M | None:
    """Validate a whole file; None if what is left after cutting out faults is not enough.

    Parameters
    ----------
    model
        The model of the file.
    document
        The file; problems are added to it.
    """
    value = _validate(TypeAdapter(model), model, document, document.data, ())
    return None if value is _ABSENT else value


def by_key(model: type[BaseModel], document: Document) -> dict[str, Any]:
    """Validate each key of a file by itself, so that one fault does not hide others.

    Returns
    -------
    dict
        The valid keys under their names in the file, defaults filled in; keys with faults are
        left out.
    """
    data = document.data
    if not isinstance(data, dict):
        document.add((), "the file must be a mapping of keys to values")
        return {}
    names = {_alias(model, name): name for name in model.model_fields}
    for key in [key for key in data if key not in names]:
        _unknown_key(model, document, (key,))
    annotated: Any = Annotated  # a form that mypy does not take for a type alias
    out: dict[str, Any] = {}
    for key, name in names.items():
        info = model.model_fields[name]
        if key not in data:
            if info.is_required():
                document.add((key,), f"`{key}` is missing", _add(info.description))
            else:
                out[name] = info.get_default(call_default_factory=True)
            continue
        value = _validate(
            TypeAdapter(annotated[info.annotation, info]),
            info.annotation,
            document,
            data[key],
            (key,),
        )
        if value is not _ABSENT:
            out[name] = value
    return out


def _validate(
    adapter: TypeAdapter[Any], annotation: Any, document: Document, data: Any, root: Path
) -> Any:
    data = copy.deepcopy(data)
    for round_ in range(_ROUNDS):
        try:
            return adapter.validate_json(json.dumps(data), strict=True)
        except ValidationError as error:
            details = error.errors(include_url=False)
        located = [(detail, *_locate(detail["loc"], data)) for detail in details]
        cut: list[Path] = []
        for detail, path, found in located:
            if detail["type"] == "too_short" and _within(path, [p for _, p, _ in located]):
                continue  # too short only because of what is wrong inside
            if detail["type"] == "missing":
                cut.append(path[:-1])
            else:
                cut.append(path)
            # Once list items are cut, indices no longer are those of the file.
            shown = path if round_ == 0 else _before_index(path)
            if round_ == 0 or detail["type"] == "value_error":
                _report(detail, annotation, document, (*root, *shown), shown, found)
        if () in cut:
            return _ABSENT
        for path in sorted(set(cut), key=_order, reverse=True):
            _remove(data, path)
    return _ABSENT


def _within(path: Path, others: list[Path]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in others)


def _order(path: Path) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (-1, part) for part in path]


def _before_index(path: Path) -> Path:
    at = next((i for i, part in enumerate(path) if isinstance(part, int)), len(path))
    return path[:at]


def _locate(loc: tuple[int | str, ...], data: Any) -> tuple[Path, Any]:
    """Path of an error in the file: pydantic's, without the names of union members."""
    path: list[str | int] = []
    for i, part in enumerate(loc):
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if inside:
            path.append(part)
            data = data[part]
        elif i == len(loc) - 1 and isinstance(data, dict) and part != "[key]":
            path.append(part)
            data = None
    return tuple(path), data


def _remove(data: Any, path: Path) -> None:
    *above, last = path
    part: Any
    for part in above:
        if not (isinstance(data, dict) and part in data) and not isinstance(data, list):
            return
        data = data[part]
    if isinstance(data, dict):
        data.pop(last, None)
    elif isinstance(data, list) and isinstance(last, int) and last < len(data):
        del data[last]


def _report(
    detail: ErrorDetails, annotation: Any, document: Document, path: Path, local: Path, found: Any
) -> None:
    kind = detail["type"]
    if kind == "extra_forbidden":
        model = _model_at(annotation, local[:-1])
        _unknown_key(model, document, path)
    elif kind == "missing":
        model = _model_at(annotation, local[:-1])
        description = None
        if model is not None:
            info = {_alias(model, n): f for n, f in model.model_fields.items()}.get(str(path[-1]))
            description = info.description if info else None
        document.add(path, f"`{dotted(path)}` is missing", _add(description))
    else:
        message, fix = _say(detail, dotted(path), found)
        document.add(path, message, fix)


def _add(description: str | None) -> str:
    return f"add it: {description}" if description else "add it"


def _unknown_key(model: type[BaseModel] | None, document: Document, path: Path) -> None:
    key = str(path[-1])
    options = [] if model is None else [_alias(model, name) for name in model.model_fields]
    fix = did_you_mean(key, options)
    if " " in key:
        fix = "is this a value with a comma? Inside {...} and [...] it must stand in quotes"
    document.add(path, f"unknown key `{dotted(path)}`", fix)


def _alias(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _model_at(annotation: Any, path: Path) -> type[BaseModel] | None:
    """Return the model that describes the mapping at a path; the first that fits of a union."""
    found = next(_models(annotation), None) if not path else None
    if not path:
        return found
    for model in _models(annotation):
        names = {_alias(model, name): info for name, info in model.model_fields.items()}
        if path[0] in names:
            inner = _model_at(names[str(path[0])].annotation, path[1:])
            if inner is not None:
                return inner
    for item in _items(annotation):
        inner = _model_at(item, path[1:])
        if inner is not None:
            return inner
    return None


def _options(annotation: Any) -> Iterator[Any]:
    """Members of a union, Annotated and None taken off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _options(member)
    elif annotation is not type(None):
        yield annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            yield option


def _items(annotation: Any) -> Iterator[Any]:
    """Types of what lists and mappings hold."""
    for option in _options(annotation):
        origin, args = get_origin(option), get_args(option)
        if origin is dict:
            yield args[1]
        elif origin in (tuple, list, frozenset, set):
            yield args[0]


def _say(detail: ErrorDetails, name: str, value: Any) -> tuple[str, str]:
    """Message and fix in plain words."""
    kind, context = detail["type"], detail.get("ctx", {})
    here = f"`{name}`" if name else "the file"
    if kind in {"value_error", "assertion_error"}:
        said = str(context.get("error", detail["msg"]))
        return (said if said.startswith("`") or not name else f"{here}: {said}"), ""
    if value is None:
        return f"{here} is empty", "give a value or delete the key"
    if kind == "string_type":
        return _not_text(here, value)
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        if len(options) == 1:  # the only word for a key that else takes a list
            return f"{here} is {_show(value)}", f"write {options[0]}, or a list: [{value}]"
        return f"{here} is {_show(value)}", did_you_mean(str(value), options)
    if kind == "string_pattern_mismatch":
        dash = " and -" if "_-]" in str(context.get("pattern")) else ""
        start = "" if dash else ", after a letter"
        letters = f"letters from a to z, digits, _{dash}{start}"
        return (
            f"{here}: '{detail['input']}' may only have {letters}",
            "it becomes part of names of files and groups; words for readers go under label",
        )
    wanted = _WANTED.get(kind)
    if wanted is not None:
        return f"{here} must be {wanted.format(**context)}, not {_show(value)}", ""
    if kind == "too_short":
        least = context.get("min_length")
        return f"{here} needs at least {least} {'entry' if least == 1 else 'entries'}", ""
    if kind == "string_too_long":
        fix = 'for a tab write "\\t"' if str(value).casefold() in {"tab", "\\t"} else ""
        return f"{here} must be a single character, not {_show(value)}", fix
    if kind == "string_too_short":
        return f"{here} is empty", "give a value or delete the key"
    return f"{here}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list, e.g. [a, b]",
    "list_type": "a list, e.g. [a, b]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}


def _not_text(here: str, value: Any) -> tuple[str, str]:
    if isinstance(value, list | dict):
        return f"{here} must be text, not {_show(value)}", ""
    text = json.dumps(value)
    return f"{here} must be text, and {text} is not text for YAML", f'write it in quotes: "{text}"'


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text[:57]}…'" if len(text) > 60 else f"'{text}'"
