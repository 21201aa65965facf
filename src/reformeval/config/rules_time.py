"""What the dates of a reform file must satisfy, given the frequency and range of its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from reformeval import periods
from reformeval.config.models import (
    Comparison,
    Covariate,
    Estimator,
    Source,
    Step,
    Treatment,
    Window,
)
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.estimators import _discover
from reformeval.periods import Frequency

_FULL_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ].*)?")
_PLURAL = {"month": "months", "quarter": "quarters", "year": "years"}


def _count(periods_: int) -> str:
    return f"{periods_ or 'no'} period{'' if periods_ == 1 else 's'}"


def check(document: Document, keys: Mapping[str, Any], source: Source) -> None:
    """Report everything that is wrong with the dates of a reform.

    Parameters
    ----------
    document
        The reform file; problems are added to it.
    keys
        Its valid keys (`validation.by_key`).
    source
        The reform's source.
    """
    reader = _Reader(document, source)
    window: Window | None = keys.get("window")
    treatment: Treatment | None = keys.get("treatment")
    comparison: Comparison | None = keys.get("comparison")
    bounds = reader.window(window) if window else None
    dropped = reader.dropped(window, bounds) if window else set()
    starts = reader.steps(treatment, bounds) if treatment and treatment.steps else None
    if comparison:
        reader.treated_from(comparison, bounds, starts, keys.get("estimators") or {})
    if bounds and starts and treatment and starts == sorted(set(starts)):
        pre = reader.enough(bounds, dropped, starts, treatment.anticipation)
        reader.held_out(keys.get("estimators") or {}, pre)
        reader.covariates(keys.get("covariates") or {}, bounds, starts[0], treatment.anticipation)


def months_before(source: Source, treatment: Treatment) -> int | None:
    """Months of the source before adoption and its anticipation; None where not known."""
    limits = source.period_range()
    if not treatment.steps:
        return None
    try:
        adoption = periods.parse(treatment.steps[0].start, "month")
    except ValueError:
        return None
    if limits is None or source.frequency != "month":
        return None
    first = periods.number(limits[0], "month")
    return periods.number(adoption, "month") - treatment.anticipation - first


class _Reader:
    def __init__(self, document: Document, source: Source) -> None:
        self.document = document
        self.frequency: Frequency = source.frequency
        self.range = source.period_range()

    def label(self, period: date) -> str:
        return periods.label(period, self.frequency)

    def number(self, period: date) -> int:
        return periods.number(period, self.frequency)

    def period(self, path: Path, text: str) -> date | None:
        """Read a period; None, and a problem, if it is none or outside the source."""
        try:
            period = periods.parse(text, self.frequency)
        except ValueError:
            self.document.add(path, *self._not_a_period(dotted(path), text))
            return None
        if self.range and not self.range[0] <= period <= self.range[1]:
            first, last = (self.label(p) for p in self.range)
            self.document.add(
                path,
                f"`{dotted(path)}`: {text} is outside the source, which has {first} to {last}",
            )
            return None
        return period

    def _not_a_period(self, name: str, text: str) -> tuple[str, str]:
        match = _FULL_DATE.fullmatch(text)
        if match:
            try:
                day = date(int(match[1]), int(match[2]), 1)
                like = self.label(day)
            except ValueError:
                like = periods.EXAMPLES[self.frequency]
            return (
                f"`{name}`: {text} is a full date, and the source's periods are "
                f"{_PLURAL[self.frequency]}",
                f"write {like}",
            )
        return (
            f"`{name}`: '{text}' is not a {self.frequency}",
            f"the source's periods are {_PLURAL[self.frequency]}: write them like "
            f"{periods.EXAMPLES[self.frequency]}",
        )

    def window(self, window: Window) -> tuple[date, date] | None:
        first = self.period(("window", "from"), window.first)
        last = self.period(("window", "to"), window.last)
        if first is None or last is None:
            return None
        if last < first:
            self.document.add(
                ("window", "to"),
                f"`window` is reversed: it ends in {window.last}, before it starts in "
                f"{window.first}",
                "swap from and to",
            )
            return None
        return first, last

    def dropped(self, window: Window, bounds: tuple[date, date] | None) -> set[date]:
        out: set[date] = set()
        for i, text in enumerate(window.drop):
            path: Path = ("window", "drop", i)
            period = self.period(path, text)
            if period is None:
                continue
            if bounds and not bounds[0] <= period <= bounds[1]:
                self.document.add(path, f"`{dotted(path)}`: {text} is not inside the window")
            elif period in out:
                self.document.add(path, f"`{dotted(path)}`: {text} is listed twice")
            out.add(period)
        return out

    def steps(self, treatment: Treatment, bounds: tuple[date, date] | None) -> list[date] | None:
        """Dates of the steps; None if one cannot be used."""
        starts: list[date] = []
        seen: dict[str, int] = {}
        for i, step in enumerate(treatment.steps):
            path: Path = ("treatment", "steps", i)
            if step.id in seen:
                self.document.add(
                    (*path, "id"),
                    f"`{dotted(path)}.id`: '{step.id}' is already the id of step {seen[step.id]}",
                    "give each step its own id",
                )
            seen.setdefault(step.id, i)
            start = self.period((*path, "from"), step.start)
            if start is not None:
                self._step(path, step, start, bounds, starts)
                starts.append(start)
        return starts if len(starts) == len(treatment.steps) else None

    def _step(
        self,
        path: Path,
        step: Step,
        start: date,
        bounds: tuple[date, date] | None,
        earlier: list[date],
    ) -> None:
        name = f"`{dotted(path)}.from`"
        if bounds and not bounds[0] <= start <= bounds[1]:
            first, last = (self.label(p) for p in bounds)
            self.document.add(
                (*path, "from"),
                f"{name}: {step.start} is outside the window {first} to {last}",
                "move the window or the step",
            )
        elif earlier and start <= earlier[-1]:
            self.document.add(
                (*path, "from"),
                f"{name}: {step.start} is not after the step before it, {self.label(earlier[-1])}",
                "list steps in order of date, one per date",
            )

    def treated_from(
        self,
        comparison: Comparison,
        bounds: tuple[date, date] | None,
        starts: list[date] | None,
        estimators: Mapping[str, Estimator],
    ) -> None:
        """Ask that donors adopt after the reform, and that estimators can do without them then."""
        for unit, text in comparison.treated_from.items():
            path: Path = ("comparison", "treated_from", unit)
            try:
                # Later than the source is the usual case here, so its range is not asked.
                period = periods.parse(text, self.frequency)
            except ValueError:
                self.document.add(path, *self._not_a_period(dotted(path), text))
                continue
            if not bounds or period > bounds[1] or unit in comparison.exclude:
                continue
            if starts and period <= starts[0]:
                self.document.add(
                    path,
                    f"`{dotted(path)}`: donor '{unit}' adopts in {text}, not after the reform",
                    "exclude it: it is no donor in any period after adoption",
                )
            for label, estimator in estimators.items():
                method = estimator.method or label
                if method in _discover.methods() and method not in _discover.LETS_DONORS_LEAVE:
                    self.document.add(
                        path,
                        f"`{dotted(path)}`: donor '{unit}' adopts in {text}, inside the window, "
                        f"and {method} cannot do without a donor from some period on",
                        f"exclude it, end the window before {text}, or take out {label}",
                    )

    def enough(
        self, bounds: tuple[date, date], dropped: set[date], starts: list[date], anticipation: int
    ) -> int:
        """Ask for two periods before adoption and one in every step; count those before."""
        first, last = (self.number(p) for p in bounds)
        gone = {self.number(p) for p in dropped}
        adoption = self.number(starts[0])
        if not first <= adoption <= last:
            return 0
        reference = adoption - anticipation - 1
        pre = len(set(range(first, reference + 1)) - gone)
        if pre < 2:
            path: Path = ("treatment", "steps", 0, "from")
            waiting = ""
            if anticipation:
                path = ("treatment", "anticipation")
                waiting = f" and its {_count(anticipation)} of anticipation"
            self.document.add(
                path,
                f"`{dotted(path)}`: the window has {_count(pre)} before adoption in "
                f"{self.label(starts[0])}{waiting}; at least 2 are needed",
                "start the window earlier, or drop less"
                + (", or lower treatment.anticipation" if anticipation else ""),
            )
        ends = [*(self.number(start) for start in starts[1:]), last + 1]
        for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if end <= last + 1 and not set(range(self.number(start), end)) - gone:
                self.document.add(
                    ("treatment", "steps", i, "from"),
                    f"`treatment.steps[{i}]`: no period of this step is left in the window",
                    "drop fewer periods or join it with the next step",
                )
        return pre

    def covariates(
        self,
        covariates: Mapping[str, Covariate],
        bounds: tuple[date, date],
        adoption: date,
        anticipation: int,
    ) -> None:
        """Ask for periods of the window that lie before the reform."""
        last = periods.shift(adoption, -anticipation - 1, self.frequency)
        for name, covariate in covariates.items():
            if covariate.over is None:
                continue
            path: Path = ("covariates", name, "over")
            ends = [
                self.period((*path, key), text)
                for key, text in (("from", covariate.over.first), ("to", covariate.over.last))
            ]
            start, end = ends
            if start is None or end is None:
                continue
            if not bounds[0] <= start <= end <= last:
                self.document.add(
                    path,
                    f"`{dotted(path)}`: {self.label(start)} to {self.label(end)} are not periods "
                    "in order, in the window and before the reform and its anticipation",
                    f"take periods from {self.label(bounds[0])} to {self.label(last)}",
                )

    def held_out(self, estimators: Mapping[str, Estimator], pre: int) -> None:
        """Ask that ``holdout`` leaves a period before adoption to fit on."""
        for label, estimator in estimators.items():
            held = estimator.options.get("holdout")
            if type(held) is int and pre >= 2 and held >= pre:
                path: Path = ("estimators", label, "holdout")
                self.document.add(
                    path,
                    f"`{dotted(path)}`: {held} leaves none of the {_count(pre)} before adoption "
                    "to fit the weights on",
                    f"hold out at most {pre - 1}",
                )
