"""RMSPE rank: where the reform's ratio stands among the placebos' ratios.

The ratio of the root mean squared gap after adoption to that before it (Abadie, Diamond &
Hainmueller 2010, section 3.4), in the sample of the fit and, where the estimator gives it, over
the last pre-periods held out of the fit. It stands beside the headline's test of the estimate,
which leans the other way when the treated unit is noisier or quieter than the donors: an extreme
ratio of a unit quieter than its donors (`noise_ratio`) is a warning, all else is information.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.inference._ranks import rank_p
from reformeval.noise import before_reform, is_quiet

NAME = "rmspe_rank"
_WORDS = {
    "rmspe_ratio": "gap after the reform over gap before it",
    "rmspe_ratio_heldout": "gap after the reform over gap in the held-out periods before it",
}


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series, estimator and kind of ratio that its fit has."""
    rows = []
    alpha = 1 - evidence.spec.ci_level + 1e-9
    for one, fit in _rows.fits(evidence):
        for name in _WORDS.keys() & fit.statistics.keys():
            values = fit.statistics[name]
            ranks = rank_p(values)
            for s, series in _rows.able(one.design):
                p, ratio = float(ranks[s]), float(values[s, 0])
                if np.isnan(p):
                    continue
                count = int((~np.isnan(values[s])).sum())
                message = (
                    f"RMSPE ratio ({_WORDS[name]}) {ratio:.2f}: {_rows.ordinal_of(p, count)}, "
                    f"p = {p:.2f}."
                )
                noise = before_reform(one.design, s)[0]
                misleads = is_quiet(noise) and (p <= alpha or round(p * count) == 1)
                if misleads:
                    message += (
                        f" The treated unit varies {noise:.2f} times as much as the donors before "
                        "the reform: its ratio then comes out extreme too often."
                    )
                rows.append(
                    _rows.row(
                        evidence, NAME, series, "warn" if misleads else "info", message,
                        one.spec.label,
                        statistic=name, value=ratio, p_value=p, inference="permutation",
                    )
                )  # fmt: skip
    return sorted(rows, key=lambda row: row["statistic"])
