"""The router: which methods a reform gets, and which of them is the headline's.

``inference: auto`` runs every method. Each has something to say about some estimators, and its own
rules decide per series whether what it says is valid, to be taken with care, or refused: all three
are shown. Which valid method carries the headline follows from `HEADLINE`, read from the top. All
of it rests on `_rules.Facts`: counts and what was seen before the reform, never a p-value.

``python -m reformeval.inference._router docs/inference.md`` writes the rules, and the measured
sizes, into that page; a test keeps them in step.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from reformeval import discovery
from reformeval.design import Design
from reformeval.fit import Fit
from reformeval.inference import _rules, _sizes

AUTO = "auto"
FIRST = "permutation"
# As tables show them; a method that is not named here comes last.
ORDER = (
    "permutation", "permutation_t", "conley_taber", "ferman_pinto", "hagemann", "t_few",
    "conformal", "conformal_iid", "cluster_jackknife", "wild_bootstrap", "cluster",
    "placebo_variance",
)  # fmt: skip
MANY = 10
LAST = ("placebo_variance",)  # after all other methods of a list where an arm has fewer than `MANY`
_MARKS = re.compile(r"(<!-- (rules|sizes) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """A line of the rule that names the headline's inference."""

    method: str
    when: str
    holds: Callable[[_rules.Facts], bool]


HEADLINE = (
    Choice(
        "cluster_jackknife",
        f"at least {MANY} treated units and {MANY} donors, and an estimator it speaks of",
        lambda f: f.smaller >= MANY and f.kind == "changes",
    ),
    Choice(
        "cluster",
        f"staggered adoption, at least {MANY} treated units and {MANY} donors (of equal weight in "
        "the att), and an estimator with a cluster covariance",
        lambda f: f.equally >= MANY and f.dates > 1 and f.clustered,
    ),
    Choice("permutation", "otherwise", lambda _: True),
)


def names() -> tuple[str, ...]:
    """Every method, in the order of `ORDER`."""
    found = discovery.names("inference")
    return tuple(sorted(found, key=lambda name: (_place(name), name)))


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def chosen(asked: Sequence[str]) -> dict[str, ModuleType]:
    """Modules of the methods a reform asks for: all of them for ``auto``."""
    wanted = names() if tuple(asked) == (AUTO,) else tuple(asked)
    return {name: discovery.load("inference", name) for name in wanted}


def headline(design: Design, fit: Fit, asked: Sequence[str], level: float) -> tuple[str, ...]:
    """Name the method that stands for each series, before anything is tested.

    Returns
    -------
    (series,) names. For ``auto`` the first line of `HEADLINE` that holds and whose method is not
    refused; for a list the first method that is not refused, those of `LAST` after the others where
    units are few. Where all are refused, the first.
    """
    modules = chosen(asked)
    found = []
    for facts in _rules.facts(design, fit, level):
        order = list(modules)
        if tuple(asked) == (AUTO,) and facts is not None:
            order = [c.method for c in HEADLINE if c.holds(facts)]
        elif facts is not None and facts.smaller < MANY:
            order.sort(key=LAST.__contains__)
        able = (
            name for name in order
            if facts is not None and _rules.judge(modules[name].RULES, facts)[0] != "refused"
        )  # fmt: skip
        found.append(next(able, _fallback(modules)))
    return tuple(found)


def _fallback(modules: dict[str, ModuleType]) -> str:
    return FIRST if FIRST in modules else next(iter(modules))


def table() -> str:
    """Write the rules of all methods, and of the headline, as Markdown."""
    lines = [
        "| method | speaks of | refused where | with a warning where | smallest p |",
        "|---|---|---|---|---|",
    ]
    for name in names():
        module = discovery.load("inference", name)
        said = {
            status: "; ".join(rule.when for rule in module.RULES if rule.status == status) or "–"
            for status in ("refused", "warn")
        }
        lines.append(
            f"| [{name}](methods/{name}.md) | {module.SPEAKS_OF} | {said['refused']} | "
            f"{said['warn']} | {module.FLOOR} |"
        )
    lines += ["", "| the headline's inference is | where |", "|---|---|"]
    lines += [f"| `{choice.method}` | {choice.when} |" for choice in HEADLINE]
    return "\n".join(lines)


def fill(page: str) -> str:
    """Put the rules and the measured sizes between the marks of a page."""
    tables = {"rules": table, "sizes": _sizes.table}
    return _MARKS.sub(lambda found: f"{found[1]}{tables[found[2]]()}\n{found[3]}", page)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/inference.md")
    target.write_text(fill(target.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
