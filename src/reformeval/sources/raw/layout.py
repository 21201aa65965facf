"""Layouts of fixed-width files: data, so that another year's layout is another file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reformeval.errors import Problem, UserError, did_you_mean

SHIPPED = Path(__file__).parent / "layouts"
_HELP = "docs/raw-forms.md says how a layout file is written"


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_alias=True, validate_by_name=True
    )


class LayoutField(_Part):
    """One field: positions count from 1 and include both ends."""

    name: Annotated[str, Field(min_length=1)]
    first: int = Field(alias="from", ge=1)
    last: int = Field(alias="to", ge=1)
    type: Literal["text", "integer", "decimal", "date"] = "text"
    decimals: int = Field(0, ge=0, le=9, description="digits after a decimal mark that is implied")
    format: str | None = Field(None, description="of a date, in strptime notation")
    codes: dict[str, str] = Field({}, description="codes that may stand here, and their meaning")

    @model_validator(mode="after")
    def _consistent(self) -> LayoutField:
        if self.last < self.first:
            raise ValueError(f"field {self.name}: to {self.last} is before from {self.first}")
        if (self.type == "date") != (self.format is not None):
            raise ValueError(f"field {self.name}: format goes with type date, and date needs one")
        if self.decimals and self.type != "decimal":
            raise ValueError(f"field {self.name}: decimals goes with type decimal")
        long = [code for code in self.codes if len(code) > self.width]
        if long:
            raise ValueError(f"field {self.name}: code '{long[0]}' is longer than the field")
        return self

    @property
    def width(self) -> int:
        """Characters of the field."""
        return self.last - self.first + 1

    @property
    def place(self) -> str:
        """Positions, for messages."""
        return f"positions {self.first}-{self.last}"


class Layout(_Part):
    """The fields of one kind of fixed-width file in the years it holds for."""

    title: str = ""
    form: str | None = Field(None, description="form that the layout belongs to")
    source: str = Field("", description="where the layout is published")
    years: tuple[int, ...] = ()
    length: int | None = Field(None, ge=1, description="characters of a line")
    zeros_are_blank: bool = Field(
        False, description="dates and coded fields filled with zeros mean the same as blank"
    )
    fields: tuple[LayoutField, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Layout:
        names = [field.name for field in self.fields]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"field {twice[0]} stands twice")
        ordered = sorted(self.fields, key=lambda field: field.first)
        for before, after in pairwise(ordered):
            if after.first <= before.last:
                raise ValueError(f"fields {before.name} and {after.name} overlap")
        if self.length is not None and self.length < ordered[-1].last:
            raise ValueError(
                f"field {ordered[-1].name} ends at {ordered[-1].last}, after length {self.length}"
            )
        return self

    @property
    def width(self) -> int:
        """Characters of a line."""
        return self.length or max(field.last for field in self.fields)

    def pick(self, names: Sequence[str], where: str) -> list[LayoutField]:
        """Fields by name.

        Raises
        ------
        UserError
            Naming every field that the layout does not have.
        """
        known = {field.name: field for field in self.fields}
        problems = [
            Problem(
                f"the layout {self.title or 'of this file'} has no field '{name}' "
                "(config key: columns)",
                where=where,
                fix=did_you_mean(name, known),
            )
            for name in names
            if name not in known
        ]
        if problems:
            raise UserError(problems)
        return [known[name] for name in names]


@cache
def load_layout(name: str, folder: Path | None = None) -> Layout:
    """Load a layout that ships, by name, or one in a file, by its path in ``folder``.

    Raises
    ------
    UserError
        If there is no such layout, or it does not say what a layout must.
    """
    shipped = SHIPPED / f"{name}.yaml"
    path = shipped if shipped.is_file() else (folder or Path()) / name
    if not path.is_file():
        known = sorted(file.stem for file in SHIPPED.glob("*.yaml"))
        fix = f"{did_you_mean(name, known)}; or give a file in the data folder"
        raise UserError(Problem(f"no layout '{name}' (config key: layout)", str(path), fix))
    try:
        text = path.read_text(encoding="utf-8")
        content = _from_csv(text) if path.suffix == ".csv" else yaml.safe_load(text)
        return Layout.model_validate(content)
    except (OSError, UnicodeError, yaml.YAMLError, csv.Error) as error:
        message = f"the layout cannot be read: {str(error).splitlines()[0]}"
        raise UserError(Problem(message, str(path), _HELP)) from None
    except ValidationError as error:
        raise UserError([_problem(detail, path) for detail in error.errors()]) from None


def _problem(detail: Any, path: Path) -> Problem:
    key = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    return Problem(f"{key}: {message}" if key else message, str(path), _HELP)


def _from_csv(text: str) -> dict[str, Any]:
    """Layout from a table with the columns name, from, to, type, decimals, format and codes.

    Codes are written ``1=Mann;2=Kvinne``; empty cells are left at their defaults.
    """
    rows = []
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True):
        cells: dict[str, Any] = {
            key: value.strip() for key, value in row.items() if key and value and value.strip()
        }
        if "codes" in cells:
            pairs = (pair.partition("=") for pair in cells["codes"].split(";"))
            cells["codes"] = {code.strip(): meaning.strip() for code, _, meaning in pairs}
        rows.append(cells)
    return {"fields": rows}


def layout_for(form: str, year: int | None, where: str) -> Layout:
    """Find the layout that ships for a form and a year.

    Raises
    ------
    UserError
        If none ships for this year.
    """
    layouts = {file.stem: load_layout(file.stem) for file in sorted(SHIPPED.glob("*.yaml"))}
    mine = {name: layout for name, layout in layouts.items() if layout.form == form}
    for layout in mine.values():
        if year in layout.years:
            return layout
    years = "; ".join(f"{name}: {', '.join(map(str, one.years))}" for name, one in mine.items())
    raise UserError(
        Problem(
            f"no layout of {form} ships for {'a file without a year' if year is None else year}",
            where=where,
            fix=f"name one with the key layout if its positions are right ({years}), or write a "
            f"layout file; {_HELP}",
        )
    )
