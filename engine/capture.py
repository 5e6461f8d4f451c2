"""Graphs: a list of launches recorded once and replayed inside compiled code, with no Python in between."""

from __future__ import annotations

import ctypes
import functools
import threading
from typing import Any

import numpy as np

from engine.device import get_device
from engine.errors import EngineError
from engine.taping import active_tape, onlookers


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
        self.jobs += other.jobs
        self._table = None
        self._adopt(other)

    def _adopt(self, other: Graph) -> None:
        self.keep.append(other.keep)
        self.checked += [v for v in other.checked if v not in self.checked]

    def table(self) -> int:
        """Address of the jobs, as compiled code reads them; valid until a job is added."""
        if self._table is None:
            flat = [field for job in self.jobs for field in job]
            self._table = (ctypes.c_int64 * max(1, len(flat)))(*flat)
        return ctypes.addressof(self._table)

    def decide(self, repeat: bool, condition: Any, on_true: Graph, on_false: Graph) -> None:
        """Adds a job that runs one of two graphs, or one graph over and over, by the number in `condition`."""
        fields = (int(repeat), condition.ptr, on_true.table(), len(on_true), on_false.table(), len(on_false))
        block = (ctypes.c_int64 * 6)(*fields)
        self.add((0, ctypes.addressof(block), 1, 0), (block, condition, on_true._table, on_false._table))
        self._adopt(on_true)
        self._adopt(on_false)

    def launch(self, stream: Any = None) -> None:
        """Runs every job in order; raises KernelAssertionError if a check failed."""
        from engine.cpu.runtime import runtime

        runtime().run(self.table(), len(self.jobs))
        for variant in self.checked:
            variant.after_launch()


def recording() -> Graph | None:
    """The graph being recorded, or None."""
    graphs = _recording.graphs
    return graphs[-1] if graphs else None


def _begin_recording() -> None:
    _recording.graphs.append(Graph())
    onlookers.append(_recording.graphs[-1])


def _end_recording() -> Graph:
    graph = _recording.graphs.pop()
    onlookers.remove(graph)
    return graph


def recording_of(device: Any) -> Any:
    """The graph being recorded on a device, or None."""
    return recording() if device.is_cpu else device.capturing


#: CUDA devices on which graphs are being captured
cuda_captures: list[Any] = []


class NotRecorded:
    """Inside this `with` block launches run at once although a graph is being recorded: for one-time preparation.

    On a CUDA device they run on a stream of their own, after what came before the capture.
    """

    def __enter__(self) -> NotRecorded:
        self._held, _recording.graphs = _recording.graphs, []
        self._devices = list(cuda_captures)
        for device in self._devices:
            device.step_aside()
        return self

    def __exit__(self, *_) -> None:
        _recording.graphs = self._held
        for device in self._devices:
            device.step_back()


def _refuse_tape(what: str) -> None:
    if active_tape() is not None:
        raise EngineError(f"{what} inside a tape is not recorded on it; launch the kernels one by one")


def capture_begin(
    device: Any = None, stream: Any = None, force_module_load: Any = None, external: bool = False, **_: Any
) -> None:
    """Starts recording: launches, copies and fills are noted, not run.

    Args:
        device: Where; by default that of the stream, or the current one.
        stream: The CUDA stream to record; by default the current one of the device.
        force_module_load: No effect: kernels may compile inside a capture.
        external: Another library has begun the capture and will end it; this only notes what must stay alive.
    """
    _refuse_tape("a capture")
    place = stream.device if stream is not None else get_device(device)
    if not place.is_cuda:
        _begin_recording()
        return
    from engine.cuda.graphs import CudaGraph

    if place.captures:
        raise EngineError(
            f"capture_begin: a capture on {place} is in progress; end it first, or launch a finished graph"
        )
    CudaGraph(place, stream or place.stream, external).begin("CU_STREAM_CAPTURE_MODE_RELAXED")


def capture_end(device: Any = None, stream: Any = None) -> Any:
    """Ends recording; returns the graph."""
    place = stream.device if stream is not None else get_device(device)
    graph = recording_of(place)
    if graph is None:
        raise EngineError("capture_end: nothing is being recorded; call capture_begin() first")
    return graph.end() if place.is_cuda else _end_recording()


