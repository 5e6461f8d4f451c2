"""Points sorted by cell where threads have no shared memory: a stable counting sort in two rounds, by bucket and inside it."""

from __future__ import annotations

import engine as en


@en.kernel
def count_block(
    cells: en.array(dtype=int), point_count: int, block_size: int, shift: int, counts: en.array2d(dtype=int)
):
    """How many points of a block go to every bucket; one thread per block."""
    block = en.tid()
    for b in range(counts.shape[1]):
        counts[block, b] = 0
    for i in range(block * block_size, en.min((block + 1) * block_size, point_count)):
        b = cells[i] >> shift
        counts[block, b] = counts[block, b] + 1


@en.kernel
def rank_blocks(counts: en.array2d(dtype=int), bucket_starts: en.array(dtype=int)):
    """Turn the counts of a bucket into the places of the blocks inside it; one thread per bucket."""
    bucket = en.tid()
    total = en.int32(0)
    for block in range(counts.shape[0]):
        n = counts[block, bucket]
        counts[block, bucket] = total
        total = total + n
    bucket_starts[bucket] = total


@en.kernel
def scatter_block(
    cells: en.array(dtype=int),
    point_count: int,
    block_size: int,
    shift: int,
    bucket_starts: en.array(dtype=int),
    places: en.array2d(dtype=int),
    bucket_cells: en.array(dtype=int),
    bucket_points: en.array(dtype=int),
):
    """Move the points of a block to their buckets; one thread per block."""
    block = en.tid()
    for i in range(block * block_size, en.min((block + 1) * block_size, point_count)):
        cell = cells[i]
        b = cell >> shift
        place = places[block, b]
        places[block, b] = place + 1
        at = bucket_starts[b] + place
        bucket_cells[at] = cell
        bucket_points[at] = i


@en.kernel
def sort_bucket(
    bucket_starts: en.array(dtype=int),
    bucket_cells: en.array(dtype=int),
    bucket_points: en.array(dtype=int),
    point_count: int,
    cell_count: int,
    shift: int,
    starts: en.array(dtype=int),
    ids: en.array(dtype=int),
):
    """Sort the points of a bucket by cell and write where its cells end; one thread per bucket.

    `starts[c + 1]` counts the points of cell `c`, then walks from where the cell starts to where it ends.
    """
    bucket = en.tid()
    first_cell = bucket << shift
    end_cell = en.min((bucket + 1) << shift, cell_count)
    first = bucket_starts[bucket]
    end = point_count
    if bucket + 1 < bucket_starts.shape[0]:
        end = bucket_starts[bucket + 1]
    if first == end:
        for c in range(first_cell, end_cell):
            starts[c + 1] = first
    else:
        for c in range(first_cell, end_cell):
            starts[c + 1] = 0
        for i in range(first, end):
            c = bucket_cells[i]
            starts[c + 1] = starts[c + 1] + 1
        place = first
        for c in range(first_cell, end_cell):
            n = starts[c + 1]
            starts[c + 1] = place
            place = place + n
        for i in range(first, end):
            c = bucket_cells[i]
            at = starts[c + 1]
            starts[c + 1] = at + 1
            ids[at] = bucket_points[i]
