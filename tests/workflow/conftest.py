"""Fixtures of `small_project` and `raw_project` for every test here."""

from raw_project import linked_once
from small_project import finished, project

__all__ = ["finished", "linked_once", "project"]
