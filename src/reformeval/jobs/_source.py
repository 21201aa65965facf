"""From a source's kind to its model and to the module that builds panels from it.

Modules are named here and imported when needed, so that the code hash of a job on a table does
not change with the code that reads registers, and the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reformeval.panel import adoption as panel_adoption
from reformeval.spec import Geography, PanelSpec

if TYPE_CHECKING:
    from types import ModuleType

    from reformeval.panel.prices import Prices
    from reformeval.sources._model import SourceModel

ADOPTION_READER = "reformeval.sources.adoption_reader"
# kind: (module of the model, its class, module that builds a panel)
_KINDS = {
    "simulated": (
        "reformeval.sources.simulated", "SimulatedSource", "reformeval.panel.from_register"
    ),
    "register": (
        "reformeval.sources.register", "RegisterSource", "reformeval.panel.from_register"
    ),
    "statbank": (
        "reformeval.sources.statbank", "StatBankSource", "reformeval.panel.from_statbank"
    ),
    "table": ("reformeval.sources.table", "TableSource", "reformeval.panel.from_table"),
}  # fmt: skip


@dataclass(frozen=True)
class SourceSlice:
    """A source as JSON carries it: its kind and its file's content."""

    kind: str
    content: Mapping[str, Any]

    def model(self) -> SourceModel:
        """Return the source as its own model."""
        module, name, _ = _KINDS[self.kind]
        kind: type[SourceModel] = getattr(import_module(module), name)
        return kind.model_validate_json(json.dumps(self.content))

    def panel_module(self) -> ModuleType:
        """Import what builds panels from this kind of source."""
        return import_module(_KINDS[self.kind][2])


@dataclass(frozen=True)
class OtherSource:
    """A further source that outcomes are of: its name, itself, and how its units are placed."""

    name: str
    source: SourceSlice
    geography: Geography | None = None


@dataclass(frozen=True)
class PanelJob:
    """What `check_data` and `build_truth` read.

    ``others`` has the further sources of `check_data`, whose outcomes are in ``panel`` too. Their
    files are the last of the job's inputs, in the same order.
    """

    source: SourceSlice
    panel: PanelSpec
    others: tuple[OtherSource, ...] = ()


def prices(panel: PanelSpec, inputs: Sequence[Path]) -> Prices | None:
    """Read the price index among a job's inputs; None where no outcome is deflated.

    Raises
    ------
    UserError
        If the index does not cover the window and the base.
    """
    if panel.cpi is None:
        return None
    module = import_module("reformeval.panel.prices")
    name = Path(panel.cpi.file).name
    (path,) = (path for path in inputs if path.name == name)
    found: Prices = module.read(path, panel.cpi, panel.timing.periods)
    return found


def with_adopted(job: PanelJob, inputs: Sequence[Path]) -> PanelSpec:
    """Read when units adopt, where they do so in periods of their own.

    Parameters
    ----------
    inputs
        The job's inputs: the source's data first, the file with the adoption dates among them.

    Raises
    ------
    UserError
        If the dates cannot be read, or no unit adopts inside the window.
    """
    spec, adoption = job.panel, job.panel.adoption
    if adoption is None:
        return spec
    reader = import_module(ADOPTION_READER)
    if adoption.file:
        name = Path(adoption.file).name
        (path,) = (path for path in inputs if path.name == name)
        adopted = reader.from_file(path, adoption, spec.timing.frequency)
    else:
        adopted = reader.from_table(job.source.model(), inputs[0], adoption)
    return panel_adoption.with_adopted(spec, adopted)


@dataclass(frozen=True)
class RegisterJob:
    """What `simulate_register` reads."""

    source: SourceSlice
    seed: int


@dataclass(frozen=True)
class SplitJob:
    """What `split_register` reads; ``data`` is the folder that files are relative to."""

    source: SourceSlice
    data: str
    buckets: int


def modules(kind: str) -> tuple[str, str]:
    """Name the modules that a panel from this kind of source depends on."""
    module, _, panel = _KINDS[kind]
    return module, panel
