"""Settings of the engine, read when kernels are compiled or launched."""

import os

#: "release" or "debug": debug checks bounds of every array access and `assert` statements in kernels.
mode: str = os.environ.get("SIMRUN_MODE", "release")
#: Largest trip count of a `for` over a constant range that is unrolled.
max_unroll: int = 16
#: Sums of floats by atomics are done in thread order, so that they have the same bits every run. On the CPU one thread
#: runs such kernels. On a GPU they note what they add, and the log is sorted by address and added up (`cuda/ordered.py`):
#: some milliseconds for a million additions. Where atomics stand in loops or what they change is read again, one thread
#: runs the kernel there too, hundreds of times slower. Kernels without float atomics cost nothing: they always give the
#: same bits. Minima and maxima do not depend on the order.
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
