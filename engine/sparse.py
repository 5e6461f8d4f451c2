"""Sparse matrices in compressed rows: for now the search of a block's row, which kernels over blocks need."""

from __future__ import annotations

import engine as en


@en.func
def bsr_row_index(offsets: en.array(dtype=int), row_count: int, block_index: int) -> int:
    """Row of the block at `block_index` of a compressed-row matrix, -1 if there is no such block.

    Args:
        offsets: first block of each row, shape [row_count + 1], ascending.
        row_count: number of rows.
        block_index: position in the list of blocks.
    """
    if block_index < 0 or block_index >= offsets[row_count]:
        return -1
    low, high = 0, row_count
    while high - low > 1:
        middle = (low + high) // 2
        if offsets[middle] <= block_index:
            low = middle
        else:
            high = middle
    return low
