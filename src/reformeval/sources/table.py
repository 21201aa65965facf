"""The source `table`: an aggregated panel in one CSV or Parquet file, described in YAML.

Only the description lives here, so that reading config loads no data library;
`sources.table_reader` reads the file.
"""

from __future__ import annotations

import codecs
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

from reformeval.sources._model import OutcomeKind, SourceModel

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


class PeriodColumns(_Part):
    """Which column, or which pair of columns, gives the period."""

    column: str | None = Field(
        None, description="column with periods: 2020-03, 2020M03, 2020-Q1, 1989 or a full date"
    )
    format: str | None = Field(
        None, description="how column is written otherwise, in strptime notation, e.g. %m/%Y"
    )
    year: str | None = Field(None, description="column with years as numbers, instead of column")
    month: str | None = Field(None, description="column with months 1 to 12, beside year")
    quarter: str | None = Field(None, description="column with quarters 1 to 4, beside year")

    @model_validator(mode="after")
    def _one_way(self) -> PeriodColumns:
        if (self.column is None) == (self.year is None):
            raise ValueError("give either column, or year with month or quarter")
        if self.column is not None and (self.month or self.quarter):
            raise ValueError("month and quarter go with year, not with column")
        if self.year is not None and self.format:
            raise ValueError("format goes with column, not with year")
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


class TableSource(SourceModel):
    """An aggregated panel: one row per unit, period and group, in one file."""

    is_register: ClassVar[bool] = False

    kind: Literal["table"]
    file: str = Field(description="path of the file in the data folder")
    format: Literal["csv", "parquet"] | None = Field(
        None, description="default: by the ending .csv, .tsv, .txt (also .gz) or .parquet"
    )
    separator: Mark = Field(",", description="what stands between the cells of a CSV file")
    encoding: str = Field("utf-8", description="any encoding that Python knows, e.g. cp1252")
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
    groups: dict[Name, GroupColumn] = Field(
        default_factory=dict, description="columns that split people, by group variable"
    )
    outcomes: dict[Name, OutcomeColumn] = Field(
        min_length=1, description="columns with outcomes, by the name that reforms use"
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            known = codecs.lookup(value)
            "".encode(value)
        except (LookupError, UnicodeError):
            raise ValueError(
                f"Python knows no text encoding '{value}'; common ones: utf-8, cp1252, latin-1"
            ) from None
        return known.name

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
        column = self.period.column is not None
        beside = {"month": self.period.month, "quarter": self.period.quarter}
        given = [part for part, name in beside.items() if name is not None]
        wanted = [] if column or self.frequency == "year" else [self.frequency]
        if given != wanted:
            raise ValueError(
                f"period: with frequency {self.frequency}, beside year goes "
                + (f"the key {wanted[0]}" if wanted else "no other column")
            )
        return self

    @property
    def file_format(self) -> Literal["csv", "parquet"] | None:
        """The declared format, or the one that the file's ending says."""
        if self.format is not None:
            return self.format
        name = self.file.lower().removesuffix(".gz")
        if name.endswith((".csv", ".tsv", ".txt")):
            return "csv"
        return "parquet" if name.endswith(".parquet") else None

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
        yield from (("filter", column) for column in self.filter)
        for name, group in self.groups.items():
            yield f"groups.{name}.column", group.column
        for name, outcome in self.outcomes.items():
            yield f"outcomes.{name}.column", outcome.column
            if outcome.persons is not None:
                yield f"outcomes.{name}.persons", outcome.persons
