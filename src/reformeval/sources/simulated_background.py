"""Immigrant category and country of background of simulated persons, as registers write them.

They refine ``origin`` and nothing else depends on them: they are drawn last, with numbers of their
own. Categories and countries are Statistics Norway's codes. The countries are some that many
residents come from; their shares are not fitted to any population.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CATEGORIES = ("A", "B", "C", "E", "F", "G")
# By origin: category -> share.
_CATEGORY_SHARES: tuple[dict[str, float], ...] = (
    {"A": 0.90, "E": 0.01, "F": 0.07, "G": 0.02},
    {"B": 0.95, "C": 0.05},
    {"B": 0.85, "C": 0.15},
)
NORWAY = "000"
# By origin: country -> relative frequency.
_COUNTRY_WEIGHTS: tuple[dict[str, float], ...] = (
    {NORWAY: 1},
    {"106": 6, "101": 4, "144": 4, "139": 3, "105": 2, "103": 1, "117": 1, "127": 2, "684": 2},
    {
        **{"131": 10, "136": 5, "133": 2, "124": 1, "113": 1},  # in the European Union
        **{"155": 2, "161": 2, "140": 2, "143": 2, "148": 1},
        **{"346": 4, "241": 3, "246": 1, "564": 5, "452": 3, "404": 3, "456": 2},
        **{"534": 3, "428": 3, "575": 2, "568": 2, "715": 1, "725": 1},
    },
)
COUNTRIES = tuple(country for weights in _COUNTRY_WEIGHTS for country in weights)


def draw_background(
    origin: NDArray[Any], rng: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Draw each person's category and country as indices of `CATEGORIES` and `COUNTRIES`.

    Parameters
    ----------
    origin
        (persons,) index of the origin: norwegian, western, non_western.
    rng
        Used for nothing else.
    """
    chance = rng.random((2, len(origin)))
    category = np.empty(len(origin), dtype=np.int8)
    country = np.empty(len(origin), dtype=np.int8)
    drawn = ((category, CATEGORIES, _CATEGORY_SHARES), (country, COUNTRIES, _COUNTRY_WEIGHTS))
    for target, codes, by_origin, uniform in (
        (*part, row) for part, row in zip(drawn, chance, strict=True)
    ):
        for index, weights in enumerate(by_origin):
            bounds = np.cumsum(np.array(list(weights.values()), dtype=float))
            places = np.array([codes.index(code) for code in weights], dtype=np.int8)
            here = origin == index
            # The last bound is 1 up to rounding, and a uniform number is below 1.
            found = np.searchsorted(bounds / bounds[-1], uniform[here], side="right")
            target[here] = places[np.minimum(found, len(places) - 1)]
    return category, country
