"""What a source file says of raw register files: where they are and how they are written.

Only descriptions live here, so that reading config loads no data library. One model for each kind
of file; the readers stand beside in modules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from reformeval.sources._model import Encoding

Mark = Annotated[str, StringConstraints(min_length=1, max_length=1)]
Column = Annotated[str, StringConstraints(min_length=1)]
Year = Annotated[int, Field(ge=1900, le=2100, strict=True)]
Format = Literal["csv", "parquet", "fixed_width"]
MONTHS = tuple(range(1, 13))
_DEFAULT: Any = Field({}, validate_default=True, description="names of the columns in the files")
_NAMES = ("JAN", "FEB", "MARS", "APRIL", "MAI", "JUNI", "JULI", "AUG", "SEPT", "OKT", "NOV", "DES")


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_alias=True, validate_by_name=True
    )


class Years(_Part):
    """First and last year of a series of files."""

    first: Year = Field(alias="from", description="first year")
    last: Year = Field(alias="to", description="last year")

    @model_validator(mode="after")
    def _in_order(self) -> Years:
        if self.last < self.first:
            raise ValueError(f"years: to {self.last} is before from {self.first}")
        return self


class RawFiles(_Part):
    """One file, or one file a year, and how its text is written."""

    file: str = Field(
        min_length=1,
        description="path in the data folder; {year} stands for each of the years, * for anything",
    )
    years: Years | None = Field(None, description="years of the files, where file has {year}")
    format: Format | None = Field(
        None, description="default: by the ending .csv, .tsv, .txt (also .gz), .parquet or .dat"
    )
    layout: str | None = Field(
        None,
        description="fixed width: name of a layout that ships, or path of a layout file (.yaml or "
        ".csv) in the data folder",
    )
    pad: bool = Field(
        False,
        description="fixed width: lines may lack trailing blanks; they are filled up and counted",
    )
    positions: Literal["characters", "bytes"] = Field(
        "characters",
        description="fixed width: what the layout's positions count; they differ in utf-8 alone",
    )
    separator: Mark = Field(",", description="what stands between the cells of a CSV file")
    encoding: Encoding = Field("utf-8", description="any encoding that Python knows, e.g. cp1252")
    decimal: Literal[".", ","] = Field(".", description="decimal mark")
    thousands: Mark | None = Field(None, description="mark between groups of three digits")
    missing: tuple[str, ...] = Field(
        (), description='cells that mean "not known"; an empty cell always does'
    )
    suppressed: tuple[str, ...] = Field((), description='cells that mean "withheld"')
    period_format: str | None = Field(
        None,
        description="how months and dates are written, in strptime notation, unless as 2020-03, "
        "2020M03, 202003 or 2020-03-31",
    )
    unit_width: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None,
        description="digits of a municipality's code: shorter codes of digits lost their leading "
        "zeros in a spreadsheet and get them back, which is counted",
    )

    @model_validator(mode="after")
    def _consistent(self) -> RawFiles:
        if ("{year}" in self.file) != (self.years is not None):
            raise ValueError(
                "years goes with {year} in file: give both or neither"
                if self.years is None
                else "years is given, but file has no {year}"
            )
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same mark")
        if both := sorted(set(self.missing) & set(self.suppressed)):
            raise ValueError(f"'{both[0]}' is listed under missing and under suppressed")
        kind = self.file_format
        if kind is None:
            raise ValueError(f"the ending of file '{self.file}' is not known: give format")
        if kind != "fixed_width" and (self.layout is not None or self.pad):
            raise ValueError("layout and pad go with files of fixed width alone")
        if kind == "fixed_width" and self.layout is None and self.form is None:
            raise ValueError("a file of fixed width needs a layout")
        return self

    @property
    def form(self) -> str | None:
        """Form that ships with a layout for each year, where there is one."""
        return None

    @property
    def file_format(self) -> Format | None:
        """The declared format, or the one that the file's ending says."""
        if self.format is not None:
            return self.format
        name = self.file.lower().removesuffix(".gz")
        if name.endswith((".csv", ".tsv", ".txt")):
            return "csv"
        if name.endswith(".parquet"):
            return "parquet"
        return "fixed_width" if name.endswith((".dat", ".fwf")) else None

    def names(self) -> Iterator[tuple[int | None, str]]:
        """Year and path pattern of every file."""
        if self.years is None:
            yield None, self.file
            return
        for year in range(self.years.first, self.years.last + 1):
            yield year, self.file.replace("{year}", str(year))


