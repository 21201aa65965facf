"""What every job shares: its arguments, its log, and errors without traceback.

A job is called as ``python -m reformeval.jobs.<rule> --spec JSON --in FILE… --out FILE…``: it
reads its inputs, calls one function and writes its outputs. Everything it says goes to standard
error, which the workflow keeps in ``logs/``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reformeval.errors import UserError

log = logging.getLogger("reformeval")


@dataclass(frozen=True)
class Call:
    """The arguments of a job, in the order of the rule's inputs and outputs."""

    spec: str
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]

    def one(self, name: str) -> Path:
        """Return the only input of this file name."""
        (path,) = self.all(name)
        return path

    def all(self, name: str) -> list[Path]:
        """Return every input of this file name, in order."""
        return [path for path in self.inputs if path.name == name]

    def within(self, folder: str, suffix: str = ".parquet") -> list[Path]:
        """Return every input whose folder has this name, in order."""
        return [p for p in self.inputs if p.parent.name == folder and p.suffix == suffix]


def run(job: Callable[[Call], None], arguments: Sequence[str] | None = None) -> None:
    """Run a job from the command line; what the user can mend is told without a traceback.

    Raises
    ------
    SystemExit
        With status 1 after a `UserError`, whose problems are then in the log.
    """
    call = _parse(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    log.setLevel(logging.INFO)
    try:
        job(call)
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    for path in call.outputs:
        log.info("wrote %s", path)


def _parse(arguments: Sequence[str] | None) -> Call:
    parser = argparse.ArgumentParser(description="One job of the workflow; see docs/auditing.md.")
    parser.add_argument("--spec", required=True, help="the job's slice of config, as JSON")
    parser.add_argument("--in", dest="inputs", type=Path, nargs="*", default=[])
    parser.add_argument("--out", dest="outputs", type=Path, nargs="+", required=True)
    given = parser.parse_args(arguments)
    return Call(given.spec, tuple(given.inputs), tuple(given.outputs))
