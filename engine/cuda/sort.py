"""Stable radix sort of pairs on a GPU: one count of all digits, then a single sweep over the pairs for each digit.

In a sweep a tile (256 threads with `ITEMS` pairs each) ranks its pairs, tells how many it has of each digit, and adds up what the
tiles before it tell, so that pairs are read once for each digit (Adinets & Merrill 2022, "Onesweep"; the look back is that
of Merrill & Garland 2016). Tiles are numbered in the order in which they start, so each waits only for tiles that run. Equal keys
keep their order and every run gives the same result. A warp ranks its pairs 32 at a time: lanes with
equal digits, found by one vote a bit (`__match_any_sync` takes a step for each digit that occurs), count the lanes before them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.cuda.native import NativeKernel, keep_for_graph
from engine.cuda.scratch import room, zeros
from engine.once import made_once

THREADS = 256
ITEMS = 16
DIGIT_BITS = 8
DIGITS = 1 << DIGIT_BITS
_MOST_PASSES = 8
#: words of the part of the state that is zero between sorts: starts of digits, tickets of tiles by pass, and who is done
_HEADER = _MOST_PASSES * DIGITS + _MOST_PASSES + 2
_COUNT_BLOCKS = 264

Pair = tuple[int, int]  # addresses of keys and of values

_TEXT = r"""
typedef KEY Key; typedef VALUE Value; typedef STATE State;
struct Args { const Key* keys; const Value* values; Key* keys_out; Value* values_out; State* header; State* status;
              i64 count; i64 tiles; int pass; int passes; int begin; int end; const float* points; int dim_x, dim_y, dim_z; float scale; };
constexpr int ITEMS = PAIRS, TILE = 256 * ITEMS, DIGITS = 256, WARPS = 8, PASSES = 8;
constexpr int TICKETS = PASSES * DIGITS, DONE = TICKETS + PASSES, COUNTED = DONE + 1;
// what a tile tells of a digit: nothing yet, how many it has, or how many there are up to its end
constexpr State OWN = State(1) << (8 * sizeof(State) - 2), ALL_BEFORE = State(2) << (8 * sizeof(State) - 2), NUMBER = OWN - 1;
constexpr int WINDOW = 8;  // tiles that a look back asks at once
// bits that order as unsigned numbers as the keys do; zero and minus zero are equal
__device__ __forceinline__ u32 ordered(u32 k) { return k; }
__device__ __forceinline__ u64 ordered(u64 k) { return k; }
__device__ __forceinline__ u32 ordered(int k) { return u32(k) ^ 0x80000000u; }
__device__ __forceinline__ u64 ordered(i64 k) { return u64(k) ^ 0x8000000000000000ull; }
__device__ __forceinline__ u32 ordered(float k) { u32 b = __float_as_uint(k + 0.0f); return b >> 31 ? ~b : b | 0x80000000u; }
__device__ __forceinline__ u64 ordered(double k) { u64 b = __double_as_longlong(k + 0.0); return b >> 63 ? ~b : b | 0x8000000000000000ull; }
__device__ __forceinline__ int shift_of(const Args& a, int pass) { return a.begin + (a.end - a.begin) * pass / a.passes; }
__device__ __forceinline__ int mask_of(const Args& a, int pass) { return (1 << (shift_of(a, pass + 1) - shift_of(a, pass))) - 1; }
__device__ __forceinline__ int digit_of(Key k, int shift, int mask) { return int(ordered(k) >> shift) & mask; }
FIND
// how many keys have a lower digit, for all passes; clears what tiles will tell
extern "C" __global__ void __launch_bounds__(256) count_digits(const Args a) {
  __shared__ u32 counts[PASSES * DIGITS];
  for (int k = threadIdx.x; k < a.passes * DIGITS; k += 256) counts[k] = 0;
  __syncthreads();
  const i64 first = blockIdx.x * 256ll + threadIdx.x, step = gridDim.x * 256ll;
  for (i64 i = first; i < a.count; i += 4 * step) {
    Key keys[4];
    #pragma unroll
    for (int k = 0; k < 4; ++k) if (i + k * step < a.count) keys[k] = KEY_AT(i + k * step);
    for (int p = 0; p < a.passes; ++p) {
      const int shift = shift_of(a, p), mask = mask_of(a, p);
      #pragma unroll
      for (int k = 0; k < 4; ++k) if (i + k * step < a.count) atomicAdd(&counts[p * DIGITS + digit_of(keys[k], shift, mask)], 1u);
    }
  }
  for (i64 k = first; k < a.passes * a.tiles * DIGITS; k += step) a.status[k] = 0;
  __syncthreads();
  for (int k = threadIdx.x; k < a.passes * DIGITS; k += 256) if (counts[k]) atomicAdd(&a.header[k], State(counts[k]));
  // the last block turns counts into starts
  __shared__ bool is_last;
  __shared__ State shared[8];
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last = atomicAdd(&a.header[COUNTED], State(1)) == State(gridDim.x - 1);
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  for (int p = 0; p < a.passes; ++p) {
    volatile State* digit = a.header + p * DIGITS + threadIdx.x;
    State all;
    *digit = before_in_block<State, 256>(*digit, shared, all);
  }
}

