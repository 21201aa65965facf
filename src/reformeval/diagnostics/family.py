"""Family: whether anything moved at all among the exploratory effects of an estimator.

The joint test of no effect in any outcome and group but the headline, by the largest statistic over
the joint permutation (`inference._family`): the number to look at before any single exploratory p.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence, family_of

NAME = "family"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per estimator with at least two exploratory effects."""
    alpha = 1 - evidence.spec.ci_level
    rows = []
    for one, fit in _rows.fits(evidence):
        found = family_of(one, fit, evidence.spec.headline)
        size = int(found.members.sum())
        if size < 2:
            continue
        small = int((found.adjusted <= alpha + 1e-9).sum())
        lead = f"{size} exploratory effects over {found.count} joint assignments"
        if 1 / found.count > alpha + 1e-9:
            message = (
                f"{lead}: the smallest p is 1/{found.count}, above {alpha:.2g}, so that no "
                "correction for their number can find anything. p_adjusted is left empty."
            )
        else:
            message = (
                f"{lead}: the joint test that none of them moved has p = {found.joint:.3f} "
                f"(largest statistic); {small} of them are at or below {alpha:.2g} after the "
                "correction for their number (p_adjusted)."
            )
        rows.append(
            _rows.row(
                evidence, NAME, None, "info", message, one.spec.label, statistic="effects_left",
                value=float(small), p_value=found.joint if np.isfinite(found.joint) else None,
                threshold=alpha, inference="permutation",
            )
        )  # fmt: skip
    return rows
