"""From a reform file, its source and the settings to the slices that jobs read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import PurePath
from typing import Any

import yaml

from reformeval import periods, spec
from reformeval.config.mappings import Named
from reformeval.config.models import (
    Estimator,
    GroupEntry,
    Outcome,
    Population,
    Reform,
    Settings,
    Source,
)
from reformeval.estimators import _discover
from reformeval.register.expressions import parse
from reformeval.report.spec import Estimator as ShownEstimator
from reformeval.report.spec import ReportSpec, SourceInfo
from reformeval.sources._register_keys import SPANNING, TOP_CODED, RegisterModel

DEFAULT_MONTHS = 12
DEFAULT_AFTER = 6


@dataclass(frozen=True)
class Study:
    """One reform with everything that its results depend on.

    Attributes
    ----------
    name
        File stem of the reform file.
    source_name
        File stem of the source file.
    mappings
        Those that the reform names.
    """

    name: str
    reform: Reform
    source_name: str
    source: Source
    settings: Settings
    mappings: tuple[Named, ...] = ()

    @property
    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values, those of mappings in the place of the source's."""
        return group_values(self.source, self.mappings)


def group_values(source: Source, mappings: Collection[Named]) -> dict[str, tuple[str, ...]]:
    """Group variables and their values for a reform that names these mappings."""
    mapped = {one.content.variable: tuple(one.content.values) for one in mappings}
    return source.group_values() | mapped


def expand_groups(
    entries: Collection[GroupEntry], known: Mapping[str, tuple[str, ...]]
) -> tuple[spec.Group, ...]:
    """Give every group of a reform, everybody first, in the order of the reform file.

    Variables that are not known are passed over: `config.rules` reports them.
    """
    found: dict[spec.Group, None] = {spec.Group(): None}
    for entry in entries:
        if any(variable not in known for variable, _ in entry):
            continue
        choices = [
            [(variable, value) for value in (known[variable] if values is None else values)]
            for variable, values in entry
        ]
        found |= {spec.Group(terms): None for terms in product(*choices)}
    return tuple(found)


def contrasts_levels(method: str) -> bool:
    """Whether a method can estimate the difference of two groups' levels."""
    return method not in spec.PROPORTIONAL and method not in _discover.NEEDS_PERSONS


def contrasts(study: Study, method: str) -> tuple[spec.Contrast, ...]:
    """Contrasts between groups that a method estimates.

    The one under ``comparison.within`` for every method that compares levels. For methods whose
    estimates are those of one saturated regression also each value of a group variable against
    the first.
    """
    if not contrasts_levels(method):
        return ()
    found: dict[spec.Contrast, None] = {}
    within = study.reform.comparison.within
    if within is not None:
        found[spec.Contrast(within.group, within.against)] = None
    if method in spec.SATURATED:
        for entry in study.reform.groups:
            names = [group.name for group in expand_groups([entry], study.group_values)[1:]]
            for name in names[1:] if len(entry) == 1 else ():
                if spec.Contrast(names[0], name) not in found:
                    found[spec.Contrast(name, names[0])] = None
    return tuple(found)


def timing(study: Study) -> spec.Timing:
    """Window, steps and anticipation as dates."""
    reform, frequency = study.reform, study.source.frequency

    def parsed(text: str) -> date:
        return periods.parse(text, frequency)

    return spec.Timing(
        frequency=frequency,
        first=parsed(reform.window.first),
        last=parsed(reform.window.last),
        dropped=tuple(sorted(parsed(text) for text in reform.window.drop)),
        steps=tuple(
            spec.Step(step.id, parsed(step.start), step.label or step.id)
            for step in reform.treatment.steps
        ),
        anticipation=reform.treatment.anticipation,
    )


def dose(study: Study) -> spec.Dose | None:
    """Say where the doses are; None where the reform has none."""
    given = study.reform.treatment.dose
    if given is None:
        return None
    return spec.Dose(**given.model_dump() | {"groups": tuple(given.groups.items())})


def dose_spec(study: Study) -> spec.DoseSpec:
    """Give what `build_dose` reads."""
    found = dose(study)
    assert found is not None  # only reforms with a dose have this job
    groups = expand_groups(study.reform.groups, study.group_values)
    return spec.DoseSpec(study.name, timing(study), found, groups)


def leaving(study: Study) -> tuple[tuple[str, date], ...]:
    """Donors that adopt inside the window, with the period in which they do, in that order."""
    window, given = timing(study), study.reform.comparison
    found = [
        (unit, periods.parse(start, window.frequency))
        for unit, start in given.treated_from.items()
        if unit not in given.exclude
    ]
    return tuple(sorted((p for p in found if p[1] <= window.last), key=lambda p: (p[1], p[0])))


def comparison(study: Study) -> spec.Comparison:
    """Which units may serve as donors."""
    given = study.reform.comparison
    return spec.Comparison(
        given.largest,
        given.units,
        given.exclude,
        tuple(given.treated_from),
        leaving(study),
        given.donors or "never_treated",
    )


