"""What a reform asks, resolved: the slices of config that jobs receive as JSON.

`reformeval.config` turns YAML into these; jobs read them back and never import config. Each job
gets the smallest slice it needs, so that editing one key reruns only what depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import TypeAdapter

from reformeval import periods
from reformeval.periods import Frequency
from reformeval.register.columns import Kind

T = TypeVar("T")

PopulationKind = Literal[
    "residents", "current_recipients", "prior_recipients", "entrants", "as_published"
]
WeightKind = Literal["equal", "persons_pre"]
SplitRule = Literal["stop", "common"]
GroupsOf = Literal["frozen", "current"]
MoversTo = Literal["before", "current"]
DonorRule = Literal["never_treated", "not_yet_treated"]
WORKING_AGE = (18, 66)

AS_PUBLISHED: PopulationKind = "as_published"  # the population of a table
PER_PERSONS = "persons"  # what an outcome may be counted per, besides another outcome
# Methods that compare changes in proportion, so that units may differ in size, and the unit that
# their effects are in, whatever the outcome's.
PROPORTIONAL = {"poisson_did": "log points"}
# Methods whose effects are those of a dose.
PER_DOSE = ("dose",)
# Methods whose estimate of a difference of groups is the difference of their estimates: that of one
# regression in which everything is interacted with the group.
SATURATED = ("did", "event_study")


@dataclass(frozen=True)
class Step:
    """One dated component of a reform."""

    id: str
    start: date
    label: str


@dataclass(frozen=True)
class Timing:
    """The window, the adoption date and what is kept out of both.

    Attributes
    ----------
    first, last
        First and last period of the window.
    dropped
        Periods inside the window that no estimator uses.
    steps
        The dated ledger, in order of date; the first is adoption. None where the reform is
        staggered: units adopt in periods of their own.
    anticipation
        Periods before adoption kept out of the reference and the fit.
    adoptions
        Staggered reforms: periods in which treated units adopt, in order, once they have been read.
    """

    frequency: Frequency
    first: date
    last: date
    dropped: tuple[date, ...]
    steps: tuple[Step, ...]
    anticipation: int
    adoptions: tuple[date, ...] = ()

    @property
    def staggered(self) -> bool:
        """Whether units adopt in periods of their own."""
        return not self.steps

    @property
    def adoption(self) -> date:
        """The period in which the treated units adopt, or the first of them does.

        Raises
        ------
        ValueError
            If the reform is staggered and nobody has read yet when units adopt.
        """
        if self.steps:
            return self.steps[0].start
        if not self.adoptions:
            raise ValueError("when units adopt has not been read")
        return self.adoptions[0]

    @cached_property
    def periods(self) -> tuple[date, ...]:
        """Every period of the window, dropped ones included."""
        return tuple(periods.span(self.first, self.last, self.frequency))

    @property
    def pre_end(self) -> date:
        """Last period before the anticipation periods: the reference."""
        return periods.shift(self.adoption, -self.anticipation - 1, self.frequency)

    def event_time(self, period: date) -> int:
        """Periods since adoption."""
        return periods.number(period, self.frequency) - periods.number(
            self.adoption, self.frequency
        )


@dataclass(frozen=True)
class Population:
    """Who is counted.

    Attributes
    ----------
    months
        Length of the selection window of ``prior_recipients``.
    ages
        First and last age that is counted.
    groups
        Whether persons count in the groups they belonged to before the reform, or belong to in
        the period; None: before for ``prior_recipients``, in the period for others.
    movers
        The same for the unit.
    after
        Months without assistance after which a recipient is one of the ``entrants``.
    """

    kind: PopulationKind
    months: int | None = None
    ages: tuple[int, int] = WORKING_AGE
    groups: GroupsOf | None = None
    movers: MoversTo | None = None
    after: int | None = None

    @property
    def frozen_groups(self) -> bool:
        """Whether groups are those of the last period before anticipation."""
        return self.groups == "frozen" or (self.groups is None and self._is_cohort)

    @property
    def frozen_units(self) -> bool:
        """Whether units are those of the last period before anticipation."""
        return self.movers == "before" or (self.movers is None and self._is_cohort)

    @property
    def _is_cohort(self) -> bool:
        return self.kind == "prior_recipients"


@dataclass(frozen=True)
class GroupCases:
    """A group variable that a mapping computes from raw codes.

    Attributes
    ----------
    name, version
        The mapping's file stem and version.
    variable
        The group variable.
    note
        What it is, in a sentence, for the checks.
    cases
        Value, and the codes that each column must be among for it. No row fits two values.
    """

    name: str
    version: str
    variable: str
    note: str
    cases: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]

    @property
    def values(self) -> tuple[str, ...]:
        """Values, each once."""
        return tuple(dict.fromkeys(value for value, _ in self.cases))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the register that are read, each once."""
        return tuple(dict.fromkeys(column for _, codes in self.cases for column, _ in codes))


