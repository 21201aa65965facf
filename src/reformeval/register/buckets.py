"""Buckets: the files that a register is cut into, whole persons in each.

Bucket ``i-of-N`` holds the persons whose number leaves the remainder i − 1 when divided by N,
sorted by person and period. A bucket is one job; what jobs give are sums, so that a panel is the
same for any number of buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reformeval.artefacts import complete

ROW_GROUP = 500_000


class Writer:
    """Writes a register to its buckets.

    Parameters
    ----------
    writers
        One open file per bucket, in order.
    """

    def __init__(self, writers: Sequence[pq.ParquetWriter]) -> None:
        self._writers = writers
        self._waiting: list[list[pa.Table]] = [[] for _ in writers]

    def write(self, rows: pa.Table) -> None:
        """Add the rows of further persons, sorted by person and period."""
        rest = rows.column("person").to_numpy() % len(self._writers)
        for index, waiting in enumerate(self._waiting):
            waiting.append(rows.take(np.flatnonzero(rest == index)))
            if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                self._flush(index)

    def close(self) -> None:
        """Write what is still waiting."""
        for index, waiting in enumerate(self._waiting):
            if any(table.num_rows for table in waiting):
                self._write(index, pa.concat_tables(waiting))

    def _flush(self, index: int) -> None:
        """Write whole row groups; a reader takes as long for a small one as for a large one."""
        rows = pa.concat_tables(self._waiting[index])
        whole = rows.num_rows - rows.num_rows % ROW_GROUP
        self._write(index, rows.slice(0, whole))
        self._waiting[index] = [rows.slice(whole)]

    def _write(self, index: int, rows: pa.Table) -> None:
        self._writers[index].write_table(rows, row_group_size=ROW_GROUP)


@contextmanager
def writing(paths: Sequence[Path], schema: pa.Schema) -> Iterator[Writer]:
    """Open a register's buckets for writing; all are put in place once all are complete.

    Parameters
    ----------
    paths
        Files of the buckets, in order.
    schema
        Columns of the rows.
    """
    with ExitStack() as placing:
        temporary = [placing.enter_context(complete(path)) for path in paths]
        with ExitStack() as closing:
            files = [
                closing.enter_context(
                    pq.ParquetWriter(path, schema, compression="zstd", store_schema=False)
                )
                for path in temporary
            ]
            writer = Writer(files)
            yield writer
            writer.close()