def adoption(study: Study) -> spec.Adoption | None:
    """Say where it stands when units adopt; None where all do on the date of the first step."""
    given = study.reform.treatment.adoption
    if given is None:
        return None
    return spec.Adoption(
        start=given.column or given.start or "",
        unit=given.unit or "",
        file=given.file or "",
        separator=given.separator,
        never=given.never,
    )


def outcomes(study: Study) -> tuple[spec.Outcome, ...]:
    """Outcomes with labels and populations filled in."""
    return tuple(_outcome(study, name, given) for name, given in study.reform.outcomes.items())


def _outcome(study: Study, name: str, given: Outcome) -> spec.Outcome:
    known = given.of or name
    label = given.label or study.source.default_outcome_label(known)
    if given.later and not given.label:
        label += f", {given.later} {'month' if given.later == 1 else 'months'} later"
    return spec.Outcome(
        name=name,
        population=_population(study, counted(study.source, known, given, study.reform.population)),
        measured_in=given.measured_in,
        label=label,
        smallest_effect_of_interest=given.smallest_effect_of_interest,
        max_months=(given.max_months or DEFAULT_MONTHS) if known in TOP_CODED else None,
        months=(given.months or DEFAULT_MONTHS) if known in SPANNING else None,
        definition=_definition(study.source, known),
        prices_of=_base(study.source, known),
        per=given.per.outcome if given.per else None,
        times=given.per.times if given.per else 1.0,
        indexed=given.scale == "pre_mean",
        in_levels=_in_levels(study, name),
        of=given.of or "",
        later=given.later or 0,
    )


def denominators(study: Study) -> tuple[spec.Outcome, ...]:
    """Outcomes that others are counted per, and that the reform does not study themselves."""
    found: dict[str, spec.Outcome] = {}
    for outcome in outcomes(study):
        name = outcome.per
        if name is not None and name not in (spec.PER_PERSONS, *study.reform.outcomes):
            found[name] = spec.Outcome(
                name=name,
                population=outcome.population,
                measured_in="",
                label=name,
                definition=_definition(study.source, name),
                in_levels=False,
            )
    return tuple(found.values())


def _in_levels(study: Study, name: str) -> bool:
    """Whether an estimator compares the outcome's level."""
    return any(
        (given.method or label) not in spec.PROPORTIONAL
        for label, given in study.reform.estimators.items()
        if given.outcomes is None or name in given.outcomes
    )


def counted(
    source: Source, name: str, outcome: Outcome, default: Population | None
) -> Population | None:
    """Whom an outcome counts: as it says itself, else as its definition does, else the reform."""
    if outcome.population is not None or not isinstance(source, RegisterModel):
        return outcome.population or default
    defined = source.outcomes.get(name)
    if defined is None or defined.population is None:
        return default
    same = default is not None and default.kind == defined.population
    return default if same else Population.model_validate({"kind": defined.population})


def _definition(source: Source, name: str) -> spec.Definition | None:
    """Say how an outcome is computed; None for those that every register has."""
    if not isinstance(source, RegisterModel) or name not in source.outcomes:
        return None
    given = source.outcomes[name]
    known = source.columns()
    expression = parse(given.expression, known)
    bounds = given.winsorise
    return spec.Definition(
        expression=expression.text,
        columns=tuple((column, known[column]) for column in expression.columns),
        kind=given.kind,
        scale=given.factor,
        lower=bounds.lower if bounds else None,
        upper=bounds.upper if bounds else None,
    )


def _base(source: Source, name: str) -> str | None:
    """Year or month whose prices an outcome is in; None where it is not deflated."""
    if not isinstance(source, RegisterModel) or source.cpi is None:
        return None
    return source.cpi.base if source.is_deflated(name) else None


def cpi(study: Study) -> spec.Cpi | None:
    """Give the price index that a reform needs; None where no outcome is deflated."""
    source = study.source
    if not isinstance(source, RegisterModel) or source.cpi is None:
        return None
    if not any(source.is_deflated(one.of or name) for name, one in study.reform.outcomes.items()):
        return None
    return spec.Cpi(**source.cpi.model_dump())


def _population(study: Study, given: Population | None) -> spec.Population:
    if given is None or not study.source.is_register:
        return spec.Population("as_published")
    return spec.Population(
        given.kind,
        (given.months or DEFAULT_MONTHS) if given.kind == "prior_recipients" else None,
        given.ages or spec.WORKING_AGE,
        given.groups,
        given.movers,
        (given.after or DEFAULT_AFTER) if given.kind == "entrants" else None,
    )


def geography(study: Study) -> spec.Geography | None:
    """Say how units are put on territories; None where the codes are taken as they are."""
    own, asked = study.source.geography, study.reform.geography
    if own is None:
        return None
    as_of = None if own.as_of == "period" else own.as_of
    year = asked.year if asked else as_of
    assert year is not None  # `rules` asks for it
    splits = asked.splits if asked else "stop"
    file = PurePath(study.settings.geography_file).name if as_of != year else ""
    return spec.Geography(year, as_of, splits, own.special, file)


