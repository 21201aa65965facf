"""Finding the modules of a folder: methods and checks are known by their file's name alone."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def names(package: str) -> tuple[str, ...]:
    """Modules of a package of `reformeval`, sorted, without those that start with ``_``.

    Nothing in the package is imported.

    Examples
    --------
    >>> names("inference")
    ('cluster', 'permutation')
    """
    spec = find_spec(f"reformeval.{package}")
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = (module.name for module in pkgutil.iter_modules(folders))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def load(package: str, name: str) -> ModuleType:
    """Import one module of a package of `reformeval`."""
    return import_module(f"reformeval.{package}.{name}")
