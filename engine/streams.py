"""Streams, queues of work on a device that run one after the other, and events, marks in them.

On a CUDA device they are those of the driver. The CPU finishes each launch before the next line of Python runs: its
streams are always complete, waiting returns at once, and its events note the time.
"""

from __future__ import annotations

import time
from typing import Any

from engine.device import Device, get_device, get_devices, pop_device, push_device
from engine.errors import EngineError

_EXTERNAL = 1  # CU_EVENT_RECORD_EXTERNAL, CU_EVENT_WAIT_EXTERNAL


class Stream:
    """A queue of work on a device.

    Attributes:
        device: where its work runs.
        cuda_stream: the driver's handle as a number, 0 on the CPU.
    """

    def __init__(self, device: Any = None, priority: int = 0, cuda_stream: int | None = None):
        """Makes a stream, or wraps one of another library.

        Args:
            device: The device; None is the current one.
            priority: 0, or -1 for one whose work goes first; other numbers are clamped.
            cuda_stream: Handle of an existing CUDA stream, which keeps its owner and its priority.
        """
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise TypeError(f"Stream: priority must be an integer, got {priority!r}")
        self.device: Device = device if isinstance(device, Device) else get_device(device)
        self._owned = False
        #: memory that kernels on it use for themselves, see `engine.cuda.scratch`
        self.scratch: dict[str, Any] = {}
        self.cuda_stream, self.handle = 0, 0
        self._priority = max(-1, min(0, priority))
        if not self.device.is_cuda:
            return
        from engine.cuda.driver import binding, call

        self.device.start()
        self.device.stream_count += 1
        if cuda_stream is not None:
            self.handle = binding().CUstream(int(cuda_stream))
            self._priority = None
        else:
            self.handle = call("cuStreamCreateWithPriority", 0, self._priority)
            self._owned = True
        self.cuda_stream = int(self.handle)

    def __del__(self) -> None:
        if getattr(self, "_owned", False):
            try:
                from engine.cuda.driver import call

                if self.device.captures:
                    self.device.deferred.append(("cuStreamDestroy", self.handle))
                else:
                    call("cuStreamDestroy", self.handle)
            except Exception:
                pass  # the driver is shutting down

    def __cuda_stream__(self) -> tuple[int, int]:
        """Version and handle, by NVIDIA's protocol for sharing streams."""
        return 0, self.cuda_stream

    def __repr__(self) -> str:
        return f"Stream(device={self.device}, cuda_stream={self.cuda_stream:#x})"

    @property
    def priority(self) -> int:
        if self._priority is None:
            from engine.cuda.driver import call

            self.device.start()
            self._priority = int(call("cuStreamGetPriority", self.handle))
        return self._priority

    @property
    def is_blocking(self) -> bool:
        """Whether its work orders itself with the legacy default stream."""
        if not self.device.is_cuda or not self.cuda_stream:
            return True
        from engine.cuda.driver import call

        self.device.start()
        return not int(call("cuStreamGetFlags", self.handle)) & 1

    @property
    def is_complete(self) -> bool:
        """Whether everything on it is finished."""
        return _is_done("cuStreamQuery", self.device, self.handle)

    @property
    def is_capturing(self) -> bool:
        """Whether a graph is being captured on it."""
        if not self.device.is_cuda:
            from engine.capture import recording

            return recording() is not None
        from engine.cuda.driver import call

        self.device.start()
        return int(call("cuStreamIsCapturing", self.handle)) != 0

    def record_event(self, event: Event | None = None, external: bool = False) -> Event:
        """Puts a mark on the stream: `event`, or a new one. `external`: inside a capture, a mark for other graphs."""
        event = Event(self.device) if event is None else event
        if event.device is not self.device:
            raise EngineError(f"record_event: got an event of {event.device}; expected one of {self.device}")
        if not self.device.is_cuda:
            event.recorded = time.perf_counter_ns()
            return event
        from engine.cuda.driver import call

        self.device.start()
        if external or (event.enable_timing and self.device.captures):
            call("cuEventRecordWithFlags", event.handle, self.handle, _EXTERNAL if self.is_capturing else 0)
        else:
            call("cuEventRecord", event.handle, self.handle)
        for graph in self.device.captures:
            graph.keep.append(event)
        return event

    def wait_event(self, event: Event, external: bool = False) -> None:
        """Work put on the stream from now on waits until `event` has happened."""
        if not self.device.is_cuda or not event.device.is_cuda:
            return
        from engine.cuda.driver import call

        self.device.start()
        call("cuStreamWaitEvent", self.handle, event.handle, _EXTERNAL if external and self.is_capturing else 0)
        for graph in self.device.captures:
            graph.keep.append(event)

    def wait_stream(self, other: Stream, event: Event | None = None) -> None:
        """Work put on the stream from now on waits for everything that is on the other one now."""
        if other is not self:
            self.wait_event(other.record_event(event))

    def synchronize(self) -> None:
        """Waits, on the host, for everything on the stream."""
        if not self.device.is_cuda:
            return
        from engine.cuda.driver import call

        self.device.start()
        if self.device.captures_here:
            raise EngineError(
                f"Cannot synchronize stream of {self.device} while a graph is being captured; do it after the capture"
            )
        call("cuStreamSynchronize", self.handle)


