"""Running kernels that note additions (see `engine.autodiff.deferred_sums`): block by block, then adding what was noted."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from engine.cpu import jit
from engine.once import made_once

_TEXT = r"""
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @add_noted_NAME(ptr %fn, ptr %args, i64 %total, i64 %sites, ptr %where, ptr %amount, ptr %where.slot,
                            ptr %amount.slot, i64 %clear) {
entry:
  %where.i = ptrtoint ptr %where to i64
  %amount.i = ptrtoint ptr %amount to i64
  br label %blocks
blocks:
  %begin = phi i64 [ 0, %entry ], [ %end0, %next ]
  %more = icmp ult i64 %begin, %total
  br i1 %more, label %run, label %out
run:
  %end0 = add i64 %begin, BLOCK
  %over = icmp ugt i64 %end0, %total
  %end = select i1 %over, i64 %total, i64 %end0
  %back8 = mul i64 %begin, 8
  %back = mul i64 %begin, SIZE
  %w = sub i64 %where.i, %back8
  %a = sub i64 %amount.i, %back
  store i64 %w, ptr %where.slot, align 8
  store i64 %a, ptr %amount.slot, align 8
  %clears = icmp ne i64 %clear, 0
  br i1 %clears, label %zero, label %call
zero:
  %bytes = mul i64 %sites, SPAN
  call void @llvm.memset.p0.i64(ptr %where, i8 0, i64 %bytes, i1 false)
  br label %call
call:
  call void %fn(ptr %args, i64 %begin, i64 %end)
  %count = sub i64 %end, %begin
  br label %threads
threads:
  %t = phi i64 [ 0, %call ], [ %t1, %done ]
  %any = icmp ult i64 %t, %count
  br i1 %any, label %sums, label %next
sums:
  %s = phi i64 [ 0, %threads ], [ %s1, %tail ]
  %some = icmp ult i64 %s, %sites
  br i1 %some, label %sum, label %done
sum:
  %row = mul i64 %s, BLOCK
  %at = add i64 %row, %t
  %wp = getelementptr i64, ptr %where, i64 %at
  %place = load ptr, ptr %wp, align 8
  %none = icmp eq ptr %place, null
  br i1 %none, label %tail, label %add
add:
  %ap = getelementptr TYPE, ptr %amount, i64 %at
  %value = load TYPE, ptr %ap, align SIZE
  %old = load TYPE, ptr %place, align SIZE
  %new = fadd TYPE %old, %value
  store TYPE %new, ptr %place, align SIZE
  br label %tail
tail:
  %s1 = add i64 %s, 1
  br label %sums
done:
  %t1 = add i64 %t, 1
  br label %threads
next:
  br label %blocks
out:
  ret void
}
"""

_TYPES = {"float32": ("float", 4), "float64": ("double", 8)}


@made_once
def _entry(name: str, block: int) -> Any:
    word, size = _TYPES[name]
    text = _TEXT.replace("NAME", name).replace("BLOCK", str(block)).replace("SIZE", str(size)).replace("TYPE", word)
    text = text.replace("SPAN", str(8 * block))
    code = jit.load_object(jit.compile_text(text, level=2), [f"add_noted_{name}"])
    p, n = ctypes.c_void_p, ctypes.c_int64
    function = ctypes.CFUNCTYPE(None, p, p, n, n, p, p, p, p, n)(code[f"add_noted_{name}"])
    function.code = code  # lives as long as the function
    return function


def run_noted(code: Any, sums: Any, block: int, packed: bytes, total: int) -> None:
    """Runs a kernel that notes additions over `total` threads, on this thread.

    Args:
        code: Its machine code.
        sums: What it notes (`DeferredSums`).
        block: Threads that are noted together.
        packed: Its argument block; the last two addresses are filled in here.
        total: Threads.
    """
    where = np.empty(sums.sites * block + 8, np.uint64)
    amount = np.empty(sums.sites * block + 16, np.float64 if sums.type.size == 8 else np.float32)
    args = ctypes.create_string_buffer(packed, len(packed))
    at = ctypes.addressof(args) + len(packed) - 2 * struct.calcsize("Q")
    _entry(sums.type.name, block)(
        code.address, ctypes.addressof(args), total, sums.sites, _aligned(where), _aligned(amount), at, at + 8,
        int(sums.has_gaps),
    )  # fmt: skip


def _aligned(data: np.ndarray) -> int:
    address = data.ctypes.data
    return address + -address % 64
