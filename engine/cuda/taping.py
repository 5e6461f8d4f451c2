"""What a tape needs of a CUDA device (see `engine.autodiff.backend`): all of it in the order of the current stream.

So nothing here waits for the device, and a backward pass can be captured into a graph.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import config
from engine.autodiff.backend import foreign_view
from engine.capture import recording_of
from engine.cuda.driver import call
from engine.cuda.memory import DeviceData
from engine.cuda.variant import CudaCode
from engine.device_algorithms.strided import add_strided
from engine.lang import ir


class CudaBackend:
    """Memory and launches of a CUDA device."""

    def __init__(self, device: Any):
        self.device = device

    def compile(self, function: ir.Function, arity: int, one_thread: bool) -> CudaCode:
        return CudaCode(function, arity, self.device.start(), function.name)

    def run(self, code: CudaCode, dims: Sequence[int], total: int, values: Sequence[Any], one_thread: bool) -> None:
        code.run(total, code.block(*dims, code.error_address, *values), serial=one_thread)
        graph = recording_of(self.device)
        if graph is not None:
            graph.keep.append(code)
        if code.observed:
            code.after_launch()

    def prefers_one_thread(self) -> bool:
        return False  # in deterministic mode launches see to the order themselves

    def allocate(self, size: int, like: int, zero: bool) -> DeviceData:
        raw = self.device.memory.allocate(size + 64, zero)
        start = (like - raw.ctypes.data) % 64
        return raw[start : start + size]

    def copy_bytes(self, to: int, source: int, size: int) -> None:
        if size:
            call("cuMemcpyAsync", to, source, size, self.device.start().stream.handle)

    def zero(self, target: DeviceData, index: Any = ...) -> None:
        self.device.memory.zero(target[index])

    def add(self, target: DeviceData, values: DeviceData) -> None:
        if target.dtype.names:
            for name in target.dtype.names:
                self.add(target.field(name), values.field(name))
        elif target.dtype.kind == "f" and target.size:
            add_strided(self.device, target, values)

    def write(self, target: DeviceData, values: Any) -> None:
        values = np.asarray(values)
        if values.ndim == 0:
            self.device.memory.fill(target, values)  # of any stream and graph
        elif not self.device.captures:
            self.device.memory.write(target, values)
        else:  # every run of the graph starts from these values
            host = np.empty(target.shape, target.dtype)
            host[...] = values
            kept = self.device.memory.allocate(host.nbytes, False).view(host.dtype).reshape(host.shape)
            self.device.memory.upload(kept, host)
            self.device.memory.copy(target, kept, self.device)

    def write_float(self, address: int, value: float) -> None:
        bits = int.from_bytes(struct.pack("<f", value), "little")
        self.device.call("cuMemsetD32Async", address, bits, 1, self.device.stream.cuda_stream)

    def read(self, source: DeviceData) -> np.ndarray:
        return self.device.memory.read(source)

    def view(self, address: int, like: DeviceData, keep: Any) -> DeviceData:
        return self.device.memory.wrap(foreign_view(address, like.places, keep))

    def fingerprint(self, low: int, size: int) -> int | None:
        # it waits for the device, so that only debug mode looks
        if config.mode != "debug" or self.device.captures:
            return None
        return hash(self.read(self.device.memory.wrap(self.device.memory.at(low, size, None))).tobytes())
