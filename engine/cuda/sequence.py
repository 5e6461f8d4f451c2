"""Runs of small launches as one kernel: a block (or a cluster of blocks) walks a table of jobs, with barriers between.

A node of a graph costs about 1 microsecond and 2 of a chain of small kernels, whatever they do; a barrier of one block
costs a fiftieth of that. So launches that are recorded inside a `ScopedSequence` wait here, and what follows each other
without anything else in between becomes one launch. A job is a kernel's own code and its argument block; blocks travel
from the table to shared memory while the job before runs. Each thread does what it would do in a launch of its own, so
results have the same bits.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from engine.cuda import emit_cuda, nvrtc
from engine.cuda.driver import error_of, send_unsent, unsent

#: Most threads of a launch that may become a job: beyond, all multiprocessors at once are faster than one.
MOST_THREADS = 128
#: Threads that run a job, and those that fetch what the next one will read.
WORKERS, FETCHERS = 128, 0
#: Blocks that share the work of a job, and from how many threads on.
CLUSTER = ((0, 1),)
_MOST_KINDS = 24  # different kernels in one sequence
_MOST_SIZE = 1500  # instructions of all of them: a kernel that holds everything takes long to compile
_FEWEST = 3  # jobs; fewer run as launches

_WALK = r"""
struct Walk { const u64* jobs; i64 count; };
__device__ __forceinline__ void meet() { @MEET@ }
extern "C" __global__ void @CLUSTER@ __launch_bounds__(@THREADS@, 1) sequence(const Walk walk) {
  __shared__ alignas(16) u64 rows[3][@WORDS@];
  wait_for_kernel_before();
  const u32 t = threadIdx.x;
  const u32 first = (t / 32 * @BLOCKS@ + @RANK@) * 32 + t % 32, step = @BLOCKS@ * @WORKERS@;  // warps of blocks take turns
  for (u32 k = t; k < 2 * @WORDS@; k += @THREADS@) rows[k / @WORDS@][k % @WORDS@] = k < walk.count * @WORDS@ ? walk.jobs[k] : 0;
  __syncthreads();
  const u64* next = walk.jobs + 2 * @WORDS@;
  u32 now = 0;
  for (i64 j = 0; j < walk.count; ++j, next += @WORDS@) {
    u64 fetched = 0;
    const bool fetches = t < @WORDS@ && j + 2 < walk.count;
    if (fetches) fetched = next[t];
    const u32 soon = now == 2 ? 0 : now + 1, later = soon == 2 ? 0 : soon + 1;
    if (t < @WORKERS@) {
      const u64* row = rows[now] + 1;
      switch (u32(rows[now][0])) {
@JOBS@
      }
    }@FETCH@
    if (fetches) rows[later][t] = fetched;
    now = soon;
    meet();
  }
}
"""
_TOUCH = '__device__ __forceinline__ void touch(const char* p) { asm volatile("prefetch.global.L1 [%0];" :: "l"(p)); }'
_FETCH = r""" else {
      const u64* row = rows[soon] + 1;
      const u32 ahead = @BLOCKS@ * (@THREADS@ - @WORKERS@), at = @RANK@ * (@THREADS@ - @WORKERS@) + t - @WORKERS@;
      if (j + 1 < walk.count) switch (u32(rows[soon][0])) {
@CASES@
      }
    }"""
_MEET = {
    False: "__syncthreads();",
    True: 'asm volatile("barrier.cluster.arrive.release.aligned;\\n barrier.cluster.wait.acquire.aligned;" ::: "memory");',
}
_RANK = 'asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));'


class Sequence:
    """Launches that were recorded one after the other, and are not on the stream yet."""

    def __init__(self, graph: Any):
        self.graph, self.device = graph, graph.device
        self.jobs: list[tuple[Any, int, bytes]] = []
        self.kinds: dict[int, Any] = {}
        self.size = 0

    def add(self, code: Any, total: int, data: bytes) -> bool:
        """Takes a launch, if it is one that may be a job of this sequence."""
        if id(code) not in self.kinds:
            if len(self.kinds) == _MOST_KINDS or self.size + code.module.size > _MOST_SIZE:
                return False
            self.kinds[id(code)] = code
            self.size += code.module.size
        self.jobs.append((code, total, data))
        return True

    def send(self) -> None:
        """Puts the jobs on the stream."""
        if len(self.jobs) < _FEWEST:
            for code, total, data in self.jobs:
                self._put(*code.plan(total, 0, 0), data)
            return
        stride = 8 * (1 + max(len(data) for _, _, data in self.jobs) // 8)
        index = {key: k for k, key in enumerate(self.kinds)}
        table = b"".join(
            (struct.pack("<q", index[id(code)]) + data).ljust(stride, b"\0") for code, _, data in self.jobs
        )
        largest = max(total for _, total, _ in self.jobs)
        blocks = next(blocks for least, blocks in reversed(CLUSTER) if largest >= least)
        codes = tuple(self.kinds.values())
        walker = _walker(self.device, codes, stride // 8, blocks)
        memory = self.device.memory
        held = memory.allocate(len(table), False)
        memory.upload(held, np.frombuffer(table, np.uint8))
        self.graph.keep.append((held, walker, codes))
        data = struct.pack("<Qq", held.ctypes.data, len(self.jobs))
        self._put(walker.entry, blocks, WORKERS + FETCHERS, 0, data)

    def _put(self, function: int, blocks: int, block: int, shared: int, data: bytes) -> None:
        device = self.device
        code = device.enter_graph(device.table, function, blocks, block, shared, device._stream.cuda_stream, data)
        if code:
            raise error_of(code, "launching a sequence")


def may_be_job(code: Any, total: int) -> bool:
    """Whether a launch can be part of a sequence: small, nothing reported back, no code that has blocks of its own."""
    module = code.module
    return total <= MOST_THREADS and not (module.natives or code.errors is not None or code.observed or code.is_serial)


def joins(code: Any, total: int, data: bytes, is_plain: bool) -> bool:
    """Whether a launch that is being captured has become a job; if not, everything before it is on the stream now.

    `is_plain`: it asks for no stream, blocks or order of its own.
    """
    graph = code.device.captures[-1]
    if is_plain and may_be_job(code, total) and not graph.external:
        for _ in range(2):
            if graph.sequence is None:
                graph.sequence = Sequence(graph)
                unsent.append(graph)
            if graph.sequence.add(code, total, data):
                return True
            send_unsent()
    send_unsent()
    return False


class Walker:
    """The kernel that walks a table whose jobs are of certain kinds."""

    def __init__(self, device: Any, codes: tuple[Any, ...], words: int, blocks: int):
        self.device = device
        self.source = SequenceSource([(c.function, c.arity) for c in codes], words, blocks)
        name = "sequence_" + "_".join(dict.fromkeys(c.name for c in codes))
        code = nvrtc.compile_text(self.source.text(), f"sm_{device.arch}", name[:80])
        self.loaded, self.entry = device.load(code, "sequence")

    def __del__(self) -> None:
        loaded = getattr(self, "loaded", None)
        if loaded is not None:
            try:
                self.device.release("cuModuleUnload", loaded)
            except Exception:
                pass  # the driver is shutting down


def _walker(device: Any, codes: tuple[Any, ...], words: int, blocks: int) -> Walker:
    """The walker for these kernels; the last ones made are kept, since graphs are recorded again with the same."""
    key = (tuple(map(id, codes)), words, blocks)
    kept = device.walkers
    if key not in kept:
        while len(kept) >= 16:
            kept.pop(next(iter(kept)))
        kept[key] = Walker(device, codes, words, blocks), codes
    return kept[key][0]


class SequenceSource:
    """CUDA C++ text of a kernel that walks a table of jobs of several kinds."""

    def __init__(self, kernels: list[tuple[Any, int]], words: int, blocks: int = 1):
        """`kernels`: functions of the IR with the dimensions of their grids; `words`: 8 bytes each, of a row."""
        self.kernels, self.words, self.blocks = kernels, words, blocks

    def text(self) -> str:
        jobs = [emit_cuda.Source(f, arity, name=f"job{k}") for k, (f, arity) in enumerate(self.kernels)]
        bodies = [job.job_text() for job in jobs]
        cases = [
            f"        case {k}: job{k}(*(const job{k}_args*)row, first, step); break;" for k in range(len(self.kernels))
        ]
        values = {
            "MEET": _MEET[self.blocks > 1],
            "CLUSTER": f"__cluster_dims__({self.blocks}, 1, 1)" if self.blocks > 1 else "",
            "RANK": "cluster_rank()" if self.blocks > 1 else "0u",
            "BLOCKS": f"{self.blocks}u",
            "WORKERS": f"{WORKERS}u",
            "THREADS": str(WORKERS + FETCHERS),
            "WORDS": str(self.words),
            "JOBS": "\n".join(cases),
            "FETCH": "",
        }
        touch = ""
        if FETCHERS:
            bodies += [_TOUCH, *(job.touch_text() for job in jobs)]
            cases = "\n".join(
                f"        case {k}: job{k}_touch(*(const job{k}_args*)row, at, ahead); break;" for k in range(len(jobs))
            )
            touch = _FETCH.replace("@CASES@", cases)
        walk = _WALK.replace("@FETCH@", touch)
        for name, value in values.items():
            walk = walk.replace(f"@{name}@", value)
        rank = f"__device__ __forceinline__ u32 cluster_rank() {{ u32 rank; {_RANK} return rank; }}"
        return "\n".join([emit_cuda.PRELUDE, *bodies, rank, walk])

