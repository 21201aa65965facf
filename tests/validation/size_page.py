"""The section on sizes of `docs/validation.md`, from `docs/validation/sizes.csv`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tests.validation import studies
from tests.validation.size_assumptions import ASSUMPTIONS
from tests.validation.size_cells import BEFORE, DONORS, EFFECTS, LONG, PROCESSES, RATIOS, SIZES
from tests.validation.size_tests import OVER_TIME
from tests.validation.summaries import BOUND

_KEY = ("estimator", "method", "alternative")
_PROCESS = {"iid": "iid", "ar1": "AR(1)"}
_SIZES = {"treated_small": "small", "treated_large": "large"}
_OF = {"did": "", "synthetic_control": " of synthetic_control"}
Row = dict[str, Any]


def section() -> str:
    """Fill the section's template."""
    facts = studies.facts("sizes")
    rows = list(pl.read_csv(studies.FOLDER / "sizes.csv").iter_rows(named=True))
    text = (Path(__file__).parent / "size_page.md").read_text(encoding="utf-8")
    null = [row for row in rows if row["effect"] == 0]
    one = [row for row in null if row["treated"] == 1 and row["cell_sizes"] == "equal"]
    equal = [row for row in one if row["periods_before"] == BEFORE]
    filled = {
        "draws": f"{facts['draws']:,}",
        "bootstrap": f"{facts['bootstrap']:,}",
        "code": _code(facts),
        "assumptions": _assumptions(),
        "held": _held(null),
        "leanings": _leanings(equal),
        "one": "\n\n".join(_one(equal, donors) for donors in DONORS),
        "varied": _varied(null),
        "long": _long(one),
        "several": "\n\n".join(_several(null, treated) for treated in (5, 10)),
        "power": _power(rows, 1),
        "power_several": _power(rows, 5),
    }
    for key, value in filled.items():
        text = text.replace("{{" + key + "}}", value)
    return text.rstrip("\n")


def _code(facts: dict[str, Any]) -> str:
    """Hash of the code that the study was run with, and of the code that was compared."""
    text = ", ".join(f"`{code[:16]}`" for code in facts["code"])
    again = facts["again"]
    if again is None or facts["code"] == [again["code"]]:
        return text
    return (
        f"{text}; a later one, `{again['code'][:16]}`, gives the same p-values for the first "
        f"{again['draws']} draws of {again['cells']} cells"
    )


def _assumptions() -> str:
    lines = ["| test | assumes |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {one.words} |" for name, one in ASSUMPTIONS.items())])


def _held(null: Sequence[Row]) -> str:
    """Say how many rows hold their level where they must, and which limits are not reached."""
    must = [row for row in null if row["assumption_holds"] and row["within"] is not None]
    exact, limit = ([row for row in must if row["exact"] is one] for one in (True, False))
    kept = sum(row["within"] for row in exact)
    largest = max((row["rejected"] - row["level"]) / row["mc_error"] for row in exact)
    over = [row for row in limit if not row["within"]]
    said = [
        f"Of {len(exact)} rows whose assumption holds and gives the level exactly, {kept} keep it "
        f"(the largest excess is {largest:.1f} Monte-Carlo standard errors).",
        f"Of {len(limit)} rows whose level is reached in a limit, {len(limit) - len(over)} do.",
    ]
    for method in dict.fromkeys(row["method"] for row in over):
        rows = [row for row in over if row["method"] == method]
        worst = max(rows, key=lambda row: row["rejected"] / row["level"])
        said.append(
            f"{method} does not in {len(rows)}; the most is {_percent(worst['rejected'])} % at "
            f"{_percent(worst['level'])} %, with {worst['donors']} donors."
        )
    return " ".join(said)


def _one(equal: Sequence[Row], donors: int) -> str:
    rows = [row for row in equal if row["donors"] == donors]
    heads = {
        (process, ratio): f"{_PROCESS[process]}, {ratio:g}"
        for process in PROCESSES
        for ratio in RATIOS
    }
    table = _table(rows, heads, lambda row: (row["process"], row["sd_ratio"]))
    return f"**{donors} donors** (noise, sd ratio):\n\n{table}"


def _varied(null: Sequence[Row]) -> str:
    rows = [row for row in null if row["cell_sizes"] != "equal"]
    heads = {
        (donors, size): f"{donors} donors, {_SIZES[size]}"
        for donors in DONORS
        for size in SIZES[1:]
    }
    return _table(rows, heads, lambda row: (row["donors"], row["cell_sizes"]), per_donors=True)


