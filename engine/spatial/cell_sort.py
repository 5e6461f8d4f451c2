"""Points sorted by cell on a GPU: a radix sort of the cells' numbers, and where each cell starts."""

from __future__ import annotations

from typing import Any

from engine.cuda.native import NativeKernel, runs_on
from engine.cuda.sort import DIGIT_BITS, Workspace

__all__ = ["CellSorter", "runs_on"]

#: Thread i writes the starts of the cells from the one after point i-1's to point i's. A long row of empty cells is
#: written by the whole block. The first thread also writes what queries must know.
_TEXT = r"""
struct Args { const int* cells; int* starts; u64* words; i64 count; i64 cell_count; float cells_per_metre; int unused; };
extern "C" __global__ void __launch_bounds__(256) mark_starts(const Args a) {
  __shared__ int lows[256], highs[256], values[256], rows;
  if (threadIdx.x == 0) rows = 0;
  __syncthreads();
  const i64 i = blockIdx.x * 256ll + threadIdx.x;
  if (i <= a.count) {
    const int low = i ? a.cells[i - 1] + 1 : 0;
    const int high = i < a.count ? a.cells[i] : int(a.cell_count);
    if (high - low < 32) {
      for (int c = low; c <= high; ++c) a.starts[c] = int(i);
    } else {
      const int row = atomicAdd(&rows, 1);
      lows[row] = low; highs[row] = high; values[row] = int(i);
    }
  }
  __syncthreads();
  for (int row = 0; row < rows; ++row)
    for (int c = lows[row] + threadIdx.x; c <= highs[row]; c += 256) a.starts[c] = values[row];
  if (i == 0) { a.words[2] = u64(a.count); *(float*)(a.words + 6) = a.cells_per_metre; }
}
"""
mark_starts = NativeKernel(_TEXT, "mark_starts", "<QQQqqfi", 256)


class CellSorter:
    """Sorts up to `capacity` points by cell; its memory is allocated once, so that sorting can be captured.

    Attributes:
        ids: Address of the numbers of the points, in order of their cells.
    """

    def __init__(self, device: Any, capacity: int, cell_count: int):
        self.device, self.cell_count = device, cell_count
        self.bits = max(1, (cell_count - 1).bit_length())
        self.work = Workspace(device, capacity, 4, 4)
        self._last = (-(-self.bits // DIGIT_BITS) - 1) % 2
        self.ids = self.work.values[self._last].ctypes.data

    def sort(self, cells: int, count: int, starts: int, words: int, cells_per_metre: float) -> None:
        """Sorts `count` points whose cells lie at address `cells`; writes starts and the grid's descriptor."""
        if count:
            self.work.sort("int32", 4, (cells, 0), count, 0, self.bits)
        keys = self.work.keys[self._last].ctypes.data
        blocks = count // 256 + 1
        mark_starts.launch(self.device, blocks, keys, starts, words, count, self.cell_count, cells_per_metre, 0)
