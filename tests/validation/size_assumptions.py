"""What each test assumes, and so in which panels of the size study its level must hold.

Written down before anything was measured. A method whose theorem is a limit is compared with its
level all the same; whether the limit is near is what the study shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reformeval.inference._router import MANY
from tests.validation.size_cells import Cell


@dataclass(frozen=True)
class Assumption:
    """What a test supposes.

    Attributes
    ----------
    words
        The assumption, and whether the level is exact under it or reached in a limit.
    holds
        Whether a panel satisfies it.
    exact
        Whether the level then holds in such a panel, and not in a limit alone.
    """

    words: str
    holds: Callable[[Cell], bool]
    exact: Callable[[Cell], bool] = lambda _: True


def _alike(cell: Cell) -> bool:
    return cell.sd_ratio == 1 and cell.sizes == "equal"


def _in_the_limit(_: Cell) -> bool:
    return False


def _many(cell: Cell) -> bool:
    return min(cell.treated, cell.donors) >= MANY


_EXCHANGEABLE = Assumption("units are exchangeable; exact", _alike)
_MANY_UNITS = Assumption(
    f"many treated units and donors (here at least {MANY}), of any variance; in the limit",
    _many,
    _in_the_limit,
)

ASSUMPTIONS: dict[str, Assumption] = {
    "permutation": _EXCHANGEABLE,
    "permutation_t": _EXCHANGEABLE,
    "rmspe_ratio": _EXCHANGEABLE,
    "rmspe_ratio_heldout": _EXCHANGEABLE,
    "conley_taber": Assumption(
        "the treated unit's change is distributed as the donors'; in the limit of many donors",
        _alike,
        _in_the_limit,
    ),
    "ferman_pinto": Assumption(
        "variances are a + b ÷ persons; in the limit of many donors",
        lambda cell: cell.sizes != "equal" or cell.sd_ratio == 1,
        _in_the_limit,
    ),
    "hagemann": Assumption(
        "normal changes; the treated unit's sd is at most ρ times that of every donor but one, "
        "with ρ the ratio measured before the reform, at least 1; a bound",
        lambda cell: cell.sd_ratio <= 1 if cell.sizes == "equal" else cell.sizes == "treated_large",
    ),
    "hagemann, ρ known": Assumption(
        "normal changes; ρ is the true ratio; a bound", lambda cell: cell.sizes == "equal"
    ),
    "t_few": Assumption("normal changes of one variance; exact", _alike),
    "conformal": Assumption(
        "the treated unit's gap is stationary and weakly dependent, whatever the donors' noise; "
        "exact without serial correlation, otherwise in the limit of many periods",
        lambda _: True,
        lambda cell: cell.process == "iid",
    ),
    "conformal_iid": Assumption(
        "the treated unit's gap does not depend on the periods before; exact",
        lambda cell: cell.process == "iid",
    ),
    "cluster_jackknife": _MANY_UNITS,
    "wild_bootstrap": _MANY_UNITS,
    "cluster": _MANY_UNITS,
}
