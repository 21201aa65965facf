"""Which estimators there are: one module each in this folder, its file stem the method's name."""

from __future__ import annotations

from types import ModuleType

from reformeval import discovery
from reformeval.errors import UserError

NEEDS_PERSONS = ("person_event_study",)  # methods that are fitted to sums over a register's persons
MATCHED = ("matched_sc",)  # methods that match units on the reform's covariates
COMMON_WEIGHTS = ("common_sc",)  # methods that weigh donors for several outcomes at once
# Methods whose effects are means over the periods after adoption, linear in their outcomes.
LETS_DONORS_LEAVE = (
    "did", "event_study", "synthetic_control", "demeaned_sc", "augmented_sc", "penalised_sc",
    "common_sc", "matched_sc",
)  # fmt: skip


def methods() -> tuple[str, ...]:
    """Names of all methods, in alphabetical order, without importing any."""
    return discovery.names("estimators")


def load(method: str) -> ModuleType:
    """Import one method's module.

    Raises
    ------
    UserError
        If there is no such method.
    """
    if method not in methods():
        raise UserError(f"there is no estimator '{method}'; there are {', '.join(methods())}")
    return discovery.load("estimators", method)


def donors(method: str) -> tuple[str, ...]:
    """Donors (`spec.DonorRule`) that a method can take where units adopt at different times.

    Its module's ``DONORS``, read without importing it; none where it needs one adoption date.
    """
    return tuple(discovery.constant("estimators", method, "DONORS") or ())
