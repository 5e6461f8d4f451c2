"""Deterministic mode at speed: sums of floats in the order of the threads, by many threads.

A kernel whose atomics only add up floats runs with all threads, but notes (address, number) in a log instead of adding.
The log is sorted by address; the sort is stable and the log in thread order, so that each element's numbers then follow
each other as one thread doing everything in order would add them: the same bits, without the wait. Where a kernel is
not of this kind (atomics in loops, or ones that it reads again) one thread does run it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from engine.autodiff.memory_roots import UNKNOWN, MemoryRoots
from engine.cuda import emit_cuda, nvrtc
from engine.cuda.driver import error_of
from engine.cuda.native import NativeKernel, runs_on
from engine.cuda.sort import Sorter
from engine.lang import ir
from engine.lang.rewrite import inline
from engine.streams import ScopedStream

_MOST_SITES = 64
_MOST_ENTRIES = 1 << 27  # 40 bytes each
_ADDRESS_BITS = (2, 50)  # of addresses on a GPU; entries that were not written have all of them set
_UNSET = np.full((), 0xFF, np.uint8)

_TEXT = r"""
struct Args { const u64* keys; const u32* order; const u64* values; i64 count; i64 sites; u64 doubles; };
constexpr u64 NONE = ~0ull;
constexpr int SHORT = 64;

template <class F> __device__ __forceinline__ F number(u64 bits);
template <> __device__ __forceinline__ float number<float>(u64 bits) { return __uint_as_float(u32(bits)); }
template <> __device__ __forceinline__ double number<double>(u64 bits) { return __longlong_as_double(i64(bits)); }

