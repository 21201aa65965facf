"""What a reform file and ``config/config.yaml`` may say.

The models hold what one key can say by itself; what depends on other keys or on the source is in
`config.rules`. Every field has a description: docs and JSON schema show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import MinLen
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from reformeval.config.fields import (
    Age,
    ConfigModel,
    GroupEntry,
    Name,
    Period,
    Text,
    Texts,
    as_comparison,
    as_geography,
    as_groups,
    as_inference,
    as_mapping,
    as_per,
    as_population,
    as_tuple,
)
from reformeval.report.texts import DEFAULT, languages
from reformeval.sources.register import RegisterSource
from reformeval.sources.simulated import SimulatedSource
from reformeval.sources.statbank import StatBankSource
from reformeval.sources.table import TableSource
from reformeval.spec import (
    DonorRule,
    GroupsOf,
    MoversTo,
    PopulationKind,
    SplitRule,
    WeightKind,
)

Source = RegisterSource | SimulatedSource | TableSource | StatBankSource
SOURCE_KINDS: dict[
    str,
    type[RegisterSource] | type[SimulatedSource] | type[TableSource] | type[StatBankSource],
] = {
    "register": RegisterSource,
    "simulated": SimulatedSource,
    "statbank": StatBankSource,
    "table": TableSource,
}

if TYPE_CHECKING:  # mypy cannot know which files there are
    Language = str
else:
    Language = Literal[languages()]


class Window(ConfigModel):
    """The periods that are used."""

    first: Period = Field(alias="from", description="first period, e.g. 2017-01, 2017-Q1 or 2017")
    last: Period = Field(alias="to", description="last period, included")
    drop: tuple[Period, ...] = Field(
        (), description="periods inside the window that no estimator uses"
    )


class Step(ConfigModel):
    """One dated component of a reform."""

    id: Name = Field(description="short name for files and tables")
    start: Period = Field(alias="from", description="first period in which it applies")
    label: Text | None = Field(None, description="words for figures; default: the id")


class Dose(ConfigModel):
    """How much of the reform a unit had, as a file of dated values says it."""

    file: Text = Field(description="CSV file in the data folder: dated values by unit")
    unit: Text = Field(
        description="column with units' codes; blank: all units without rows of their own"
    )
    start: Text = Field(
        alias="from", description="column with the period from which a value holds, to the next"
    )
    value: Text = Field(description="column with the value")
    groups: dict[Name, Text] = Field(
        {}, description="group variables and the columns with their values; blank: all values"
    )
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = Field(
        ",", description="what stands between the cells of the file"
    )
    decimal: Literal[".", ","] = Field(".", description="decimal mark of the values")
    measured_in: Text = Field("NOK", description="unit of measurement of the dose")
    per: float = Field(1000.0, gt=0, description="effects are those of this much of the dose")


class Adoption(ConfigModel):
    """When each unit adopts, where units adopt in periods of their own (staggered reforms)."""

    file: Text | None = Field(
        None, description="CSV file in the data folder, one row per unit; with unit and from"
    )
    unit: Text | None = Field(None, description="column of the file with the units' codes")
    start: Text | None = Field(
        None,
        alias="from",
        description="column of the file with the period in which the unit adopts; blank = never",
    )
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = Field(
        ",", description="what stands between the cells of the file"
    )
    column: Text | None = Field(
        None,
        description="instead of file: column of the source's own table that has the period of "
        "adoption in every row of the unit",
    )
    never: Texts = Field(
        (), description='what stands there for units that never adopt, beside nothing: ["0"]'
    )

    @model_validator(mode="after")
    def _one_place(self) -> Adoption:
        beside = [self.file, self.unit, self.start]
        if self.column is None and None in beside:
            raise ValueError("give file with unit and from, or column")
        if self.column is not None and (any(beside) or self.separator != ","):
            raise ValueError("column is in the source's own table: file, unit and from go without")
        return self


class Treatment(ConfigModel):
    """Who adopts the reform and when: units and steps, or adoption."""

    units: tuple[Text, ...] = Field((), description="codes of the treated units, in quotes")
    steps: tuple[Step, ...] = Field(
        (), description="the dated ledger, in order; the first step is adoption"
    )
    adoption: Adoption | None = Field(
        None,
        description="instead of units and steps: where it stands when each unit adopts "
        "(staggered reforms)",
    )
    anticipation: int = Field(
        0, ge=0, description="periods before adoption kept out of the reference and the fit"
    )
    dose: Dose | None = Field(
        None, description="how much of it units had: {file, unit, from, value}, for method dose"
    )


class Within(ConfigModel):
    """A second comparison, inside every unit: a group that the reform is for, and one it is not."""

    group: Text = Field(description="the group that the reform is for, as groups name it")
    against: Text = Field(description="the group that it is compared with in the same unit")


class Comparison(ConfigModel):
    """Which units may serve as donors: all others unless it says otherwise."""

    largest: int | None = Field(
        None, ge=2, description="keep this many, by persons in the last period before anticipation"
    )
    units: Annotated[Texts, MinLen(2)] | None = Field(
        None, description="codes of the donors; neither this nor largest: all"
    )
    exclude: Texts = Field((), description="codes of units that may not be donors")
    treated_from: dict[str, Period] = Field(
        {}, description="donors that adopt later, with the period from which they are none"
    )
    within: Within | None = Field(
        None, description="triple difference: {group: family=with_children, against: ...}"
    )
    donors: DonorRule | None = Field(
        None,
        description="staggered reforms: never_treated, or not_yet_treated (units that adopt later "
        "are donors until then); comparison: never_treated is short for it",
    )


class Population(ConfigModel):
    """Who is counted (sources with a register)."""

    kind: PopulationKind = Field(
        description="residents; current_recipients (descriptive, who they are may change with the"
        " reform); prior_recipients (frozen before the reform); entrants (new recipients,"
        " descriptive); tables have as_published"
    )
    months: int | None = Field(
        None, ge=1, description="prior_recipients: length of the selection window; default 12"
    )
    after: int | None = Field(
        None, ge=1, description="entrants: months without assistance before the first; default 6"
    )
    ages: Annotated[tuple[Age, Age], BeforeValidator(as_tuple)] | None = Field(
        None, description="first and last age that counts; default [18, 66]"
    )
    groups: GroupsOf | None = Field(
        None,
        description="frozen: groups of the last period before anticipation; current: of each"
        " period; default: frozen for prior_recipients, else current",
    )
    movers: MoversTo | None = Field(
        None,
        description="before: unit of the last period before anticipation (intention to treat);"
        " current: of each period; default: before for prior_recipients, else current",
    )


PopulationField = Annotated[
    Population, BeforeValidator(as_population, json_schema_input_type=Population | PopulationKind)
]


class Per(ConfigModel):
    """What an outcome is counted per."""

    outcome: Text = Field(
        description="another count of the source, or persons: those behind the cell"
    )
    source: Text | None = Field(
        None, description="source of that count, a table; default: the outcome's own"
    )
    times: float = Field(1.0, gt=0, description="factor, e.g. 1000 for per 1,000; default 1")


class Outcome(ConfigModel):
    """One outcome of the reform."""

    measured_in: Text = Field(description="unit of measurement, e.g. percentage points")
    label: Text | None = Field(None, description="words for figures; default: the source's")
    source: Text | None = Field(
        None, description="another file of config/sources, of kind table or statbank, that has it"
    )
    population: PopulationField | None = Field(
        None, description="whom this outcome counts; default: the reform's population"
    )
    smallest_effect_of_interest: float | None = Field(
        None, gt=0, description="smallest effect that would matter, as measured_in"
    )
    per: Annotated[Per | None, BeforeValidator(as_per, json_schema_input_type=Per | str)] = Field(
        None,
        description="count it per another count: labour_force, or {outcome:, source:, times: 1000}",
    )
    scale: Literal["pre_mean"] | None = Field(
        None, description="pre_mean: indexed, each unit's mean before the reform is 100"
    )
    of: Text | None = Field(
        None, description="the source's outcome, where this one has a name of its own"
    )
    later: int | None = Field(
        None,
        ge=0,
        description="registers: measured so many months later in the same persons, such as months "
        "since entry of entrants",
    )
    max_months: int | None = Field(
        None,
        ge=1,
        description="spell_months, months_to_exit: more months count as this many; default 12",
    )
    months: int | None = Field(
        None,
        ge=1,
        description="months_received, months_received_next, reentry_rate: months that are looked"
        " over; default 12",
    )


class Geography(ConfigModel):
    """The territories that the reform is studied on."""

    year: int = Field(
        ge=1900, le=2100, description="territory year: all periods are on its units' territories"
    )
    splits: SplitRule = Field(
        "stop",
        description="a unit that the year knows only in parts: stop, or common (its parts are "
        "studied as one unit, with a code such as 5055+5056)",
    )


class Span(ConfigModel):
    """Periods in a row."""

    first: Period = Field(alias="from", description="first period")
    last: Period = Field(alias="to", description="last period, included")


class Covariate(ConfigModel):
    """What units are matched on (matched_sc)."""

    outcome: Text | None = Field(
        None, description="one of outcomes; default: the covariate's own name"
    )
    over: Span | None = Field(
        None, description="periods that are averaged, before the reform; default: all of them"
    )


CovariateField = Annotated[
    Covariate, BeforeValidator(as_mapping, json_schema_input_type=Covariate | None)
]


class Headline(ConfigModel):
    """The one effect named in advance; all others are labelled exploratory."""

    outcome: str = Field(description="one of outcomes")
    group: str = Field("all", description="all, or a group's name, e.g. family=with_children")
    estimator: str = Field(description="one of the labels under estimators")


class Estimator(BaseModel):
    """One estimator; keys other than these are options of its method."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    method: str | None = Field(None, description="file stem of the method; default: the label")
    weights: WeightKind = Field(
        "equal",
        description="equal, or persons_pre: mean persons before (did, event_study and"
        " person_event_study)",
    )
    outcomes: Annotated[Texts, MinLen(1)] | None = Field(
        None, description="the outcomes that it estimates; default: all"
    )

    @property
    def options(self) -> dict[str, Any]:
        """The method's own options."""
        return dict(self.model_extra or {})


