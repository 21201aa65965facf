"""The two kinds of error a user can meet; neither is shown with a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it stands, and how to mend it.

    Attributes
    ----------
    message
        What is wrong, in one sentence, naming the key or column.
    where
        ``file:line`` for config, the data file's path for data; empty where neither applies.
    fix
        What to do about it; empty where the message already says it.
    """

    message: str
    where: str = ""
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f"\n    fix: {self.fix}" if self.fix else "")


class UserError(Exception):
    """Everything that is wrong with what the user gave, reported at once.

    Parameters
    ----------
    problems
        At least one problem; a string stands for a problem without place or fix.
    """

    def __init__(self, problems: Sequence[Problem | str] | Problem | str) -> None:
        given = [problems] if isinstance(problems, Problem | str) else list(problems)
        self.problems = [Problem(p) if isinstance(p, str) else p for p in given]
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnsupportedError(UserError):
    """A combination that this version refuses rather than answers wrongly."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask for the nearest known name, or list what there is; empty if nothing is known.

    Examples
    --------
    >>> did_you_mean("earnigns", ["earnings", "hours"])
    "did you mean 'earnings'?"
    """
    names = sorted(set(known))
    folded = {other.strip().casefold(): other for other in reversed(names)}
    if near := get_close_matches(name.strip().casefold(), folded, n=1):
        return f"did you mean '{folded[near[0]]}'?"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"there are: {', '.join(repr(n) for n in names[:8])}{more}" if names else ""
