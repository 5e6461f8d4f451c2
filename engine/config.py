"""Settings of the engine, read when kernels are compiled or launched."""

import os

#: "release" or "debug": debug checks bounds of every array access and `assert` statements in kernels.
mode: str = os.environ.get("SIMRUN_MODE", "release")
#: Largest trip count of a `for` over a constant range that is unrolled.
max_unroll: int = 16
#: Launches of kernels with float atomics run on one thread in thread order, so that sums have the same bits every run.
#: On a GPU that is hundreds of times slower for those kernels, and free for all others: without atomics every run gives
#: the same bits anyway. Sums over neighbours in a fixed order (as the solvers do) cost nothing.
deterministic: bool = False
#: Bytes that CUDA kernels may allocate for differentiated loops with many passes; 0 takes an eighth of what is free.
cuda_heap_size: int = 0
#: Check the compiler's own output between passes.
verify_ir: bool = True
#: Print what is compiled and how long it took.
verbose: bool = False
#: Version of the engine, as `major.minor.patch`.
version: str = "0.1.0"
#: Accepted for programs written for other engines: ours compiles adjoints on demand and prints nothing at start.
enable_backward: bool = True
quiet: bool = True
verify_fp: bool = False
verify_cuda: bool = False
verify_autograd_array_access: bool = False
print_launches: bool = False
enable_cpu_blocks: bool = False
cache_kernels: bool = True
verbose_warnings: bool = False
log_level: int = 20
optimization_level: int | None = None
enable_vector_component_overwrites: bool = True
legacy_scalar_return_types: bool = False
#: Folder for compiled code; None: `SIMRUN_CACHE`, else the user's cache folder.
kernel_cache_dir: str | None = None
