"""Write the study's summaries to `docs/validation/` and the page `docs/validation.md`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from reformeval.artefacts import write_text
from reformeval.code_hash import code_hash
from tests.validation import summaries
from tests.validation.registers import LEVEL, REFORM, ROOT

DOCS = ROOT / "docs"
MODULES = (
    "reformeval.sources.simulated_register",
    "reformeval.panel.from_register",
    "reformeval.estimators.did",
    "reformeval.estimators.event_study",
    "reformeval.estimators.synthetic_control",
    "reformeval.estimators.synthetic_did",
    "reformeval.inference.permutation",
)


def write(planted: pl.DataFrame, null: pl.DataFrame, persons: int, verified: Path) -> None:
    """Write the tables as CSV and the page around them."""
    bias = summaries.bias(planted)
    by_estimator = summaries.size(null.filter(pl.col("group") == "all"))
    by_outcome = summaries.size(null, ("treated", "estimator", "outcome", "group"))
    for name, table in (("bias", bias), ("size", by_outcome)):
        write_text(table.write_csv(float_precision=5), DOCS / "validation" / f"{name}.csv")
    text = (Path(__file__).parent / "page.md").read_text(encoding="utf-8")
    facts = {
        "reform": REFORM,
        "persons": f"{persons:,}",
        "code_hash": _code(planted, null, verified),
        "n_planted": str(planted["seed"].n_unique()),
        "seeds_planted": _seeds(planted),
        "n_null": str(null["seed"].n_unique()),
        "seeds_null": _seeds(null),
        "ci_level": f"{LEVEL:.0%}",
        "cells": str(bias.height),
        "within": str(int(bias["within"].sum())),
        "largest": f"{bias['ratio'].abs().max():.2f}",
        "bias_table": _markdown(bias.filter(pl.col("group").is_in(["all", _HARDEST]))),
        "size_table": _markdown(by_estimator),
        "worst": _worst(by_outcome),
        "outside": _outside(bias),
        "assumptions": _assumptions(),
    }
    for key, value in facts.items():
        text = text.replace("{{" + key + "}}", value)
    write_text(text, DOCS / "validation.md")


_HARDEST = "family=with_children & origin=non_western"


def _code(planted: pl.DataFrame, null: pl.DataFrame, verified: Path) -> str:
    """Hash of the code that the registers were run with, and what is known of the present code."""
    ran = sorted({*planted["code_hash"], *null["code_hash"]})
    now = code_hash(*MODULES)
    text = ", ".join(f"`{code[:16]}`" for code in ran)
    if ran == [now]:
        return text
    code, count = verified.read_text(encoding="utf-8").split() if verified.exists() else ("", "0")
    same = f"gives the same rows for the first {count} registers of both parts"
    said = same if code == now else "not run again"
    return f"{text}; the present code, `{now[:16]}`: {said}"


def _seeds(rows: pl.DataFrame) -> str:
    return f"{rows['seed'].min()}–{rows['seed'].max()}"


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
    return _markdown(rows) if rows.height else "None."


def _assumptions() -> str:
    if not summaries.ASSUMPTION_FAILS:
        return "None was listed."
    return "\n".join(
        f"- `{outcome}`, `{estimator}`: {reason}"
        for (outcome, estimator), reason in summaries.ASSUMPTION_FAILS.items()
    )


def _markdown(table: pl.DataFrame) -> str:
    def cell(value: object) -> str:
        if value is None:
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "**no**"
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * table.width]
    lines += ["| " + " | ".join(cell(v) for v in row) + " |" for row in table.iter_rows()]
    return "\n".join(lines)
