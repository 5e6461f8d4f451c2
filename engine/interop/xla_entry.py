"""Kernels as foreign functions of XLA: a compiled entry that unpacks XLA's call frame and runs the kernel.

XLA hands over a frame with pointers to its buffers. The entry copies the kernel's argument block, puts the pointers
in their places and gives the job to the thread pool; for each batch of `vmap` it moves the pointers on. No Python.

Source: XLA FFI, C interface (xla/ffi/api/c_api.h); the byte offsets below are those of its structs, to which later
minor versions only append.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.arrays import array
from engine.cpu import jit
from engine.cpu.emit_llvm import HEADER_SLOTS
from engine.cpu.runtime import runtime
from engine.device import get_device
from engine.interop.kernel_call import KernelCall

_ARGS, _RETS = 72, 112  # places in the frame of the pointers to argument and result buffers


@dataclass(frozen=True)
class _Buffer:
    """One array of the kernel: where its pointer comes from and where it goes."""

    list_at: int  # _ARGS or _RETS
    index: int  # in that list
    slot: int  # byte offset in the argument block
    size: int  # bytes of one batch
    copied_from: int = -1  # index of the argument whose contents it starts with, if XLA did not alias the two


# fields of @state, filled in after loading: addresses and sizes that must not be part of cached code
_STATE = ("kernel", "pool", "run_jobs", "total", "grain", "block", "errors", "major", "minor")

_HEAD = r"""
@state = global [9 x i64] zeroinitializer
@message = private constant [MESSAGE_SIZE x i8] c"MESSAGE\00"
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal i64 @state_field(i64 %k) {
  %p = getelementptr [9 x i64], ptr @state, i64 0, i64 %k
  %v = load i64, ptr %p, align 8
  ret i64 %v
}

define internal ptr @pointer_at(ptr %base, i64 %offset) {
  %p = getelementptr i8, ptr %base, i64 %offset
  %v = load ptr, ptr %p, align 8
  ret ptr %v
}

; buffer k of the list at an offset of the frame
define internal ptr @buffer(ptr %frame, i64 %list, i64 %k) {
  %all = call ptr @pointer_at(ptr %frame, i64 %list)
  %offset = mul i64 %k, 8
  %b = call ptr @pointer_at(ptr %all, i64 %offset)
  ret ptr %b
}

; how many batches a buffer holds: the product of the dimensions in front of the kernel's own
define internal i64 @batches(ptr %buffer, i64 %own) {
entry:
  %rank.p = getelementptr i8, ptr %buffer, i64 32
  %rank = load i64, ptr %rank.p, align 8
  %dims = call ptr @pointer_at(ptr %buffer, i64 40)
  %front = sub i64 %rank, %own
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %k1, %body ]
  %n = phi i64 [ 1, %entry ], [ %n1, %body ]
  %more = icmp slt i64 %k, %front
  br i1 %more, label %body, label %out
body:
  %dim.p = getelementptr i64, ptr %dims, i64 %k
  %dim = load i64, ptr %dim.p, align 8
  %n1 = mul i64 %n, %dim
  %k1 = add i64 %k, 1
  br label %head
out:
  ret i64 %n
}

; XLA asks a handler for its version before it calls it
define internal void @tell_version(ptr %extension) {
  %metadata = call ptr @pointer_at(ptr %extension, i64 24)
  %major = call i64 @state_field(i64 7)
  %minor = call i64 @state_field(i64 8)
  %major.32 = trunc i64 %major to i32
  %minor.32 = trunc i64 %minor to i32
  %major.p = getelementptr i8, ptr %metadata, i64 24
  %minor.p = getelementptr i8, ptr %metadata, i64 28
  %traits.p = getelementptr i8, ptr %metadata, i64 32
  store i32 %major.32, ptr %major.p, align 4
  store i32 %minor.32, ptr %minor.p, align 4
  store i32 0, ptr %traits.p, align 4
  ret void
}

define internal ptr @failure(ptr %frame) {
  %request = alloca [4 x i64], align 8
  store i64 28, ptr %request, align 8
  %extension.p = getelementptr i8, ptr %request, i64 8
  store i64 0, ptr %extension.p, align 8
  %message.p = getelementptr i8, ptr %request, i64 16
  store ptr @message, ptr %message.p, align 8
  %code.p = getelementptr i8, ptr %request, i64 24
  store i32 13, ptr %code.p, align 4
  %api = call ptr @pointer_at(ptr %frame, i64 16)
  %create = call ptr @pointer_at(ptr %api, i64 48)
  %error = call ptr %create(ptr %request)
  ret ptr %error
}

