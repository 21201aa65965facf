"""The source `register`: raw register files that are linked into person-months.

Only the description lives here, so that reading config loads no data library; `sources.raw` reads
the files and `register.link` links them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reformeval import periods
from reformeval.register.columns import COLUMNS, LINKED, Kind
from reformeval.register.groups import RegisterGroup
from reformeval.register.link_rules import EmployedRule, LinkRules, ResidenceRule
from reformeval.sources._register_keys import OUTCOMES, RegisterModel
from reformeval.sources.raw.models import (
    EarningsFiles,
    ExitFiles,
    Kostra11F,
    PersonMonthFiles,
    RawFiles,
    ResidenceFiles,
    SnapshotFiles,
    named,
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
_FORMS = ("population", "residence_spells", "exits", "assistance", "earnings", "person_months")
# Columns of the register that outcomes are made from, beside receipt.
_MADE_FROM = {
    "benefit": "benefit",
    "benefit_real": "benefit",
    "employed": "employed",
    "earnings": "earnings",
    "earnings_real": "earnings",
    "hours": "hours",
}
_FROM_CASES = frozenset({"recipient", "benefit"})
_FROM_JOBS = frozenset({"employed", "earnings", "hours"})


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_alias=True, validate_by_name=True
    )


class Range(_Part):
    """First and last month of the register."""

    first: str = Field(alias="from", description="first month, e.g. 2017-01")
    last: str = Field(alias="to", description="last month, included")


class CodedGroup(_Part):
    """Which column of the register splits people, and which raw codes each value collects."""

    column: Literal["sex", "family", "origin", "immigrant_category", "country", "occupation"] = (
        Field(description="column of the linked register with the codes")
    )
    values: dict[Name, tuple[str, ...]] = Field(
        min_length=1, description="names that reforms use, with the codes that each collects"
    )

    @model_validator(mode="after")
    def _distinct(self) -> CodedGroup:
        used = [code for codes in self.values.values() for code in codes]
        for code in used:
            if used.count(code) > 1:
                raise ValueError(f"the code '{code}' stands in more than one value")
        if any(not codes for codes in self.values.values()):
            raise ValueError("a value needs at least one code")
        return self


class RegisterSource(RegisterModel):
    """Raw register files: population, social assistance and earnings, linked by person."""

    kind: Literal["register"]
    frequency: Literal["month"] = Field("month", description="registers are monthly")
    period: Range = Field(description="months to link: {from: 2017-01, to: 2022-12}")
    residence: ResidenceRule = Field(
        "january",
        description="where a person lives: january (the municipality of 1 January holds through "
        "the year), monthly (where the spells say) or formal (by the date the move was registered)",
    )
    employed: EmployedRule = Field(
        "on_16th",
        description="who is employed in a month: on_16th (a job runs on the 16th) or any_job",
    )
    population: SnapshotFiles | None = Field(None, description="snapshots of 1 January")
    residence_spells: ResidenceFiles | None = Field(
        None, description="spells of residence; needed unless residence is january"
    )
    exits: ExitFiles | None = Field(None, description="deaths and emigrations")
    assistance: Kostra11F | None = Field(None, description="social assistance, KOSTRA form 11F")
    earnings: EarningsFiles | None = Field(None, description="jobs and earnings by month")
    person_months: PersonMonthFiles | None = Field(
        None, description="a table of person-months that is linked already, instead of all others"
    )
    simulated_from: str | None = Field(
        None,
        description="a source of kind simulated whose register is written as raw files, for these "
        "to be read: paths of files are then those of docs/raw-forms.md",
    )
    units: dict[str, str] = Field({}, description="names of municipalities by code, in quotes")
    other_units: Literal["stop", "keep"] = Field(
        "stop", description="codes of residence that are not among units: stop, or keep them"
    )
    max_unlinked: float = Field(
        0.1,
        ge=0,
        le=1,
        description="largest share of cases, and of jobs, that may belong to nobody in the "
        "population",
    )
    groups: dict[Name, CodedGroup] = Field(
        {}, description="group variables that reforms may name: {column, values}"
    )

    @model_validator(mode="before")
    @classmethod
    def _years_of_the_period(cls, value: Any) -> Any:
        """Files by year without `years` are those of the register's years."""
        # A validator that runs before a model hands it Python's lists, which strict tuples refuse.
        value = _tuples(value)
        if not isinstance(value, dict) or not isinstance(value.get("period"), dict):
            return value
        ends = sorted(str(value["period"].get(end, ""))[:4] for end in ("from", "to"))
        if not all(end.isdecimal() and len(end) == 4 for end in ends):
            return value
        years = {"from": int(ends[0]), "to": int(ends[1])}
        return {
            key: {**part, "years": years}
            if key in _FORMS and isinstance(part, dict) and _lacks_years(key, part)
            else part
            for key, part in value.items()
        }

    @model_validator(mode="after")
    def _consistent(self) -> RegisterSource:
        first, last = self.period_range()
        if last < first:
            raise ValueError(f"period: it ends in {self.period.last}, before it begins")
        if self.person_months is not None:
            others = [name for name, _ in self.forms() if name != "person_months"]
            if others:
                raise ValueError(
                    f"person_months is linked already and stands alone: take out {others[0]}"
                )
        elif self.population is None:
            raise ValueError("give population, or person_months")
        elif self.residence != "january" and self.residence_spells is None:
            raise ValueError(f"residence: {self.residence} needs residence_spells")
        elif (
            self.residence == "formal"
            and self.residence_spells is not None
            and self.residence_spells.columns.registered is None
        ):
            raise ValueError(
                "residence: formal needs the column residence_spells.columns.registered"
            )
        if "all" in self.groups:
            raise ValueError("a group variable cannot be called 'all'")
        return self

    @property
    def is_simulated(self) -> bool:
        """Whether the raw files are written from a simulated register."""
        return self.simulated_from is not None

    def forms(self) -> Iterator[tuple[str, RawFiles]]:
        """Give the files of every form that linking reads, by key."""
        for name in _FORMS:
            files: RawFiles | None = getattr(self, name)
            if files is not None and (name != "residence_spells" or self.residence != "january"):
                yield name, files

    def files(self) -> Iterator[str]:
        """Path patterns of all files, relative to the data folder."""
        members = self.assistance.households if self.assistance else None
        for files in (*(files for _, files in self.forms()), *([members] if members else [])):
            for _, name in files.names():
                yield name

    def known_units(self) -> frozenset[str] | None:
        """Codes that a unit of residence may have; None: any."""
        return frozenset(self.units) if self.units and self.other_units == "stop" else None

    def link_rules(self) -> LinkRules:
        """Give the choices that linking follows."""
        first, last = self.period_range()
        return LinkRules(
            first, last, self.residence, self.employed,
            self._covered(self.assistance), self._covered(self.earnings),
            tuple(sorted(self.known_units() or ())),
        )  # fmt: skip

    def _covered(self, files: RawFiles | None) -> tuple[date, date] | None:
        """First and last month of the register that these files cover; None without files."""
        if files is None:
            return None
        first, last = self.period_range()
        if files.years is None:
            return first, last
        return (
            max(first, date(files.years.first, 1, 1)),
            min(last, date(files.years.last, 12, 1)),
        )

    def outcome_names(self) -> frozenset[str]:
        """Outcomes that the files have what they are made from."""
        absent = self._absent()
        return super().outcome_names() - {
            name for name in OUTCOMES if _MADE_FROM.get(name, "recipient") in absent
        }

    def _absent(self) -> frozenset[str]:
        """Columns of the register that no file tells."""
        if self.person_months is not None:
            told = named(self.person_months.columns)
            return (_FROM_CASES | _FROM_JOBS) - told.keys()
        cases = frozenset() if self.assistance else _FROM_CASES
        return cases | (frozenset() if self.earnings else _FROM_JOBS)

    def columns(self) -> dict[str, Kind]:
        """Columns of the register that an expression may name, with the kind of their values."""
        return dict(COLUMNS) if self.person_months else {**COLUMNS, **LINKED}

    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values."""
        return {name: tuple(group.values) for name, group in self.groups.items()}

    def populations(self) -> frozenset[str]:
        """Kinds of population that a reform may ask for: all but residents need assistance."""
        chosen = {"current_recipients", "prior_recipients", "entrants"}
        return frozenset({"residents"} | (set() if "recipient" in self._absent() else chosen))

    def unit_labels(self) -> dict[str, str] | None:
        """Names of the municipalities by code; None where none are given."""
        return dict(self.units) or None

    def period_range(self) -> tuple[date, date]:
        """First and last month of the register."""
        return (
            periods.parse(self.period.first, "month"),
            periods.parse(self.period.last, "month"),
        )

    def register_groups(self) -> dict[str, RegisterGroup]:
        """Group variables in the form that `panel.from_register` takes."""
        return {name: RegisterGroup(g.column, dict(g.values)) for name, g in self.groups.items()}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _lacks_years(form: str, part: dict[str, Any]) -> bool:
    """Whether a part's files are by year, and it does not say of which years."""
    models: dict[str, type[RawFiles]] = {
        "population": SnapshotFiles,
        "residence_spells": ResidenceFiles,
        "exits": ExitFiles,
        "assistance": Kostra11F,
        "earnings": EarningsFiles,
        "person_months": PersonMonthFiles,
    }
    file = part.get("file", models[form].model_fields["file"].default)
    return "years" not in part and isinstance(file, str) and "{year}" in file
