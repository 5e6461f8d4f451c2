"""Prefix sums on a GPU.

32-bit integers take one kernel: a tile adds up its numbers, tells the sum, and adds what the tiles before it tell (Merrill & Garland
2016, "Single-pass Parallel Prefix Scan with Decoupled Look-back"). For other types the order of additions has to depend on the
length alone, so that sums of floats have the same bits in every run: one kernel adds up tiles, the last of its blocks
scans the sums, a second kernel scans the tiles.
"""

from __future__ import annotations

from typing import Any

from engine.cuda.native import NativeKernel, keep_for_graph
from engine.cuda.scratch import room, zeros
from engine.once import made_once

THREADS = 256
ITEMS = 8
TILE = THREADS * ITEMS

#: Elements are vectors of `WIDTH` scalars that lie side by side; each block scans one component of one tile.
_TEXT = r"""
typedef SCALAR S;
struct Args { const S* values; S* sums; S* totals; u64* told; u32* header; i64 count; i64 tiles; int width; int inclusive; };
constexpr int ITEMS = 8, TILE = 2048;
constexpr u64 OWN = 1ull << 32, ALL_BEFORE = 2ull << 32;

struct alignas(16) Pack { S v[16 / sizeof(S)]; };
// scalars whose places allow it move 16 bytes at a time
__device__ __forceinline__ bool in_packs(const Args& a, const S* at, i64 first) {
  return a.width == 1 && first + ITEMS <= a.count && (u64(at) & 15) == 0;
}
__device__ __forceinline__ void load(const Args& a, i64 first, int part, S* own) {
  if (in_packs(a, a.values, first)) {
    #pragma unroll
    for (int k = 0; k < ITEMS; k += 16 / sizeof(S)) *(Pack*)(own + k) = *(const Pack*)(a.values + first + k);
    return;
  }
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) own[k] = first + k < a.count ? a.values[(first + k) * a.width + part] : S(0);
}
__device__ __forceinline__ void store(const Args& a, i64 first, int part, S sum, const S* own) {
  if (in_packs(a, a.sums, first)) {
    alignas(16) S out[ITEMS];
    #pragma unroll
    for (int k = 0; k < ITEMS; ++k) { const S next = sum + own[k]; out[k] = a.inclusive ? next : sum; sum = next; }
    #pragma unroll
    for (int k = 0; k < ITEMS; k += 16 / sizeof(S)) *(Pack*)(a.sums + first + k) = *(const Pack*)(out + k);
    return;
  }
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) {
    const S next = sum + own[k];
    if (first + k < a.count) a.sums[(first + k) * a.width + part] = a.inclusive ? next : sum;
    sum = next;
  }
}
extern "C" __global__ void __launch_bounds__(256) add_tile(const Args a) {
  __shared__ S shared[8];
  __shared__ bool is_last;
  const i64 tile = blockIdx.x / a.width; const int part = blockIdx.x % a.width;
  alignas(16) S own[ITEMS]; S total = S(0), all;
  load(a, tile * TILE + threadIdx.x * ITEMS, part, own);
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) total = total + own[k];
  before_in_block<S, 256>(total, shared, all);
  if (threadIdx.x == 0) {
    a.totals[part * a.tiles + tile] = all;
    __threadfence();
    is_last = atomicAdd(a.header, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last) return;
  // totals of tiles to what lies in tiles before
  __threadfence();
  for (int part = 0; part < a.width; ++part) {
    volatile S* row = a.totals + part * a.tiles;
    S before = S(0);
    for (i64 first = 0; first < a.tiles; first += 256) {
      const i64 i = first + threadIdx.x;
      S sum;
      const S at = before + before_in_block<S, 256>(i < a.tiles ? row[i] : S(0), shared, sum);
      if (i < a.tiles) row[i] = at;
      before = before + sum;
    }
  }
  if (threadIdx.x == 0) *a.header = 0;
}
extern "C" __global__ void __launch_bounds__(256) scan_tile(const Args a) {
  __shared__ S shared[8];
  const i64 tile = blockIdx.x / a.width; const int part = blockIdx.x % a.width;
  const i64 first = tile * TILE + threadIdx.x * ITEMS;
  alignas(16) S own[ITEMS]; S total = S(0), all;
  load(a, first, part, own);
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) total = total + own[k];
  store(a, first, part, a.totals[part * a.tiles + tile] + before_in_block<S, 256>(total, shared, all), own);
}

// One kernel for all. Tiles are numbered in the order in which they start, so each waits only for tiles that run.
extern "C" __global__ void __launch_bounds__(256) scan_at_once(const Args a) {
  __shared__ S shared[8];
  __shared__ u32 ticket;
  __shared__ S before_tile;
  __shared__ bool is_last;
  const int t = threadIdx.x;
  if (t == 0) ticket = atomicAdd(a.header, 1u);
  __syncthreads();
  const i64 tile = ticket / a.width; const int part = ticket % a.width;
  const i64 first = tile * TILE + t * ITEMS;
  alignas(16) S own[ITEMS]; S total = S(0), all;
  load(a, first, part, own);
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) total = total + own[k];
  const S before = before_in_block<S, 256>(total, shared, all);
  volatile u64* told = a.told + part * a.tiles;
  if (t < 32) {  // the first warp looks back, 32 tiles at once
    if (t == 0) told[tile] = (tile ? OWN : ALL_BEFORE) | u64(u32(all));
    S sum = S(0);
    for (i64 at = tile - 1; at >= 0; at -= 32) {
      u64 seen;
      do { seen = at - t >= 0 ? told[at - t] : ALL_BEFORE; } while (__any_sync(ALL, seen < OWN));
      const u32 complete = __ballot_sync(ALL, seen >= ALL_BEFORE);
      S mine = !complete || t <= __ffs(complete) - 1 ? S(u32(seen)) : S(0);
      #pragma unroll
      for (int d = 16; d; d /= 2) mine = mine + __shfl_xor_sync(ALL, mine, d);
      sum = sum + mine;
      if (complete) break;
    }
    if (t == 0) {
      if (tile) told[tile] = ALL_BEFORE | u64(u32(sum + all));
      before_tile = sum;
    }
  }
  __syncthreads();
  store(a, first, part, before_tile + before, own);
  // whoever ends last leaves everything zero again
  if (t == 0) is_last = atomicAdd(a.header + 1, 1u) == gridDim.x - 1;
  __syncthreads();
  if (!is_last) return;
  for (i64 k = t; k < a.tiles * a.width; k += 256) a.told[k] = 0;
  if (t < 2) a.header[t] = 0;
}
"""
_FORM = "<QQQQQqqii"
SCALARS = {"int32": "int", "uint32": "u32", "float32": "float", "int64": "i64", "uint64": "u64", "float64": "double"}
_AT_ONCE = ("int32", "uint32")
_HEADER = 8  # bytes of the tickets


@made_once
def kernels(scalar: str) -> tuple[NativeKernel, ...]:
    """The kernels for one type of scalars: one that does all, or two."""
    text = _TEXT.replace("SCALAR", SCALARS[scalar], 1)
    names = ("scan_at_once",) if scalar in _AT_ONCE else ("add_tile", "scan_tile")
    return tuple(NativeKernel(text, name, _FORM, THREADS) for name in names)


def scan(values: Any, sums: Any, inclusive: bool) -> None:
    """Prefix sums of a contiguous array of numbers or vectors into another one, which may be the same."""
    device, scalar = values.device, values.dtype.scalar
    width = values.dtype.count
    tiles = -(-values.size // TILE)
    keep_for_graph(device, values, sums)
    if scalar.name in _AT_ONCE:
        header = zeros(device, _HEADER + 8 * tiles * width)
        totals, told = 0, header + _HEADER
    else:
        header, told = zeros(device, _HEADER), 0
        totals = room(device, tiles * width * scalar.size)
    args = (values.ptr, sums.ptr, totals, told, header, values.size, tiles, width, int(inclusive))
    for kernel in kernels(scalar.name):
        kernel.launch(device, tiles * width, *args)
