"""DLPack for memory of CUDA devices: NumPy, which does it for the host, cannot.

Source: DLPack's dlpack.h, version 0.8 of the structures, https://dmlc.github.io/dlpack/latest/c_api.html.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from engine import types as T
from engine.arrays import array
from engine.device import get_device
from engine.errors import EngineError
from engine.foreign import share_cuda

CUDA = 2  # kDLCUDA
_CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
_KINDS = {code: kind for kind, code in _CODES.items()}
_BFLOAT = 4
_NAME, _USED = b"dltensor", b"used_dltensor"


class _Tensor(ctypes.Structure):
    """DLManagedTensor: DLTensor, then the owner's context and how to give it back."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    )


_python = ctypes.pythonapi
_new = _python.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_is = _python.PyCapsule_IsValid
_is.restype, _is.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]
_pointer = _python.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_rename = _python.PyCapsule_SetName
_rename.restype, _rename.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]
_raw_is = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
_raw_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_DESTRUCTOR = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)

#: what exported tensors keep alive, by address
_exported: dict[int, tuple] = {}


@_DELETER
def _forget(address: int) -> None:
    _exported.pop(address, None)


@_DESTRUCTOR
def _destroy(capsule: int) -> None:
    if _raw_is(capsule, _NAME):  # nobody took it
        _forget(_raw_pointer(capsule, _NAME))


def export(a: array, stream: int | None = None) -> Any:
    """A capsule over the GPU memory of an array; `stream`, the consumer's, waits for what is on ours."""
    data = a._data
    code = _BFLOAT if a.dtype.scalar is T.bfloat16 else _CODES[data.dtype.kind]
    shape = (ctypes.c_int64 * max(1, data.ndim))(*data.shape)
    steps = (s // data.itemsize for s in data.strides)
    strides = (ctypes.c_int64 * max(1, data.ndim))(*steps)
    kind = (code, 8 * data.itemsize, 1)
    deleter = ctypes.cast(_forget, ctypes.c_void_p).value
    tensor = _Tensor(a.ptr, CUDA, a.device.ordinal, data.ndim, *kind, shape, strides, 0, 0, deleter)
    address = ctypes.addressof(tensor)
    _exported[address] = (tensor, shape, strides, a)
    if (
        stream is not None
        and int(stream) != -1
        and int(stream) != a.device.stream.cuda_stream
        and not a.device.captures
    ):
        from engine.streams import Stream

        Stream(a.device, cuda_stream=0 if int(stream) == 1 else int(stream)).wait_stream(a.device.stream)
    return _new(address, _NAME, ctypes.cast(_destroy, ctypes.c_void_p))


class _Imported:
    """A foreign tensor, which is given back when the last array over it dies."""

    def __init__(self, capsule: Any):
        if not _is(capsule, _NAME):
            raise EngineError("from_dlpack: the capsule was consumed before, or is of a newer kind than DLPack 0.8")
        self.address = _pointer(capsule, _NAME)
        tensor = _Tensor.from_address(self.address)
        _rename(capsule, _USED)
        self.deleter = _DELETER(tensor.deleter) if tensor.deleter else None
        number = (
            f"u{tensor.bits // 8}" if tensor.code == _BFLOAT else f"{_KINDS.get(tensor.code, '?')}{tensor.bits // 8}"
        )
        if tensor.lanes != 1 or number[0] == "?":
            raise EngineError(
                f"from_dlpack: numbers of code {tensor.code} and {tensor.lanes} lanes have no engine type"
            )
        size = tensor.bits // 8
        shape = tuple(tensor.shape[k] for k in range(tensor.ndim))
        strides = tuple(tensor.strides[k] * size for k in range(tensor.ndim)) if tensor.strides else None
        self.scalar = T.bfloat16 if tensor.code == _BFLOAT else None
        self.__cuda_array_interface__ = {
            "shape": shape,
            "strides": strides,
            "typestr": np.dtype("?" if number == "b1" else number).str,
            "data": ((tensor.data or 0) + tensor.byte_offset, False),
            "version": 3,
        }

    def __del__(self) -> None:
        if getattr(self, "deleter", None) is not None:
            self.deleter(self.address)


def import_from(source: Any, dtype: Any) -> array:
    """An array over GPU memory that `source` exports; its owner orders its work before ours."""
    device = get_device(f"cuda:{int(source.__dlpack_device__()[1])}")
    try:
        capsule = source.__dlpack__(stream=device.stream.cuda_stream or 1)
    except TypeError:  # without streams
        capsule = source.__dlpack__()
    tensor = _Imported(capsule)
    return share_cuda(tensor, dtype, f"from_dlpack: a {type(source).__name__}", tensor.scalar)
