"""Simulate a person-month register, with and without the reform's effect.

Outputs: the buckets of both, ``register/`` and ``register_untreated/`` of a source, in the
restricted folder.
"""

from __future__ import annotations

from typing import cast

from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import RegisterJob
from reformeval.sources.simulated import SimulatedSource
from reformeval.sources.simulated_register import simulate
from reformeval.spec import from_json


def simulate_register(call: Call) -> None:
    """Write both registers of a simulated source: the first half of the outputs is the one."""
    job = from_json(RegisterJob, call.spec)
    half = len(call.outputs) // 2
    register, untreated = call.outputs[:half], call.outputs[half:]
    source = cast(SimulatedSource, job.source.model())
    simulate(source, job.seed, register, untreated, log.info)


if __name__ == "__main__":
    run(simulate_register)
