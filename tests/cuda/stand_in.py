"""A stand-in for the CUDA driver that keeps "device" memory on the host and runs kernels' IR through LLVM.

It is for what the host does with a GPU: allocation, transfers, streams, captures, tapes, errors. It runs everything at
once and in order, so it cannot find races, and it does not run CUDA code: only a GPU tests that (`run_suite.py`).
`install()` replaces the driver of this process; it has two devices.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
import math
import struct
import sys
import types
from typing import Any

from engine.cpu.runtime import runtime
from engine.cpu.variant import SERIAL, Code
from engine.cuda import driver as real
from engine.cuda import emit_cuda, nvrtc, sequence

DEVICES = 2
ROOM = 1 << 32


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NOT_READY = 600
    CUDA_ERROR_ILLEGAL_ADDRESS = 700
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900


class Handle(int):
    """A driver's handle: a number."""


class Failed(Exception):
    def __init__(self, code: CUresult):
        self.code = code


class _Names:
    """Any attribute is a constant."""

    def __getattr__(self, name: str) -> Any:
        return name


_count = itertools.count(1000)
_objects: dict[int, Any] = {}
_blocks: dict[int, Any] = {}
_used = [0]
_pool = {"CU_MEMPOOL_ATTR_RELEASE_THRESHOLD": 0, "CU_MEMPOOL_ATTR_USED_MEM_HIGH": 0}
_codes: dict[bytes, Any] = {}
_functions: dict[int, Any] = {}


def _new(thing: Any) -> Handle:
    handle = Handle(next(_count))
    _objects[int(handle)] = thing
    return handle


class _Stream:
    def __init__(self) -> None:
        self.graph: list | None = None


class _Event:
    graph: list | None = None
    time = 0.0


