"""What the keys of a source file must satisfy together: outcomes that a register defines."""

from __future__ import annotations

from reformeval.config.models import Source
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import UserError
from reformeval.register.columns import Kind
from reformeval.register.expressions import parse
from reformeval.sources._register_keys import OUTCOMES, DefinedOutcome, RegisterModel


def check(document: Document, source: Source) -> None:
    """Report what is wrong with a source beyond the shape of single keys.

    Parameters
    ----------
    document
        The source file; problems are added to it.
    source
        Its model.
    """
    if isinstance(source, RegisterModel):
        known = source.columns()
        for name, outcome in source.outcomes.items():
            _defined(document, name, outcome, known)
            if outcome.deflate and source.cpi is None:
                document.add(
                    ("outcomes", name, "deflate"),
                    f"`outcomes.{name}.deflate`: the source has no price index",
                    "name one under cpi: {file, period, value, base}",
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
