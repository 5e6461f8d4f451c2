"""What a tape needs of a device: this file is the whole contract, with the host as the one that is always there.

Addresses are integers; memory is a NumPy array that gives address, shape and strides, and that the host never reads
itself (see `device.memory`). Another device offers the same methods in a class that `BACKENDS` names.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from engine import config
from engine.autodiff.deferred_sums import BLOCK, DeferredSums, deferred_sums
from engine.autodiff.errors import TapeError
from engine.capture import record_bytes, recording
from engine.cpu import emit_llvm, jit
from engine.cpu.noted_sums import run_noted
from engine.cpu.runtime import runtime
from engine.cpu.variant import SERIAL, Code
from engine.device import Device
from engine.lang import ir

#: By kind of device: module and class of its backend. The class takes the device.
BACKENDS = {"cpu": ("engine.autodiff.backend", "HostBackend"), "cuda": ("engine.cuda.taping", "CudaBackend")}


class Backend(Protocol):
    """Memory and launches of one device. Work that is asked for happens in the order of the calls."""

    def compile(self, function: ir.Function, arity: int, one_thread: bool) -> Any:
        """Code of a backward or forward-mode form, kept for the life of the kernel.

        Its parameters are those of any lowered kernel (four thread indices, then scalars); arrays may share memory.
        `one_thread`: it will run in thread order on one thread.
        """

    def run(self, code: Any, dims: Sequence[int], total: int, values: Sequence[Any], one_thread: bool) -> None:
        """Runs such code over a grid; `values`: scalars for the parameters from the fifth on."""

    def compile_noted(self, function: ir.Function, arity: int, aliased: bool) -> Any:
        """Code for `run` of a form with atomic additions, to run on one thread instead; None if there is nothing faster.

        `aliased`: whether arguments share memory.
        """

    def prefers_one_thread(self) -> bool:
        """Whether gradients that meet in one place are better added up by one thread, without atomic additions."""

    def allocate(self, size: int, like: int, zero: bool) -> np.ndarray:
        """`size` bytes whose address is equal to `like` modulo 64."""

    def copy_bytes(self, to: int, source: int, size: int) -> None:
        """Copies bytes of the device."""

    def zero(self, target: np.ndarray, index: Any = ...) -> None:
        """Sets memory of any strides, or its part at `index` (without integers), to zero."""

    def add(self, target: np.ndarray, values: np.ndarray) -> None:
        """Adds memory of the same type and shape to memory, the floats only (field by field for structs)."""

    def write(self, target: np.ndarray, values: Any) -> None:
        """Sets memory from host values that broadcast to its shape."""

    def write_float(self, address: int, value: float) -> None:
        """Sets the float32 at an address."""

    def read(self, source: np.ndarray) -> np.ndarray:
        """The contents as host values (shared where memory is the host's own)."""

    def view(self, address: int, like: np.ndarray, keep: Any) -> np.ndarray:
        """Memory at `address` with type, shape and strides of `like`; it keeps `keep` alive."""

    def fingerprint(self, low: int, size: int) -> int | None:
        """A number that changes when the contents do; None where looking costs too much (changes go unseen)."""


class NotedCode(Code):
    """Machine code that notes additions."""

    sums: DeferredSums


class HostBackend:
    """The CPU."""

    def __init__(self, device: Device):
        self.device = device

    def compile(self, function: ir.Function, arity: int, one_thread: bool) -> Code:
        return Code(function, arity, aliased=True, independent=not one_thread)

    def compile_noted(self, function: ir.Function, arity: int, aliased: bool) -> NotedCode | None:
        sums = deferred_sums(function, arity)
        if sums is None:
            return None
        if not emit_llvm.Module(sums.function, arity, aliased).in_lanes:
            return None
        code = NotedCode(sums.function, arity, aliased=aliased)
        code.sums = sums
        return code

    def run(self, code: Code, dims: Sequence[int], total: int, values: Sequence[Any], one_thread: bool) -> None:
        graph = recording()
        if isinstance(code, NotedCode) and graph is None:
            run_noted(code, code.sums, BLOCK, code.block(*dims, code.error_address, *values, 0, 0), total)
            return
        block = code.block(*dims, code.error_address, *values)
        if graph is not None:
            kept = ctypes.create_string_buffer(block, len(block))
            graph.add((code.address, ctypes.addressof(kept), total, SERIAL if one_thread else code.grain), (kept, code))
            return
        runtime().launch(code.address, block, total, SERIAL if one_thread else code.grain)

    def prefers_one_thread(self) -> bool:
        # atomic additions cost more than a second thread gains; the sums are the same in every run, too
        return config.deterministic or runtime().threads <= 2

    def allocate(self, size: int, like: int, zero: bool) -> np.ndarray:
        raw = np.zeros(size + 64, np.uint8) if zero else np.empty(size + 64, np.uint8)
        start = (like - raw.ctypes.data) % 64
        out = raw[start : start + size]
        graph = recording()
        if graph is not None:
            graph.keep.append(raw)
            if zero:
                self.zero(out)  # in every run of the graph
        return out

    def copy_bytes(self, to: int, source: int, size: int) -> None:
        if not record_bytes(to, source, size):
            ctypes.memmove(to, source, size)

    def zero(self, target: np.ndarray, index: Any = ...) -> None:
        if recording() is None:
            target[index] = np.zeros((), target.dtype)  # of chosen elements, too
        else:
            self.write(target[index], np.zeros((), target.dtype))

    def add(self, target: np.ndarray, values: np.ndarray) -> None:
        if target.dtype.names:
            for name in target.dtype.names:
                self.add(target[name], values[name])
        elif target.dtype.kind == "f" and target.size:
            if recording() is None:
                target += values
            else:
                strided().add_strided(self.device, target, values)

    def write(self, target: np.ndarray, values: Any) -> None:
        if recording() is None:
            target[...] = values
        elif target.size:
            strided().copy_strided(self.device, target, np.asarray(values, target.dtype))

    def write_float(self, address: int, value: float) -> None:
        place = ctypes.c_float.from_address(address)
        if recording() is None:
            place.value = value
        else:
            self.write(np.ctypeslib.as_array(ctypes.pointer(place), (1,)), value)

    def read(self, source: np.ndarray) -> np.ndarray:
        return source

    def view(self, address: int, like: np.ndarray, keep: Any) -> np.ndarray:
        return foreign_view(address, like, keep)

    def fingerprint(self, low: int, size: int) -> int | None:
        return _fingerprint()(low, size) if recording() is None else None


def strided() -> Any:
    """Copies and sums as kernels, which a graph can contain."""
    from engine.device_algorithms import strided as module

    return module


@functools.cache
def backend(device: Device) -> Backend:
    """The backend of a device; raises TapeError where there is none."""
    module, name = BACKENDS["cpu" if device.is_cpu else "cuda"]
    try:
        return getattr(importlib.import_module(module), name)(device)
    except ModuleNotFoundError:
        raise TapeError(f"a tape cannot record on {device} yet; run the differentiated part on device='cpu'") from None


def foreign_view(address: int, like: np.ndarray, keep: Any) -> np.ndarray:
    """NumPy array over any address, laid out as `like`, that keeps `keep` alive."""
    if not like.size:
        return np.empty_like(like)
    reach = [(n - 1) * step for n, step in zip(like.shape, like.strides)]
    below = sum(r for r in reach if r < 0)
    size = sum(map(abs, reach)) + like.itemsize
    raw = (ctypes.c_uint8 * size).from_address(address + below)
    raw.memory = keep
    return np.ndarray(like.shape, like.dtype, raw, -below, like.strides)


_FINGERPRINT = r"""
define i64 @fingerprint(ptr %data, i64 %n) {
entry:
  %words = lshr i64 %n, 3
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %body ]
  %h = phi i64 [ -3750763034362895579, %entry ], [ %h3, %body ]
  %more = icmp ult i64 %i, %words
  br i1 %more, label %body, label %tail
body:
  %p = getelementptr i64, ptr %data, i64 %i
  %w = load i64, ptr %p, align 1
  %h1 = xor i64 %h, %w
  %h2 = mul i64 %h1, -7046029254386353131
  %up = lshr i64 %h2, 29
  %h3 = xor i64 %h2, %up
  %i1 = add i64 %i, 1
  br label %head
tail:
  %at = shl i64 %words, 3
  br label %bytes
bytes:
  %j = phi i64 [ %at, %tail ], [ %j1, %byte ]
  %g = phi i64 [ %h, %tail ], [ %g2, %byte ]
  %left = icmp ult i64 %j, %n
  br i1 %left, label %byte, label %out
byte:
  %q = getelementptr i8, ptr %data, i64 %j
  %b = load i8, ptr %q, align 1
  %c = zext i8 %b to i64
  %g1 = xor i64 %g, %c
  %g2 = mul i64 %g1, -7046029254386353131
  %j1 = add i64 %j, 1
  br label %bytes
out:
  ret i64 %g
}
"""


@functools.cache
def _fingerprint() -> Any:
    code = jit.load_object(jit.compile_text(_FINGERPRINT, level=2), ["fingerprint"])
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(code["fingerprint"])
    function.code = code  # lives as long as the function
    return function