def panel_spec(study: Study) -> spec.PanelSpec:
    """Give what `check_data` and `build_panel` read."""
    return spec.PanelSpec(
        reform=study.name,
        timing=timing(study),
        treated=study.reform.treatment.units,
        comparison=comparison(study),
        outcomes=outcomes(study),
        groups=expand_groups(study.reform.groups, study.group_values),
        min_persons=study.settings.disclosure.min_persons,
        weighted_by_persons=any(
            estimator.weights == "persons_pre" for estimator in study.reform.estimators.values()
        ),
        cpi=cpi(study),
        geography=geography(study),
        mappings=tuple(one.cases() for one in study.mappings),
        denominators=denominators(study),
        adoption=adoption(study),
    )


def estimate_spec(study: Study, label: str) -> spec.EstimateSpec:
    """Give what `estimate_effects` reads for one estimator label."""
    given = study.reform.estimators[label]
    groups = expand_groups(study.reform.groups, study.group_values)
    return spec.EstimateSpec(
        reform=study.name,
        label=label,
        method=given.method or label,
        timing=timing(study),
        outcomes=tuple(
            name
            for name in study.reform.outcomes
            if given.outcomes is None or name in given.outcomes
        ),
        groups=tuple(group.name for group in groups),
        weights=given.weights,
        options=_options(study, given),
        seed=study.settings.seed,
        contrasts=contrasts(study, given.method or label),
        leaving=leaving(study),
        dose=dose(study) if (given.method or label) in spec.PER_DOSE else None,
        covariates=covariates(study) if (given.method or label) in _discover.MATCHED else (),
    )


def covariates(study: Study) -> tuple[spec.Covariate, ...]:
    """Give what units are matched on, over all periods before the reform unless it is said."""
    when, frequency = timing(study), study.source.frequency
    return tuple(
        spec.Covariate(
            name=name,
            outcome=given.outcome or name,
            first=periods.parse(given.over.first, frequency) if given.over else when.first,
            last=periods.parse(given.over.last, frequency) if given.over else when.pre_end,
        )
        for name, given in study.reform.covariates.items()
    )


def _options(study: Study, given: Estimator) -> dict[str, Any]:
    """Give the options, with the reform's donors where units adopt at different times."""
    if study.reform.treatment.adoption is None:
        return given.options
    return {"donors": comparison(study).donors, **given.options}


def assess_spec(study: Study) -> spec.AssessSpec:
    """Give what `assess_effects` reads."""
    return spec.AssessSpec(
        reform=study.name,
        timing=timing(study),
        estimators=tuple(estimate_spec(study, label) for label in study.reform.estimators),
        outcomes=outcomes(study),
        headline=headline(study),
        ci_level=study.settings.ci_level,
        min_persons=study.settings.disclosure.min_persons,
        seed=study.settings.seed,
        inference=inference(study),
    )


def inference(study: Study) -> tuple[str, ...]:
    """Give the methods of inference that a reform asks for; ``auto`` alone is all of them."""
    given = study.reform.inference
    return (given,) if isinstance(given, str) else given


def headline(study: Study) -> spec.Headline:
    """Give the effect that the reform file names in advance."""
    given = study.reform.headline
    return spec.Headline(given.outcome, given.group, given.estimator)


def report_spec(study: Study) -> ReportSpec:
    """Give what figures, tables and the report read beyond the artefacts."""
    reform, source = study.reform, study.source
    estimators = [estimate_spec(study, label) for label in reform.estimators]
    return ReportSpec(
        reform=study.name,
        title=reform.title,
        question=reform.question or "",
        notes=reform.notes,
        timing=timing(study),
        treated=reform.treatment.units,
        comparison=comparison(study),
        outcomes=outcomes(study),
        groups=expand_groups(reform.groups, study.group_values),
        estimators=tuple(ShownEstimator.of(one) for one in estimators),
        headline=headline(study),
        ci_level=study.settings.ci_level,
        min_persons=study.settings.disclosure.min_persons,
        source=SourceInfo(
            name=study.source_name,
            title=source.title,
            kind=source.kind,
            obtain=source.obtain,
            licence=source.licence,
            notes=source.notes,
        ),
        value_labels=_value_labels(study),
        is_simulated=source.is_simulated,
        config=resolved_yaml(study),
        seed=study.settings.seed,
        language=reform.language,
    )


def _value_labels(study: Study) -> dict[str, str]:
    labels = dict(study.source.value_labels)
    for one in study.mappings:
        labels |= one.content.value_labels
    return labels


def resolved_yaml(study: Study) -> str:
    """Reform, source and settings with all defaults filled in, as YAML without folders' paths."""
    reform = study.reform.model_dump(mode="json", by_alias=True)
    reform["groups"] = [g.name for g in expand_groups(study.reform.groups, study.group_values)]
    shown = {
        "reform": {study.name: reform},
        "source": {study.source_name: study.source.model_dump(mode="json", by_alias=True)},
        "mappings": {
            one.name: one.content.model_dump(mode="json", by_alias=True) for one in study.mappings
        },
        "settings": study.settings.model_dump(
            mode="json", exclude={"reforms", "data_dir", "restricted_dir", "buckets"}
        ),
    }
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=96)
