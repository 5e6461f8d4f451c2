"""One compiled form of a kernel for CUDA: the counterpart of the CPU's `Variant`."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from engine import config
from engine.cuda import emit_cuda, nvrtc
from engine.cuda.driver import CudaDevice
from engine.errors import KernelAssertionError


class CudaVariant:
    """Machine code of a kernel for one GPU architecture, and how to launch it."""

    def __init__(self, kernel: Any, types: list[Any], layout: Any, debug: bool, device: CudaDevice):
        from engine.kernel import block_format

        self.types, self.layout, self.device = types, layout, device
        self.aliased = self.alias_sensitive = False  # a GPU thread keeps the order of its own accesses
        self.function, self.arity = kernel.lower(types, layout, debug)
        self.module = emit_cuda.Source(self.function, self.arity)
        self.format = block_format([p.type for p in self.function.params[4:]])
        self.text = self.module.text()
        self.code = nvrtc.compile_text(self.text, f"sm_{device.arch}", kernel.__name__)
        self.entry = device.load(self.code, "kernel")
        self.size = struct.calcsize(self.format)
        self.packer = struct.Struct(self.format).pack_into
        self.buffer = ctypes.create_string_buffer(self.size)
        self.buffer_address = ctypes.addressof(self.buffer)
        self.errors: Any = None
        self.error_address = 0
        if self.module.checks:
            from engine import arrays
            from engine import types as T

            self.errors = arrays.zeros(4, dtype=T.int64, device=device)
            self.error_address = self.errors.ptr

    def run(self, total: int, block_address: int) -> None:
        serial = self.module.has_prints or (config.deterministic and self.module.has_float_atomics)
        self.device.launch(self.entry, total, block_address, serial)

    @property
    def observed(self) -> bool:
        """Whether `after_launch` has something to do."""
        return self.errors is not None or self.module.has_prints

    def after_launch(self) -> None:
        """Waits for the launch; passes on printed text and raises what a check found (debug mode)."""
        if self.device.capturing is not None:
            return
        self.device.synchronize()
        if self.errors is None:
            return
        code, a, b, _ = self.errors.numpy()
        if code:
            self.errors.zero_()
            raise KernelAssertionError(self.module.checks[code - 1].replace("{0}", str(a)).replace("{1}", str(b)))
