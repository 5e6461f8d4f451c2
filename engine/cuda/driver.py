"""CUDA devices through the driver API: contexts, memory, modules, launches, graphs.

The primary context of each device is used, so that PyTorch, JAX and CuPy in the same process share it. Work goes to one
blocking stream a device, which orders itself with the legacy default stream that other libraries use.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import EngineError

BLOCK = 256  # threads of a block
_MAX_BLOCKS = 1 << 20


class CudaError(EngineError):
    """A call of the CUDA driver failed."""


@functools.cache
def _binding() -> Any:
    try:
        from cuda.bindings import driver
    except ImportError:
        raise EngineError(
            'CUDA support is not installed; pip install "simrun[cuda]" brings it, no CUDA toolkit is needed'
        ) from None
    return driver


def call(name: str, *args: Any) -> Any:
    """Calls driver function `name`; raises CudaError with the driver's own words."""
    driver = _binding()
    code, *out = getattr(driver, name)(*args)
    if int(code) != 0:
        _, text = driver.cuGetErrorString(code)
        shown = text.decode() if isinstance(text, bytes) else str(text)
        raise CudaError(f"CUDA: {name} failed: {shown} ({code!r})")
    return out[0] if len(out) == 1 else tuple(out) if out else None


@functools.cache
def devices() -> tuple[CudaDevice, ...]:
    """The CUDA devices of this machine; empty without driver or packages."""
    try:
        call("cuInit", 0)
        return tuple(CudaDevice(k) for k in range(call("cuDeviceGetCount")))
    except (EngineError, RuntimeError, OSError):
        return ()


def why_not() -> str:
    """One sentence that says what is missing for CUDA."""
    try:
        call("cuInit", 0)
        return "no CUDA device was found" if not call("cuDeviceGetCount") else "CUDA works"
    except EngineError as error:
        return str(error)
    except (RuntimeError, OSError):
        return "CUDA needs an NVIDIA driver and none was found"


