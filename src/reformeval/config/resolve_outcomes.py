"""The outcomes of a reform, resolved: whom each counts, how it is computed, and per what."""

from __future__ import annotations

from reformeval import spec
from reformeval.config.models import Outcome, Population, Source
from reformeval.config.study import Study
from reformeval.parts import OWN
from reformeval.register.expressions import parse
from reformeval.sources._register_keys import SPANNING, TOP_CODED, RegisterModel

DEFAULT_MONTHS = 12
DEFAULT_AFTER = 6


def outcomes(study: Study) -> tuple[spec.Outcome, ...]:
    """Outcomes with labels and populations filled in."""
    return tuple(_outcome(study, name, given) for name, given in study.reform.outcomes.items())


def _outcome(study: Study, name: str, given: Outcome) -> spec.Outcome:
    known = given.of or name
    of = study.other(given.source)
    source = study.of(of)
    label = given.label or source.default_outcome_label(known)
    if given.later and not given.label:
        label += f", {given.later} {'month' if given.later == 1 else 'months'} later"
    return spec.Outcome(
        name=name,
        population=_population(source, counted(source, known, given, study.reform.population)),
        measured_in=given.measured_in,
        label=label,
        smallest_effect_of_interest=given.smallest_effect_of_interest,
        max_months=(given.max_months or DEFAULT_MONTHS) if known in TOP_CODED else None,
        months=(given.months or DEFAULT_MONTHS) if known in SPANNING else None,
        definition=_definition(source, known),
        prices_of=_base(source, known),
        per=_below(study, given)[0] if given.per else None,
        times=given.per.times if given.per else 1.0,
        indexed=given.scale == "pre_mean",
        in_levels=_in_levels(study, name),
        of=given.of or "",
        later=given.later or 0,
        source=of,
        per_source=_below(study, given)[1] if given.per else of,
    )


def _below(study: Study, given: Outcome) -> tuple[str, str]:
    """Name in the panel of what an outcome is counted per, and that of its source."""
    assert given.per is not None
    of = study.other(given.per.source or given.source)
    name = given.per.outcome
    if name == spec.PER_PERSONS and given.per.source is None:
        return name, of
    studied = study.reform.outcomes.get(name)
    if studied is None:
        return (name if of == OWN else f"{of}:{name}"), of
    same = study.other(studied.source) == of and studied.of in (None, name) and not studied.later
    return (name if same else f"{of or study.source_name}:{name}"), of


def denominators(study: Study) -> tuple[spec.Outcome, ...]:
    """Outcomes that others are counted per, and that the reform does not study themselves."""
    found: dict[str, spec.Outcome] = {}
    for outcome in outcomes(study):
        name = outcome.per
        if name is not None and name not in (spec.PER_PERSONS, *study.reform.outcomes):
            known = study.reform.outcomes[outcome.name].per
            assert known is not None
            source = study.of(outcome.per_source)
            found[name] = spec.Outcome(
                name=name,
                population=outcome.population
                if source.is_register
                else spec.Population(spec.AS_PUBLISHED),
                measured_in="",
                label=known.outcome,
                definition=_definition(source, known.outcome),
                in_levels=False,
                of="" if name == known.outcome else known.outcome,
                source=outcome.per_source,
                per_source=outcome.per_source,
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
    if not source.is_register:
        return outcome.population
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


def _population(source: Source, given: Population | None) -> spec.Population:
    if given is None or not source.is_register:
        return spec.Population(spec.AS_PUBLISHED)
    return spec.Population(
        given.kind,
        (given.months or DEFAULT_MONTHS) if given.kind == "prior_recipients" else None,
        given.ages or spec.WORKING_AGE,
        given.groups,
        given.movers,
        (given.after or DEFAULT_AFTER) if given.kind == "entrants" else None,
    )
