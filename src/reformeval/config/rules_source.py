"""What the keys of a source file must satisfy together: outcomes that a register defines."""

from __future__ import annotations

from collections.abc import Mapping

from reformeval import periods
from reformeval.config.mappings import Named
from reformeval.config.models import Source
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import UserError, did_you_mean
from reformeval.register.columns import Kind
from reformeval.register.expressions import parse
from reformeval.sources._register_keys import OUTCOMES, DefinedOutcome, RegisterModel
from reformeval.sources.register import RegisterSource


def check(document: Document, source: Source, mappings: Mapping[str, Named]) -> None:
    """Report what is wrong with a source beyond the shape of single keys.

    Parameters
    ----------
    document
        The source file; problems are added to it.
    source
        Its model.
    mappings
        Group mappings that could be read.
    """
    if isinstance(source, RegisterModel):
        known = source.columns()
        _offered(document, source, mappings)
        for name, outcome in source.outcomes.items():
            _defined(document, name, outcome, known)
            if outcome.deflate and source.cpi is None:
                document.add(
                    ("outcomes", name, "deflate"),
                    f"`outcomes.{name}.deflate`: the source has no price index",
                    "name one under cpi: {file, period, value, base}",
                )


def _offered(document: Document, source: RegisterModel, mappings: Mapping[str, Named]) -> None:
    known = source.columns()
    for i, name in enumerate(source.mappings):
        path: Path = ("mappings", i)
        if name not in mappings:
            document.add(
                path, f"`mappings`: there is no mapping '{name}'", did_you_mean(name, mappings)
            )
            continue
        lacks = [column for column in mappings[name].content.columns if column not in known]
        if lacks:
            document.add(
                path,
                f"`mappings`: '{name}' reads {', '.join(lacks)}, which the register does not have",
                "take it out",
            )


def check_simulated(document: Document, source: Source, sources: Mapping[str, Source]) -> None:
    """Report a register that is to be read from what is no simulated source.

    Parameters
    ----------
    document
        The source file; problems are added to it.
    source
        Its model.
    sources
        All sources that could be read.
    """
    if not isinstance(source, RegisterSource) or source.simulated_from is None:
        return
    name = source.simulated_from
    simulated = [other for other, one in sources.items() if one.kind == "simulated"]
    if name not in simulated:
        document.add(
            ("simulated_from",),
            f"`simulated_from`: there is no simulated source '{name}'",
            did_you_mean(name, simulated),
        )
        return
    own, made = source.period_range(), sources[name].period_range()
    if own != made and made is not None:
        first, last = (periods.label(end, "month") for end in made)
        document.add(
            ("period",),
            f"`period`: the register of {name} has {first} to {last}",
            f"write {{from: {first}, to: {last}}}",
        )


def _defined(
    document: Document, name: str, outcome: DefinedOutcome, known: dict[str, Kind]
) -> None:
    path: Path = ("outcomes", name)
    if name in OUTCOMES:
        document.add(
            path,
            f"`{dotted(path)}`: every register has an outcome of this name",
            "choose another name",
        )
    at = (*path, "expression")
    here = f"`{dotted(at)}`"
    try:
        kind = parse(outcome.expression, known).kind
    except UserError as error:
        document.add(
            at,
            f"{here}: " + "; ".join(problem.message for problem in error.problems),
            "; ".join(dict.fromkeys(problem.fix for problem in error.problems if problem.fix)),
        )
        return
    if outcome.kind == "share" and kind != "boolean":
        document.add(
            at,
            f"{here} gives a number, and a share needs true and false",
            "write a condition, e.g. hours >= 30, or set kind: mean",
        )
    for key, used in (("winsorise", outcome.winsorise is not None), ("deflate", outcome.deflate)):
        if used and kind == "boolean":
            document.add(
                (*path, key),
                f"`{dotted((*path, key))}` is for amounts, and the expression gives true and false",
                "take it out",
            )
