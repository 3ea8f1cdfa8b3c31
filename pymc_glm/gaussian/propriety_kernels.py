"""Kernel that finds the unknowns which rows determine one by one."""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["open_columns"]


@kernel
def open_columns(row_starts, columns, column_starts, rows):
    """Columns left open after solving, one by one, rows with a single open column.

    The matrix is given by rows and by columns; its values do not matter.
    """
    m = row_starts.size - 1
    n = column_starts.size - 1
    count = np.empty(m, dtype=np.int64)
    # The sum of a row's open columns is that column once a single one is left.
    total = np.zeros(m, dtype=np.int64)
    is_open = np.ones(n, dtype=np.bool_)
    waiting = np.empty(n, dtype=np.int64)
    size = 0
    for i in range(m):
        count[i] = row_starts[i + 1] - row_starts[i]
        for k in range(row_starts[i], row_starts[i + 1]):
            total[i] += columns[k]
        if count[i] == 1 and is_open[total[i]]:
            is_open[total[i]] = False
            waiting[size] = total[i]
            size += 1
    while size > 0:
        size -= 1
        column = waiting[size]
        for k in range(column_starts[column], column_starts[column + 1]):
            i = rows[k]
            count[i] -= 1
            total[i] -= column
            if count[i] == 1 and is_open[total[i]]:
                is_open[total[i]] = False
                waiting[size] = total[i]
                size += 1
    return np.flatnonzero(is_open)
