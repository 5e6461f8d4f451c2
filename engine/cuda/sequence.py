"""Runs of small launches as one kernel: a single block walks a table of jobs, with barriers between.

A node of a graph costs 1 microsecond, whatever it does; a barrier of one block costs a fiftieth of that. So launches
that are recorded inside a `ScopedSequence` wait here, and what follows each other without anything else in between
becomes one launch. A job is a kernel's own code and its argument block; blocks travel from the table to shared memory
while the job before runs. Each thread does what it would do in a launch of its own, so results have the same bits.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from engine.cuda import emit_cuda, nvrtc
from engine.cuda.driver import error_of, send_unsent, unsent
from engine.cuda.prelude import PRELUDE

#: Most threads of a launch that may become a job, as many as the block has. With more, one multiprocessor takes longer
#: for the work than all of them take for a launch (`benchmarks/README.md`).
MOST_THREADS = 128
_MOST_KINDS = 24  # different kernels in one sequence
_MOST_SIZE = 1500  # instructions of all of them: a kernel that holds everything takes long to compile
_FEWEST = 3  # jobs; fewer run as launches
_MOST_WALKERS = 16

_WALK = r"""
struct Walk { const u64* jobs; i64 count; };
constexpr u32 WORDS = @WORDS@, THREADS = @THREADS@, PARTS = (WORDS + THREADS - 1) / THREADS;
extern "C" __global__ void __launch_bounds__(@THREADS@, 1) sequence(const Walk walk) {
  __shared__ alignas(16) u64 rows[2][WORDS];
  wait_for_kernel_before();
  const u32 t = threadIdx.x;
  for (u32 k = t; k < WORDS; k += THREADS) rows[0][k] = walk.jobs[k];
  __syncthreads();
  const u64* next = walk.jobs + WORDS;
  for (i64 j = 0; j < walk.count; ++j, next += WORDS) {
    const bool has_next = j + 1 < walk.count;
    u64 fetched[PARTS];
    #pragma unroll
    for (u32 p = 0; p < PARTS; ++p) {
      const u32 k = p * THREADS + t;
      fetched[p] = has_next && k < WORDS ? next[k] : 0;
    }
    const u64* row = rows[j & 1] + 1;
    switch (u32(row[-1])) {
@JOBS@
    }
    #pragma unroll
    for (u32 p = 0; p < PARTS; ++p) {
      const u32 k = p * THREADS + t;
      if (k < WORDS) rows[(j + 1) & 1][k] = fetched[p];
    }
    __syncthreads();
  }
  let_next_kernel_come();
}
"""


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
        codes = tuple(self.kinds.values())
        walker = _walker(self.device, codes, stride // 8)
        memory = self.device.memory
        held = memory.allocate(len(table), False)
        memory.upload(held, np.frombuffer(table, np.uint8))
        self.graph.keep.append((held, walker, codes))
        data = struct.pack("<Qq", held.ctypes.data, len(self.jobs))
        self._put(walker.entry, 1, MOST_THREADS, 0, data)

    def _put(self, function: int, blocks: int, block: int, shared: int, data: bytes) -> None:
        device = self.device
        code = device.enter_graph(device.table, function, blocks, block, shared, device._stream.cuda_stream, data)
        if code:
            raise error_of(code, "launching a sequence")


def may_be_job(code: Any, total: int) -> bool:
    """Whether a launch can be part of a sequence: small, nothing reported back, no code that has blocks of its own."""
    module = code.module
    return total <= MOST_THREADS and not (
        module.natives or module.has_barriers or code.errors is not None or code.observed or code.is_serial
    )


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

    def __init__(self, device: Any, codes: tuple[Any, ...], words: int):
        self.device = device
        self.source = SequenceSource([(c.function, c.arity) for c in codes], words)
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


def _walker(device: Any, codes: tuple[Any, ...], words: int) -> Walker:
    """The walker for these kernels; the last ones made are kept, since graphs are recorded again with the same."""
    key = (tuple(map(id, codes)), words)
    kept = device.walkers
    if key not in kept:
        while len(kept) >= _MOST_WALKERS:
            kept.pop(next(iter(kept)))
        kept[key] = Walker(device, codes, words), codes
    return kept[key][0]


class SequenceSource:
    """CUDA C++ text of a kernel that walks a table of jobs of several kinds."""

    def __init__(self, kernels: list[tuple[Any, int]], words: int):
        """`kernels`: functions of the IR with the dimensions of their grids; `words`: of a row, 8 bytes each."""
        self.kernels, self.words = kernels, words

    def text(self) -> str:
        jobs = [emit_cuda.Source(f, arity, name=f"job{k}") for k, (f, arity) in enumerate(self.kernels)]
        bodies = [job.job_text() for job in jobs]
        cases = "\n".join(f"      case {k}: job{k}(*(const job{k}_args*)row); break;" for k in range(len(jobs)))
        walk = _WALK.replace("@WORDS@", str(self.words)).replace("@THREADS@", str(MOST_THREADS))
        return "\n".join([PRELUDE, *bodies, walk.replace("@JOBS@", cases)])
