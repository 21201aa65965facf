"""Source data: what was mended or lost between the raw files and the register, and by which rules.

Counts are of the whole source, not of the reform's units; small ones are held back.
"""

from __future__ import annotations

from typing import Any

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "source_data"
# Shares of rows above which a loss, or a repair, is worth a reader's attention.
MAX_UNLINKED, MAX_REPAIRED = 0.05, 0.01


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per rule that touched a row, and per choice; nothing for sources without records."""
    if evidence.source_data is None:
        return []
    rows = []
    for record in evidence.source_data.iter_rows(named=True):
        if record["kind"] == "repair" and record["count"] == 0:
            continue
        choice = record["kind"] == "rule"
        verdict, threshold = _verdict(record)
        rows.append(
            _rows.row(
                evidence, NAME, None, verdict, _message(record, evidence.spec.min_persons),
                statistic=None if choice else f"{record['source']}.{record['rule']}",
                value=None if choice or record["count"] is None else float(record["count"]),
                threshold=threshold,
            )
        )  # fmt: skip
    return rows


def _verdict(record: dict[str, Any]) -> tuple[_rows.Verdict, float | None]:
    """Compare the share of rows with what is tolerated; what has no share only informs."""
    if record["kind"] in ("rule", "count") or not record["of"]:
        return "info", None
    limit = MAX_UNLINKED if record["kind"] == "unlinked" else MAX_REPAIRED
    share = (record["count"] or 0) / record["of"]
    return ("warn" if share > limit else "pass"), limit * record["of"]


def _message(record: dict[str, Any], least: int) -> str:
    """Say source, count, share and what was done."""
    if record["kind"] == "rule":
        return str(record["message"])
    number, share = f"fewer than {least}", ""
    if record["count"] is not None:
        number = f"{record['count']:,}"
        share = f" ({record['count'] / record['of']:.1%})" if record["of"] else ""
    size = f" of {record['of']:,}" if record["of"] else ""
    return f"{record['source']}: {number}{size} {record['unit']}{share}. {record['message']}"
