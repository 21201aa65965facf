"""The package's own tests on the panels of the size study: p-values, and what was refused.

Every method runs twice over in one: its numbers are computed without its rules, and the rules say
for which draws a report would have shown them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import comb
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from reformeval.assignments import in_space
from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import did, synthetic_control
from reformeval.fit import Fit
from reformeval.inference import (
    _conformal,
    _ranks,
    _router,
    _rules,
    _studentised,
    hagemann,
    permutation,
    permutation_t,
    wild_bootstrap,
)
from reformeval.intervals import Alternative
from tests.validation import crv1, size_cells
from tests.validation.size_cells import Cell

TARGETS = (0.05, 0.1)
ONE = (
    "permutation", "permutation_t", "conley_taber", "ferman_pinto", "hagemann",
    "hagemann, ρ known", "t_few", "conformal", "conformal_iid", "cluster_jackknife",
    "wild_bootstrap", "cluster",
)  # fmt: skip
VARIED = tuple(name for name in ONE if name not in ("hagemann, ρ known", "wild_bootstrap"))
SEVERAL = ("permutation", "t_few", "cluster_jackknife", "wild_bootstrap", "cluster")
OVER_TIME = ("conformal", "conformal_iid")
WEIGHTED = ("permutation", "rmspe_ratio", "rmspe_ratio_heldout", "conformal", "conformal_iid")
RANKED = frozenset(
    ("permutation", "permutation_t", "conley_taber", "ferman_pinto", "conformal", "rmspe_ratio",
     "rmspe_ratio_heldout", "conformal_iid")
)  # fmt: skip
CHUNK, CHUNK_SEVERAL = 500, 250  # draws at a time
PLACEBOS = 999  # with several treated units; a report has up to 4,999. So many signs, too


@dataclass(frozen=True, eq=False)
class Tests:
    """What one method says of many draws.

    Attributes
    ----------
    p_value
        (draws,) without the method's rules; NaN where it has no number.
    refused
        (targets, draws) what the rules refuse at each target.
    why
        Why the rules refuse, the most frequent reason; "" where they never do.
    step
        The smallest p, of which all are multiples; 0 where p is continuous.
    """

    __test__ = False  # no test for pytest to collect

    method: str
    estimator: str
    alternative: Alternative
    p_value: Floats
    refused: Bools
    why: str
    step: float


def of_cell(cell: Cell, draws: int) -> list[Tests]:
    """Run every method on as many draws of a cell."""
    rng, size = np.random.default_rng(cell.seed), CHUNK if cell.treated == 1 else CHUNK_SEVERAL
    parts, rows = [], None
    for first in range(0, draws, size):
        design = size_cells.draw(cell, min(size, draws - first), rng)
        rows = _assignments(design) if rows is None else rows
        parts.append(_of_design(cell, design, rows))
    return [_joined(same) for same in zip(*parts, strict=True)]


def _assignments(design: Design) -> Ints:
    """Give the reform's and its placebos', fewer of them where a report draws them too."""
    rows = in_space(design, seed=1)
    every = comb(len(design.units), int(design.treated.sum()))
    return rows if len(rows) == every else rows[: 1 + PLACEBOS]


def _joined(parts: tuple[Tests, ...]) -> Tests:
    return replace(
        parts[0],
        p_value=np.concatenate([part.p_value for part in parts]),
        refused=np.concatenate([part.refused for part in parts], axis=1),
        why=next((part.why for part in parts if part.why), ""),
    )


def _of_design(cell: Cell, design: Design, rows: Ints) -> list[Tests]:
    with crv1.in_closed_form():
        fit = did.estimate(design, rows, {})
    if cell.before is not None:
        return _of_fit(OVER_TIME, "did", cell, design, fit)
    if cell.treated > 1:
        return _of_fit(SEVERAL, "did", cell, design, fit)
    if cell.sizes != "equal":
        return _of_fit(VARIED, "did", cell, design, fit)
    # the bootstrap is refused with one treated unit: it is shown once, without serial correlation
    left_out = {"wild_bootstrap"} if cell.process != "iid" or cell.effect else set()
    found = _of_fit([name for name in ONE if name not in left_out], "did", cell, design, fit)
    fit = synthetic_control.estimate(design, rows, {})
    return [*found, *_of_fit(WEIGHTED, "synthetic_control", cell, design, fit)]


def _of_fit(names: Any, estimator: str, cell: Cell, design: Design, fit: Fit) -> list[Tests]:
    found: list[Tests] = []
    for name in names:
        if name in fit.statistics:
            p = _ranks.rank_p(fit.statistics[name])
            never = np.zeros((len(TARGETS), len(p)), dtype=bool)
            found.append(
                Tests(name, estimator, "two-sided", p, never, "", 1 / len(fit.assignments))
            )
        else:
            found += _of_method(name, estimator, cell, design, fit)
    return found


def _of_method(name: str, estimator: str, cell: Cell, design: Design, fit: Fit) -> Iterator[Tests]:
    module = _router.chosen((name.split(",")[0],))[name.split(",")[0]]
    known = cell.sd_ratio if name.endswith("known") else None
    refused, why = _verdicts(module, design, fit, known)
    with _only_p(module, known):
        results = module.infer(design, fit, 0.95)
    for result in results:
        if result.band == "pointwise":
            step = float(result.floor[0, 0]) if name in RANKED else 0.0
            p = result.p_value[:, 0]
            yield Tests(name, estimator, result.alternative, p, refused, why, step)


def _verdicts(
    module: ModuleType, design: Design, fit: Fit, known: float | None
) -> tuple[Bools, str]:
    """(targets, draws) what the rules refuse, and the condition under which they do so most."""
    facts = _rules.facts(design, fit, 0.95)
    refused = np.zeros((len(TARGETS), len(facts)), dtype=bool)
    reasons: dict[str, int] = {}
    with _known_ratio(known):
        for t, target in enumerate(TARGETS):
            for s, one in enumerate(facts):
                at = None if one is None else replace(one, level=1 - target)
                rules = [r for r in module.RULES if at and r.status == "refused" and r.holds(at)]
                refused[t, s] = bool(rules)
                if rules:
                    reasons[rules[0].when] = reasons.get(rules[0].when, 0) + 1
    return refused, max(reasons, key=lambda when: reasons[when]) if reasons else ""


@contextmanager
def _only_p(module: ModuleType, known: float | None) -> Iterator[None]:
    """Compute p-values without rules, and no intervals: to find these takes most of the time."""
    everything = _ranks.Hull(-np.inf, np.inf, ((-np.inf, np.inf),))
    instead: list[tuple[Any, str, Any]] = [
        (permutation, "hull", everything),
        (permutation_t, "hull", everything),
        (_studentised, "accepted", (np.zeros(1), np.zeros(1))),
        (_conformal, "_closed", everything),
        (_conformal, "_searched", (-np.inf, np.inf, True)),
        (hagemann, "_smallest_weight", 0.0),
        # exact to 1e-9 up to ratios of 5 and 39 donors, in a third of the time
        (hagemann, "_gauss_legendre", np.polynomial.legendre.leggauss(64)),
    ]
    with ExitStack() as stack, np.errstate(divide="ignore", invalid="ignore"):
        stack.enter_context(_known_ratio(known))
        stack.enter_context(mock.patch.object(module, "RULES", ()))
        for owner, name, value in instead:
            stack.enter_context(mock.patch.object(owner, name, return_value=value))
        if module is wild_bootstrap:
            stack.enter_context(_few_signs())
        yield


@contextmanager
def _few_signs() -> Iterator[None]:
    """Draw fewer signs for the bootstrap than a report does."""
    wild_bootstrap.signs.cache_clear()
    try:
        with mock.patch.object(wild_bootstrap, "DRAWS", PLACEBOS):
            yield
    finally:
        wild_bootstrap.signs.cache_clear()


@contextmanager
def _known_ratio(known: float | None) -> Iterator[None]:
    """Tell `hagemann` the true ratio of standard deviations."""
    if known is None:
        yield
        return
    with mock.patch.object(hagemann, "assumed_ratio", return_value=max(1.0, known)):
        yield
