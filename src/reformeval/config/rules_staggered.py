"""What a reform file must satisfy given whether units adopt on one date or on several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from reformeval.config.models import Comparison, Estimator, Source, Treatment
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.estimators import _discover
from reformeval.sources.table import TableSource
from reformeval.spec import DonorRule

_RULES = get_args(DonorRule)


def check(document: Document, keys: Mapping[str, Any], source: Source | None) -> None:
    """Report what is wrong with how a reform says who adopts when, and against whom.

    Parameters
    ----------
    document
        The reform file; problems are added to it.
    keys
        Its valid keys (`validation.by_key`).
    source
        The reform's source.
    """
    treatment: Treatment | None = keys.get("treatment")
    if treatment is None:
        return
    comparison: Comparison | None = keys.get("comparison")
    if treatment.adoption is None:
        _one_date(document, treatment, comparison)
        return
    for key in ("units", "steps"):
        if getattr(treatment, key):
            document.add(
                ("treatment", key),
                f"`treatment.{key}` and `treatment.adoption` both say who adopts when",
                "keep one: units and steps for one date, adoption for several",
            )
    _place(document, keys, source)
    if comparison is not None:
        _comparison(document, comparison)
    _estimators(document, keys.get("estimators") or {}, comparison)


def donors(document: Document, path: Path, method: str, options: dict[str, Any]) -> None:
    """Check and take out the option ``donors`` of a method that has it."""
    allowed = _discover.donors(method) if "donors" in options else ()
    if not allowed:
        return
    asked = options.pop("donors")
    if asked not in _RULES:
        document.add(
            (*path, "donors"),
            f"`{dotted((*path, 'donors'))}`: '{asked}' is no choice of donors",
            f"write {' or '.join(allowed)}",
        )


def _one_date(document: Document, treatment: Treatment, comparison: Comparison | None) -> None:
    given = document.data.get("treatment") if isinstance(document.data, dict) else None
    for key, fix in (
        ("units", "add it: codes of the treated units, in quotes"),
        ("steps", "add it: the dated ledger, in order; the first step is adoption"),
    ):
        if isinstance(given, dict) and not getattr(treatment, key):
            here = given.get(key)
            if key in given and here != []:
                continue  # what is wrong inside was reported
            said = "has nothing in it" if key in given else "is missing"
            document.add(
                ("treatment", key) if key in given else ("treatment",),
                f"`treatment.{key}` {said}",
                f"{fix}; or, where units adopt at different times: adoption",
            )
    if comparison is not None and comparison.donors is not None:
        document.add(
            ("comparison",),
            f"`comparison: {comparison.donors}` is for reforms with treatment.adoption",
            "with one adoption date all donors are the same: write comparison: all",
        )


def _place(document: Document, keys: Mapping[str, Any], source: Source | None) -> None:
    adoption = keys["treatment"].adoption
    if adoption.column is None or source is None:
        return
    path: Path = ("treatment", "adoption", "column")
    own, asked = source.geography, keys.get("geography")
    if not isinstance(source, TableSource):
        document.add(
            path,
            f"`{dotted(path)}` is for sources of kind table, and this one is {source.kind}",
            "write a file: adoption: {file: adoption.csv, unit: code, from: start}",
        )
    elif own is not None and asked is not None and own.as_of != asked.year:
        document.add(
            path,
            f"`{dotted(path)}`: units of the table are put on the geography of {asked.year}, and "
            "may then have several dates",
            "write a file with units of that year: adoption: {file, unit, from}",
        )


def _comparison(document: Document, comparison: Comparison) -> None:
    if comparison.donors is None:
        document.add(
            ("comparison",) if "comparison" in document.data else (),
            "`comparison` does not say which units may be donors of a staggered reform",
            "write comparison: never_treated, or comparison: not_yet_treated (units that adopt "
            "later are donors until then)",
        )
    if comparison.treated_from:
        document.add(
            ("comparison", "treated_from"),
            "`comparison.treated_from` repeats treatment.adoption",
            "take it out: the adoption dates say it",
        )


def _estimators(
    document: Document, estimators: Mapping[str, Estimator], comparison: Comparison | None
) -> None:
    able = [name for name in _discover.methods() if _discover.donors(name)]
    for label, estimator in estimators.items():
        method = estimator.method or label
        path: Path = ("estimators", label)
        if method not in _discover.methods():
            continue  # reported by `rules`
        if method not in able:
            document.add(
                path,
                f"`{dotted(path)}`: {method} needs one adoption date, and the reform is staggered",
                f"use {', '.join(able)}",
            )
            continue
        asked = estimator.options.get("donors") or (comparison.donors if comparison else None)
        allowed = _discover.donors(method)
        if asked in _RULES and asked not in allowed:
            document.add(
                path,
                f"`{dotted(path)}`: {method} cannot compare with {asked} units alone",
                f"say so for this estimator: {label}: {{donors: {allowed[0]}}}",
            )
