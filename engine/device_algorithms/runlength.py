"""Run-length encoding: equal neighbours become one value and a count."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.device_algorithms.blocks import checked_array, cut
from engine.device_algorithms.scan import scan_totals
from engine.errors import EngineError


@en.func
def starts_run(values: en.array(dtype=Any), i: int) -> bool:
    first = True
    if i > 0:
        first = values[i] != values[i - 1]
    return first


@en.kernel
def count_runs(values: en.array(dtype=Any), count: int, size: int, runs: en.array(dtype=int)):
    """Runs that start in a block; one thread per block."""
    block = en.tid()
    n = en.int32(0)
    for i in range(block * size, en.min((block + 1) * size, count)):
        if starts_run(values, i):
            n = n + 1
    runs[block] = n


@en.kernel
def write_runs(
    values: en.array(dtype=Any),
    count: int,
    size: int,
    before: en.array(dtype=int),
    run_values: en.array(dtype=Any),
    run_starts: en.array(dtype=int),
    run_count: en.array(dtype=int),
):
    """Values and starts of the runs of a block; one thread per block. The last one closes the list."""
    block = en.tid()
    run = before[block]
    end = en.min((block + 1) * size, count)
    for i in range(block * size, end):
        if starts_run(values, i):
            run_values[run] = values[i]
            run_starts[run] = i
            run = run + 1
    if end == count and block * size < count:
        run_starts[run] = count
        run_count[0] = run


@en.kernel
def measure_runs(run_starts: en.array(dtype=int), run_count: en.array(dtype=int), run_lengths: en.array(dtype=int)):
    run = en.tid()
    if run < run_count[0]:
        run_lengths[run] = run_starts[run + 1] - run_starts[run]


def runlength_encode(
    values: Any, run_values: Any, run_lengths: Any, run_count: Any = None, value_count: int | None = None
) -> int | None:
    """Encode runs of equal neighbours.

    Args:
        values: Array of any type that can be compared.
        run_values: Array of the same type for the value of every run, as long as there may be runs.
        run_lengths: `array(int32)` for the lengths.
        run_count: `array(int32)` of one element for the number of runs; None: it is returned.
        value_count: How many of the values to encode; None: all.

    Returns:
        The number of runs, or None where `run_count` was given.

    Raises:
        EngineError: Arrays of other types or too short.
    """
    for a in (values, run_values, run_lengths):
        checked_array("runlength_encode()", a)
    count = values.size if value_count is None else int(value_count)
    if run_values.dtype is not values.dtype or run_lengths.dtype is not en.int32:
        raise EngineError(
            f"runlength_encode() got values of {values.dtype}, run_values of {run_values.dtype}, run_lengths of "
            f"{run_lengths.dtype}; expected one type for values and int32 for lengths"
        )
    if values.size < count or min(run_values.size, run_lengths.size) < count:
        raise EngineError(
            f"runlength_encode() got {values.size} values, room for {run_values.size} run values and "
            f"{run_lengths.size} lengths; expected {count} of each"
        )
    counted = run_count if run_count is not None else en.zeros(1, dtype=en.int32, device=values.device)
    if counted.dtype is not en.int32:
        raise EngineError(f"runlength_encode() got run_count of {counted.dtype}; expected int32")
    if count == 0:
        counted.zero_()
    else:
        blocks, size = cut(count)
        before = en.empty(blocks, dtype=en.int32, device=values.device)
        starts = en.empty(count + 1, dtype=en.int32, device=values.device)
        en.launch(count_runs, blocks, [values, count, size], [before])
        en.launch(scan_totals, 1, [], [before])
        en.launch(write_runs, blocks, [values, count, size, before], [run_values, starts, counted])
        en.launch(measure_runs, count, [starts, counted], [run_lengths])
    return None if run_count is not None else int(counted.numpy()[0])
