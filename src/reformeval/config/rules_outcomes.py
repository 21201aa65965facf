"""What the outcomes of a reform file must satisfy, each given the source that has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.config import resolve_outcomes, rules_population, rules_scale
from reformeval.config.models import Outcome, Population, Source
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.sources._register_keys import DEFLATED, SPANNING, TOP_CODED
from reformeval.sources.statbank import StatBankSource
from reformeval.sources.table import TableSource


def check(
    document: Document, keys: Mapping[str, Any], source: Source, others: Mapping[str, Source]
) -> None:
    """Report outcomes that cannot be had as the reform asks for them.

    Parameters
    ----------
    document
        The reform file; problems are added to it.
    keys
        Its valid keys (`validation.by_key`).
    source
        The reform's own source.
    others
        The further sources that can be used, by name.
    """
    outcomes: Mapping[str, Outcome] = keys.get("outcomes") or {}
    default: Population | None = keys.get("population")
    rules_population.check(document, ("population",), default, source, keys)
    for name, outcome in outcomes.items():
        of = found(keys, source, others, outcome.source)
        if of is None:
            continue  # what is wrong with it was reported
        path: Path = ("outcomes", name)
        known = outcome.of or name
        if known not in of.outcome_names():
            _unknown(document, (*path, "of") if outcome.of else path, known, outcome, of)
            continue
        rules_scale.later(document, path, known, outcome, of)
        rules_population.check(document, (*path, "population"), outcome.population, of, keys)
        for key, names in (("max_months", TOP_CODED), ("months", SPANNING)):
            if getattr(outcome, key) is not None and known not in names:
                document.add(
                    (*path, key),
                    f"`{dotted(path)}.{key}` is only for {', '.join(names)}",
                    "take it out",
                )
        if outcome.per is not None:
            below = found(keys, source, others, outcome.per.source or outcome.source)
            if below is not None:
                rules_scale.per(document, name, keys, of, below)
        # A population with a fault of its own was reported as that.
        if of.is_register and ("population" in keys or outcome.population):
            rules_population.counted(
                document, path, known, resolve_outcomes.counted(of, known, outcome, default)
            )


def found(
    keys: Mapping[str, Any], source: Source, others: Mapping[str, Source], name: str | None
) -> Source | None:
    """Find a source by the name that an outcome gives it; None for one that cannot be used."""
    return source if name in (None, keys.get("source")) else others.get(str(name))


def _unknown(document: Document, path: Path, known: str, outcome: Outcome, of: Source) -> None:
    named = f"the source {outcome.source}" if outcome.source else "the source"
    document.add(
        path,
        f"`{dotted(path)}`: {named} has no outcome '{known}'",
        "give the source file a price index: cpi: {file, period, value, base}"
        if of.is_register and known in DEFLATED
        else did_you_mean(known, of.outcome_names()),
    )


def weights(
    document: Document, keys: Mapping[str, Any], source: Source | None, others: Mapping[str, Source]
) -> None:
    """Ask for counts of persons in a table where units are weighted by them."""
    if source is None:
        return
    without = []
    for name, outcome in (keys.get("outcomes") or {}).items():
        of, known = found(keys, source, others, outcome.source), outcome.of or name
        if isinstance(of, TableSource | StatBankSource) and known in of.outcomes:
            without += [] if of.outcomes[known].persons else [(name, known)]
    for label, estimator in (keys.get("estimators") or {}).items():
        lacking = [
            (name, known)
            for name, known in without
            if estimator.outcomes is None or name in estimator.outcomes
        ]
        if estimator.weights == "persons_pre" and lacking:
            path: Path = ("estimators", label, "weights")
            document.add(
                path,
                f"`{dotted(path)}`: persons_pre needs counts of persons, and the source has none "
                f"for {', '.join(name for name, _ in lacking)}",
                "name the column with persons in the source file "
                f"(outcomes.{lacking[0][1]}.persons), or take the weights out",
            )
