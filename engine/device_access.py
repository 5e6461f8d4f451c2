"""Memory pools of CUDA devices, and their access to each other's memory."""

from __future__ import annotations

from typing import Any

from engine.device import Device, get_device
from engine.errors import EngineError

# memory pools -----------------------------------------------------------------------------------------------------------


def _pooled(device: Any, what: str) -> Any:
    place = get_device(device)
    if not place.is_cuda:
        raise ValueError(f"{what}: {place} has no memory pool; expected a CUDA device")
    if not place.is_mempool_supported:
        raise EngineError(f"{what}: {place} does not support memory pools")
    return place.start()


def is_mempool_supported(device: Any = None) -> bool:
    """Whether a device can allocate from a pool, in the order of a stream."""
    return get_device(device).is_mempool_supported


def is_mempool_enabled(device: Any = None) -> bool:
    """Whether a device allocates from its pool; the default where it can."""
    return get_device(device).is_mempool_enabled


def set_mempool_enabled(device: Any, enable: bool) -> None:
    """Makes later allocations of a device use its pool or not; arrays that exist stay where they are."""
    _pooled(device, "set_mempool_enabled").memory.pooled = bool(enable)


def set_mempool_release_threshold(device: Any, threshold: int | float) -> None:
    """Sets how much unused memory the pool keeps: bytes, or a part of the device's memory if at most 1."""
    place = _pooled(device, "set_mempool_release_threshold")
    if threshold < 0:
        raise ValueError(f"set_mempool_release_threshold: got {threshold}; expected bytes, or a part from 0 to 1")
    place.set_pool("RELEASE_THRESHOLD", int(threshold * place.total_memory) if threshold <= 1 else int(threshold))


def get_mempool_release_threshold(device: Any = None) -> int:
    """How much unused memory the pool keeps [bytes]."""
    return _pooled(device, "get_mempool_release_threshold").ask_pool("RELEASE_THRESHOLD")


def get_mempool_used_mem_current(device: Any = None) -> int:
    """What is allocated from the pool now [bytes]."""
    return _pooled(device, "get_mempool_used_mem_current").ask_pool("USED_MEM_CURRENT")


def get_mempool_used_mem_high(device: Any = None) -> int:
    """The most that was ever allocated from the pool at once [bytes]."""
    return _pooled(device, "get_mempool_used_mem_high").ask_pool("USED_MEM_HIGH")


class ScopedMempool:
    """Switches a device's memory pool on or off inside a `with` block."""

    def __init__(self, device: Any, enable: bool):
        self.device, self.enable = get_device(device), enable

    def __enter__(self) -> ScopedMempool:
        self._before = is_mempool_enabled(self.device)
        set_mempool_enabled(self.device, self.enable)
        return self

    def __exit__(self, *_: Any) -> None:
        set_mempool_enabled(self.device, self._before)


# access of one device to another's memory -------------------------------------------------------------------------------

_peers: set[tuple[int, int]] = set()
_pool_peers: set[tuple[int, int]] = set()


def _pair(target: Any, peer: Any) -> tuple[Any, Any]:
    return get_device(target), get_device(peer)


def is_peer_access_supported(target_device: Any, peer_device: Any) -> bool:
    """Whether `peer_device` can reach the memory of `target_device` directly."""
    target, peer = _pair(target_device, peer_device)
    if not (target.is_cuda and peer.is_cuda):
        return False
    if target is peer:
        return True
    from engine.cuda.driver import call

    return bool(call("cuDeviceCanAccessPeer", peer.handle, target.handle))


def is_peer_access_enabled(target_device: Any, peer_device: Any) -> bool:
    """Whether `peer_device` may reach memory of `target_device` that does not come from its pool."""
    target, peer = _pair(target_device, peer_device)
    return target.is_cuda and (target is peer or (target.ordinal, peer.ordinal) in _peers)


def set_peer_access_enabled(target_device: Any, peer_device: Any, enable: bool) -> None:
    """Allows `peer_device` to reach memory of `target_device`, or forbids it. Raises if the devices cannot."""
    target, peer = _pair(target_device, peer_device)
    key = (target.ordinal, peer.ordinal)
    if target is peer or bool(enable) == (key in _peers):
        return
    _require(is_peer_access_supported(target, peer), target, peer, "set_peer_access_enabled")
    from engine.cuda.driver import call

    target.start()
    peer.start()
    call("cuCtxEnablePeerAccess" if enable else "cuCtxDisablePeerAccess", target.context, *([0] if enable else []))
    (_peers.add if enable else _peers.discard)(key)
    get_device().start()


def is_mempool_access_supported(target_device: Any, peer_device: Any) -> bool:
    """Whether `peer_device` can reach memory from the pool of `target_device`."""
    target, peer = _pair(target_device, peer_device)
    return target.is_mempool_supported and is_peer_access_supported(target, peer)


def is_mempool_access_enabled(target_device: Any, peer_device: Any) -> bool:
    """Whether `peer_device` may reach memory from the pool of `target_device`."""
    target, peer = _pair(target_device, peer_device)
    return target.is_cuda and (target is peer or (target.ordinal, peer.ordinal) in _pool_peers)


def set_mempool_access_enabled(target_device: Any, peer_device: Any, enable: bool) -> None:
    """Allows `peer_device` to reach memory from the pool of `target_device`, or forbids it."""
    target, peer = _pair(target_device, peer_device)
    key = (target.ordinal, peer.ordinal)
    if target is peer or bool(enable) == (key in _pool_peers):
        return
    _require(is_mempool_access_supported(target, peer), target, peer, "set_mempool_access_enabled")
    from engine.cuda.driver import binding, call

    driver = binding()
    access = driver.CUmemAccessDesc()
    access.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    access.location.id = peer.ordinal
    flags = driver.CUmemAccess_flags
    access.flags = flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE if enable else flags.CU_MEM_ACCESS_FLAGS_PROT_NONE
    target.start()
    call("cuMemPoolSetAccess", target.pool, [access], 1)
    (_pool_peers.add if enable else _pool_peers.discard)(key)
    get_device().start()


def _require(possible: bool, target: Device, peer: Device, what: str) -> None:
    if not (target.is_cuda and peer.is_cuda):
        raise ValueError(f"{what}: got {target} and {peer}; expected two CUDA devices")
    if not possible:
        raise EngineError(
            f"{what}: {peer} cannot reach the memory of {target} on this machine; copy() works all the same"
        )


class _ScopedAccess:
    _ask: Any = None
    _set: Any = None

    def __init__(self, target_device: Any, peer_device: Any, enable: bool):
        self.target, self.peer, self.enable = get_device(target_device), get_device(peer_device), enable

    def __enter__(self) -> _ScopedAccess:
        self._before = type(self)._ask(self.target, self.peer)
        type(self)._set(self.target, self.peer, self.enable)
        return self

    def __exit__(self, *_: Any) -> None:
        type(self)._set(self.target, self.peer, self._before)


class ScopedPeerAccess(_ScopedAccess):
    """Allows or forbids access between two devices' memory inside a `with` block."""

    _ask, _set = staticmethod(is_peer_access_enabled), staticmethod(set_peer_access_enabled)


class ScopedMempoolAccess(_ScopedAccess):
    """Allows or forbids access to a device's pool inside a `with` block."""

    _ask, _set = staticmethod(is_mempool_access_enabled), staticmethod(set_mempool_access_enabled)