// lanes with the same digit (of 8 bits), or without one; one vote a bit, whatever the digits are
__device__ __forceinline__ u32 lanes_with(int digit, bool there) {
  const u32 some = __ballot_sync(ALL, there);
  u32 same = there ? some : ~some;
  #pragma unroll
  for (int b = 0; b < 8; ++b) {
    const bool set = digit >> b & 1;
    const u32 vote = __ballot_sync(ALL, set);
    same &= set ? vote : ~vote;
  }
  return same;
}

extern "C" __global__ void __launch_bounds__(256) sweep(const Args a) {
  __shared__ int places[WARPS][DIGITS];
  __shared__ int starts[DIGITS];   // where a digit starts among the pairs of the tile
  __shared__ i64 targets[DIGITS];  // where it goes, less that
  __shared__ int shared[WARPS];
  __shared__ i64 ticket;
  __shared__ __align__(16) char room[TILE * (sizeof(Key) > sizeof(Value) ? sizeof(Key) : sizeof(Value))];
  const int t = threadIdx.x, lane = t & 31, warp = t >> 5;
  const int shift = shift_of(a, a.pass), mask = mask_of(a, a.pass);
  if (t == 0) ticket = i64(atomicAdd(&a.header[TICKETS + a.pass], State(1)));
  #pragma unroll
  for (int w = 0; w < WARPS; ++w) places[w][t] = 0;
  __syncthreads();
  const i64 tile = ticket, first = tile * TILE + warp * (32 * ITEMS) + lane;
  Key keys[ITEMS]; int digits[ITEMS]; int ranks[ITEMS];
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) {
    const i64 i = first + r * 32;
    if (i < a.count) keys[r] = a.keys[i];
  }
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) {
    const bool there = first + r * 32 < a.count;
    digits[r] = there ? digit_of(keys[r], shift, mask) : DIGITS;
    const u32 same = lanes_with(digits[r], there);
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
  volatile State* status = a.status + i64(a.pass) * a.tiles * DIGITS + t;
  status[tile * DIGITS] = (tile ? OWN : ALL_BEFORE) | State(mine);
  int total;
  const int start = before_in_block<int, 256>(mine, shared, total);
  starts[t] = start;
  __syncthreads();
  Key* sorted = (Key*)room;
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) if (digits[r] < DIGITS) {
    ranks[r] += starts[digits[r]] + places[warp][digits[r]];
    sorted[ranks[r]] = keys[r];
  }
  i64 before = 0;
  bool known = tile == 0;
  for (i64 at = tile - 1; !known;) {
    State told[WINDOW];
    #pragma unroll
    for (int k = 0; k < WINDOW; ++k) told[k] = at - k >= 0 ? status[(at - k) * DIGITS] : ALL_BEFORE;
    bool open = true;
    #pragma unroll
    for (int k = 0; k < WINDOW; ++k) {
      open = open && !known && told[k] >= OWN;
      if (open) { before += i64(told[k] & NUMBER); --at; known = told[k] >= ALL_BEFORE; }
    }
  }
  if (tile) status[tile * DIGITS] = ALL_BEFORE | State(before + mine);
  targets[t] = i64(a.header[a.pass * DIGITS + t]) + before - start;
  __syncthreads();
  i64 to[ITEMS];
  #pragma unroll
  for (int r = 0; r < ITEMS; ++r) {
    const int p = r * 256 + t;
    to[r] = -1;
    if (p < total) {
      const Key k = sorted[p];
      to[r] = targets[digit_of(k, shift, mask)] + p;
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
  if (a.pass + 1 < a.passes) return;
  // the last tile of all leaves the header as the next sort expects it
  __shared__ bool is_last;
  if (t == 0) is_last = atomicAdd(&a.header[DONE], State(1)) == State(a.tiles - 1);
  __syncthreads();
  if (is_last) for (int k = t; k <= COUNTED; k += 256) a.header[k] = 0;
}
"""
_FORM = "<QQQQQQqqiiiiQiiif"
_KEYS = {"int32": "int", "uint32": "u32", "float32": "float", "int64": "i64", "uint64": "u64", "float64": "double"}
_VALUES = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}
#: How the first kernel finds a key: `KEY_AT(i)`.
KEYS_ARE_THERE = "#define KEY_AT(i) a.keys[i]"
_MOST_SMALL = 1 << 30  # pairs that 30 bits of a word can count


@made_once
def kernels(
    key: str, value_size: int, counted: bool = False, items: int = ITEMS, find: str = KEYS_ARE_THERE, wide: bool = False
) -> tuple[NativeKernel, NativeKernel]:
    """The kernels for keys of a type and values of a size; `counted`: the values are the numbers of the pairs."""
    text = _TEXT.replace("KEY", _KEYS[key], 1).replace("VALUE", _VALUES[value_size], 1)
    text = text.replace("STATE", "u64" if wide else "u32", 1).replace("PAIRS", str(items), 1).replace("FIND", find, 1)
    text = text.replace("FETCH", "Value(first + r * 32)" if counted else "a.values[first + r * 32]")
    return NativeKernel(text, "count_digits", _FORM, THREADS), NativeKernel(text, "sweep", _FORM, THREADS)


class Sorter:
    """Sorts up to `capacity` pairs.

    With memory of its own (`lasting`), so that sorting can be captured, or with that of the current stream, for one sort.
    """

    def __init__(
        self, device: Any, capacity: int, items: int = ITEMS, *, lasting: bool = True, find: str = KEYS_ARE_THERE
    ):
        self.device, self.items, self.find = device, items, find
        self.wide = capacity >= _MOST_SMALL
        word = 8 if self.wide else 4
        size = _MOST_PASSES * DIGITS * -(-max(capacity, 1) // (THREADS * items)) * word
        if lasting:
            self._memory = device.memory.allocate(_HEADER * word, False), device.memory.allocate(size, False)
            device.memory.write(self._memory[0], 0)  # now, also while a graph is being captured
            self.state = tuple(m.ctypes.data for m in self._memory)
        else:
            self.state = zeros(device, _HEADER * word), room(device, size)

    def sort(
        self,
        key: str,
        value_size: int,
        source: Pair,
        buffers: tuple[Pair, Pair],
        count: int,
        begin: int,
        end: int,
        finding: tuple = (0, 0, 0, 0, 0.0),
    ) -> int:
        """Sorts pairs by bits `begin` to `end` of the keys; returns which buffer holds them.

        Args:
            key: Type of the keys.
            value_size: Bytes of a value.
            source: Addresses of keys and values; 0 for the values makes them the numbers of the pairs.
            buffers: Addresses of room for keys and values, used in turn. The second one may be the source.
            count: How many pairs.
            begin, end: Bits of the keys; at least one.
            finding: What `find` of the sorter needs: an address, three whole numbers, a number.
        """
        tiles = -(-count // (THREADS * self.items))
        passes = pass_count(end - begin)
        keys, values = source
        buffer = 1
        for k in range(passes):
            buffer = 1 - buffer
            out = buffers[buffer]
            args = (keys, values, *out, *self.state, count, tiles, k, passes, begin, end, *finding)
            count_digits, sweep = kernels(key, value_size, values == 0, self.items, self.find, self.wide)
            if k == 0:
                count_digits.launch(self.device, min(_COUNT_BLOCKS, -(-count // THREADS)), *args)
            sweep.launch(self.device, tiles, *args)
            keys, values = out
        return buffer


def pass_count(bits: int) -> int:
    """Passes over the pairs for keys of so many bits."""
    return max(1, -(-bits // DIGIT_BITS))


def sort_pairs(keys: Any, values: Any, count: int, begin: int, end: int) -> None:
    """Sorts the first `count` pairs of two arrays by bits of the keys; what follows in the arrays is scratch."""
    device, size = keys.device, values.dtype.size
    keep_for_graph(device, keys, values)
    work = Sorter(device, count, lasting=False)
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