def capture_launch(graph: Any, stream: Any = None) -> None:
    """Replays a graph; on the CPU every job has finished when this returns.

    Args:
        graph: What `capture_end` or a `ScopedCapture` gave. Inside another capture it becomes a part of that.
        stream: CUDA stream to run on; by default the current one of the graph's device.
    """
    if not hasattr(graph, "keep"):
        raise EngineError(f"capture_launch: got {type(graph).__name__}; expected the graph of a finished ScopedCapture")
    _refuse_tape("replaying a graph")
    outer = recording() if isinstance(graph, Graph) else None
    if outer is None:
        graph.launch(stream)
    elif outer is graph:
        raise EngineError("capture_launch: a graph cannot be part of itself")
    else:
        outer.extend(graph)


class ScopedCapture:
    """Records the launches of a `with` block: `with ScopedCapture() as c: ...` then `capture_launch(c.graph)`."""

    def __init__(
        self, device: Any = None, stream: Any = None, force_module_load: Any = None, external: bool = False, **_: Any
    ):
        self.graph: Any = None
        self.device = stream.device if stream is not None else get_device(device)
        self.stream, self.external = stream, external

    def __enter__(self) -> ScopedCapture:
        capture_begin(self.device, self.stream, external=self.external)
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            graph = capture_end(self.device)
        except EngineError:
            if kind is None:
                raise
            return  # the error that broke the capture says more
        if kind is None:
            self.graph = graph


class ScopedSequence:
    """Launches in this `with` block follow each other closely: `with ScopedSequence(): ...` inside a capture.

    On a GPU a chain of small launches costs 2 microseconds a launch, most of it for starting and ending each. Those that
    are recorded in this block, with nothing else between them, become one kernel that does them in order, with the same
    results. Work that other libraries put on the stream must stay outside. Elsewhere the block changes nothing.
    """

    def __init__(self, device: Any = None):
        self.device = get_device(device)

    def __enter__(self) -> ScopedSequence:
        if self.device.is_cuda:
            self.device.sequences += 1
        return self

    def __exit__(self, kind, *_) -> None:
        if not self.device.is_cuda:
            return
        from engine.cuda.driver import send_unsent, unsent

        self.device.sequences -= 1
        if kind is not None:
            unsent.clear()  # the capture is given up
        elif not self.device.sequences:
            send_unsent()


# decisions -----------------------------------------------------------------------------------------------------------


def is_conditional_graph_supported() -> bool:
    """Whether graphs on CUDA devices can decide (driver of CUDA 12.4 on); graphs on the CPU always can."""
    from engine.cuda.graphs import conditional_graphs_work

    return conditional_graphs_work()


def capture_if(condition: Any, on_true: Any = None, on_false: Any = None, stream: Any = None, **kwargs: Any) -> None:
    """Does one thing or another, by a number on the device that is read when it comes to it, also inside a graph.

    Args:
        condition: Array of one int32.
        on_true, on_false: What to do if it is nonzero, or zero: a function that launches, or a graph; None: nothing.
        stream: CUDA stream; by default the current one.
        kwargs: Arguments for the functions.
    """
    place = _place(condition, "capture_if")
    branches = [_branch("capture_if", b, kwargs) for b in (on_true, on_false)]
    with _on(stream):
        outer = recording_of(place)
        if outer is None:
            chosen = branches[0] if condition.numpy()[0] else branches[1]
            _run(chosen)
        elif place.is_cuda:
            from engine.cuda.graphs import IF

            for wanted, branch in zip((True, False), branches):
                if branch is not None:
                    outer.decide(IF, condition, wanted, branch)
        else:
            outer.decide(False, condition, *map(_recorded, branches))


