from __future__ import annotations

import subprocess
import sys

import pytest

from reformeval.errors import UserError
from reformeval.estimators import _discover


def test_methods_are_the_modules_without_underscore() -> None:
    found = _discover.methods()
    assert {
        "did",
        "event_study",
        "person_event_study",
        "synthetic_control",
        "synthetic_did",
    } <= set(found)
    assert list(found) == sorted(found)
    assert not any(name.startswith("_") for name in found)


@pytest.mark.parametrize("method", _discover.methods())
def test_every_method_keeps_the_contract(method: str) -> None:
    module = _discover.load(method)
    assert callable(module.estimate)
    assert module.check_options({}) == []
    (problem,) = module.check_options({"colour": "red"})
    assert "'colour'" in problem


def test_unknown_method_names_those_there_are() -> None:
    with pytest.raises(UserError, match=r"'_blocks'.*synthetic_control"):
        _discover.load("_blocks")


def test_listing_and_loading_import_no_other_method_and_no_pyfixest() -> None:
    code = (
        "import sys; from reformeval.estimators import _discover;"
        "_discover.methods();"
        "assert not any(m in sys.modules for m in "
        "['reformeval.estimators.did', 'scipy', 'pyfixest']), 'listing imports';"
        "_discover.load('did');"
        "assert 'pyfixest' not in sys.modules;"
        "assert 'reformeval.estimators.synthetic_did' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
