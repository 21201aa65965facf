"""Slices of config that rules get as params: what a job reads, without words for readers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reformeval.config import resolve
from reformeval.config.models import Source
from reformeval.config.study import Study
from reformeval.jobs._source import OtherSource, PanelJob, SourceSlice
from reformeval.parts import OWN
from reformeval.sources._register_keys import RegisterModel
from reformeval.spec import AssessSpec, EstimateSpec, PanelSpec, Timing


def own_job(study: Study) -> PanelJob:
    """Slice of the jobs that read the reform's own source alone."""
    spec = resolve.own_panel_spec(study)
    return PanelJob(source_slice(study.source, **_used(study)), bare_panel(spec))


def whole_job(study: Study) -> PanelJob:
    """Slice of `check_data`, which puts all sources together."""
    source = source_slice(study.source, **_used(study))
    return PanelJob(source, bare_panel(resolve.panel_spec(study)), others(study))


def others(study: Study) -> tuple[OtherSource, ...]:
    """Further sources that outcomes are of."""
    return tuple(
        OtherSource(name, source_slice(source), resolve.geography(study, name))
        for name, source in study.others.items()
    )


def source_slice(source: Source, **unused: Any) -> SourceSlice:
    """Take from a source what data is made from; what is told about it and unused is left out."""
    told: dict[str, Any] = {
        "title": "-",
        "obtain": "-",
        "licence": None,
        "notes": (),
        "value_labels": {},
    }
    content = source.model_copy(update=told | unused).model_dump(mode="json", by_alias=True)
    return SourceSlice(source.kind, content)


def _used(study: Study) -> dict[str, Any]:
    """Cut down what only some reforms read of a register's source to what this one does.

    That is the outcomes that the source defines, without words for readers, and the price index,
    which the reform's own slice has.
    """
    if not isinstance(study.source, RegisterModel):
        return {}
    defined = study.source.outcomes
    asked = study.reform.outcomes
    known = [one.of or name for name, one in asked.items() if study.other(one.source) == OWN]
    below = [
        one.per.outcome
        for one in asked.values()
        if one.per and study.other(one.per.source or one.source) == OWN
    ]
    names = [name for name in dict.fromkeys((*known, *below)) if name in defined]
    outcomes = {name: defined[name].model_copy(update={"label": "-"}) for name in names}
    return {"outcomes": outcomes, "cpi": None, "mappings": ()}


def bare(timing: Timing) -> Timing:
    """Leave out the words for steps."""
    return replace(timing, steps=tuple(replace(step, label=step.id) for step in timing.steps))


def bare_panel(spec: PanelSpec) -> PanelSpec:
    """Leave out the words for steps and outcomes."""
    outcomes = (
        replace(o, label=o.name, measured_in="", smallest_effect_of_interest=None)
        for o in spec.outcomes
    )
    return replace(spec, timing=bare(spec.timing), outcomes=tuple(outcomes))


def bare_estimate(spec: EstimateSpec) -> EstimateSpec:
    """Leave out the words for steps."""
    return replace(spec, timing=bare(spec.timing))


def bare_assess(spec: AssessSpec) -> AssessSpec:
    """Leave out words, and how outcomes are computed."""
    return replace(
        spec,
        timing=bare(spec.timing),
        estimators=tuple(bare_estimate(estimator) for estimator in spec.estimators),
        outcomes=tuple(replace(o, label=o.name, definition=None) for o in spec.outcomes),
    )