def by_month(prefix: str) -> tuple[str, ...]:
    """Names of twelve fields that end in the form's names of months."""
    return tuple(f"{prefix}_{name}" for name in _NAMES)


class KostraColumns(_Part):
    """Names of the fields of form 11F, in the layout or in the header."""

    unit: Column = Field("KOMMUNE_NR", description="municipality that pays")
    version: Column | None = Field("VERSION", description="last two digits of the year")
    district: Column | None = Field("BYDELSNR", description="city district; made part of journal")
    journal: Column = Field("PERSON_JOURNALNR", description="number of the case")
    person: Column = Field("PERSON_FODSELSNR", description="the recipient's person number")
    marital: Column = Field("EKTSTAT", description="marital status")
    has_children: Column | None = Field("BU18", description="children under 18: 1 yes, 2 no")
    children: Column = Field("ANTBU18", description="how many")
    conditions: Column | None = Field("VILKARSOSLOV", description="conditions set: 1 yes, 2 no")
    sanctions: tuple[Column, ...] = Field(
        ("SANKSJONRED", "SANKSJONANDRE"), description="boxes ticked where there were sanctions"
    )
    flags: tuple[Column, ...] = Field(
        tuple(f"STMND_{month}" for month in MONTHS),
        description="twelve fields, filled with the month's number where something was paid",
    )
    grants: tuple[Column, ...] = Field(by_month("BIDRAG"), description="twelve fields, NOK")
    loans: tuple[Column, ...] = Field(by_month("LAAN"), description="twelve fields, NOK")
    grant_total: Column | None = Field("BIDRAG", description="grants of the year")
    loan_total: Column | None = Field("LAAN", description="loans of the year")

    @field_validator("flags", "grants", "loans")
    @classmethod
    def _twelve(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) != len(MONTHS):
            raise ValueError(f"{len(value)} fields, not one for each of the 12 months")
        return value


class HouseholdColumns(_Part):
    """Columns of a table of households."""

    person: Column = "person"
    household: Column = "household"
    year: Column | None = Field(None, description="year that the row holds for; default: all")


class Households(RawFiles):
    """Who lives together: a table of persons and their household."""

    columns: HouseholdColumns = _DEFAULT


class Kostra11F(RawFiles):
    """KOSTRA form 11F: municipal social assistance, one record per case and year."""

    file: str = "kostra/11f_{year}.dat"
    encoding: Encoding = "cp1252"
    columns: KostraColumns = _DEFAULT
    couple: tuple[str, ...] = Field(
        ("2", "3"), description="codes of marital status that mean a couple: married, cohabiting"
    )
    without_number: tuple[str, ...] = Field(
        ("00100", "00200", "55555", "99999"),
        description="last five of eleven digits of stand-ins for persons without a number; [] "
        "where the numbers are pseudonyms",
    )
    amount_range: tuple[float, float] = Field(
        (200.0, 600_000.0),
        description="a year's grants and loans of a case at most, or above, these are counted",
    )
    households: Households | None = Field(
        None,
        description="who lives together: cases are then lifted to all members, since which of a "
        "couple is the recipient is arbitrary",
    )

    @property
    def form(self) -> str | None:
        """Form 11F ships with layouts by year."""
        return "kostra_11f"


class JobColumns(_Part):
    """Columns of monthly earnings; null for one that the files do not have."""

    person: Column = "person"
    period: Column | None = Field("period", description="month, or a day in it")
    year: Column | None = Field(None, description="column with years, instead of period")
    month: Column | None = Field(None, description="column with months 1 to 12, beside year")
    employer: Column | None = "employer"
    occupation: Column | None = Field("occupation", description="STYRK-08")
    hours: Column | None = Field("hours", description="contractual hours a week")
    earnings: Column = Field("earnings", description="earnings of the month, NOK")
    on_16th: Column | None = Field("on_16th", description="whether the job ran on the 16th")
    start: Column | None = Field(None, description="first day of the job, instead of on_16th")
    end: Column | None = Field(None, description="last day of the job, empty while it runs")

    @model_validator(mode="after")
    def _one_way(self) -> JobColumns:
        if (self.period is None) == (self.year is None) or (self.year is None) != (
            self.month is None
        ):
            raise ValueError("give either period, or period: null with year and month")
        if self.on_16th is not None and self.start is not None:
            raise ValueError("on_16th and start are two ways to say the same: set one to null")
        return self