def capture_while(condition: Any, while_body: Any, stream: Any = None, **kwargs: Any) -> None:
    """Repeats something while a number on the device is nonzero, also inside a graph.

    Args:
        condition: Array of one int32, which the body changes.
        while_body: A function that launches, or a graph.
        stream: CUDA stream; by default the current one.
        kwargs: Arguments for the function.
    """
    place = _place(condition, "capture_while")
    body = _branch("capture_while", while_body, kwargs)
    with _on(stream):
        outer = recording_of(place)
        if outer is None:
            while condition.numpy()[0]:
                _run(body)
        elif place.is_cuda:
            from engine.cuda.graphs import WHILE

            outer.decide(WHILE, condition, True, body)
        else:
            outer.decide(True, condition, _recorded(body), Graph())


def _place(condition: Any, what: str) -> Any:
    from engine.arrays import array
    from engine.types import int32

    if not isinstance(condition, array) or condition.dtype is not int32 or condition.size != 1:
        got = f"{condition.size} of {condition.dtype.__name__}" if isinstance(condition, array) else repr(condition)
        raise TypeError(f"{what}: the condition is {got}; expected an array of one int32")
    _refuse_tape(what)
    return condition.device


def _branch(what: str, branch: Any, kwargs: dict[str, Any]) -> Any:
    """A branch as a function without arguments or a graph; None stays None."""
    if branch is None or hasattr(branch, "keep"):
        return branch
    if not callable(branch):
        raise TypeError(f"{what}: got {type(branch).__name__}; expected a function or a graph")
    return functools.partial(branch, **kwargs)


def _on(stream: Any) -> Any:
    from engine.streams import ScopedStream

    return ScopedStream(stream)


def _run(branch: Any) -> None:
    if branch is not None:
        branch.launch() if hasattr(branch, "keep") else branch()


def _recorded(branch: Any) -> Graph:
    """The jobs of a branch as a graph of their own."""
    if isinstance(branch, Graph):
        return branch
    _begin_recording()
    try:
        _run(branch)
    finally:
        graph = _end_recording()
    return graph


# copies and fills on the CPU -----------------------------------------------------------------------------------------

_GRAIN = 1 << 18  # bytes of a copy that one thread does at a time


def _byte_job(name: str, slots: list[int], size: int) -> tuple[Any, Any]:
    from engine.cpu.runtime import runtime

    block = (ctypes.c_int64 * len(slots))(*slots)
    job = (ctypes.c_int64 * 4)(runtime().symbols[name], ctypes.addressof(block), size, _GRAIN)
    return job, block


def record_bytes(to: int, source: int, size: int) -> bool:
    """Notes a copy of bytes of the host if a graph is being recorded."""
    graph = recording()
    if graph is None:
        return False
    job, block = _byte_job("job_copy", [to, source], size)
    graph.add(job, block)
    return True


def record_copy(dest: Any, src: Any) -> bool:
    """Notes a copy between arrays of the CPU if a graph is being recorded."""
    graph = recording()
    if graph is None or not (dest.device.is_cpu and src.device.is_cpu):
        return False
    if dest.is_contiguous and src.is_contiguous:
        job, block = _byte_job("job_copy", [dest.ptr, src.ptr], dest._data.nbytes)
        graph.add(job, (block, dest, src))
    else:
        from engine.device_algorithms.strided import copy_strided

        copy_strided(dest.device, dest._data, src._data, (dest, src))
    return True


def record_fill(dest: Any, value: Any) -> bool:
    """Notes a fill of an array of the CPU if a graph is being recorded."""
    graph = recording()
    if graph is None or not dest.device.is_cpu:
        return False
    plain_zero = isinstance(value, int) and value == 0
    source = np.zeros((), dest._data.dtype) if plain_zero else np.empty(np.shape(value), dest._data.dtype)
    if not plain_zero:
        source[...] = value
    if dest.is_contiguous and not source.tobytes().strip(b"\0"):
        job, block = _byte_job("job_zero", [dest.ptr], dest._data.nbytes)
        graph.add(job, (block, dest))
    else:
        from engine.device_algorithms.strided import copy_strided

        copy_strided(dest.device, dest._data, source, dest)
    return True


def refuse_host_write(device: Any, what: str) -> None:
    """Raises EngineError if a graph is being recorded: a write from Python would not be part of it."""
    if recording_of(device) is not None:
        raise EngineError(f"{what} inside a capture is not recorded; use a kernel, copy(), fill_() or zero_()")
