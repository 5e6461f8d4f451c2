"""Array contents on a CUDA device, and host memory that the device can reach while the host goes on (pinned)."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import numpy as np

from engine.cuda.driver import CudaMemoryError, call
from engine.errors import EngineError


class DeviceData:
    """Where the contents of an array lie on a GPU: address, shape, strides and type.

    Has what arrays ask of NumPy arrays (views, shapes, strides), but not the numbers: whoever reads them gets an error.
    """

    __slots__ = ("_alias", "places")

    def __init__(self, places: np.ndarray, alias: str):
        #: addresses of the elements; NumPy does their arithmetic and must never follow one
        self.places, self._alias = places, alias

    shape = property(lambda self: self.places.shape)
    strides = property(lambda self: self.places.strides)
    dtype = property(lambda self: self.places.dtype)
    ndim = property(lambda self: self.places.ndim)
    size = property(lambda self: self.places.size)
    nbytes = property(lambda self: self.places.nbytes)
    itemsize = property(lambda self: self.places.itemsize)
    flags = property(lambda self: self.places.flags)
    ctypes = property(lambda self: self.places.ctypes)

    @property
    def base(self) -> Any:
        """What this is a view of, or the owner of the memory."""
        return self.places.base

    def field(self, name: str) -> DeviceData:
        """One field of structs, as a view."""
        return DeviceData(self.places[name], self._alias)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> DeviceData:
        """The part at an index of numbers and slices, as a view."""
        given = index if isinstance(index, tuple) else (index,)
        for i in given:
            if not (i is None or i is ... or isinstance(i, (int, np.integer, slice))) or isinstance(i, bool):
                raise EngineError(
                    f"an array on {self._alias} is indexed by numbers and slices, got {type(i).__name__}; "
                    "use a kernel, or .numpy()"
                )
        return DeviceData(self.places[given if ... in given else (*given, ...)], self._alias)

    def reshape(self, *shape: Any) -> DeviceData:
        if not self.places.flags.c_contiguous:
            raise EngineError("a strided array on a GPU cannot be reshaped in place; call contiguous() first")
        return DeviceData(self.places.reshape(*shape), self._alias)

    def view(self, dtype: Any) -> DeviceData:
        return DeviceData(self.places.view(dtype), self._alias)

    def transpose(self, *axes: Any) -> DeviceData:
        return DeviceData(self.places.transpose(*axes), self._alias)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise EngineError(f"the contents of an array on {self._alias} lie in the GPU's memory; copy them with .numpy()")


class _Memory:
    """A range of addresses, for NumPy to make arrays of; gives it back when the last of them dies."""

    def __init__(self, pointer: int, size: int, release: Any = None):
        self.pointer, self.release = pointer, release
        self.__array_interface__ = {"data": (pointer, False), "shape": (size,), "typestr": "|u1", "version": 3}

    def __del__(self) -> None:
        if self.release is not None:
            try:
                self.release(self.pointer)
            except Exception:
                pass  # the driver is shutting down


class CudaMemory:
    """Allocation and transfer of array contents on a CUDA device."""

    def __init__(self, device: Any):
        self.device = device
        self.pooled = True

    def allocate(self, size: int, zero: bool) -> DeviceData:
        """`size` bytes on the device.

        Taken from the pool in the order of the current stream. While a graph is being captured it is taken beside
        the stream, and lives as long as the graph.
        """
        device = self.device if self.device.is_started else self.device.start()
        try:
            memory = self._take(size)
        except CudaMemoryError:
            gc.collect()
            self.trim()
            try:
                memory = self._take(size)
            except CudaMemoryError as error:
                free, total = call("cuMemGetInfo")
                raise CudaMemoryError(
                    f"{device} has no room for {size / 1e6:.1f} MB: {free / 1e6:.0f} of {total / 1e6:.0f} MB are free; "
                    "drop arrays that are no longer needed, or use a smaller problem or another device"
                ) from error
        data = DeviceData(np.asarray(memory), str(device))
        for graph in device.captures:
            graph.keep.append(data)
        if zero:
            self.zero(data)
        return data

    def _take(self, size: int) -> _Memory:
        device = self.device
        if device.captures or not self.pooled:
            device.start()
            return _Memory(int(call("cuMemAlloc", max(size, 1))), size, device.release_now)
        if device.table:
            pointer = ctypes.c_uint64()
            device.call("cuMemAllocAsync", ctypes.addressof(pointer), max(size, 1), device.stream.cuda_stream)
            return _Memory(pointer.value, size, device.release_on_stream)
        device.start()
        return _Memory(int(call("cuMemAllocAsync", max(size, 1), device.stream.handle)), size, device.release_on_stream)

    def trim(self) -> None:
        """Returns what the pool holds unused to the driver."""
        device = self.device
        if not device.captures:
            device.synchronize()
        device.flush_releases()
        call("cuMemPoolTrimTo", device.pool, 0)

    def wrap(self, places: np.ndarray) -> DeviceData:
        """Foreign memory of the device, given as a NumPy array of its addresses."""
        return DeviceData(places, str(self.device))

    def at(self, pointer: int, capacity: int, owner: Any) -> np.ndarray:
        """`capacity` bytes at an address as an array of addresses that keeps `owner`."""
        memory = _Memory(pointer, capacity)
        memory.owner = owner
        return np.asarray(memory)

    def strided(self, raw: DeviceData, shape: tuple[int, ...], strides: tuple[int, ...]) -> DeviceData:
        """Allocated memory with steps of its own between elements."""
        return DeviceData(np.lib.stride_tricks.as_strided(raw.places, shape, strides), str(self.device))

    # transfers -------------------------------------------------------------------------------------------------
    def read(self, data: DeviceData) -> np.ndarray:
        """The contents as a new NumPy array on the host; waits for the work before it.

        While a graph is being captured these are the contents from before the capture, as on the CPU.
        """
        if self.device.captures:
            self.device.step_aside()
            try:
                return self.read(data)
            finally:
                self.device.step_back()
        out = np.empty(data.shape, data.dtype)
        if out.size:
            self.device.start()
            source = data if data.flags.c_contiguous else self._packed(data)
            call("cuMemcpyDtoHAsync", out.ctypes.data, source.ctypes.data, out.nbytes, self.device.stream.handle)
            call("cuStreamSynchronize", self.device.stream.handle)
            if self.device.unchecked:
                self.device.look_at_checks()
        return out

    def _packed(self, data: DeviceData) -> DeviceData:
        from engine.device_algorithms.strided import copy_strided

        out = self.allocate(data.nbytes, False).view(data.dtype).reshape(data.shape)
        copy_strided(self.device, out, data)
        return out

    def write(self, data: DeviceData, values: Any) -> None:
        """Sets the contents from host values that broadcast to its shape.

        While a graph is being captured this happens now, once, and is no part of the graph.
        """
        if not data.size:
            return
        host = np.empty(data.shape, data.dtype)
        host[...] = values
        target = data
        if not data.flags.c_contiguous:
            target = self.allocate(data.nbytes, False).view(data.dtype).reshape(data.shape)
        self.upload(target, host)
        if target is not data:
            from engine.device_algorithms.strided import copy_strided

            copy_strided(self.device, data, target)

    def upload(self, data: DeviceData, host: np.ndarray) -> None:
        """Copies dense host values to dense contents; whatever is launched later finds them there."""
        from engine.cuda.small_writes import MOST, write_small

        device = self.device.start()
        if host.nbytes <= MOST and write_small(device, data.ctypes.data, host.tobytes()):
            return
        stream = device.side_stream if device.captures else device.stream.handle
        call("cuMemcpyHtoDAsync", data.ctypes.data, host.ctypes.data, host.nbytes, stream)
        call("cuStreamSynchronize", stream)

    def zero(self, data: DeviceData) -> None:
        """Sets every byte to zero, in the order of the stream."""
        if not data.size:
            return
        if data.flags.c_contiguous:
            self.device.call("cuMemsetD8Async", data.ctypes.data, 0, data.nbytes, self.device.stream.cuda_stream)
        else:
            self.fill(data, np.zeros((), data.dtype))

    def fill(self, data: DeviceData, value: np.ndarray) -> None:
        """Sets every element to one value with the trailing dimensions of an element, in the order of the stream."""
        if not data.size:
            return
        host = np.empty(value.shape, data.dtype)
        host[...] = value
        raw = host.tobytes()
        if data.flags.c_contiguous and raw.count(raw[:1]) == len(raw):
            self.device.call("cuMemsetD8Async", data.ctypes.data, raw[0], data.nbytes, self.device.stream.cuda_stream)
        elif data.flags.c_contiguous and host.itemsize == 4 and raw == raw[:4] * (len(raw) // 4):
            word = int.from_bytes(raw[:4], "little")
            where = (data.ctypes.data, word, data.nbytes // 4, self.device.stream.cuda_stream)
            self.device.call("cuMemsetD32Async", *where)
        else:
            from engine.device_algorithms.strided import copy_strided

            pattern = self.allocate(host.nbytes, False).view(data.dtype).reshape(host.shape)
            self.upload(pattern, np.ascontiguousarray(host))
            copy_strided(self.device, data, pattern)

    def copy(self, target: DeviceData, source: DeviceData, origin: Any) -> None:
        """Copies contents on this device, or to it from the device `origin`, in the order of the stream."""
        if not target.nbytes:
            return
        device, dense = self.device, target.flags.c_contiguous and source.flags.c_contiguous
        if origin is device:
            if dense:
                where = (target.ctypes.data, source.ctypes.data, target.nbytes, device.stream.cuda_stream)
                device.call("cuMemcpyAsync", *where)
            else:
                from engine.device_algorithms.strided import copy_strided

                copy_strided(device, target, source)
            return
        device.start()
        if not source.flags.c_contiguous:
            source = origin.memory._packed(source)
        arrived = target
        if not target.flags.c_contiguous:
            arrived = self.allocate(target.nbytes, False).view(target.dtype).reshape(target.shape)
        # the other device's stream must have written what is copied, and not overwrite it before it was
        device.stream.wait_stream(origin.stream)
        device.start()
        where = (arrived.ctypes.data, device.context, source.ctypes.data, origin.context, arrived.nbytes)
        call("cuMemcpyPeerAsync", *where, device.stream.handle)
        origin.stream.wait_stream(device.stream)
        if arrived is not target:
            self.copy(target, arrived, device.start())

    def read_into(self, pinned: np.ndarray, data: DeviceData) -> None:
        """Copies dense contents to dense pinned memory, in the order of the stream: the host does not wait."""
        if data.nbytes:
            self.device.start()
            call("cuMemcpyDtoHAsync", pinned.ctypes.data, data.ctypes.data, data.nbytes, self.device.stream.handle)

    def write_from(self, data: DeviceData, pinned: np.ndarray) -> None:
        """Copies dense pinned memory to dense contents, in the order of the stream: the host does not wait."""
        if data.nbytes:
            self.device.start()
            call("cuMemcpyHtoDAsync", data.ctypes.data, pinned.ctypes.data, data.nbytes, self.device.stream.handle)


def allocate_pinned(size: int) -> np.ndarray:
    """`size` bytes of page-locked host memory, which every CUDA device can copy to and from by itself."""
    from engine.device import get_cuda_devices

    get_cuda_devices()[0].start()
    portable = 1  # CU_MEMHOSTALLOC_PORTABLE
    pointer = int(call("cuMemHostAlloc", max(size, 1), portable))
    return np.asarray(_Memory(pointer, size, _free_pinned))


def _free_pinned(pointer: int) -> None:
    from engine.device import get_cuda_devices

    for device in get_cuda_devices():
        if device.captures:
            device.deferred.append(("cuMemFreeHost", pointer))
            return
    call("cuMemFreeHost", pointer)
