"""CUDA text of kernels whose threads wait for each other, run on the host: threads are coroutines.

Between two barriers the threads of a block run in random order, so what depends on that order shows. `install()` puts
this behind the stand-in of the driver (`stand_in.py`); it needs g++.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import stand_in

from engine.cuda import emit_cuda

_HEAD = r"""
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>
#define __device__
#define __global__
#define __forceinline__ inline
#define __noinline__
struct Index { unsigned x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;
constexpr int BLOCK = 256, STACK = 1 << 18;
static ucontext_t scheduler, lanes[BLOCK];
static char* stacks[BLOCK];
static bool ended[BLOCK];
static unsigned current;
static void sync_lanes(int) { swapcontext(&lanes[current], &scheduler); }
template <class T> static T atomicCAS(T* p, T expected, T next) { T old = *p; if (old == expected) *p = next; return old; }
template <class T> static T atomicAdd(T* p, T v) { T old = *p; *p = old + v; return old; }
template <class T> static T atomicMin(T* p, T v) { T old = *p; if (v < old) *p = v; return old; }
template <class T> static T atomicMax(T* p, T v) { T old = *p; if (v > old) *p = v; return old; }
static bool __isLocal(const void*) { return false; }
"""
_TAIL = r"""
static const Args* arguments;
static void lane() { kernel(*arguments); ended[current] = true; swapcontext(&lanes[current], &scheduler); }
extern "C" void run(const void* data, long total, unsigned seed) {
  arguments = (const Args*)data;
  unsigned order[BLOCK], random = seed * 2654435761u + 1u;
  blockDim = {BLOCK, 1, 1};
  gridDim = {unsigned((total + BLOCK - 1) / BLOCK), 1, 1};
  for (unsigned block = 0; block < gridDim.x; ++block) {
    blockIdx = {block, 0, 0};
    for (unsigned k = 0; k < BLOCK; ++k) {
      if (!stacks[k]) stacks[k] = (char*)malloc(STACK);
      order[k] = k; ended[k] = false;
      getcontext(&lanes[k]);
      lanes[k].uc_stack.ss_sp = stacks[k]; lanes[k].uc_stack.ss_size = STACK;
      makecontext(&lanes[k], lane, 0);
    }
    for (bool left = true; left;) {
      left = false;
      for (unsigned k = BLOCK - 1; k > 0; --k) {
        random = random * 1664525u + 1013904223u;
        std::swap(order[k], order[(random >> 8) % (k + 1)]);
      }
      for (unsigned k : order) {
        if (ended[k]) continue;
        current = k; threadIdx = {k, 0, 0};
        swapcontext(&scheduler, &lanes[k]);
        left |= !ended[k];
      }
    }
  }
}
"""
_numbers = itertools.count()


def host_text(function: Any, arity: int) -> str:
    """C++ of a kernel: its CUDA text without what only a GPU has."""
    text = emit_cuda.Source(function, arity).text()
    text = re.sub(r"__device__ __forceinline__ (float|half_t) (from|to)_half.*\n", "", text)
    halves = "static float from_half(half_t); static half_t to_half(double); static half_t to_half(float);"
    text = text.replace("struct half_t { unsigned short bits; };", "struct half_t { unsigned short bits; };\n" + halves)
    text = re.sub(r"__device__ __forceinline__ void sync_lanes.*?\n\}", "", text, flags=re.DOTALL)
    text = text.replace('extern "C" __device__ int printf(const char*, ...);', "")
    return _HEAD + text + _TAIL


class HostLanes:
    """A kernel with barriers, as the stand-in runs it."""

    def __init__(self, function: Any, arity: int, folder: Path):
        place = folder / f"kernel{next(_numbers)}.cpp"
        place.write_text(host_text(function, arity))
        built = place.with_suffix(".so")
        flags = ["-std=c++17", "-O1", "-w", "-fpermissive", "-ffp-contract=off", "-shared", "-fPIC"]
        subprocess.run(["g++", *flags, "-o", str(built), str(place)], check=True)
        self.library = ctypes.CDLL(str(built))

    def __call__(self, data: bytes) -> None:
        dims = struct.unpack_from("<4q", data)
        total = dims[0] * dims[1] * dims[2] * dims[3]
        self.library.run(data, ctypes.c_long(total), next(_numbers))


def install(folder: Path) -> None:
    """Replaces the driver of this process; what is compiled goes to `folder`."""
    stand_in.install()
    plain = stand_in.Code

    def code(function: Any, arity: int, aliased: bool) -> Any:
        if emit_cuda.Source(function, arity).has_barriers:
            return HostLanes(function, arity, folder)
        return plain(function, arity, aliased=aliased)

    stand_in.Code = code