EstimatorField = Annotated[
    Estimator, BeforeValidator(as_mapping, json_schema_input_type=Estimator | None)
]


class Reform(ConfigModel):
    """A reform file, ``config/reforms/<name>.yaml``."""

    title: Text = Field(description="one line for figures and the report")
    question: Text | None = Field(None, description="what is asked, in one sentence")
    notes: tuple[Text, ...] = Field((), description="what a reader of the results must know")
    language: Language = Field(
        DEFAULT, description="language of figures, tables and report, e.g. nb for Norwegian"
    )
    source: str = Field(description="file stem of a file in config/sources")
    geography: Annotated[
        Geography | None, BeforeValidator(as_geography, json_schema_input_type=Geography | int)
    ] = Field(None, description="territory year that unit codes belong to: 2020 or {year: 2020}")
    population: PopulationField | None = Field(
        None, description="whom outcomes count unless they say otherwise (registers)"
    )
    window: Window = Field(description="periods that are used: {from: 2017-01, to: 2022-08}")
    treatment: Treatment = Field(description="who adopts the reform and when")
    comparison: Annotated[
        Comparison,
        BeforeValidator(
            as_comparison, json_schema_input_type=Comparison | Literal["all"] | DonorRule
        ),
    ] = Field(
        Comparison.model_construct(),
        description="all, {largest: 24} or {units: [...]}; staggered reforms: never_treated or "
        "not_yet_treated",
    )
    outcomes: dict[str, Outcome] = Field(
        min_length=1, description="outcomes of the source by name, each with measured_in"
    )
    groups: Annotated[
        tuple[GroupEntry, ...],
        BeforeValidator(
            as_groups,
            json_schema_input_type=list[
                str | list[str | dict[str, list[str]]] | dict[str, list[str]]
            ]
            | dict[str, list[str]],
        ),
    ] = Field((), description="group variables, crosses as lists; everybody is always there")
    mappings: dict[Name, Text] = Field(
        {}, description="group variables by a mapping that the source offers: {origin: name}"
    )
    covariates: dict[Name, CovariateField] = Field(
        {}, description="what matched_sc matches units on: {name: {outcome, over}}"
    )
    headline: Headline = Field(description="the one effect named in advance")
    estimators: dict[Name, EstimatorField] = Field(
        min_length=1, description="label: {method (default: the label), weights, options}"
    )

    inference: Annotated[
        Literal["auto"] | Annotated[tuple[Text, ...], MinLen(1)],
        BeforeValidator(as_inference, json_schema_input_type=Literal["auto"] | list[str]),
    ] = Field(
        "auto", description="auto: all methods, as docs/inference.md says; or a list of methods"
    )


