"""The source `table`: an aggregated panel in one file, described in YAML.

Only the description lives here, so that reading config loads no data library;
`sources.table_reader` reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from reformeval import periods
from reformeval.sources._model import Encoding, OutcomeKind, SourceModel

Format = Literal["csv", "parquet", "excel", "stata", "spss"]
ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".dta": "stata",
    ".sav": "spss",
    ".zsav": "spss",
}
# Column that a table with periods in its headings gets for its numbers.
VALUE = "value"
Code = StrictStr | StrictInt
# Names become parts of file columns such as "sex=women & age=old", so no spaces, "=" or "&".
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Mark = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UnitColumn(_Part):
    """Which column names the unit."""

    column: str = Field(description="column with names or codes of units")
    merge: dict[str, str] = Field(
        default_factory=dict,
        description='spellings in the file that mean another unit: {"Troms ": Troms}',
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="names of units by code, where the column holds codes"
    )
    pattern: str | None = Field(
        None,
        description='how code and name stand in one cell, e.g. "{code} {label}" for 0301 Oslo; '
        "the code is then the unit",
    )

    @field_validator("pattern")
    @classmethod
    def _has_a_code(cls, value: str | None) -> str | None:
        return value if value is None else _template(value, "code", "label")


def _template(text: str, needed: str, optional: str) -> str:
    """Check a text with places to fill, such as ``{column} {period}``."""
    parts = re.findall(r"\{(\w*)\}", text)
    if sorted(parts) not in ([needed], sorted([needed, optional])):
        raise ValueError(f"write it with {{{needed}}}, and {{{optional}}} at most once, in it")
    return text


class PeriodColumns(_Part):
    """Which column, pair of columns or headings give the period."""

    column: str | None = Field(
        None, description="column with periods: 2020-03, 2020M03, 2020-Q1, 1989 or a full date"
    )
    format: str | None = Field(
        None, description="how column is written otherwise, in strptime notation, e.g. %m/%Y"
    )
    year: str | None = Field(None, description="column with years as numbers, instead of column")
    month: str | None = Field(None, description="column with months 1 to 12, beside year")
    quarter: str | None = Field(None, description="column with quarters 1 to 4, beside year")
    headings: dict[str, Code] | str | None = Field(
        None,
        description="wide tables, one column a period: {heading: period}, or how headings are "
        'written: "{period}", "{column} {period}"',
    )

    @field_validator("headings")
    @classmethod
    def _has_a_period(cls, value: dict[str, Code] | str | None) -> dict[str, Code] | str | None:
        if isinstance(value, str):
            return _template(value, "period", "column")
        if value == {}:
            raise ValueError("name at least one heading")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> PeriodColumns:
        if sum(way is not None for way in (self.column, self.year, self.headings)) != 1:
            raise ValueError("give either column, or year with month or quarter, or headings")
        if self.year is None and (self.month or self.quarter):
            raise ValueError("month and quarter go with year")
        if self.format and (self.year is not None or isinstance(self.headings, dict)):
            raise ValueError("format goes with column, or with headings as a text")
        return self


class GroupColumn(_Part):
    """Which column splits people, and what its codes mean."""

    column: str = Field(description="column with the codes")
    all: Code | None = Field(
        None,
        description="code of the published total; without it there are no figures for everybody, "
        "because shares cannot be summed",
    )
    values: dict[Name, Code] = Field(
        min_length=1, description="names that reforms use, with the code of each in the file"
    )

    @model_validator(mode="after")
    def _distinct(self) -> GroupColumn:
        codes = [str(code) for code in self.values.values()]
        codes += [] if self.all is None else [str(self.all)]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"the code '{twice[0]}' stands for more than one value")
        if "all" in self.values:
            raise ValueError("'all' names the total: write it as the key all, beside values")
        return self


class OutcomeColumn(_Part):
    """Which column holds an outcome."""

    column: str = Field(description="column with the values")
    kind: OutcomeKind = Field(
        description="share, mean, rate or count (a count cannot be compared between units of "
        "unequal size)"
    )
    scale: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = Field(
        1.0, description="values are multiplied by this: 100 makes percentage points of a share"
    )
    persons: str | None = Field(
        None, description="column with the persons that a share or mean is taken over"
    )
    label: str | None = Field(None, description="the outcome's name in figures and tables")


class Blocks(_Part):
    """A sheet on which the headings stand again above every block of rows."""

    title: str = Field(
        description="name of the column to make of the text in the row above each block's headings"
    )


class TableSource(SourceModel):
    """An aggregated panel: one row per unit, period and group, in one file."""

    is_register: ClassVar[bool] = False

    kind: Literal["table"]
    file: str = Field(description="path of the file in the data folder")
    format: Format | None = Field(
        None,
        description="csv, parquet, excel, stata or spss; default: by the ending .csv, .tsv, .txt "
        "(also .gz), .parquet, .xlsx, .xlsm, .dta, .sav or .zsav",
    )
    sheet: str | dict[Name, str] | None = Field(
        None,
        description="Excel: the sheet to read; or {column: sheet}, where several sheets are laid "
        "out alike and the numbers of each go to a column of their own",
    )
    header: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="CSV and Excel: line or row in which the headings stand"
    )
    last: Annotated[int, Field(strict=True, ge=2)] | None = Field(
        None, description="CSV and Excel: last line or row of the table, where notes stand below"
    )
    blocks: Blocks | None = Field(
        None, description="Excel: several blocks below one another, each under its own headings"
    )
    carry_down: tuple[str, ...] = Field(
        (), description="columns where an empty cell means the same as the cell above it"
    )
    labels: bool = Field(
        True,
        description="Stata and SPSS: cells with a value label are read as the label; false: as "
        "the code",
    )
    separator: Mark = Field(",", description="what stands between the cells of a CSV file")
    encoding: Encoding = Field("utf-8", description="any encoding that Python knows, e.g. cp1252")
    decimal: Literal[".", ","] = Field(".", description="decimal mark")
    thousands: Mark | None = Field(None, description="mark between groups of three digits")
    missing: tuple[str, ...] = Field(
        (), description='cells that mean "not known"; an empty cell always does'
    )
    suppressed: tuple[str, ...] = Field((), description='cells that mean "withheld"')
    unit: UnitColumn = Field(description="the unit of each row")
    period: PeriodColumns = Field(description="the period of each row")
    filter: dict[str, Code | tuple[Code, ...]] = Field(
        default_factory=dict,
        description="rows to keep, {column: value} or {column: [values]}, compared as text",
    )
    exclude: dict[str, Code | tuple[Code, ...]] = Field(
        default_factory=dict,
        description="rows to leave out, written like filter; * stands for any text",
    )
    groups: dict[Name, GroupColumn] = Field(
        default_factory=dict, description="columns that split people, by group variable"
    )
    outcomes: dict[Name, OutcomeColumn] = Field(
        min_length=1, description="columns with outcomes, by the name that reforms use"
    )

    @field_validator("groups")
    @classmethod
    def _no_group_all(cls, value: dict[str, GroupColumn]) -> dict[str, GroupColumn]:
        if "all" in value:
            raise ValueError("a group variable cannot be called 'all'")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> TableSource:
        if self.format is None and self.file_format is None:
            raise ValueError(f"the ending of file '{self.file}' is not known: give format")
        both = sorted(set(self.missing) & set(self.suppressed))
        if both:
            raise ValueError(f"'{both[0]}' is listed under missing and under suppressed")
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same mark")
        self._check_layout()
        column = self.period.column is not None or self.period.headings is not None
        beside = {"month": self.period.month, "quarter": self.period.quarter}
        given = [part for part, name in beside.items() if name is not None]
        wanted = [] if column or self.frequency == "year" else [self.frequency]
        if given != wanted:
            raise ValueError(
                f"period: with frequency {self.frequency}, beside year goes "
                + (f"the key {wanted[0]}" if wanted else "no other column")
            )
        return self

    def _check_layout(self) -> None:
        """Refuse keys on the layout that do not go with the file's format or with another."""
        allowed: dict[str, tuple[Format, ...]] = {
            "sheet": ("excel",),
            "blocks": ("excel",),
            "header": ("csv", "excel"),
            "last": ("csv", "excel"),
            "labels": ("stata", "spss"),
        }
        for key, formats in allowed.items():
            if key in self.model_fields_set and self.file_format not in formats:
                given = getattr(self, key)
                if given != type(self).model_fields[key].default:
                    raise ValueError(f"{key} is for {' and '.join(formats)} files")
        if self.last is not None and self.last <= self.header:
            raise ValueError(f"last ({self.last}) must come after header ({self.header})")
        if self.blocks is not None and self.header == 1:
            raise ValueError("header: with blocks, the row of the first block's headings")
        headings = self.period.headings
        if isinstance(self.sheet, dict) and headings is None:
            raise ValueError("several sheets need period.headings: each holds one kind of numbers")
        if isinstance(self.sheet, dict) and isinstance(headings, str) and "{column}" in headings:
            raise ValueError("columns are named by sheet or by period.headings, not by both")
        if isinstance(headings, dict):
            for label in headings.values():
                periods.parse(str(label), self.frequency)

    @property
    def file_format(self) -> Format | None:
        """The declared format, or the one that the file's ending says."""
        if self.format is not None:
            return self.format
        name = self.file.lower()
        ending = re.search(r"\.[a-z]+$", name.removesuffix(".gz"))
        found = ENDINGS.get(ending[0]) if ending else None
        return found if found == "csv" or not name.endswith(".gz") else None

    def outcome_names(self) -> frozenset[str]:
        """Outcomes that a reform may name."""
        return frozenset(self.outcomes)

    def outcome_kind(self, name: str) -> OutcomeKind:
        """Whether an outcome is a share, a mean, a rate or a count."""
        return self.outcomes[name].kind

    def default_outcome_label(self, name: str) -> str:
        """Give the declared label, or the name in plain words."""
        return self.outcomes[name].label or name.replace("_", " ").capitalize()

    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values."""
        return {name: tuple(group.values) for name, group in self.groups.items()}

    def populations(self) -> frozenset[str]:
        """Tables say whom they count; a reform cannot ask for others."""
        return frozenset({"as_published"})

    def unit_labels(self) -> dict[str, str] | None:
        """Names of units by code; None where the source declares none."""
        return dict(self.unit.labels) or None

    def columns(self) -> Iterator[tuple[str, str]]:
        """Config key and name of every column that the source file names."""
        yield "unit.column", self.unit.column
        for part in ("column", "year", "month", "quarter"):
            if (column := getattr(self.period, part)) is not None:
                yield f"period.{part}", column
        yield from (("carry_down", column) for column in self.carry_down)
        yield from (("filter", column) for column in self.filter)
        yield from (("exclude", column) for column in self.exclude)
        for name, group in self.groups.items():
            yield f"groups.{name}.column", group.column
        for name, outcome in self.outcomes.items():
            yield f"outcomes.{name}.column", outcome.column
            if outcome.persons is not None:
                yield f"outcomes.{name}.persons", outcome.persons
