"""Graphs: a list of launches recorded once and replayed inside compiled code, with no Python in between."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np

from engine.device import get_device
from engine.errors import EngineError
from engine.taping import active_tape


class _Recording(threading.local):
    """The graphs being recorded by each Python thread, innermost last."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []


_recording = _Recording()


class Graph:
    """A recorded list of jobs; keeps alive everything that they touch."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []
        self.keep: list[Any] = []
        self.checked: list[Any] = []
        self._table: Any = None

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, job: Any, keep: Any, variant: Any = None) -> None:
        self.jobs.append(tuple(job))
        self.keep.append(keep)
        self._table = None
        if variant is not None and variant.observed and variant not in self.checked:
            self.checked.append(variant)

    def extend(self, other: Graph) -> None:
        """Appends the jobs of another graph."""
        for job, keep in zip(other.jobs, other.keep):
            self.add(job, keep)
        self.checked += [v for v in other.checked if v not in self.checked]

    def launch(self) -> None:
        """Runs every job in order; raises KernelAssertionError if a check failed."""
        from engine.cpu.runtime import runtime

        if self._table is None:
            flat = [field for job in self.jobs for field in job]
            self._table = (ctypes.c_int64 * max(1, len(flat)))(*flat)
        runtime().run(ctypes.addressof(self._table), len(self.jobs))
        for variant in self.checked:
            variant.after_launch()


def recording() -> Graph | None:
    """The graph being recorded, or None."""
    graphs = _recording.graphs
    return graphs[-1] if graphs else None


class NotRecorded:
    """Inside this `with` block launches run at once although a graph is being recorded: for one-time preparation."""

    def __enter__(self) -> NotRecorded:
        self._held, _recording.graphs = _recording.graphs, []
        return self

    def __exit__(self, *_) -> None:
        _recording.graphs = self._held


def _refuse_tape(what: str) -> None:
    if active_tape() is not None:
        raise EngineError(f"{what} inside a tape is not recorded on it; launch the kernels one by one")


class CudaGraph:
    """A CUDA graph: what the driver recorded on a device's stream, and what must stay alive for it."""

    def __init__(self, device: Any):
        self.device, self.keep, self.executable = device, [], None

    def launch(self) -> None:
        """Puts the whole graph on the device's stream."""
        from engine.cuda.driver import call

        self.device.start()
        call("cuGraphLaunch", self.executable, self.device.stream)


def capture_begin(device: Any = None, **_: Any) -> None:
    """Starts recording on a device: launches, copies and fills are noted, not run."""
    _refuse_tape("a capture")
    place = get_device(device)
    if place.is_cuda:
        place.begin_capture(CudaGraph(place))
    else:
        _recording.graphs.append(Graph())


def capture_end(device: Any = None, **_: Any) -> Graph | CudaGraph:
    """Ends recording; returns the graph."""
    place = get_device(device)
    graph = place.capturing if place.is_cuda else recording()
    if graph is None:
        raise EngineError("capture_end: nothing is being recorded; call capture_begin() first")
    if place.is_cuda:
        graph.executable = place.end_capture()
        return graph
    return _recording.graphs.pop()


def capture_launch(graph: Graph | CudaGraph, stream: Any = None) -> None:
    """Replays a graph; on the CPU every job has finished when this returns."""
    if isinstance(graph, CudaGraph):
        graph.launch()
        return
    if not isinstance(graph, Graph):
        raise EngineError(f"capture_launch: got {type(graph).__name__}; expected the graph of a finished ScopedCapture")
    outer = recording()
    _refuse_tape("replaying a graph")
    if outer is None:
        graph.launch()
    elif outer is graph:
        raise EngineError("capture_launch: a graph cannot be part of itself")
    else:
        outer.extend(graph)


class ScopedCapture:
    """Records the launches of a `with` block: `with ScopedCapture() as c: ...` then `capture_launch(c.graph)`."""

    def __init__(self, device: Any = None, **_: Any):
        self.graph: Graph | CudaGraph | None = None
        self.device = get_device(device)

    def __enter__(self) -> ScopedCapture:
        capture_begin(self.device)
        return self

    def __exit__(self, kind, *_) -> None:
        graph = capture_end(self.device)
        if kind is None:
            self.graph = graph


_GRAIN = 1 << 18  # bytes of a copy that one thread does at a time


def _byte_job(name: str, slots: list[int], size: int) -> tuple[Any, Any]:
    from engine.cpu.runtime import runtime

    block = (ctypes.c_int64 * len(slots))(*slots)
    job = (ctypes.c_int64 * 4)(runtime().symbols[name], ctypes.addressof(block), size, _GRAIN)
    return job, block


def record_copy(dest: Any, src: Any) -> bool:
    """Notes a copy between arrays if a graph is being recorded."""
    graph = recording()
    if graph is None or not dest.device.is_cpu:
        return False
    if (
        not (dest.is_contiguous and src.is_contiguous)
        or dest.dtype.np_dtype != src.dtype.np_dtype
        or dest.size != src.size
    ):
        raise EngineError(
            "copy inside a capture needs contiguous arrays of one type and size; copy with a kernel instead"
        )
    job, block = _byte_job("job_copy", [dest.ptr, src.ptr], dest._data.nbytes)
    graph.add(job, (block, dest, src))
    return True


def record_fill(dest: Any, value: Any) -> bool:
    """Notes a fill if a graph is being recorded."""
    graph = recording()
    if graph is None or not dest.device.is_cpu:
        return False
    if not dest.is_contiguous:
        raise EngineError("fill inside a capture needs a contiguous array; use a kernel instead")
    source = np.empty_like(dest._data)
    source[...] = np.zeros((), dest._data.dtype) if isinstance(value, int) and value == 0 else value
    if source.tobytes().strip(b"\0"):
        job, block = _byte_job("job_copy", [dest.ptr, source.ctypes.data], dest._data.nbytes)
        graph.add(job, (block, dest, source))
    else:
        job, block = _byte_job("job_zero", [dest.ptr], dest._data.nbytes)
        graph.add(job, (block, dest))
    return True


def refuse_host_write(what: str) -> None:
    """Raises EngineError if a graph is being recorded: a write from Python would not be part of it."""
    if recording() is not None:
        raise EngineError(f"{what} inside a capture is not recorded; use a kernel, copy(), fill_() or zero_()")
