"""What a reform file must satisfy where units had more or less of a reform."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from reformeval.config.models import Estimator, Treatment
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.spec import PER_DOSE


def check(document: Document, keys: Mapping[str, Any], variables: Collection[str]) -> None:
    """Ask that a dose has an estimator and the other way round, and that its groups are known."""
    treatment: Treatment | None = keys.get("treatment")
    estimators: Mapping[str, Estimator] = keys.get("estimators") or {}
    if treatment is None:
        return
    using = [label for label, one in estimators.items() if (one.method or label) in PER_DOSE]
    path: Path = ("treatment", "dose")
    if treatment.dose is None:
        for label in using:
            document.add(
                ("estimators", label),
                f"`{dotted(('estimators', label))}` needs doses, and the reform has none",
                "name their file: treatment.dose: {file, unit, from, value}",
            )
        return
    if estimators and not using:
        document.add(path, f"`{dotted(path)}`: no estimator uses it", "add one: dose: {}")
    for variable in treatment.dose.groups:
        if variable not in variables:
            at = (*path, "groups", variable)
            document.add(
                at,
                f"`{dotted(at)}`: the source has no group variable '{variable}'",
                did_you_mean(variable, variables),
            )
