"""What a reform file must satisfy where outcomes are put on a scale and estimators choose some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.config import resolve
from reformeval.config.models import Estimator, Headline, Outcome, Population, Source
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.sources._register_keys import RegisterModel
from reformeval.spec import PER_PERSONS


def per(
    document: Document,
    path: Path,
    name: str,
    outcomes: Mapping[str, Outcome],
    default: Population | None,
    source: Source,
) -> None:
    """Ask that a count is divided by a count of the same persons or cells."""
    given, known = outcomes[name].per, outcomes[name].of or name
    at: Path = (*path, "per")
    here = f"`{dotted(at)}`"
    below = given.outcome if given else PER_PERSONS
    counts = sorted(one for one in source.outcome_names() if source.outcome_kind(one) == "count")
    if source.outcome_kind(known) != "count":
        document.add(at, f"{here}: '{name}' is no count, so it is relative already", "take it out")
    elif below == PER_PERSONS:
        return
    elif below == name or below not in counts:
        choices = [PER_PERSONS, *(one for one in counts if one != name)]
        document.add(
            at,
            f"{here}: the source has no other count '{below}'",
            did_you_mean(below, choices) or f"use one of: {', '.join(choices)}",
        )
    elif below in outcomes:
        other = outcomes[below]
        if other.per is not None or other.scale is not None:
            document.add(
                at,
                f"{here}: '{below}' is itself on another scale in this reform",
                f"take per and scale out of outcomes.{below}",
            )
        mine, its = (resolve.counted(source, one, outcomes[one], default) for one in (name, below))
        if source.is_register and mine != its:
            document.add(
                at,
                f"{here}: '{name}' and '{below}' count different populations",
                "give both the same population",
            )


def later(document: Document, path: Path, known: str, outcome: Outcome, source: Source) -> None:
    """Ask that an outcome of a later month can be had."""
    for key in ("of", "later"):
        if getattr(outcome, key) is not None and not isinstance(source, RegisterModel):
            at = (*path, key)
            document.add(at, f"`{dotted(at)}` is for registers, whose persons are followed")
    if not outcome.later or not isinstance(source, RegisterModel):
        return
    at = (*path, "later")
    if outcome.per is not None:
        document.add(at, f"`{dotted(at)}` and per cannot stand together", "take one out")
    if source.is_deflated(known):
        document.add(
            at,
            f"`{dotted(at)}`: '{known}' is in constant prices of the month that persons count in, "
            "not of a later one",
            "use the outcome without deflating it",
        )


def all_estimated(document: Document, keys: Mapping[str, Any]) -> None:
    """Ask that every outcome has an estimator."""
    chosen = [one.outcomes for one in (keys.get("estimators") or {}).values()]
    if not chosen or None in chosen:
        return
    for name in keys.get("outcomes") or {}:
        if not any(name in listed for listed in chosen):
            document.add(
                ("outcomes", name),
                f"`{dotted(('outcomes', name))}`: no estimator estimates '{name}'",
                "add it to estimators.<label>.outcomes, or take it out",
            )


def estimated(
    document: Document, label: str, estimator: Estimator, keys: Mapping[str, Any]
) -> None:
    """Ask that an estimator's outcomes are the reform's and that the headline is among them."""
    headline: Headline | None = keys.get("headline")
    if headline and headline.estimator == label and "trends" in estimator.options:
        document.add(
            ("estimators", label, "trends"),
            f"`{dotted(('estimators', label, 'trends'))}`: an estimate with trends of units is a "
            "sensitivity and no headline: a trend takes up part of an effect that grows",
            "give it a label of its own, e.g. did_trends: {method: did, trends: unit}",
        )
    if estimator.outcomes is None or "outcomes" not in keys:
        return
    path: Path = ("estimators", label, "outcomes")
    for i, name in enumerate(estimator.outcomes):
        if name not in keys["outcomes"]:
            document.add(
                (*path, i),
                f"`{dotted((*path, i))}`: the reform has no outcome '{name}'",
                did_you_mean(name, keys["outcomes"]),
            )
    if headline and headline.estimator == label and headline.outcome not in estimator.outcomes:
        document.add(
            path,
            f"`{dotted(path)}` leaves out the headline's outcome '{headline.outcome}'",
            "add it, or name another estimator under headline",
        )
