"""What the covariates of a reform file must satisfy; `rules_time` sees to their periods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.config.models import Covariate
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.estimators import _discover


def check(document: Document, keys: Mapping[str, Any]) -> None:
    """Ask that covariates are outcomes of the reform and that an estimator matches on them."""
    covariates: Mapping[str, Covariate] = keys.get("covariates") or {}
    outcomes = keys.get("outcomes")
    for name, covariate in covariates.items():
        path: Path = ("covariates", name, *(("outcome",) if covariate.outcome else ()))
        outcome = covariate.outcome or name
        if outcomes is not None and outcome not in outcomes:
            document.add(
                path,
                f"`{dotted(path)}`: the reform has no outcome '{outcome}'",
                did_you_mean(outcome, outcomes)
                or "list it under outcomes; the outcomes of an estimator can be named under it",
            )
    estimators = keys.get("estimators") or {}
    matched = [k for k, one in estimators.items() if (one.method or k) in _discover.MATCHED]
    if covariates and estimators and not matched:
        document.add(
            ("covariates",),
            "`covariates`: no estimator matches on them",
            f"add {_discover.MATCHED[0]}: {{}} to the estimators, or take them out",
        )
    for label in [] if covariates else matched:
        at: Path = ("estimators", label)
        document.add(
            at,
            f"`{dotted(at)}`: there are no covariates to match on",
            "name them: covariates: {name: {outcome, over: {from, to}}}",
        )
