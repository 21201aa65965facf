"""Names of the buckets that a register is cut into; by itself, so that config loads no data."""

from __future__ import annotations

from pathlib import Path


def names(count: int) -> tuple[str, ...]:
    """Name the buckets as Snakemake's ``scattergather`` does: ``1-of-8`` to ``8-of-8``."""
    return tuple(f"{index + 1}-of-{count}" for index in range(count))


def remainder(path: Path) -> tuple[int, int] | None:
    """Remainder and number of buckets that a bucket's file name tells; None for other names."""
    index, word, count = path.stem.partition("-of-")
    if word and index.isdecimal() and count.isdecimal() and 0 < int(index) <= int(count):
        return int(index) - 1, int(count)
    return None
