"""How often tests reject when there is no effect, by the treated unit's noise: measured, not told.

One treated unit with normal noise of another standard deviation than the donors', in units of its
change from before to after (for the RMSPE ratio: of each period). The rows are written by
``python -m tests.validation.sizes``; checks and docs/inference.md read them from here.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    Size("permutation", 9, 0.5, 0.1, 0.0105, 4000),
    Size("permutation", 9, 1.0, 0.1, 0.0993, 4000),
    Size("permutation", 9, 2.0, 0.1, 0.362, 4000),
    Size("permutation", 24, 0.5, 0.04, 0.0015, 4000),
    Size("permutation", 24, 1.0, 0.04, 0.0393, 4000),
    Size("permutation", 24, 2.0, 0.04, 0.265, 4000),
    Size("permutation", 39, 0.5, 0.05, 0.0, 4000),
    Size("permutation", 39, 1.0, 0.05, 0.0457, 4000),
    Size("permutation", 39, 2.0, 0.05, 0.314, 4000),
    Size("conley_taber", 9, 0.5, 0.1, 0.0115, 4000),
    Size("conley_taber", 9, 1.0, 0.1, 0.105, 4000),
    Size("conley_taber", 9, 2.0, 0.1, 0.3698, 4000),
    Size("conley_taber", 24, 0.5, 0.04, 0.0013, 4000),
    Size("conley_taber", 24, 1.0, 0.04, 0.0393, 4000),
    Size("conley_taber", 24, 2.0, 0.04, 0.2677, 4000),
    Size("conley_taber", 39, 0.5, 0.05, 0.0, 4000),
    Size("conley_taber", 39, 1.0, 0.05, 0.0465, 4000),
    Size("conley_taber", 39, 2.0, 0.05, 0.3157, 4000),
    Size("t_few", 9, 0.5, 0.05, 0.0047, 4000),
    Size("t_few", 9, 1.0, 0.05, 0.05, 4000),
    Size("t_few", 9, 2.0, 0.05, 0.2632, 4000),
    Size("t_few", 24, 0.5, 0.05, 0.0008, 4000),
    Size("t_few", 24, 1.0, 0.05, 0.0498, 4000),
    Size("t_few", 24, 2.0, 0.05, 0.307, 4000),
    Size("t_few", 39, 0.5, 0.05, 0.0, 4000),
    Size("t_few", 39, 1.0, 0.05, 0.0478, 4000),
    Size("t_few", 39, 2.0, 0.05, 0.3205, 4000),
    Size("hagemann", 24, 0.5, 0.05, 0.001, 4000),
    Size("hagemann", 24, 1.0, 0.05, 0.0445, 4000),
    Size("hagemann", 24, 2.0, 0.05, 0.2722, 4000),
    Size("hagemann", 39, 0.5, 0.05, 0.0008, 4000),
    Size("hagemann", 39, 1.0, 0.05, 0.0442, 4000),
    Size("hagemann", 39, 2.0, 0.05, 0.2973, 4000),
    Size("rmspe_ratio", 24, 0.5, 0.04, 0.173, 1000),
    Size("rmspe_ratio", 24, 1.0, 0.04, 0.031, 1000),
    Size("rmspe_ratio", 24, 2.0, 0.04, 0.009, 1000),
)
# end


def nearest(statistic: str, donors: int, noisy: bool) -> tuple[Size, Size] | None:
    """Measurements of a statistic nearest to a design: with equal noise, and with unequal.

    Parameters
    ----------
    noisy
        Whether the treated unit is the noisier one, or the quieter.

    Returns
    -------
    None where the statistic was not measured.
    """
    of = [size for size in SIZES if size.statistic == statistic]
    counts = sorted({size.donors for size in of}, key=lambda count: (abs(count - donors), count))
    here = [size for size in of if counts and size.donors == counts[0]]
    alike = [size for size in here if size.sd_ratio == 1]
    unlike = [size for size in here if (size.sd_ratio > 1) is noisy and size.sd_ratio != 1]
    return (alike[0], unlike[0]) if alike and unlike else None


def lean(statistic: str, words: str, donors: int, noisy: bool) -> str:
    """Say which way a test leans when the treated unit is noisier or quieter; "" if unmeasured."""
    found = nearest(statistic, donors, noisy)
    if found is None:
        return ""
    alike, unlike = found
    way = "too often" if unlike.rate > alike.rate else "too seldom"
    return (
        f"{words} rejects {way} (measured with {unlike.donors} donors and a ratio of "
        f"{unlike.sd_ratio:g}: {100 * unlike.rate:.0f} % of true nulls at {100 * unlike.level:g} %)"
    )


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
        lines.append(f"| {key[0]} | {key[1]} | {100 * key[2]:g} % | {shown} |")
    return "\n".join(lines)
