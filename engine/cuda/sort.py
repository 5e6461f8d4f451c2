"""Stable radix sort of pairs on a GPU: per digit a count of tiles, a sum over tiles, and a move through shared memory.

No atomics on memory: equal keys keep their order and every run gives the same result. A tile is what one block handles,
256 threads with `ITEMS` pairs each. A warp ranks its pairs 32 at a time with `__match_any_sync`: lanes with equal digits count
the lanes before them. (Merrill & Grimshaw 2011, "High Performance and Scalable Radix Sorting", is the scheme.)
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from engine.cuda.native import NativeKernel, keep_for_graph

THREADS = 256
ITEMS = 8
DIGIT_BITS = 8
DIGITS = 1 << DIGIT_BITS

Pair = tuple[int, int]  # addresses of keys and of values

_TEXT = r"""
typedef KEY Key; typedef VALUE Value;
struct Args { const Key* keys; const Value* values; Key* keys_out; Value* values_out; int* counts; int* totals;
              i64 count; i64 tiles; int shift; int mask; };
constexpr int ITEMS = PAIRS, TILE = 256 * ITEMS, DIGITS = 256, WARPS = 8;
// bits that order as unsigned numbers as the keys do; zero and minus zero are equal
__device__ __forceinline__ u32 ordered(u32 k) { return k; }
__device__ __forceinline__ u64 ordered(u64 k) { return k; }
__device__ __forceinline__ u32 ordered(int k) { return u32(k) ^ 0x80000000u; }
__device__ __forceinline__ u64 ordered(i64 k) { return u64(k) ^ 0x8000000000000000ull; }
__device__ __forceinline__ u32 ordered(float k) { u32 b = __float_as_uint(k + 0.0f); return b >> 31 ? ~b : b | 0x80000000u; }
__device__ __forceinline__ u64 ordered(double k) { u64 b = __double_as_longlong(k + 0.0); return b >> 63 ? ~b : b | 0x8000000000000000ull; }
__device__ __forceinline__ int digit_of(Key k, int shift, int mask) { return int(ordered(k) >> shift) & mask; }

extern "C" __global__ void __launch_bounds__(256) count_tile(const Args a) {
  __shared__ int counts[DIGITS];
  counts[threadIdx.x] = 0;
  __syncthreads();
  const i64 first = blockIdx.x * (i64)TILE;
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) {
    const i64 i = first + r * 256 + threadIdx.x;
    if (i < a.count) atomicAdd(&counts[digit_of(a.keys[i], a.shift, a.mask)], 1);
  }
  __syncthreads();
  a.counts[threadIdx.x * a.tiles + blockIdx.x] = counts[threadIdx.x];
}

// one block per digit: counts of tiles to what lies in tiles before
extern "C" __global__ void __launch_bounds__(256) sum_tiles(const Args a) {
  __shared__ int shared[WARPS];
  int* row = a.counts + blockIdx.x * a.tiles;
  int before = 0;
  for (i64 first = 0; first < a.tiles; first += 256) {
    const i64 i = first + threadIdx.x;
    const int n = i < a.tiles ? row[i] : 0;
    int total;
    const int at = before + before_in_block<int, 256>(n, shared, total);
    if (i < a.tiles) row[i] = at;
    before += total;
  }
  if (threadIdx.x == 0) a.totals[blockIdx.x] = before;
}

