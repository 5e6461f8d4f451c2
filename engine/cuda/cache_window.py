"""Memory that graphs keep in a GPU's L2 cache: what one kernel writes and the next one reads need not go to DRAM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.cuda.driver import binding, call


@contextmanager
def kept_in_cache(array: Any) -> Iterator[None]:
    """Launches captured inside this block keep `array` in the L2 cache, as far as the device sets room aside for that.

    Only a hint: results are the same, and it does nothing on a CPU, outside of captures, for memory that is small against
    the cache anyway, and where the driver has no such hint. The room is the process's own, and other memory uses it
    while nothing is kept there.
    """
    device = array.device
    size = array.size * array.dtype.np_dtype.itemsize if not device.is_cpu and device.captures else 0
    room = _room(device) if size else 0
    if size * 4 < room or not room:
        yield
        return
    stream = device.stream
    _set_window(stream, array.ptr, size, min(1.0, room / size))
    try:
        yield
    finally:
        _set_window(stream, 0, 0, 0.0)


def _room(device: Any) -> int:
    """Bytes of the L2 cache that this process may keep memory in, set aside at the first call."""
    if not hasattr(device, "cache_room"):
        driver = binding()
        device.cache_room = 0
        if hasattr(driver, "CUaccessPolicyWindow"):
            which = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_PERSISTING_L2_CACHE_SIZE
            device.cache_room = int(call("cuDeviceGetAttribute", which, device.handle))
            if device.cache_room:
                call("cuCtxSetLimit", driver.CUlimit.CU_LIMIT_PERSISTING_L2_CACHE_SIZE, device.cache_room)
    return device.cache_room


def _set_window(stream: Any, pointer: int, size: int, ratio: float) -> None:
    driver = binding()
    window = driver.CUaccessPolicyWindow()
    window.base_ptr, window.num_bytes, window.hitRatio = pointer, size, ratio
    hit, miss = ("PERSISTING", "STREAMING") if size else ("NORMAL", "NORMAL")
    window.hitProp = getattr(driver.CUaccessProperty, f"CU_ACCESS_PROPERTY_{hit}")
    window.missProp = getattr(driver.CUaccessProperty, f"CU_ACCESS_PROPERTY_{miss}")
    value = driver.CUstreamAttrValue()
    value.accessPolicyWindow = window
    call("cuStreamSetAttribute", stream.handle, driver.CUstreamAttrID.CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, value)
