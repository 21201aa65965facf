"""Group mappings: versioned files that turn raw codes of a register into the values of a group.

Those in ``src/reformeval/mappings`` come with the program; a project's own are in
``config/mappings``. Nothing here loads a data library.
"""

from __future__ import annotations

from itertools import combinations
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reformeval import periods

ValueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Words = Annotated[str, StringConstraints(min_length=1)]
# A row belongs to a value if, for every column of one of its conditions, its code is listed.
Condition = dict[Words, Annotated[tuple[Words, ...], Field(min_length=1)]]


class Validity(BaseModel):
    """Months in which a mapping is official."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: str | None = Field(None, alias="from", description="first month")
    last: str | None = Field(None, alias="to", description="last month; left out: still valid")

    @model_validator(mode="after")
    def _months(self) -> Validity:
        for month in (self.first, self.last):
            if month is not None:
                periods.parse(month, "month")
        return self


class GroupMapping(BaseModel):
    """One file: how raw codes make the values of one group variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Words = Field(description="what it splits people by, for the report")
    version: Words = Field(description="changes with every change of the lists")
    variable: ValueName = Field(description="name of the group variable, such as origin")
    valid: Validity = Field(
        Validity.model_construct(), description="months in which it is official: {from, to}"
    )
    source: Words = Field(description="where the lists are from")
    value_labels: dict[ValueName, Words] = Field({}, description="words for values")
    values: dict[ValueName, Annotated[tuple[Condition, ...], Field(min_length=1)]] = Field(
        min_length=1,
        description="by value a list of conditions {column: [codes]}; one of them must hold",
    )

    @model_validator(mode="after")
    def _disjoint(self) -> GroupMapping:
        for value in self.value_labels:
            if value not in self.values:
                raise ValueError(f"value_labels: there is no value '{value}'")
        cases = [(value, one) for value, listed in self.values.items() for one in listed]
        for value, one in cases:
            if not one:
                raise ValueError(f"values.{value}: a condition names at least one column")
            for column, codes in one.items():
                if twice := next((code for code in codes if codes.count(code) > 1), None):
                    raise ValueError(f"values.{value}: {column} lists '{twice}' twice")
        for (value, one), (other, two) in combinations(cases, 2):
            shared = [set(one[column]) & set(two[column]) for column in one.keys() & two.keys()]
            if all(shared):
                examples = sorted(shared[0])[:3] if shared else ["everybody"]
                raise ValueError(
                    f"values.{value} and values.{other} can both hold for one person, such as of "
                    f"{', '.join(examples)}; no code may lead to two values"
                )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the register that it reads, each once."""
        conditions = (one for listed in self.values.values() for one in listed)
        return tuple(dict.fromkeys(column for one in conditions for column in one))
