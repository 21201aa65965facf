"""Fixtures of `small_project` for every test here."""

from small_project import finished, project

__all__ = ["finished", "project"]
