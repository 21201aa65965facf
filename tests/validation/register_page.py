"""The study on simulated registers in `docs/validation.md`, from its committed tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from reformeval.artefacts import write_text
from tests.validation import studies, summaries
from tests.validation.markdown import markdown
from tests.validation.registers import LEVEL, REFORM

MODULES = (
    "reformeval.sources.simulated_register",
    "reformeval.panel.from_register",
    "reformeval.estimators.did",
    "reformeval.estimators.event_study",
    "reformeval.estimators.synthetic_control",
    "reformeval.estimators.synthetic_did",
    "reformeval.inference.permutation",
)
_HARDEST = "family=with_children & origin=non_western"


def write(planted: pl.DataFrame, null: pl.DataFrame, persons: int, verified: Path) -> None:
    """Write the tables as CSV, and the facts of the run, from the rows of all registers."""
    by_outcome = summaries.size(null, ("treated", "estimator", "outcome", "group"))
    for name, table in (("bias", summaries.bias(planted)), ("size", by_outcome)):
        text = table.with_columns(pl.selectors.float().round_sig_figs(6)).write_csv()
        write_text(text, studies.FOLDER / f"{name}.csv")
    again = verified.read_text(encoding="utf-8").split() if verified.exists() else None
    studies.note(
        "registers",
        {
            "persons": persons,
            "code": {
                "planted effects": sorted(set(planted["code_hash"])),
                "no effects": sorted(set(null["code_hash"])),
            },
            "again": again and {"code": again[0], "registers": int(again[1])},
            "seeds_planted": [planted["seed"].min(), planted["seed"].max()],
            "seeds_null": [null["seed"].min(), null["seed"].max()],
        },
    )


def filled() -> dict[str, str]:
    """Give what stands in place of the template's keys."""
    facts = studies.facts("registers")
    bias = pl.read_csv(studies.FOLDER / "bias.csv")
    by_outcome = pl.read_csv(studies.FOLDER / "size.csv")
    return {
        "reform": REFORM,
        "persons": f"{facts['persons']:,}",
        "code_hash": _code(facts),
        "n_planted": str(bias["registers"].max()),
        "seeds_planted": "–".join(map(str, facts["seeds_planted"])),
        "n_null": str(by_outcome["registers"].max()),
        "seeds_null": "–".join(map(str, facts["seeds_null"])),
        "ci_level": f"{LEVEL:.0%}",
        "cells": str(bias.height),
        "within": str(int(bias["within"].sum())),
        "largest": f"{bias['ratio'].abs().max():.2f}",
        "bias_table": markdown(bias.filter(pl.col("group").is_in(["all", _HARDEST]))),
        "size_table": markdown(summaries.over_outcomes(by_outcome.filter(group="all"))),
        "worst": _worst(by_outcome),
        "outside": _outside(bias),
        "assumptions": _assumptions(),
    }


def _code(facts: dict[str, Any]) -> str:
    """Hash of the code that each part was run with, and of the code that was compared."""
    parts = [
        f"{part} " + ", ".join(f"`{code[:16]}`" for code in codes)
        for part, codes in facts["code"].items()
    ]
    again = facts["again"]
    if again is not None and any(codes != [again["code"]] for codes in facts["code"].values()):
        parts.append(
            f"and `{again['code'][:16]}` gave the same rows for the first {again['registers']} "
            "registers of both"
        )
    return "; ".join(parts)


def _worst(size: pl.DataFrame) -> str:
    """How many series × estimators hold their level with the treated city drawn at random."""
    drawn = size.filter(pl.col("treated") == "drawn at random")
    parts = []
    for k in (1, 2, 5):
        held = int(drawn[f"reject_{k}_25_holds"].sum())
        top = float(drawn[f"reject_{k}_25"].max())  # type: ignore[arg-type]
        parts.append(
            f"at p ≤ {k}/25, {held} of {drawn.height} (largest rate {top:.1%}, level {k / 25:.0%})"
        )
    return "; ".join(parts)


def _outside(bias: pl.DataFrame) -> str:
    rows = bias.filter(~pl.col("within"))
    return markdown(rows) if rows.height else "None."


def _assumptions() -> str:
    if not summaries.ASSUMPTION_FAILS:
        return "None was listed."
    return "\n".join(
        f"- `{outcome}`, `{estimator}`: {reason}"
        for (outcome, estimator), reason in summaries.ASSUMPTION_FAILS.items()
    )
