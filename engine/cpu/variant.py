"""Machine code of a kernel's IR for the CPU: what a launch runs, with the layout of its argument block."""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from collections.abc import Callable
from typing import Any

from engine import config
from engine import types as T
from engine.cpu import emit_llvm, jit, native_code
from engine.cpu.emit_lanes import LaneModule
from engine.cpu.lane_shapes import NotInLanes
from engine.errors import KernelAssertionError, LaunchError
from engine.lang import ir
from engine.once import made_once

SERIAL = 1 << 62  # a grain that no launch reaches: the job runs on the calling thread
_FORMAT = {"bool": "?7x", "int8": "b7x", "uint8": "B7x", "int16": "h6x", "uint16": "H6x", "int32": "i4x", "uint32": "I4x", "int64": "q",
           "uint64": "Q", "float16": "e6x", "bfloat16": "H6x", "float32": "f4x", "float64": "d", "ptr": "Q"}  # fmt: skip


def block_format(types: list[T.ScalarType]) -> str:
    """Layout of the argument block for `struct`: 4 launch extents, the error record, then scalars, 8 bytes each."""
    return "<" + "q" * 4 + "Q" + "".join(_FORMAT[t.name] for t in types)


class Code:
    """Machine code of a kernel's IR, with its argument block and launch properties."""

    def __init__(
        self, function: ir.Function, arity: int, aliased: bool = False, independent: bool = True, lanes: int = 0
    ):
        self.function, self.arity, self.aliased = function, arity, aliased
        self.lanes = lanes
        self.module, self.text = self._emit(independent)
        self.alias_sensitive = self.module.alias_sensitive
        self.format = block_format([p.type for p in function.params[4:]])
        cost = self.module.size * (
            0.15 if self.module.parallel and not self.module.has_loops else 0.6 if not self.module.has_loops else 4.0
        )
        self.grain = max(self.lanes or 32, int(8000.0 / max(cost, 1.0)))  # about 8 microseconds of work a chunk
        if self.module.has_prints:
            self.grain = SERIAL
        data = jit.compile_text(self.text, pack=self.module.packs)
        libraries = [native_code.library(n) for n in self.module.natives]
        self.code = jit.load_object(data, ["kernel"], {x.symbol: x.address for x in libraries})
        self.address = self.code["kernel"]
        self.size = struct.calcsize(self.format)
        self.errors = (ctypes.c_int64 * 4)() if self.module.checks else None
        #: whether `after_launch` has something to do
        self.observed = self.errors is not None or self.module.has_prints
        self.error_address = ctypes.addressof(self.errors) if self.errors is not None else 0
        #: argument block of a launch, from four extents, the address for errors and the scalars of the arguments
        self.block = struct.Struct(self.format).pack
        if self.lanes:
            self.block = functools.partial(_block_of_lanes, self.block, self.lanes, max(arity, 1) - 1)

    def _emit(self, independent: bool) -> tuple[emit_llvm.Module, str]:
        """The LLVM module and its text: in lock-step lanes if asked for and possible."""
        if self.lanes:
            try:
                module = LaneModule(self.function, self.arity, self.lanes)
                return module, module.text()
            except NotInLanes:
                self.lanes = 0
        module = emit_llvm.Module(self.function, self.arity, self.aliased, independent)
        return module, module.text()

    def new_block(self) -> tuple[Any, Any, int]:
        """An empty argument block, a job that points to it, and the address of the job."""
        block = ctypes.create_string_buffer(self.size)
        job = (ctypes.c_int64 * 4)(self.address, ctypes.addressof(block), 0, self.grain)
        return block, job, ctypes.addressof(job)

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be done before or after a launch."""
        return not self.observed

    def launch_facts(self) -> dict[str, int]:
        """What compiled code has to know to launch this, see `quick_launch_text.HEAD`."""
        innermost = max(self.arity, 1) - 1
        return {"function": self.address, "grain": self.grain, "lanes": self.lanes, "innermost": innermost}

    def current_grain(self) -> int:
        return SERIAL if config.deterministic and self.module.has_float_atomics else self.grain

    def before_launch(self) -> None:
        """What Python printed so far comes before what the launch prints."""
        if self.module.has_prints:
            sys.stdout.flush()

    def after_launch(self) -> None:
        """Passes on what the launch left behind: printed text, failed checks."""
        if self.module.has_prints:
            _flush_c_output()
        if self.errors is not None:
            self.raise_failed_check()

    def raise_failed_check(self) -> None:
        """Raises KernelAssertionError if a check failed since the last call."""
        code, a, b = self.errors[0], self.errors[1], self.errors[2]
        if code:
            self.errors[0] = 0
            raise KernelAssertionError(self.module.checks[code - 1].replace("{0}", str(a)).replace("{1}", str(b)))


def _block_of_lanes(pack: Callable, lanes: int, innermost: int, *values: Any) -> bytes:
    """The argument block of a launch in lock-step lanes, whose groups must be whole."""
    if values[innermost] % lanes:
        raise LaunchError(
            f"innermost launch dim {values[innermost]}; a kernel made with lanes={lanes} expects a multiple of that"
        )
    return pack(*values)


@made_once
def _c_flush() -> Callable:
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(jit.llvm.address_of_symbol("fflush"))


def _flush_c_output() -> None:
    """Writes out what kernels printed, so that it keeps its order with what Python prints."""
    _c_flush()(None)


class Variant(Code):
    """A kernel compiled for the types and layout of its arguments."""

    def __init__(self, kernel: Any, types: list[Any], layout: Any, debug: bool, aliased: bool = False):
        self.types, self.layout = types, layout
        function, arity = kernel.lower(types, layout, debug)
        super().__init__(function, arity, aliased, lanes=int(kernel.options.get("lanes", 0)))
