"""What every source's model has in common; each kind of source subclasses it beside its reader."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from reformeval.periods import Frequency

OutcomeKind = Literal["share", "mean", "rate", "count"]


def _known_encoding(name: str) -> str:
    try:
        known = codecs.lookup(name)
        "".encode(name)
    except (LookupError, UnicodeError):
        raise ValueError(
            f"Python knows no text encoding '{name}'; common ones: utf-8, cp1252, latin-1"
        ) from None
    return known.name


Encoding = Annotated[str, AfterValidator(_known_encoding)]


class SourceGeography(BaseModel):
    """What the unit codes of a source belong to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Annotated[int, Field(ge=1900, le=2100)] | Literal["period"] = Field(
        description="a year: all rows have the codes of its first day; or period: each row has "
        "the codes of its own period"
    )
    special: dict[str, str] = Field(
        {"9999": "unknown"},
        description="codes that are no unit, with what they stand for: {code: words}; they are "
        "kept apart and left out of the comparison",
    )


def _geography(value: object) -> object:
    """``2020`` is short for ``{as_of: 2020}``."""
    return {"as_of": value} if isinstance(value, int) else value


class SourceModel(BaseModel, ABC):
    """One data source: a file ``config/sources/<name>.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    is_register: ClassVar[bool] = False

    title: str = Field(description="what the data is, for the report")
    frequency: Frequency = Field(description="length of the periods: month, quarter or year")
    obtain: str = Field(description="where the data can be had, in one line")
    licence: str | None = Field(None, description="terms of use; leave out if none are stated")
    notes: tuple[str, ...] = Field(
        (), description="what a reader of results from this source must know"
    )
    geography: Annotated[
        SourceGeography | None,
        BeforeValidator(_geography, json_schema_input_type=SourceGeography | int),
    ] = Field(
        None,
        description="what unit codes belong to: a year, or {as_of: period}; without it they are "
        "taken as they are",
    )
    value_labels: dict[str, str] = Field(
        {}, description="words for values of groups in figures and tables, {value: words}"
    )

    @model_validator(mode="after")
    def _known_values(self) -> Self:
        known = {value for values in self.group_values().values() for value in values}
        for value in self.value_labels:
            if value not in known:
                raise ValueError(
                    f"value_labels: no group has a value '{value}'; "
                    f"there are {', '.join(sorted(known)) or 'none'}"
                )
        return self

    @property
    def is_simulated(self) -> bool:
        """Whether no real person is behind the data."""
        return False

    @abstractmethod
    def outcome_names(self) -> frozenset[str]:
        """Outcomes that a reform may name."""

    @abstractmethod
    def outcome_kind(self, name: str) -> OutcomeKind:
        """Whether an outcome is a share, a mean, a rate or a count."""

    @abstractmethod
    def default_outcome_label(self, name: str) -> str:
        """Name an outcome in figures and tables where the reform file gives no label."""

    @abstractmethod
    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values."""

    @abstractmethod
    def populations(self) -> frozenset[str]:
        """Kinds of population that a reform may ask for."""

    def unit_labels(self) -> dict[str, str] | None:
        """Names of units by code; None where the source declares none."""
        return None

    def period_range(self) -> tuple[date, date] | None:
        """First and last period; None where only the data tells."""
        return None
