"""Finding the modules of a folder: methods and checks are known by their file's name alone."""

from __future__ import annotations

import ast
import pkgutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


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


def constant(package: str, name: str, constant: str) -> Any:
    """Read a module's literal constant without importing it; None where it has none.

    Examples
    --------
    >>> constant("inference", "cluster", "NAME")
    'cluster'
    """
    spec = find_spec(f"reformeval.{package}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / f"{name}.py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == constant for target in node.targets
            ):
                return ast.literal_eval(node.value)
    return None


def load(package: str, name: str) -> ModuleType:
    """Import one module of a package of `reformeval`."""
    return import_module(f"reformeval.{package}.{name}")
