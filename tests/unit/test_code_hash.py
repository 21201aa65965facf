"""Editing code reruns what depends on it: the hash sees logic, and only what a job imports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reformeval import code_hash as module
from reformeval.code_hash import closure, code_hash

FILES = {
    "jobs/estimate.py": "from mypkg import fit\nfrom mypkg.estimators import _discover\n",
    "fit.py": (
        '"""Doc."""\n'
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from mypkg.heavy import Thing\n"
        'def run(x):\n    """Doc."""\n'
        "    from mypkg.lazy import twice\n    return twice(x)  # note\n"
    ),
    "lazy.py": "def twice(x):\n    return 2 * x\n",
    "heavy.py": "class Thing: ...\n",
    "estimators/_discover.py": "import importlib\n",
    "estimators/did.py": "from .. import fit\nimport numpy as np\n",
    "estimators/other.py": "from mypkg import fit\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "mypkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in ("", "jobs", "estimators"):
        (tmp_path / "mypkg" / folder / "__init__.py").write_text("")
    return tmp_path / "mypkg"


def hash_of(root: Path, *modules: str) -> str:
    module._read.cache_clear()
    return code_hash(*modules, root=root)


def edit(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


JOB = ("mypkg.jobs.estimate", "mypkg.estimators.did")


def test_the_closure_is_what_is_imported_lazily_or_not(package: Path) -> None:
    assert closure(*JOB, root=package) == [
        "estimators/_discover.py",
        "estimators/did.py",
        "fit.py",
        "jobs/estimate.py",
        "lazy.py",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("fit.py", "# note", "# another note"),
        ("fit.py", '"""Doc."""', '"""Other doc."""'),
        ("fit.py", "import Thing", "import Thing, Other"),
        ("lazy.py", "return 2 * x", "return   2*x"),
        ("heavy.py", "...", "x = 1"),
        ("estimators/other.py", "import fit", "import lazy"),
    ],
)
def test_what_cannot_change_a_result_does_not_change_the_hash(
    package: Path, name: str, old: str, new: str
) -> None:
    before = hash_of(package, *JOB)
    edit(package, name, old, new)
    assert hash_of(package, *JOB) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("lazy.py", "2 * x", "3 * x"),
        ("fit.py", "twice(x)", "twice(-x)"),
        ("estimators/did.py", "numpy", "polars"),
        ("jobs/estimate.py", "import fit", "import fit, lazy"),
    ],
)
def test_logic_in_the_closure_changes_the_hash(
    package: Path, name: str, old: str, new: str
) -> None:
    before = hash_of(package, *JOB)
    edit(package, name, old, new)
    assert hash_of(package, *JOB) != before


def test_a_new_release_of_a_key_package_changes_the_hash(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hash_of(package, *JOB), hash_of(package, "mypkg.fit")
    monkeypatch.setattr(module, "_version", lambda name: f"{name} 99")
    after = hash_of(package, *JOB), hash_of(package, "mypkg.fit")
    assert before[0] != after[0]
    assert before[1] == after[1], "a job that does not import numpy does not depend on it"


def test_a_module_without_file_is_an_error(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"mypkg\.absent"):
        code_hash("mypkg.absent", root=package)


def test_the_hash_does_not_depend_on_where_the_package_lies(package: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "mypkg"
    shutil.copytree(package, other)
    assert hash_of(other, *JOB) == hash_of(package, *JOB)


def test_packages_own_init_files_are_empty() -> None:
    full = [p for p in module.PACKAGE.rglob("__init__.py") if p.read_text().strip()]
    assert full == []


def test_no_two_jobs_have_the_same_hash() -> None:
    jobs = [p.stem for p in (module.PACKAGE / "jobs").glob("[a-z]*.py")]
    hashes = {code_hash(f"reformeval.jobs.{job}") for job in jobs}
    assert len(hashes) == len(jobs)


def test_jobs_never_import_config() -> None:
    for path in (module.PACKAGE / "jobs").glob("[a-z]*.py"):
        files = closure(f"reformeval.jobs.{path.stem}")
        assert not [name for name in files if name.startswith("config/")], path.stem


def test_hashing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from reformeval.code_hash import code_hash; code_hash('reformeval.design');"
        "sys.exit('polars' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
