"""Points sorted by cell on a GPU: a radix sort of the cells' numbers, and where each cell starts."""

from __future__ import annotations

from typing import Any

from engine.cuda.native import NativeKernel, keep_for_graph, runs_on
from engine.cuda.sort import Sorter, pass_count

__all__ = ["CellSorter", "keep_for_graph", "runs_on"]

_TILE = 2048

#: The cell of a point, found when the sort first asks for its key, if there are points.
_FIND = r"""
constexpr float FAR = 1.0e9f;  // cell numbers stay within this, as in `hash_grid`
__device__ __forceinline__ int wrapped(float x, float cells_per_metre, int dim) {
  const int rest = int(fminf(fmaxf(floorf(x * cells_per_metre), -FAR), FAR)) % dim;
  return rest < 0 ? rest + dim : rest;
}
__device__ __forceinline__ int cell_at(const Args& a, i64 i) {
  if (!a.points) return a.keys[i];
  const float* p = a.points + 3 * i;
  const int x = wrapped(p[0], a.scale, a.dim_x), y = wrapped(p[1], a.scale, a.dim_y);
  const int cell = (wrapped(p[2], a.scale, a.dim_z) * a.dim_y + y) * a.dim_x + x;
  ((int*)a.keys)[i] = cell;
  return cell;
}
#define KEY_AT(i) cell_at(a, i)
"""

_TEXT = r"""
struct Args { const int* sorted; int* starts; u64* words; i64 count; i64 cell_count; i64 point_blocks; double cells_per_metre; };
constexpr int TILE = 2048;

__device__ __forceinline__ int first_from(const int* sorted, i64 count, int cell) {
  i64 low = 0, high = count;
  while (low < high) { const i64 middle = (low + high) >> 1; if (sorted[middle] < cell) low = middle + 1; else high = middle; }
  return int(low);
}
// Blocks of points: thread i writes the starts of the cells after point i-1's up to point i's, a long row of them with its
// block, but no tile of cells between. Blocks of tiles: fill a tile without points. The first thread tells the queries.
extern "C" __global__ void __launch_bounds__(256) mark_starts(const Args a) {
  const int t = threadIdx.x;
  if (blockIdx.x >= a.point_blocks) {
    __shared__ int bounds[2];
    const i64 first = (blockIdx.x - a.point_blocks) * TILE;
    const i64 last = first + TILE - 1 < a.cell_count ? first + TILE - 1 : a.cell_count;
    if (t == 0) bounds[0] = first_from(a.sorted, a.count, int(first));
    if (t == 32) bounds[1] = first_from(a.sorted, a.count, int(last + 1));
    __syncthreads();
    if (bounds[0] == bounds[1]) for (i64 c = first + t; c <= last; c += 256) a.starts[c] = bounds[0];
    return;
  }
  __shared__ int lows[512], highs[512], values[512], rows;
  if (t == 0) rows = 0;
  __syncthreads();
  const i64 i = blockIdx.x * 256ll + t;
  if (i <= a.count) {
    const int low = i ? a.sorted[i - 1] + 1 : 0;
    const int high = i < a.count ? a.sorted[i] : int(a.cell_count);
    const int value = int(i);
    if (high - low < 32) {
      for (int c = low; c <= high; ++c) a.starts[c] = value;
    } else if (high / TILE - low / TILE <= 1) {
      const int row = atomicAdd(&rows, 1);
      lows[row] = low; highs[row] = high; values[row] = value;
    } else {
      const int row = atomicAdd(&rows, 2);
      lows[row] = low; highs[row] = (low / TILE + 1) * TILE - 1; values[row] = value;
      lows[row + 1] = high / TILE * TILE; highs[row + 1] = high; values[row + 1] = value;
    }
  }
  __syncthreads();
  for (int row = 0; row < rows; ++row)
    for (int c = lows[row] + t; c <= highs[row]; c += 256) a.starts[c] = values[row];
  if (i == 0) { a.words[2] = u64(a.count); *(float*)(a.words + 6) = float(a.cells_per_metre); }
}
"""
mark_starts = NativeKernel(_TEXT, "mark_starts", "<QQQqqqd", 256)


class CellSorter:
    """Sorts as many points as `cells` has room for by cell; its memory is allocated once, so that sorting can be captured.

    Attributes:
        ids: Address of the numbers of the points, in order of their cells.
    """

    def __init__(self, device: Any, cells: Any, cell_count: int):
        capacity = cells.size
        self.device, self.cell_count = device, cell_count
        self.bits = max(1, (cell_count - 1).bit_length())
        self._sorter = Sorter(device, capacity, find=_FIND)
        self._cells = cells
        self._room = device.memory.allocate(4 * 4 * capacity, False)
        places = [self._room.ctypes.data + k * 4 * capacity for k in range(4)]
        self._buffers = ((places[0], places[1]), (places[2], places[3]))
        self._sorted, self.ids = self._buffers[(pass_count(self.bits) - 1) % 2]

    def sort(
        self, points: int, count: int, dims: tuple[int, int, int], starts: int, words: int, cells_per_metre: float
    ) -> None:
        """Sorts `count` points, vec3 at an address; writes the starts of cells and the grid's descriptor.

        Address 0: their cells are known already.
        """
        keep_for_graph(self.device, self)
        if count:
            source = (self._cells.ptr, 0)
            finding = (points, *dims, cells_per_metre)
            self._sorter.sort("int32", 4, source, self._buffers, count, 0, self.bits, finding)
        point_blocks, tiles = count // 256 + 1, self.cell_count // _TILE + 1
        args = (self._sorted, starts, words, count, self.cell_count, point_blocks, cells_per_metre)
        mark_starts.launch(self.device, point_blocks + tiles, *args)
