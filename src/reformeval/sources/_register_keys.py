"""What every source with a register of persons and months may say: outcomes of its own.

The models of these sources subclass `RegisterModel`. Nothing here loads a data library.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from reformeval.register.columns import COLUMNS, Kind
from reformeval.sources._model import OutcomeKind, SourceModel
from reformeval.spec import PopulationKind

OUTCOMES: dict[str, tuple[OutcomeKind, str]] = {
    "employed": ("share", "Employed"),
    "earnings": ("mean", "Earnings, zero without a job"),
    "hours": ("mean", "Weekly hours, zero without a job"),
    "recipients": ("count", "Recipients of social assistance"),
    "recipients_per_1000": ("rate", "Recipients per 1,000 residents"),
    "benefit": ("mean", "Social assistance, zero in months without"),
    "benefit_real": ("mean", "Social assistance in constant prices"),
    "earnings_real": ("mean", "Earnings in constant prices"),
    "spell_months": ("mean", "Months of the spell in progress"),
    "exit_rate": ("share", "Recipients without assistance in the next month"),
    "entry_rate": ("share", "Assistance among those without in the month before"),
    "reentry_rate": ("share", "Assistance again, of those who leave it"),
    "months_to_exit": ("mean", "Months until the first without assistance"),
    "months_received": ("mean", "Months with assistance up to this one"),
    "months_received_next": ("mean", "Months with assistance after this one"),
}
# Populations that an outcome has a meaning in; outcomes that are not here have one in all.
_RECIPIENTS: tuple[PopulationKind, ...] = ("current_recipients", "prior_recipients", "entrants")
COUNTED_OVER: dict[str, tuple[PopulationKind, ...]] = {
    "recipients": ("residents",),
    "recipients_per_1000": ("residents",),
    "spell_months": ("current_recipients",),
    "exit_rate": _RECIPIENTS,
    "reentry_rate": _RECIPIENTS,
    "months_to_exit": _RECIPIENTS,
    "entry_rate": ("residents", "prior_recipients"),
}
# Outcomes that are made from a person's months with assistance, not from a column.
FROM_HISTORY = (
    "spell_months",
    "exit_rate",
    "entry_rate",
    "reentry_rate",
    "months_to_exit",
    "months_received",
    "months_received_next",
)
# Outcomes whose longest count, or whose span of months, a reform may set.
TOP_CODED = ("spell_months", "months_to_exit")
SPANNING = ("months_received", "months_received_next", "reentry_rate")
# Outcomes that are those of another name in prices of the base of ``cpi``.
DEFLATED = ("benefit_real", "earnings_real")
_SCALES: dict[OutcomeKind, float] = {"share": 100.0, "rate": 1_000.0, "mean": 1.0, "count": 1.0}

OutcomeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Bounds(BaseModel):
    """Where a person's value is cut off."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    lower: float | None = Field(None, description="smaller values count as this")
    upper: float | None = Field(None, description="larger values count as this")

    @model_validator(mode="before")
    @classmethod
    def _no_percentiles(cls, given: Any) -> Any:
        for key in given if isinstance(given, dict) else ():
            if any(part in str(key) for part in ("percent", "quantile")):
                raise ValueError(
                    f"{key} is not allowed: the percentiles of buckets of persons do not add up to "
                    "those of the register, and percentiles of months after the reform would move "
                    "with it; look the amounts up once and give lower and upper"
                )
        return given

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if self.lower is None and self.upper is None:
            raise ValueError("give lower, upper or both")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"lower, {self.lower:g}, is not below upper, {self.upper:g}")
        return self


class DefinedOutcome(BaseModel):
    """An outcome that the source defines by an expression over columns of the register."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    expression: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="over columns of the register, e.g. hours >= 30 AND employed"
    )
    kind: OutcomeKind = Field(
        description="share (of persons for whom it is true), rate, mean (over persons), or count "
        "(sum over persons)"
    )
    label: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="words for figures and tables"
    )
    scale: float | None = Field(
        None,
        gt=0,
        description="factor on the value; default 100 for a share, 1000 for a rate, else 1",
    )
    population: PopulationKind | None = Field(
        None, description="whom it counts unless the reform's outcome says otherwise"
    )
    winsorise: Bounds | None = Field(
        None, description="fixed bounds that a person's value is cut off at: {lower, upper}"
    )

    deflate: bool = Field(False, description="whether amounts are put in prices of the base of cpi")

    @field_validator("population")
    @classmethod
    def _counts_persons(cls, given: PopulationKind | None) -> PopulationKind | None:
        if given == "as_published":
            raise ValueError("as_published is only for tables")
        return given

    @property
    def factor(self) -> float:
        """Factor on the value, the default of the kind filled in."""
        return _SCALES[self.kind] if self.scale is None else self.scale


class CpiTable(BaseModel):
    """A monthly consumer price index in a CSV file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="CSV file, relative to the data folder"
    )
    period: str = Field(description="column with months: 2020-01, 2020M01 or 2020-01-01")
    value: str = Field(description="column with the index")
    base: str = Field(description="whose prices amounts are in: a year (its mean) or a month")
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = Field(
        ",", description="what parts columns"
    )
    decimal: Literal[".", ","] = Field(".", description="decimal mark")

    @field_validator("base", mode="before")
    @classmethod
    def _year(cls, given: object) -> object:
        """Allow a year without quotes."""
        return str(given) if isinstance(given, int) and not isinstance(given, bool) else given

    @field_validator("base")
    @classmethod
    def _is_period(cls, given: str) -> str:
        if not re.fullmatch(r"[12]\d{3}(-(0[1-9]|1[0-2]))?", given):
            raise ValueError(f"'{given}' is no year or month; write it like 2020 or 2020-01")
        return given


class RegisterModel(SourceModel):
    """A source with a register of persons and months."""

    is_register: ClassVar[bool] = True

    outcomes: dict[OutcomeName, DefinedOutcome] = Field(
        {}, description="outcomes beside those that every register has, by name"
    )
    cpi: CpiTable | None = Field(
        None, description="price index for benefit_real, earnings_real and outcomes with deflate"
    )

    mappings: tuple[str, ...] = Field(
        (), description="group mappings that reforms may name, by file stem"
    )

    def outcome_names(self) -> frozenset[str]:
        """Outcomes that a reform may name."""
        real = () if self.cpi else DEFLATED
        return frozenset({*OUTCOMES, *self.outcomes}.difference(real))

    def is_deflated(self, name: str) -> bool:
        """Whether an outcome is in prices of the base of ``cpi``."""
        return self.outcomes[name].deflate if name in self.outcomes else name in DEFLATED

    def outcome_kind(self, name: str) -> OutcomeKind:
        """Whether an outcome is a share, a mean, a rate or a count."""
        return self.outcomes[name].kind if name in self.outcomes else OUTCOMES[name][0]

    def default_outcome_label(self, name: str) -> str:
        """Name an outcome in figures and tables where the reform file gives no label."""
        return self.outcomes[name].label if name in self.outcomes else OUTCOMES[name][1]

    def columns(self) -> dict[str, Kind]:
        """Columns of the register that an expression may name, with the kind of their values."""
        return dict(COLUMNS)
