"""The door from Python to the driver for what is called most: launches, through a compiled built-in function.

cuda-bindings makes Python objects of every handle and argument, which costs more than the driver's own work. This entry
takes whole numbers and bytes, as `engine.cpu.entry` does for the CPU; another one takes a few further functions of the driver
that work is made of.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

from engine.cpu import jit
from engine.cpu.entry import python_function
from engine.errors import EngineError
from engine.once import made_once

#: Arguments: table (see `launch_table`), function, blocks, threads of a block, bytes of shared memory, stream, argument
#: block (bytes). Returns the driver's result code. `py_cuda_launch_early` lets the kernel start while the one before it
#: on the stream ends; the kernel itself waits for that (see `prelude.PRELUDE`).
_TEXT = r"""
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyLong_FromLong(i64)
declare ptr @PyBytes_AsString(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)

define internal i64 @integer(ptr %args, i64 %k) {
  %place = getelementptr ptr, ptr %args, i64 %k
  %object = load ptr, ptr %place, align 8
  %value = call i64 @PyLong_AsLongLong(ptr %object)
  ret i64 %value
}

define ptr @py_cuda_launch(ptr %self, ptr %args, i64 %n) {
  %params = alloca [1 x ptr], align 8
  %table.i = call i64 @integer(ptr %args, i64 0)
  %function.i = call i64 @integer(ptr %args, i64 1)
  %grid.i = call i64 @integer(ptr %args, i64 2)
  %threads.i = call i64 @integer(ptr %args, i64 3)
  %shared.i = call i64 @integer(ptr %args, i64 4)
  %stream.i = call i64 @integer(ptr %args, i64 5)
  %block.place = getelementptr ptr, ptr %args, i64 6
  %block.object = load ptr, ptr %block.place, align 8
  %block = call ptr @PyBytes_AsString(ptr %block.object)
  store ptr %block, ptr %params, align 8
  %table = inttoptr i64 %table.i to ptr
  %launch.place = getelementptr ptr, ptr %table, i64 1
  %context.place = getelementptr ptr, ptr %table, i64 2
  %set = load ptr, ptr %table, align 8
  %launch = load ptr, ptr %launch.place, align 8
  %context = load ptr, ptr %context.place, align 8
  %function = inttoptr i64 %function.i to ptr
  %stream = inttoptr i64 %stream.i to ptr
  %grid = trunc i64 %grid.i to i32
  %threads = trunc i64 %threads.i to i32
  %shared = trunc i64 %shared.i to i32
  %state = call ptr @PyEval_SaveThread()
  %ready = call i32 %set(ptr %context)
  %code = call i32 %launch(ptr %function, i32 %grid, i32 1, i32 1, i32 %threads, i32 1, i32 1, i32 %shared, ptr %stream, ptr %params, ptr null)
  call void @PyEval_RestoreThread(ptr %state)
  %wide = zext i32 %code to i64
  %out = call ptr @PyLong_FromLong(i64 %wide)
  ret ptr %out
}

; CUlaunchConfig: extents of grid and block, bytes of shared memory, stream, attributes and their number.
; CUlaunchAttribute: kind and 64 bytes of value; kind 6 allows programmatic stream serialization.
%config = type { i32, i32, i32, i32, i32, i32, i32, i32, ptr, ptr, i32, i32 }
%attribute = type { i32, i32, i32, [15 x i32] }

define ptr @py_cuda_launch_early(ptr %self, ptr %args, i64 %n) {
  %params = alloca [1 x ptr], align 8
  %how = alloca %attribute, align 8
  %config = alloca %config, align 8
  %table.i = call i64 @integer(ptr %args, i64 0)
  %function.i = call i64 @integer(ptr %args, i64 1)
  %grid.i = call i64 @integer(ptr %args, i64 2)
  %threads.i = call i64 @integer(ptr %args, i64 3)
  %shared.i = call i64 @integer(ptr %args, i64 4)
  %stream.i = call i64 @integer(ptr %args, i64 5)
  %block.place = getelementptr ptr, ptr %args, i64 6
  %block.object = load ptr, ptr %block.place, align 8
  %block = call ptr @PyBytes_AsString(ptr %block.object)
  store ptr %block, ptr %params, align 8
  store %attribute zeroinitializer, ptr %how, align 8
  store i32 6, ptr %how, align 8
  %allowed = getelementptr %attribute, ptr %how, i64 0, i32 2
  store i32 1, ptr %allowed, align 8
  %grid = trunc i64 %grid.i to i32
  %threads = trunc i64 %threads.i to i32
  %shared = trunc i64 %shared.i to i32
  %stream = inttoptr i64 %stream.i to ptr
  %c0 = insertvalue %config { i32 0, i32 1, i32 1, i32 0, i32 1, i32 1, i32 0, i32 0, ptr null, ptr null, i32 1, i32 0 }, i32 %grid, 0
  %c1 = insertvalue %config %c0, i32 %threads, 3
  %c2 = insertvalue %config %c1, i32 %shared, 6
  %c3 = insertvalue %config %c2, ptr %stream, 8
  %c4 = insertvalue %config %c3, ptr %how, 9
  store %config %c4, ptr %config, align 8
  %table = inttoptr i64 %table.i to ptr
  %context.place = getelementptr ptr, ptr %table, i64 2
  %launch.place = getelementptr ptr, ptr %table, i64 4
  %set = load ptr, ptr %table, align 8
  %launch = load ptr, ptr %launch.place, align 8
  %context = load ptr, ptr %context.place, align 8
  %function = inttoptr i64 %function.i to ptr
  %state = call ptr @PyEval_SaveThread()
  %ready = call i32 %set(ptr %context)
  %code = call i32 %launch(ptr %config, ptr %function, ptr %params, ptr null)
  call void @PyEval_RestoreThread(ptr %state)
  %wide = zext i32 %code to i64
  %out = call ptr @PyLong_FromLong(i64 %wide)
  ret ptr %out
}