def _on(stream: Any, work: Any) -> None:
    """Runs work now, or notes it if the stream is being captured."""
    found = _objects.get(int(stream))
    if found is not None and found.graph is not None:
        found.graph.append(work)
    else:
        if not int(stream) and any(isinstance(s, _Stream) and s.graph is not None for s in _objects.values()):
            raise Failed(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
        work()


def _waits(stream: Any) -> None:
    found = _objects.get(int(stream))
    if found is not None and found.graph is not None:
        raise Failed(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)


def _allocate(size: int) -> int:
    if _used[0] + size > ROOM:
        raise Failed(CUresult.CUDA_ERROR_OUT_OF_MEMORY)
    raw = (ctypes.c_uint8 * (size + 256))()
    pointer = ctypes.addressof(raw) + -ctypes.addressof(raw) % 256
    ctypes.memset(pointer, 0xAB, size)
    _blocks[pointer] = (raw, size)
    _used[0] += size
    _pool["CU_MEMPOOL_ATTR_USED_MEM_HIGH"] = max(_pool["CU_MEMPOOL_ATTR_USED_MEM_HIGH"], _used[0])
    return pointer


def _free(pointer: int) -> None:
    _raw, size = _blocks.pop(int(pointer))
    _used[0] -= size
    ctypes.memset(pointer, 0xCD, size)


def _repeat(pointer: int, word: bytes, count: int) -> None:
    data = word * count
    ctypes.memmove(pointer, data, len(data))


def _set_condition(data: bytes) -> None:
    handle, condition, wanted = struct.unpack("<QQq", data)
    _objects[handle]["value"] = (ctypes.c_int32.from_address(condition).value != 0) == bool(wanted)


def _launch(_table: int, function: int, blocks: int, _threads: int, _shared: int, stream: int, data: bytes) -> int:
    run = _functions[function]

    def work() -> None:
        if callable(run):
            run(data)
            return
        dims = struct.unpack_from("<4q", data)
        total = dims[0] * dims[1] * dims[2] * dims[3]
        runtime().launch(run.address, data, total, SERIAL if blocks == 1 else run.grain)

    try:
        _on(stream, work)
    except Failed as failed:
        return int(failed.code)
    return 0


class Driver(types.ModuleType):
    """The module that `engine.cuda.driver` calls instead of cuda.bindings."""

    CUresult = CUresult
    CUstream = CUevent = cuuint64_t = Handle
    launch_entry = staticmethod(_launch)

    def __init__(self) -> None:
        super().__init__("stand_in")
        for name in ("device_attribute", "mempool_attribute", "memPool_attribute", "stream_flags", "streamCaptureMode", "limit", "graphNodeType",
                     "graphConditionalNodeType", "memLocationType", "pointer_attribute", "memAccess_flags"):  # fmt: skip
            setattr(self, f"CU{name}", _Names())
        self.CUstreamUpdateCaptureDependencies_flags = types.SimpleNamespace(CU_STREAM_SET_CAPTURE_DEPENDENCIES=1)

    def __getattr__(self, name: str) -> Any:
        function = _CALLS.get(name)
        if function is None:
            raise AttributeError(name)

        def called(*args: Any) -> tuple:
            try:
                out = function(*args)
            except Failed as failed:
                return (failed.code,)
            return (CUresult.CUDA_SUCCESS, *(out if isinstance(out, tuple) else () if out is None else (out,)))

        return called

    class CUmemAccessDesc:
        def __init__(self) -> None:
            self.location, self.flags = types.SimpleNamespace(), None

    class CUgraphNodeParams:
        def __init__(self) -> None:
            self.type, self.conditional = None, types.SimpleNamespace(phGraph_out=None)


def _attribute(which: str, _device: Any) -> int:
    known = {"CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR": 9, "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR": 0,
             "CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED": 1}  # fmt: skip
    return known.get(which, 8)


def _load(cubin: bytes) -> Handle:
    return _new(cubin)


def _get_function(module: Handle, name: bytes) -> Handle:
    text = _objects[int(module)]
    handle = Handle(next(_count))
    if name == b"set_condition":
        _functions[handle] = _set_condition
    elif name == b"sequence":
        _functions[handle] = _walker(*_codes[text])
    else:
        function, arity = _codes[text]
        _functions[handle] = Code(function, arity, aliased=True)
    return handle


def _walker(kernels: list, words: int) -> Any:
    """What a kernel that walks a table of jobs does."""
    codes = [Code(function, arity, aliased=True) for function, arity in kernels]

    def walk(data: bytes) -> None:
        table, count = struct.unpack("<Qq", data)
        for job in range(count):
            row = ctypes.string_at(table + job * words * 8, words * 8)
            code = codes[struct.unpack_from("<q", row)[0]]
            runtime().launch(code.address, row[8:], math.prod(struct.unpack_from("<4q", row, 8)), code.grain)

    return walk


def _begin(stream: Any, _mode: Any) -> None:
    _objects[int(stream)].graph = []


def _begin_into(stream: Any, graph: Any, *_: Any) -> None:
    _objects[int(stream)].graph = _objects[int(graph)]


def _end(stream: Any) -> Handle:
    found = _objects[int(stream)]
    graph, found.graph = found.graph, None
    if graph is None:
        raise Failed(CUresult.CUDA_ERROR_INVALID_VALUE)
    for other in _objects.values():  # streams that joined leave
        if isinstance(other, _Stream) and other.graph is graph:
            other.graph = None
    return _new(graph)


def _run(graph: list) -> None:
    for work in graph:
        work()


def _add_node(graph: Any, _dependencies: Any, _edges: Any, _n: int, parameters: Any) -> Handle:
    decision, body = _objects[int(parameters.conditional.handle)], []
    parameters.conditional.phGraph_out = [_new(body)]

    def work() -> None:
        if parameters.conditional.type == "CU_GRAPH_COND_TYPE_WHILE":
            while decision["value"]:
                _run(body)
        elif decision["value"]:
            _run(body)

    _objects[int(graph)].append(work)
    return _new(None)


def _capture_info(stream: Any) -> tuple:
    graph = _objects[int(stream)].graph
    if graph is None:
        return 0, 0, 0, [], [], 0
    handle = next((k for k, v in _objects.items() if v is graph), None) or _new(graph)
    return 1, 7, handle, [], [], 0


def _record(event: Any, stream: Any, *_: Any) -> None:
    import time

    found = _objects.get(int(stream))
    mark = _objects[int(event)]
    mark.graph = found.graph if found is not None else None
    _on(stream, lambda: setattr(mark, "time", time.perf_counter() * 1e3))


def _wait(stream: Any, event: Any, *_: Any) -> None:
    graph = _objects[int(event)].graph
    if graph is not None:
        _objects[int(stream)].graph = graph


def _copy(target: int, source: int, size: int, stream: Any) -> None:
    _on(stream, lambda: ctypes.memmove(int(target), int(source), size))


def _keep_pool(_pool_handle: Any, which: str, value: int) -> None:
    _pool[which] = int(value)


#: CUDA devices that are said to draw the current GL context; None where the driver cannot tell
gl_devices: list[int] | None = [0]
#: buffers of OpenGL that are registered: handle to name
gl_registered: dict[int, int] = {}
_gl_mapped: dict[int, tuple[int, int]] = {}
_COPY_WRITE, _BUFFER_SIZE = 0x8F37, 0x8764


def _gl(name: str, buffer: int, *args: Any) -> None:
    """Calls a function of OpenGL on a buffer."""
    library = ctypes.CDLL("libGL.so.1")
    library.glBindBuffer(_COPY_WRITE, ctypes.c_uint(buffer))
    getattr(library, name)(_COPY_WRITE, *args)
    library.glBindBuffer(_COPY_WRITE, ctypes.c_uint(0))


def _gl_find() -> tuple[int, list[Handle]]:
    if gl_devices is None:
        raise Failed(CUresult.CUDA_ERROR_INVALID_VALUE)
    return len(gl_devices), [Handle(k) for k in gl_devices] + [Handle(0)] * (32 - len(gl_devices))


def _gl_register(buffer: int, _flags: int) -> Handle:
    handle = _new(None)
    gl_registered[int(handle)] = buffer
    return handle


def _gl_unregister(handle: Any) -> None:
    if int(handle) in _gl_mapped:
        raise Failed(CUresult.CUDA_ERROR_INVALID_VALUE)
    del gl_registered[int(handle)]


def _handles(count: int, address: int) -> list[int]:
    return list((ctypes.c_uint64 * count).from_address(address))


def _gl_map(count: int, address: int, _stream: Any) -> None:
    """Gives each buffer memory with its contents, which goes back when it is unmapped."""
    for handle in _handles(count, address):
        if handle in _gl_mapped or handle not in gl_registered:
            raise Failed(CUresult.CUDA_ERROR_INVALID_VALUE)
        size = ctypes.c_int(0)
        _gl("glGetBufferParameteriv", gl_registered[handle], _BUFFER_SIZE, ctypes.byref(size))
        pointer = _allocate(size.value)
        where = ctypes.c_ssize_t(0), ctypes.c_ssize_t(size.value), ctypes.c_void_p(pointer)
        _gl("glGetBufferSubData", gl_registered[handle], *where)
        _gl_mapped[handle] = pointer, size.value


def _gl_unmap(count: int, address: int, _stream: Any) -> None:
    for handle in _handles(count, address):
        pointer, size = _gl_mapped.pop(handle)
        where = ctypes.c_ssize_t(0), ctypes.c_ssize_t(size), ctypes.c_void_p(pointer)
        _gl("glBufferSubData", gl_registered[handle], *where)
        _free(pointer)


_CALLS = {
    "cuGLGetDevices": lambda _n, _which: _gl_find(),
    "cuGraphicsGLRegisterBuffer": _gl_register,
    "cuGraphicsUnregisterResource": _gl_unregister,
    "cuGraphicsMapResources": _gl_map,
    "cuGraphicsUnmapResources": _gl_unmap,
    "cuGraphicsResourceGetMappedPointer": lambda h: _gl_mapped[int(h)],
    "cuInit": lambda _: None,
    "cuDriverGetVersion": lambda: 13000,
    "cuGetErrorString": lambda code: f"stand-in {code.name}".encode(),
    "cuDeviceGetCount": lambda: DEVICES,
    "cuDeviceGet": lambda k: Handle(k),
    "cuDeviceGetName": lambda _n, _d: b"stand-in\0",
    "cuDeviceGetAttribute": _attribute,
    "cuDeviceCanAccessPeer": lambda a, b: 1,
    "cuDevicePrimaryCtxRetain": lambda d: Handle(100 + d),
    "cuDeviceGetDefaultMemPool": lambda d: Handle(200 + d),
    "cuMemPoolSetAttribute": _keep_pool,
    "cuMemPoolGetAttribute": lambda _p, which: _used[0] if which.endswith("CURRENT") else _pool[which],
    "cuMemPoolTrimTo": lambda _p, _n: None,
    "cuMemPoolSetAccess": lambda *_: None,
    "cuCtxSetCurrent": lambda _: None,
    "cuCtxSetLimit": lambda *_: None,
    "cuCtxSynchronize": lambda: None,
    "cuCtxEnablePeerAccess": lambda *_: None,
    "cuCtxDisablePeerAccess": lambda *_: None,
    "cuStreamCreate": lambda _: _new(_Stream()),
    "cuStreamCreateWithPriority": lambda _f, _p: _new(_Stream()),
    "cuStreamDestroy": lambda s: _objects.pop(int(s)) and None,
    "cuStreamGetFlags": lambda _: 0,
    "cuStreamGetPriority": lambda _: 0,
    "cuStreamQuery": lambda _: None,
    "cuStreamIsCapturing": lambda s: int(getattr(_objects.get(int(s)), "graph", None) is not None),
    "cuStreamSynchronize": _waits,
    "cuStreamBeginCapture": _begin,
    "cuStreamBeginCaptureToGraph": _begin_into,
    "cuStreamEndCapture": _end,
    "cuStreamGetCaptureInfo": _capture_info,
    "cuStreamUpdateCaptureDependencies": lambda *_: None,
    "cuGraphConditionalHandleCreate": lambda *_: _new({"value": False}),
    "cuGraphAddNode": _add_node,
    "cuGraphAddChildGraphNode": lambda g, _d, _n, child: (
        _objects[int(g)].append(lambda: _run(_objects[int(child)])) or _new(None)
    ),
    "cuGraphGetNodes": lambda g, _n=0: (_objects[int(g)], len(_objects[int(g)])),
    "cuGraphInstantiate": lambda g, _: _new(_objects[int(g)]),
    "cuGraphLaunch": lambda g, _s: _run(_objects[int(g)]),
    "cuGraphDestroy": lambda g: _objects.pop(int(g)) and None,
    "cuGraphExecDestroy": lambda g: _objects.pop(int(g)) and None,
    "cuEventCreate": lambda _: _new(_Event()),
    "cuEventDestroy": lambda e: _objects.pop(int(e)) and None,
    "cuEventRecord": _record,
    "cuEventRecordWithFlags": _record,
    "cuEventQuery": lambda _: None,
    "cuEventSynchronize": lambda _: None,
    "cuEventElapsedTime": lambda a, b: _objects[int(b)].time - _objects[int(a)].time,
    "cuStreamWaitEvent": _wait,
    "cuPointerGetAttribute": lambda _w, _p: 0,
    "cuMemGetInfo": lambda: (ROOM - _used[0], ROOM),
    "cuMemAlloc": _allocate,
    "cuMemAllocAsync": lambda size, _: _allocate(size),
    "cuMemFree": _free,
    "cuMemFreeAsync": lambda p, _: _free(p),
    "cuMemHostAlloc": lambda size, _: _allocate(size),
    "cuMemFreeHost": _free,
    "cuMemcpyAsync": _copy,
    "cuMemcpyDtoHAsync": _copy,
    "cuMemcpyHtoDAsync": _copy,
    "cuMemcpyPeerAsync": lambda t, _c, s, _d, n, stream: _copy(t, s, n, stream),
    "cuMemsetD8Async": lambda p, v, n, s: _on(s, lambda: _repeat(p, bytes([v]), n)),
    "cuMemsetD32Async": lambda p, v, n, s: _on(s, lambda: _repeat(p, struct.pack("<I", v), n)),
    "cuModuleLoadData": _load,
    "cuModuleUnload": lambda m: _objects.pop(int(m)) and None,
    "cuModuleGetFunction": _get_function,
}


def install() -> None:
    """Makes this process use the stand-in."""
    module = Driver()
    sys.modules["stand_in_driver"] = module
    real._binding.cache_clear()
    real.devices.cache_clear()
    real._binding = lambda: module
    written, walking = emit_cuda.Source.text, sequence.SequenceSource.text

    def text(self: emit_cuda.Source) -> str:
        out = written(self)
        _codes[out.encode()] = self.kernel, self.tid_arity
        return out

    def sequence_text(self: sequence.SequenceSource) -> str:
        out = walking(self)
        _codes[out.encode()] = self.kernels, self.words
        return out

    emit_cuda.Source.text = text
    sequence.SequenceSource.text = sequence_text
    nvrtc.compile_text = lambda source, _arch, _name: source.encode()