class Event:
    """A mark in a stream: other streams and the host can wait for it, and two with timing tell the time between them."""

    def __init__(self, device: Any = None, cuda_event: int | None = None, enable_timing: bool = False):
        self.device: Device = device if isinstance(device, Device) else get_device(device)
        self.enable_timing = enable_timing
        self.recorded, self._owned, self.handle, self.cuda_event = 0, False, 0, 0
        if not self.device.is_cuda:
            return
        from engine.cuda.driver import binding, call

        self.device.start()
        no_timing = 2  # CU_EVENT_DISABLE_TIMING
        if cuda_event is not None:
            self.handle = binding().CUevent(int(cuda_event))
        else:
            self.handle = call("cuEventCreate", 0 if enable_timing else no_timing)
            self._owned = True
        self.cuda_event = int(self.handle)

    def __del__(self) -> None:
        if getattr(self, "_owned", False):
            try:
                from engine.cuda.driver import call

                call("cuEventDestroy", self.handle)
            except Exception:
                pass  # the driver is shutting down

    @property
    def is_complete(self) -> bool:
        """Whether it has happened; true for an event that was never recorded."""
        return _is_done("cuEventQuery", self.device, self.handle)

    def synchronize(self) -> None:
        """Waits, on the host, until it has happened."""
        if not self.device.is_cuda:
            return
        from engine.cuda.driver import call

        self.device.start()
        if self.device.captures_here:
            raise EngineError(
                f"Cannot synchronize event on {self.device} while a graph is being captured; do it after the capture"
            )
        call("cuEventSynchronize", self.handle)


def _is_done(name: str, device: Device, handle: Any) -> bool:
    if not device.is_cuda:
        return True
    from engine.cuda.driver import binding, error_of

    device.start()
    driver = binding()
    (code,) = getattr(driver, name)(handle)
    if code not in (driver.CUresult.CUDA_SUCCESS, driver.CUresult.CUDA_ERROR_NOT_READY):
        raise error_of(int(code), name)
    return int(code) == 0


# the current stream ---------------------------------------------------------------------------------------------------


def get_stream(device: Any = None) -> Stream:
    """The stream that work on a device goes to."""
    return get_device(device).stream


def set_stream(stream: Stream, device: Any = None, sync: bool = False) -> None:
    """Makes work on a device go to `stream`; with `sync` it waits for what is on the stream before."""
    place = stream.device if device is None else get_device(device)
    place.set_stream(stream, sync)


def record_event(event: Event | None = None, external: bool = False) -> Event:
    """Puts a mark on the current stream of the event's device, or of the current one."""
    return get_stream(None if event is None else event.device).record_event(event, external)


def wait_event(event: Event, external: bool = False) -> None:
    """Work put on the current stream from now on waits until `event` has happened."""
    get_stream().wait_event(event, external)


def wait_stream(other_stream: Stream, event: Event | None = None) -> None:
    """Work put on the current stream from now on waits for everything that is on the other one now."""
    get_stream().wait_stream(other_stream, event)


def synchronize() -> None:
    """Waits for all launches on all devices; on the CPU they have finished when `launch` returns."""
    for device in get_devices():
        device.synchronize()


def synchronize_device(device: Any = None) -> None:
    """Waits for all launches on a device."""
    get_device(device).synchronize()


def synchronize_stream(stream_or_device: Any = None) -> None:
    """Waits for everything on a stream, or on the current stream of a device."""
    given = stream_or_device
    (given if isinstance(given, Stream) else get_device(given).stream).synchronize()


def synchronize_event(event: Event) -> None:
    """Waits until an event has happened."""
    event.synchronize()


def get_event_elapsed_time(start_event: Event, end_event: Event, synchronize: bool = True) -> float:
    """Time between two events that were made with `enable_timing=True` [ms].

    Args:
        start_event, end_event: The events, in this order.
        synchronize: Whether to wait for the second one first.

    Raises:
        EngineError: An event without timing, or one that was not recorded.
    """
    for event in (start_event, end_event):
        if not event.enable_timing:
            raise EngineError("get_event_elapsed_time: an event has no time; make it with Event(enable_timing=True)")
    if not end_event.device.is_cuda:
        return (end_event.recorded - start_event.recorded) / 1e6
    from engine.cuda.driver import call

    if synchronize:
        end_event.synchronize()
    return float(call("cuEventElapsedTime", start_event.handle, end_event.handle))


class ScopedStream:
    """Makes a stream, and its device, current inside a `with` block; None changes nothing.

    Args:
        stream: The stream.
        sync_enter: Its work waits for what is on the stream that was current before.
        sync_exit: The stream that is current again then waits for it.
    """

    def __init__(self, stream: Stream | None, sync_enter: bool = True, sync_exit: bool = False):
        self.stream, self.sync_enter, self.sync_exit = stream, sync_enter, sync_exit

    def __enter__(self) -> Stream | None:
        if self.stream is not None:
            device = self.stream.device
            push_device(device)
            self._before = device.stream
            device.set_stream(self.stream, self.sync_enter)
        return self.stream

    def __exit__(self, *_: Any) -> None:
        if self.stream is not None:
            self.stream.device.set_stream(self._before, self.sync_exit)
            pop_device()
