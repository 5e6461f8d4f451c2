"""Kernels as foreign functions of XLA on a GPU: the compiled entry puts the kernel on XLA's own stream.

The same entry as on the CPU (see `xla_entry`), but that it asks XLA for the stream, copies on it and launches on it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from engine.array_making import empty
from engine.cpu import jit
from engine.cuda.entry import launch_table
from engine.device import get_device
from engine.interop import xla_entry
from engine.interop.kernel_call import KernelCall

_STREAM_OF = r"""
; the stream that XLA runs the call on
define internal ptr @stream_of(ptr %frame) {
  %request = alloca [4 x i64], align 8
  store i64 32, ptr %request, align 8
  %extension.p = getelementptr i8, ptr %request, i64 8
  store i64 0, ptr %extension.p, align 8
  %context = call ptr @pointer_at(ptr %frame, i64 24)
  %context.p = getelementptr i8, ptr %request, i64 16
  store ptr %context, ptr %context.p, align 8
  %stream.p = getelementptr i8, ptr %request, i64 24
  store i64 0, ptr %stream.p, align 8
  %api = call ptr @pointer_at(ptr %frame, i64 16)
  %get = call ptr @pointer_at(ptr %api, i64 80)
  %error = call ptr %get(ptr %request)
  %stream = load ptr, ptr %stream.p, align 8
  ret ptr %stream
}

define ptr @xla_entry("""

_PREPARE = """  %params = alloca [1 x ptr], align 8
  store ptr %block, ptr %params, align 8
  %set = call ptr @pointer_at(ptr %pool, i64 0)
  %launch = call ptr @pointer_at(ptr %pool, i64 8)
  %context = call ptr @pointer_at(ptr %pool, i64 16)
  %copy = call ptr @pointer_at(ptr %pool, i64 24)
  %current = call i32 %set(ptr %context)
  %stream = call ptr @stream_of(ptr %frame)
  %function = inttoptr i64 %kernel to ptr
  %blocks = trunc i64 %total to i32
  %threads = trunc i64 %grain to i32
"""
_COPY = "call void @llvm.memcpy.p0.p0.i64(ptr %data{k}, ptr %source{k}, i64 %bytes{k}, i1 0)"
_COPY_ON_STREAM = "%copied{k} = call i32 %copy(ptr %data{k}, ptr %source{k}, i64 %bytes{k}, ptr %stream)"
_RUN = "call void %run(ptr %pool, ptr %job, i64 1)"
_LAUNCH = (
    "%code = call i32 %launch(ptr %function, i32 %blocks, i32 1, i32 1, i32 %threads, i32 1, i32 1, i32 0, "
    "ptr %stream, ptr %params, ptr null)"
)


def on_stream(text: str, buffers: int) -> str:
    """The entry for the CPU as one for a GPU."""
    first = f"  %first = call ptr @buffer(ptr %frame, i64 {xla_entry._RETS}, i64 0)"
    text = text.replace("define ptr @xla_entry(", _STREAM_OF.lstrip("\n"), 1).replace(first, _PREPARE + first, 1)
    for k in range(buffers):
        text = text.replace(_COPY.format(k=k), _COPY_ON_STREAM.format(k=k))
    return text.replace(_RUN, _LAUNCH, 1)


_registered: dict[str, tuple] = {}  # target name → what its entry points to; programs of XLA may call it at any time


def register(jax: Any, name: str, call: KernelCall, dims: tuple[int, ...], args: list[Any]) -> None:
    """Makes the entry for a kernel known to XLA for GPUs, under the name that it has for the CPU.

    Args:
        jax: The module.
        name: Of the target.
        call: Which arguments are outputs.
        dims: Launch dimensions.
        args: The kernel's arguments, on the CPU; of arrays only type and shape matter.
    """
    if name in _registered:
        return
    device = get_device("cuda:0")
    there = [empty(a.shape, dtype=a.dtype, device=device) if hasattr(a, "_data") else a for a in args]
    variant, values = call.kernel.pack(there, device)
    block = variant.block(*(*dims, 1, 1, 1)[:4], variant.error_address, *values)
    buffers, template = xla_entry.places(call, args, block)
    own = next(b for b in buffers if b.list_at == xla_entry._RETS and b.index == 0)
    text = xla_entry.entry_text(buffers, xla_entry.ranks(call, args)[own.slot], len(block), "")
    code = jit.load_object(jit.compile_text(on_stream(text, len(buffers))), ["xla_entry", "state"])
    kept, table = ctypes.create_string_buffer(template, len(template)), launch_table(int(device.context))
    total = int(np.prod(dims, dtype=np.int64))
    plan = variant.plan(total, 0, 0)
    blocks, threads = (max(1, plan[1]), plan[2]) if plan else (1, 1)  # what prints runs in order
    state = (ctypes.c_int64 * len(xla_entry._STATE)).from_address(code["state"])
    state[:] = [variant.entry, ctypes.addressof(table), 0, blocks, threads, ctypes.addressof(kept), 0,
                *xla_entry._api_version(jax)]  # fmt: skip
    _registered[name] = (code, kept, variant, table)
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(code["xla_entry"]), platform="CUDA", api_version=1)
