"""OpenGL buffers as memory of a CUDA device: kernels write what is drawn, and nothing visits the host.

    shared = GLBuffer(buffer, nbytes, device)       # once for each buffer
    with mapped([shared], device) as (memory,):     # once a frame
        en.launch(kernel, ..., outputs=[memory.array(en.vec3, (n,))], device=device)
    shared.release()                                # before OpenGL deletes the buffer

The OpenGL context that owns the buffers must be current in the calling thread, each time.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine import types as T
from engine.arrays import array
from engine.cuda.driver import binding, call
from engine.device import Device, get_device
from engine.errors import EngineError

_ALL_OF_CONTEXT = 1
"""CU_GL_DEVICE_LIST_ALL"""
_MOST_DEVICES = 32


def why_not_shared(device: Device | str) -> str:
    """Why kernels of a device cannot write buffers of the current OpenGL context; empty if they can.

    Where the driver cannot tell which GPU draws, this is empty too, and registering a buffer decides.
    """
    device = get_device(device)
    if not device.is_cuda:
        return f"{device} is no CUDA device"
    try:
        device.start()
        lists = getattr(binding(), "CUGLDeviceList", None)
        which = _ALL_OF_CONTEXT if lists is None else lists(_ALL_OF_CONTEXT)
        _count, found = call("cuGLGetDevices", _MOST_DEVICES, which)
    except (EngineError, RuntimeError):  # RuntimeError: the driver lacks the function
        return ""
    if int(device.handle) not in [int(each) for each in found[:_count]]:
        return f"OpenGL draws on another GPU than {device}"
    return ""


class GLBuffer:
    """A buffer of OpenGL that a CUDA device may write, until `release`."""

    def __init__(self, buffer: int, nbytes: int, device: Device | str):
        """Register a buffer; its size stays as it is from now on.

        Args:
            buffer: OpenGL's name of it.
            nbytes: its size.
            device: the device whose kernels write it.

        Raises:
            EngineError: the device cannot, see `why_not_shared`.
        """
        self.device, self.nbytes = get_device(device), nbytes
        if not self.device.is_cuda:
            raise EngineError(f"GLBuffer: got device {self.device}; expected a CUDA device")
        self.device.start()
        self._resource: Any = call("cuGraphicsGLRegisterBuffer", buffer, 0)

    @property
    def handle(self) -> int:
        """The driver's handle; raises EngineError after `release`."""
        if self._resource is None:
            raise EngineError("GLBuffer: it was released; register the buffer again")
        return int(self._resource)

    @property
    def resource(self) -> Any:
        """The driver's own object for it."""
        return self._resource

    def release(self) -> None:
        """End the sharing; a second call does nothing."""
        if self._resource is not None:
            resource, self._resource = self._resource, None
            self.device.start()
            call("cuGraphicsUnregisterResource", resource)


class MappedMemory:
    """The contents of a `GLBuffer` inside `mapped`."""

    def __init__(self, pointer: int, nbytes: int, device: Any):
        self._pointer, self._nbytes, self._device = pointer, nbytes, device

    def array(self, dtype: Any, shape: tuple[int, ...]) -> array:
        """The contents as an array; it must not be used after the block of `mapped`."""
        dtype = T.as_type(dtype)
        whole = (*shape, *dtype.shape)
        size = int(np.prod(whole, dtype=np.int64)) * dtype.np_dtype.itemsize
        if size > self._nbytes:
            raise EngineError(f"a GL buffer of {self._nbytes} bytes has no room for {shape} of {T.type_name(dtype)}")
        places = self._device.memory.at(self._pointer, size, self).view(dtype.np_dtype).reshape(whole)
        return array._view(self._device.memory.wrap(places), dtype, self._device, self)


@contextlib.contextmanager
def mapped(buffers: Sequence[GLBuffer], device: Device | str) -> Iterator[list[MappedMemory]]:
    """The memory of some buffers, for work on the device's current stream.

    Drawing that was asked for before comes before that work, and drawing asked for after the block comes after it; the
    host does not wait for either.

    Raises:
        EngineError: a graph is being captured, whose replays would write buffers that are not mapped then.
    """
    device = get_device(device)
    if not buffers:
        yield []
        return
    if device.is_capturing:
        raise EngineError(f"GL buffers cannot be mapped while a graph is being captured on {device}; do it after")
    device.start()
    handles = (ctypes.c_void_p * len(buffers))(*(each.handle for each in buffers))
    stream = device.stream.handle
    call("cuGraphicsMapResources", len(buffers), ctypes.addressof(handles), stream)
    try:
        places = [call("cuGraphicsResourceGetMappedPointer", each.resource) for each in buffers]
        yield [MappedMemory(int(pointer), int(size), device) for pointer, size in places]
    finally:
        call("cuGraphicsUnmapResources", len(buffers), ctypes.addressof(handles), stream)
