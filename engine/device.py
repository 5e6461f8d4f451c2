"""Devices: where arrays live and kernels run."""

from __future__ import annotations

import os
import platform
import threading
from typing import Any

from engine.cpu.memory import HostMemory
from engine.errors import EngineError


class Device:
    """A place for arrays and launches; `alias` is its name ("cpu").

    Attributes:
        name: of the hardware.
        arch: compute capability as a number such as 90, 0 on the CPU.
        sm_count: multiprocessors of a GPU.
        ordinal: its number among the CUDA devices, -1 for the CPU.
        memory: what array contents are allocated and moved with.
    """

    arch, sm_count, ordinal, max_shared_memory_per_block = 0, 0, -1, 0
    is_uva = is_mempool_supported = is_mempool_enabled = is_capturing = False
    is_started = True
    context: Any = None
    captures: tuple[Any, ...] | list[Any] = ()
    capturing: Any = None

    def __init__(self, alias: str, name: str):
        self.alias, self.name = alias, name
        self.is_cpu, self.is_cuda = alias == "cpu", alias.startswith("cuda")
        self.memory: Any = HostMemory()
        self._stream: Any = None

    @property
    def stream(self) -> Any:
        """The stream that work on this device goes to; on the CPU one that is always complete."""
        if self._stream is None:
            from engine.streams import Stream

            self._stream = Stream(self)
        return self._stream

    def set_stream(self, stream: Any, sync: bool = False) -> None:
        """Makes a stream the current one."""
        if stream.device is not self:
            raise EngineError(f"set_stream: got a stream of {stream.device}; expected one of {self}")
        self._stream = stream

    def synchronize(self) -> None:
        """Waits for all work; on the CPU it has finished when `launch` returns."""

    def start(self) -> Device:
        return self

    @property
    def total_memory(self) -> int:
        """Memory of the machine [bytes]."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    @property
    def free_memory(self) -> int:
        """Memory not in use now [bytes]."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")

    @property
    def has_stream(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.alias

    def __repr__(self) -> str:
        return f"Device('{self.alias}')"

    def __eq__(self, other) -> bool:
        return self.alias == (other.alias if isinstance(other, Device) else other)

    def __hash__(self) -> int:
        return hash(self.alias)


_cpu = Device("cpu", platform.processor() or platform.machine())


class _Scopes(threading.local):
    """The devices of the `ScopedDevice`s that this thread is in, the innermost last."""

    def __init__(self) -> None:
        self.devices: list[Device] = []


_scopes = _Scopes()
#: what is current outside of any scope, for all threads
_default: list[Device] = [_cpu]
#: devices that are ready, by the names that were used for them
known_devices: dict[str, Device] = {"cpu": _cpu}


def get_device(ident: Any = None) -> Device:
    """The device that `ident` names; None is the current one. Raises EngineError for a device that is not there."""
    if ident is None:
        return (_scopes.devices or _default)[-1]
    if isinstance(ident, Device):
        return ident if ident.is_started else ident.start()
    known = known_devices.get(ident) if isinstance(ident, str) else None
    if known is not None:
        return known
    if isinstance(ident, int):
        ident = f"cuda:{ident}"
    if isinstance(ident, str) and (ident == "cuda" or ident.startswith("cuda:")):
        found = get_cuda_devices()
        index = ident.partition(":")[2] or "0"
        if index.isdigit() and int(index) < len(found):
            return known_devices.setdefault(ident, found[int(index)].start())
        if found:
            raise EngineError(f"device '{ident}' is not there; available: {', '.join(map(str, get_devices()))}")
        from engine.cuda.driver import why_not

        raise EngineError(f"device '{ident}' is not available: {why_not()}; use device=\"cpu\"")
    raise EngineError(f"there is no device '{ident}'; available: {', '.join(map(str, get_devices()))}")


def get_devices() -> list[Device]:
    """All devices of this machine, the CPU first."""
    return [_cpu, *get_cuda_devices()]


def get_preferred_device() -> Device:
    """The device that arrays and launches use where none is named."""
    return get_device()


def is_cpu_available() -> bool:
    return True


def is_cuda_available() -> bool:
    """Whether a CUDA device can be used."""
    return bool(get_cuda_devices())


def get_cuda_devices() -> list[Device]:
    """The CUDA devices of this machine; empty where driver or packages are missing."""
    from engine.cuda.driver import devices

    return list(devices())


def get_cuda_device_count() -> int:
    """How many CUDA devices there are."""
    return len(get_cuda_devices())


def get_cuda_device(ordinal: int | None = None) -> Device:
    """A CUDA device; the first one unless `ordinal` names another."""
    return get_device(f"cuda:{ordinal or 0}")


def is_device_available(device: Any) -> bool:
    return device in get_devices()


def set_device(ident: Any) -> None:
    """Makes a device current for later allocations and launches: of all threads, or of this one until its scope ends."""
    (_scopes.devices or _default)[-1] = get_device(ident)


def push_device(device: Device) -> None:
    """Makes a device current for this thread until `pop_device`."""
    _scopes.devices.append(device.start())


def pop_device() -> None:
    """Makes the device current that was so before `push_device`, also for other users of the CUDA driver."""
    _scopes.devices.pop()
    get_device().start()


#: What names a device: itself, its alias, or None for the current one.
DeviceLike = Device | str | None


class ScopedDevice:
    """Makes a device current inside a `with` block; None keeps the current one."""

    def __init__(self, ident: Any):
        self.device = get_device(ident)

    def __enter__(self) -> Device:
        push_device(self.device)
        return self.device

    def __exit__(self, *_) -> None:
        pop_device()


def cpu_count() -> int:
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
