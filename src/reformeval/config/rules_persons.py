"""What a reform file must satisfy where a method has person effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.config import resolve_outcomes
from reformeval.config.models import Headline, Outcome, Population, Source
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.estimators import _discover
from reformeval.sources._register_keys import FROM_HISTORY

_FIX = "give it a share or a mean of prior_recipients, who are the same before and after"


def check(document: Document, keys: Mapping[str, Any], source: Source) -> None:
    """Ask for persons who can be followed."""
    outcomes: Mapping[str, Outcome] = keys.get("outcomes") or {}
    headline: Headline | None = keys.get("headline")
    followed = {name for name in outcomes if _followed(source, name, keys)}
    for label, estimator in (keys.get("estimators") or {}).items():
        method = estimator.method or label
        if method not in _discover.NEEDS_PERSONS:
            continue
        path: Path = ("estimators", label)
        if not source.is_register:
            document.add(
                path,
                f"`{dotted(path)}`: {method} follows persons, and the source is a table",
                "use event_study, or a source with a register",
            )
        elif outcomes and not followed:
            document.add(path, f"`{dotted(path)}`: no outcome has persons to follow", _FIX)
        elif headline and headline.estimator == label and headline.outcome not in followed:
            document.add(
                ("headline", "outcome"),
                f"`headline.outcome`: {method} cannot follow the persons of '{headline.outcome}'",
                _FIX,
            )
        else:
            for i, name in enumerate(estimator.outcomes or ()):
                if name in outcomes and name not in followed:
                    at: Path = (*path, "outcomes", i)
                    document.add(
                        at,
                        f"`{dotted(at)}`: {method} cannot follow the persons of '{name}'",
                        "take it out",
                    )


def _followed(source: Source, name: str, keys: Mapping[str, Any]) -> bool:
    """Whether an outcome is a value of each of the same persons before and after."""
    outcome: Outcome = keys["outcomes"][name]
    if outcome.source not in (None, keys.get("source")):
        return False
    if name not in source.outcome_names() or source.outcome_kind(name) == "count":
        return False
    if outcome.per is not None or outcome.scale is not None or name in FROM_HISTORY:
        return False
    population = resolve_outcomes.counted(source, name, outcome, keys.get("population"))
    return population is not None and _is_frozen(population)


def _is_frozen(population: Population) -> bool:
    if population.kind == "prior_recipients":
        return population.groups != "current" and population.movers != "current"
    frozen = population.groups == "frozen" and population.movers == "before"
    return population.kind == "residents" and frozen
