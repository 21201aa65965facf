"""A hash of the code a job runs, so that editing code reruns what depends on it and no more.

The hash covers a job's module and everything it imports from this package, directly or not, as
source text without comments, docstrings and type-checking imports. Imports inside functions
count; the packages' own ``__init__.py`` are empty and do not. The versions of third-party
packages that decide numbers or pictures are part of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent

# Import name -> distribution, for packages whose release can change a number or a picture.
_KEY_PACKAGES = {
    "great_tables": "great-tables",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "openpyxl": "openpyxl",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "pyfixest": "pyfixest",
    "pyreadstat": "pyreadstat",
    "scipy": "scipy",
}


@dataclass(frozen=True)
class _Module:
    """One parsed file: the hash of its code and what it imports."""

    digest: str
    imports: tuple[Path, ...]
    packages: frozenset[str]


def code_hash(*modules: str, root: Path = PACKAGE) -> str:
    """Hash the code of some modules and of all they import from this package.

    Parameters
    ----------
    modules
        Dotted names, such as ``reformeval.jobs.estimate_effects``.
    root
        The folder of the package; another than the running one only in tests.

    Raises
    ------
    ModuleNotFoundError
        If there is no file for one of the modules.
    """
    files = _closure(modules, root.resolve())
    packages = sorted(set().union(*(module.packages for module in files.values())))
    lines = [f"{name} {files[name].digest}" for name in sorted(files)]
    lines += [f"{name} {_version(name)}" for name in packages]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def closure(*modules: str, root: Path = PACKAGE) -> list[str]:
    """Files, relative to the package, that `code_hash` of these modules covers."""
    return sorted(_closure(modules, root.resolve()))


def _closure(modules: Sequence[str], root: Path) -> dict[str, _Module]:
    files: dict[str, _Module] = {}
    waiting = [_file_of(root, module) for module in modules]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name not in files:
            files[name] = _read(root, path)
            waiting.extend(files[name].imports)
    return files


@cache
def _version(package: str) -> str:
    return version(_KEY_PACKAGES[package])


def _file_of(root: Path, module: str) -> Path:
    path = _find(root, module.split(".")[1:])
    if path is None:
        raise ModuleNotFoundError(f"no file for module {module}")
    return path


def _find(root: Path, parts: list[str]) -> Path | None:
    """Return the file of a module below the package, None for a package or an attribute."""
    path = root.joinpath(*parts[:-1], f"{parts[-1]}.py") if parts else None
    return path if path is not None and path.is_file() else None


@cache
def _read(root: Path, path: Path) -> _Module:
    tree = _Bare().visit(ast.parse(path.read_bytes(), filename=str(path)))
    here = [root.name, *path.relative_to(root).with_suffix("").parts]
    imports: dict[Path, None] = {}
    packages: set[str] = set()
    for name, member in _imported(tree, here):
        if name[0] == root.name:
            target = (member and _find(root, [*name[1:], member])) or _find(root, name[1:])
            if target is not None:
                imports[target] = None
        elif name[0] in _KEY_PACKAGES:
            packages.add(name[0])
    digest = hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
    return _Module(digest, tuple(imports), frozenset(packages))


def _imported(tree: ast.AST, here: list[str]) -> Iterator[tuple[list[str], str | None]]:
    """Every import as (dotted name in parts, name taken from it or None)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split("."), None
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            name = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield name, alias.name


class _Bare(ast.NodeTransformer):
    """Take out what cannot change a result: docstrings and imports for type checkers."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop strings that stand alone: docstrings of all kinds."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        """Drop the body of ``if TYPE_CHECKING``."""
        name = node.test.attr if isinstance(node.test, ast.Attribute) else node.test
        if name == "TYPE_CHECKING" or (isinstance(name, ast.Name) and name.id == "TYPE_CHECKING"):
            return [statement for part in node.orelse if (statement := self.visit(part))]
        return self.generic_visit(node)
