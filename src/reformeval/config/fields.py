"""Kinds of values in config files: what may be written short, and what it is short for."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from reformeval.spec import DonorRule

GroupTerm = tuple[str, tuple[str, ...] | None]
GroupEntry = tuple[GroupTerm, ...]


def as_text(value: object) -> object:
    """Allow a year without quotes; everything else is text for YAML anyway."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_tuple(value: object) -> object:
    """Give a list of YAML as what strict tuples take."""
    return tuple(value) if isinstance(value, list) else value


def as_mapping(value: object) -> object:
    """``did:`` with nothing after it means ``did: {}``."""
    return {} if value is None else value


def as_population(value: object) -> object:
    """``residents`` is short for ``{kind: residents}``."""
    return {"kind": value} if isinstance(value, str) else value


def as_geography(value: object) -> object:
    """``2020`` is short for ``{year: 2020}``."""
    return {"year": value} if isinstance(value, int) else value


def as_comparison(value: object) -> object:
    """``all`` is short for ``{}``, and ``never_treated`` for ``{donors: never_treated}``."""
    if value in get_args(DonorRule):
        return {"donors": value}
    if isinstance(value, str) and value != "all":
        raise ValueError(
            "`comparison` must be all, never_treated, not_yet_treated, {largest: 24} or "
            f"{{units: [...]}}, not '{value}'"
        )
    return {} if value == "all" else value


def _terms(value: object) -> list[GroupTerm]:
    """One variable, or variables with the values to show."""
    if isinstance(value, str):
        return [(value, None)]
    if not isinstance(value, dict):
        raise ValueError(
            "`groups` takes names of variables, lists of names for crosses, or {variable: [values]}"
        )
    terms: list[GroupTerm] = []
    for variable, values in value.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"`groups`: name the values of {variable} in a list")
        if not all(isinstance(one, str) for one in values):
            raise ValueError(f"`groups`: write the values of {variable} in quotes")
        terms.append((variable, tuple(values)))
    return terms


def as_groups(value: object) -> tuple[GroupEntry, ...]:
    """Bring every way of writing groups into one form."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, dict):
        return tuple((term,) for term in _terms(value))
    if not isinstance(value, list):
        raise ValueError("`groups` must be a list, e.g. [family, [family, origin]]")
    entries: list[GroupEntry] = []
    for item in value:
        if isinstance(item, list):
            entries.append(tuple(term for part in item for term in _terms(part)))
        else:
            entries.extend((term,) for term in _terms(item))
    return tuple(entry for entry in entries if entry)


def as_inference(value: object) -> object:
    """``auto``, or a list of methods; one name is a list of one."""
    if value == "auto":
        return value
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and "auto" in names:
        raise ValueError("`inference` is auto, or a list of methods without auto")
    if isinstance(names, list) and len(set(map(str, names))) < len(names):
        raise ValueError("`inference` names a method twice")
    return as_tuple(names)


def as_per(value: object) -> object:
    """``per: labour_force`` is short for ``{outcome: labour_force}``."""
    return {"outcome": value} if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(min_length=1)]
# A validator that runs before a model hands it Python's lists, which strict tuples refuse.
Texts = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Age = Annotated[int, Field(ge=0, le=130)]
Period = Annotated[str, BeforeValidator(as_text, json_schema_input_type=str | int)]


class ConfigModel(BaseModel):
    """Base of all models here: unknown keys are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