define ptr @xla_entry(ptr %frame) {
entry:
  %block = alloca [BLOCK_SIZE x i8], align 16
  %job = alloca [4 x i64], align 8
  %extension = call ptr @pointer_at(ptr %frame, i64 8)
  %asked = icmp ne ptr %extension, null
  br i1 %asked, label %look, label %stage
look:
  %kind.p = getelementptr i8, ptr %extension, i64 8
  %kind = load i32, ptr %kind.p, align 4
  %version = icmp eq i32 %kind, 1
  br i1 %version, label %tell, label %stage
tell:
  call void @tell_version(ptr %extension)
  ret ptr null
stage:
  %stage.p = getelementptr i8, ptr %frame, i64 32
  %now = load i32, ptr %stage.p, align 4
  %execute = icmp eq i32 %now, 3
  br i1 %execute, label %prepare, label %skip
skip:
  ret ptr null
prepare:
  %kernel = call i64 @state_field(i64 0)
  %pool.i = call i64 @state_field(i64 1)
  %pool = inttoptr i64 %pool.i to ptr
  %run.i = call i64 @state_field(i64 2)
  %run = inttoptr i64 %run.i to ptr
  %total = call i64 @state_field(i64 3)
  %grain = call i64 @state_field(i64 4)
  %template.i = call i64 @state_field(i64 5)
  %template = inttoptr i64 %template.i to ptr
  call void @llvm.memcpy.p0.p0.i64(ptr %block, ptr %template, i64 BLOCK_SIZE, i1 false)
  store i64 %kernel, ptr %job, align 8
  %job.block = getelementptr i8, ptr %job, i64 8
  store ptr %block, ptr %job.block, align 8
  %job.total = getelementptr i8, ptr %job, i64 16
  store i64 %total, ptr %job.total, align 8
  %job.grain = getelementptr i8, ptr %job, i64 24
  store i64 %grain, ptr %job.grain, align 8
"""

_TAIL = r"""
  %errors.i = call i64 @state_field(i64 6)
  %checked = icmp ne i64 %errors.i, 0
  br i1 %checked, label %check, label %well
check:
  %errors = inttoptr i64 %errors.i to ptr
  %failed = load i64, ptr %errors, align 8
  %bad = icmp ne i64 %failed, 0
  br i1 %bad, label %report, label %well
report:
  store i64 0, ptr %errors, align 8
  %error = call ptr @failure(ptr %frame)
  ret ptr %error
well:
  ret ptr null
}
"""


def entry_text(buffers: list[_Buffer], own_rank: int, block_size: int, message: str) -> str:
    """LLVM assembly of the entry for a kernel with these arrays; `own_rank` is the rank of the first result."""
    lines = [f"  %first = call ptr @buffer(ptr %frame, i64 {_RETS}, i64 0)",
             f"  %count = call i64 @batches(ptr %first, i64 {own_rank})"]  # fmt: skip
    for k, b in enumerate(buffers):
        lines += [f"  %b{k} = call ptr @buffer(ptr %frame, i64 {b.list_at}, i64 {b.index})",
                  f"  %data{k} = call ptr @pointer_at(ptr %b{k}, i64 24)"]  # fmt: skip
        if b.copied_from >= 0:
            lines += [f"  %s{k} = call ptr @buffer(ptr %frame, i64 {_ARGS}, i64 {b.copied_from})",
                      f"  %source{k} = call ptr @pointer_at(ptr %s{k}, i64 24)",
                      f"  %all{k} = mul i64 %count, {b.size}",
                      f"  %same{k} = icmp eq ptr %source{k}, %data{k}",
                      f"  %bytes{k} = select i1 %same{k}, i64 0, i64 %all{k}",
                      f"  call void @llvm.memcpy.p0.p0.i64(ptr %data{k}, ptr %source{k}, i64 %bytes{k}, i1 0)",
                      ]  # fmt: skip
    lines += ["  br label %head", "head:", "  %batch = phi i64 [ 0, %prepare ], [ %batch1, %body ]",
              "  %more = icmp slt i64 %batch, %count", "  br i1 %more, label %body, label %done", "body:"]  # fmt: skip
    for k, b in enumerate(buffers):
        lines += [f"  %at{k} = mul i64 %batch, {b.size}",
                  f"  %p{k} = getelementptr i8, ptr %data{k}, i64 %at{k}",
                  f"  %slot{k} = getelementptr i8, ptr %block, i64 {b.slot}",
                  f"  store ptr %p{k}, ptr %slot{k}, align 8"]  # fmt: skip
    lines += ["  call void %run(ptr %pool, ptr %job, i64 1)", "  %batch1 = add i64 %batch, 1",
              "  br label %head", "done:"]  # fmt: skip
    raw = message.encode()
    shown = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:02x}" for c in raw)
    head = _HEAD.replace("MESSAGE_SIZE", str(len(raw) + 1)).replace("MESSAGE", shown)
    return head.replace("BLOCK_SIZE", str(block_size)) + "\n".join(lines) + _TAIL


_registered: dict[str, tuple] = {}  # target name → what its entry points to; programs of XLA may call it at any time


def register(jax: Any, call: KernelCall, dims: tuple[int, ...], args: list[Any]) -> str:
    """Makes the entry for a kernel at given dimensions known to XLA; returns the name of its target.

    Args:
        jax: the module.
        call: which arguments are outputs.
        dims: launch dimensions.
        args: the kernel's arguments; of arrays only type and shape matter.
    """
    variant, values = call.kernel.pack(args, get_device("cpu"))
    extents = (*dims, 1, 1, 1)[:4]
    block = variant.block(*extents, 0, *values)
    buffers, template = places(call, args, block)
    own = next(b for b in buffers if b.list_at == _RETS and b.index == 0)
    message = (
        f"kernel '{call.kernel.__name__}': an assertion or a bounds check failed; launch it outside JAX to see where"
    )
    text = entry_text(buffers, ranks(call, args)[own.slot], len(block), message)
    name = "simrun_" + hashlib.sha256(b"\0".join([text.encode(), variant.text.encode(), template])).hexdigest()[:32]
    if name in _registered:
        return name
    code = jit.load_object(jit.compile_text(text), ["xla_entry", "state"])
    state = (ctypes.c_int64 * len(_STATE)).from_address(code["state"])
    kept = ctypes.create_string_buffer(
        template[: 8 * (HEADER_SLOTS - 1)] + variant.error_address.to_bytes(8, "little") + template[8 * HEADER_SLOTS :],
        len(template),
    )
    pool = runtime()
    state[:] = [variant.address, pool.pool, pool.symbols["run_jobs"], int(np.prod(dims, dtype=np.int64)),
                variant.current_grain(), ctypes.addressof(kept), variant.error_address, *_api_version(jax)]  # fmt: skip
    _registered[name] = (code, kept, variant, pool)
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(code["xla_entry"]), platform="cpu", api_version=1)
    return name


def places(call: KernelCall, args: list[Any], block: bytes) -> tuple[list[_Buffer], bytes]:
    """Where the pointer of each array comes from and goes to; and the argument block with those places cleared."""
    buffers, template, slot = [], bytearray(block), 8 * HEADER_SLOTS
    operand, result = 0, len(call.in_out)
    for (name, t), a in zip((*call.inputs, *call.outputs), args):
        if t.kind == "array":
            size = a.numpy().nbytes
            if name in call.in_out:
                buffers.append(_Buffer(_RETS, call.in_out.index(name), slot, size, copied_from=operand))
            elif (name, t) in call.inputs:
                buffers.append(_Buffer(_ARGS, operand, slot, size))
            else:
                buffers.append(_Buffer(_RETS, result, slot, size))
                result += 1
            operand += (name, t) in call.inputs
            template[slot : slot + 8] = bytes(8)
        slot += 8 * t.count
    return buffers, bytes(template)


def ranks(call: KernelCall, args: list[Any]) -> dict[int, int]:
    """Rank of each array as XLA sees it, by its place in the argument block."""
    ranks, slot = {}, 8 * HEADER_SLOTS
    for (_, t), a in zip((*call.inputs, *call.outputs), args):
        if isinstance(a, array):
            ranks[slot] = a.numpy().ndim
        slot += 8 * t.count
    return ranks


def _api_version(jax: Any) -> tuple[int, int]:
    """Version of the FFI that this jaxlib speaks, from the header that it ships."""
    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    text = header.read_text() if header.exists() else ""
    found = [re.search(rf"#define XLA_FFI_API_{part} (\d+)", text) for part in ("MAJOR", "MINOR")]
    return tuple(int(f.group(1)) if f else 0 for f in found)
