"""Noise ratio: whether the treated unit is noisier or quieter than the donors.

The permutation test takes units as exchangeable. The treated average's gap to all other units is
differenced from one pre-period to the next; its standard deviation is compared with the root mean
square of the donors' own (each donor's gap to all units but itself). Measured at a true null: a
noisier treated unit makes tests of raw estimates reject too often and a quieter one too seldom;
for the RMSPE ratio it is the reverse. Effects are tested by their estimates, so a noisier treated
unit is a warning and a quieter one is information: its p-values hold and are conservative. Where a
ratio of a quieter unit looks extreme, `rmspe_rank` warns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.inference._sizes import leanings
from reformeval.noise import LIMIT, before_reform, is_noisy, is_quiet, who_varies

NAME = "noise_ratio"
_STATISTICS = {
    "permutation": "the permutation of estimates",
    "conley_taber": "Conley-Taber",
    "t_few": "the t test with G − 2 degrees of freedom",
    "hagemann": "Hagemann's test",
    "conformal": "the conformal test",
    "rmspe_ratio": "the rank of the RMSPE ratio",
    "rmspe_ratio_heldout": "the rank of its ratio held out of the fit",
}


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series that has at least three differences before the reform."""
    rows = []
    for s, series in _rows.able(evidence.design):
        ratio, levels = before_reform(evidence.design, s)
        if np.isfinite(ratio):
            treated, donors, *_ = evidence.design.counts(s)
            verdict, message = _judge(ratio, levels, treated, donors)
            rows.append(
                _rows.row(
                    evidence, NAME, series, verdict, message,
                    statistic="sd_ratio", value=ratio, threshold=LIMIT,
                )
            )  # fmt: skip
    return rows


def _judge(ratio: float, levels: float, treated: int, donors: int) -> tuple[_rows.Verdict, str]:
    lead = (
        f"Before the reform {who_varies(treated)} {ratio:.2f} times as much as the donors from "
        f"period to period ({levels:.2f} times in levels)"
    )
    if is_quiet(ratio):
        return "info", f"{lead}. Measured, {leanings(_STATISTICS, donors, noisy=False)}."
    if is_noisy(ratio):
        return "warn", f"{lead}. Measured, {leanings(_STATISTICS, donors, noisy=True)}."
    return "pass", f"{lead}: close enough, by this measure, for a fair ranking among placebos."