extern "C" __global__ void __launch_bounds__(256) move_tile(const Args a) {
  __shared__ int places[WARPS][DIGITS];
  __shared__ int starts[DIGITS];   // where a digit starts among the pairs of the tile
  __shared__ i64 targets[DIGITS];  // where it goes, less that
  __shared__ int shared[WARPS];
  __shared__ __align__(16) char room[TILE * (sizeof(Key) > sizeof(Value) ? sizeof(Key) : sizeof(Value))];
  const int t = threadIdx.x, lane = t & 31, warp = t >> 5;
  #pragma unroll
  for (int w = 0; w < WARPS; ++w) places[w][t] = 0;
  __syncthreads();
  const i64 first = blockIdx.x * (i64)TILE + warp * (32 * ITEMS) + lane;
  Key keys[ITEMS]; int digits[ITEMS]; int ranks[ITEMS];
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) {
    const i64 i = first + r * 32;
    const bool there = i < a.count;
    if (there) keys[r] = a.keys[i];
    digits[r] = there ? digit_of(keys[r], a.shift, a.mask) : DIGITS;
    const u32 same = __match_any_sync(ALL, digits[r]);
    const int before = __popc(same & ((1u << lane) - 1));
    int base = 0;
    if (there) base = places[warp][digits[r]];
    __syncwarp();
    if (there && before == 0) places[warp][digits[r]] = base + __popc(same);
    __syncwarp();
    ranks[r] = base + before;
  }
  __syncthreads();
  // thread t is digit t: places of the warps, start in the tile, start among all pairs
  int mine = 0;
  #pragma unroll
  for (int w = 0; w < WARPS; ++w) { const int n = places[w][t]; places[w][t] = mine; mine += n; }
  int total;
  const int start = before_in_block<int, 256>(mine, shared, total);
  int all;
  const int global = before_in_block<int, 256>(a.totals[t], shared, all);
  starts[t] = start;
  targets[t] = (i64)global + a.counts[t * a.tiles + blockIdx.x] - start;
  __syncthreads();
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) if (digits[r] < DIGITS) ranks[r] += starts[digits[r]] + places[warp][digits[r]];
  Key* sorted = (Key*)room;
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) if (digits[r] < DIGITS) sorted[ranks[r]] = keys[r];
  __syncthreads();
  i64 to[ITEMS];
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) {
    const int p = r * 256 + t;
    to[r] = -1;
    if (p < total) {
      const Key k = sorted[p];
      to[r] = targets[digit_of(k, a.shift, a.mask)] + p;
      a.keys_out[to[r]] = k;
    }
  }
  __syncthreads();
  Value* moved = (Value*)room;
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) if (digits[r] < DIGITS) moved[ranks[r]] = FETCH;
  __syncthreads();
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) if (to[r] >= 0) a.values_out[to[r]] = moved[r * 256 + t];
}
"""
_FORM = "<QQQQQQqqii"
_KEYS = {"int32": "int", "uint32": "u32", "float32": "float", "int64": "i64", "uint64": "u64", "float64": "double"}
_VALUES = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}


@functools.cache
def kernels(key: str, value_size: int, counted: bool = False, items: int = ITEMS) -> tuple[NativeKernel, ...]:
    """The kernels for keys of a type and values of a size; `counted`: the values are the numbers of the pairs."""
    text = _TEXT.replace("KEY", _KEYS[key], 1).replace("VALUE", _VALUES[value_size], 1)
    text = text.replace("PAIRS", str(items), 1)
    text = text.replace("FETCH", "Value(first + r * 32)" if counted else "a.values[first + r * 32]")
    return tuple(NativeKernel(text, name, _FORM, THREADS) for name in ("count_tile", "sum_tiles", "move_tile"))


class Sorter:
    """Sorts up to `capacity` pairs; its memory is allocated once, so that sorting can be captured."""

    def __init__(self, device: Any, capacity: int, items: int = ITEMS):
        self.device, self.items = device, items
        tiles = -(-max(capacity, 1) // (THREADS * items))
        self.counts = device.memory.allocate(DIGITS * tiles * 4, False)
        self.totals = device.memory.allocate(DIGITS * 4, False)

    def sort(
        self, key: str, value_size: int, source: Pair, buffers: tuple[Pair, Pair], count: int, begin: int, end: int
    ) -> int:
        """Sorts pairs by bits `begin` to `end` of the keys; returns which buffer holds them.

        Args:
            key: Type of the keys.
            value_size: Bytes of a value.
            source: Addresses of keys and values; 0 for the values makes them the numbers of the pairs.
            buffers: Addresses of room for keys and values, used in turn. The second one may be the source.
            count: How many pairs.
            begin, end: Bits of the keys; at least one.
        """
        tiles = -(-count // (THREADS * self.items))
        passes = pass_count(end - begin)
        keys, values = source
        buffer = 1
        for k in range(passes):
            shift = begin + (end - begin) * k // passes
            bits = begin + (end - begin) * (k + 1) // passes - shift
            buffer = 1 - buffer
            out = buffers[buffer]
            args = (keys, values, *out, self.counts.ctypes.data, self.totals.ctypes.data, count, tiles, shift)
            count_tile, sum_tiles, move_tile = kernels(key, value_size, values == 0, self.items)
            for kernel, blocks in ((count_tile, tiles), (sum_tiles, DIGITS), (move_tile, tiles)):
                kernel.launch(self.device, blocks, *args, (1 << bits) - 1)
            keys, values = out
        return buffer


def pass_count(bits: int) -> int:
    """Passes over the pairs for keys of so many bits."""
    return max(1, -(-bits // DIGIT_BITS))


def sort_pairs(keys: Any, values: Any, count: int, begin: int, end: int) -> None:
    """Sorts the first `count` pairs of two arrays by bits of the keys; what follows in the arrays is scratch."""
    device, size = keys.device, values.dtype.size
    keep_for_graph(device, keys, values)
    work = Sorter(device, count)
    near = [keys.ptr, keys.ptr + count * keys.dtype.size]
    if size in _VALUES:
        here, there = ((near[k], values.ptr + k * count * size) for k in range(2))
        at = work.sort(keys.dtype.name, size, here, (there, here), count, begin, end)
    else:
        orders = device.memory.allocate(2 * count * 4, False)
        here, there = ((near[k], orders.ctypes.data + k * count * 4) for k in range(2))
        at = work.sort(keys.dtype.name, 4, (near[0], 0), (there, here), count, begin, end)
        _gather(device, values, orders[(1 - at) * count * 4 :], count)
    if at == 0:
        device.memory.copy(keys._data[:count], keys._data[count : 2 * count], device)
        if size in _VALUES:
            device.memory.copy(values._data[:count], values._data[count : 2 * count], device)


_GATHER = r"""
struct Args { const u8* source; u8* target; const int* order; i64 count; i64 size; };
extern "C" __global__ void gather(const Args a) {
  const i64 n = a.count * a.size;
  for (i64 k = blockIdx.x * (i64)blockDim.x + threadIdx.x; k < n; k += (i64)gridDim.x * blockDim.x)
    a.target[k] = a.source[a.order[k / a.size] * a.size + k % a.size];
}
"""
_gather_kernel = NativeKernel(_GATHER, "gather", "<QQQqq", THREADS)


def _gather(device: Any, values: Any, order: Any, count: int) -> None:
    size = values.dtype.size
    kept = device.memory.allocate(count * size, False)
    device.memory.copy(kept, values._data[:count].reshape(-1).view(np.uint8), device)
    blocks = min(-(-count * size // THREADS), 4096)
    _gather_kernel.launch(device, blocks, kept.ctypes.data, values.ptr, order.ctypes.data, count, size)
