"""What a reform file must satisfy where groups are compared inside units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval.config import resolve
from reformeval.config.models import Comparison, Headline
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.spec import Contrast, Group


def check(
    document: Document, keys: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]
) -> None:
    """Ask that both sides of ``comparison.within`` are groups of the reform that do not overlap."""
    comparison: Comparison | None = keys.get("comparison")
    if comparison is None or comparison.within is None or keys.get("groups") is None:
        return
    groups = {group.name: group for group in resolve.expand_groups(keys["groups"], known)}
    sides = {"group": comparison.within.group, "against": comparison.within.against}
    unknown = {key: name for key, name in sides.items() if name not in groups}
    for key, name in unknown.items():
        path: Path = ("comparison", "within", key)
        document.add(
            path,
            f"`{dotted(path)}`: '{name}' is not one of groups",
            did_you_mean(name, groups) or "list its variable under groups",
        )
    if not unknown and not _apart(groups[sides["group"]], groups[sides["against"]]):
        document.add(
            ("comparison", "within"),
            f"`comparison.within`: persons can be in {sides['group']} and in {sides['against']}",
            "compare two values of the same variable",
        )


def _apart(one: Group, other: Group) -> bool:
    """Whether nobody can be in both groups."""
    theirs = dict(other.terms)
    return any(theirs.get(variable, value) != value for variable, value in one.terms)


def named_as_headline(keys: Mapping[str, Any]) -> tuple[str, ...]:
    """Names besides those of groups that ``headline.group`` may have."""
    comparison: Comparison | None = keys.get("comparison")
    headline: Headline | None = keys.get("headline")
    if comparison is None or comparison.within is None or headline is None:
        return ()
    estimator = (keys.get("estimators") or {}).get(headline.estimator)
    method = (estimator.method if estimator else None) or headline.estimator
    within = Contrast(comparison.within.group, comparison.within.against)
    return (within.name,) if resolve.contrasts_levels(method) else ()