@dataclass(frozen=True)
class Group:
    """A subgroup of people: no terms means everybody."""

    terms: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The name in every file, e.g. ``family=with_children & origin=non_western``."""
        return " & ".join(f"{key}={value}" for key, value in self.terms) or "all"


@dataclass(frozen=True)
class Contrast:
    """A comparison inside units: one group against another that it does not overlap."""

    BETWEEN: ClassVar[str] = " versus "

    group: str
    versus: str

    @property
    def name(self) -> str:
        """The name of its series: both groups' names."""
        return f"{self.group}{self.BETWEEN}{self.versus}"


@dataclass(frozen=True)
class Cpi:
    """A price index: its file in the data folder, its columns, and the base (year or month)."""

    file: str
    period: str
    value: str
    base: str
    separator: str = ","
    decimal: str = "."


@dataclass(frozen=True)
class Definition:
    """How a source defines an outcome of its own.

    Attributes
    ----------
    expression
        Over columns of the register, in the language of `register.expressions`.
    columns
        Those columns, with the kind of their values.
    kind
        A ``count`` is the sum over persons, everything else the mean.
    scale
        Factor on the value.
    lower, upper
        Bounds that a person's value is cut off at (winsorised); None: not.
    """

    expression: str
    columns: tuple[tuple[str, Kind], ...]
    kind: str
    scale: float = 1.0
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Outcome:
    """One outcome of a reform, with whom it counts and in what it is measured.

    ``definition`` is None where the program knows the outcome by its name; ``prices_of`` is the
    base whose prices it is in, None where it is not deflated. ``per`` names the outcome that it is
    divided by, or `PER_PERSONS`, with ``times`` as factor; ``indexed`` puts it on a scale on which
    the unit's mean before the reform is 100. ``in_levels`` says whether an estimator compares its
    level, which counts of units of different size do not allow. ``of`` is the source's name of the
    outcome where that is another, and ``later`` how many periods later the same persons are seen.
    ``source`` names the source where it is not the reform's own, and ``per_source`` that of what it
    is divided by.
    """

    name: str
    population: Population
    measured_in: str
    label: str
    smallest_effect_of_interest: float | None = None
    max_months: int | None = None
    definition: Definition | None = None
    prices_of: str | None = None
    months: int | None = None
    per: str | None = None
    times: float = 1.0
    indexed: bool = False
    in_levels: bool = True
    of: str = ""
    later: int = 0
    source: str = ""
    per_source: str = ""

    @property
    def source_name(self) -> str:
        """Name that the source knows the outcome by."""
        return self.of or self.name


@dataclass(frozen=True)
class Dose:
    """Where it stands how much of the reform a unit had, and in what effects are given.

    Attributes
    ----------
    file
        In the data folder.
    unit, start, value
        Columns: codes of units, the period from which the value holds, the value.
    groups
        Group variables and the columns with their values.
    measured_in
        Unit of measurement of the dose.
    per
        Effects are those of this much of it.
    """

    file: str
    unit: str
    start: str
    value: str
    groups: tuple[tuple[str, str], ...] = ()
    separator: str = ","
    decimal: str = "."
    measured_in: str = "NOK"
    per: float = 1000.0

    @property
    def words(self) -> str:
        """How much of it effects are given for."""
        return f"{self.per:,.15g} {self.measured_in}"


@dataclass(frozen=True)
class Comparison:
    """Which units may serve as donors.

    ``largest`` keeps that many by persons in the last period before anticipation; ``units``
    names them; neither means all. ``exclude`` is applied first. ``later`` are donors that adopt
    after the reform, and are here so that a misspelt one is found; those of them that do so inside
    the window are in ``leaving``, with the period from which they are donors no more. ``donors``
    says for staggered reforms whether units that adopt later may be donors until they do.
    """

    largest: int | None = None
    units: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    leaving: tuple[tuple[str, date], ...] = ()
    donors: DonorRule = "never_treated"