class CudaDevice(Device):
    """A CUDA device: memory, stream and launches."""

    def __init__(self, ordinal: int):
        handle = call("cuDeviceGet", ordinal)
        name = call("cuDeviceGetName", 256, handle)
        super().__init__(f"cuda:{ordinal}", name.split(b"\0")[0].decode() if isinstance(name, bytes) else str(name))
        driver = _binding()
        attribute = driver.CUdevice_attribute

        def ask(which):
            return call("cuDeviceGetAttribute", which, handle)

        self.ordinal, self.handle, self.is_uva = ordinal, handle, True
        self.capability = (
            ask(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            ask(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        )
        self.arch = 10 * self.capability[0] + self.capability[1]
        self.sm_count = ask(attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
        self.is_mempool_supported = self.is_mempool_enabled = True
        self._started = False
        self.capturing: Any = None

    def start(self) -> CudaDevice:
        """Retains the primary context and makes the stream, once."""
        if not self._started:
            self.context = call("cuDevicePrimaryCtxRetain", self.handle)
            call("cuCtxSetCurrent", self.context)
            self.stream = call("cuStreamCreate", 0)
            self.memory = CudaMemory(self)
            driver = _binding()
            pool = call("cuDeviceGetDefaultMemPool", self.handle)
            keep = driver.cuuint64_t(2**63)
            call("cuMemPoolSetAttribute", pool, driver.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, keep)
            self._started = True
        call("cuCtxSetCurrent", self.context)
        return self

    @property
    def total_memory(self) -> int:
        self.start()
        return call("cuMemGetInfo")[1]

    @property
    def free_memory(self) -> int:
        self.start()
        return call("cuMemGetInfo")[0]

    @property
    def has_stream(self) -> bool:
        return True

    def synchronize(self) -> None:
        """Waits for everything that was put on the stream."""
        if self._started:
            call("cuStreamSynchronize", self.stream)

    def load(self, cubin: bytes, name: str) -> Any:
        """The function `name` of compiled code."""
        self.start()
        module = call("cuModuleLoadData", cubin)
        return call("cuModuleGetFunction", module, name.encode())

    def launch(self, function: Any, total: int, block_address: int, serial: bool = False) -> None:
        """Puts a kernel over `total` threads on the stream, or one thread that does their work in order if `serial`.

        Its argument block is copied now.
        """
        grid, block = (1, 1) if serial else (min((total + BLOCK - 1) // BLOCK, _MAX_BLOCKS), BLOCK)
        parameters = (ctypes.c_void_p * 1)(block_address)
        call("cuLaunchKernel", function, grid, 1, 1, block, 1, 1, 0, self.stream, ctypes.addressof(parameters), 0)

    # graphs ----------------------------------------------------------------------------------------------------
    def begin_capture(self, graph: Any) -> None:
        self.start()
        driver = _binding()
        self.capturing = graph
        call("cuStreamBeginCapture", self.stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)

    def end_capture(self) -> Any:
        """The instantiated graph."""
        self.capturing = None
        template = call("cuStreamEndCapture", self.stream)
        executable = call("cuGraphInstantiate", template, 0)
        call("cuGraphDestroy", template)
        return executable


class CudaMemory:
    """Array contents on a CUDA device. The NumPy arrays that it takes only carry addresses, shapes and strides."""

    def __init__(self, device: CudaDevice):
        self.device = device

    def allocate(self, size: int, zero: bool) -> np.ndarray:
        """`size` bytes on the device, as an array of addresses that the host must not touch."""
        device = self.device.start()
        if (
            device.capturing is not None
        ):  # memory of a graph under construction must outlive it: take it outside the stream
            pointer = int(call("cuMemAlloc", max(size, 1)))
            release = _free_now
        else:
            pointer = int(call("cuMemAllocAsync", max(size, 1), device.stream))
            release = _free_on_stream
        buffer = (ctypes.c_uint8 * max(size, 1)).from_address(pointer)
        data = np.frombuffer(buffer, np.uint8, count=size)
        weakref.finalize(buffer, release, device, pointer)
        if zero:
            self._zero_bytes(pointer, size)
        return data

    def read(self, data: np.ndarray) -> np.ndarray:
        """The contents as a new NumPy array on the host; waits for the work before it."""
        mirror, _, _ = self._mirror(data, fetch=True)
        return mirror

    def write(self, data: np.ndarray, values: Any) -> None:
        """Sets the contents from host values that broadcast to its shape."""
        dense = data.flags.c_contiguous
        mirror, low, raw = self._mirror(data, fetch=not dense)
        mirror[...] = values
        if raw.size:
            self.device.start()
            call("cuMemcpyHtoDAsync", low, raw.ctypes.data, raw.size, self.device.stream)
            if self.device.capturing is None:
                call("cuStreamSynchronize", self.device.stream)
            else:
                self.device.capturing.keep.append(raw)

    def zero(self, data: np.ndarray) -> None:
        if data.flags.c_contiguous:
            self._zero_bytes(data.ctypes.data, data.nbytes)
        else:
            self.write(data, np.zeros((), data.dtype))

    def copy_within(self, target: np.ndarray, source: np.ndarray) -> None:
        """Copies dense contents device to device."""
        self.device.start()
        if target.nbytes:
            call("cuMemcpyAsync", target.ctypes.data, source.ctypes.data, target.nbytes, self.device.stream)

    def _zero_bytes(self, pointer: int, size: int) -> None:
        if size:
            self.device.start()
            call("cuMemsetD8Async", pointer, 0, size, self.device.stream)

    def _mirror(self, data: np.ndarray, fetch: bool) -> tuple[np.ndarray, int, np.ndarray]:
        """A host array of the same layout over the span of bytes that `data` covers; its device address; the raw bytes."""
        low = high = data.ctypes.data
        for extent, stride in zip(data.shape, data.strides):
            reach = (extent - 1) * stride if extent else 0
            low, high = low + min(reach, 0), high + max(reach, 0)
        size = high - low + data.itemsize if data.size else 0
        raw = np.empty(size, np.uint8)
        if fetch and size:
            self.device.start()
            if self.device.capturing is not None:
                raise EngineError(
                    "reading an array while a CUDA graph is being captured is not possible; read it after the capture"
                )
            call("cuMemcpyDtoHAsync", raw.ctypes.data, low, size, self.device.stream)
            call("cuStreamSynchronize", self.device.stream)
        mirror = (
            np.ndarray(data.shape, data.dtype, buffer=raw, offset=data.ctypes.data - low, strides=data.strides)
            if size
            else np.empty(data.shape, data.dtype)
        )
        return mirror, low, raw


def _free_on_stream(device: CudaDevice, pointer: int) -> None:
    try:
        call("cuCtxSetCurrent", device.context)
        if device.capturing is not None:
            return  # cannot be freed while its stream records; rare, and bounded by the capture
        call("cuMemFreeAsync", pointer, device.stream)
    except Exception:
        pass  # the driver is shutting down


def _free_now(device: CudaDevice, pointer: int) -> None:
    try:
        call("cuCtxSetCurrent", device.context)
        call("cuMemFree", pointer)
    except Exception:
        pass  # the driver is shutting down
