"""What the keys of a reform file must satisfy together, and given its source."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from reformeval import discovery
from reformeval.config import (
    resolve,
    rules_contrasts,
    rules_covariates,
    rules_dose,
    rules_outcomes,
    rules_persons,
    rules_scale,
    rules_sources,
    rules_staggered,
    rules_time,
)
from reformeval.config.fields import GroupEntry
from reformeval.config.mappings import Named
from reformeval.config.models import (
    Comparison,
    Estimator,
    Geography,
    Headline,
    Outcome,
    Source,
    Treatment,
)
from reformeval.config.study import group_values
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.estimators import _discover
from reformeval.sources._register_keys import RegisterModel

_DESCRIPTIVE = ("current_recipients", "entrants")
_WITH_PERSONS_PRE = ("did", "event_study", "person_event_study")


def check(
    document: Document,
    keys: Mapping[str, Any],
    sources: Mapping[str, Source],
    source_names: Collection[str],
    mappings: Mapping[str, Named],
) -> None:
    """Report what is wrong with a reform beyond the shape of single keys.

    Parameters
    ----------
    document
        The reform file; problems are added to it.
    keys
        Its valid keys (`validation.by_key`).
    sources
        Sources that could be read.
    source_names
        All source files, those with faults included.
    mappings
        Group mappings that could be read.
    """
    name = keys.get("source")
    if name is not None:
        rules_sources.exists(document, ("source",), name, source_names)
    source = sources.get(name) if name is not None else None
    _units(document, keys, source)
    rules_staggered.check(document, keys, source)
    _estimators(document, keys.get("estimators") or {}, keys)
    rules_covariates.check(document, keys)
    _inference(document, keys.get("inference") or "auto")
    others = rules_sources.check(document, keys, sources, source_names)
    rules_outcomes.weights(document, keys, source, others)
    named = _mappings(document, keys.get("mappings") or {}, source, mappings) if source else []
    known = group_values(source, named, others) if source else {}
    _headline(document, keys, source, known)
    if source is not None:
        rules_persons.check(document, keys, source)
        rules_time.check(document, keys, source)
        rules_outcomes.check(document, keys, source, others)
        rules_sources.headline(document, keys, group_values(source, named), others)
        # A mapping that cannot be had was reported as that.
        unknown: dict[str, tuple[str, ...]] = dict.fromkeys(keys.get("mappings") or {}, ())
        _groups(document, keys.get("groups") or (), unknown | known, source)
        rules_contrasts.check(document, keys, unknown | known)
        rules_dose.check(document, keys, unknown | known)
        _geography(document, keys.get("geography"), source)


def _geography(document: Document, asked: Geography | None, source: Source) -> None:
    own = source.geography
    if own is None:
        return
    if asked is None:
        if own.as_of == "period":
            document.add(
                ("source",),
                "`geography` is missing: the source's unit codes are of their own time",
                "say on which territories the reform is studied, e.g. geography: 2020",
            )
    elif source.kind == "simulated" and asked.year != own.as_of:
        document.add(
            ("geography",),
            f"`geography`: the source's unit codes are of {own.as_of}, not {asked.year}, and a "
            "simulated register is not put on others",
            f"write geography: {own.as_of}",
        )


def _units(document: Document, keys: Mapping[str, Any], source: Source | None) -> None:
    treatment: Treatment | None = keys.get("treatment")
    comparison: Comparison | None = keys.get("comparison")
    treated = treatment.units if treatment else ()
    named: list[tuple[Path, str]] = [
        (("treatment", "units", i), unit) for i, unit in enumerate(treated)
    ]
    if comparison:
        for key in ("units", "exclude"):
            listed = getattr(comparison, key) or ()
            named += [(("comparison", key, i), unit) for i, unit in enumerate(listed)]
        named += [(("comparison", "treated_from", unit), unit) for unit in comparison.treated_from]
        _comparison(document, comparison, treated)
    seen: set[tuple[Path, str]] = set()
    for path, unit in named:
        if (path[:-1], unit) in seen:
            document.add(path, f"`{dotted(path)}`: '{unit}' is listed twice", "delete one")
        seen.add((path[:-1], unit))
    # Codes on other territories are known only once the data has been put on them.
    own, asked = source.geography if source else None, keys.get("geography")
    moves = own is not None and asked is not None and own.as_of != asked.year
    if source is not None and source.is_register and not moves:
        _known_units(document, named, source.unit_labels() or {})


def _known_units(
    document: Document, named: list[tuple[Path, str]], labels: Mapping[str, str]
) -> None:
    names = {**{label.casefold(): code for code, label in labels.items()}, **{c: c for c in labels}}
    for path, unit in named:
        if labels and unit not in labels:
            near = get_close_matches(unit.casefold(), names, n=1)
            code = names[near[0]] if near else None
            fix = f'did you mean "{code}" ({labels[code]})?' if code else did_you_mean(unit, labels)
            document.add(path, f"`{dotted(path)}`: the source has no unit '{unit}'", fix)


def _comparison(document: Document, comparison: Comparison, treated: Collection[str]) -> None:
    if comparison.largest is not None and comparison.units is not None:
        document.add(
            ("comparison", "units"),
            "`comparison` has both largest and units",
            "keep one: units names the donors, largest chooses them by size",
        )
    for i, unit in enumerate(comparison.units or ()):
        path: Path = ("comparison", "units", i)
        if unit in treated:
            document.add(
                path,
                f"`{dotted(path)}`: '{unit}' is treated and cannot be its own donor",
                "take it out of comparison.units or of treatment.units",
            )
        elif unit in comparison.exclude:
            document.add(
                path,
                f"`{dotted(path)}`: '{unit}' is also listed under comparison.exclude",
                "take it out of one of the two",
            )
    for key in ("exclude", "treated_from"):
        for i, unit in enumerate(getattr(comparison, key)):
            if unit in treated:
                path = ("comparison", key, i if key == "exclude" else unit)
                document.add(
                    path,
                    f"`{dotted(path)}`: '{unit}' is treated, so it is no donor anyway",
                    f"take it out of comparison.{key} or of treatment.units",
                )


def _mappings(
    document: Document, asked: Mapping[str, str], source: Source, mappings: Mapping[str, Named]
) -> list[Named]:
    """Find the mappings that a reform names; what it cannot have is reported."""
    found = []
    offered = source.mappings if isinstance(source, RegisterModel) else ()
    for variable, name in asked.items():
        path: Path = ("mappings", variable)
        here = f"`{dotted(path)}`"
        if name not in offered:
            fix = did_you_mean(name, offered)
            if name in mappings:
                fix = "list it under mappings in the source file, if the register has its columns"
            document.add(path, f"{here}: the source offers no mapping '{name}'", fix)
        elif name in mappings and mappings[name].content.variable != variable:
            of = mappings[name].content.variable
            document.add(path, f"{here}: '{name}' is a mapping of {of}", f"write {of}: {name}")
        elif name in mappings:
            found.append(mappings[name])
    return found


def _groups(
    document: Document,
    entries: Collection[GroupEntry],
    known: Mapping[str, tuple[str, ...]],
    source: Source,
) -> None:
    for i, entry in enumerate(entries):
        variables = [variable for variable, _ in entry]
        for variable, values in entry:
            path: Path = ("groups", i)
            if not isinstance(document.data["groups"], list):
                path = ("groups", variable)
            if variable not in known:
                document.add(
                    path,
                    f"`groups`: the source has no group variable '{variable}'",
                    did_you_mean(variable, known) or _offered(source),
                )
                continue
            if variables.count(variable) > 1:
                document.add(path, f"`groups`: '{variable}' is crossed with itself")
            for value in values or ():
                if known[variable] and value not in known[variable]:
                    document.add(
                        path,
                        f"`groups`: {variable} has no value '{value}'",
                        did_you_mean(value, known[variable]),
                    )


def _offered(source: Source) -> str:
    names = source.mappings if isinstance(source, RegisterModel) else ()
    return f"name a mapping that the source offers: {', '.join(names)}" if names else ""


def _headline(
    document: Document,
    keys: Mapping[str, Any],
    source: Source | None,
    known: Mapping[str, tuple[str, ...]],
) -> None:
    headline: Headline | None = keys.get("headline")
    if headline is None:
        return
    outcomes: Mapping[str, Outcome] | None = keys.get("outcomes")
    estimators: Mapping[str, Estimator] | None = keys.get("estimators")
    for key, value, declared in (
        ("outcome", headline.outcome, outcomes),
        ("estimator", headline.estimator, estimators),
    ):
        if declared is not None and value not in declared:
            if key == "outcome" and source is not None and value in source.outcome_names():
                wrong = [name for name in declared if name not in source.outcome_names()]
                if get_close_matches(value, wrong, n=1):
                    continue  # the headline is right: the misspelt outcome was reported
            document.add(
                ("headline", key),
                f"`headline.{key}`: '{value}' is not one of {key}s",
                did_you_mean(value, declared),
            )
    if source is not None and keys.get("groups") is not None:
        groups = [group.name for group in resolve.expand_groups(keys["groups"], known)]
        groups += rules_contrasts.named_as_headline(keys)
        lacking = set(keys.get("mappings") or {}) - known.keys()
        if headline.group not in groups and not any(name in headline.group for name in lacking):
            document.add(
                ("headline", "group"),
                f"`headline.group`: '{headline.group}' is not one of groups",
                did_you_mean(headline.group, groups),
            )
    outcome = (outcomes or {}).get(headline.outcome)
    population = (outcome.population if outcome else None) or keys.get("population")
    if outcome and population and population.kind in _DESCRIPTIVE:
        document.add(
            ("headline", "outcome"),
            f"`headline.outcome`: '{headline.outcome}' counts {population.kind} and is only "
            "descriptive: who they are may change with the reform",
            "choose an outcome of residents or prior_recipients",
        )


def _estimators(
    document: Document, estimators: Mapping[str, Estimator], keys: Mapping[str, Any]
) -> None:
    methods = _discover.methods()
    rules_scale.all_estimated(document, keys)
    for label, estimator in estimators.items():
        path: Path = ("estimators", label)
        rules_scale.estimated(document, label, estimator, keys)
        method = estimator.method or label
        if method not in methods:
            at = (*path, "method") if estimator.method else path
            fix = did_you_mean(method, methods)
            if not estimator.method:
                fix += f" (or name the method: {label}: {{method: {methods[0]}}})"
            document.add(at, f"`{dotted(at)}`: there is no method '{method}'", fix)
            continue
        if estimator.weights == "persons_pre" and method not in _WITH_PERSONS_PRE:
            document.add(
                (*path, "weights"),
                f"`{dotted(path)}.weights`: persons_pre is only for "
                f"{', '.join(_WITH_PERSONS_PRE[:-1])} and {_WITH_PERSONS_PRE[-1]}",
                "take it out",
            )
        options = dict(estimator.options)
        rules_staggered.donors(document, path, method, options)
        if options:
            _options(document, path, method, options)


def _inference(document: Document, asked: str | Sequence[str]) -> None:
    methods = discovery.names("inference")
    for i, name in enumerate(() if isinstance(asked, str) else asked):
        if name not in methods:
            document.add(
                ("inference", i),
                f"`inference[{i}]`: there is no method '{name}'",
                did_you_mean(name, methods),
            )


def _options(document: Document, path: Path, method: str, options: Mapping[str, Any]) -> None:
    # Only a method with options is imported, so that reading config stays quick.
    module = _discover.load(method)
    examine = getattr(module, "check_options", None)
    if examine is None:
        for option in options:
            document.add(
                (*path, option),
                f"unknown key `{dotted((*path, option))}`",
                did_you_mean(option, ["method", "weights"]),
            )
        return
    for problem in examine(options):
        key: str | None = next((key for key in options if key in problem), None)
        at = (*path, key) if key else path
        document.add(at, f"`{dotted(at)}`: {problem}")