@dataclass(frozen=True)
class Adoption:
    """Where it stands when each unit adopts.

    Attributes
    ----------
    unit, start
        Columns with units and with the period in which they adopt; ``unit`` is empty where
        ``start`` is a column of the source's own table.
    file
        A file of its own, in the data folder; "" for the source's.
    never
        What stands in ``start`` for units that never adopt, beside nothing.
    """

    start: str
    unit: str = ""
    file: str = ""
    separator: str = ","
    never: tuple[str, ...] = ()


@dataclass(frozen=True)
class Geography:
    """How unit codes of the data are put on one territory year.

    Attributes
    ----------
    year
        Territory year of the reform: units are those of its first day.
    as_of
        Year that the data's codes belong to; None where each period has the codes of its time.
    splits
        What is done with a unit that the territory year knows only in parts.
    special
        Codes that are no unit, with what they stand for.
    file
        Name of the file with the changes of units over time.
    """

    year: int
    as_of: int | None = None
    splits: SplitRule = "stop"
    special: Mapping[str, str] = field(default_factory=dict)
    file: str = ""

    @property
    def moves(self) -> bool:
        """Whether the data's codes can differ from those of the territory year."""
        return self.as_of != self.year


@dataclass(frozen=True)
class PanelSpec:
    """What `build_panel` and `check_data` read; ``cpi`` only where an outcome is deflated.

    ``denominators`` are outcomes that others are counted per and that are not shown themselves.
    ``adoption`` says where it stands when units adopt, where they do so in periods of their own;
    ``adopted`` and ``treated`` are then empty until `panel.adoption` has read it. ``any_groups``
    passes over groups that the source has no cells of, which is else a fault.
    """

    reform: str
    timing: Timing
    treated: tuple[str, ...]
    comparison: Comparison
    outcomes: tuple[Outcome, ...]
    groups: tuple[Group, ...]
    min_persons: int
    weighted_by_persons: bool = False
    cpi: Cpi | None = None
    geography: Geography | None = None
    mappings: tuple[GroupCases, ...] = ()
    denominators: tuple[Outcome, ...] = ()
    adoption: Adoption | None = None
    adopted: Mapping[str, date | None] = field(default_factory=dict)
    any_groups: bool = False


@dataclass(frozen=True)
class DoseSpec:
    """What `build_dose` reads."""

    reform: str
    timing: Timing
    dose: Dose
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Covariate:
    """What units are matched on: an outcome of the reform, averaged over periods before it."""

    name: str
    outcome: str
    first: date
    last: date


@dataclass(frozen=True)
class EstimateSpec:
    """What `estimate_effects` reads: one estimator label of one reform."""

    reform: str
    label: str
    method: str
    timing: Timing
    outcomes: tuple[str, ...]
    groups: tuple[str, ...]
    weights: WeightKind = "equal"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    contrasts: tuple[Contrast, ...] = ()
    dose: Dose | None = None
    leaving: tuple[tuple[str, date], ...] = ()
    covariates: tuple[Covariate, ...] = ()

    @property
    def unit(self) -> str | None:
        """Unit of measurement of the method's effects; None: the outcome's own.

        Where effects are per dose, ``{}`` in it stands for the outcome's.
        """
        return PROPORTIONAL.get(self.method) or (
            f"{{}} per {self.dose.words}" if self.dose else None
        )


@dataclass(frozen=True)
class Headline:
    """The one effect the reform file names in advance."""

    outcome: str
    group: str
    estimator: str


@dataclass(frozen=True)
class AssessSpec:
    """What `assess_effects` reads.

    ``inference`` names methods, or is ``("auto",)``: all of them, as `inference._router` decides.
    """

    reform: str
    timing: Timing
    estimators: tuple[EstimateSpec, ...]
    outcomes: tuple[Outcome, ...]
    headline: Headline
    ci_level: float
    min_persons: int
    seed: int
    inference: tuple[str, ...] = ("auto",)


def to_json(spec: Any) -> str:
    """Write a spec as compact JSON; equal specs give equal text."""
    return TypeAdapter(type(spec)).dump_json(spec).decode()


def from_json(kind: type[T], text: str) -> T:
    """Read a spec back from `to_json`'s text."""
    return TypeAdapter(kind).validate_json(text)
