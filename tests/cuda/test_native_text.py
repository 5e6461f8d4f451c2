"""The hand-written CUDA kernels compile, on a machine without a GPU."""

import pytest

import engine as en
from engine.cuda import graphs, ordered, reduce, scan, small_writes, sort
from engine.cuda.native import NativeKernel
from engine.cuda.nvrtc import nvrtc
from engine.spatial import cell_sort, fit_at_once


def native_kernels() -> list[NativeKernel]:
    sorts = [sort.kernels(key, size, counted) for key in sort._KEYS for size, counted in ((4, True), (8, False))]
    sorts += [sort.kernels("int32", 4, True, find=cell_sort._FIND), sort.kernels("uint64", 4, wide=True)]
    singles = [small_writes.kernel(256), small_writes.kernel(small_writes.MOST)]
    singles += [fit_at_once.fit_triangles, fit_at_once.fit_boxes_at_once]
    singles += [sort._gather_kernel, cell_sort.mark_starts, ordered.add_in_order, *map(reduce.add_blocks, scan.SCALARS)]
    return [k for group in (*sorts, *map(scan.kernels, scan.SCALARS)) for k in group] + singles


@pytest.mark.parametrize("text", sorted({k.text for k in native_kernels()} | {graphs._SETTER}))
def test_native_text_compiles(text):
    try:
        compiler = nvrtc()
    except en.EngineError as why:
        pytest.skip(str(why))
    assert compiler.compile(text, "sm_90", "native").startswith(b"\x7fELF")