def _long(one: Sequence[Row]) -> str:
    rows = [
        row
        for row in one
        if (row["donors"], row["process"], row["sd_ratio"]) == (DONORS[0], "ar1", 1)
        and (row["estimator"], row["method"]) in {("did", name) for name in OVER_TIME}
    ]
    heads = {n: f"{n} periods before" for n in (BEFORE, *LONG)}
    lines = ["| test | " + " | ".join(heads.values()) + " |", "|---|" + "---|" * len(heads)]
    for name in OVER_TIME:
        cells = []
        for before in heads:
            own = [r for r in rows if (r["method"], r["periods_before"]) == (name, before)]
            cells.append(f"{_cell(own)} at {' / '.join(_percent(row['level']) for row in own)}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _several(null: Sequence[Row], treated: int) -> str:
    rows = [row for row in null if row["treated"] == treated]
    counts = sorted({row["donors"] for row in rows})
    heads = {(n, ratio): f"{n} donors, {ratio:g}" for n in counts for ratio in RATIOS}
    table = _table(rows, heads, lambda row: (row["donors"], row["sd_ratio"]))
    return f"**{treated} treated units** (donors, sd ratio):\n\n{table}"


def _power(rows: Sequence[Row], treated: int) -> str:
    rows = [
        row
        for row in rows
        if row["effect"] > 0
        and (row["treated"], row["process"]) == (treated, "iid")
        and row["alternative"] != "less"
        and row["rejected_without_rules"] is not None
    ]
    heads = {(n, effect): f"{n} donors, {effect:g} sd" for n in DONORS for effect in EFFECTS}
    return _table(rows, heads, lambda row: (row["donors"], row["effect"]), per_donors=True)


def _table(
    rows: Sequence[Row],
    heads: dict[Any, str],
    column: Callable[[Row], Any],
    *,
    per_donors: bool = False,
) -> str:
    """Write a line per test and a column per head; both levels stand in a cell."""
    lines = [
        "| test | level, % | " + " | ".join(heads.values()) + " |",
        "|---|---|" + "---|" * len(heads),
    ]
    for key in dict.fromkeys(tuple(row[k] for k in _KEY) for row in rows):
        own = [row for row in rows if tuple(row[k] for k in _KEY) == key]
        cells = [_cell([row for row in own if column(row) == head]) for head in heads]
        lines.append(f"| {_name(own[0])} | {_levels(own, per_donors)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _levels(rows: Sequence[Row], per_donors: bool) -> str:
    """Write the levels; of several numbers of donors, each set once."""
    sets = dict.fromkeys(
        " / ".join(dict.fromkeys(_percent(row["level"]) for row in rows if row["donors"] == donors))
        for donors in sorted({row["donors"] for row in rows})
    )
    return "; ".join(sets) if per_donors or len(sets) > 1 else next(iter(sets))


def _cell(rows: Sequence[Row]) -> str:
    """Write rates at both levels; a test always refused with what it would have rejected."""
    if not rows:
        return "–"
    if all(row["rejected"] is None for row in rows):
        if rows[0]["method"].startswith("hagemann"):
            return "no test"
        would = [row["rejected_without_rules"] for row in rows]
        known = [_percent(rate) for rate in would if rate is not None]
        return f"refused ({' / '.join(known)})" if known else "refused"
    text = " / ".join("–" if r["rejected"] is None else _percent(r["rejected"]) for r in rows)
    if any(row["within"] is False for row in rows):
        text = f"**{text}**"
    if not rows[0]["assumption_holds"]:
        text = f"*{text}*"
    share = max(row["refused"] for row in rows)
    return f"{text} ({share:.0%} refused)" if 0 < share < 1 else text


def _leanings(equal: Sequence[Row]) -> str:
    """Say of each two-sided test what a quieter and a noisier treated unit do to it."""
    lines = [
        "| test | quieter (sd ratio 0.5) | alike | noisier (sd ratio 2) |",
        "|---|---|---|---|",
    ]
    shown = [r for r in equal if (r["alternative"], r["process"]) == ("two-sided", "iid")]
    for key in dict.fromkeys(tuple(row[k] for k in _KEY) for row in shown):
        own = [row for row in shown if tuple(row[k] for k in _KEY) == key]
        cells = [_way([row for row in own if row["sd_ratio"] == ratio]) for ratio in RATIOS]
        lines.append(f"| {_name(own[0])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _way(rows: Iterable[Row]) -> str:
    """Put the rates of all numbers of donors and both levels into words."""
    found = set()
    for row in rows:
        if row["rejected"] is None:
            found.add("refused")
        elif row["rejected"] > row["level"] + BOUND * row["mc_error"]:
            found.add("too often")
        elif row["rejected"] < row["level"] - BOUND * row["mc_error"]:
            found.add("too seldom")
        else:
            found.add("as it should")
    order = ("too often", "as it should", "too seldom", "refused")
    return " or ".join(word for word in order if word in found)


def _name(row: Row) -> str:
    side = "" if row["alternative"] == "two-sided" else f", {row['alternative']}"
    return f"{row['method']}{_OF[row['estimator']]}{side}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}".removesuffix(".0")
