"""Which figures a reform has; apart from `figures.draw`, which imports matplotlib."""

from __future__ import annotations

from dataclasses import dataclass

from reformeval.report.results import Results
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import say

BY_OUTCOME = (
    "effects",
    "later",
    "raw_means",
    "event_study",
    "synthetic_control",
    "gaps",
    "placebos",
)
# methods whose counterfactual is a weighted sum of donors
WITH_WEIGHTS = (
    "synthetic_control",
    "demeaned_sc",
    "augmented_sc",
    "penalised_sc",
    "common_sc",
    "matched_sc",
)
WITHOUT_EVENTS = ("synthetic_did",)  # methods of staggered reforms without event times
NEGATIVE_WEIGHTS = ("augmented_sc",)  # those of them whose weights may be negative


@dataclass(frozen=True)
class Planned:
    """One figure: its kind, its outcome ("" for the calendar) and its estimator label or ""."""

    kind: str
    outcome: str
    label: str
    name: str


def planned(spec: ReportSpec) -> list[Planned]:
    """List the figures of a reform: the calendar, then by outcome and kind.

    Kinds that show one estimator are drawn for each label of their method; from the second label
    on, its name is part of the file's.
    """
    figures = [Planned("calendar", "", "", "calendar")]
    for outcome in spec.outcomes:
        for kind in BY_OUTCOME:
            for i, label in enumerate(_labels(spec, kind, outcome.name)):
                stem = f"{kind}_{label}" if i else kind
                figures.append(Planned(kind, outcome.name, label, f"{stem}_{outcome.name}"))
    return figures


def title_of(results: Results, figure: Planned) -> str:
    """Title of a figure, the same above it and in the report."""
    label = results.spec.outcome(figure.outcome).label if figure.outcome else ""
    told = {"outcome": label, "treated": results.treated_name}
    method = results.spec.method_of(figure.label) if figure.label else ""
    if method == "person_event_study":
        return say("figure.event_study.title_persons", **told)
    title = say(f"figure.{figure.kind}.title", **told)
    if method in WITH_WEIGHTS[1:]:
        return say("figure.of_method", title=title, method=say(f"method.{method}.name"))
    return title


def _labels(spec: ReportSpec, kind: str, outcome: str) -> tuple[str, ...]:
    """Estimator labels a kind is drawn for; one empty label where it needs none."""
    methods: tuple[str, ...] = ()
    if kind == "later":
        return ("",) if spec.family(outcome) else ()
    if kind == "event_study":
        methods = ("event_study", "person_event_study")
        if spec.timing.staggered:
            methods = tuple(e.method for e in spec.estimators if e.method not in WITHOUT_EVENTS)
    elif kind in ("synthetic_control", "gaps"):
        methods = WITH_WEIGHTS
    else:
        return ("",)
    return tuple(
        e.label
        for e in sorted(spec.estimators, key=lambda e: e.method == "person_event_study")
        if e.method in methods and (not e.outcomes or outcome in e.outcomes)
    )