class Disclosure(ConfigModel):
    """Which cells are too small to be shown."""

    min_persons: int = Field(10, ge=5, description="smallest number of persons in a shown cell")


class Settings(ConfigModel):
    """``config/config.yaml``: what holds for all reforms."""

    reforms: Literal["all"] | tuple[Name, ...] = Field(
        "all", description="all, or the names of the reforms to run"
    )
    data_dir: Text = Field(
        "data", description="folder with data files; environment REFORMEVAL_DATA overrides it"
    )
    geography_file: Annotated[str, StringConstraints(pattern=r"(\.json|vertices\.csv)$")] = Field(
        "klass_131.json",
        description="file in data_dir with the changes of units over time (docs/geography.md)",
    )
    restricted_dir: Text = Field(
        "restricted", description="folder for person-level data, never published"
    )
    buckets: int = Field(
        8,
        ge=1,
        le=1000,
        description="files that a register is cut into; a bucket is one job, whose memory does"
        " not grow with it",
    )
    seed: int = Field(20200301, ge=0, description="seed of everything that is drawn")
    ci_level: float = Field(
        0.95, gt=0.5, lt=1, description="confidence level; where it cannot be had, the nearest"
    )
    disclosure: Disclosure = Field(
        Disclosure.model_construct(), description="which cells are too small to be shown"
    )
