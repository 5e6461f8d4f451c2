"""The door from Python into compiled code: functions that Python calls without `ctypes` in between.

A call through `ctypes` costs half a microsecond, as much as a small kernel takes. These entries follow CPython's
calling convention for built-in functions (METH_FASTCALL, stable ABI since 3.10) and are compiled with the runtime.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

_METH_FASTCALL = 0x0080

#: Two entries for the runtime module. They take whole numbers and bytes, release the interpreter while jobs run and
#: return `self`, which is None. Their caller is `Runtime`, so their arguments are not checked.
TEXT = r"""
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyBytes_AsString(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)

define internal i64 @integer(ptr %args, i64 %k) {
  %place = getelementptr ptr, ptr %args, i64 %k
  %object = load ptr, ptr %place, align 8
  %value = call i64 @PyLong_AsLongLong(ptr %object)
  ret i64 %value
}

; pool, jobs, count
define ptr @py_run(ptr %self, ptr %args, i64 %n) {
  %pool.i = call i64 @integer(ptr %args, i64 0)
  %jobs.i = call i64 @integer(ptr %args, i64 1)
  %count = call i64 @integer(ptr %args, i64 2)
  %pool = inttoptr i64 %pool.i to ptr
  %jobs = inttoptr i64 %jobs.i to ptr
  %thread = call ptr @PyEval_SaveThread()
  call void @run_jobs(ptr %pool, ptr %jobs, i64 %count)
  call void @PyEval_RestoreThread(ptr %thread)
  call void @Py_IncRef(ptr %self)
  ret ptr %self
}

; pool, function, argument block (bytes), total, grain
define ptr @py_launch(ptr %self, ptr %args, i64 %n) {
  %job = alloca [4 x i64], align 8
  %pool.i = call i64 @integer(ptr %args, i64 0)
  %function = call i64 @integer(ptr %args, i64 1)
  %block.place = getelementptr ptr, ptr %args, i64 2
  %block.object = load ptr, ptr %block.place, align 8
  %block = call ptr @PyBytes_AsString(ptr %block.object)
  %total = call i64 @integer(ptr %args, i64 3)
  %grain = call i64 @integer(ptr %args, i64 4)
  %pool = inttoptr i64 %pool.i to ptr
  %block.p = getelementptr i8, ptr %job, i64 8
  %total.p = getelementptr i8, ptr %job, i64 16
  %grain.p = getelementptr i8, ptr %job, i64 24
  store i64 %function, ptr %job, align 8
  store ptr %block, ptr %block.p, align 8
  store i64 %total, ptr %total.p, align 8
  store i64 %grain, ptr %grain.p, align 8
  %thread = call ptr @PyEval_SaveThread()
  call void @run_jobs(ptr %pool, ptr %job, i64 1)
  call void @PyEval_RestoreThread(ptr %thread)
  call void @Py_IncRef(ptr %self)
  ret ptr %self
}
"""


class _MethodDef(ctypes.Structure):
    """PyMethodDef of CPython."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("method", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_definitions: list[_MethodDef] = []  # CPython keeps pointers to them


def python_function(name: str, address: int, own: Any = None) -> Callable:
    """The compiled entry at `address` as a built-in function of Python, which finds `own` in its `self`."""
    definition = _MethodDef(name.encode(), address, _METH_FASTCALL, None)
    _definitions.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(definition), own, None)


class RuntimePlace:
    """Where compiled launches find the runtime: its pool and `run_jobs`, zeros while there is none."""

    def __init__(self) -> None:
        self._words = (ctypes.c_int64 * 2)()
        self.address = ctypes.addressof(self._words)

    def set(self, pool: int = 0, run_jobs: int = 0) -> None:
        self._words[0] = 0  # whoever sees the pool sees its function
        self._words[1] = run_jobs
        self._words[0] = pool


runtime_place = RuntimePlace()