template <class F> __device__ void add_short(const Args& a, i64 i) {
  const u64 key = a.keys[i];
  F sum = *(F*)key;
  for (; i < a.count && a.keys[i] == key; ++i) sum = sum + number<F>(a.values[a.order[i]]);
  *(F*)key = sum;
}
// one thread adds what all fetch, 256 numbers at a time and these in advance
template <class F> __device__ void add_long(const Args& a, i64 first, u64* room) {
  const u64 key = a.keys[first];
  F* numbers = (F*)room;
  F sum = *(F*)key;
  i64 i = first + threadIdx.x;
  bool mine = i < a.count && a.keys[i] == key;
  F next = mine ? number<F>(a.values[a.order[i]]) : F(0);
  while (true) {
    numbers[threadIdx.x] = next;
    const int n = __syncthreads_count(mine);
    if (n == 256) {
      i += 256;
      mine = i < a.count && a.keys[i] == key;
      next = mine ? number<F>(a.values[a.order[i]]) : F(0);
    }
    if (threadIdx.x == 0) {
      if (n == 256) {
        #pragma unroll 32
        for (int k = 0; k < 256; ++k) sum = sum + numbers[k];
      } else {
        for (int k = 0; k < n; ++k) sum = sum + numbers[k];
      }
    }
    __syncthreads();
    if (n < 256) break;
  }
  if (threadIdx.x == 0) *(F*)key = sum;
}
extern "C" __global__ void __launch_bounds__(256) add_in_order(const Args a) {
  __shared__ i64 firsts[256];
  __shared__ __align__(16) u64 room[256];
  __shared__ int rows;
  if (threadIdx.x == 0) rows = 0;
  __syncthreads();
  const i64 i = blockIdx.x * 256ll + threadIdx.x;
  if (i < a.count) {
    const u64 key = a.keys[i];
    if (key != NONE && (i == 0 || a.keys[i - 1] != key)) {
      if (i + SHORT < a.count && a.keys[i + SHORT] == key) firsts[atomicAdd(&rows, 1)] = i;
      else if (a.doubles >> (a.order[i] % a.sites) & 1) add_short<double>(a, i);
      else add_short<float>(a, i);
    }
  }
  __syncthreads();
  for (int row = 0; row < rows; ++row) {
    if (a.doubles >> (a.order[firsts[row]] % a.sites) & 1) add_long<double>(a, firsts[row], room);
    else add_long<float>(a, firsts[row], room);
  }
}
"""
add_in_order = NativeKernel(_TEXT, "add_in_order", "<QQQqqQ", 256)


def sum_sites(flat: ir.Function) -> list[ir.Instr] | None:
    """The atomic additions of floats of a kernel without calls; None if they are not all that order decides."""
    found = list(ir.walk(flat.body))
    floats = [i for i in found if i.op == "atomic" and i.type.is_float]
    regions = [flat.body, *(r for i in found for r in i.regions)]
    used = {id(v) for r in regions for v in r.yields} | {id(a) for i in found for a in i.args}
    looped = {id(j) for i in found if i.op in ("for", "while") for r in i.regions for j in ir.walk(r)}
    sites = [i for i in floats if i.attr in ("add", "sub")]
    plain = all(i.type.name in ("float32", "float64") and id(i) not in used and id(i) not in looped for i in sites)
    free = all(i.attr in ("min", "max") and id(i) not in used for i in floats if i not in sites)
    if not (plain and free and 0 < len(sites) <= _MOST_SITES) or any(
        i.op in ("native", "call", "print") for i in found
    ):
        return None
    roots = MemoryRoots(flat, {id(p): k for k, p in enumerate(flat.params)})
    targets = frozenset().union(*(roots.of(i.args[0]) for i in sites))
    if any(not isinstance(r, int) for r in targets):
        return None
    for i in found:
        if i.op in ("load", "store", "atomic") and i not in sites:
            touched = roots.of(i.args[0])
            if touched & targets or (i.op != "load" and UNKNOWN in touched):
                return None
    return sites


class OrderedSums:
    """The form of a kernel that logs its additions, and how the log is added up."""

    def __init__(self, flat: ir.Function, sites: list[ir.Instr], arity: int, device: Any, name: str):
        self.device, self.name, self.sites = device, name, len(sites)
        self.doubles = sum(1 << k for k, i in enumerate(sites) if i.type.bits == 64)
        source = emit_cuda.Source(flat, arity, sites=sites)
        self.loaded, self.entry = device.load(nvrtc.compile_text(source.text(), f"sm_{device.arch}", name), "kernel")

    def __del__(self) -> None:
        loaded = getattr(self, "loaded", None)
        if loaded is not None:
            try:
                self.device.release("cuModuleUnload", loaded)
            except Exception:
                pass  # the driver is shutting down

    def run(self, total: int, data: bytes, stream: Any, blocks: int, block: int) -> None:
        """Runs the kernel over `total` threads and adds up what it logs, on a stream."""
        with ScopedStream(stream, sync_enter=False):
            self._run(total, data, blocks, block)

    def _run(self, total: int, data: bytes, blocks: int, block: int) -> None:
        device, count = self.device, total * self.sites
        memory, stream = device.memory, device.stream.cuda_stream
        keys, values = (memory.allocate(8 * count, False) for _ in range(2))
        room = memory.allocate(24 * count, False)
        memory.fill(keys, _UNSET)
        log = struct.pack("<QQ", keys.ctypes.data, values.ctypes.data)
        code = device.enter(device.table, self.entry, blocks, block, 0, stream, data + log)
        if code:
            raise error_of(code, f"launching kernel '{self.name}' in deterministic mode")
        at = room.ctypes.data
        buffers = ((at, at + 16 * count), (at + 8 * count, at + 20 * count))
        sorted_at = Sorter(device, count, lasting=False).sort(
            "uint64", 4, (keys.ctypes.data, 0), buffers, count, *_ADDRESS_BITS
        )
        args = (*buffers[sorted_at], values.ctypes.data, count, self.sites, self.doubles)
        add_in_order.launch(device, -(-count // 256), *args)


def ordered_form(function: ir.Function, arity: int, device: Any, name: str) -> OrderedSums | None:
    """The logging form of a kernel, or None where one thread has to run it."""
    if not runs_on(device):
        return None
    flat = inline(function)
    sites = sum_sites(flat)
    return None if sites is None else OrderedSums(flat, sites, arity, device, name)


def fits(total: int, sites: int) -> bool:
    """Whether a launch is small enough for a log."""
    return total * sites <= _MOST_ENTRIES
