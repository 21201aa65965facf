"""The source `statbank`: a table of a statistics bank that speaks PxWebApi v2.

Only the description lives here. `reformeval fetch` asks the service and keeps the answer in the
data folder (`sources.statbank_fetch`); a run reads what is kept there, as a table, and never asks
the service itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr, StringConstraints, model_validator

from reformeval.sources._model import OutcomeKind, SourceModel
from reformeval.sources.table import (
    GroupColumn,
    Name,
    OutcomeColumn,
    PeriodColumns,
    TableSource,
    UnitColumn,
)

FOLDER = "statbank"
Output = Literal["aggregated", "single"]


class CodeListSelection(BaseModel):
    """Codes of a code list, such as municipalities added up over mergers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    codelist: str = Field(description="id of the code list, e.g. agg_KommSummer")
    codes: StrictStr | tuple[StrictStr, ...] = Field(
        "*", description="codes of the list, written like those of a table"
    )
    output: Output = Field(
        "aggregated", description="aggregated: one number per code of the list; single: its parts"
    )


Selection = StrictStr | tuple[StrictStr, ...] | CodeListSelection


class StatBankSource(SourceModel):
    """A table of a statistics bank, read over PxWebApi v2."""

    is_register: ClassVar[bool] = False

    kind: Literal["statbank"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+(/.*[^/])?$")] = Field(
        "https://data.ssb.no/api/pxwebapi/v2",
        description="address of the service, up to the version; default: Statistics Norway's",
    )
    table: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        description="number of the table, in quotes"
    )
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = Field(
        "no", description="language of labels and messages"
    )
    selection: dict[str, Selection] = Field(
        min_length=1,
        description='what to fetch, {variable: codes}: a list, "*", "03*", "top(24)", '
        '"from(2015M01)", "to(…)", "range(…, …)", or {codelist, codes, output}; variables that are '
        "left out are summed by the service, and outcomes name the contents",
    )
    unit: UnitColumn = Field(description="the unit of each row; column is the variable")
    period: PeriodColumns = Field(description="the period of each row; column is the variable")
    groups: dict[Name, GroupColumn] = Field(
        default_factory=dict, description="variables that split people, by group variable"
    )
    outcomes: dict[Name, OutcomeColumn] = Field(
        min_length=1,
        description="contents by the name that reforms use; column is the code of the contents",
    )
    missing: tuple[str, ...] = Field(
        (".", ".."), description='status symbols that mean "there is no such number" or "not known"'
    )
    suppressed: tuple[str, ...] = Field(
        (":",), description='status symbols that mean "withheld"; never 0'
    )

    @model_validator(mode="after")
    def _selected(self) -> StatBankSource:
        if self.period.headings is not None:
            raise ValueError("period: the service gives a variable with periods: name it as column")
        table = self.as_table()  # a table's own rules hold too
        for key, column in table.columns():
            if not key.startswith("outcomes.") and column not in self.selection:
                raise ValueError(
                    f"selection: {key} names the variable '{column}', so its codes must be chosen"
                )
        return self

    @property
    def query(self) -> str:
        """What is asked of the service, as text; equal questions give equal text."""
        asked = self.model_dump(mode="json", include={"url", "table", "language", "selection"})
        return json.dumps(asked | {"contents": self.contents()}, sort_keys=True)

    @property
    def file(self) -> str:
        """File in the data folder that keeps the answer to this query."""
        digest = hashlib.sha256(self.query.encode()).hexdigest()[:12]
        return f"{FOLDER}/{self.table}_{digest}.parquet"

    def contents(self) -> tuple[str, ...]:
        """Codes of the contents that outcomes name."""
        named = [o.column for o in self.outcomes.values()]
        named += [o.persons for o in self.outcomes.values() if o.persons is not None]
        return tuple(sorted(set(named)))

    def as_table(self, labels: Mapping[str, str] | None = None) -> TableSource:
        """Describe the kept answer as a table; ``labels`` are the service's names of units."""
        unit = self.unit.model_copy(update={"labels": {**(labels or {}), **self.unit.labels}})
        return TableSource(
            kind="table",
            file=self.file,
            unit=unit,
            **{name: getattr(self, name) for name in _SHARED},
        )

    def outcome_names(self) -> frozenset[str]:
        """Outcomes that a reform may name."""
        return frozenset(self.outcomes)

    def outcome_kind(self, name: str) -> OutcomeKind:
        """Whether an outcome is a share, a mean, a rate or a count."""
        return self.as_table().outcome_kind(name)

    def default_outcome_label(self, name: str) -> str:
        """Give the declared label, or the name in plain words."""
        return self.as_table().default_outcome_label(name)

    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values."""
        return self.as_table().group_values()

    def populations(self) -> frozenset[str]:
        """Say whom it counts: a reform cannot ask for others."""
        return self.as_table().populations()

    def unit_labels(self) -> dict[str, str] | None:
        """Names of units by code; None where the source declares none."""
        return self.as_table().unit_labels()


_SHARED = (
    "title", "frequency", "geography", "obtain", "period", "groups", "outcomes", "missing",
    "suppressed",
)  # fmt: skip