class EarningsFiles(RawFiles):
    """Monthly earnings as reported by employers (a-ordningen): one row per job and month."""

    file: str = "earnings/jobs_{year}.csv"
    columns: JobColumns = _DEFAULT
    negative: Literal["stop", "keep"] = Field(
        "stop",
        description="negative earnings: stop, or keep them as corrections of earlier months, "
        "which is counted",
    )


class SnapshotColumns(_Part):
    """Columns of yearly snapshots; null for one that the files do not have."""

    person: Column = "person"
    year: Column | None = Field(None, description="default: the year in the file's name")
    unit: Column = "unit"
    age: Column | None = Field("age", description="completed years on 1 January")
    born: Column | None = Field(None, description="month of birth; gives the age where age is null")
    sex: Column | None = "sex"
    family: Column | None = "family"
    immigrant_category: Column | None = "immigrant_category"
    country: Column | None = "country"

    @model_validator(mode="after")
    def _aged(self) -> SnapshotColumns:
        if self.age is None and self.born is None:
            raise ValueError("give age or born")
        return self


class SnapshotFiles(RawFiles):
    """The population on 1 January of each year."""

    file: str = "population/snapshot_{year}.csv"
    columns: SnapshotColumns = _DEFAULT


class ResidenceColumns(_Part):
    """Columns of spells of residence."""

    person: Column = "person"
    first: Column = Field("from", alias="from", description="first month, or a day in it")
    last: Column = Field("to", alias="to", description="last month; empty while it is open")
    unit: Column = "unit"
    registered: Column | None = Field(None, description="when the move was reported")
    family: Column | None = Field(
        None, description="family, where spells are of residence and family together"
    )


class ResidenceFiles(RawFiles):
    """Spells of residence in a municipality."""

    file: str = "population/residence.csv"
    columns: ResidenceColumns = _DEFAULT


class ExitColumns(_Part):
    """Columns of deaths and emigrations."""

    person: Column = "person"
    period: Column = Field("period", description="month, or the day")
    kind: Column = "kind"


class ExitFiles(RawFiles):
    """Deaths and emigrations."""

    file: str = "population/exits.csv"
    columns: ExitColumns = _DEFAULT
    kinds: dict[str, Literal["death", "emigration"]] = Field(
        {"death": "death", "emigration": "emigration"}, description="what the codes of kind mean"
    )


class PersonMonthColumns(_Part):
    """Columns of a ready table; null for one that it does not have."""

    person: Column = "person"
    period: Column | None = Field("period", description="month, or a day in it")
    year: Column | None = Field(None, description="column with years, instead of period")
    month: Column | None = Field(None, description="column with months 1 to 12, beside year")
    unit: Column = "unit"
    age: Column | None = "age"
    sex: Column | None = "sex"
    family: Column | None = "family"
    origin: Column | None = "origin"
    recipient: Column | None = "recipient"
    benefit: Column | None = "benefit"
    employed: Column | None = "employed"
    earnings: Column | None = "earnings"
    hours: Column | None = "hours"

    @model_validator(mode="after")
    def _one_way(self) -> PersonMonthColumns:
        if (self.period is None) == (self.year is None) or (self.year is None) != (
            self.month is None
        ):
            raise ValueError("give either period, or period: null with year and month")
        return self


class PersonMonthFiles(RawFiles):
    """A ready table of person-months."""

    file: str = "person_months.parquet"
    columns: PersonMonthColumns = _DEFAULT


def named(columns: BaseModel) -> dict[str, Any]:
    """Columns of a mapping that the files have, by the name they get here."""
    return {name: value for name, value in columns.model_dump().items() if value is not None}
