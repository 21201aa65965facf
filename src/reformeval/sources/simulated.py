"""The source `simulated`: what `config/sources/simulated_register.yaml` may say.

Only the description lives here, so that reading config loads no data library;
`sources.simulated_register` makes the register.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reformeval import periods
from reformeval.register.columns import Kind
from reformeval.register.groups import RegisterGroup
from reformeval.sources._register_keys import RegisterModel

FAMILIES = ("single", "couple", "couple_with_children", "single_parent")
ORIGINS = ("norwegian", "western", "non_western")
SEXES = ("female", "male")
CODES: dict[str, tuple[str, ...]] = {"family": FAMILIES, "origin": ORIGINS, "sex": SEXES}

Cell = Literal["with_children_non_western", "with_children_other", "without_children_non_western"]
REMAINDER = "without_children_other"
CELLS: tuple[str, ...] = (*get_args(Cell), REMAINDER)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Points = Annotated[float, Field(ge=-5, le=5, allow_inf_nan=False)]
Kroner = Annotated[float, Field(ge=-5_000, le=5_000, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, str_min_length=1, validate_by_alias=True, validate_by_name=True
    )


class Range(_Part):
    """First and last month of the register."""

    first: str = Field(alias="from")
    last: str = Field(alias="to")


class City(_Part):
    """A municipality and its real population, to which its simulated size is proportional."""

    label: str
    population: int = Field(gt=0)


class CodedGroup(_Part):
    """Which column of the register splits people, and which raw codes each value collects."""

    column: Literal["family", "origin", "sex"]
    values: dict[Name, tuple[str, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_codes(self) -> CodedGroup:
        known = CODES[self.column]
        used = [code for codes in self.values.values() for code in codes]
        for code in used:
            if code not in known:
                raise ValueError(f"'{code}' is no code of {self.column}: {', '.join(known)}")
            if used.count(code) > 1:
                raise ValueError(f"the code '{code}' stands in more than one value")
        if any(not codes for codes in self.values.values()):
            raise ValueError("a value needs at least one code")
        return self


class Planted(_Part):
    """The effect that the simulation plants, on persons with a history of assistance.

    Attributes
    ----------
    unit, start
        The treated municipality and the first month with an effect.
    history_until, history_months
        Hit are those who lived in the unit in the month ``history_until`` and received social
        assistance in at least one of this many months up to it. They stay hit wherever they move,
        in the cell that they belonged to in that month.
    employed
        Percentage points on being employed, by cell of family × origin. The cell not listed here,
        without children and not non-Western, gets what makes the expected effect on all who are
        hit zero.
    benefit
        NOK on a month's benefit of recipients, by cell; cells not listed get none.
    """

    unit: str
    start: str = Field(alias="from")
    history_until: str
    history_months: int = Field(12, ge=1, le=36)
    employed: dict[Cell, Points] = {}
    benefit: dict[Cell | Literal["without_children_other"], Kroner] = {}


class SimulatedSource(RegisterModel):
    """A person-month register that the program draws, with an effect of known size.

    Attributes
    ----------
    persons
        Residents aged 18–66 in an average month: the one number that scales everything.
    period
        First and last month.
    burn_in
        Months simulated before the first, so that spells of assistance are in equilibrium.
    city_variation
        Multiplies every difference between cities: levels, shocks, exposure to the pandemic.
        0 makes all cities alike.
    covid
        Multiplies the pandemic's effect on the whole country from 2020-03.
    cities
        Municipalities by code.
    groups
        Group variables that reforms may name.
    planted
        The effect.
    """

    kind: Literal["simulated"]
    frequency: Literal["month"] = "month"
    persons: int = Field(gt=0)
    period: Range
    burn_in: int = Field(48, ge=36)
    city_variation: float = Field(1.0, ge=0, le=2)
    covid: float = Field(1.0, ge=0, le=2)
    cities: dict[str, City] = Field(min_length=2)
    groups: dict[Name, CodedGroup] = Field({})
    planted: Planted

    @model_validator(mode="after")
    def _consistent(self) -> SimulatedSource:
        first, last = self.period_range()
        start = periods.parse(self.planted.start, "month")
        if not first < start <= last:
            raise ValueError(
                f"planted: from {self.planted.start} is not between the second and the last "
                f"month of the register, {self.period.first} to {self.period.last}"
            )
        if not first <= periods.parse(self.planted.history_until, "month") < start:
            raise ValueError(
                f"planted: history_until {self.planted.history_until} is not a month of the "
                f"register before from, {self.planted.start}"
            )
        if self.planted.unit not in self.cities:
            raise ValueError(f"planted: unit '{self.planted.unit}' is not among the cities")
        if "all" in self.groups:
            raise ValueError("a group variable cannot be called 'all'")
        return self

    @property
    def is_simulated(self) -> bool:
        """No real person is behind the data."""
        return True

    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values."""
        return {name: tuple(group.values) for name, group in self.groups.items()}

    def populations(self) -> frozenset[str]:
        """Kinds of population that a reform may ask for."""
        return frozenset({"residents", "current_recipients", "prior_recipients", "entrants"})

    def unit_labels(self) -> dict[str, str]:
        """Names of the municipalities by code."""
        return {code: city.label for code, city in self.cities.items()}

    def period_range(self) -> tuple[date, date]:
        """First and last month of the register."""
        return (
            periods.parse(self.period.first, "month"),
            periods.parse(self.period.last, "month"),
        )

    def columns(self) -> dict[str, Kind]:
        """Columns of the register that expressions and mappings may name."""
        return {**super().columns(), "immigrant_category": "text", "country": "text"}

    def register_groups(self) -> dict[str, RegisterGroup]:
        """Group variables in the form that `panel.from_register` takes."""
        return {name: RegisterGroup(g.column, dict(g.values)) for name, g in self.groups.items()}

    def with_effects(
        self,
        unit: str | None = None,
        employed: dict[str, float] | None = None,
        benefit: dict[str, float] | None = None,
    ) -> SimulatedSource:
        """Return the same source with another treated unit or other effects; {} plants none."""
        changed: dict[str, Any] = {"unit": unit, "employed": employed, "benefit": benefit}
        planted = self.planted.model_dump() | {k: v for k, v in changed.items() if v is not None}
        return SimulatedSource.model_validate(self.model_dump() | {"planted": planted})
