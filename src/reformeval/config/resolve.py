"""From a reform file, its source and the settings to the slices that jobs read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from itertools import product
from pathlib import PurePath
from typing import Any

import yaml

from reformeval import periods, spec
from reformeval.config.fields import GroupEntry
from reformeval.config.models import Estimator, Source
from reformeval.config.resolve_outcomes import denominators, outcomes
from reformeval.config.study import Study, group_values, territory_year
from reformeval.estimators import _discover
from reformeval.parts import OWN, of_source
from reformeval.report.spec import Estimator as ShownEstimator
from reformeval.report.spec import ReportSpec, SourceInfo
from reformeval.sources._register_keys import RegisterModel


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


def cpi(study: Study) -> spec.Cpi | None:
    """Give the price index that a reform needs; None where no outcome is deflated."""
    source = study.source
    if not isinstance(source, RegisterModel) or source.cpi is None:
        return None
    own = {n: o for n, o in study.reform.outcomes.items() if study.other(o.source) == OWN}
    if not any(source.is_deflated(one.of or name) for name, one in own.items()):
        return None
    return spec.Cpi(**source.cpi.model_dump())


def geography(study: Study, name: str = OWN) -> spec.Geography | None:
    """Say how a source's units are put on territories; None where the codes are taken as they are.

    Where the reform names no year, it is that of the codes in its own source.
    """
    own, asked = study.of(name).geography, study.reform.geography
    if own is None:
        return None
    as_of = None if own.as_of == "period" else own.as_of
    year = asked.year if asked else territory_year(study.source, own.as_of)
    assert year is not None  # `rules` asks for it
    splits = asked.splits if asked else "stop"
    file = PurePath(study.settings.geography_file).name if as_of != year else ""
    return spec.Geography(year, as_of, splits, own.special, file)


def own_panel_spec(study: Study) -> spec.PanelSpec:
    """Give what is asked of the reform's own source."""
    whole = panel_spec(study)
    known = group_values(study.source, study.mappings)
    return of_source(whole, OWN, known, whole.geography) if study.others else whole


def panel_spec(study: Study) -> spec.PanelSpec:
    """Give what is asked of all sources together."""
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
        source=_source_info(study.source_name, source),
        other_sources=tuple(
            _source_info(name, one, _told_of(study, name)) for name, one in study.others.items()
        ),
        value_labels=_value_labels(study),
        is_simulated=source.is_simulated,
        config=resolved_yaml(study),
        seed=study.settings.seed,
        language=reform.language,
    )


def _source_info(name: str, source: Source, outcomes: tuple[str, ...] = ()) -> SourceInfo:
    return SourceInfo(
        name=name,
        title=source.title,
        kind=source.kind,
        obtain=source.obtain,
        licence=source.licence,
        notes=source.notes,
        outcomes=outcomes,
    )


def _told_of(study: Study, name: str) -> tuple[str, ...]:
    """Labels of the outcomes that a source has, or has the denominator of."""
    return tuple(one.label for one in outcomes(study) if name in (one.source, one.per_source))


def _value_labels(study: Study) -> dict[str, str]:
    labels = {v: words for one in study.others.values() for v, words in one.value_labels.items()}
    labels |= study.source.value_labels
    for one in study.mappings:
        labels |= one.content.value_labels
    return labels


def resolved_yaml(study: Study) -> str:
    """Reform, source and settings with all defaults filled in, as YAML without folders' paths."""
    reform = study.reform.model_dump(mode="json", by_alias=True)
    reform["groups"] = [g.name for g in expand_groups(study.reform.groups, study.group_values)]
    shown = {
        "reform": {study.name: reform},
        "source": {
            name: source.model_dump(mode="json", by_alias=True)
            for name, source in study.sources.items()
        },
        "mappings": {
            one.name: one.content.model_dump(mode="json", by_alias=True) for one in study.mappings
        },
        "settings": study.settings.model_dump(
            mode="json", exclude={"reforms", "data_dir", "restricted_dir", "buckets"}
        ),
    }
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=96)
