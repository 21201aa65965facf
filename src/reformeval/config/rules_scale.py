"""What a reform file must satisfy where outcomes are put on a scale and estimators choose some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.config import resolve_outcomes
from reformeval.config.models import Estimator, Headline, Outcome, Population, Source
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.sources._register_keys import RegisterModel
from reformeval.spec import PER_PERSONS


def per(
    document: Document, name: str, keys: Mapping[str, Any], source: Source, below: Source
) -> None:
    """Ask that a count is divided by a count of the same persons or cells.

    Parameters
    ----------
    document
        The reform file; problems are added to it.
    name
        The outcome that is divided.
    keys
        The reform's valid keys.
    source, below
        Sources of the outcome and of what it is divided by.
    """
    outcome: Outcome = keys["outcomes"][name]
    at: Path = ("outcomes", name, "per")
    here = f"`{dotted(at)}`"
    assert outcome.per is not None
    divisor, known = outcome.per.outcome, outcome.of or name
    same = below is source
    counts = sorted(one for one in below.outcome_names() if below.outcome_kind(one) == "count")
    counts = [one for one in counts if not same or one != known]
    persons = [PER_PERSONS] if outcome.per.source is None else []
    if source.outcome_kind(known) != "count":
        document.add(at, f"{here}: '{name}' is no count, so it is relative already", "take it out")
    elif divisor in persons:
        return
    elif below.is_register and not same:
        document.add(
            at,
            f"{here}: a count of a table cannot be divided by one of the register's persons",
            "divide by a count of a table",
        )
    elif divisor not in counts:
        choices = [*persons, *counts]
        named = f"the source {outcome.per.source}" if outcome.per.source else "the source"
        document.add(
            at,
            f"{here}: {named} has no{' other' if same else ''} count '{divisor}'",
            did_you_mean(divisor, choices) or f"use one of: {', '.join(choices)}",
        )
    elif divisor in keys["outcomes"]:
        _studied(document, at, name, keys, below)


def _studied(
    document: Document, at: Path, name: str, keys: Mapping[str, Any], source: Source
) -> None:
    """Ask that what an outcome is divided by is not changed by the reform file itself."""
    outcomes: Mapping[str, Outcome] = keys["outcomes"]
    outcome = outcomes[name]
    assert outcome.per is not None
    below = outcome.per.outcome
    other, own = outcomes[below], keys.get("source")
    here = f"`{dotted(at)}`"
    if (other.source or own) != (outcome.per.source or outcome.source or own):
        return  # an outcome of this name, but of another source
    if other.per is not None or other.scale is not None:
        document.add(
            at,
            f"{here}: '{below}' is itself on another scale in this reform",
            f"take per and scale out of outcomes.{below}",
        )
    default: Population | None = keys.get("population")
    mine, its = (
        resolve_outcomes.counted(source, one, outcomes[one], default) for one in (name, below)
    )
    if source.is_register and mine != its:
        document.add(
            at,
            f"{here}: '{name}' and '{below}' count different populations",
            "give both the same population",
        )


def later(document: Document, path: Path, known: str, outcome: Outcome, source: Source) -> None:
    """Ask that an outcome of a later month can be had."""
    if outcome.later is not None and not isinstance(source, RegisterModel):
        at = (*path, "later")
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
