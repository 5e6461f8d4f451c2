"""A CUDA device: its context, streams, memory and launches.

The primary context of each device is used, so that PyTorch, JAX and CuPy in the same process share it. Unless told
otherwise work goes to one blocking stream a device, which orders itself with the legacy default stream of other libraries.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from engine import config
from engine.cuda import entry
from engine.cuda.driver import binding, call, error_of, send_unsent
from engine.device import Device
from engine.errors import EngineError
from engine.streams import Stream


class CudaDevice(Device):
    """A CUDA device: memory, streams and launches."""

    def __init__(self, ordinal: int):
        handle = call("cuDeviceGet", ordinal)
        name = call("cuDeviceGetName", 256, handle)
        super().__init__(f"cuda:{ordinal}", name.split(b"\0")[0].decode() if isinstance(name, bytes) else str(name))
        attribute = binding().CUdevice_attribute

        def ask(which):
            return call("cuDeviceGetAttribute", which, handle)

        self.ordinal, self.handle, self.is_uva = ordinal, handle, True
        self.capability = (
            ask(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            ask(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        )
        self.arch = 10 * self.capability[0] + self.capability[1]
        self.sm_count = ask(attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
        self.max_shared_memory_per_block = ask(attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
        self.is_mempool_supported = bool(ask(attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED))
        place = [ask(getattr(attribute, f"CU_DEVICE_ATTRIBUTE_PCI_{k}_ID")) for k in ("DOMAIN", "BUS", "DEVICE")]
        self.pci_bus_id = "{:08X}:{:02X}:{:02X}".format(*place)
        self.is_started = self._has_heap = False
        self.memory: Any = None
        #: graphs being captured on this device, innermost last
        self.captures: list[Any] = []
        self._aside: list[tuple[list[Any], Stream]] = []
        #: how many `ScopedSequence`s are open
        self.sequences = 0
        #: kernels that walk tables of jobs, see `engine.cuda.sequence`
        self.walkers: dict[Any, Any] = {}
        #: code whose checks nobody has looked at yet
        self.unchecked: set[Any] = set()
        #: calls that free things, for when no capture runs
        self.deferred: list[tuple[str, Any]] = []
        #: how many streams were made: with one, memory goes back in its order
        self.stream_count = 0

    def start(self) -> CudaDevice:
        """Retains the primary context and makes the stream, once; makes the context current."""
        if not self.is_started:
            self._begin()
        call("cuCtxSetCurrent", self.context)
        return self

    def _begin(self) -> None:
        from engine.cuda.memory import CudaMemory

        driver = binding()
        self.context = call("cuDevicePrimaryCtxRetain", self.handle)
        call("cuCtxSetCurrent", self.context)
        self.is_started = True
        self.memory = CudaMemory(self)
        self.pool = call("cuDeviceGetDefaultMemPool", self.handle)
        self.memory.pooled = self.is_mempool_supported
        self.set_pool("RELEASE_THRESHOLD", 2**63)
        non_blocking = driver.CUstream_flags.CU_STREAM_NON_BLOCKING
        self.side_stream = call("cuStreamCreate", non_blocking)
        self.null_stream = Stream(self, cuda_stream=0)
        self.stream_count = 0
        replaced = getattr(driver, "launch_entry", None)  # a stand-in for the driver brings its own
        self.enter = replaced or entry.launch_entry()
        #: the same for nodes of graphs, which a GPU can bring in while the one before ends
        self.enter_graph = entry.early_entry() if self.arch >= 90 and not replaced else self.enter
        self._table = None if replaced else entry.launch_table(int(self.context))
        self.table = 0 if replaced else ctypes.addressof(self._table)
        self._call = None if replaced else entry.call_entry()
        self._use(Stream(self))

    @property
    def uuid(self) -> str:
        """The driver's name for this very card, such as "GPU-0123abcd-…"."""
        raw = bytes(call("cuDeviceGetUuid", self.handle).bytes)[:16].hex()
        return "GPU-" + "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))

    # properties ------------------------------------------------------------------------------------------------
    @property
    def total_memory(self) -> int:
        self.start()
        return call("cuMemGetInfo")[1]

    @property
    def free_memory(self) -> int:
        self.start()
        return call("cuMemGetInfo")[0]

    @property
    def is_mempool_enabled(self) -> bool:
        return self.is_mempool_supported and (self.memory is None or self.memory.pooled)

    def set_pool(self, name: str, value: int) -> None:
        driver = binding()
        which = getattr(driver.CUmemPool_attribute, f"CU_MEMPOOL_ATTR_{name}")
        call("cuMemPoolSetAttribute", self.pool, which, driver.cuuint64_t(value))

    def ask_pool(self, name: str) -> int:
        self.start()
        return int(
            call("cuMemPoolGetAttribute", self.pool, getattr(binding().CUmemPool_attribute, f"CU_MEMPOOL_ATTR_{name}"))
        )

    # streams ---------------------------------------------------------------------------------------------------
    @property
    def stream(self) -> Stream:
        """The stream that work on this device goes to."""
        if not self.is_started:
            self.start()
        return self._stream

    @stream.setter
    def stream(self, stream: Stream) -> None:
        self.set_stream(stream)

    def set_stream(self, stream: Stream, sync: bool = False) -> None:
        """Makes a stream the current one; with `sync` it waits for the work on the one before."""
        self.start()
        if stream.device is not self:
            raise EngineError(f"set_stream: got a stream of {stream.device}; expected one of {self}")
        send_unsent()
        if sync and stream is not self._stream:
            stream.wait_stream(self._stream)
        self._use(stream)

    def _use(self, stream: Stream) -> None:
        """Makes a stream the current one, for compiled code too."""
        self._stream = stream
        if self._table is not None:
            self._table[entry.STREAM] = stream.cuda_stream

    @property
    def has_stream(self) -> bool:
        return True

    @property
    def is_capturing(self) -> bool:
        return bool(self.captures)

    @property
    def captures_here(self) -> bool:
        """Whether this Python thread is capturing a graph; others may wait for streams and events meanwhile."""
        return bool(self.captures) and self.captures[-1].thread == threading.get_ident()

    @property
    def capturing(self) -> Any:
        """The innermost graph being captured, or None."""
        return self.captures[-1] if self.captures else None

    def step_aside(self) -> None:
        """Makes work go to a stream of its own although a graph is being captured, until `step_back`."""
        send_unsent()
        self._aside.append((self.captures, self._stream))
        self.captures = []
        self._use(Stream(self, cuda_stream=int(self.side_stream)))
        self.stream_count -= 1  # its work is done before others go on

    def step_back(self) -> None:
        """Ends what `step_aside` began, once the work is done."""
        self._stream.synchronize()
        self.captures, stream = self._aside.pop()
        self._use(stream)

    def synchronize(self) -> None:
        """Waits for everything that was put on this device."""
        if self.is_started:
            if self.captures:
                raise EngineError(
                    f"Cannot synchronize device {self} while a graph is being captured on it; do it after the capture"
                )
            self.start()
            if self._aside:
                self._stream.synchronize()
            else:
                call("cuCtxSynchronize")
                if self.unchecked:
                    self.look_at_checks()

    def look_at_checks(self) -> None:
        """Raises what checks found in launches before; the device has finished them."""
        found, self.unchecked = self.unchecked, set()
        for code in found:
            code.raise_failed_check()

    # code and launches -----------------------------------------------------------------------------------------
    def load(self, cubin: bytes, name: str) -> tuple[Any, int]:
        """The module of compiled code, and the address of function `name` in it."""
        self.start()
        module = call("cuModuleLoadData", cubin)
        return module, int(call("cuModuleGetFunction", module, name.encode()))

    def launch(self, function: int, blocks: int, block: int, data: bytes, stream: Any = None, shared: int = 0) -> None:
        """Puts a kernel on a stream; its argument block is copied now. Raises CudaError if the driver refuses."""
        send_unsent()
        handle = (stream or self._stream).cuda_stream
        code = self.enter(self.table, function, blocks, block, shared, handle, data)
        if code:
            raise error_of(code, "a launch")

    def call(self, name: str, *args: int) -> None:
        """Calls one of the driver functions of `entry.CALLS` with this device's context; raises CudaError if it fails."""
        if not self.table:
            self.start()
            call(name, *args)
            return
        send_unsent()
        code = self._call(self.table, entry.CALLS[name], *args)
        if code:
            raise error_of(code, name)

    def reserve_heap(self) -> None:
        """Makes room for memory that kernels allocate themselves, once and before the first of them is loaded."""
        if not self._has_heap:
            self._has_heap = True
            wanted = config.cuda_heap_size or min(2 << 30, self.free_memory // 8)
            call("cuCtxSetLimit", binding().CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE, wanted)

    def release(self, name: str, handle: Any) -> None:
        """Calls a driver function that destroys something, once no capture runs."""
        if self.captures or self._aside:
            self.deferred.append((name, handle))
        else:
            self.start()
            call(name, handle)

    # releases --------------------------------------------------------------------------------------------------
    def release_on_stream(self, pointer: int) -> None:
        """Frees memory after the work that was put on the device so far."""
        if self.captures or self._aside:
            self.deferred.append(("cuMemFreeAsync", pointer))
            return
        # with several streams the legacy stream is the one that comes after all of them
        self.call("cuMemFreeAsync", pointer, self._stream.cuda_stream if self.stream_count == 1 else 0)

    def release_now(self, pointer: int) -> None:
        """Frees memory that does not come from the pool; the driver waits for its users."""
        if self.captures or self._aside:
            self.deferred.append(("cuMemFree", pointer))
            return
        call("cuCtxSetCurrent", self.context)
        call("cuMemFree", pointer)

    def flush_releases(self) -> None:
        """Does what had to wait for the end of a capture."""
        if self.captures or self._aside or not self.deferred:
            return
        waiting, self.deferred = self.deferred, []
        self.start()
        for name, what in waiting:
            call(name, what, *([0] if name == "cuMemFreeAsync" else []))
