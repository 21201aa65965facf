"""How often tests reject when there is no effect, by the treated unit's noise: measured, not told.

One treated unit whose normal, independent noise has another standard deviation than the donors';
levels are those nearest to 5 % that a test can attain. The rows are part of the size table of
docs/validation.md and written with it; checks and docs/inference.md read them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BOUND = 3.5  # Monte-Carlo standard errors within which a test keeps its level


@dataclass(frozen=True)
class Size:
    """One measurement: the share of true nulls rejected at p <= level."""

    statistic: str
    donors: int
    sd_ratio: float
    level: float
    rate: float
    draws: int


# rows
SIZES: tuple[Size, ...] = (
    Size("permutation", 9, 0.5, 0.1, 0.014, 2000),
    Size("permutation", 9, 1.0, 0.1, 0.1015, 2000),
    Size("permutation", 9, 2.0, 0.1, 0.361, 2000),
    Size("permutation", 19, 0.5, 0.05, 0.0025, 2000),
    Size("permutation", 19, 1.0, 0.05, 0.0415, 2000),
    Size("permutation", 19, 2.0, 0.05, 0.286, 2000),
    Size("permutation", 39, 0.5, 0.05, 0.0005, 2000),
    Size("permutation", 39, 1.0, 0.05, 0.0605, 2000),
    Size("permutation", 39, 2.0, 0.05, 0.3025, 2000),
    Size("permutation_t", 9, 0.5, 0.1, 0.014, 2000),
    Size("permutation_t", 9, 1.0, 0.1, 0.1015, 2000),
    Size("permutation_t", 9, 2.0, 0.1, 0.361, 2000),
    Size("permutation_t", 19, 0.5, 0.05, 0.0025, 2000),
    Size("permutation_t", 19, 1.0, 0.05, 0.0415, 2000),
    Size("permutation_t", 19, 2.0, 0.05, 0.286, 2000),
    Size("permutation_t", 39, 0.5, 0.05, 0.0005, 2000),
    Size("permutation_t", 39, 1.0, 0.05, 0.0605, 2000),
    Size("permutation_t", 39, 2.0, 0.05, 0.3025, 2000),
    Size("conley_taber", 9, 0.5, 0.1, 0.0145, 2000),
    Size("conley_taber", 9, 1.0, 0.1, 0.1065, 2000),
    Size("conley_taber", 9, 2.0, 0.1, 0.375, 2000),
    Size("conley_taber", 19, 0.5, 0.05, 0.002, 2000),
    Size("conley_taber", 19, 1.0, 0.05, 0.0425, 2000),
    Size("conley_taber", 19, 2.0, 0.05, 0.292, 2000),
    Size("conley_taber", 39, 0.5, 0.05, 0.0005, 2000),
    Size("conley_taber", 39, 1.0, 0.05, 0.06, 2000),
    Size("conley_taber", 39, 2.0, 0.05, 0.305, 2000),
    Size("t_few", 9, 0.5, 0.05, 0.004, 2000),
    Size("t_few", 9, 1.0, 0.05, 0.0465, 2000),
    Size("t_few", 9, 2.0, 0.05, 0.276, 2000),
    Size("t_few", 19, 0.5, 0.05, 0.0015, 2000),
    Size("t_few", 19, 1.0, 0.05, 0.043, 2000),
    Size("t_few", 19, 2.0, 0.05, 0.3005, 2000),
    Size("t_few", 39, 0.5, 0.05, 0.0005, 2000),
    Size("t_few", 39, 1.0, 0.05, 0.0565, 2000),
    Size("t_few", 39, 2.0, 0.05, 0.313, 2000),
    Size("hagemann", 19, 0.5, 0.05, 0.0005, 2000),
    Size("hagemann", 19, 1.0, 0.05, 0.0305, 2000),
    Size("hagemann", 19, 2.0, 0.05, 0.05, 2000),
    Size("hagemann", 39, 0.5, 0.05, 0.0015, 2000),
    Size("hagemann", 39, 1.0, 0.05, 0.047, 2000),
    Size("hagemann", 39, 2.0, 0.05, 0.076, 2000),
    Size("conformal", 9, 0.5, 0.0556, 0.0605, 2000),
    Size("conformal", 9, 1.0, 0.0556, 0.052, 2000),
    Size("conformal", 9, 2.0, 0.0556, 0.049, 2000),
    Size("conformal", 19, 0.5, 0.0556, 0.065, 2000),
    Size("conformal", 19, 1.0, 0.0556, 0.056, 2000),
    Size("conformal", 19, 2.0, 0.0556, 0.06, 2000),
    Size("conformal", 39, 0.5, 0.0556, 0.0495, 2000),
    Size("conformal", 39, 1.0, 0.0556, 0.047, 2000),
    Size("conformal", 39, 2.0, 0.0556, 0.0605, 2000),
    Size("weighted", 9, 0.5, 0.1, 0.013, 2000),
    Size("weighted", 9, 1.0, 0.1, 0.097, 2000),
    Size("weighted", 9, 2.0, 0.1, 0.3685, 2000),
    Size("weighted", 19, 0.5, 0.05, 0.001, 2000),
    Size("weighted", 19, 1.0, 0.05, 0.042, 2000),
    Size("weighted", 19, 2.0, 0.05, 0.2805, 2000),
    Size("weighted", 39, 0.5, 0.05, 0.001, 2000),
    Size("weighted", 39, 1.0, 0.05, 0.0575, 2000),
    Size("weighted", 39, 2.0, 0.05, 0.2965, 2000),
    Size("rmspe_ratio", 9, 0.5, 0.1, 0.1805, 2000),
    Size("rmspe_ratio", 9, 1.0, 0.1, 0.099, 2000),
    Size("rmspe_ratio", 9, 2.0, 0.1, 0.054, 2000),
    Size("rmspe_ratio", 19, 0.5, 0.05, 0.156, 2000),
    Size("rmspe_ratio", 19, 1.0, 0.05, 0.041, 2000),
    Size("rmspe_ratio", 19, 2.0, 0.05, 0.0135, 2000),
    Size("rmspe_ratio", 39, 0.5, 0.05, 0.2825, 2000),
    Size("rmspe_ratio", 39, 1.0, 0.05, 0.0525, 2000),
    Size("rmspe_ratio", 39, 2.0, 0.05, 0.007, 2000),
    Size("rmspe_ratio_heldout", 9, 0.5, 0.1, 0.0985, 2000),
    Size("rmspe_ratio_heldout", 9, 1.0, 0.1, 0.092, 2000),
    Size("rmspe_ratio_heldout", 9, 2.0, 0.1, 0.1015, 2000),
    Size("rmspe_ratio_heldout", 19, 0.5, 0.05, 0.0435, 2000),
    Size("rmspe_ratio_heldout", 19, 1.0, 0.05, 0.0445, 2000),
    Size("rmspe_ratio_heldout", 19, 2.0, 0.05, 0.05, 2000),
    Size("rmspe_ratio_heldout", 39, 0.5, 0.05, 0.051, 2000),
    Size("rmspe_ratio_heldout", 39, 1.0, 0.05, 0.0555, 2000),
    Size("rmspe_ratio_heldout", 39, 2.0, 0.05, 0.0495, 2000),
)
# end


def nearest(donors: int, noisy: bool) -> dict[str, Size]:
    """Give the measurements with unequal noise that are nearest to a number of donors.

    Parameters
    ----------
    noisy
        Whether the treated unit is the noisier one, or the quieter.

    Returns
    -------
    By statistic; one that has no test with so many donors is left out.
    """
    count = min((size.donors for size in SIZES), key=lambda known: (abs(known - donors), known))
    unlike = (size for size in SIZES if size.donors == count and size.sd_ratio != 1)
    return {size.statistic: size for size in unlike if (size.sd_ratio > 1) is noisy}


def way(size: Size) -> str:
    """Say whether a test rejects too often, too seldom, or as it should.

    Examples
    --------
    >>> way(Size("permutation", 9, 2.0, 0.1, 0.36, 2_500))
    'rejects too often'
    """
    error = (size.level * (1 - size.level) / size.draws) ** 0.5
    distance = (size.rate - size.level) / error
    if abs(distance) <= BOUND:
        return "keeps its level"
    return "rejects too often" if distance > 0 else "rejects too seldom"


def leanings(words: Mapping[str, str], donors: int, *, noisy: bool) -> str:
    """Say which way tests lean when the treated unit is noisier or quieter than the donors.

    Parameters
    ----------
    words
        What to call each statistic.
    """
    found = nearest(donors, noisy)
    of = next(iter(found.values()))
    said = (
        f"{words[name]} {way(size)} ({_percent(size.rate)} of true nulls at {_percent(size.level)})"
        for name, size in found.items()
        if name in words
    )
    return (
        f"with one treated unit, {of.donors} donors and a ratio of {of.sd_ratio:g} "
        f"{'; '.join(said)}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def table() -> str:
    """Write the measurements as Markdown, one line per statistic and number of donors."""
    ratios = sorted({size.sd_ratio for size in SIZES})
    lines = [
        "| test | donors | level | " + " | ".join(f"sd ratio {r:g}" for r in ratios) + " |",
        "|---|---|---|" + "---|" * len(ratios),
    ]
    keys = dict.fromkeys((size.statistic, size.donors, size.level) for size in SIZES)
    rates = {(s.statistic, s.donors, s.level, s.sd_ratio): s.rate for s in SIZES}
    for key in keys:
        cells = [rates.get((*key, ratio)) for ratio in ratios]
        shown = " | ".join("–" if rate is None else f"{100 * rate:.1f} %" for rate in cells)
        lines.append(f"| {key[0]} | {key[1]} | {_percent(key[2])} | {shown} |")
    return "\n".join(lines)