; table, place of a function in it, its arguments: up to five numbers. What it does not take lies unread in registers.
define ptr @py_cuda_call(ptr %self, ptr %args, i64 %n) {
entry:
  %numbers = alloca [5 x i64], align 8
  store [5 x i64] zeroinitializer, ptr %numbers, align 8
  %table.i = call i64 @integer(ptr %args, i64 0)
  %which = call i64 @integer(ptr %args, i64 1)
  br label %loop
loop:
  %k = phi i64 [ 2, %entry ], [ %k1, %one ]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %one, label %go
one:
  %value = call i64 @integer(ptr %args, i64 %k)
  %at = sub i64 %k, 2
  %number.place = getelementptr i64, ptr %numbers, i64 %at
  store i64 %value, ptr %number.place, align 8
  %k1 = add i64 %k, 1
  br label %loop
go:
  %table = inttoptr i64 %table.i to ptr
  %function.place = getelementptr ptr, ptr %table, i64 %which
  %context.place = getelementptr ptr, ptr %table, i64 2
  %set = load ptr, ptr %table, align 8
  %function = load ptr, ptr %function.place, align 8
  %context = load ptr, ptr %context.place, align 8
  %p1 = getelementptr i64, ptr %numbers, i64 1
  %p2 = getelementptr i64, ptr %numbers, i64 2
  %p3 = getelementptr i64, ptr %numbers, i64 3
  %p4 = getelementptr i64, ptr %numbers, i64 4
  %a0 = load i64, ptr %numbers, align 8
  %a1 = load i64, ptr %p1, align 8
  %a2 = load i64, ptr %p2, align 8
  %a3 = load i64, ptr %p3, align 8
  %a4 = load i64, ptr %p4, align 8
  %state = call ptr @PyEval_SaveThread()
  %ready = call i32 %set(ptr %context)
  %code = call i32 %function(i64 %a0, i64 %a1, i64 %a2, i64 %a3, i64 %a4)
  call void @PyEval_RestoreThread(ptr %state)
  %wide = zext i32 %code to i64
  %out = call ptr @PyLong_FromLong(i64 %wide)
  ret ptr %out
}
"""


#: the current stream's place in the table
STREAM = 5
#: Further functions of the driver, which take up to five numbers, and their places.
CALLS = {
    name: STREAM + 1 + k
    for k, name in enumerate(
        ("cuMemsetD8Async", "cuMemsetD32Async", "cuMemcpyAsync", "cuMemAllocAsync", "cuMemFreeAsync", "cuGraphLaunch")
    )
}


@made_once
def _library() -> ctypes.CDLL:
    for name in ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1", "libcuda.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise EngineError("CUDA needs an NVIDIA driver and none was found")


@made_once
def _code() -> Any:
    return jit.load_object(jit.compile_text(_TEXT, level=2), ["py_cuda_launch", "py_cuda_launch_early", "py_cuda_call"])


@made_once
def launch_entry() -> Callable:
    """The compiled entry, as a function of Python."""
    return python_function("launch", _code()["py_cuda_launch"])


@made_once
def early_entry() -> Callable:
    """The entry for kernels that start while the one before ends."""
    return python_function("launch_early", _code()["py_cuda_launch_early"])


@made_once
def call_entry() -> Callable:
    """The entry for the driver functions of `CALLS`."""
    return python_function("call", _code()["py_cuda_call"])


def launch_table(context: int) -> Any:
    """What compiled code needs to know of a device: functions of the driver and the device's context.

    In order: cuCtxSetCurrent, cuLaunchKernel, the context, cuMemcpyDtoDAsync, cuLaunchKernelEx, the current stream, then `CALLS`.
    """
    library = _library()
    names = ("cuCtxSetCurrent", "cuLaunchKernel", "cuMemcpyDtoDAsync_v2", "cuLaunchKernelEx")
    address = {n: ctypes.cast(getattr(library, n), ctypes.c_void_p).value for n in (*names, *CALLS)}
    set_current, launch, copy, extended = (address[n] for n in names)
    calls = [address[n] for n in CALLS]
    return (ctypes.c_int64 * (STREAM + 1 + len(CALLS)))(set_current, launch, context, copy, extended, 0, *calls)
