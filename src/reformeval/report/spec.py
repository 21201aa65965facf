"""ReportSpec: what figures, tables, report and index need to know beyond the artefacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reformeval.report.texts import DEFAULT
from reformeval.spec import (
    Comparison,
    Contrast,
    EstimateSpec,
    Group,
    Headline,
    Outcome,
    Timing,
    WeightKind,
)


@dataclass(frozen=True)
class Estimator:
    """One estimator label of a reform, as the report shows it.

    ``outcomes`` are those that it estimates; ``unit`` is that of its effects, None: the outcome's.
    ``dose`` is how much of a dose they are given for, and what it is measured in.
    """

    label: str
    method: str
    weights: WeightKind = "equal"
    options: Mapping[str, Any] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    unit: str | None = None
    contrasts: tuple[Contrast, ...] = ()
    dose: tuple[float, str] | None = None

    @classmethod
    def of(cls, spec: EstimateSpec) -> Estimator:
        """Take from an `EstimateSpec` what the report shows."""
        return cls(
            spec.label,
            spec.method,
            spec.weights,
            dict(spec.options),
            spec.outcomes,
            spec.unit,
            spec.contrasts,
            (spec.dose.per, spec.dose.measured_in) if spec.dose else None,
        )


@dataclass(frozen=True)
class SourceInfo:
    """Where the data comes from; ``outcomes`` are labels, of all where there are none."""

    name: str
    title: str
    kind: str
    obtain: str
    licence: str | None = None
    notes: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportSpec:
    """What `draw_figures`, `write_report` and the index read of the config.

    Attributes
    ----------
    treated
        Codes of the treated units; their labels come from ``units.parquet``.
    groups
        In the order of the panels; the group of everybody first.
    value_labels
        Words for values of groups; a value without them is written out.
    ci_level
        The configured level; the attained one stands in each row of the effects.
    is_simulated
        Whether the source is simulated, so that the truth is known.
    other_sources
        Where outcomes come from that are not of ``source``.
    config
        The resolved reform, sources and settings as YAML text, without absolute paths.
    language
        Code of the language of figures, tables and report.
    """

    reform: str
    title: str
    question: str
    notes: tuple[str, ...]
    timing: Timing
    treated: tuple[str, ...]
    comparison: Comparison
    outcomes: tuple[Outcome, ...]
    groups: tuple[Group, ...]
    estimators: tuple[Estimator, ...]
    headline: Headline
    ci_level: float
    min_persons: int
    source: SourceInfo
    is_simulated: bool
    config: str
    seed: int
    value_labels: Mapping[str, str] = field(default_factory=dict)
    language: str = DEFAULT
    other_sources: tuple[SourceInfo, ...] = ()

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """Every source, the reform's own first."""
        return (self.source, *self.other_sources)

    def outcome(self, name: str) -> Outcome:
        """Return the outcome of this name."""
        return next(outcome for outcome in self.outcomes if outcome.name == name)

    def of_outcome(self, name: str) -> tuple[Estimator, ...]:
        """Estimators of an outcome that can stand on one axis.

        They give effects in the outcome's unit or, where none does, in that of the first.
        """
        using = [e for e in self.estimators if not e.outcomes or name in e.outcomes]
        unit = None if any(e.unit is None for e in using) else using[0].unit
        return tuple(e for e in using if e.unit == unit)

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """Contrasts of any estimator, each once, in the order of the first that has it."""
        return tuple(dict.fromkeys(c for e in self.estimators for c in e.contrasts))

    def family(self, name: str) -> tuple[Outcome, ...]:
        """One outcome of the same persons seen at several months, in order of these.

        Empty for an outcome that is not the first of at least two.
        """
        first = self.outcome(name)
        same = (first.source_name, first.population)
        members = [o for o in self.outcomes if (o.source_name, o.population) == same]
        if first is not members[0] or len({o.later for o in members}) < max(len(members), 2):
            return ()
        return tuple(sorted(members, key=lambda outcome: outcome.later))

    def labels_of(self, method: str) -> tuple[str, ...]:
        """Labels of the estimators that use a method, in order."""
        return tuple(e.label for e in self.estimators if e.method == method)

    def method_of(self, label: str) -> str:
        """Return the method behind an estimator label."""
        return next(e.method for e in self.estimators if e.label == label)
