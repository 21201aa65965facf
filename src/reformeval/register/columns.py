"""What kind of values the columns of a register hold, as expressions and config need to know it.

Nothing here loads a data library; `register.schema` holds the exact types.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["number", "boolean", "text"]

# Person and period are left out: an outcome is a property of a person in a period, and neither
# number is one.
COLUMNS: dict[str, Kind] = {
    "unit": "text",
    "age": "number",
    "sex": "text",
    "family": "text",
    "origin": "text",
    "recipient": "boolean",
    "benefit": "number",
    "employed": "boolean",
    "earnings": "number",
    "hours": "number",
}
# What linking raw register files adds.
LINKED: dict[str, Kind] = {
    "immigrant_category": "text",
    "country": "text",
    "loan": "number",
    "cases": "number",
    "payers": "number",
    "children": "number",
    "conditions": "boolean",
    "sanctions": "boolean",
    "jobs": "number",
    "occupation": "text",
}
